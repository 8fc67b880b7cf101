"""The few rules of a style sheet that change what a text says: raised and lowered letters, and how lists count.

Selectors are of tags, classes and ids; siblings, states, media and specificity are left aside. A list's own attributes,
such as `start`, are read here too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from lxml import etree

from reader.documents.archive import local_name
from reader.documents.counting import NUMBERED, by_symbols, counted
from reader.documents.prose import BULLET

_MOST_CHARS = 2_000_000
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_COUNTER_STYLE = re.compile(r"@counter-style\s+([\w-]+)\s*$", re.I)
_DECLARATION = re.compile(r"([a-z-]+)\s*:\s*([^;]+)")
_LAST = re.compile(r"([a-z][a-z0-9]*)?((?:[.#][\w-]+)*)(::?(?:before|marker|first-letter))?$", re.IGNORECASE)
_PART = re.compile(r"[.#][\w-]+")
_COMBINATORS = re.compile(r"[\s>]+")
_Compound = tuple[str, frozenset[str]]
"""A part of a selector: its tag, and its classes and id with their marks."""
_WANTED = frozenset(
    [
        "vertical-align",
        "list-style",
        "list-style-type",
        "font-variant-position",
        "baseline-shift",
        "transform",
        "counter-reset",
        "counter-increment",
        "counter-set",
        "content",
        "float",
        "position",
        "top",
        "bottom",
        "display",
        "font-family",
        "font-size",
        "text-decoration",
        "text-decoration-line",
    ]
)

_LENGTH = r"(?=[\d.]*[1-9])\d*\.?\d+(?:em|ex|px|pt|%|rem)"
_RAISED = re.compile(rf"super|text-top|\+?{_LENGTH}")
_LOWERED = re.compile(rf"sub|-{_LENGTH}")
_MOVED = re.compile(r"translatey\(\s*(-?)[\d.]*[1-9]", re.I)
_DIGITS = re.compile(r"[+\-−–]?\d{1,4}[+\-−–]?")

STRUCK = {"del", "s", "strike"}
"""Elements whose text is struck."""
BOXES = frozenset(("block", "flex", "grid", "inline-flex", "inline-grid", "list-item"))
"""How elements are shown whose letters, or whose children's, do not run on in a line."""

Declarations = dict[str, str]
_Rule = tuple[tuple[_Compound, ...], Declarations]
"""A selector, its last part first, and what holds where it means an element."""
_MOST_KNOWN = 4096


def declarations(text: str) -> Declarations:
    """Return what a style attribute, or the inside of a rule, declares."""
    found = {}
    for name, value in _DECLARATION.findall(text.lower() if "content" not in text else text):
        found[name.lower()] = value.replace("!important", "").strip()
    return found


