"""Converts a memory to the named tensors that `storage` writes to disk and maps, and back.

Attaching maps the file once and copies once per layer. This module runs no decoder.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from reader.beacon import Memory, unpack_row_spans
from reader.errors import MemoryMismatch
from reader.models import Model
from reader.reading.plan import FORMAT, ROOM_TOKENS
from storage import MappedTensors, TensorSpec

_MOST = 1 << 31
"""No count and no place in a text is as large."""
_DTYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int8: "I8",
}


def restore(model: Model, tensors: MappedTensors) -> Memory:
    """Restore a memory from its sealed file, with one copy per layer and no pass of the decoder.

    Raises:
        MemoryMismatch: another decoder made the memory.
    """
    kept = counts(tensors.metadata)
    slots = kept["sink"] + kept["beacons"] + kept["raw"]
    views = to_torch(tensors)
    # The file may be imported: check its counts and positions before allocating memory for them.
    positions = views.get("positions")
    if positions is None or tuple(positions.shape) != (slots,) or positions.dtype != torch.int64:
        raise MemoryMismatch(f"The memory does not have its {slots:,} slots. Read the document again.")
    _check_range("positions", positions, 0, model.plugin.max_positions)
    for name in views:
        if name.endswith("spans"):
            _check_range(name, views[name], -1, _MOST)  # -1: of no place in the document
    memory = model.plugin.new_memory()
    memory.restore(views, kept, ROOM_TOKENS, stays_rounded=True)
    return memory


def _check_range(name: str, numbers: Tensor, first: int, end: int) -> None:
    if numbers.numel() and not (first <= int(numbers.min()) and int(numbers.max()) < end):
        raise MemoryMismatch(f"The memory's {name} are not all from {first} to {end - 1:,}. Read the document again.")


def metadata(memory: Memory) -> dict[str, str]:
    """What the header of a memory's file says: its format and its counts."""
    return {"format": FORMAT, **{name: str(count) for name, count in memory.counts().items()}}


def counts(metadata: Mapping[str, str]) -> dict[str, int]:
    """The counts that `metadata` wrote.

    Raises:
        MemoryMismatch: the format is another, or a count is missing or impossible.
    """
    if metadata.get("format") != FORMAT:
        raise MemoryMismatch(
            f"The memory's format is {metadata.get('format')!r}, this version reads {FORMAT!r}. Read the document again."
        )
    try:
        found = {name: int(metadata[name]) for name in ("sink", "beacons", "raw", "windows", "ratio")}
    except (KeyError, ValueError) as error:
        raise MemoryMismatch(f"The memory's own counts cannot be read ({error}). Read the document again.") from error
    for name, count in found.items():
        if not (-1 if name == "ratio" else 0) <= count <= _MOST:
            raise MemoryMismatch(
                f"The memory's count of {name} is {count}, which is impossible. Read the document again."
            )
    return found


def to_bytes(tensors: Mapping[str, Tensor]) -> tuple[list[TensorSpec], Iterator[Iterable[memoryview]]]:
    """The specs, those of wider numbers first, as they must be aligned, and each tensor's bytes head by head, so that contiguous
    bytes are not copied."""
    ordered = sorted(tensors.items(), key=lambda named: -named[1].itemsize)
    specs = [TensorSpec(name, _DTYPES[tensor.dtype], tuple(tensor.shape)) for name, tensor in ordered]

    def parts(tensor: Tensor) -> Iterator[memoryview]:
        for part in tensor.cpu():  # from a GPU in one copy
            yield memoryview(part.contiguous().flatten().view(torch.uint8).numpy())

    return specs, (parts(tensor) for _, tensor in ordered)


def to_torch(tensors: MappedTensors) -> dict[str, Tensor]:
    """Read-only views of the mapped bytes; only what heads keep is unpacked."""
    types = {name: dtype for dtype, name in _DTYPES.items()}
    views: dict[str, Tensor] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        for name, (kind, shape, view) in tensors.items():
            if kind not in types:
                raise MemoryMismatch(f"The memory's {name} has the unknown type {kind}. Read the document again.")
            flat = torch.frombuffer(view, dtype=types[kind]) if len(view) else torch.empty(0, dtype=types[kind])
            views[name] = flat.view(shape)
    return unpack_row_spans(views)
