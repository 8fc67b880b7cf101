"""Pictures in HTML: those that stand for text, such as formulas, large first letters and the values of cells, and others."""

from __future__ import annotations

import re

from lxml import etree

from reader.documents import drop_caps
from reader.documents.archive import attribute, local_name
from reader.documents.notes import all_text
from reader.documents.prose import Prose

_MATH_PICTURE = re.compile(r"(?:^|[\s_-])(?:math|mwe-math\S*|mathjax|latex|tex|equation|formula|katex)", re.I)
_MATH_ADDRESS = re.compile(r"//latex\.|latex\.php|mathtex|mimetex|/math/render/|[?&]cht=tx", re.I)
"""Where services that draw formulas are."""
_MOST_SIGN_CHARS = 20
_FILE_NAME = re.compile(r"\S+\.\w{2,4}")
_WORD = re.compile(r"[^\W\d_]+")


def goes_on(picture: etree._Element, letter: str, is_large: bool) -> bool | None:
    """Return whether the text behind a picture of a letter is the rest of its word; None where it may be a sign.

    What a page calls a large letter is one, and I and A are words of their own only where white space follows.
    """
    word = _WORD.match(picture.tail or "")
    if is_large and word:
        return True if word[0].isupper() or word[0].islower() else None
    return drop_caps.goes_on(letter, drop_caps.text_after(picture)) or (False if is_large else None)


def is_formula(element: etree._Element, alt: str) -> bool:
    """Return whether a picture shows a formula, by its address, its class or its text `alt`."""
    if _MATH_ADDRESS.search(element.get("src", "")):
        return True
    is_marked = _MATH_PICTURE.search(element.get("class", "")) or alt.startswith(("{\\displaystyle", "$"))
    return bool(alt and is_marked)


def is_said_beside(element: etree._Element) -> bool:
    """Return whether a formula's picture stands beside its MathML, which says the same."""
    around = element.getparent()
    near = [element.getprevious(), element.getnext()]
    if around is not None and local_name(around) == "span":
        near.append(around)
    return any(local_name(inner) == "math" for tree in near if tree is not None for inner in tree.iter())


def is_value(element: etree._Element, alt: str, flat_rows: set[etree._Element]) -> bool:
    """Return whether a picture is all that a cell of a table of several columns holds, such as a tick that says "Yes"."""
    if not alt or len(alt) > _MOST_SIGN_CHARS or _FILE_NAME.fullmatch(alt):
        return False
    cell = next((above for above in element.iterancestors() if local_name(above) in ("td", "th", "table")), None)
    row = None if cell is None else cell.getparent()
    if cell is None or row is None or row not in flat_rows or all_text(cell).strip():
        return False
    return any(all_text(other).strip() for other in row if other is not cell)


def is_behind_case(element: etree._Element) -> bool:
    """Return whether a book offers an element only to readers that cannot show the formula before it."""
    return any(
        local_name(other) == "case" and any(local_name(inner) == "math" for inner in other.iter())
        for other in element.itersiblings(preceding=True)
    )


def show_images(drawing: etree._Element, prose: Prose) -> None:
    """Keep the places of the pictures in a drawing, such as the cover of a book."""
    for element in drawing.iter("{*}image"):
        prose.show(attribute(element, "href"), "")
