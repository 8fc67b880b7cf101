"""The terms that a contract defines, as in Alder Ltd (the "Landlord") or "Term" means six years, and what abbreviations stand for,
as in Water Board of Wendle (WBW). It runs no decoder."""

from __future__ import annotations

import functools
import re

_TERM = r"[^\W\d_]\w+(?: \w+){0,2}"
_THE = r"(?:(?:the|der|die|das|le|la|el) )?"
_LONG_CHARS = 200
"""How far before an abbreviation its words may begin, and how far a name with its initials may be from it."""
_LEAST_LETTERS = 3
"""Two words with capitals have any two letters somewhere."""
_SMALL_WORDS = frozenset("of and for the in on to a an with by de la le du des et für und der die das".split())  # noqa: SIM905
"""Words that give an abbreviation no letter."""
_MEANS = r"(?:means?|shall mean|refers? to|denotes?|bedeutet|bezeichnet|désigne|significa)\b"
_DEFINED = re.compile(
    # Behind a name, it defines somebody. A name has an end: in a page without spaces, each letter may begin one.
    rf"(?P<name>[^\W\d_a-z][\w.&’'-]{{0,80}},? )?\((?:[a-zé]+,? ){{0,4}}[\"“‘'„«] ?{_THE}(?P<bracketed>{_TERM}) ?[\"”’'“»]\)"
    r"|\b(?:called|known as|referred to as|heißt|heißen|appelée?s?|llamad[oa]s?),? (?:an? |the )?"
    rf"[\"“„«] ?(?P<called>{_TERM}) ?[\"”“»]"
    rf"|[\"“„«] ?{_THE}(?P<meant>{_TERM}),? ?[\"”“»] (?:{_MEANS}|(?:is|are|includes?)\b(?! not\b)"
    rf"|(?:a|an|the|of|in|for)\b(?: [\w’'-]+){{1,4}} (?:{_MEANS}|includes?\b))"
)


@functools.lru_cache(maxsize=1 << 12)
def definitions(text: str) -> tuple[tuple[str, bool], ...]:
    """(term, whether it is what somebody is called) for each definition in a text, such as a page."""
    found = _DEFINED.finditer(" ".join(text.split()))
    return tuple((one["bracketed"] or one["called"] or one["meant"], one["name"] is not None) for one in found)


def expansion(short: str, text: str) -> tuple[str, int] | None:
    """(what an abbreviation stands for, where the text says so); None where it does not.

    Found as by Schwartz and Hearst (2003): each letter of the abbreviation, from the last to the first, stands in the words before
    or within the brackets beside it, the first one at a word's beginning. Words that begin with these letters go before others.
    """
    letters = [sign for sign in short.casefold() if sign.isalnum()]
    most = min(len(letters) + 5, 2 * len(letters))
    own = re.escape(short)
    behind = re.compile(rf"\(\s*[\"“„«]?{own}s?[\"”“»]?(?:[,;:][^)]{{0,60}})?\)")
    before = re.compile(rf"(?<!\w){own}s?\s+\(([^()]{{3,120}})\)")
    for found in behind.finditer(text):
        words = text[max(0, found.start() - _LONG_CHARS) : found.start()].split()[-most:]
        if long := _long_form(letters, " ".join(words)):
            return long, found.start() - 1
    for found in before.finditer(text):
        if long := _long_form(letters, " ".join(found[1].split())):
            return long, found.start()
    return _name_with_initials(short, text)


def _name_with_initials(short: str, text: str) -> tuple[str, int] | None:
    """A name near an abbreviation whose words, all with capitals, have its letters; and its place."""
    if len(short) < _LEAST_LETTERS or not short.isupper() or not short.isalpha():
        return None
    small = rf"\s+(?:(?:{'|'.join(sorted(_SMALL_WORDS))})\s+){{0,2}}"
    name = re.compile(rf"(?<![\w-]){small.join(rf'{letter}[a-z][a-z’-]*' for letter in short)}(?![\w-])")
    places = [found.start() for found in re.finditer(rf"(?<!\w){short}(?!\w)", text)]
    for found in name.finditer(text):
        if any(abs(place - found.start()) <= _LONG_CHARS for place in places):
            return " ".join(found[0].split()), found.start()
    return None


def _long_form(letters: list[str], words: str) -> str:
    """The end of some words that has all letters in their order; "" where it has not. Where the last words have these letters as
    their first ones, it is these words."""
    own = words.split()
    for first in range(len(own) - 1, -1, -1):
        heads = [word[0].casefold() for word in own[first:] if word.casefold() not in _SMALL_WORDS]
        if heads == letters and own[first].casefold() not in _SMALL_WORDS:
            return " ".join(own[first:])
    place = len(words)
    for number in range(len(letters) - 1, -1, -1):
        place -= 1
        while place >= 0 and (
            words[place].casefold() != letters[number] or (number == 0 and place > 0 and words[place - 1].isalnum())
        ):
            place -= 1
        if place < 0:
            return ""
    return words[place:]
