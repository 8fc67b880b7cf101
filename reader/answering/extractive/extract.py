"""An answer without a decoder, by the first of the ways that gives one."""

from __future__ import annotations

from collections.abc import Sequence

from reader.answering.extractive.choices import choose
from reader.answering.extractive.comparisons import compared
from reader.answering.extractive.hours import opening
from reader.answering.extractive.ledgers import recorded
from reader.answering.extractive.limits import limited
from reader.answering.extractive.manuals import in_manual
from reader.answering.extractive.minutes import in_minutes
from reader.answering.extractive.overview import Overview, amount, overview
from reader.answering.extractive.relations import related
from reader.answering.extractive.terms import of_terms
from reader.answering.extractive.text_itself import of_text
from reader.answering.extractive.versions import differences
from reader.answering.extractive.which_documents import which_documents
from reader.answering.extractive.whole_lists import whole_list
from reader.answering.passages import Passages, Source
from reader.answering.requests import understand
from reader.answering.turns import quoted
from reader.models import SentenceEncoder
from reader.wording import place


def extract(
    asked: str, question: str, sources: Sequence[Source], passages: Passages, encoder: SentenceEncoder | None
) -> Overview | None:
    """What the documents themselves answer; None where a decoder has to.

    Args:
        asked, question: the question as it was asked, and in the words in which it is answered.
    """
    if before := quoted(asked):
        said = extract(before, before, sources, passages, encoder)
        found = said.passages if said else ()
        lines = (f"{place(one.label)}: {' '.join(one.text.split()).strip('| ')}" for one in found)
        return Overview("\n".join(dict.fromkeys(lines)), found) if found else None
    return (
        choose(passages, question, encoder)
        or in_manual(asked, sources, passages)
        or in_minutes(question, sources)
        or limited(asked, sources, passages)
        or compared(asked, sources, passages)
        or of_terms(question, sources)
        or recorded(asked, sources, passages)
        or which_documents(asked, sources, passages, encoder)
        or differences(asked, sources)
        or of_text(asked, sources)
        or related(question, sources)
        or overview(understand(question), question, sources)
        or opening(question, sources)
        or whole_list(asked, sources)
        or amount(passages, question)
    )
