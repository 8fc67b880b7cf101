"""Formulas on one line: MathML, Word's equations and TeX as x^2, 1/2, √(a+b), ∑_(i=1)^n.

A fraction keeps its bar, a power its mark and a matrix its rows; spacing and style are left out. Word's equations are
put into MathML, and TeX is by latex2mathml, so that one writer does for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree

from reader.documents.archive import attribute, local_name
from reader.documents.symbols import symbol

_MOST_LEVELS = 60
_MOST_TEX_CHARS = 4000
# Equations below one another, as a table of their sides, and names of substances.
_ALIGNED = re.compile(r"(\\(?:begin|end))\{(?:align(?:ed|at|edat)?|eqnarray|gather(?:ed)?|multline|split)\*?\}")
_CHEMISTRY = re.compile(r"\\ce\s*\{")
_EQUATIONS = "equations"
_RELATION = re.compile(r"[=<>≤≥≈≡∼≃≅≠∝→⇒⇔↦]")
_SIGN = re.compile(r"[=<>≤≥≈≡∼≃≅≠∝→⇒⇔↦+\-−±×·]")

_UNSEEN = {"annotation", "annotation-xml", "mphantom", "maligngroup", "malignmark", "none", "mprescripts"}
_INVISIBLE = str.maketrans({"\u2061": "", "\u2062": "", "\u2063": "", "\u200b": "", "\u2064": " ", "\xa0": " "})
_ACCENTS = {
    "^": "\u0302",
    "ˆ": "\u0302",
    "\u0302": "\u0302",
    "~": "\u0303",
    "˜": "\u0303",
    "\u0303": "\u0303",
    "¯": "\u0304",
    "‾": "\u0304",
    "_": "\u0304",
    "\u0305": "\u0304",
    "―": "\u0304",
    "\u0304": "\u0304",
    "˙": "\u0307",
    ".": "\u0307",
    "\u0307": "\u0307",
    "¨": "\u0308",
    "\u0308": "\u0308",
    "→": "\u20d7",
    "\u20d7": "\u20d7",
    "ˇ": "\u030c",
    "\u030c": "\u030c",
}
_PRIMES = {"′", "″", "‴", "'", "∘", "°", "†", "‡"}
_BARE = re.compile(r"[+\-−±]?[\w.∞°%′″\u0300-\u036f\u20d7]+")
_UNSIGNED = re.compile(r"[\w.∞°%′″\u0300-\u036f\u20d7]+|[√∛∜](?:\w+|\([^()]*\))")
_OPENING, _CLOSING = "([{⟨|‖⌊⌈", ")]}⟩|‖⌋⌉"
_ROOTS = {"2": "√", "3": "∛", "4": "∜"}


def mathml(element: etree._Element) -> str:
    """Return a MathML element on one line; its TeX where the MathML is empty."""
    text = _tidy(_write(element, 0))
    return text or tex(element.get("alttext", "") or _annotation(element))


def omml(element: etree._Element) -> str:
    """Return one of Word's equations (m:oMath) on one line."""
    return _tidy(_write(_from_omml(element, 0), 0))


def tex(source: str) -> str:
    """Return a TeX formula on one line; as it is where it cannot be understood."""
    source = " ".join(source.split()).strip("$ ")
    if not source or len(source) > _MOST_TEX_CHARS:
        return source
    from latex2mathml.converter import convert

    try:
        text = mathml(etree.fromstring(convert(_CHEMISTRY.sub(r"\\mathrm{", _ALIGNED.sub(r"\1{matrix}", source)))))
    except MemoryError:
        raise
    except Exception:  # what people write between dollars is not always TeX
        return source
    return text or source


def _annotation(element: etree._Element) -> str:
    found = [inner for inner in element.iter() if local_name(inner) == "annotation" and inner.text]
    return next((inner.text or "" for inner in found if "tex" in inner.get("encoding", "").lower()), "")


def _tidy(text: str) -> str:
    return " ".join(text.translate(_INVISIBLE).split())


# --- MathML


def _write(element: etree._Element, level: int) -> str:
    name = local_name(element)
    if name in _UNSEEN or not name:
        return ""
    if level > _MOST_LEVELS:
        return "".join(element.itertext())
    children = [inner for inner in element if local_name(inner) and local_name(inner) not in _UNSEEN]
    if name in ("mi", "mn", "mo", "mtext", "ms"):
        text = "".join(element.itertext())
        return text if name == "mtext" else text.strip()
    if name == "mspace":
        return " " if element.get("linebreak") or not element.get("width", "").startswith(("0em", "-")) else ""
    if name == "semantics":
        return _write(children[0], level + 1) if children else ""
    writer = _WRITERS.get(name)
    if writer is not None and len(children) >= _LEAST_CHILDREN.get(name, 0):
        return writer(element, children, level + 1)
    return _row(children, level + 1)


