"""EPUB 2 and 3: the chapters in reading order, labelled by the book's own table of contents.

A page is a chapter, or a part of one that is short enough to find a quote in. Pictures, audio and the contents list
itself are left out; what is encrypted is refused; nothing outside the file is followed.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from ..errors import DocumentError
from .archive import Archive, local_name
from .markup import Prose, parse_xhtml, write_html
from .text import chosen_title, decode_bytes, split_sections

_CHAPTER_TYPES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}
# Fonts are scrambled by these so that they are not copied out of the book; that locks nothing of its text.
_FONT_SCRAMBLING = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"

# (file, anchor or "", title) in the order of the contents list.
_Contents = list[tuple[str, str, str]]


def parse(path: Path, password: str | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """Return the title and the (label, text) of each page; a chapter that is missing or garbled is one without text.

    Raises DocumentError where the file is damaged, encrypted or a bomb.
    """
    archive = Archive(path)
    try:
        package_name = _package_name(archive)
        package = archive.xml(package_name, mend=True)
    except KeyError as exc:
        raise archive.damaged() from exc
    items = {item.get("id"): item for item in _all(package, "item") if item.get("href")}
    folder = posixpath.dirname(package_name)
    # Each chapter counts once: where the reading order comes back to it, nothing new is to be read.
    spine = list(dict.fromkeys(ref.get("idref") for ref in _all(package, "itemref")))
    chapters = [items[ref] for ref in spine if ref in items and _is_chapter(items[ref])]
    names = [_resolve(folder, item.get("href", ""))[0] for item in chapters]
    _refuse_encrypted(archive, path, names)
    missing = sum(ref not in items for ref in spine)
    title = next((" ".join("".join(element.itertext()).split()) for element in _all(package, "title")), "")
    contents = _contents(archive, package, items, folder, path)
    return chosen_title(title, path), _pages(archive, path, names, contents, missing)


def _pages(
    archive: Archive, path: Path, names: list[str], contents: _Contents, missing: int
) -> Iterator[tuple[str, str]]:
    sections: list[tuple[str, str]] = []
    title = ""
    entries = defaultdict(list)
    for name, anchor, entry in contents:
        entries[name].append((anchor, entry))
    for name in names:
        data = archive.read(name) if name in archive else None
        if data is None or decode_bytes(data) is None:
            missing += 1
            continue
        prose = Prose()
        write_html(parse_xhtml(data, path.name), prose)
        text = prose.text + "\n\n"
        # Of several entries for one place the last is the most exact: a part's first chapter after the part.
        places = prose.anchors | {"": 0}
        starts = {places[anchor]: entry for anchor, entry in entries[name] if anchor in places}
        if not contents and prose.headings:
            starts[0] = prose.headings[0][1]
        ends = [*sorted(starts), len(text)]
        sections.append((title, text[: ends[0]]))
        for start, end in pairwise(ends):
            title = starts[start]
            sections.append((title, text[start:end]))
    yield from split_sections(sections)
    # Last, because nothing says where they belong once they are gone.
    for _ in range(missing):
        yield "missing", ""


def _package_name(archive: Archive) -> str:
    for rootfile in _all(archive.xml("META-INF/container.xml", mend=True), "rootfile"):
        if rootfile.get("full-path"):
            return posixpath.normpath(rootfile.get("full-path", ""))
    raise archive.damaged()


def _is_chapter(item: etree._Element) -> bool:
    return item.get("media-type", "").strip().lower() in _CHAPTER_TYPES


def _refuse_encrypted(archive: Archive, path: Path, names: list[str]) -> None:
    if "META-INF/encryption.xml" not in archive:
        return
    locked = set()
    for data in _all(archive.xml("META-INF/encryption.xml", mend=True), "encrypteddata"):
        if not any(method.get("Algorithm") in _FONT_SCRAMBLING for method in _all(data, "encryptionmethod")):
            locked |= {_resolve("", reference.get("URI", ""))[0] for reference in _all(data, "cipherreference")}
    if locked.intersection(names):
        raise DocumentError(
            f"{path.name!r} is locked by digital rights management (DRM): get it from a seller without it."
        )


def _contents(
    archive: Archive, package: etree._Element, items: dict[str, etree._Element], folder: str, path: Path
) -> _Contents:
    """The book's table of contents, from EPUB 3's navigation document or else EPUB 2's NCX."""
    for item in items.values():
        if "nav" in item.get("properties", "").split():
            name = _resolve(folder, item.get("href", ""))[0]
            if name in archive:
                found = _from_navigation(parse_xhtml(archive.read(name), path.name), name)
                if found:
                    return found
    spine = next(iter(_all(package, "spine")), None)
    ncx = items.get(spine.get("toc", "")) if spine is not None else None
    name = _resolve(folder, ncx.get("href", ""))[0] if ncx is not None else ""
    return _from_ncx(archive.xml(name, mend=True), name) if name in archive else []


def _from_navigation(root: etree._Element, name: str) -> _Contents:
    for navigation in _all(root, "nav"):
        kinds = navigation.get(_EPUB_TYPE, navigation.get("epub:type", "")).split()
        if "toc" in kinds or navigation.get("role") == "doc-toc":
            return [
                (*_resolve(posixpath.dirname(name), link.get("href", ""), name), title)
                for link in _all(navigation, "a")
                if (title := " ".join("".join(link.itertext()).split()))
            ]
    return []


def _from_ncx(root: etree._Element, name: str) -> _Contents:
    found = []
    for point in _all(root, "navpoint"):
        labels = [inner for inner in point if local_name(inner) == "navlabel"]
        contents = [inner for inner in point if local_name(inner) == "content"]
        title = " ".join("".join(labels[0].itertext()).split()) if labels else ""
        if title and contents:
            found.append((*_resolve(posixpath.dirname(name), contents[0].get("src", ""), name), title))
    return found


def _resolve(folder: str, reference: str, own_name: str = "") -> tuple[str, str]:
    """Split a reference into the member's name, as seen from `folder`, and the anchor in it."""
    target, _, anchor = reference.partition("#")
    name = posixpath.normpath(posixpath.join(folder, unquote(target))) if target else own_name
    return name, unquote(anchor)


def _all(root: etree._Element, name: str) -> list[etree._Element]:
    return [element for element in root.iter() if local_name(element) == name]
