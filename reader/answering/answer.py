"""Asking an attached memory one question: the answer, streamed, with its evidence and what it cost.

From the memory alone, nothing of the document is run again. Looking again puts the passage that matters most to a question raw
behind the memory; where the decoder is about to say that the document does not say, it looks at the next passage instead, within a
budget, and answers behind the best of them. Every answer says how many document tokens the decoder ran for it, counted where they
are run. It does not read documents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import zip_longest

import torch
from torch import Tensor

from reader.answering.attached import AttachedMemory
from reader.answering.attention import Queries
from reader.answering.checks.kinds import may_say
from reader.answering.decoding import Decoding, Step, keep_behind
from reader.answering.evidence import (
    EVIDENCE_PAGES,
    Evidence,
    as_evidence,
    is_stated,
    name_evidence,
    reading_map,
    stated_first,
)
from reader.answering.extractive.statements import in_sentences, with_reason
from reader.answering.follow_ups import written_out
from reader.answering.parts import Part, parts_of
from reader.answering.passages import Passage
from reader.answering.refusal import NOT_SAID, refusal_of, says_nothing
from reader.answering.requests import asks_leave
from reader.answering.turns import out_of_turns
from reader.beacon import Memory, recording
from reader.models import Model


@dataclass(frozen=True)
class Answer:
    """A whole answer and what it cost."""

    text: str
    question: str
    document_tokens: int
    recomputed_tokens: int
    """Document tokens that the decoder ran to answer: 0 from an attached memory."""
    attach_seconds: float
    first_token_seconds: float
    """From the question to the first token, attaching included when it was done for this question."""
    answer_tokens: int
    seconds: float
    pages_read: int
    pages: int
    ended: str
    """Why the answer ended: `finished`, `length` or `stopped`."""
    evidence: tuple[Evidence, ...] = ()
    """Where the answer comes from, the best first, or the pages nearest to the question where the document does not say; empty
    where evidence was not asked for."""
    reading_map: tuple[float, ...] = ()
    """For each page (of all attached documents, one after another) its share of the attention to the documents; they sum to 1."""
    looked_again: tuple[Passage, ...] = ()
    """Passages that were read again in full for this question, and rows of tables that were shown with them, in document order."""
    looked_again_tokens: int = 0
    """Their tokens; `recomputed_tokens` counts those of a passage twice that was returned to for the answer."""
    evidence_seconds: float = 0.0
    """What finding the evidence took, in `seconds` too."""
    left_out: tuple[str, ...] = ()
    """Titles of documents that were asked for, but did not fit the decoder's positions."""
    is_stated: bool | None = None
    """Whether the answer's words stand on the pages of its evidence; None without evidence, and for an overview."""
    unstated_parts: tuple[int, ...] = ()
    """The `parts` whose words do not, counted from 0."""
    parts: tuple[str, ...] = ()
    """If the question asked several things, the answer to each, or to several alike; `text` has a paragraph for each."""

    @classmethod
    def of(cls, decoding: Decoding, recomputed_tokens: int, attach_seconds: float = 0.0) -> Answer:
        """The answer of a decoding that has ended and attended, with its evidence."""
        attached, text = decoding.attached, decoding.text.strip()
        started = time.perf_counter()
        found: tuple[Evidence, ...] = ()
        weights: tuple[float, ...] = ()
        if decoding.attention is not None:
            heat = attached.heat(decoding.attention)
            found = name_evidence(attached.sources, attached.passages, decoding.question, text, heat)
            weights = reading_map(attached.sources, heat)
            if decoding.ended == "finished" and found and (said := decoding.statements()):
                if decoding.aim.is_reason:
                    is_unsure, question = decoding.is_unsure, decoding.question
                    text = with_reason(text, question, said[0], attached.passages, is_unsure=is_unsure)
                else:
                    text = in_sentences(text, said, found[0].quote, asks_leave=asks_leave(decoding.question))
                    text = text if may_say(decoding.question, text) else NOT_SAID
                if given := [one.passage for one in said if one.text in text]:
                    found = stated_first(given, attached.passages, found)
        elif decoding.overview is not None and decoding.wants_evidence:
            found = as_evidence(decoding.overview.passages)
        looked = {prompt.passages: prompt.looked_again_tokens for prompt in decoding.looked_again}
        looked_at = dict.fromkeys(passage for prompt in decoding.looked_again for passage in prompt.looked_at)
        evidence_seconds = decoding.attend_seconds + time.perf_counter() - started
        return cls(
            text=text,
            question=decoding.asked,
            document_tokens=attached.document_tokens,
            recomputed_tokens=recomputed_tokens,
            attach_seconds=attach_seconds,
            first_token_seconds=attach_seconds + decoding.first_token_seconds,
            answer_tokens=len(decoding.tokens),
            seconds=attach_seconds + decoding.seconds,
            pages_read=attached.pages_read,
            pages=attached.pages,
            ended=decoding.ended or "length",
            evidence=found,
            reading_map=weights,
            looked_again=attached.passages.in_document_order([*looked_at]),
            looked_again_tokens=sum(looked.values()),
            evidence_seconds=evidence_seconds if decoding.attention is not None else 0.0,
            left_out=attached.left_out,
            # An overview is cut out of the text, of more pages than are named.
            is_stated=is_stated(text, attached.sources, found) if found and decoding.overview is None else None,
        )

    @property
    def not_said(self) -> bool:
        """Whether the answer is that the document does not say."""
        return says_nothing(self.text)


