"""What a file is by its first bytes, where its name says something else: RTF named .txt, DOCX named .doc.

Only marks that no text begins with count; what has none is what its suffix says.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from reader.errors import DocumentError

_SEEN_BYTES = 4096
_OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")
_MOST_NAMES = 20_000

# A member that only one format has, in the order in which they are looked for.
_MEMBERS = (
    ("META-INF/container.xml", "epub"),
    ("word/", "docx"),
    ("ppt/", "pptx"),
    ("xl/", "xlsx"),
)
_OPEN_DOCUMENT = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.presentation": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "odt",
}
# Formats of which the first bytes are worth less than the name.
_LOOSE = {"text", "markdown", "csv"}
_UNREAD = {b"%!PS": "a PostScript file: convert it to PDF"}
# Where a Palm database says what it holds, behind its name.
_PALM_KIND = slice(60, 68)
_PALM_BOOKS = (b"BOOKMOBI", b"TEXtREAd")


def kind_of(path: Path, named: str | None) -> str | None:
    """Return the module that parses a file: by its first bytes where they are sure, else `named`, that of its suffix.

    Raises:
        DocumentError: the file is of a kind that is known and cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_SEEN_BYTES)
    bare = start.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    suffix = path.suffix.lower()
    if bare.replace(b"\0", b"").startswith(b"{\\rtf"):  # in UTF-16, too
        return "rtf"
    if bare.startswith(b"%PDF-") and named != "pdf":
        return "pdf"
    if start[_PALM_KIND] in _PALM_BOOKS:
        return "mobi"
    if start.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path) or named
    if start.startswith(_OLE_MARK) and suffix in (".doc", ".dot", ".rtf", ".txt"):
        return "doc"
    head = bare[:600].lower()
    if (
        named in ("text", "html")
        and head.startswith((b"mime-version:", b"from:"))
        and b"multipart/related" in start.lower()
    ):
        return "mail"  # a page that a browser saved in one file
    if named in ("text", "rtf") and head.startswith((b"<!doctype html", b"<html")):
        return "html"
    if suffix in (".doc", ".dot") or named is None:
        if head.startswith((b"<html", b"<!doctype html", b"<?xml")) and b"<html" in start.lower():
            return "html"
        if suffix in (".doc", ".dot"):
            if head.startswith((b"mime-version:", b"from:")):
                return "mail"
            if b"\0" not in start:
                return "text"
    if named in _LOOSE:
        for mark, kind in _UNREAD.items():
            if start.startswith(mark):
                raise DocumentError(f"{path.name!r} is {kind}.")
    return named


def _kind_of_zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:_MOST_NAMES]
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                kind = archive.read("mimetype").decode("ascii", errors="replace").strip()
                if kind in _OPEN_DOCUMENT:
                    return _OPEN_DOCUMENT[kind]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return None
    for start, kind in _MEMBERS:
        if any(name.startswith(start) for name in names):
            return kind
    return None
