"""HTML: the text of a saved page, a page of the document for each part between headings.

What the page itself marks as navigation, banner, complement, hidden or not to be printed is left out, and where it marks its main
part and most of the text is in it, so is the rest. A title block, notes that links lead to, and the header and footer of a page
without a main part are its own. There is no guess beyond that: the libraries that guess the main text are made for news
articles, and of books and specifications in one page they dropped up to nine tenths. Nothing is fetched or run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from reader.documents.archive import local_name
from reader.documents.encodings import declared_encoding, decode_bytes
from reader.documents.markup import Prose, all_text, write_html
from reader.documents.text import Parsed, chosen_title, split_sections
from reader.documents.trees import parse_html
from reader.errors import DocumentError

_AROUND_TAGS = {"aside", "footer", "header", "nav", "search"}
# What these say is the same as a tag.
_ROLE_TAGS = {"banner": "header", "complementary": "aside", "contentinfo": "footer"}
_AROUND_ROLES = {"banner", "complementary", "contentinfo", "dialog", "menu", "navigation", "search", "toolbar"}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_TITLE_BLOCK = re.compile(
    r"title-?(?:block|page)|(?:article|document|entry|paper|post|story)-?header|front-?matter|abstract|footnotes?|endnotes?|references|bibliography",
    re.I,
)
_SITE_WORDS = re.compile(r"©|\(c\)|copyright|all rights reserved|cookie|privacy|powered by|imprint|impressum", re.I)
_MATH_WRAPPER = re.compile(r"math|katex|mwe|mjx|tex", re.I)
_MOST_LINKED = 0.5
_UNPRINTED = re.compile(
    r"(?<!\S)(?:no-?print|hidden-print|d-print-none|print:hidden|mw-(?:editsection|hidden-catlinks|jump-link|portlet))(?!\S)"
)
"""What stands on the screen to be clicked: the usual names of what is not printed, and a wiki's links to edit and its menus."""
_CONSENT = re.compile(r"cookie|consent|gdpr|onetrust|didomi", re.I)
_SHARING = re.compile(
    r"(?<![\w-])(?:shar(?:e|ing)|social)(?:-(?:bar|buttons?|icons?|links?|list|media|this|tools))?(?![\w-])", re.I
)
"""In the names of what asks for consent, and of links to share a page."""
_ASKS_CONSENT = re.compile(
    r"\b(?:accept|agree|allow|reject|decline|akzeptieren|zustimmen|ablehnen|accepter|refuser|aceptar|rechazar)", re.I
)
_MOST_CONSENT_CHARS = 3_000
_FRAMING = ("iframe", "object", "embed")
_NOTES_HEADING = re.compile(r"(?:foot|end)?notes|references|bibliography|sources|works cited", re.I)
_LEAST_FRAMELESS_CHARS = 400
_MOST_NOTICE_CHARS = 150
_NO_FRAMES = re.compile(r"\bi?frames?\b", re.I)
_NEEDS_SCRIPT = re.compile(r"java\s?script|browser", re.I)
_MOST_FRAMES = 8
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    Raises DocumentError where the file is no text, only frames other files, or is nested too deep to be read to its end.
    """
    root = root_of(path)
    title = next((element.text or "" for element in root.iter("title")), "")
    return chosen_title(title, path), split_sections(_prose(root, path).sections())


def illustrated(path: Path) -> Iterator[tuple[Prose, Callable[[str], str | None]]]:
    """Yield the text; a picture in it is the data in its address, or none."""
    yield _prose(root_of(path), path), lambda source: source if source.startswith("data:") else None


def root_of(path: Path) -> etree._Element:
    data = path.read_bytes()
    text = decode_bytes(data, declared_encoding(data))
    if text is None:
        raise DocumentError(f"{path.name!r} is not HTML (it holds binary data): save a new copy of the page.")
    return parse_html(text, path.name)


def _prose(root: etree._Element, path: Path) -> Prose:
    prose = _unframed_prose(root, path) if _frames(root) else main_prose(root)
    return prose if prose.text.strip() else _unscripted_prose(root)


def _frames(root: etree._Element) -> list[str]:
    """The files that a page frames, where it has no text of its own."""
    framed = [element.get("src", "").strip() for element in root.iter("frame")]
    if not framed and next(root.iter("frameset"), None) is None:
        framed = [
            (element.get("src") or element.get("data", "")).strip()
            for element in root.iter(*_FRAMING)
            if not element.get("srcdoc")
        ]
        text = main_prose(root).text.strip() if framed else ""
        if not framed or (text and not (len(text) < _MOST_NOTICE_CHARS and _NO_FRAMES.search(text))):
            return []
    return [source for source in framed if source] or ["no file"]


def _unframed_prose(root: etree._Element, path: Path) -> Prose:
    """What a frameset page says to those who see no frames, where that is its text."""
    prose = Prose()
    for element in root.iter("noframes"):
        # The parser takes what is inside for letters.
        inner = "".join([element.text or "", *(etree.tostring(child, encoding="unicode") for child in element)])
        write_html(parse_html(inner, path.name), prose)
    if len(prose.text) < _LEAST_FRAMELESS_CHARS:
        names = _frames(root)
        shown = ", ".join(names[:_MOST_FRAMES]) + (" …" if len(names) > _MOST_FRAMES else "")
        raise DocumentError(f"{path.name!r} only frames other files ({shown}): add those instead.")
    return prose


def _unscripted_prose(root: etree._Element) -> Prose:
    """What a page that a script fills says without it, unless that is only that it needs one."""
    prose = Prose()
    for element in root.iter("noscript"):
        element.tag = "div"
        write_html(element, prose)
    is_notice = len(prose.text) < _MOST_NOTICE_CHARS and _NEEDS_SCRIPT.search(prose.text)
    return Prose() if is_notice else prose


def main_prose(root: etree._Element) -> Prose:
    """Return what a page says, without what is around it."""
    around = _Surroundings(root)
    whole = Prose()
    write_html(root, whole, skip=around.elements)
    main = Prose()
    for element in root.iter():
        if (local_name(element) == "main" or element.get("role") == "main") and not is_hidden(element):
            skip = {inner for inner in element.iter() if inner is not element and inner in around.elements}
            if around.title_block is not None:
                write_html(around.title_block, main, skip=skip)
            write_html(element, main, skip=skip)
            for notes in around.notes:
                if element not in notes.iterancestors():
                    write_html(notes, main, skip=around.elements)
            break
    return main if main.length > whole.length / 2 else whole


class _Surroundings:
    """What of a page is not its text."""

    def __init__(self, root: etree._Element) -> None:
        self._targets = {
            link.get("href", "")[1:] for link in root.iter("a") if link.get("href", "").startswith("#")
        } - {""}
        self._has_main = any(
            local_name(element) in ("article", "main") or element.get("role") == "main" for element in root.iter()
        )
        self._titles = list(root.iter("h1"))
        self.title_block: etree._Element | None = None
        """The header outside the main part that holds the page's title."""
        self.notes: list[etree._Element] = []
        """Footers and asides with notes or sources."""
        self.elements = {element for element in root.iter() if self._is_around(element)}

    def _is_around(self, element: etree._Element) -> bool:
        if not isinstance(element.tag, str):
            return False
        if is_hidden(element):
            return not _is_hidden_math(element)
        if _UNPRINTED.search(element.get("class", "")) and local_name(element) not in ("body", "html"):
            return True
        name, role = local_name(element), element.get("role")
        names = f"{element.get('id', '')} {element.get('class', '')}"
        if (_CONSENT.search(names) and _asks_consent(element)) or (_SHARING.search(names) and _is_linked(element)):
            return True
        if name == "nav" or (role in _AROUND_ROLES and not self._is_own(element, name)):
            return True
        # Inside an article a header is its title and an aside its margin.
        if name not in _AROUND_TAGS or any(
            local_name(above) in ("article", "main", "section") for above in element.iterancestors()
        ):
            return False
        return not self._is_own(element, name)

    def _is_own(self, element: etree._Element, name: str) -> bool:
        """Whether a header, a footer or an aside belongs to the page's text."""
        name = _ROLE_TAGS.get(element.get("role", ""), name)
        if name not in ("header", "footer", "aside") or element.get("role") in ("navigation", "search", "menu"):
            return False
        if name != "header" and not _is_of_site(element) and self._is_led_to(element):
            self.notes.append(element)
            return True
        if name != "header" and any(
            _NOTES_HEADING.fullmatch(all_text(one).strip(" :\n\t")) for one in element.iter(*_HEADINGS)
        ):
            self.notes.append(element)
            return True
        if _TITLE_BLOCK.search(f"{element.get('id', '')} {element.get('class', '')}"):
            self._keep_title_block(element, name)
            return True
        holds_title = len(self._titles) == 1 and self._titles[0] in element.iterdescendants()
        if name == "header" and holds_title and not _is_of_site(element):
            self._keep_title_block(element, name)
            return True
        return not self._has_main and not _is_of_site(element)

    def _is_led_to(self, element: etree._Element) -> bool:
        """Whether the page links to places in an element, as a text does to its notes."""
        return bool(self._targets) and any(
            inner.get("id") in self._targets or (local_name(inner) == "a" and inner.get("name") in self._targets)
            for inner in element.iterdescendants()
        )

    def _keep_title_block(self, element: etree._Element, name: str) -> None:
        if name == "header" and self.title_block is None:
            self.title_block = element


