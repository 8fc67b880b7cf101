"""Asking memories: attach them, look again where it matters, put the question behind, stream the answer, name its evidence.

From the memory alone, nothing of the document is run again. Looking again puts the passage that matters most to a question raw
behind the memory, as a reader goes back to the page; where the answer is that the text does not say, the next one is looked
at, too, within a budget. How many document tokens the decoder did run is counted where it is run, and told with every answer.
Decoding is greedy, so the same memory and question give the same answer. It does not read documents.
"""

from __future__ import annotations

import functools
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import NoRepeatNGramLogitsProcessor

from reader.answering.evidence import Attention, Evidence, Heat, name_evidence, rank_passages, reading_map
from reader.answering.passages import Passage, Passages, Source, content_words
from reader.beacon import NO_SPAN, Memory, recording
from reader.errors import ConfigError
from reader.models import Model
from reader.reading import ROOM_TOKENS, counts, restore, room_tokens, to_torch
from storage import CorruptMemory, MemoryRecord, NotFound, Store

NOT_SAID = "The document does not say."
"""What the decoder is told to answer where the document does not."""

QUESTION = (
    "\n\nFrom the text above, answer this question in a sentence or two. "
    f"If the text does not answer it, say: {NOT_SAID}\nQuestion: {{question}}"
)
"""How a question follows the document."""

LOOK_AGAIN_TOKENS = 400
"""How many tokens are looked at again where nobody gives a number."""

MAX_ANSWER_TOKENS = 256

PASSAGES = "\n\nFrom the same text, once more:"
"""What comes before passages that are looked at again; the answer weights are trained with it."""

_NEUTRAL = "What does the text say?"
_OF_THE_WHOLE = re.compile(
    r"\b(summar\w+|overview|outline|gist|overall|main (idea|point|topic|theme|argument)s?|themes?|moral"
    r"|(book|text|document|story|paper|article|report|novel|chapter)s? (is |are )?about|what is (it|this|that) about)\b",
    re.I,
)

Queries = dict[int, list[Tensor]]
"""Recorded queries by layer."""

_without_loops = NoRepeatNGramLogitsProcessor(8)
"""Small decoders fall into saying the same again and again; no eight tokens come twice in one answer."""


@dataclass(frozen=True)
class AttachedMemory:
    """One memory or several, one behind another, in the decoder's hands, ready for any number of questions."""

    memory: Memory
    records: tuple[MemoryRecord, ...]
    sources: tuple[Source, ...]
    """The documents, in the same order."""
    attach_seconds: float
    left_out: tuple[str, ...] = ()
    """Titles of documents that were asked for, but did not fit the decoder's positions."""
    _neutral: list[Attention] = field(default_factory=list, repr=False, compare=False)

    @property
    def record(self) -> MemoryRecord:
        """The first memory's."""
        return self.records[0]

    @property
    def document_tokens(self) -> int:
        return sum(record.tokens for record in self.records)

    @property
    def pages(self) -> int:
        return sum(len(source.pages) for source in self.sources)

    @property
    def pages_read(self) -> int:
        """Pages that are in the memory whole; fewer than `pages` while it is being read."""
        return sum(page.end_char <= source.chars_read for source in self.sources for page in source.pages)

    @property
    def chars(self) -> int:
        """Characters of all documents, one after another."""
        last = self.sources[-1]
        return last.first_char + last.chars

    @functools.cached_property
    def passages(self) -> Passages:
        """What can be looked at again, with an index over its words."""
        return Passages(self.sources)

    def neutral(self, model: Model) -> Attention | None:
        """What a question about nothing in particular attends to, worked out once; None where there is no room to ask it."""
        room = model.plugin.max_positions - self.memory.next_position
        if not self._neutral and len(make_prompt(self, _NEUTRAL, (), model).ids) <= room:
            self._neutral.append(_attend(self, _NEUTRAL, model))
        return self._neutral[0] if self._neutral else None


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
    """Passages that were read again in full for this question, in document order."""
    looked_again_tokens: int = 0
    """Their tokens, which `recomputed_tokens` counts too."""
    evidence_seconds: float = 0.0
    """What finding the evidence took, in `seconds` too."""
    left_out: tuple[str, ...] = ()
    """Titles of documents that were asked for, but did not fit the decoder's positions."""

    @property
    def told_looked_again(self) -> str:
        """What was looked at again, for people: "Looked again at pages 12 and 40, 812 tokens"; empty when nothing was."""
        if not self.looked_again:
            return ""
        labels = list(dict.fromkeys(passage.label for passage in self.looked_again))
        pages = f"page {labels[0]}" if len(labels) == 1 else f"pages {', '.join(labels[:-1])} and {labels[-1]}"
        return f"Looked again at {pages}, {self.looked_again_tokens:,} tokens"

    @property
    def not_said(self) -> bool:
        """Whether the answer is that the document does not say."""
        return says_nothing(self.text)


