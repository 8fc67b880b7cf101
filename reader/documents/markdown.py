"""Markdown as it is written, with the first top heading as the title.

It is not rendered: a model reads the marks well, and quotes stay those of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .text import decode, readable_stem, split_pages

_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_TOP_HEADING = re.compile(r"^ {0,3}#[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page."""
    text = decode(path)
    # A "# " inside a code block is a comment of that code.
    heading = _TOP_HEADING.search(_FENCED.sub("", text))
    return heading[1] if heading else readable_stem(path), split_pages(text)