class StyleSheet:
    """The rules of a page's style sheets that matter here."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        # By pseudo-element and by one of the names in the selector, so that an element meets few rules.
        self._rules: dict[tuple[str, str], list[_Rule]] = {}
        self._counter_styles: dict[str, Declarations] = {}
        self._known: dict[tuple[str, str, str, str], list[_Rule]] = {}
        for text in texts:
            self._add(_COMMENT.sub("", text[:_MOST_CHARS]))

    def _add(self, text: str) -> None:
        for selectors, body in _RULE.findall(text):
            if (named := _COUNTER_STYLE.search(selectors)) and len(self._counter_styles) < _MOST_KNOWN:
                self._counter_styles[named[1].lower()] = {
                    name.lower(): value.strip() for name, value in _DECLARATION.findall(body)
                }
                continue
            wanted = {name: value for name, value in declarations(body).items() if name in _WANTED}
            if not wanted:
                continue
            for selector in selectors.split(","):
                compounds = [_LAST.fullmatch(part) for part in _COMBINATORS.sub(" ", selector).split()]
                # Selectors of siblings, states and attributes are left aside.
                if not compounds or not all(compounds) or "+" in selector or "~" in selector:
                    continue
                read = tuple(((part[1] or "").lower(), frozenset(_PART.findall(part[2]))) for part in compounds if part)
                pseudo = ((compounds[-1] or [""] * 4)[3] or "").lstrip(":").lower()
                tag, parts = read[-1]
                if tag or parts:
                    self._rules.setdefault((pseudo, min(parts, default=tag)), []).append((read[::-1], wanted))

    def mark_of(self, kind: str, number: int) -> str | None:
        """Return an item's mark by a counter style of the sheet's own, such as "(a) " or "Article 3: "; None without one."""
        style = self._counter_styles.get(kind.lower())
        if style is None:
            return None
        system, *of = style.get("system", "symbolic").lower().split() or ["symbolic"]
        symbols = _strings(style.get("symbols", ""))
        if system == "extends":
            text = counted(number, of[0] if of and of[0] in NUMBERED else "decimal")
        else:
            first = _integer(of[0]) if of else None
            text = by_symbols(system, symbols, number, 1 if first is None else first)
        before, after = _strings(style.get("prefix", "''")), _strings(style.get("suffix", "'. '"))
        return f"{''.join(before)}{text}{''.join(after).rstrip()} "

    @property
    def has_rows(self) -> bool:
        """Whether some rule shows elements as the rows of a table."""
        return any(wanted.get("display") == "table-row" for rules in self._rules.values() for _, wanted in rules)

    @property
    def has_boxes(self) -> bool:
        """Whether some rule sets elements apart that usually run on in their line."""
        return any(wanted.get("display") in BOXES for rules in self._rules.values() for _, wanted in rules)

    @property
    def has_counters(self) -> bool:
        """Whether some rule counts."""
        return any("counter-increment" in wanted for rules in self._rules.values() for _, wanted in rules)

    def _meant(self, pseudo: str, element: etree._Element) -> list[_Rule]:
        """The rules whose last part means an element, whatever is above it; many elements share their names."""
        named = (pseudo, local_name(element), element.get("class", ""), element.get("id", ""))
        if named not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            _, tag, *own = named
            names = _names(*own)
            self._known[named] = [
                (compounds, wanted)
                for key in (tag, *sorted(names))
                for compounds, wanted in self._rules.get((pseudo, key), ())
                if compounds[0][0] in ("", tag) and compounds[0][1] <= names
            ]
        return self._known[named]

    def of(self, element: etree._Element, pseudo: str = "") -> Declarations:
        """Return what holds for an element: the rules that name it, then its own style attribute."""
        found: Declarations = {}
        for compounds, wanted in self._meant(pseudo, element) if self._rules else ():
            if len(compounds) == 1 or _fits(element.getparent(), compounds[1:]):
                found |= wanted
        if not pseudo and (own := element.get("style")):
            found |= declarations(own)
        return found

    def strikes(self, element: etree._Element) -> bool:
        """Whether an element's own text is struck, by its name or by a style."""
        style = self.of(element)
        return local_name(element) in STRUCK or any(
            "line-through" in style.get(name, "") for name in ("text-decoration", "text-decoration-line")
        )


@functools.lru_cache(maxsize=4096)
def _names(classes: str, own_id: str) -> frozenset[str]:
    """An element's classes and id with the marks that they have in selectors."""
    names = {f".{name}" for name in classes.split()}
    return frozenset(names | {f"#{own_id}"} if own_id else names)


def _fits(above: etree._Element | None, compounds: tuple[_Compound, ...]) -> bool:
    """Whether the parts of a selector before its last, the nearest first, mean an element or some above it."""
    at = above
    for tag, parts in compounds:
        while at is not None and not (
            (not tag or tag == local_name(at)) and parts <= _names(at.get("class", ""), at.get("id", ""))
        ):
            at = at.getparent()
        if at is None:
            return False
        at = at.getparent()
    return True


