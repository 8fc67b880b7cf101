"""The settings: how questions are answered, by which decoder, and what its memories keep. They hold for all documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from reader.answering import LOOK_AGAIN_TOKENS
from reader.app.page import html as views
from reader.models import bundled_decoder, is_bundled
from reader.wording import size

HARDER_TOKENS = 2000
"""How many tokens "Look harder" re-reads."""
LOOK_AGAIN = [
    ("When a question asks for detail (recommended)", "auto"),
    ("Never: fastest, from memory alone", "off"),
    ("Always, about one page", str(LOOK_AGAIN_TOKENS)),
    ("Always, about five pages: slower, for hard questions", str(HARDER_TOKENS)),
]
CONDENSERS = {
    "usual": "Usual for this model (recommended)",
    "expected-attention": "What later text is expected to need: no extra time",
    "replay": "What repeating the text needs: each part is read twice",
    "spread": "Evenly spaced words: no extra time, fewest facts",
}
"""What a person may choose for every decoder, with its cost."""


@dataclass(frozen=True)
class SettingsParts:
    """The parts of the settings that events read or change."""

    look_again: gr.Radio
    model: gr.Dropdown
    condenser: gr.Dropdown


def lay_out_settings(
    model_name: str, model_names: Sequence[str], condenser: str | None, *, has_accounts: bool
) -> SettingsParts:
    """Lay out the settings; arguments as for `reader.app.page.layout.lay_out`."""
    can_choose, chosen = len(model_names) > 1 and not has_accounts, condenser or "usual"
    switching = "Switching models means reading your documents again. " if can_choose else ""
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        gr.HTML('<button class="act" data-act="theme">Light or dark</button>', js_on_load=None)
        return SettingsParts(
            gr.Radio(LOOK_AGAIN, value="auto", label="Re-read pages before answering", elem_id="look-again"),
            gr.Dropdown(
                [(_decoder_choice(name), name) for name in dict.fromkeys([model_name, *model_names])],
                value=model_name,
                label="Language model",
                info=switching + views.encoder_line(),
                interactive=can_choose,
                elem_id="model",
            ),
            gr.Dropdown(
                [(title, name) for name, title in ({chosen: chosen} | CONDENSERS).items()],
                value=chosen,
                label="What a document's memory keeps",
                info="Another choice means reading your documents again.",
                interactive=not has_accounts,
                elem_id="condenser",
            ),
        )


def _decoder_choice(name: str) -> str:
    """A decoder's name and what it costs."""
    if not is_bundled(name):
        return name
    decoder = bundled_decoder(name)
    return f"{decoder.title} ({size(decoder.parts_bytes)} download, {size(decoder.ram_bytes)} of memory)"