@dataclass(frozen=True)
class AnswerPart:
    """A piece of an answer as it comes; the last one carries the whole."""

    text: str
    answer: Answer | None = None


@dataclass(frozen=True)
class Prompt:
    """What is put behind a memory, or behind what was looked at before, for a question."""

    passages: tuple[Passage, ...]
    """What is looked at again."""
    ids: Tensor
    """(tokens,): the passages, then the question."""
    spans: Tensor
    """(tokens, 2): source spans of the passages' tokens among all attached characters, `NO_SPAN` elsewhere."""
    question_tokens: int
    """How many of the last tokens are the question, with what is said around it."""
    asked_tokens: int
    """How many of the last tokens begin with the user's own words."""

    @property
    def looked_again_tokens(self) -> int:
        """Tokens that stand for source text."""
        return int((self.spans[:, 1] != NO_SPAN).sum())


def attach(record: MemoryRecord, model: Model, store: Store, user: str | None = None) -> AttachedMemory:
    """Map a saved memory and copy it to the decoder's side, running nothing.

    A memory that is still being read is attached as far as its windows are finished.

    Args:
        user: name title and pages as the file of this user does, where they have the document.

    Raises:
        StoreError: it is missing, or its bytes are not those that were written.
        MemoryMismatch: another decoder or plug-in made it.
    """
    started = time.perf_counter()
    memory, record = _attach_one(record, model, store)
    source = source_of(record, memory, store, user=user)
    return AttachedMemory(memory, (record,), (source,), time.perf_counter() - started)


def attach_shelf(records: Sequence[MemoryRecord], model: Model, store: Store, question: str = "") -> AttachedMemory:
    """Attach memories one behind another, as many as fit the decoder's positions beside a question and its answer.

    Where not all fit, the documents whose passages share most with the question are taken; the others are `left_out`.
    The first memory's sink serves all.

    Raises:
        StoreError, MemoryMismatch: see `attach`.
        ConfigError: there is none to attach.
    """
    started = time.perf_counter()
    records = list({record.document_id: record for record in records}.values())
    if not records:
        raise ConfigError("There is no document to ask; name one.")
    if len(records) == 1:
        return attach(records[0], model, store)
    chosen = _fitting(records, model, store, question)
    shelf, kept, sources = model.plugin.new_memory(), [], []
    first_char = 0
    for number in sorted(chosen):
        memory, record = _attach_one(records[number], model, store)
        source = source_of(record, memory, store, first_char)
        with torch.inference_mode(), model.lock:
            if not shelf.slots:
                shelf.reserve(sum(_slots(records[other], store) for other in chosen) + ROOM_TOKENS)
            model.plugin.put_behind(shelf, memory, first_char)
        first_char += source.chars
        kept.append(record)
        sources.append(source)
    left_out = [
        store.document(record.document_id).title for number, record in enumerate(records) if number not in chosen
    ]
    return AttachedMemory(shelf, tuple(kept), tuple(sources), time.perf_counter() - started, tuple(left_out))


def _fitting(records: Sequence[MemoryRecord], model: Model, store: Store, question: str) -> set[int]:
    """Numbers of the memories that are attached together, those first that matter most to the question."""
    slots = [_slots(record, store) for record in records]
    room = model.plugin.max_positions - room_tokens(model)
    order = list(range(len(records)))
    if sum(slots) > room:
        whole = [
            Source(r.document_id, "", tuple(pages), pages[-1].end_char)
            for r in records
            if (pages := store.pages(r.document_id))
        ]
        passages = Passages(whole)
        places = {record.document_id: number for number, record in enumerate(records)}
        found = passages.search(content_words(question), len(passages.all))
        order = list(dict.fromkeys([*(places[passages.all[number].document_id] for number in found), *order]))
    chosen: set[int] = set()
    for number in order:
        if slots[number] <= room or not chosen:
            chosen.add(number)
            room -= slots[number]
    return chosen


