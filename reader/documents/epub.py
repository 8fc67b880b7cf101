"""EPUB 2 and 3: the chapters in reading order, labelled by the book's own table of contents.

A page is a printed page where the book marks them ("Part One, p. 58"); else it is a chapter, or a part of one that is
short enough to find a quote in. Pictures, audio and the contents list itself are left out; what is encrypted is refused;
what cannot be read is counted as missing; nothing outside the file is followed.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from reader.documents.archive import Archive, descendants, local_name, one_line
from reader.documents.encodings import decode_bytes
from reader.documents.markup import PAGE_MARK, Prose, all_text, page_label, write_html
from reader.documents.pictures import show_images
from reader.documents.styles import StyleSheet
from reader.documents.text import Parsed, chosen_title, drm_error, split_sections
from reader.documents.trees import parse_xhtml

_CHAPTER_TYPES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}
_PACKAGE_TYPE = "application/oebps-package+xml"
_DRAWING_TYPE = "image/svg+xml"
_LOOKS_LIKE_MARKUP = re.compile(rb"<\s*(?:html|body|p|h[1-6]|div|dtbook|section)\b|<!doctype\s+html", re.I)
_SEEN_BYTES = 4096
# Fonts are scrambled by these so that they are not copied out of the book; that locks nothing of its text.
_FONT_SCRAMBLING = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
_MOST_FALLBACKS = 8
_LEAST_PRINTED_PAGES = 2
_PAGE_LABEL_CHARS = 12

# (file, anchor or "", title) in the order of the contents list.
_Contents = list[tuple[str, str, str]]


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page; a chapter that is missing or garbled is one without text.

    Raises DocumentError where the file is damaged, encrypted or a bomb.
    """
    book = _Book(path)
    names = _with_listed(book, [name for name in book.spine if name is not None])
    _refuse_encrypted(book.archive, path, names)
    title = next((one_line(element) for element in descendants(book.package, "title")), "")
    missing = sum(name is None for name in book.spine)
    return chosen_title(title, path), _pages(book, names, missing)


def illustrated(path: Path) -> Iterator[tuple[Prose, Callable[[str], str | None]]]:
    """Yield the text of each chapter, and what finds the member that a picture in it names."""
    book = _Book(path)
    for name in _with_listed(book, [name for name in book.spine if name is not None]):
        prose = _prose(book, name)
        if prose is not None:
            yield prose, partial(book.seen_from, posixpath.dirname(name))


def package_of(path: Path) -> etree._Element:
    """Return the root of a book's package, which names its title, its authors and its parts."""
    return _Book(path).package


