"""Answering the questions of a batch in this process: many at a time behind one memory, decoded together.

Each step of the decoder serves all questions that are under way, and reads its weights and the memory once for all of them; a
question that ends makes room for the next. Every answer is chosen as `reader.answering.ask` chooses it. It writes nothing but
the memories of documents that nobody has read yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from reader.answering import (
    Answer,
    AttachedMemory,
    Decoding,
    Part,
    Step,
    as_part,
    attach,
    attach_shelf,
    choose_memory,
    look_again_tokens,
    make_prompt,
    parts_of,
    put_together,
)
from reader.batching.questions import Group
from reader.batching.results import Result
from reader.beacon import Branch, Branches
from reader.errors import ConfigError, ReaderError
from reader.models import Model
from reader.reading import make_vectors, read, stored_document
from storage import Store, StoreError

BATCH_SIZE = 16
"""Questions under way at a time."""


class LocalEngine:
    """Answers with one decoder, document by document."""

    def __init__(
        self,
        model: Model,
        *,
        ratio: int | None = None,
        look_again: str | int = "off",
        evidence: bool = True,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        """Take a decoder; ratio is for documents that must be read first, look_again and evidence are as for `ask`."""
        self._model, self._ratio = model, ratio
        self._look_again, self._evidence, self._batch_size = look_again, evidence, batch_size

    def answer(
        self, groups: Sequence[Group], store: Store, doing: Callable[[str], None] = lambda _: None
    ) -> Iterator[Result]:
        """Yield a result for every question, as they come; a document that fails is an error for each of its questions.

        Args:
            doing: told in a few words what is being done.
        """
        model = self._model
        for group in groups:
            if group.shelf:
                yield from self._answer_shelf(group, store, doing)
                continue
            try:
                record = choose_memory(store, group.document_id, model) if self._ratio is None else None
                if record is None:
                    document = stored_document(store, group.document_id)
                    record = read(
                        document,
                        model,
                        store,
                        ratio=self._ratio,
                        progress=lambda now, group=group: doing(  # type: ignore[misc]
                            f"Reading {group.title}, page {now.pages_done:,} of {now.pages:,}"
                        ),
                    ).memory
                self._add_vectors(record.document_id, store, doing)
                doing(group.title)
                attached = attach(record, model, store)
            except (ReaderError, StoreError) as error:
                yield from _failed(group, error)
                continue
            yield from self._answer_attached(attached, group)

    def _answer_shelf(self, group: Group, store: Store, doing: Callable[[str], None]) -> Iterator[Result]:
        """Answer from the documents of a shelf that are read; if not all fit, each question chooses its own."""
        doing(group.title)
        try:
            records = [choose_memory(store, document_id, self._model) for document_id in group.shelf]
            read_records = [record for record in records if record is not None]
            for record in read_records:
                self._add_vectors(record.document_id, store, doing)
        except (ReaderError, StoreError) as error:
            yield from _failed(group, error)
            return
        for number, question in enumerate(group.questions):
            rest = replace(group, questions=group.questions[number:])
            try:
                if not read_records:
                    raise ConfigError(f"None of the documents of {group.title!r} is read yet; read one first.")
                attached = attach_shelf(read_records, self._model, store, question.question)
            except (ReaderError, StoreError) as error:
                yield from _failed(rest, error)
                return
            if not attached.left_out:
                yield from self._answer_attached(attached, rest)
                return
            yield from self._answer_attached(attached, replace(group, questions=(question,)))

    def _add_vectors(self, document_id: str, store: Store, doing: Callable[[str], None]) -> None:
        """Make the sentence vectors of a document that was read without them."""
        make_vectors(document_id, self._model.encoder, store, progress=lambda *_: doing("Comparing sentences, once"))

    def _answer_attached(self, attached: AttachedMemory, group: Group) -> Iterator[Result]:
        answers = answer_together(
            attached,
            [question.question for question in group.questions],
            self._model,
            look_again=self._look_again,
            evidence=self._evidence,
            batch_size=self._batch_size,
        )
        for number, answer in answers:
            question = group.questions[number]
            if isinstance(answer, Answer):
                yield Result(question, group.document_id, answer)
            else:
                yield Result(question, group.document_id, None, str(answer))


def _failed(group: Group, error: Exception) -> Iterator[Result]:
    return (Result(question, group.document_id, None, str(error)) for question in group.questions)


@dataclass(frozen=True)
class _Question:
    """A question that waits for its next part to be asked."""

    number: int
    text: str
    parts: tuple[Part, ...]
    answers: tuple[Answer, ...] = ()
    """To its first parts."""

    @property
    def next_part(self) -> Part:
        return self.parts[len(self.answers)]

    def answered(self, answer: Answer) -> _Question | Answer:
        """The question with the answer to its next part, or the whole answer."""
        answers = (*self.answers, as_part(answer, self.next_part) if len(self.parts) > 1 else answer)
        return put_together(self.text, answers) if len(answers) == len(self.parts) else replace(self, answers=answers)


@dataclass(eq=False)
class _Asked:
    """A part of a question that is under way."""

    question: _Question
    decoding: Decoding
    branch: Branch
    step: Step
    """What to run next on the branch."""


def answer_together(
    attached: AttachedMemory,
    questions: Sequence[str],
    model: Model,
    *,
    look_again: str | int = "off",
    evidence: bool = True,
    batch_size: int = BATCH_SIZE,
) -> Iterator[tuple[int, Answer | ReaderError]]:
    """Answer many questions from one attached memory; yield each one's number with its answer, or what went wrong, as they end.

    The answers are those that `ask` gives one by one. What all questions begin with is run once. Other threads that ask the memory
    wait until the last answer is given; afterwards the memory is as it was before.
    """
    memory = attached.memory
    shared = _shared_opening(attached, questions, model, look_again)
    with attached.in_use.by_one():
        mark = memory.mark()
        try:
            if len(shared):
                with torch.inference_mode(), model.lock:
                    model.plugin.run(memory, shared, logits="none", answering=True)
            yield from _answer_behind(attached, questions, model, look_again, evidence, batch_size, len(shared))
        finally:
            memory.back_to(mark)


def _shared_opening(
    attached: AttachedMemory, questions: Sequence[str], model: Model, look_again: str | int
) -> torch.Tensor:
    """The tokens (tokens,) that all questions begin with before the users' own words; none where something is looked at again."""
    prompts = []
    for question in questions:
        try:
            if look_again_tokens(look_again):
                return torch.empty(0, dtype=torch.int64)
            prompts += [make_prompt(part.question, model) for part in parts_of(question, attached, look_again)]
        except ReaderError:
            continue  # told when its turn comes
    if not prompts:
        return torch.empty(0, dtype=torch.int64)
    length = min(len(prompt.question_ids) - prompt.asked_tokens for prompt in prompts)
    first = prompts[0].question_ids[: max(0, min(length, model.plugin.max_positions - attached.memory.next_position))]
    same = torch.stack([prompt.question_ids[: len(first)] == first for prompt in prompts]).all(dim=0)
    return first[: int(same.long().cumprod(0).sum())]


