"""Parts of one format inside another, such as HTML in a Word document: which kind they are, and their text."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path

from lxml import etree

from reader.documents.encodings import declared_encoding, decode_bytes
from reader.documents.markup import write_html
from reader.documents.prose import Prose
from reader.documents.trees import parse_html

_MOST_PARTS = 200


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
    """Return the tree of the page of a web archive; None where there is none."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        return None
    for count, part in enumerate(message.walk()):
        if count > _MOST_PARTS:
            return None
        if part.get_content_type() in ("text/html", "application/xhtml+xml"):
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                declared = part.get_content_charset() or declared_encoding(content)
                return parse_html(decode_bytes(content, _known(declared)) or "", path.name)
            return None
    return None


def _known(encoding: str | None) -> str | None:
    try:
        b"".decode(encoding or "ascii")
    except (LookupError, ValueError):
        return None
    return encoding
