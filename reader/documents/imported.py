"""Parts of one format inside another, such as HTML in a Word document: which kind they are, and their text."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

from lxml import etree

from reader.documents.encodings import declared_encoding, decode_bytes
from reader.documents.markup import write_html
from reader.documents.prose import Prose
from reader.documents.trees import parse_html

_MOST_PARTS = 200
_MOST_FRAMES = 3
"""Pages within one another."""
_PAGES = ("text/html", "application/xhtml+xml")


def write_imported(data: bytes, name: str, path: Path, prose: Prose) -> None:
    """Add the text of a part, told by its first bytes, that is HTML, MHTML, RTF or plain text."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:600].lower()
    if start.startswith(b"{\\rtf"):
        from reader.documents.rtf import rtf_prose

        rtf_prose(data, prose)
    elif start.startswith((b"mime-version:", b"from:", b"content-type:", b"subject:")) or name.lower().endswith(
        (".mht", ".mhtml", ".eml")
    ):
        write_mhtml(data, path, prose)
    elif start.startswith(b"<") or name.lower().endswith((".html", ".htm", ".xhtml")):
        write_html(parse_html(decode_bytes(data, declared_encoding(data)) or "", path.name), prose)
    else:
        for paragraph in (decode_bytes(data) or "").split("\n"):
            prose.write(paragraph)
            prose.break_line()


def write_mhtml(data: bytes, path: Path, prose: Prose) -> None:
    """Add the page of a web archive."""
    page = page_of_mhtml(data, path)
    if page is not None:
        write_html(page, prose)


def page_of_mhtml(data: bytes, path: Path) -> etree._Element | None:
    """Return the tree of the page of a web archive, the pages that it frames within it; None where there is none."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        return None
    pages = [part for part in islice(message.walk(), _MOST_PARTS) if part.get_content_type() in _PAGES]
    written = [_written(part) for part in pages]
    if not written:
        return None
    names = {
        name: at
        for at, part in enumerate(pages)
        for name in (
            f"cid:{str(part.get('Content-ID', '')).strip(' <>')}",
            str(part.get("Content-Location", "")).strip(),
        )
    }
    root = parse_html(written[0], path.name)
    _frame(root, names, dict(enumerate(written[1:], start=1)), path, _MOST_FRAMES)
    return root


def _frame(root: etree._Element, names: dict[str, int], written: dict[int, str], path: Path, depth: int) -> None:
    """Put what a page frames into it, each page once."""
    for frame in root.iter("iframe", "frame"):
        text = written.pop(names.get(frame.get("src", "").strip(), 0), None) if depth else None
        if text is None:
            continue
        inner = parse_html(text, path.name)
        _frame(inner, names, written, path, depth - 1)
        frame.tag = "iframe"
        frame.set("srcdoc", etree.tostring(inner, encoding="unicode", method="html"))
    for frames in root.iter("frameset"):
        frames.tag = "div"


def _written(part: EmailMessage) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    declared = part.get_content_charset() or declared_encoding(content)
    return decode_bytes(content, _known(declared)) or ""


def _known(encoding: str | None) -> str | None:
    try:
        b"".decode(encoding or "ascii")
    except (LookupError, ValueError):
        return None
    return encoding
