"""Saved e-mail (EML) and web archives (MHTML): headers, the message as a person reads it, and what is attached by name.

A forwarded message follows the one that it is in. Attachments are named and not read: add them as files.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from reader.documents.encodings import decode, decode_bytes
from reader.documents.html import main_prose
from reader.documents.imported import page_of_mhtml
from reader.documents.text import Parsed, chosen_title, readable_stem, split_pages, split_sections
from reader.documents.trees import parse_html
from reader.errors import DocumentError

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MOST_PARTS = 500
_MOST_DEPTH = 10
_HEADER_CHARS = 2000


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is no message.
    """
    data = path.read_bytes().lstrip()
    if data.startswith(b"From "):  # a mailbox's own line before the message
        data = data.partition(b"\n")[2]
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise DocumentError(f"{path.name!r} is no saved e-mail: save a new copy.")
    is_page = message.get_content_type() == "multipart/related" and not message.get("To")
    if path.suffix.lower() in (".mht", ".mhtml") or is_page:
        page = page_of_mhtml(data, path)
        sections = main_prose(page).sections() if page is not None else iter(())
        return chosen_title(_header(message, "Subject"), path), split_sections(sections)
    parts: list[str] = []
    for part in _texts(message, path, 0):
        parts.append(part)
        if len(parts) > _MOST_PARTS:
            break
    subject = _header(message, "Subject")
    return subject or readable_stem(path), split_pages("\n\n".join(parts) + "\n")


def _texts(message: EmailMessage, path: Path, depth: int) -> Iterator[str]:
    lines = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
    attached = [_name(part) for part in message.iter_attachments()] if message.is_multipart() else []
    named = [name for name in attached if name]
    if named:
        lines.append(f"Attached: {', '.join(named)}")
    yield "\n".join(lines)
    body = (
        message.get_body(("plain", "html"))
        if message.is_multipart() or message.get_content_maintype() == "text"
        else None
    )
    if isinstance(body, EmailMessage):
        text = _body(body, path).strip()
        if not text and (other := message.get_body(("html",))) is not None and isinstance(other, EmailMessage):
            text = _body(other, path).strip()
        yield text
        # Some programs cut a message where a picture is in it.
        for part in message.iter_attachments() if message.is_multipart() else ():
            if part.get_content_type() in ("text/plain", "text/html") and not part.is_attachment():
                yield _body(part, path).strip()
    if depth < _MOST_DEPTH:
        for part in message.iter_attachments() if message.is_multipart() else ():
            if part.get_content_type() == "message/rfc822":
                for inner in part.get_payload():
                    if isinstance(inner, EmailMessage):
                        yield from _texts(inner, path, depth + 1)


def _body(part: EmailMessage, path: Path) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    declared = part.get_content_charset()
    try:
        b"".decode(declared or "ascii")
    except (LookupError, ValueError):
        declared = None
    decoded = decode(content, None if declared in ("us-ascii", "ascii") else declared)
    text = decoded.text if decoded else decode_bytes(content) or ""
    if part.get_content_subtype() == "html":
        return main_prose(parse_html(text, path.name)).text
    return text


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())[:_HEADER_CHARS]
    except (ValueError, IndexError, LookupError, AttributeError):  # what strangers put into a header
        return ""


def _name(part: EmailMessage) -> str:
    try:
        return " ".join((part.get_filename() or "").split())
    except (ValueError, IndexError, LookupError, AttributeError):
        return ""