def _slots(record: MemoryRecord, store: Store) -> int:
    return record.slots if record.state == "ready" else sum(segment.slots for segment in store.segments(record.key))


def _attach_one(record: MemoryRecord, model: Model, store: Store) -> tuple[Memory, MemoryRecord]:
    memory = None
    if record.state == "reading":
        memory = _attach_segments(record, model, store)
        record = store.memory(record.key) or record
    if memory is None:
        with store.open_memory(record.key) as tensors:
            memory = restore(model, tensors)
    return memory, record


def source_of(
    record: MemoryRecord, memory: Memory, store: Store, first_char: int = 0, user: str | None = None
) -> Source:
    """The document behind a memory, with title and pages as the file of a user has them, where they have it."""
    chars_read = int(memory.spans[:, 1].max()) if memory.slots else 0
    if user is not None and user in store.holdings.users(record.document_id):
        title = store.holdings.get(user, record.document_id).document.title
        pages = tuple(store.holdings.pages(user, record.document_id))
    else:
        title = store.document(record.document_id).title
        pages = tuple(store.pages(record.document_id))
    return Source(record.document_id, title, pages, max(0, chars_read), first_char)


def _attach_segments(record: MemoryRecord, model: Model, store: Store) -> Memory | None:
    """The finished windows of a memory that is being read; None when it was sealed meanwhile."""
    segments = store.segments(record.key)
    memory = model.plugin.new_memory(sum(segment.slots for segment in segments) + ROOM_TOKENS)
    try:
        for segment in segments:
            with store.open_segment(record.key, segment.number) as tensors:
                memory.restore(to_torch(tensors), counts(tensors.metadata))
    except (NotFound, CorruptMemory):
        if (now := store.memory(record.key)) is None or now.state == "reading":
            raise
        return None
    if not memory.slots and not model.is_published:
        with torch.inference_mode(), model.lock:
            model.plugin.open(memory, model.opening)
    return memory


def asks_for_detail(question: str) -> bool:
    """Whether to look again where nobody says: always, but for questions about the whole (its summary, theme, what it is about)."""
    return not _OF_THE_WHOLE.search(question)


def look_again_tokens(look_again: str | int, question: str) -> int:
    """How many tokens a setting lets a question look at again.

    Raises:
        ConfigError: the setting is not `off`, `auto` or a number from 0 on.
    """
    if look_again == "auto":
        return LOOK_AGAIN_TOKENS if asks_for_detail(question) else 0
    if look_again == "off":
        return 0
    if isinstance(look_again, int) and look_again >= 0:
        return look_again
    raise ConfigError(f"Looking again is set to {look_again!r}; it must be off, auto or a number of tokens.")


def choose_passages(
    attached: AttachedMemory, question: str, model: Model, tokens: int = LOOK_AGAIN_TOKENS
) -> tuple[Passage, ...]:
    """Choose what to read again for a question, at most `tokens` tokens of it; the best passage first, none overlapping.

    The question is run behind the memory once to see what it attends to; the passages are ranked by that and by its words, fused by
    reciprocal rank. A budget that the decoder's positions have no room for is cut down. The memory stays as it was.

    Raises:
        ContextOverflow: memory and question do not fit the decoder's positions.
    """
    without = make_prompt(attached, question, (), model)
    room = model.plugin.max_positions - attached.memory.next_position - len(without.ids) - _answer_room(model)
    budget_tokens = min(tokens, room - len(model.encode(PASSAGES)[0]))
    if budget_tokens <= 0 or not attached.passages.all:
        return ()
    heat = _heat(attached, _attend(attached, question, model), model)

    def count_tokens(passage: Passage) -> int:
        return sum(len(model.encode(text)[0]) for text in (_heading(passage, attached), passage.text))

    ranked = rank_passages(attached.passages, question, heat)
    return attached.passages.choose(ranked, question, budget_tokens, count_tokens)


