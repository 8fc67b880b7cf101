"""The terms that a contract defines: Alder Ltd (the "Landlord"), "Term" means six years. It runs no decoder."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TERM = r"[^\W\d_]\w+(?: \w+){0,2}"
_THE = r"(?:(?:the|der|die|das|le|la|el) )?"
_DEFINED = re.compile(
    # Behind a name, it defines somebody.
    rf"(?P<name>[^\W\d_a-z][\w.&’'-]*,? )?\((?:[a-zé]+,? ){{0,4}}[\"“‘'„«] ?{_THE}(?P<bracketed>{_TERM}) ?[\"”’'“»]\)"
    rf"|[\"“„«] ?{_THE}(?P<meant>{_TERM}) ?[\"”“»] (?:means|shall mean|refers to|bedeutet|désigne|significa)\b"
)


def definitions(text: str) -> Iterator[tuple[str, bool]]:
    """(term, whether it is what somebody is called) for each definition in a text."""
    for found in _DEFINED.finditer(text):
        yield found["bracketed"] or found["meant"], found["name"] is not None
