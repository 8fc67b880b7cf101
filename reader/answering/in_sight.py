"""What stands in sight of an answer, the passages that are shown with its question, and what of the answer these do not bear."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from reader.answering.attached import AttachedMemory
from reader.answering.checks.copying import as_copied
from reader.answering.checks.kinds import is_of_another_kind
from reader.answering.checks.names import authors, bare_name, invents_name, with_last_name
from reader.answering.checks.places import whole_place
from reader.answering.checks.prices import for_period, is_no_price
from reader.answering.checks.quantities import (
    as_printed,
    as_spelt,
    count_asked,
    invents,
    is_no_count,
    miscounts,
    with_hedge,
    with_span,
    with_unit,
    with_whole_figures,
)
from reader.answering.checks.subjects import is_of_another
from reader.answering.extractive.relations import is_no_relative
from reader.answering.prompt import Prompt
from reader.answering.text.dates import date_of_event, is_amount, limit
from reader.answering.text.tables import as_value, asks_for_amount


@dataclass(frozen=True)
class InSight:
    """What an answer to a question is held against."""

    attached: AttachedMemory
    prompt: Prompt
    question: str
    said: str
    """The question and the turns of the conversation before it."""

    @functools.cached_property
    def passage(self) -> str:
        """What is shown of the document: rows of a table may stand outside the passage."""
        shown = (one.text for one in self.prompt.shown)
        return "\n".join([*(f"{one.header}\n{one.text}" for one in self.prompt.passages), *shown])

    @functools.cached_property
    def page(self) -> str:
        """The text of the pages whose passages are looked at; a passage may end within a list."""
        looked = {(passage.document_id, passage.page) for passage in self.prompt.passages}
        pages = (page for source in self.attached.sources for page in source.pages)
        return "\n\n".join(page.text for page in pages if (page.document_id, page.number) in looked)

    def invents_name(self, answer: str) -> bool:
        """Whether an answer has a name that was neither shown nor said."""
        return invents_name(answer, self._known, self.question)

    @property
    def _known(self) -> str:
        """What figures and names of an answer can be taken from: what is shown, and what was said."""
        return f"{self.passage}\n{self.said}"

    def worded(self, answer: str, role: str) -> str:
        """An answer as the passage has it: its numbers with their units, the date of what is asked about, a place to its end, a
        name alone, with its last name; of authors (by the `role` that is asked for) all.
        """
        passage, question = self.passage, self.question
        value = as_value(as_copied(answer, passage), [cell for one in self.prompt.shown for cell in one.cells])
        value = as_printed(as_spelt(value, question, passage), passage)
        value = with_whole_figures(value, question, passage, self.said)
        value = with_hedge(with_span(with_unit(value, passage), question, passage), passage)
        value = for_period(question, value, passage)
        value = limit(question, date_of_event(question, value, passage), passage)
        value = whole_place(question, value, passage)
        if role == "author":
            return authors(value, passage)
        return with_last_name(bare_name(value, question), question, passage)

    def cannot_be_right(self, answer: str) -> bool:
        """Whether a figure or a name stands nowhere, or is of another kind or of something else than what is asked for."""
        question, known, passages = self.question, self._known, self.attached.passages
        if is_of_another_kind(question, answer):  # from memory alone, too
            return True
        return bool(self.passage) and (
            invents(answer, known)
            or miscounts(answer, question, known)
            or is_no_count(answer, question)
            or is_amount(question, answer)
            or is_no_price(question, answer, self.page)
            or (asks_for_amount(question) and passages.is_of_other_rows(question, answer))
            or invents_name(answer, known, question)
            or is_no_relative(question, answer, self.passage, self.page)
            or is_of_another(question, answer, self.prompt.passages, self.attached.sources, self.said)
        )

    def count(self, answer: str) -> str:
        """The number that a table has of what is counted, in place of an answer to how many; "" where none has."""
        cells = [cell for one in self.prompt.shown if one.has_cell for cell in one.cells]
        return count_asked(self.question, answer, cells, self.attached.passages)