class _Book:
    """The members of a book by what its package says of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive = Archive(path)
        # Names that differ in case or Unicode form from those that the package gives.
        self._names = {_plain_name(name): name for name in reversed(self.archive.names)}
        try:
            name = _package_name(self)
            self.package = self.archive.xml(name, mend=True)
        except KeyError as error:
            raise self.archive.damaged() from error
        self.folder = posixpath.dirname(name)
        self.items = {item.get("id", ""): item for item in descendants(self.package, "item") if item.get("href")}
        self.spine = self._reading_order()

    def find(self, name: str) -> str | None:
        """Return the name of the member that a reference means; None where there is none."""
        if name in self.archive:
            return name
        return self._names.get(_plain_name(name))

    def member(self, item: etree._Element) -> str | None:
        href = item.get("href", "")
        for reference in (href, href.replace("\\", "/"), href.partition("?")[0]):
            raw = posixpath.normpath(posixpath.join(self.folder, reference.partition("#")[0]))
            found = self.find(_resolve(self.folder, reference)[0]) or self.find(raw)
            if found:
                return found
        return None

    def seen_from(self, folder: str, reference: str) -> str | None:
        """Return the member that a reference in a member of a folder means; None where there is none."""
        return self.find(_resolve(folder, reference)[0])

    def target(self, name: str, reference: str) -> tuple[str, str]:
        """Return the member and the anchor in it that a reference in the member `name` means."""
        target, anchor = _resolve(posixpath.dirname(name), reference, name)
        return self.find(target) or target, anchor

    def _reading_order(self) -> list[str | None]:
        """The members of the chapters; None for each that is missing or no text.

        Each chapter counts once: where the reading order comes back to it, nothing new is to be read.
        """
        references = list(dict.fromkeys(ref.get("idref", "") for ref in descendants(self.package, "itemref")))
        lower = {key.lower(): item for key, item in self.items.items()}
        items = [self.items.get(reference, lower.get(reference.strip().lower())) for reference in references]
        if not any(item is not None for item in items):
            items = [item for item in self.items.values() if item.get("media-type", "").lower() in _CHAPTER_TYPES]
        names = [self._text_of(item) if item is not None else None for item in items]
        if not any(names):
            raise self.archive.damaged()
        return _each_once(names)

    def _text_of(self, item: etree._Element) -> str | None:
        """The member with the text of an item, or of what the book offers in its place."""
        for _ in range(_MOST_FALLBACKS):
            name = self.member(item)
            kind = item.get("media-type", "").strip().lower()
            if name is not None and (kind in _CHAPTER_TYPES or self._has_text(name, kind)):
                return name
            following = self.items.get(item.get("fallback", ""))
            if following is None:
                break
            item = following
        return None

    def _has_text(self, name: str, kind: str) -> bool:
        if kind == _DRAWING_TYPE or kind == "text/plain" or name.lower().endswith((".svg", ".txt")):
            return True
        if kind.startswith(("image/", "audio/", "video/", "font/")) or kind == "application/pdf":
            return False
        return bool(_LOOKS_LIKE_MARKUP.search(self.archive.read(name)[:_SEEN_BYTES]))


def _with_listed(book: _Book, names: list[str]) -> list[str]:
    """Put chapters that only the contents list names after those before them in it."""
    navigation = {book.member(item) for item in book.items.values() if "nav" in item.get("properties", "").split()}
    texts = {book.member(item) for item in book.items.values() if item.get("media-type", "").lower() in _CHAPTER_TYPES}
    out, place = list(names), 0
    for name in dict.fromkeys(name for name, _, _ in _contents(book)):
        if name in out:
            place = out.index(name) + 1
        elif name in texts - navigation:
            out.insert(place, name)
            place += 1
    return out


def _each_once(names: list[str | None]) -> list[str | None]:
    seen: set[str] = set()
    found: list[str | None] = []
    for name in names:
        if name is None or name not in seen:
            found.append(name)
            seen |= {name or ""}
    return found


def _pages(book: _Book, names: list[str], missing: int) -> Iterator[tuple[str, str]]:
    contents = _contents(book)
    printed = _printed_pages(book)
    sections: list[tuple[str, str]] = []
    title = page = ""
    entries, breaks = defaultdict(list), defaultdict(list)
    for name, anchor, entry in contents:
        entries[name].append((anchor, entry))
    for name, anchor, label in printed:
        breaks[name].append((anchor, label))
    proses = []
    for name in names:
        prose = _prose(book, name)
        missing += prose is None
        if prose is not None:
            proses.append((name, prose))
    marks = sum(anchor.startswith(PAGE_MARK) for _, prose in proses for anchor in prose.anchors)
    has_pages = len(printed) >= _LEAST_PRINTED_PAGES or marks >= _LEAST_PRINTED_PAGES
    for name, prose in proses:
        text = prose.text + "\n\n"
        # Of several entries for one place the last is the most exact: a part's first chapter after the part.
        places = prose.anchors | {"": 0}
        starts = {places[anchor]: entry for anchor, entry in entries[name] if anchor in places}
        if not contents and prose.headings:
            starts[0] = prose.headings[0][1]
        pages = _page_starts(prose, text, breaks[name]) if has_pages else {}
        ends = [*sorted(starts.keys() | pages.keys()), len(text)]
        sections.append((_label(title, page), text[: ends[0]]))
        for start, end in pairwise(ends):
            title, page = starts.get(start, title), pages.get(start, page)
            sections.append((_label(title, page), text[start:end]))
    yield from split_sections(sections)
    # Last, because nothing says where they belong once they are gone.
    for _ in range(missing):
        yield "missing", ""


def _label(title: str, page: str) -> str:
    if not page:
        return title
    return f"{title[:60].rstrip()}, p. {page}" if title else f"p. {page}"


def _page_starts(prose: Prose, text: str, listed: list[tuple[str, str]]) -> dict[int, str]:
    """Where printed pages begin, by the book's list of them and by the marks in the text."""
    places = prose.anchors | {"": 0}
    found = {
        place: anchor.removeprefix(PAGE_MARK) for anchor, place in prose.anchors.items() if anchor.startswith(PAGE_MARK)
    }
    found |= {places[anchor]: label for anchor, label in listed if anchor in places}
    starts = {}
    for place, label in sorted(found.items()):
        # A page that begins inside a word begins for us after it.
        while 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum():
            place += 1
        starts[place] = label
    return starts


def _prose(book: _Book, name: str) -> Prose | None:
    """The text of a chapter; None where it is garbled."""
    data = book.archive.read(name)
    text = decode_bytes(data)
    if text is None:
        return None
    prose = Prose()
    if name.lower().endswith(".txt"):
        for line in text.split("\n"):
            prose.write(line)
            prose.break_line()
        return prose
    root = parse_xhtml(data, book.path.name)
    if local_name(root) == "svg":
        show_images(root, prose)
        _write_drawing(root, prose)
    else:
        write_html(root, prose, styles=StyleSheet(_styles(book, name, root)))
        if not prose.length:
            for drawing in descendants(root, "svg"):
                _write_drawing(drawing, prose)
    return prose


