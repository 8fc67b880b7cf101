"""Pictures in the text of EPUB, Word and HTML files: where they stand, and each one as a browser can show it.

The parsers keep the places, so that the text is the same with and without pictures. A picture is drawn anew from its pixels: what
else a file holds is not passed on. Nothing is fetched; drawings in SVG, EMF and WMF are left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from reader.documents.archive import Archive
from reader.documents.document import clean
from reader.errors import DocumentError

SIDE_PIXELS = 1200
"""A picture is made no wider and no higher than this."""
MOST_PIXELS = 50_000_000
MOST_BYTES = 32 << 20
MOST_PLACES = 5_000

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|webp)(?:;[^;,]*)*;base64,", re.I)
_ALT_CHARS = 300


def places(module: ModuleType, path: Path) -> dict[str, Any]:
    """Return how many letters the text has, and (letters before it, whether it belongs to those, alt, source) of each picture.

    White space is not counted, as pages that are cut differently differ in it.
    """
    letters = held = 0
    found: list[tuple[int, bool, str, str]] = []
    for prose, find in module.illustrated(path):
        text, done = prose.text, 0
        for at, is_behind, named, alt in prose.illustrations():
            letters, done = letters + _letters(text[done:at]), at
            source = find(named) or ""
            if _DATA.match(source):
                source, held = str(held), held + 1
            elif not source.lower().endswith(_SUFFIXES):
                continue
            found.append((letters, is_behind, clean(alt)[:_ALT_CHARS], source))
        letters += _letters(text[done:])
    return {"letters": letters, "places": found[:MOST_PLACES]}


def picture(module: ModuleType, path: Path, source: str) -> dict[str, str]:
    """Return one picture, by the source that `places` gave, as its media type and its bytes in Base64.

    Raises DocumentError where it cannot be shown.
    """
    data = Archive(path).read(source) if not source.isdecimal() else _data(module, path, int(source))
    kind, shown = _drawn(data, path)
    return {"type": kind, "data": base64.b64encode(shown).decode()}


def _letters(text: str) -> int:
    return len("".join(clean(text).split()))


def _data(module: ModuleType, path: Path, number: int) -> bytes:
    """The picture that a page holds in an address."""
    sources = [find(one.source) or "" for prose, find in module.illustrated(path) for one in prose.illustrations()]
    held = [source for source in sources if _DATA.match(source)]
    try:
        return base64.b64decode(held[number].partition(",")[2])
    except (IndexError, binascii.Error) as error:
        raise _cannot(path) from error


def _drawn(data: bytes, path: Path) -> tuple[str, bytes]:
    if len(data) > MOST_BYTES:
        raise _cannot(path)
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise _cannot(path)
            opened.draft("RGB", (SIDE_PIXELS, SIDE_PIXELS))
            is_photo = opened.format == "JPEG"
            image = ImageOps.exif_transpose(opened)
            image = image.convert("RGB" if is_photo else "RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise _cannot(path) from error
    image.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
    image.info = {}  # comments and the like would be written again
    out = BytesIO()
    if is_photo:
        image.save(out, "JPEG", quality=85)
        return "image/jpeg", out.getvalue()
    image.save(out, "PNG")
    return "image/png", out.getvalue()


def _cannot(path: Path) -> DocumentError:
    return DocumentError(f"A picture of {path.name!r} cannot be shown: open the file itself.")