def _answer_behind(
    attached: AttachedMemory,
    questions: Sequence[str],
    model: Model,
    look_again: str | int,
    evidence: bool,
    batch_size: int,
    shared_tokens: int,
) -> Iterator[tuple[int, Answer | ReaderError]]:
    branches = Branches(model.plugin, attached.memory)
    waiting = deque(
        _Question(number, text, parts_of(text, attached, look_again)) for number, text in enumerate(questions)
    )
    under_way: list[_Asked] = []
    complete: list[tuple[int, Answer]] = []

    def answered(question: _Question, answer: Answer) -> None:
        now = question.answered(answer)
        if isinstance(now, _Question):
            waiting.appendleft(now)
        else:
            complete.append((question.number, now))

    while waiting or under_way:
        new: list[_Asked] = []
        while waiting and len(under_way) + len(new) < batch_size:
            question = waiting.popleft()
            try:
                decoding = Decoding(
                    question.next_part.in_sight,
                    question.next_part.question,
                    model,
                    look_again=look_again,
                    evidence=evidence,
                    shared_tokens=shared_tokens,
                    whole=question.text,
                )
                step = decoding.next()
                if step is None:  # answered without the decoder
                    answered(question, Answer.of(decoding, 0))
                    continue
                branches.check_room(step.tokens)
                new.append(_Asked(question, decoding, branches.add(), step))
            except ReaderError as error:
                yield question.number, error
        ended = []
        # The questions that are new, at once; then the next token of all that were under way.
        for asked in (new, under_way):
            if asked:
                ended += _step(asked, branches, model)
        under_way = [asked for asked in (*under_way, *new) if asked not in ended]
        for one in ended:
            with torch.inference_mode(), model.lock:
                with branches.placed(one.branch):
                    one.decoding.attend()
                branches.drop(one.branch)
            answered(one.question, Answer.of(one.decoding, one.branch.source_tokens_run))
        yield from complete
        complete.clear()


def _step(asked: Sequence[_Asked], branches: Branches, model: Model) -> list[_Asked]:
    """Run the next step of each answer, passages one by one, then all questions and tokens together; return what has ended."""
    asked = sorted(asked, key=lambda one: one.branch.row)  # neighbours share their buffers without a copy
    with torch.inference_mode(), model.lock:
        for one in asked:
            branches.back_to(one.branch, one.step.kept_tokens)
            if len(one.step.passage_ids):
                branches.run([one.branch], [one.step.passage_ids], [one.step.passage_spans], horizon=one.step.horizon)
        chosen: list[tuple[_Asked, torch.Tensor]] = []
        for horizon in dict.fromkeys(one.step.horizon for one in asked):
            alike = [one for one in asked if one.step.horizon == horizon]
            logits = branches.run(
                [one.branch for one in alike],
                [one.step.ids for one in alike],
                queries=[one.decoding.queries for one in alike],
                answering=True,
                horizon=horizon,
            )
            chosen += zip(alike, logits, strict=True)
    ended = []
    for one, row in chosen:
        one.decoding.take(row[None])
        step = one.decoding.next()
        if step is None:
            ended.append(one)
        else:
            one.step = step
    return ended