def _styles(book: _Book, name: str, root: etree._Element) -> Iterator[str]:
    for element in root.iter():
        kind = local_name(element)
        if kind == "style":
            yield all_text(element)
        elif kind == "link" and "stylesheet" in element.get("rel", "").lower():
            sheet = book.find(_resolve(posixpath.dirname(name), element.get("href", ""))[0])
            if sheet is not None:
                yield decode_bytes(book.archive.read(sheet)) or ""


def _write_drawing(root: etree._Element, prose: Prose) -> None:
    """Add the words in a drawing, each text on a line of its own."""
    for element in root.iter():
        if local_name(element) == "text":
            prose.write(all_text(element))
            prose.end_line()
        elif local_name(element) == "foreignobject":
            write_html(element, prose)
    prose.end_paragraph()


def _plain_name(name: str) -> str:
    return unicodedata.normalize("NFC", posixpath.normpath(name)).casefold()


def _package_name(book: _Book) -> str:
    container = book.find("META-INF/container.xml")
    rootfiles = descendants(book.archive.xml(container, mend=True), "rootfile") if container else []
    named = [file for file in rootfiles if file.get("full-path")]
    # A container may list the same book as a PDF, too.
    named.sort(key=lambda file: file.get("media-type", "").strip().lower() != _PACKAGE_TYPE)
    listed = [file.get("full-path", "") for file in named]
    packages = [name for name in book.archive.names if name.lower().endswith(".opf")]
    for reference in (*(name for name in listed if not name.lower().endswith(".pdf")), *packages):
        found = book.find(posixpath.normpath(unquote(reference).replace("\\", "/").lstrip("/")))
        if found:
            return found
    raise book.archive.damaged()


def _refuse_encrypted(archive: Archive, path: Path, names: list[str]) -> None:
    if "META-INF/encryption.xml" not in archive:
        return
    locked = set()
    for data in descendants(archive.xml("META-INF/encryption.xml", mend=True), "encrypteddata"):
        if not any(method.get("Algorithm") in _FONT_SCRAMBLING for method in descendants(data, "encryptionmethod")):
            locked |= {_resolve("", reference.get("URI", ""))[0] for reference in descendants(data, "cipherreference")}
    if locked.intersection(names):
        raise drm_error(path)


def _contents(book: _Book) -> _Contents:
    """The book's table of contents, from EPUB 3's navigation document or else EPUB 2's NCX."""
    return _from_navigation(book, "toc", "doc-toc") or _from_ncx(book, "navpoint")


def _printed_pages(book: _Book) -> _Contents:
    """The book's list of its printed pages, from the navigation document, the NCX or Adobe's page map."""
    found = _from_navigation(book, "page-list", "doc-pagelist") or _from_ncx(book, "pagetarget") or _from_page_map(book)
    return [(name, anchor, page_label(label)[:_PAGE_LABEL_CHARS]) for name, anchor, label in found]


def _from_navigation(book: _Book, kind: str, role: str) -> _Contents:
    for item in book.items.values():
        if "nav" not in item.get("properties", "").split():
            continue
        name = book.member(item)
        if name is None:
            continue
        for navigation in descendants(parse_xhtml(book.archive.read(name), book.path.name), "nav"):
            kinds = navigation.get(_EPUB_TYPE, navigation.get("epub:type", "")).split()
            if kind not in kinds and navigation.get("role") != role:
                continue
            found = [
                (*book.target(name, link.get("href", "")), title)
                for link in descendants(navigation, "a")
                if (title := one_line(link))
            ]
            if found:
                return found
    return []


def _from_ncx(book: _Book, kind: str) -> _Contents:
    spine = next(iter(descendants(book.package, "spine")), None)
    item = book.items.get(spine.get("toc", "")) if spine is not None else None
    if item is None:
        item = next((one for one in book.items.values() if one.get("media-type") == "application/x-dtbncx+xml"), None)
    name = book.member(item) if item is not None else None
    if name is None:
        return []
    found = []
    for point in descendants(book.archive.xml(name, mend=True), kind):
        labels = [inner for inner in point if local_name(inner) == "navlabel"]
        contents = [inner for inner in point if local_name(inner) == "content"]
        title = one_line(labels[0]) if labels else point.get("value", "")
        if title and contents:
            found.append((*book.target(name, contents[0].get("src", "")), title))
    return found


def _from_page_map(book: _Book) -> _Contents:
    for item in book.items.values():
        if item.get("media-type") == "application/oebps-page-map+xml" and (name := book.member(item)):
            return [
                (*book.target(name, page.get("href", "")), page.get("name", ""))
                for page in descendants(book.archive.xml(name, mend=True), "page")
                if page.get("name")
            ]
    return []


def _resolve(folder: str, reference: str, own_name: str = "") -> tuple[str, str]:
    """Split a reference into the member's name, as seen from `folder`, and the anchor in it."""
    target, _, anchor = reference.partition("#")
    path = unquote(target)
    # A path from the root of the archive is seen from no folder.
    name = (
        posixpath.normpath(posixpath.join("" if path.startswith("/") else folder, path.lstrip("/")))
        if target
        else own_name
    )
    return name, unquote(anchor)
