"""The streaming loop: a document goes through the decoder window by window and becomes a saved memory.

What was read before under the same settings is found by content key and never read again: a finished memory is
attached, an unfinished one resumed behind its last finished window. It does not parse files, and it does not answer.
Source: arXiv 2401.03462 v3, section 3.2.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.beacon import NO_SPAN, BeaconConfig, Memory, RatioChooser, adapt_ratio
from reader.checkpoints import Model
from reader.documents import Document, Page
from reader.errors import Cancelled, ContextOverflow, MemoryMismatch
from storage import CorruptMemory, MappedTensors, MemoryRecord, MemoryWriter, Store, TensorSpec

FORMAT = "reader-memory-1"
"""Raise it whenever the same settings and tokens would give another memory."""

ROOM_TOKENS = 1024
"""Positions kept free behind the memory for the opening, the question and the answer."""

_DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


@dataclass(frozen=True)
class Window:
    """Consecutive token ids (tokens,) with their character spans (tokens, 2); all windows together are the document's tokens."""

    number: int
    ids: Tensor
    spans: Tensor


@dataclass(frozen=True)
class ReadingPlan:
    """What reading a document will do, known before the decoder runs."""

    document: Document
    config: BeaconConfig
    ids: Tensor
    """(tokens,): what is read window by window."""
    spans: Tensor
    """(tokens, 2)"""
    document_tokens: int
    ratio: int
    sink: int
    slots: int
    settings: dict[str, object]
    segment_keys: tuple[str, ...]
    """The chain key of each full window."""
    memory_key: str

    @property
    def windows(self) -> int:
        """Windows, the unfinished last one included."""
        return -(-len(self.ids) // self.config.window)

    def window(self, number: int) -> Window:
        """Window `number`, counted from 0."""
        part = slice(number * self.config.window, (number + 1) * self.config.window)
        return Window(number, self.ids[part], self.spans[part])

    def pages_read(self, windows: int) -> int:
        """Pages of which every character is read after that many windows."""
        if windows >= self.windows:
            return len(self.document.pages)
        end = int(self.spans[windows * self.config.window - 1, 1]) if windows else 0
        return sum(page.end <= end for page in self.document.pages)


@dataclass(frozen=True)
class ReadingProgress:
    """How far a reading has got."""

    windows_done: int
    windows: int
    tokens_done: int
    tokens: int
    pages_done: int
    pages: int
    tokens_per_second: float
    """Over what was read in this run; 0 before the first window is done."""
    seconds_left: float | None
    waiting: bool = False
    """Another process is reading the same document; its memory is waited for."""


@dataclass(frozen=True)
class ReadingResult:
    """A document's memory in the store, and what it cost to make."""

    memory: MemoryRecord
    pages: int
    document_tokens: int
    ratio: int
    cached: bool
    """Whether nothing had to be read."""
    tokens_read: int
    """Document tokens that the decoder has run, counted where it is run."""
    seconds: float
    trained: bool

    @property
    def tokens_per_second(self) -> float:
        """0 when nothing had to be read."""
        return self.tokens_read / self.seconds if self.tokens_read else 0.0


def plan_reading(document: Document, model: Model, ratio: int | None = None) -> ReadingPlan:
    """Cut a document into windows, choose the ratio, and derive the keys.

    Args:
        ratio: raw tokens per beacon, 0 to keep raw activations; None adapts it to the document's length.

    Raises:
        ConfigError: the ratio does not divide the window.
        ContextOverflow: the memory would not fit the decoder's positions; names the ratio that does.
    """
    config = model.plugin.config
    if ratio is not None:
        config.check_ratio(ratio)
    ids, spans = model.encode(document.text)
    document_tokens = len(ids)
    opening = model.opening
    sink = config.sink_tokens
    if model.is_published:
        ids = torch.cat([opening, ids])
        spans = torch.cat([torch.full((len(opening), 2), NO_SPAN), spans])
    else:
        sink = len(opening)

    ratios = _resolve(config, ratio, len(ids), sink, model)
    slots = _count_slots(config, ratios, len(ids), sink)
    if slots + _room(model) > model.plugin.max_positions:
        raise ContextOverflow(_too_long(model, slots, len(ids), sink, ratio))
    config = dataclasses.replace(config, ratios=ratios, ratio_choice="sequence")
    full_windows = len(ids) // config.window

    settings: dict[str, object] = {
        "format": FORMAT,
        "model": model.name,
        "decoder": model.decoder.fingerprint,
        "plugin": model.plugin_fingerprint,
        "tokenizer": model.decoder.tokenizer_fingerprint,
        "dtype": str(model.decoder.dtype).removeprefix("torch."),
        "rope": model.decoder.model.config.rope_parameters,
        "opening": opening.tolist(),
        "ratio": ratios[0],
        "beacon": dataclasses.asdict(config),
    }
    # The model's name is for people; the same weights under another name give the same memory.
    identity = json.dumps({name: value for name, value in settings.items() if name != "model"}, sort_keys=True)
    key = hashlib.sha256(f"{FORMAT}\0settings\0{identity}".encode()).digest()
    keys: list[bytes] = []
    for number in range(-(-len(ids) // config.window)):
        window = ids[number * config.window : (number + 1) * config.window]
        key = hashlib.sha256(f"{FORMAT}\0window\0".encode() + key + window.numpy().astype("<i4").tobytes()).digest()
        keys.append(key)
    # The document's id goes in because slots point into its text, which a tokenizer that normalises may not tell apart.
    memory_key = hashlib.sha256(f"{FORMAT}\0memory\0{document.id}\0".encode() + key).hexdigest()
    segment_keys = tuple(key.hex() for key in keys[:full_windows])
    return ReadingPlan(
        document, config, ids, spans, document_tokens, ratios[0], sink, slots, settings, segment_keys, memory_key
    )


def read(
    document: Document,
    model: Model,
    store: Store,
    *,
    ratio: int | None = None,
    progress: Callable[[ReadingProgress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ReadingResult:
    """Read a document into a memory in the store, or find the memory that is there already.

    Every finished window is saved as it comes: after a stop of any kind, the next call goes on behind it.

    Raises:
        Cancelled: `cancelled()` said so; finished windows are kept.
        ConfigError, ContextOverflow: see `plan_reading`.
        StoreError: the library cannot be read or written.
    """
    started = time.perf_counter()
    plan = plan_reading(document, model, ratio)
    pages = ((page.label, document.text[page.start : page.end]) for page in document.pages)
    store.add_document(
        document.id, title=document.title, file_name=document.file_name, format=document.format, pages=pages
    )

    def result(record: MemoryRecord, tokens_read: int) -> ReadingResult:
        seconds = time.perf_counter() - started
        return ReadingResult(
            record,
            len(document.pages),
            plan.document_tokens,
            plan.ratio,
            tokens_read == 0,
            tokens_read,
            seconds,
            model.plugin.trained,
        )

    record = store.memory(plan.memory_key)
    if record is not None and record.state == "ready":
        try:
            store.open_memory(record.key).close()
        except CorruptMemory:
            pass  # told to read it again, people do: what is broken is dropped below
        else:
            return result(record, 0)

    def on_wait() -> None:
        if cancelled():
            raise Cancelled(f"Stopped waiting for another process to finish reading {document.title!r}.")
        if progress is not None:
            progress(_progress(plan, 0, 0, 0.0, waiting=True))

    with store.writing(
        plan.memory_key,
        document.id,
        settings=plan.settings,
        windows=plan.windows,
        tokens=plan.document_tokens,
        on_wait=on_wait,
    ) as writer:
        if writer.record.state == "ready":
            return result(writer.record, 0)
        with torch.inference_mode():
            memory = _read_windows(plan, model, writer, progress, cancelled)
        return result(writer.record, memory.source_tokens_run)


def stored_document(store: Store, reference: str) -> Document:
    """The document that the library holds under an id, a unique start of it, or a title.

    Raises:
        StoreError: it is not there, or the reference fits several.
    """
    record = store.document(reference)
    pages = store.pages(record.id)
    return Document(
        text="".join(page.text for page in pages),
        pages=tuple(Page(page.number, page.label, page.start_char, page.end_char) for page in pages),
        title=record.title,
        file_name=record.file_name,
        format=record.format,
        textless_pages=0,
    )


def restore(model: Model, tensors: MappedTensors, capacity: int | None = None) -> Memory:
    """A memory from its sealed file: one copy a layer, nothing is run.

    Raises:
        MemoryMismatch: it was made by another decoder.
    """
    counts = _counts(tensors.metadata)
    slots = counts["sink"] + counts["beacons"] + counts["raw"]
    memory = model.plugin.new_memory(capacity or slots + ROOM_TOKENS)
    memory.restore(_to_torch(tensors), counts)
    return memory


def _resolve(config: BeaconConfig, ratio: int | None, tokens: int, sink: int, model: Model) -> tuple[int, ...]:
    """The ratios that the windows take in turn."""
    if ratio is not None:
        return (ratio,)
    if config.ratio_choice == "sequence":
        return config.ratios
    smallest = adapt_ratio(config, tokens, model.plugin.max_positions)
    # adapt-R counts its room as if it were condensed, too; a question and its answer stay raw.
    positions = model.plugin.max_positions - _room(model)
    fitting = [
        r for r in sorted(config.ratios) if r >= smallest and _count_slots(config, (r,), tokens, sink) <= positions
    ]
    return (fitting[0] if fitting else max(config.ratios),)


def _count_slots(config: BeaconConfig, ratios: Sequence[int], tokens: int, sink: int) -> int:
    """Slots of a memory of that many tokens."""
    full_windows, tail = divmod(tokens, config.window)
    kept = [config.condensed_tokens // ratio if ratio else config.condensed_tokens for ratio in ratios]
    carried = config.window - config.condensed_tokens if full_windows else 0
    return sink + sum(kept[number % len(kept)] for number in range(full_windows)) + carried + tail


def _room(model: Model) -> int:
    """Positions kept free for the question and the answer."""
    return min(ROOM_TOKENS, model.plugin.max_positions // 4)


def _too_long(model: Model, slots: int, tokens: int, sink: int, ratio: int | None) -> str:
    config, positions = model.plugin.config, model.plugin.max_positions
    divisors = [r for r in range(1, config.condensed_tokens + 1) if config.condensed_tokens % r == 0]
    fitting = [r for r in divisors if _count_slots(config, (r,), tokens, sink) + _room(model) <= positions]
    advice = f"read it with --ratio {fitting[0]}" if fitting else "split it, or use a decoder with more positions"
    at_ratio = "" if ratio is None else f" at ratio {ratio}"
    return (
        f"The document's {tokens:,} tokens make {slots:,} slots{at_ratio}, more than the {positions:,} positions of "
        f"{model.name} less {_room(model):,} for question and answer; {advice}."
    )


def _read_windows(
    plan: ReadingPlan,
    model: Model,
    writer: MemoryWriter,
    progress: Callable[[ReadingProgress], None] | None,
    cancelled: Callable[[], bool],
) -> Memory:
    plugin = model.plugin
    window_beacons = plan.config.condensed_tokens // min(
        (r for r in plan.config.ratios if r), default=plan.config.window
    )
    memory = plugin.new_memory(plan.slots + plan.config.window + window_beacons)
    done = _resume(plan, writer, memory)
    if not done:
        with model.lock:
            if not model.is_published:
                plugin.open(memory, model.opening)
    if progress is not None:
        progress(_progress(plan, done, 0, 0.0))
    first, seconds, tail_seconds = done, 0.0, 0.0
    chooser = RatioChooser(plan.config, len(plan.ids), plugin.max_positions)
    full_windows = len(plan.segment_keys)
    for number in range(done, plan.windows):
        if cancelled():
            raise Cancelled(
                f"Stopped reading after {plan.pages_read(number):,} of {len(plan.document.pages):,} pages; "
                "read it again to go on from there."
            )
        window = plan.window(number)
        started = time.perf_counter()
        slots_before = memory.sink + memory.beacons if number else 0
        with model.lock:
            plugin.read(memory, window.ids, window.spans, chooser=chooser, beacons_in_tail=False)
        window_seconds = time.perf_counter() - started
        seconds += window_seconds
        if number < full_windows:
            specs, buffers = _to_bytes(memory.tensors(slots_before))
            writer.add_segment(
                plan.segment_keys[number],
                tokens=len(window.ids),
                slots=memory.sink + memory.beacons - slots_before,
                seconds=window_seconds,
                specs=specs,
                buffers=buffers,
                metadata=_metadata(memory),
            )
        else:
            tail_seconds = window_seconds
        if progress is not None:
            progress(_progress(plan, number + 1, number + 1 - first, seconds))
    specs, buffers = _to_bytes(memory.tensors())
    writer.seal(specs, buffers, _metadata(memory), slots=memory.slots, seconds=tail_seconds)
    return memory


def _resume(plan: ReadingPlan, writer: MemoryWriter, memory: Memory) -> int:
    """Restore the windows that were finished before; return their number."""
    done = 0
    for segment in writer.segments:
        if segment.number >= len(plan.segment_keys) or segment.key != plan.segment_keys[segment.number]:
            break
        with writer.open_segment(segment.number) as tensors:
            memory.restore(_to_torch(tensors), _counts(tensors.metadata))
        done += 1
    return done


def _progress(plan: ReadingPlan, done: int, done_now: int, seconds: float, *, waiting: bool = False) -> ReadingProgress:
    window = plan.config.window
    speed = min(done_now * window, len(plan.ids)) / seconds if done_now and seconds else 0.0
    tokens_done = min(done * window, len(plan.ids))
    return ReadingProgress(
        done,
        plan.windows,
        tokens_done,
        len(plan.ids),
        plan.pages_read(done),
        len(plan.document.pages),
        speed,
        (len(plan.ids) - tokens_done) / speed if speed else None,
        waiting,
    )


def _metadata(memory: Memory) -> dict[str, str]:
    return {"format": FORMAT, **{name: str(count) for name, count in memory.counts().items()}}


def _counts(metadata: Mapping[str, str]) -> dict[str, int]:
    if metadata.get("format") != FORMAT:
        raise MemoryMismatch(
            f"The memory's format is {metadata.get('format')!r}, this version reads {FORMAT!r}. Read the document again."
        )
    return {name: int(metadata[name]) for name in ("sink", "beacons", "raw", "windows", "ratio")}


def _to_bytes(tensors: Mapping[str, Tensor]) -> tuple[list[TensorSpec], Iterator[Iterable[memoryview]]]:
    """Specs, and for each tensor its bytes head by head, so that nothing is copied that is contiguous."""
    specs = [TensorSpec(name, _DTYPES[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()]

    def parts(tensor: Tensor) -> Iterator[memoryview]:
        for part in tensor:
            yield memoryview(part.cpu().contiguous().flatten().view(torch.uint8).numpy())

    return specs, (parts(tensor) for tensor in tensors.values())


def _to_torch(tensors: MappedTensors) -> dict[str, Tensor]:
    """Views of the mapped bytes; they are only read."""
    types = {name: dtype for dtype, name in _DTYPES.items()}
    views: dict[str, Tensor] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        for name, (dtype, shape, view) in tensors.items():
            if dtype not in types:
                raise MemoryMismatch(f"The memory's {name} has the unknown type {dtype}. Read the document again.")
            flat = torch.frombuffer(view, dtype=types[dtype]) if len(view) else torch.empty(0, dtype=types[dtype])
            views[name] = flat.view(shape)
    return views
