"""What was filled into a form: [x] for a ticked box, the chosen option, and typed text after its label."""

from __future__ import annotations

import re

from lxml import etree

from reader.documents.archive import descendants, local_name, one_line
from reader.documents.prose import Prose

CONTROLS = frozenset({"input", "select", "textarea"})

_BOXES = {"checkbox", "radio"}
_CHOOSE = re.compile(
    r"\W*(?:please\s+)?(?:select|choose|pick|bitte|auswählen|choisi|sélection|seleccion|elija)\w*\b", re.I
)
# Nothing that a person typed, or nothing that anybody may see.
_UNSEEN_TYPES = {"button", "file", "hidden", "image", "password", "reset", "submit"}


def tick(is_ticked: bool) -> str:
    """Return a box as it is written in text."""
    return "[x]" if is_ticked else "[ ]"


def write_value(text: str, prose: Prose) -> bool:
    """Add a value after its label; return whether there is one."""
    words = " ".join(text.split())
    if not words:
        return False
    if prose.tail.rstrip()[-1:].isalnum() or prose.tail.rstrip()[-1:] in (")", "]", "*"):
        prose.write_close(":")
        prose.separate(" ")
    prose.write(words)
    prose.separate(" ")
    return True


def write_control(name: str, element: etree._Element, prose: Prose) -> bool:
    """Add what a control holds; return whether it is a value that a label goes before."""
    if name == "textarea":
        return write_value("".join(element.itertext()), prose)
    if name == "select":
        return write_value(", ".join(_chosen(element)), prose)
    kind = element.get("type", "text").strip().lower()
    if kind in _BOXES:
        if (
            element.get("role") in ("button", "switch")
            or "hidden" in element.attrib
            or element.get("aria-hidden") == "true"
        ):
            return False  # it opens a menu
        prose.separate(" ")
        prose.write_exactly(tick("checked" in element.attrib))
        prose.separate(" ")
        return False
    return kind not in _UNSEEN_TYPES and write_value(element.get("value", ""), prose)


def _chosen(select: etree._Element) -> list[str]:
    """What a list shows as chosen; without a choice, a list of one line shows its first option."""
    options = descendants(select, "option")
    chosen = [option for option in options if "selected" in option.attrib]
    if "multiple" not in select.attrib:
        is_closed = select.get("size", "1").strip() in ("0", "1")
        able = [option for option in options if "disabled" not in option.attrib]
        first = [option for option in able[:1] if is_closed and not _asks(option)]
        chosen = chosen[-1:] or first
    return [" ".join((option.get("label") or "".join(option.itertext())).split()) for option in chosen]


def _asks(option: etree._Element) -> bool:
    """Whether an option only asks to choose one."""
    text = one_line(option)
    return option.get("value") == "" or not text.strip("-–—. ") or bool(_CHOOSE.match(text))


def state_of(element: etree._Element) -> str:
    """Return the box that a page draws itself, such as `<span role="checkbox" aria-checked="true">`; "" where it is none."""
    checked = element.get("aria-checked")
    if checked is None:
        return ""
    checked = checked.strip().lower()
    return tick(checked == "true") if element.get("role") in _BOXES and checked in ("true", "false") else ""


def label_has_value(label: etree._Element) -> bool:
    """Return whether a label holds a control that is typed in or chosen from."""
    return any(
        local_name(inner) in ("select", "textarea")
        or (local_name(inner) == "input" and inner.get("type", "text").lower() not in _BOXES | _UNSEEN_TYPES)
        for inner in label.iter()
    )
