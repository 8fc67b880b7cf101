"""Symbol fonts: which Unicode character a glyph of Symbol, Wingdings or Webdings is.

Word writes such a glyph as a character of the private area (U+F000 and its code), or as the letter on the same key. A
ticked box becomes ☒ and an empty one ☐, as Word's own check boxes are written.
"""

from __future__ import annotations

import re

_PRIVATE = range(0xF020, 0xF100)

_SYMBOL_LOW = " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
_SYMBOL_HIGH = "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪"
_SYMBOL_LAST = "〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"

_WINGDINGS = (
    "\x20 🖉✂✁👓🕭🕮🕯🕿✆🖂🖃📪📫📬📭📁📂📄🗏🗐🗄⌛🖮🖰🖲🖳🖴🖫🖬✇✍🖎✌👌👍👎☜☞☝☟🖐☺😐☹💣☠🏳🏱✈☼💧❄🕆✞🕈✠✡☪☯ॐ☸"
    "♈♉♊♋♌♍♎♏♐♑♒♓🙰🙵●❍■□🞐❑❒⬧⧫◆❖⬥⌧⮹⌘🏵🏶🙶🙷"
).removeprefix("\x20")
_WINGDINGS_HIGH = (
    "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿🙢🙠🙡🙣🙞🙜🙝🙟·•⬝○🞆🞈◉◎🔿▪☐🟂✦★✶✴✹✵⯐⌖⟡⌑⯑✪✰"
    "🕐🕑🕒🕓🕔🕕🕖🕗🕘🕙🕚🕛⮰⮱⮲⮳⮴⮵⮶⮷🙪🙫🙕🙔🙗🙖🙐🙑🙒🙓⌫⌦⮘➢⮙⮛⮈⮊⮉⮋←→↑↓↖↗↙↘🡸➔🡹🡻🡼🡽🡿🡾⇦⇨⇧⇩⬄⇳⬁⬀⬃⬂🢬🢭✗✓☒☒"
)


def _table(*runs: tuple[int, str]) -> dict[int, str]:
    return {start + index: character for start, run in runs for index, character in enumerate(run)}


_FONTS: dict[str, dict[int, str]] = {
    "symbol": _table((0x20, _SYMBOL_LOW), (0xA0, _SYMBOL_HIGH), (0xF1, _SYMBOL_LAST)),
    "wingdings": _table((0x20, _WINGDINGS), (0x80, _WINGDINGS_HIGH)),
    "wingdings 2": _table(
        (0x4F, "✗✓☒☒☒☒"), (0x69, "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿"), (0x97, "●"), (0xA2, "■☐"), (0x2A, "☐"), (0x30, "☐")
    ),
    "wingdings 3": _table((0x66, "←→↑↓↖↗↙↘"), (0x70, "▲▼△▽◀▶◁▷"), (0x7D, "▶")),
    "webdings": _table((0x33, "◀▶▲▼"), (0x61, "✓"), (0x63, "☐"), (0x67, "■"), (0x6E, "●"), (0x72, "✗")),
}
_FONTS["wingdings2"], _FONTS["wingdings3"] = _FONTS["wingdings 2"], _FONTS["wingdings 3"]
_FONTS["symbol mt"] = _FONTS["symbolps"] = _FONTS["standard symbols l"] = _FONTS["symbol"]

_ANY_PRIVATE = re.compile("[\uf020-\uf0ff]")


def is_symbol_font(font: str) -> bool:
    """Return whether the letters of a font are symbols."""
    return _name(font) in _FONTS


def symbol(code: int, font: str) -> str:
    """Return the character of a glyph; U+FFFD where the font has none that is known."""
    table = _FONTS.get(_name(font))
    if table is None and code not in _PRIVATE:  # a font of letters, whose codes are Unicode's
        return chr(code) if code > 0x1F else "\ufffd"
    code = code - 0xF000 if code in _PRIVATE else code
    return (table or _FONTS["symbol"]).get(code) or (chr(code) if code > 0xFF else "\ufffd")


def in_symbol_font(text: str, font: str) -> str:
    """Return text that is set in `font` with its symbols as Unicode.

    Characters of the private area are symbols in any font; in a symbol font, letters are too.
    """
    table = _FONTS.get(_name(font))
    if table is None:
        return _ANY_PRIVATE.sub(lambda match: _FONTS["symbol"].get(ord(match[0]) - 0xF000, match[0]), text)
    return "".join(
        table.get(ord(letter) - 0xF000 if ord(letter) in _PRIVATE else ord(letter), letter) for letter in text
    )


def _name(font: str) -> str:
    return font.strip().strip("\"'").lower()