def make_prompt(
    attached: AttachedMemory, question: str, passages: Sequence[Passage], model: Model, *, behind_others: bool = False
) -> Prompt:
    """Tokens and spans of passages and of the question behind them; `behind_others`: that were looked at before these.

    Raises:
        ConfigError: there is no question.
    """
    question = question.strip()
    if not question:
        raise ConfigError("The question is empty; ask something.")
    ids, spans = _passage_tokens(attached, passages, model, behind_others)
    question_ids = model.closing(QUESTION.format(question=question))
    none = torch.full((len(question_ids), 2), NO_SPAN)
    asked_tokens = min(len(question_ids), len(model.closing(question)))
    return Prompt(
        tuple(passages), torch.cat([ids, question_ids]), torch.cat([spans, none]), len(question_ids), asked_tokens
    )


def _passage_tokens(
    attached: AttachedMemory, passages: Sequence[Passage], model: Model, behind_others: bool
) -> tuple[Tensor, Tensor]:
    """Token ids (tokens,) of passages, each under its page, and their spans (tokens, 2) among all attached characters."""
    ids, spans = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, 2, dtype=torch.int64)]

    def put(text: str, first_char: int | None = None) -> None:
        own, places = model.encode(text)
        ids.append(own)
        spans.append(torch.full_like(places, NO_SPAN) if first_char is None else places + first_char)

    if passages and not behind_others:
        put(PASSAGES)
    for passage in passages:
        put(_heading(passage, attached))
        put(passage.text, attached.passages.first_char[passage.document_id] + passage.start_char)
    return torch.cat(ids), torch.cat(spans)


def find_evidence(
    attached: AttachedMemory, question: str, answer: str, model: Model, passages: Sequence[Passage] = ()
) -> tuple[tuple[Evidence, ...], tuple[float, ...]]:
    """Evidence and reading map of an answer that was given elsewhere, by one pass over it; the memory stays as it was.

    Args:
        passages: what had been looked at again for the answer.

    Raises:
        ContextOverflow: memory, question and answer do not fit the decoder's positions.
    """
    attention = _attend(attached, question, model, passages, answer)
    return _evidence(attached, question, answer, _heat(attached, attention, model))


def ask(
    attached: AttachedMemory,
    question: str,
    model: Model,
    *,
    look_again: str | int = "off",
    evidence: bool = True,
    stopped: Callable[[], bool] = lambda: False,
    first_question: bool = True,
) -> Iterator[AnswerPart]:
    """Answer a question from an attached memory, piece by piece; the memory is afterwards as it was before.

    Args:
        look_again: `off`, to answer from memory alone; `auto`, to look again when the question asks for detail; or the
            most document tokens to look at again.
        evidence: whether to find where the answer comes from, after its last token.
        stopped: asked before every token; True ends the answer there.
        first_question: whether attaching was done for this question, so that its time counts.

    Raises:
        ConfigError: there is no question, or `look_again` is something else.
        ContextOverflow: memory and question do not fit the decoder's positions.
    """
    memory, plugin = attached.memory, model.plugin
    attach_seconds = attached.attach_seconds if first_question else 0.0
    decoding = Decoding(
        attached, question, model, look_again=look_again, evidence=evidence, attach_seconds=attach_seconds
    )
    ran_before = memory.source_tokens_run
    looked = mark = memory.mark()
    prompt: Prompt | None = None
    logits: Tensor | None
    try:
        while True:
            if decoding.prompt is not prompt:  # the first one, or another place in the question's stead
                prompt = decoding.prompt
                memory.back_to(looked)
                _look(memory, prompt, model)
                looked = memory.mark()
                logits = _put_question(memory, prompt, model, decoding.queries)
            else:
                with torch.inference_mode(), model.lock, _recording(decoding.queries):
                    logits = plugin.run(memory, torch.tensor(decoding.tokens[-1:]), answering=True)
            assert logits is not None
            if len(decoding.tokens) >= MAX_ANSWER_TOKENS or memory.next_position >= plugin.max_positions:
                break
            piece = decoding.take(logits)
            if piece is None:
                break
            if piece:
                yield AnswerPart(piece)
            # Between two places there is nothing yet that could be an answer, or have evidence.
            if stopped() and decoding.prompt is prompt:
                decoding.ended = "stopped"
                break
        decoding.attend()
        recomputed_tokens = memory.source_tokens_run - ran_before
    finally:
        memory.back_to(mark)
    yield AnswerPart(decoding.held, decoding.answer(recomputed_tokens))


