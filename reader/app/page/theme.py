"""The page's name and look."""

from __future__ import annotations

import gradio as gr

NAME = "Activation Beacon Reader"


class Theme(gr.themes.Base):
    """Paper and ink, with fonts that the computer has."""

    def __init__(self) -> None:
        sans = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
        super().__init__(
            primary_hue=gr.themes.colors.teal,
            neutral_hue=gr.themes.colors.stone,
            radius_size=gr.themes.sizes.radius_md,
            font=sans,
            font_mono=("ui-monospace", "monospace"),
        )
        self.set(
            body_background_fill="*neutral_50",
            body_background_fill_dark="*neutral_950",
            background_fill_primary_dark="*neutral_900",
            block_background_fill="transparent",
            block_background_fill_dark="transparent",
            block_border_width="0px",
            block_shadow="none",
            block_label_text_color="*neutral_700",
            block_label_text_color_dark="*neutral_300",
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_text_color="white",
            input_background_fill="white",
            input_background_fill_dark="*neutral_900",
            input_border_width="1px",
            input_placeholder_color="*neutral_600",
            input_placeholder_color_dark="*neutral_400",
        )
