"""HTML and XHTML as trees: pages mended as browsers do, and chapters with HTML's named characters.

What the elements mean, and what a reader sees of them, is not known here.
"""

from __future__ import annotations

import html
import re

from lxml import etree

from reader.documents.archive import gave_up, xml_parser
from reader.documents.encodings import decode_bytes
from reader.errors import DocumentError

_MATH_PREFIX = re.compile(r"<(?:m|mml|math):math\b", re.I)

# HTML's named characters, which XML does not know without fetching a DTD.
_NAMED = re.compile(rb"&[A-Za-z][A-Za-z0-9]{1,31};")


def parse_html(text: str, file_name: str) -> etree._Element:
    """Return the tree of an HTML page, mended as browsers do.

    Raises DocumentError where it is nested too deep to be read to its end.
    """
    # Without `huge_tree` 256 levels are the end of the text, and without the limit there is no bound but memory.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(text.encode(errors="replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    if gave_up(parser):
        raise DocumentError(f"{file_name!r} is nested too deep to be read: save it as plain text.")
    if root is not None and _MATH_PREFIX.search(text):
        # Pages for plug-ins of old browsers have MathML under a prefix.
        for element in root.iter(etree.Element):
            prefix, _, name = element.tag.rpartition(":")
            if prefix.lower() in ("m", "mml", "math"):
                element.tag = name
    return etree.Element("html") if root is None else root


def parse_xhtml(data: bytes, file_name: str) -> etree._Element:
    """Return the tree of an XHTML chapter; what is not well formed is read as HTML.

    Raises DocumentError as `parse_html` does.
    """
    try:
        root = etree.fromstring(_NAMED.sub(_numbered, data), xml_parser())
        # A file's own entities stay unexpanded: HTML keeps their names as text, where XML drops them.
        if next(root.iter(etree.Entity), None) is None:
            return root
    except etree.XMLSyntaxError:
        pass
    return parse_html(decode_bytes(data) or "", file_name)


def _numbered(match: re.Match[bytes]) -> bytes:
    character = html.unescape(match[0].decode())
    if character == match[0].decode():
        return match[0]
    return "".join(f"&#{ord(letter)};" for letter in character).encode()