class Decoding:
    """An answer as it grows token by token, whoever runs the decoder.

    Attributes:
        prompt: what is to be put behind the memory first. Where it becomes another one, its passages are to be put behind those
            that are there already, and its question behind them, in place of the question and what was answered.
        queries: where the queries of the question and of the answer's tokens are to be recorded; None: nowhere.
        tokens: the answer's tokens so far.
        held: text that is held back: the answer may yet become that the document does not say, and another place be looked at.
        ended: why the answer has ended, as in `Answer`.
    """

    def __init__(
        self,
        attached: AttachedMemory,
        question: str,
        model: Model,
        *,
        look_again: str | int = "off",
        evidence: bool = True,
        attach_seconds: float = 0.0,
    ) -> None:
        """Choose what to look at again; the arguments and what is raised are those of `ask`."""
        self._attached, self._question, self._model = attached, question, model
        self.prompt = make_prompt(attached, question, (), model)
        self._started = time.perf_counter()
        self._places: deque[Passage] = deque()
        self._looked_again: list[Prompt] = []
        self.queries: Queries | None = {} if evidence else None
        self.ended = "length"
        self._attach_seconds = attach_seconds
        self._first_token_seconds = 0.0
        self._attention: Attention | None = None
        self._evidence_started = 0.0
        self._begin()
        if budget_tokens := look_again_tokens(look_again, question):
            self._places.extend(choose_passages(attached, question, model, budget_tokens))
            if self._places:
                self._look_at_next_place()

    def _begin(self) -> None:
        self.tokens: list[int] = []
        self._stream = DecodeStream(skip_special_tokens=True)
        self._text = self.held = ""
        if self.queries is not None:
            self.queries.clear()

    def _look_at_next_place(self) -> None:
        places = (self._places.popleft(),)
        self.prompt = make_prompt(
            self._attached, self._question, places, self._model, behind_others=bool(self._looked_again)
        )
        self._looked_again.append(self.prompt)
        self._begin()

    def take(self, logits: Tensor) -> str | None:
        """Choose the next token by logits (1, vocab) or more, the last row; return the text to show, None at the end."""
        chosen = torch.tensor([self.tokens], dtype=torch.int64)
        token = int(_without_loops(chosen, logits[-1:].clone()).argmax())
        if token in self._model.end_ids:
            self.ended = "finished"
            return None
        self.tokens.append(token)
        piece = self._stream.step(self._model.decoder.tokenizer.backend_tokenizer, token) or ""
        self._text += piece
        self.held += piece
        if self._places:
            if says_nothing(self._text):
                self._look_at_next_place()
                return ""
            if NOT_SAID.casefold().startswith(self._text.casefold()):
                return ""
        self._note_first_token()
        shown, self.held = self.held, ""
        return shown

    def _note_first_token(self) -> None:
        if not self._first_token_seconds:
            self._first_token_seconds = self._attach_seconds + time.perf_counter() - self._started

    def attend(self) -> None:
        """Note what question and answer attended to, while their keys stand behind the memory."""
        self._note_first_token()  # where all of the answer was held back
        self._evidence_started = time.perf_counter()
        if self.queries is not None:
            last = self.prompt.asked_tokens + len(self.tokens)
            self._attention = _attention(self._attached, self.queries, last, self._model)

    def answer(self, recomputed_tokens: int) -> Answer:
        """The whole answer, with what `attend` has noted."""
        attached, text = self._attached, self._text.strip()
        found: tuple[Evidence, ...] = ()
        weights: tuple[float, ...] = ()
        if self._attention is not None:
            heat = _heat(attached, self._attention, self._model)
            found, weights = _evidence(attached, self._question, text, heat)
        now = time.perf_counter()
        return Answer(
            text=text,
            question=self._question.strip(),
            document_tokens=attached.document_tokens,
            recomputed_tokens=recomputed_tokens,
            attach_seconds=self._attach_seconds,
            first_token_seconds=self._first_token_seconds,
            answer_tokens=len(self.tokens),
            seconds=self._attach_seconds + now - self._started,
            pages_read=attached.pages_read,
            pages=attached.pages,
            ended=self.ended,
            evidence=found,
            reading_map=weights,
            looked_again=attached.passages.in_document_order(
                [passage for prompt in self._looked_again for passage in prompt.passages]
            ),
            looked_again_tokens=sum(prompt.looked_again_tokens for prompt in self._looked_again),
            evidence_seconds=now - self._evidence_started if self.queries is not None else 0.0,
            left_out=attached.left_out,
        )