def _is_of_site(element: etree._Element) -> bool:
    """Whether a header, a footer or an aside is the site's: links, or lines about rights."""
    has_navigation = any(local_name(inner) in ("nav", "form", "search") for inner in element.iter())
    return has_navigation or _is_linked(element) or bool(_SITE_WORDS.search(" ".join(all_text(element).split())))


def _is_linked(element: etree._Element) -> bool:
    """Whether most of an element's text is links."""
    linked = sum(len(" ".join(all_text(link).split())) for link in element.iter("a"))
    return linked > _MOST_LINKED * len(" ".join(all_text(element).split()))


def _asks_consent(element: etree._Element) -> bool:
    """Whether an element is a notice that asks to accept cookies, and holds nothing else of the page."""
    if local_name(element) in ("body", "html", "main", "article", "h1"):
        return False
    text = all_text(element)
    is_notice = len(text) <= _MOST_CONSENT_CHARS and "cookie" in text.lower() and bool(_ASKS_CONSENT.search(text))
    inner = list(element.iter(etree.Element)) if is_notice else []
    return any(map(_is_button, inner)) and not any(local_name(one) in ("article", "h1", "main") for one in inner)


def _is_button(element: etree._Element) -> bool:
    name = local_name(element)
    return name == "button" or element.get("role") == "button" or (name == "a" and "btn" in element.get("class", ""))


def is_hidden(element: etree._Element) -> bool:
    """Return whether a page hides an element."""
    # A page that a script shows later hides its body until then.
    hidden = element.get("hidden", "until-found") != "until-found" or (
        local_name(element) == "dialog" and "open" not in element.attrib
    )
    hidden = hidden or bool(_HIDDEN_STYLE.search(element.get("style", "")))
    return hidden and local_name(element) not in ("body", "html")


def _is_hidden_math(element: etree._Element) -> bool:
    """Whether what is hidden is the text of a formula, shown as a picture or by a script beside it."""
    if not any(local_name(inner) == "math" for inner in element.iter()):
        return False
    parent = element.getparent()
    near = [element] if parent is None else [element, parent, *parent]
    return any(_MATH_WRAPPER.search(other.get("class", "")) or local_name(other) == "img" for other in near)
