"""HTML: the text of a saved page, a page of the document for each part between headings.

What the page itself marks as navigation, banner, footer, complement or hidden is left out, and where it marks its main
part and most of the text is in it, so is the rest. There is no guess beyond that: the libraries that guess the main text
are made for news articles, and of books and specifications in one page they dropped up to nine tenths. Nothing is
fetched or run.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from ..errors import DocumentError
from .archive import local_name
from .markup import Prose, parse_html, write_html
from .text import chosen_title, decode_bytes, split_sections

_DECLARED = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.I)
_DECLARED_WITHIN_BYTES = 4096
# What browsers read these names as.
_SUPERSETS = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}

# Python knows codecs under other names that are no encodings of text.
_WEB_ENCODINGS = ("big5", "cp", "euc", "gb", "iso2022", "iso8859", "koi8", "mac", "shift_jis", "tis", "utf-8")

_AROUND_TAGS = {"aside", "footer", "header", "nav", "search"}
_AROUND_ROLES = {"banner", "complementary", "contentinfo", "dialog", "menu", "navigation", "search", "toolbar"}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is no text, or nested too deep to be read to its end.
    """
    data = path.read_bytes()
    text = decode_bytes(data, _declared(data))
    if text is None:
        raise DocumentError(f"{path.name!r} is not HTML (it holds binary data): save a new copy of the page.")
    root = parse_html(text, path.name)
    title = next((element.text or "" for element in root.iter("title")), "")
    return chosen_title(title, path), split_sections(_main_prose(root).sections())


def _declared(data: bytes) -> str | None:
    match = _DECLARED.search(data, 0, _DECLARED_WITHIN_BYTES)
    try:
        name = codecs.lookup(match[1].decode()).name if match else None
    except LookupError:
        return None
    return _SUPERSETS.get(name, name) if name and name.startswith((*_WEB_ENCODINGS, "ascii")) else None


def _main_prose(root: etree._Element) -> Prose:
    whole = Prose()
    write_html(root, whole, skip={element for element in root.iter() if _is_around(element)})
    main = Prose()
    for element in root.iter():
        if (local_name(element) == "main" or element.get("role") == "main") and not _is_hidden(element):
            skip = {inner for inner in element.iter() if inner is not element and _is_around(inner)}
            write_html(element, main, skip=skip)
            break
    return main if main.length > whole.length / 2 else whole


def _is_around(element: etree._Element) -> bool:
    if _is_hidden(element) or element.get("role") in _AROUND_ROLES or local_name(element) == "nav":
        return True
    # Inside an article a header is its title and an aside its margin.
    return local_name(element) in _AROUND_TAGS and not any(
        local_name(above) in ("article", "main", "section") for above in element.iterancestors()
    )


def _is_hidden(element: etree._Element) -> bool:
    # A page that a script shows later hides its body until then.
    hidden = "hidden" in element.attrib or bool(_HIDDEN_STYLE.search(element.get("style", "")))
    return hidden and local_name(element) not in ("body", "html")