def _row(children: list[etree._Element], level: int) -> str:
    out = last = ""
    for index, child in enumerate(children):
        piece = _write(child, level)
        if not piece:
            continue
        if local_name(child) == "mfrac":
            after = next((text for other in children[index + 1 :] if (text := _write_edge(other, level))), "")
            if "/" in piece and (after[:1].isalnum() or (after[:1] in "([√" and after) or out[-1:].isalpha()):
                piece = f"({piece})"
        if local_name(child) == "mtable" and (not out or out[-1] not in _OPENING) and not _is_aligned(child, level):
            piece = f"[{piece}]"
        # Letters that stand alone may be those of one word, such as a unit's.
        are_letters = len(last) == len(piece) == 1 and last.isalpha() and piece.isalpha()
        out += ("" if are_letters else _gap(out, piece)) + piece
        last = piece
    return out


def _write_edge(element: etree._Element, level: int) -> str:
    """The first characters of an element, without writing all of it."""
    text = next((part.strip() for part in element.itertext() if part.strip()), "")
    return text.translate(_INVISIBLE)


def _gap(before: str, after: str) -> str:
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return ""
    first = after[0]
    if before[-1] == "\u2062" and re.search(r"\d\u2062$", before) and first.isdigit():
        return "·"
    before = before.rstrip("\u2061\u2062\u2063")
    if not before or not (before[-1].isalnum() or before[-1] in "′°") or not (first.isalnum() or first in "√∛∜∑∏∫"):
        return " " if before[-1:] in _CLOSING and re.search(r"[\^_]\([^()]*\)$", before) and first.isalnum() else ""
    if before[-1].isdigit() and first.isdigit():
        return " "
    if re.search(r"[\^_]\w+$", before):
        return " "
    # Names such as "sin" stay apart from what they are applied to.
    word_before, word_after = re.search(r"[^\W\d_]{2,}$", before), re.match(r"[^\W\d_]{2,}", after)
    return " " if word_before or (word_after and before[-1].isalpha()) else ""


def _group(text: str, *, is_base: bool = False) -> str:
    text = text.strip().translate(_INVISIBLE)
    pattern = _UNSIGNED if is_base else _BARE
    return text if not text or pattern.fullmatch(text) or _is_bracketed(text) else f"({text})"


def _is_bracketed(text: str) -> bool:
    if text[0] not in "([{" or text[-1] not in ")]}":
        return False
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0:
            return index == len(text) - 1
    return False


def _fraction(element: etree._Element, children: list[etree._Element], level: int) -> str:
    top, bottom = (_write(child, level) for child in children[:2])
    if re.fullmatch(r"0[a-z%.0]*", element.get("linethickness", "1")):
        return f"{top} choose {bottom}"
    return f"{_group(top)}/{_group(bottom, is_base=True)}"


def _raise(base: str, script: str) -> str:
    script = script.strip().translate(_INVISIBLE)
    if not script:
        return base
    return base + ("°" if script == "∘" else script) if set(script) <= _PRIMES else f"{base}^{_group(script)}"


def _lower(base: str, script: str) -> str:
    script = script.strip().translate(_INVISIBLE)
    return f"{base}_{_group(script)}" if script else base


def _base(text: str) -> str:
    text = text.strip()
    # A sign that sums up and a base with an index of its own need no brackets.
    return text if re.fullmatch(r"\W|.*[^\W\d]_\w+|.*[)\]}|]", text, re.DOTALL) else _group(text, is_base=True)


def _superscript(element: etree._Element, children: list[etree._Element], level: int) -> str:
    base = _write(children[0], level)
    return _raise(base if not base.strip() else _base(base), _write(children[1], level))


def _subscript(element: etree._Element, children: list[etree._Element], level: int) -> str:
    return _lower(_base(_write(children[0], level)), _write(children[1], level))


def _both_scripts(element: etree._Element, children: list[etree._Element], level: int) -> str:
    base, lower, upper = (_write(child, level) for child in children[:3])
    return _raise(_lower(_base(base), lower), upper)


def _over(element: etree._Element, children: list[etree._Element], level: int) -> str:
    base, over = _write(children[0], level), _write(children[1], level).strip()
    if over in _ACCENTS and len(base) == 1:
        return base + _ACCENTS[over]
    if over in _ACCENTS or over in "⏞⏟︷︸":
        return base
    return _raise(_base(base), over)