@dataclass(frozen=True)
class AnswerPart:
    """A piece of an answer as it comes; the last one carries the whole."""

    text: str
    answer: Answer | None = None
    looking_at: tuple[Passage, ...] = ()
    """Passages that the decoder reads again next, before more text comes."""


def as_part(answer: Answer, part: Part | None = None) -> Answer:
    """The answer to one of several parts of a question: where the document does not say, the part is named.

    If it is about one of several documents, this is named.
    """
    is_read, title = answer.pages_read >= answer.pages, ""
    if part is not None and part.number is not None:
        title, whole = part.in_sight.sources[0].title, part.attached
        before = sum(len(source.pages) for source in whole.sources[: part.number])
        shares = [0.0] * before + [*answer.reading_map] + [0.0] * (whole.pages - before - answer.pages)
        of_all = tuple(shares) if answer.reading_map else ()
        answer = replace(answer, pages=whole.pages, pages_read=whole.pages_read, reading_map=of_all)
    if answer.not_said:
        return replace(answer, text=refusal_of(title or answer.question, is_read=is_read))
    return replace(answer, text=f"{title}\n{answer.text}") if title else answer


def text_behind(answer: Answer, before: Sequence[Answer]) -> str:
    """What the answer to a part of a question adds to the text of those before it: nothing where one of them says the same."""
    if answer.text in [other.text for other in before]:
        return ""
    return f"\n\n{answer.text}" if before else answer.text


def put_together(question: str, answers: Sequence[Answer]) -> Answer:
    """The answer to a question from those to its parts, in their order, with what all of them cost."""
    first, *others = answers
    if not others:
        return replace(first, question=question.strip())
    texts = tuple(dict.fromkeys(answer.text for answer in answers))
    maps = [answer.reading_map for answer in answers if answer.reading_map]
    said = [answer for answer in answers if answer.is_stated is not None and not answer.not_said]
    unstated = {answer.text for answer in said} - {answer.text for answer in said if answer.is_stated}
    return replace(
        first,
        question=question.strip(),
        text="\n\n".join(texts),
        parts=texts,
        recomputed_tokens=sum(answer.recomputed_tokens for answer in answers),
        answer_tokens=sum(answer.answer_tokens for answer in answers),
        seconds=sum(answer.seconds for answer in answers),
        ended=answers[-1].ended,
        evidence=_places(answers, texts),
        reading_map=tuple(sum(shares) / len(maps) for shares in zip(*maps, strict=True)),
        looked_again=tuple(dict.fromkeys(passage for answer in answers for passage in answer.looked_again)),
        looked_again_tokens=sum(answer.looked_again_tokens for answer in answers),
        evidence_seconds=sum(answer.evidence_seconds for answer in answers),
        is_stated=not unstated if said else first.is_stated,
        unstated_parts=tuple(number for number, text in enumerate(texts) if text in unstated),
    )


