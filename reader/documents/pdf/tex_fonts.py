"""The letters of TeX's fonts: glyphs of mathematics with names of TeX's own, and fonts that a PDF holds as pictures.

The glyphs of such pictures have numbers for names, and TeX's own codes. Most codes are those of ASCII. Ligatures, quotation
marks and dashes are not, and PDFium leaves them out or gives other signs.
"""

from __future__ import annotations

from collections.abc import Mapping

MATHEMATICAL = {
    "angbracketleft": "⟨", "angbracketright": "⟩", "arrownortheast": "↗", "arrownorthwest": "↖", "arrowsoutheast": "↘",
    "arrowsouthwest": "↙", "ceilingleft": "⌈", "ceilingright": "⌉", "diamondmath": "⋄", "epsilon1": "ϵ", "equivasymptotic": "≍",
    "flat": "♭", "floorleft": "⌊", "floorright": "⌋", "greatermuch": "≫", "intersectionsq": "⊓", "kappa1": "ϰ", "latticetop": "⊤",
    "lessmuch": "≪", "lscript": "ℓ", "mapsto": "↦", "natural": "♮", "owner": "∋", "precedesequal": "⪯", "prime": "′", "rho1": "ϱ",
    "sharp": "♯", "similarequal": "≃", "star": "⋆", "subsetsqequal": "⊑", "followsequal": "⪰", "supersetsqequal": "⊒",
    "triangleleft": "◁", "triangleright": "▷", "turnstileleft": "⊢", "turnstileright": "⊣", "unionmulti": "⊎", "unionsq": "⊔",
    "wreathproduct": "≀",
}  # fmt: skip
"""Names of glyphs in TeX's fonts of mathematics that Adobe's list of names does not have."""

_LIGATURES = ("ff", "fi", "fl", "ffi", "ffl")
_OT1 = dict(enumerate((*_LIGATURES, *"ıȷ`´ˇ˘¯˚¸ßæœøÆŒØ"), start=11))
_OT1 |= {
    34: "”",
    39: "’",
    60: "¡",
    62: "¿",
    92: "“",
    94: "ˆ",
    95: "˙",
    96: "‘",
    123: "–",
    124: "—",
    125: "˝",
    126: "˜",
    127: "¨",
}
_LOW_T1 = dict(enumerate("`´ˆ˜¨˝˚ˇ˘¯˙¸˛‚‹›“”„«»–—")) | dict(enumerate(("ı", "ȷ", *_LIGATURES), start=25))
_LOW_T1 |= {39: "’", 96: "‘", 127: "-"}
_HIGH_T1 = (
    "ĂĄĆČĎĚĘĞĹĽŁŃŇŊŐŔŘŚŠŞŤŢŰŮŸŹŽŻĲİđ§ăąćčďěęğĺľłńňŋőŕřśšşťţűůÿźžżĳ¡¿£"
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖŒØÙÚÛÜÝÞ\u1e9eàáâãäåæçèéêëìíîïðñòóôõöœøùúûüýþß"
)
_T1 = _LOW_T1 | dict(enumerate(_HIGH_T1, start=128))

_OLD_LIGATURES, _NEW_LIGATURES = frozenset(range(11, 16)), frozenset(range(27, 32))
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST_NAME = 360
"""dvips names a glyph by this number more than its code, in base 36."""


def are_codes(names: Mapping[int, str]) -> bool:
    """Return whether most glyphs have names that say their code alone, as programs of TeX name them."""
    named = {code: name for code, name in names.items() if name != ".notdef"}
    return 2 * sum(name in (f"a{code}", chr(code), _base_36(code + _FIRST_NAME)) for code, name in named.items()) > len(
        named
    )


def letters(names: Mapping[int, str]) -> dict[int, str]:
    """Return what the codes of a font of text mean, where TeX's old and its newer encoding (OT1, T1) differ from ASCII.

    Args:
        names: of the glyphs that the font has, by code.
    """
    used = {code for code, name in names.items() if name != ".notdef"}
    is_new = not used & _OLD_LIGATURES and (used & _NEW_LIGATURES or max(used, default=0) > 127)
    table = _T1 if is_new else _OT1
    found = {code: table[code] for code in used & table.keys()}
    return found | {code: chr(code) for code in used - found.keys() if 32 <= code < 127} if found else {}


def _base_36(number: int) -> str:
    return _DIGITS[number // 36] + _DIGITS[number % 36] if number < 36 * 36 else ""