def _under(element: etree._Element, children: list[etree._Element], level: int) -> str:
    base, under = _write(children[0], level), _write(children[1], level).strip()
    return base if under in _ACCENTS or under in "⏞⏟︷︸" else _lower(_base(base), under)


def _root(element: etree._Element, children: list[etree._Element], level: int) -> str:
    inner, degree = _write(children[0], level), _write(children[1], level).strip()
    if degree in _ROOTS or not degree:
        return _ROOTS.get(degree, "√") + _group(inner, is_base=True)
    return f"root({degree}, {inner})"


def _square_root(element: etree._Element, children: list[etree._Element], level: int) -> str:
    return f"√{_group(_row(children, level), is_base=True)}"


def _fenced(element: etree._Element, children: list[etree._Element], level: int) -> str:
    separators = element.get("separators", ",").replace(" ", "")
    out = element.get("open", "(")
    for index, child in enumerate(children):
        if index and separators:
            out += separators[min(index, len(separators)) - 1]
        out += _write(child, level)
    return out + element.get("close", ")")


def _table(element: etree._Element, children: list[etree._Element], level: int) -> str:
    separator = "" if _is_aligned(element, level) else ", "
    rows = [separator.join(cells) for cells in _cells(children, level)]
    return "; ".join(rows)


def _cells(rows: list[etree._Element], level: int) -> list[list[str]]:
    return [
        [(_row(list(cell), level + 1) or "".join(cell.itertext())).strip() for cell in row if local_name(cell) == "mtd"]
        for row in rows
        if local_name(row) in ("mtr", "mlabeledtr")
    ]


def _is_aligned(table: etree._Element, level: int) -> bool:
    """Whether a table is equations below one another, cut where their signs are."""
    if table.get("columnalign") == _EQUATIONS:
        return True
    rows = [[cell for cell in row if local_name(cell) == "mtd"] for row in table]
    later = [_write_edge(cell, level) for cells in rows for cell in cells[1:]]
    return all(not cell or _SIGN.match(cell) for cell in later) and any(_RELATION.match(cell) for cell in later)


def _prescripts(element: etree._Element, children: list[etree._Element], level: int) -> str:
    before: list[str] = []
    after: list[str] = []
    found = False
    for child in list(element)[1:]:
        if local_name(child) == "mprescripts":
            found = True
        elif local_name(child):
            (before if found else after).append(_write(child, level))
    lead = "".join(f"{mark}{_group(text)}" for text, mark in zip(before, "_^" * len(before), strict=False) if text)
    base = _base(_write(children[0], level))
    for lower, upper in zip(after[::2], [*after[1::2], ""], strict=False):
        base = _raise(_lower(base, lower), upper)
    return lead + base


def _enclosed(element: etree._Element, children: list[etree._Element], level: int) -> str:
    text = _row(children, level)
    return f"√{_group(text, is_base=True)}" if "radical" in element.get("notation", "") else text


_Writer = Callable[[etree._Element, list[etree._Element], int], str]
_WRITERS: dict[str, _Writer] = {
    "mfrac": _fraction,
    "msup": _superscript,
    "msub": _subscript,
    "msubsup": _both_scripts,
    "munderover": _both_scripts,
    "mover": _over,
    "munder": _under,
    "mroot": _root,
    "msqrt": _square_root,
    "mfenced": _fenced,
    "mtable": _table,
    "mmultiscripts": _prescripts,
    "menclose": _enclosed,
    "maction": lambda element, children, level: _write(children[0], level),
}
_LEAST_CHILDREN = {
    "mfrac": 2,
    "msup": 2,
    "msub": 2,
    "msubsup": 3,
    "munderover": 3,
    "mover": 2,
    "munder": 2,
    "mroot": 2,
    "mmultiscripts": 1,
    "maction": 1,
}


# --- Word's equations


def _make(name: str, *children: etree._Element, text: str = "", **attributes: str) -> etree._Element:
    made = etree.Element(name, attributes)
    made.text = text or None
    made.extend(children)
    return made


