"""RTF through striprtf: its running text, split like plain text.

Pictures, embedded objects and layout are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from striprtf.striprtf import rtf_to_text

from ..errors import DocumentError
from .text import readable_stem, split_pages

_MARK = b"{\\rtf"


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is not RTF.
    """
    data = path.read_bytes()
    if not data.lstrip().startswith(_MARK):
        raise DocumentError(f"{path.name!r} is damaged or no RTF file: save a new copy.")
    # RTF is 7-bit and escapes the rest; a stray byte stands for the everyday encoding's character.
    text = rtf_to_text(data.decode("cp1252", errors="replace"), errors="replace")
    return readable_stem(path), split_pages(text)
