"""The terms that a contract defines: Alder Ltd (the "Landlord"), "Term" means six years. It runs no decoder."""

from __future__ import annotations

import functools
import re

_TERM = r"[^\W\d_]\w+(?: \w+){0,2}"
_THE = r"(?:(?:the|der|die|das|le|la|el) )?"
_DEFINED = re.compile(
    # Behind a name, it defines somebody. A name has an end: in a page without spaces, each letter may begin one.
    rf"(?P<name>[^\W\d_a-z][\w.&’'-]{{0,80}},? )?\((?:[a-zé]+,? ){{0,4}}[\"“‘'„«] ?{_THE}(?P<bracketed>{_TERM}) ?[\"”’'“»]\)"
    rf"|[\"“„«] ?{_THE}(?P<meant>{_TERM}) ?[\"”“»] (?:means|shall mean|refers to|bedeutet|désigne|significa)\b"
)


@functools.lru_cache(maxsize=1 << 12)
def definitions(text: str) -> tuple[tuple[str, bool], ...]:
    """(term, whether it is what somebody is called) for each definition in a text, such as a page."""
    found = _DEFINED.finditer(text)
    return tuple((one["bracketed"] or one["meant"], one["name"] is not None) for one in found)