def _from_omml(element: etree._Element, level: int) -> etree._Element:
    name = local_name(element)
    if level > _MOST_LEVELS:
        return _make("mtext", text="".join(element.itertext()))
    if name in ("r", "t"):
        text = "".join(_run_text(inner) for inner in element.iter())
        return _make("mtext", text=text)
    if name.endswith("pr") or name == "del":  # properties
        return _make("mrow")
    parts: dict[str, etree._Element] = {}
    for child in element:
        parts.setdefault(local_name(child), child)

    def part(key: str) -> etree._Element:
        found = parts.get(key)
        return _make("mrow") if found is None else _make("mrow", *(_from_omml(inner, level + 1) for inner in found))

    properties = parts.get(f"{name}pr")
    maker = _OMML.get(name)
    if maker is not None:
        return maker(part, lambda key, default="": _property(properties, key, default))
    if name in ("d", "eqarr", "m"):
        return _many(name, element, properties, level)
    if name == "phant" and _property(properties, "show", "1") in ("0", "off", "false"):
        return _make("mrow")
    return _make("mrow", *(_from_omml(child, level + 1) for child in element if local_name(child)))


def _run_text(element: etree._Element) -> str:
    name = local_name(element)
    if name == "sym":
        code = attribute(element, "char")
        return symbol(int(code, 16), attribute(element, "font")) if re.fullmatch("[0-9A-Fa-f]{1,5}", code) else ""
    return element.text or "" if name in ("t", "deltext") else ""


def _many(name: str, element: etree._Element, properties: etree._Element | None, level: int) -> etree._Element:
    """Brackets, equations below one another and matrices: those with any number of parts."""

    def inner(part: etree._Element) -> etree._Element:
        return _make("mrow", *(_from_omml(child, level + 1) for child in part))

    if name == "m":
        rows = [[cell for cell in row if local_name(cell) == "e"] for row in element if local_name(row) == "mr"]
        return _make("mtable", *(_make("mtr", *(_make("mtd", inner(cell)) for cell in row)) for row in rows))
    parts = [inner(part) for part in element if local_name(part) == "e"]
    if name == "eqarr":
        for text in (inner for part in parts for inner in part.iter("mtext")):
            # Marks of where the equations stand below one another, and of the number at the margin.
            text.text = (text.text or "").replace("&", "").replace("#", " ")
        return _make("mtable", *(_make("mtr", _make("mtd", part)) for part in parts), columnalign=_EQUATIONS)
    made = _make("mrow", _make("mo", text=_property(properties, "begchr", "(")))
    for index, part in enumerate(parts):
        if index:
            made.append(_make("mo", text=_property(properties, "sepchr", "|")))
        # What is looked at by its neighbours must stand in the same row.
        made.extend(list(part))
    made.append(_make("mo", text=_property(properties, "endchr", ")")))
    return made


def _property(properties: etree._Element | None, key: str, default: str = "") -> str:
    for inner in properties if properties is not None else ():
        if local_name(inner) == key:
            return next((value for at, value in inner.items() if at.rpartition("}")[2] == "val"), "1")
    return default


_Part = Callable[[str], etree._Element]
_Property = Callable[..., str]


def _is_on(value: str) -> bool:
    return value not in ("", "0", "off", "false")


def _radical(part: _Part, get: _Property) -> etree._Element:
    degree = part("deg")
    if _is_on(get("deghide")) or not "".join(degree.itertext()).strip():
        return _make("msqrt", part("e"))
    return _make("mroot", part("e"), degree)


def _sum(part: _Part, get: _Property) -> etree._Element:
    sign = _make("mo", text=get("chr", "∫") or "∫")
    return _make("mrow", _make("munderover", sign, part("sub"), part("sup")), part("e"))


def _bar(part: _Part, get: _Property) -> etree._Element:
    return _make("mover" if get("pos", "bot") == "top" else "munder", part("e"), _make("mo", text="¯"))


_OMML: dict[str, Callable[[_Part, _Property], etree._Element]] = {
    "f": lambda part, get: _make(
        "mfrac", part("num"), part("den"), **({"linethickness": "0"} if get("type") == "noBar" else {})
    ),
    "ssup": lambda part, get: _make("msup", part("e"), part("sup")),
    "ssub": lambda part, get: _make("msub", part("e"), part("sub")),
    "ssubsup": lambda part, get: _make("msubsup", part("e"), part("sub"), part("sup")),
    "spre": lambda part, get: _make("mmultiscripts", part("e"), _make("mprescripts"), part("sub"), part("sup")),
    "rad": _radical,
    "nary": _sum,
    "func": lambda part, get: _make("mrow", part("fname"), _make("mo", text="\u2061"), part("e")),
    "acc": lambda part, get: _make("mover", part("e"), _make("mo", text=get("chr", "\u0302") or "\u0302")),
    "bar": _bar,
    "limlow": lambda part, get: _make("munder", part("e"), part("lim")),
    "limupp": lambda part, get: _make("mover", part("e"), part("lim")),
    "groupchr": lambda part, get: part("e"),
}
