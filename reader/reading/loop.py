"""The reading loop: runs a document through the decoder window by window and saves its memory.

Content keys find windows that were read before with the same settings, and the loop never reads those again: it attaches a
finished memory, resumes an unfinished one, and reads a document that grew from its first changed window. This module parses no
files and answers no questions. Source: arXiv 2401.03462 v3, section 3.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reader.beacon import BeaconConfig, Memory, RatioChooser, pack_row_spans
from reader.documents import Document
from reader.errors import Cancelled
from reader.models import Model
from reader.reading.intake import add_document
from reader.reading.memory_files import counts, metadata, to_bytes, to_torch
from reader.reading.plan import ReadingPlan, plan_reading
from reader.reading.vectors import make_vectors, vector_maker
from reader.wording import counted
from storage import CorruptMemory, MemoryRecord, MemoryWriter, NotFound, SegmentRecord, Store


@dataclass(frozen=True)
class ReadingProgress:
    """The progress of a reading."""

    windows_done: int
    windows: int
    tokens_done: int
    tokens: int
    pages_done: int
    pages: int
    tokens_per_second: float
    """The speed of this run; 0 before the first window is done."""
    seconds_left: float | None
    memory_key: str = ""
    """The key of the memory that this reading makes."""
    waiting: bool = False
    """Whether another process is reading the same document, and this one waits for its memory."""


@dataclass(frozen=True)
class ReadingResult:
    """A document's memory in the store, and the cost of making it."""

    memory: MemoryRecord
    pages: int
    document_tokens: int
    ratio: int
    cached: bool
    """Whether the memory existed already."""
    tokens_read: int
    """Document tokens that the decoder has run, counted by the plug-in."""
    seconds: float
    trained: bool

    @property
    def tokens_per_second(self) -> float:
        """0 if the memory existed already."""
        return self.tokens_read / self.seconds if self.tokens_read else 0.0


def read(
    document: Document,
    model: Model,
    store: Store,
    *,
    ratio: int | None = None,
    memory_dtype: str | None = None,
    max_bytes: int | None = None,
    progress: Callable[[ReadingProgress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    is_stored: bool = False,
) -> ReadingResult:
    """Read a document into a memory in the store, or find its existing memory.

    Each window is saved when it is finished. After any kind of stop, the next call continues after the last finished window.

    Args:
        ratio, memory_dtype: see `plan_reading`.
        max_bytes: evict old memories to keep the library's memories below this size; None: the library's own budget.
        is_stored: the document is in the library already; if its owner removes it meanwhile, reading does not restore it.

    Raises:
        Cancelled: `cancelled()` returned true; finished windows are kept.
        ConfigError, ContextOverflow: see `plan_reading`.
        StoreError: the library cannot be read or written.
    """
    started = time.perf_counter()
    plan = plan_reading(document, model, ratio, memory_dtype=memory_dtype)
    if memory_dtype is None and store.memory(plan.memory_key) is None:
        others = ((other, store.memory(other.memory_key)) for other in plan.as_good(model))
        plan = next((other for other, record in others if record is not None and record.state == "ready"), plan)
    if not is_stored:
        add_document(document, store)

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
        except (CorruptMemory, NotFound):
            pass  # The memory was just evicted, or it is broken and its error asked to read again: it is dropped below.
        else:
            make_vectors(document.id, model.encoder, store)
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
        max_bytes=max_bytes,
    ) as writer:
        if writer.record.state == "ready":
            return result(writer.record, 0)
        with torch.inference_mode():
            memory = _read_windows(plan, model, store, writer, progress, cancelled)
        return result(writer.record, memory.source_tokens_run)


def _read_windows(
    plan: ReadingPlan,
    model: Model,
    store: Store,
    writer: MemoryWriter,
    progress: Callable[[ReadingProgress], None] | None,
    cancelled: Callable[[], bool],
) -> Memory:
    plugin = model.plugin
    window_beacons = plan.config.condensed_tokens // min(
        (r for r in plan.config.ratios if r), default=plan.config.window
    )
    memory = plugin.new_memory(plan.slots + plan.config.window + window_beacons)
    memory_dtype = plan.settings["memory_dtype"]
    # Each window is rounded before the next is read. To int4 only where no window's slots are read once more with the next.
    is_int4 = memory_dtype == "int4" and plan.config.condensed_tokens == plan.config.window
    is_rounded = memory_dtype == "int8" or is_int4
    packed: list[dict[str, Tensor]] = []
    """Each window's tensors in int4: rounding to it again would move numbers."""
    done = _resume(plan, store, writer, memory, packed if is_int4 else None)
    vectors = vector_maker(plan.document, model.encoder, store)
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
                f"Stopped reading after {counted(plan.pages_read(number), 'page', of=len(plan.document.pages))}; "
                "read it again to go on from there."
            )
        window = plan.window(number)
        started = time.perf_counter()
        before = memory.tail_mark() if number else None
        with model.lock:
            plugin.read(memory, window.ids, window.spans, chooser=chooser, beacons_in_tail=False)
        window_seconds = time.perf_counter() - started
        if vectors is not None:
            vectors.go_on(int(window.spans[-1, 1]))
        tensors = memory.round(before, to_int4=is_int4) if is_rounded else memory.tensors(before)
        seconds += time.perf_counter() - started
        if is_int4:
            packed.append(tensors)
        if number < full_windows:
            specs, buffers = to_bytes(tensors)
            writer.add_segment(
                plan.segment_keys[number],
                tokens=len(window.ids),
                slots=memory.sink + memory.beacons - (before.slots if before else 0),
                seconds=window_seconds,
                specs=specs,
                buffers=buffers,
                metadata=metadata(memory),
            )
        else:
            tail_seconds = window_seconds
        if progress is not None:
            progress(_progress(plan, number + 1, number + 1 - first, seconds))
    if vectors is not None:
        vectors.keep(store)
    if packed:
        tensors = _joined(memory, packed)
    else:
        tensors = memory.tensors() if memory_dtype == "model" else memory.round(to_int4=memory_dtype == "int4")
    specs, buffers = to_bytes(pack_row_spans(tensors))
    writer.seal(specs, buffers, metadata(memory), slots=memory.slots, seconds=tail_seconds)
    return memory


