"""Saved e-mail (EML, MBOX) and web archives (MHTML): headers, the message as a person reads it, and the files that are attached.

A forwarded message follows the one that it is in. Attachments are named, and those of a kind that is read follow as pages.
"""

from __future__ import annotations

import email
import email.policy
import importlib
import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

from reader.documents.encodings import decode, decode_bytes
from reader.documents.html import main_prose
from reader.documents.imported import page_of_mhtml
from reader.documents.kinds import kind_of
from reader.documents.text import Parsed, chosen_title, readable_stem, short_label, split_pages, split_sections
from reader.documents.trees import parse_html
from reader.errors import DocumentError

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MOST_PARTS = 500
_MOST_DEPTH = 10
_HEADER_CHARS = 2000
_MOST_MESSAGES = 5_000
"""Of a mailbox."""
_MOST_SUFFIX_CHARS = 12
_NOT_READ = ("doc", "mail")
"""Kinds of attachments that would need a converter, or are read as messages within the message."""
_NEXT_MESSAGE = re.compile(rb"(?:\A|\r?\n\r?\n)From (?=[^\r\n]*\d{4})[^\r\n]*\r?\n(?=[\w-]+:)")
"""A mailbox's own line before each message."""


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is no message.
    """
    data = path.read_bytes().lstrip()
    begins = list(islice(_NEXT_MESSAGE.finditer(data), _MOST_MESSAGES))
    if len(begins) > 1:
        ends = [*(begin.start() for begin in begins[1:]), len(data)]
        messages = (_read(data[begin.end() : end]) for begin, end in zip(begins, ends, strict=True))
        return readable_stem(path), split_sections(
            (_header(message, "Subject"), _text(message, path)) for message in messages if message is not None
        )
    if data.startswith(b"From "):
        data = data.partition(b"\n")[2]
    message = _read(data)
    if message is None:
        raise DocumentError(f"{path.name!r} is no saved e-mail: save a new copy.")
    is_page = message.get_content_type() == "multipart/related" and not message.get("To")
    if path.suffix.lower() in (".mht", ".mhtml") or is_page:
        page = page_of_mhtml(data, path)
        sections = main_prose(page).sections() if page is not None else iter(())
        return chosen_title(_header(message, "Subject"), path), split_sections(sections)
    return _header(message, "Subject") or readable_stem(path), itertools.chain(
        split_pages(_text(message, path)), _attached(message)
    )


def _read(data: bytes) -> EmailMessage | None:
    message = email.message_from_bytes(data, policy=email.policy.default)
    return message if isinstance(message, EmailMessage) and message.keys() else None


def _text(message: EmailMessage, path: Path) -> str:
    return "\n\n".join(islice(_texts(message, path, 0), _MOST_PARTS)) + "\n\n"


def _attached(message: EmailMessage) -> Iterator[tuple[str, str]]:
    """The pages of the files that are attached."""
    from reader.documents import FORMATS

    for part in islice(message.walk(), _MOST_PARTS):
        name, data = _name(part), part.get_payload(decode=True)
        if not name or not isinstance(data, bytes) or not part.is_attachment():
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"attached{Path(name).suffix[:_MOST_SUFFIX_CHARS]}")
            try:
                file.write_bytes(data)
                kind = kind_of(file, FORMATS.get(file.suffix.lower()))
                if kind is None or kind in _NOT_READ:
                    continue
                pages: Iterable[tuple[str, ...]] = importlib.import_module(f".{kind}", __package__).parse(file, None)[1]
                for label, text, *_ in pages:
                    yield short_label(f"{name} · {label}"), text.rstrip("\n") + "\n\n"
            except MemoryError:
                raise
            except Exception:  # a damaged or locked file is named, and must not cost the message
                continue


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
