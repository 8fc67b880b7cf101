"""Asking a memory: attach it, put the question behind it, stream the answer.

Nothing of the document is run again; how many of its tokens the decoder did run is counted where it is run, and told with
every answer. Decoding is greedy, so the same memory and question give the same answer. It neither reads documents nor
chooses memories.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from tokenizers.decoders import DecodeStream
from transformers import NoRepeatNGramLogitsProcessor

from reader.beacon import Memory
from reader.checkpoints import Model
from reader.errors import ConfigError
from reader.memory_files import counts, restore, to_torch
from reader.planning import ROOM_TOKENS
from storage import CorruptMemory, MemoryRecord, NotFound, Store

QUESTION = "\n\nFrom the text above, answer this question in a sentence or two: {question}"
"""How a question follows the document."""

MAX_ANSWER_TOKENS = 256

_without_loops = NoRepeatNGramLogitsProcessor(8)
"""Small decoders fall into saying the same again and again; no eight tokens come twice in one answer."""


@dataclass(frozen=True)
class AttachedMemory:
    """A memory in the decoder's hands, ready for any number of questions."""

    memory: Memory
    record: MemoryRecord
    pages_read: int
    """Pages that are in the memory whole; fewer than `pages` while it is being read."""
    pages: int
    attach_seconds: float


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


@dataclass(frozen=True)
class AnswerPart:
    """A piece of an answer as it comes; the last one carries the whole."""

    text: str
    answer: Answer | None = None


def attach(record: MemoryRecord, model: Model, store: Store) -> AttachedMemory:
    """Map a saved memory and copy it to the decoder's side, running nothing.

    A memory that is still being read is attached as far as its windows are finished.

    Raises:
        StoreError: it is missing, or its bytes are not those that were written.
        MemoryMismatch: another decoder or plug-in made it.
    """
    started = time.perf_counter()
    memory = None
    if record.state == "reading":
        memory = _attach_segments(record, model, store)
        record = store.memory(record.key) or record
    if memory is None:
        with store.open_memory(record.key) as tensors:
            memory = restore(model, tensors)
    chars = int(memory.spans[:, 1].max()) if memory.slots else 0
    pages = store.pages(record.document_id)
    pages_read = sum(page.end_char <= chars for page in pages)
    return AttachedMemory(memory, record, pages_read, len(pages), time.perf_counter() - started)


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


def ask(
    attached: AttachedMemory,
    question: str,
    model: Model,
    *,
    stopped: Callable[[], bool] = lambda: False,
    first_question: bool = True,
) -> Iterator[AnswerPart]:
    """Answer a question from an attached memory, piece by piece; the memory is afterwards as it was before.

    Args:
        stopped: asked before every token; True ends the answer there.
        first_question: whether attaching was done for this question, so that its time counts.

    Raises:
        ConfigError: there is no question.
        ContextOverflow: memory and question do not fit the decoder's positions.
    """
    if not question.strip():
        raise ConfigError("The question is empty; ask something.")
    started = time.perf_counter()
    attach_seconds = attached.attach_seconds if first_question else 0.0
    memory, plugin = attached.memory, model.plugin
    prompt = model.closing(QUESTION.format(question=question.strip()))
    decode = DecodeStream(skip_special_tokens=True)
    backend = model.decoder.tokenizer.backend_tokenizer
    tokens: list[int] = []
    pieces: list[str] = []
    first_token_seconds = 0.0
    ended = "length"
    ran_before = memory.source_tokens_run
    mark = memory.mark()
    try:
        with torch.inference_mode(), model.lock:
            logits = plugin.run(memory, prompt)
        room = plugin.max_positions - memory.next_position
        for _ in range(min(MAX_ANSWER_TOKENS, room)):
            assert logits is not None  # a question always has tokens
            token = int(_without_loops(torch.tensor([tokens], dtype=torch.int64), logits[-1:].clone()).argmax())
            if not tokens:
                first_token_seconds = attach_seconds + time.perf_counter() - started
            if token in model.end_ids:
                ended = "finished"
                break
            tokens.append(token)
            piece = decode.step(backend, token)
            if piece:
                pieces.append(piece)
                yield AnswerPart(piece)
            if stopped():
                ended = "stopped"
                break
            with torch.inference_mode(), model.lock:
                logits = plugin.run(memory, torch.tensor([token]))
    finally:
        memory.back_to(mark)
    answer = Answer(
        text="".join(pieces).strip(),
        question=question.strip(),
        document_tokens=attached.record.tokens,
        recomputed_tokens=memory.source_tokens_run - ran_before,
        attach_seconds=attach_seconds,
        first_token_seconds=first_token_seconds,
        answer_tokens=len(tokens),
        seconds=attach_seconds + time.perf_counter() - started,
        pages_read=attached.pages_read,
        pages=attached.pages,
        ended=ended,
    )
    yield AnswerPart("", answer)


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
