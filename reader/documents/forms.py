"""What was filled into a form: [x] for a ticked box, the chosen option, and typed text after its label."""

from __future__ import annotations

from lxml import etree

from reader.documents.archive import local_name
from reader.documents.prose import Prose

CONTROLS = frozenset({"input", "select", "textarea"})

_BOXES = {"checkbox", "radio"}
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
        options = [inner for inner in element.iter() if local_name(inner) == "option" and "selected" in inner.attrib]
        chosen = options if "multiple" in element.attrib else options[-1:]
        return write_value(", ".join(" ".join("".join(option.itertext()).split()) for option in chosen), prose)
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


def label_has_value(label: etree._Element) -> bool:
    """Return whether a label holds a control that is typed in or chosen from."""
    return any(
        local_name(inner) in ("select", "textarea")
        or (local_name(inner) == "input" and inner.get("type", "text").lower() not in _BOXES | _UNSEEN_TYPES)
        for inner in label.iter()
    )