def _joined(memory: Memory, windows: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a memory in int4, from those of its windows."""
    names = [name for name in windows[0] if name.startswith("layers.") and not name.endswith(".row_spans")]
    return memory.tensors() | {name: torch.cat([window[name] for window in windows], dim=1) for name in names}


def _resume(
    plan: ReadingPlan, store: Store, writer: MemoryWriter, memory: Memory, packed: list[dict[str, Tensor]] | None
) -> int:
    """Restore finished windows, from this memory or from another that begins with the same windows; return their number.

    Their tensors are added to `packed`.
    """

    def restored(tensors: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        memory.restore(tensors, counts)
        if packed is not None:
            packed.append({name: tensor.clone() for name, tensor in tensors.items()})

    done = 0
    for segment in writer.segments:
        if segment.number >= len(plan.segment_keys) or segment.key != plan.segment_keys[segment.number]:
            break
        with writer.open_segment(segment.number) as tensors:
            restored(to_torch(tensors), counts(tensors.metadata))
        done += 1
    if plan.settings["memory_dtype"] == "int8" and memory.layers[0].keys.dtype != torch.float32:
        return done  # a copy would be rounded once more
    found = store.find_prefix(plan.segment_keys)
    if found is None or found[1] <= done or plan.config.condensed_tokens < plan.config.window:
        return done
    key, count = found
    source = store.memory(key)
    if source is None or source.state != "ready":
        return done
    try:
        with store.open_memory(key) as tensors:
            whole = to_torch(tensors)
            for segment in store.segments(key)[done:count]:
                part = _cut(whole, segment, plan.config)
                restored(part, _counts_after(plan, segment))
                specs, buffers = to_bytes(part)
                writer.add_segment(
                    segment.key,
                    tokens=segment.tokens,
                    slots=segment.slots,
                    seconds=0.0,
                    specs=specs,
                    buffers=buffers,
                    metadata=metadata(memory),
                )
                done += 1
    except (CorruptMemory, NotFound):
        pass  # the other memory is broken or was just evicted: read the windows instead
    return done


def _cut(whole: dict[str, Tensor], segment: SegmentRecord, config: BeaconConfig) -> dict[str, Tensor]:
    """The slots of one window, cut from a sealed memory."""
    part = slice(segment.first_slot, segment.first_slot + segment.slots)
    cut = {name: whole[name][part] for name in ("spans", "positions")} | {"tail": torch.empty(3, 0, dtype=torch.int64)}
    if "row_spans" in whole:  # as memories were saved before layers could differ
        cut["row_spans"] = whole["row_spans"][:, :, part]
    ratios = [config.ratios[number % len(config.ratios)] for number in range(segment.number + 1)]
    for name, tensor in whole.items():
        if name.startswith("layers."):
            layer = int(name.split(".")[1])
            is_rows = f"layers.{layer}.row_spans" in whole
            extra = [config.extra_rows(ratio, layer) if is_rows else 0 for ratio in ratios]
            own = slice(part.start + sum(extra[:-1]), part.stop + sum(extra))
            counts_of_groups = whole.get(f"layers.{layer}.keys.slots")
            if name.endswith((".step", ".least", ".slots")) and counts_of_groups is not None:
                ends = counts_of_groups[0].cumsum(0)
                own = slice(*(int((ends <= place).sum()) for place in (own.start, own.stop)))
            cut[name] = tensor if name.endswith(".factor") else tensor[:, own]
    return cut


def _counts_after(plan: ReadingPlan, segment: SegmentRecord) -> dict[str, int]:
    beacons = segment.first_slot + segment.slots - plan.sink
    return {"sink": plan.sink, "beacons": beacons, "raw": 0, "windows": segment.number + 1, "ratio": -1}


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
        plan.memory_key,
        waiting,
    )