def _look(memory: Memory, prompt: Prompt, model: Model) -> None:
    """Put a prompt's passages behind a memory."""
    first = len(prompt.ids) - prompt.question_tokens
    if first:
        with torch.inference_mode(), model.lock:
            model.plugin.run(memory, prompt.ids[:first], prompt.spans[:first], logits="none")


def _put_question(
    memory: Memory, prompt: Prompt, model: Model, queries: Queries | None, more: Tensor | None = None
) -> Tensor:
    """Put a prompt's question, and `more` tokens, behind a memory and record their queries; the last one's logits (1, vocab)."""
    question = prompt.ids[-prompt.question_tokens :]
    with torch.inference_mode(), model.lock, _recording(queries):
        logits = model.plugin.run(memory, question if more is None else torch.cat([question, more]), answering=True)
    assert logits is not None  # a question always has tokens
    return logits


def _recording(queries: Queries | None) -> AbstractContextManager[None]:
    return nullcontext() if queries is None else recording(queries)


def _attend(
    attached: AttachedMemory, question: str, model: Model, passages: Sequence[Passage] = (), answer: str = ""
) -> Attention:
    """What a question and its answer attend to; the memory stays as it was."""
    prompt = make_prompt(attached, question, passages, model)
    answer_ids = model.encode(answer)[0]
    queries: Queries = {}
    mark = attached.memory.mark()
    try:
        _look(attached.memory, prompt, model)
        _put_question(attached.memory, prompt, model, queries, answer_ids)
        return _attention(attached, queries, prompt.asked_tokens + len(answer_ids), model)
    finally:
        attached.memory.back_to(mark)


def _attention(attached: AttachedMemory, queries: Queries, last: int, model: Model) -> Attention:
    with torch.inference_mode(), model.lock:
        return Attention.of(attached.memory, queries, last)


def _heat(attached: AttachedMemory, attention: Attention, model: Model) -> Heat:
    return Heat(attention.spans, attention.beyond(attached.neutral(model)), attached.chars)


def _evidence(
    attached: AttachedMemory, question: str, answer: str, heat: Heat
) -> tuple[tuple[Evidence, ...], tuple[float, ...]]:
    # Where the document is said not to answer, its nearest pages are named all the same, so that a reader can check.
    said = "" if says_nothing(answer) else answer
    found = name_evidence(attached.sources, attached.passages, question, said, heat)
    return found, reading_map(attached.sources, heat)


def says_nothing(answer: str) -> bool:
    """Whether an answer is that the document does not say."""
    return answer.casefold().startswith(NOT_SAID.rstrip(".").casefold())


def _heading(passage: Passage, attached: AttachedMemory) -> str:
    title = "" if len(attached.sources) == 1 else f"{attached.passages.titles[passage.document_id]}, "
    return passage_heading(passage.label, title)


def passage_heading(label: str, title: str = "") -> str:
    """What stands before a passage that is looked at again; title: of its document, where there are several."""
    return f"\n\n[{title}page {label}] "


def _answer_room(model: Model) -> int:
    """Positions kept free for the answer when passages are chosen."""
    return min(MAX_ANSWER_TOKENS, model.plugin.max_positions // 16)


def choose_memory(store: Store, document_id: str, model: Model, *, while_reading: bool = False) -> MemoryRecord | None:
    """The memory of a document that this model can attach; of several, a ready one with the smallest ratio.

    Args:
        while_reading: whether a memory that is still being read will do where none is ready.
    """
    fitting = [
        record
        for record in store.memories(document_id)
        if (record.state == "ready" or while_reading)
        and record.settings.get("decoder") == model.decoder.fingerprint
        and record.settings.get("plugin") == model.plugin_fingerprint
        and record.settings.get("dtype") == str(model.decoder.dtype).removeprefix("torch.")
    ]

    def preference(record: MemoryRecord) -> tuple[bool, int]:
        ratio = record.settings.get("ratio")  # an imported memory may say anything
        return record.state != "ready", ratio if isinstance(ratio, int) else 0

    return min(fitting, key=preference, default=None)