def _places(answers: Sequence[Answer], texts: Sequence[str]) -> tuple[Evidence, ...]:
    """The evidence of several answers, each place with the parts that it is for.

    The best place of every part comes before the second-best of any, and what is only near to a part that the document does not
    answer comes last.
    """
    found: dict[tuple[str, int, int], Evidence] = {}
    for rank in zip_longest(*(answer.evidence for answer in answers)):
        for answer, place in zip(answers, rank, strict=True):
            if place is not None:
                key = place.document_id, place.page, place.start_char
                known = found.get(key, place)
                found[key] = replace(known, parts=tuple(sorted({*known.parts, texts.index(answer.text)})))
    pages = list(dict.fromkeys((place.document_id, place.page) for place in found.values()))
    pages = pages[: max(EVIDENCE_PAGES, len(answers))]
    kept = [place for place in found.values() if (place.document_id, place.page) in pages]
    return tuple(sorted(kept, key=lambda place: all(says_nothing(texts[part]) for part in place.parts)))


def ask(
    attached: AttachedMemory,
    question: str,
    model: Model,
    *,
    look_again: str | int = "off",
    evidence: bool = True,
    stopped: Callable[[], bool] = lambda: False,
    first_question: bool = True,
    earlier: Sequence[tuple[str, str]] = (),
) -> Iterator[AnswerPart]:
    """Answer a question from an attached memory, piece by piece; the memory is afterwards as it was before.

    A question that asks several things is answered part by part. Threads that ask one attached memory wait for each other.

    Args:
        look_again: `off`, to answer from memory alone; `auto`, to look again when the question asks for detail; or the
            most document tokens to look at again. Above the default, every passage within this budget is looked at.
        evidence: whether to find where the answer comes from, after its last token.
        stopped: asked before every token; True ends the answer there.
        first_question: whether attaching was done for this question, so that its time counts.
        earlier: (question, answer) turns before it; a question that leans on them is written out with their words.

    Raises:
        ConfigError: there is no question, or `look_again` is something else, or this thread has begun another answer.
        ContextOverflow: memory and question do not fit the decoder's positions.
    """
    with attached.in_use.by_one():
        answers: list[Answer] = []
        written, leant_on = written_out(question, earlier)
        asked = parts_of(written, attached, look_again)
        ready = out_of_turns(question, earlier)
        for one in asked:
            decoding = Decoding(
                one.in_sight,
                one.question,
                model,
                look_again=look_again,
                evidence=evidence,
                earlier=leant_on,
                whole=written,
                ready=ready,
            )
            for part in _ask(
                decoding, model, attached.attach_seconds if first_question and not answers else 0.0, stopped
            ):
                if part.answer is not None:
                    text, answer = part.text, part.answer
                else:  # one of several is shown whole, as it may say nothing, or the same as one before
                    yield part if len(asked) == 1 else replace(part, text="")
            if len(asked) > 1:
                answer = as_part(answer, one)
                text = text_behind(answer, answers)
            answers.append(answer)
            if len(answers) == len(asked) or answer.ended == "stopped":
                yield AnswerPart(text, put_together(question, answers))
                return
            yield AnswerPart(text)


def _ask(decoding: Decoding, model: Model, attach_seconds: float, stopped: Callable[[], bool]) -> Iterator[AnswerPart]:
    """The answer to a question that asks one thing."""
    memory = decoding.attached.memory
    ran_before = memory.source_tokens_run
    mark = memory.mark()
    try:
        while (step := decoding.next()) is not None:
            keep_behind(memory, mark, step.kept_tokens)
            if len(step.passage_ids):
                yield AnswerPart("", looking_at=decoding.looked_again[-1].looked_at)
            piece = decoding.take(_run(step, memory, model, decoding.queries))
            if piece:
                yield AnswerPart(piece)
            if stopped():
                decoding.stop()
        decoding.attend()
        recomputed_tokens = memory.source_tokens_run - ran_before
    finally:
        memory.back_to(mark)
    answer = Answer.of(decoding, recomputed_tokens, attach_seconds)
    yield AnswerPart(answer.text if decoding.held == decoding.text else decoding.held, answer)


def _run(step: Step, memory: Memory, model: Model, queries: Queries | None) -> Tensor:
    """The logits (1, vocab) of a step's last token."""
    with torch.inference_mode(), model.lock:
        if len(step.passage_ids):
            model.plugin.run(memory, step.passage_ids, step.passage_spans, logits="none", horizon=step.horizon)
        with nullcontext() if queries is None else recording(queries):
            logits = model.plugin.run(memory, step.ids, answering=True, horizon=step.horizon)
    assert logits is not None
    return logits
