"""Notes and raised letters in HTML: what calls a note, and what is only set high or low."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

from reader.documents import formulas
from reader.documents.archive import descendants, local_name
from reader.documents.forms import CONTROLS
from reader.documents.prose import Prose
from reader.documents.scripts import MOST_CHARS, Script
from reader.documents.styles import StyleSheet, script_of

_NOTE_WORDS = re.compile(
    r"noteref|footnote-?ref|fnref|footnote-?(?:anchor|call|link|marker)|endnote-?ref|(?:^|\s)(?:foot|end)note(?:$|\s)",
    re.I,
)
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
_RAISED_CLASSES = {"sup", "super", "superscript", "msupsub"}
_LOWERED_CLASSES = {"sub", "subscript"}
_UPPER_HALVES = {"num", "numerator"}
_SCRIPT_LEVELS = 12
_BLOCKS = {"blockquote", "dd", "div", "dl", "dt", "li", "ol", "p", "pre", "section", "table", "td", "tr", "ul"}


def script_kind(name: str, element: etree._Element, styles: StyleSheet) -> Script | None:
    """Whether an element is raised or lowered, by its name, its classes or its style; None for neither."""
    if name in ("sup", "sub"):
        return "raised" if name == "sup" else "lowered"
    classes = set(element.get("class", "").lower().split())
    if classes & _RAISED_CLASSES:
        return "raised"
    if classes & _LOWERED_CLASSES:
        return "lowered"
    if classes & _UPPER_HALVES and (element.tail or "").lstrip()[:1] in ("⁄", "/"):
        return "raised"
    found = script_of(styles.of(element), all_text(element) if "position" in element.get("style", "") else "")
    return "raised" if found == "raised" else "lowered" if found else None


def calls_note(element: etree._Element, kind: Script | None, prose: Prose) -> bool:
    """Whether an element is the number that calls a note."""
    link = element if local_name(element) == "a" else None
    if kind is not None and link is None:
        inner = descendants(element, "a")
        link = inner[0] if inner else next((above for above in _near(element) if local_name(above) == "a"), None)
        if link is not None and not inner and all_text(link).strip() != all_text(element).strip():
            return False
    if link is None:
        return False
    kinds = " ".join(filter(None, (link.get(_EPUB_TYPE), link.get("epub:type"), link.get("role"), link.get("class"))))
    if _NOTE_WORDS.search(kinds):
        return True
    if "#" not in link.get("href", ""):
        return False
    if kind is not None:
        return kind == "raised"
    # A bare link is a note's only where its digits would run into those before it.
    return bool(re.search(r"\d[.,]?$", prose.tail) and re.fullmatch(r"\s*\d{1,3}\s*", all_text(link)))


def _near(element: etree._Element) -> Iterable[etree._Element]:
    for level, above in enumerate(element.iterancestors()):
        if level == 3:
            return
        yield above


def inline_text(element: etree._Element, level: int) -> str | None:
    """The text of raised or lowered letters; None where there is more than letters."""
    out = element.text or ""
    for child in element:
        name = local_name(child)
        if name in _BLOCKS or name in CONTROLS or level > _SCRIPT_LEVELS:
            return None
        if name == "math":
            out += formulas.mathml(child)
        elif name == "br":
            out += " "
        elif name and name not in ("script", "style", "rt", "rp"):
            inner = inline_text(child, level + 1)
            if inner is None:
                return None
            if name in ("sup", "sub") and out.strip() and inner.strip():
                inner = f"{'^' if name == 'sup' else '_'}{inner.strip()}"
            out += inner
        out += child.tail or ""
        if len(out) > 4 * MOST_CHARS:
            return None
    return out


def all_text(element: etree._Element | None) -> str:
    """Return all the text in an element, as it is in the file."""
    return "" if element is None or not isinstance(element.tag, str) else "".join(element.itertext())


_FOR_EARS = re.compile(r"(?:sr|screen-?reader)-?(?:only|text)|visually-?hidden|a11y|offscreen", re.I)


def said_again(element: etree._Element) -> bool:
    """Return whether what is drawn apart, such as a large first letter, stands beside it once more for those who hear the page."""
    twin = next((one for one in (element.getnext(), element.getprevious()) if one is not None), None)
    if twin is None or not _FOR_EARS.search(twin.get("class", "")):
        return False
    said = all_text(element).split()
    return bool(said) and all_text(twin).split() == said
