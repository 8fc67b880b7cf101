"""Which of several documents say something: "Which of these papers use dropout?" is answered with their titles and sentences.

A decoder that sees passages of all of them names one of the passages' words, or refuses. It runs no decoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reader.answering.extractive.overview import Overview
from reader.answering.extractive.statements import statements
from reader.answering.passages import Passages, Source
from reader.answering.text.measures import compared_in
from reader.answering.text.words import STOP_WORDS, subject_words
from reader.answering.wholes import SEVERAL_TEXTS
from reader.models import SentenceEncoder

_OF_THESE = r"(?:of (?:these|those|the|our|my|all)(?: \w+)? )"
_OF_OTHERS = r"(?:do|does|did|must|should|shall|can|could|may|will|would)\b"
"""What follows where papers that a text tells of are meant: "Which papers do I need?"."""
_WHICH = re.compile(
    rf"\W*(?:(?:in|for|by) )?(?:which(?: ones?)? {_OF_THESE}|which (?!{SEVERAL_TEXTS} {_OF_OTHERS})"
    rf"|(?:do|does|did|is|are|was|were|has|have) any {_OF_THESE}){SEVERAL_TEXTS} (?P<en>.+)"
    r"|\W*(?:in |für )?welche[mnrs]? (?:(?:von )?(?:diese[nr]|de[nr]|unsere[nr]|meine[nr]) )?"
    r"(?:dokumente?n?|texte?n?|studien?|artikeln?|berichte?n?|vertr[aä]ge?n?|dateien?|aufs[aä]tze?n?|arbeiten?) (?P<de>.+)"
    r"|\W*(?:dans )?(?:(?:le|la|les)?quel(?:le)?s? )(?:de ces |des )?"
    r"(?:documents?|textes?|articles?|études?|rapports?|contrats?|fichiers?) (?P<fr>.+)"
    r"|\W*(?:en )?(?:cuáles? de (?:estos|estas|los|las)|qué)"
    r" (?:documentos?|textos?|artículos?|estudios?|informes?|contratos?|archivos?) (?P<es>.+)",
    re.I | re.S,
)
_SAYS = re.compile(
    r"\b(?:us(?:e[sd]?|ing)|employ(?:s|ed)?|appl(?:y|ies|ied)|contain(?:s|ed)?|includ(?:es?|ed)|mention(?:s|ed)?|discuss(?:es|ed)?"
    r"|cover(?:s|ed)?|describe[sd]?|reports?(?:ed)?|deals? with|talks? about|refers? to|there"
    r"|(?:erwähn\w*|verwende\w*|benutz\w*|nutz\w*|enthalten|enthält|handelt|nenn(?:en|t)|mentionn\w*|utilis\w*|parl\w*|contien\w*"
    r"|mencion\w*|usan?|utiliza\w*|hablan?)(?: (?:das|de[nr]|die|eine?n?|l[ae]s?|une?|el|los|de))?)\b",
    re.I,
)
"""Verbs that say only that a document has something."""
_NOT = re.compile(r"\b(?:not|no|never|without|nicht|keine?\w*|ohne|pas|sans|sin)\b|n['’]t\b", re.I)


def which_documents(
    question: str, sources: Sequence[Source], passages: Passages, encoder: SentenceEncoder | None
) -> Overview | None:
    """The documents that have all words of what a question asks for in one sentence, or nearly all and its meaning, each with that
    sentence; None where none has, and for other questions, such as one for the longest."""
    found = _WHICH.fullmatch(question) if len(sources) > 1 else None
    claim = _SAYS.sub(" ", next(filter(None, found.groups()))) if found else ""
    if _NOT.search(claim) or compared_in(claim) or set(subject_words(claim)) <= STOP_WORDS:
        return None
    said = [statements(own, claim, encoder)[:1] for own in passages.each]
    told = [(source.title, one) for source, own in zip(sources, said, strict=True) for one in own if one.says_all]
    text = "\n\n".join(f"{title}\n{one.text}" for title, one in told)
    return Overview(text, tuple(one.passage for _, one in told)) if told else None
