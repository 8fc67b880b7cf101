"""Who wrote a file, by what its properties say: a PDF's, an Office or OpenDocument file's, a book's or a web page's.

Programs and accounts write themselves there, too, so only what looks like a name in full is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from reader.documents.archive import Archive, children, descendants, local_name

_MOST_NAMES = 10
_MOST_CHARS = 80

_BETWEEN = re.compile(r"\s*(?:[;|]|\s(?:and|und|et|y|&)\s)\s*")
_LAST_NAME_FIRST = re.compile(r"^(?P<last>[^\W\d_][\w’'-]+), ?(?P<first>[^\W\d_][\w’'-]+(?: [^\W\d_][\w’'-]*\.?)?)$")
_WORD = re.compile(r"[^\W\d_][\w.’'-]*,?")
_WORDS = range(2, 7)
_PARTICLES = frozenset("de del della da di du des van von der den la le y e i bin ibn al el ter".split())  # noqa: SIM905
_NOBODY = re.compile(
    r"\b(?:users?|admin\w*|owner|author|unknown|anonymous|default|microsoft|office|adobe|apache|openpyxl|python-docx|windows|mac"
    r"|home|hp|dell|lenovo|pdf|word|writer|converter|scanner|template|your name|production|department|employee)\b",
    re.I,
)


def authors(path: Path, format_name: str, password: str | None) -> tuple[str, ...]:
    """The names of a file's authors, as its properties have them; none where they cannot be read, or one is no name in full."""
    find = _BY_FORMAT.get(format_name)
    try:
        named = list(find(path, password)) if find else []
    except MemoryError:
        raise
    except Exception:  # damaged files raise nearly every error there is, and must not lose their text for an ornament
        return ()
    names = [_LAST_NAME_FIRST.sub(r"\g<first> \g<last>", part) for text in named for part in _parts(text)]
    return tuple(dict.fromkeys(names))[:_MOST_NAMES] if all(map(_is_name, names)) else ()


def _parts(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(" ".join(text.split())) if part]


def _is_name(name: str) -> bool:
    words = name.split()
    return (
        len(words) in _WORDS
        and len(name) <= _MOST_CHARS
        and not _NOBODY.search(name)
        and all(_WORD.fullmatch(word) and (word[0].isupper() or word in _PARTICLES) for word in words)
    )


def _of_pdf(path: Path, password: str | None) -> Iterator[str]:
    from reader.documents.pdf.opening import open_document

    document = open_document(path, path.name, password)
    if document is not None:
        yield document.get_metadata_value("Author")


def _of_office(path: Path, _password: str | None) -> Iterator[str]:
    for element in children(Archive(path).optional_xml("docProps/core.xml"), "creator"):
        yield "".join(element.itertext())


def _of_opendocument(path: Path, _password: str | None) -> Iterator[str]:
    for element in descendants(Archive(path).optional_xml("meta.xml"), "initial-creator"):
        yield "".join(element.itertext())


def _of_book(path: Path, _password: str | None) -> Iterator[str]:
    from reader.documents.epub import package_of

    for element in package_of(path).iter():
        roles = [value for name, value in element.attrib.items() if etree.QName(name).localname == "role"]
        if local_name(element) == "creator" and (not roles or roles == ["aut"]):
            yield "".join(element.itertext())


def _of_page(path: Path, _password: str | None) -> Iterator[str]:
    from reader.documents.html import root_of

    for element in root_of(path).iter("meta"):
        if (element.get("name") or element.get("property") or "").casefold() in (
            "author",
            "dc.creator",
            "article:author",
        ):
            yield element.get("content", "")


_BY_FORMAT: dict[str, Callable[[Path, str | None], Iterator[str]]] = {
    "pdf": _of_pdf,
    "docx": _of_office,
    "pptx": _of_office,
    "xlsx": _of_office,
    "odt": _of_opendocument,
    "epub": _of_book,
    "html": _of_page,
}
