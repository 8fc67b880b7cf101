"""Letters and digits in the styles of formulas, as Word and TeX write 𝑥 and 𝟏: a plain x and 1, which is what people look for.

PDFium counts in UTF-16, in which such a letter is two.
"""

from __future__ import annotations

import re
import unicodedata

SECOND_HALF = "\ufdd1"
"""In place of the second half of such a letter in PDFium's text; it is left out in the end."""
_STYLED = re.compile("[\U0001d400-\U0001d7ff]")
_PLANCK = "\u210e"
"""The only slanted letter that is elsewhere in Unicode."""


def plain(string: str, filler: str = "") -> str:
    """Return a text with plain letters, each with the filler behind it."""
    if string.isascii() or not _STYLED.search(string):
        return string
    return _STYLED.sub(lambda letter: unicodedata.normalize("NFKC", letter[0]) + filler, string).replace(_PLANCK, "h")
