"""Which paragraphs of a Word file are headings, and of which level: by their style's name, or by a level in the outline."""

from __future__ import annotations

import re

from lxml import etree

from reader.documents.archive import attribute, children, descendants, local_name

_HEADING_NAME = re.compile(r"title|heading ([1-9])", re.I)
_BODY_LEVEL = 9
_FIRST_PARAGRAPHS = 20
MOST_BASES = 20
"""How many styles a style is followed through that it builds on, as they may lead in a circle."""


def heading_styles(styles: etree._Element | None) -> dict[str, int]:
    """The ids of the styles that are headings, with their levels in the outline.

    Their name, their outline level or the style that they build on says so.
    """
    found: dict[str, int] = {}
    bases: dict[str, str] = {}
    for style in children(styles, "style"):
        style_id = attribute(style, "styleid")
        for inner in style:
            name = local_name(inner)
            if name == "name" and (named := _HEADING_NAME.fullmatch(attribute(inner, "val"))):
                found.setdefault(style_id, int(named[1] or 1) - 1)
            elif name == "basedon":
                bases[style_id] = attribute(inner, "val")
            elif name == "ppr":
                for level in map(_outline_level, children(inner, "outlinelvl")):
                    if level < _BODY_LEVEL:
                        found[style_id] = level
    for style_id in bases:
        base: str | None = style_id
        for _ in range(MOST_BASES):
            base = bases.get(base) if base else None
            if base in found:
                found.setdefault(style_id, found[base])
                break
    return found


def title_of(root: etree._Element, styles: etree._Element | None) -> str:
    """The text of a Word file's paragraph in the style *Title*, if one of the first has it; else ""."""
    own = {
        attribute(style, "styleid")
        for style in children(styles, "style")
        if any(attribute(name, "val").lower() == "title" for name in children(style, "name"))
    }
    for body in children(root, "body"):
        for paragraph in children(body, "p")[:_FIRST_PARAGRAPHS]:
            properties = [inner for outer in children(paragraph, "ppr") for inner in children(outer, "pstyle")]
            if any(attribute(style, "val") in own for style in properties):
                return "".join(inner.text or "" for inner in descendants(paragraph, "t"))
    return ""


def _outline_level(element: etree._Element) -> int:
    value = attribute(element, "val")
    return int(value) if value.isdecimal() else _BODY_LEVEL


def heading_level(paragraph: etree._Element, headings: dict[str, int]) -> int | None:
    """A heading's level in the outline, from 0; None for body text."""
    properties = children(paragraph, "ppr")
    for inner in properties[0] if properties else ():
        name = local_name(inner)
        if name == "pstyle" and (level := headings.get(attribute(inner, "val"))) is not None:
            return level
        if name == "outlinelvl":
            return level if (level := _outline_level(inner)) < _BODY_LEVEL else None
    return None
