"""The words and tokens around a question: passages under their pages, then the question, in the decoder's chat template.

It runs no decoder and chooses no passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.answering.passages import Passage, Passages
from reader.answering.refusal import NOT_SAID
from reader.answering.requests import as_decoders_take_it
from reader.answering.text.tables import Shown
from reader.beacon import NO_SPAN
from reader.errors import ConfigError
from reader.models import Model
from reader.wording import place

QUESTION = (
    "\n\nFrom the text above, answer this question in a sentence or two. "
    f"If the text does not answer it, say: {NOT_SAID}\nQuestion: {{question}}"
)
"""How a question follows the document, for decoders that have no form of their own."""

PASSAGES = "\n\nFrom the same text, once more:"
"""What comes before passages that are looked at again; the answer weights are trained with it."""

MAX_ANSWER_TOKENS = 256
"""An answer ends here at the latest."""


@dataclass(frozen=True)
class Prompt:
    """What is put behind a memory for a question."""

    passages: tuple[Passage, ...]
    """The passages that are looked at again."""
    passage_ids: Tensor
    """(tokens,): the passages with their headings."""
    passage_spans: Tensor
    """(tokens, 2): source spans of `passage_ids` among all attached characters, `NO_SPAN` for headings."""
    question_ids: Tensor
    """(tokens,): the question and the words around it."""
    asked_tokens: int
    """How many of the last tokens begin with the user's own words."""
    shown: tuple[Shown, ...] = ()
    """The passages as the decoder is shown them."""
    rows: tuple[Passage, ...] = ()
    """Rows of their tables that are shown with them, though they stand outside."""

    @property
    def looked_at(self) -> tuple[Passage, ...]:
        """All that is shown of the document."""
        return (*self.passages, *self.rows)

    @property
    def tokens(self) -> int:
        """All tokens, of passages and question."""
        return len(self.passage_ids) + len(self.question_ids)

    @property
    def looked_again_tokens(self) -> int:
        """Tokens that stand for source text."""
        return int((self.passage_spans[:, 1] != NO_SPAN).sum())


def make_prompt(
    question: str,
    model: Model,
    passages: Sequence[Passage] = (),
    index: Passages | None = None,
) -> Prompt:
    """Tokens and spans of passages and of the question behind them.

    Args:
        index: the passages of all attached documents, where `passages` are given.

    Raises:
        ConfigError: there is no question.
    """
    question = as_decoders_take_it(question.strip())
    if not question:
        raise ConfigError("The question is empty; ask something.")
    ids, spans = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, 2, dtype=torch.int64)]

    def put(text: str, first_char: int = 0, places: Sequence[int] = ()) -> None:
        own, at = model.encode(text)
        ids.append(own)
        chars = [[place + first_char for place in places[start:end] if place >= 0] for start, end in at.tolist()]
        ends = [[found[0], found[-1] + 1] if found else [NO_SPAN, NO_SPAN] for found in chars]
        spans.append(torch.tensor(ends, dtype=torch.int64).view(-1, 2))

    said: list[Shown] = []
    rows: list[Passage] = []
    if passages:
        put(PASSAGES)
    for passage in passages:
        assert index is not None
        put(heading(passage, index))
        said.append(index.shown(passage, question))
        rows += index.outside(passage, said[-1])
        put(said[-1].text, index.first_char[passage.document_id], said[-1].places)
    question_ids = model.closing(question_words(question, model))
    asked_tokens = min(len(question_ids), len(model.closing(question)))
    return Prompt(
        tuple(passages), torch.cat(ids), torch.cat(spans), question_ids, asked_tokens, tuple(said), tuple(rows)
    )


def question_words(question: str, model: Model) -> str:
    """A question with the words around it that its decoder is used to."""
    return (model.question or QUESTION).format(question=question.strip())


def heading(passage: Passage, index: Passages) -> str:
    """The heading of a passage among those of all attached documents, with its document's title where there are several."""
    title = "" if len(index.titles) == 1 else f"{index.titles[passage.document_id]}, "
    return passage_heading(passage.label, title)


def passage_heading(label: str, title: str = "") -> str:
    """What stands before a passage that is looked at again; title: of its document, where there are several.

    A page is called one, also with its chapter ("page 12 — Preface"); a section has its own name.
    """
    number, *_ = label.split(" — ")
    where = f"page {label}" if place(number).startswith("page ") else place(label)
    return f"\n\n[{title}{where}] "