def script_of(style: Declarations, text: str = "") -> str:
    """Return "raised" or "lowered" where the style of an element with this text says so, else ""."""
    place = style.get("vertical-align") or style.get("font-variant-position") or style.get("baseline-shift", "")
    if not place and "font-size" in style and (moved := _MOVED.match(style.get("transform", ""))):
        place = "super" if moved[1] else "sub"
    # Words that are moved a little are set with care; letters that are smaller, and digits, are scripts.
    if not place and style.get("position") == "relative" and ("font-size" in style or _DIGITS.fullmatch(text.strip())):
        top, bottom = style.get("top", ""), style.get("bottom", "")
        place = (top.removeprefix("-") if top.startswith("-") else f"-{top}") if top else bottom
    if _RAISED.fullmatch(place):
        return "raised"
    return "lowered" if _LOWERED.fullmatch(place) else ""


def list_style_of(style: Declarations) -> str:
    """Return the type of a list's marks, such as "lower-roman" or "none"; "" where the style does not say."""
    if (kind := style.get("list-style-type", "")) and kind not in ("inherit", "initial", "unset", "revert"):
        return kind
    words = [word for word in style.get("list-style", "").split() if word not in ("inside", "outside")]
    return next((word for word in words if not word.startswith(("url(", "inherit", "initial"))), "")


LIST_TYPES = {"1": "decimal", "a": "lower-alpha", "A": "upper-alpha", "i": "lower-roman", "I": "upper-roman"}
"""The styles of counting by the sign that HTML and OpenDocument have for each."""


class List:
    """How a list counts, by its style and by its own attributes."""

    def __init__(self, kind: str, number: int, step: int, *, is_ordered: bool) -> None:
        self._kind, self._number, self._step, self._is_ordered = kind, number, step, is_ordered

    @classmethod
    def of(cls, name: str, element: etree._Element, styles: StyleSheet) -> List:
        """Return the count of a list that begins; `name` is its element's local name."""
        is_ordered = name == "ol"
        kind = LIST_TYPES.get(element.get("type", ""), "decimal" if is_ordered else "disc")
        kind = list_style_of(styles.of(element)) or kind
        start, step = _integer(element.get("start")), 1
        for counter, value in _pairs(styles.of(element).get("counter-reset", ""), 0):
            start = value + 1 if counter == _ITEM_COUNTER and start is None else start
        if is_ordered and "reversed" in element.attrib:
            step = -1
            if start is None:
                start = sum(local_name(item) == "li" for item in element)
        return cls(kind, 1 if start is None else start, step, is_ordered=is_ordered)

    def next_mark(self, item: etree._Element, styles: StyleSheet) -> str:
        """Count an item; return the mark before it, "" where it has none."""
        kind = LIST_TYPES.get(item.get("type", "")) or list_style_of(styles.of(item)) or self._kind
        value = _integer(item.get("value"))
        number = self._number if value is None else value
        self._number = number + self._step
        own = styles.of(item, "marker").get("content", "")
        if _ITEM_COUNTER in own or "attr(" in own:
            return _content(own, item, number)
        before = styles.of(item, "before").get("content", "")
        if _ITEM_COUNTER in before or "attr(" in before:
            shown = list_style_of(styles.of(item)) or self._kind
            return (self._plain_mark(kind, number, styles) if shown != "none" else "") + _content(before, item, number)
        return self._plain_mark(kind, number, styles)

    def _plain_mark(self, kind: str, number: int, styles: StyleSheet) -> str:
        if kind[:1] in "\"'" and len(kind) > 2:
            return f"{kind.strip(kind[0]).strip()} "
        if (mark := styles.mark_of(kind, number)) is not None:
            return mark
        kind = kind.lower()
        if kind in NUMBERED:
            return f"{counted(number, kind)}. "
        if self._is_ordered and kind not in ("disc", "circle", "square"):
            return "" if kind == "none" else f"{number}. "
        return BULLET


def _content(content: str, item: etree._Element, number: int) -> str:
    """What a style sheet puts before an item, with the item's number and its attributes."""
    out = ""
    for double, single, named, counter in _ITEM_TOKEN.findall(content):
        kind = counter.partition(",")[2].strip() or "decimal"
        out += counted(number, kind) if counter else item.get(named.strip(), "") if named else double or single
    return f"{out.strip()} " if out.strip() else ""


_ITEM_COUNTER = "list-item"
"""The counter that each list has."""
_ITEM_TOKEN = re.compile(r"\"([^\"]*)\"|'([^']*)'|attr\(([^()]*)\)|counters?\((\s*list-item[^()]*)\)")


def _strings(value: str) -> list[str]:
    """The strings and names that a declaration lists."""
    return [quoted or single or name for quoted, single, name in _STRING.findall(value)]


_STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s\"']+)")


def _integer(text: str | None) -> int | None:
    match = re.match(r"\s*([+-]?\d{1,9})", text or "")
    return int(match[1]) if match else None


_TOKEN = re.compile(r"\"([^\"]*)\"|'([^']*)'|counters?\(([^()]*)\)")
_MOST_COUNTERS = 64


class Counters:
    """The counters of a style sheet, such as those that number clauses by `content: counters(item, ".")`."""

    def __init__(self, styles: StyleSheet) -> None:
        self._styles = styles
        self._values: dict[str, list[list[int]]] = {}
        """(depth, value) of each counter, the outermost first."""

    def enter(self, element: etree._Element, depth: int) -> str:
        """Count an element in; return the text that is put before it, "" where no counter is in that."""
        own, before = self._styles.of(element), self._styles.of(element, "before")
        marker = self._styles.of(element, "marker")
        for style in (own, before, marker):
            for name, value in _pairs(style.get("counter-reset", ""), 0):
                stack = self._values.setdefault(name, [])
                while stack and stack[-1][0] >= depth:
                    stack.pop()
                if len(stack) < _MOST_COUNTERS:
                    stack.append([depth, value])
            for name, step in _pairs(style.get("counter-increment", ""), 1):
                stack = self._values.setdefault(name, [])
                if not stack:
                    stack.append([depth, 0])
                stack[-1][1] += step
            for name, value in _pairs(style.get("counter-set", ""), 0):
                if stack := self._values.get(name, []):
                    stack[-1][1] = value
        content = next((style["content"] for style in (before, marker) if _counts(style.get("content", ""))), "")
        return "".join(self._token(match) for match in _TOKEN.finditer(content)) if content else ""

    def leave(self, depth: int) -> None:
        """Forget the counters of what is inside an element that ends."""
        for stack in self._values.values():
            while stack and stack[-1][0] > depth:
                stack.pop()

    def _token(self, match: re.Match[str]) -> str:
        if match[3] is None:
            return match[1] or match[2] or ""
        words = [
            word.strip().strip("\"'") if index != 1 else word.strip() for index, word in enumerate(match[3].split(","))
        ]
        values = [value for _, value in self._values.get(words[0].lower(), self._values.get(words[0], [[0, 0]]))]
        kind = "decimal"
        if match[0].startswith("counters"):
            kind = words[2] if len(words) > 2 else kind
            separator = words[1].strip("\"'") if len(words) > 1 else "."
            return separator.join(counted(value, kind) for value in values)
        kind = words[1] if len(words) > 1 else kind
        return counted(values[-1] if values else 0, kind)


def _counts(content: str) -> bool:
    """Whether a content has a counter of the sheet's own."""
    return "counter" in content and _ITEM_COUNTER not in content


def _pairs(text: str, default: int) -> list[tuple[str, int]]:
    """The names and numbers in "item 2 note"."""
    found: list[tuple[str, int]] = []
    for word in text.split():
        if re.fullmatch(r"-?\d{1,6}", word) and found:
            found[-1] = (found[-1][0], int(word))
        elif word != "none":
            found.append((word.lower(), default))
    return found
