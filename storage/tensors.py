"""Writes safetensors files as a stream and reads them as a map, so that no tensor is in memory twice.

Writing takes raw buffers one after another, hashes them with BLAKE3 on the way, and publishes the file only when it is complete
and synced. Reading maps the file, checks its size and hash before anything else, and returns read-only views. Deliberately not
here: any tensor library, the meaning of tensors' names, any SQL.

Format: https://huggingface.co/docs/safetensors (8 bytes of header length, JSON header, contiguous data).
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from blake3 import blake3

from storage.errors import CorruptMemory, translating
from storage.files import mark_used, publishing, write_whole

if TYPE_CHECKING:
    from typing_extensions import Buffer

DTYPE_BYTES: Mapping[str, int] = {
    "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip

_EXPONENTS = {
    "F16": (2, 0x7C00), "BF16": (2, 0x7F80), "F32": (4, 0x7F80_0000), "F64": (8, 0x7FF0_0000_0000_0000),
}  # fmt: skip
"""Bytes of a number and the bits of its exponent."""
_COMPARED_BYTES = 1 << 16
_ALIGNMENT_BYTES = 64
_MAX_HEADER_BYTES = 100_000_000  # the safetensors library's own limit
_METADATA = "__metadata__"


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype in safetensors' words ("F32", "BF16", "I8", …) and shape of one tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * DTYPE_BYTES[self.dtype]


def write_tensors(
    path: Path,
    specs: Sequence[TensorSpec],
    buffers: Iterable[Buffer | Iterable[Buffer]],
    metadata: Mapping[str, str],
) -> tuple[int, str]:
    """Write a safetensors file from one buffer, or one iterable of buffers, per spec, and publish it at `path`.

    The file appears under its name only when it is complete and synced. After an error no new file is left.

    Returns:
        the file's size in bytes and its BLAKE3 hash (hex).

    Raises:
        ValueError: specs that no safetensors file can hold, or buffers that do not fit them.
        StorageFull: the disk has no room.
        NotWritable: the folder cannot be written.
    """
    header = _header(specs, metadata)
    size_bytes = len(header) + sum(spec.size_bytes for spec in specs)
    hasher = blake3(max_threads=blake3.AUTO)
    with publishing(path, needed_bytes=size_bytes) as file:
        for chunk in _chunks(header, specs, buffers):
            hasher.update(chunk)
            write_whole(file, chunk)
    return size_bytes, hasher.hexdigest()


def is_finite(dtype: str, content: memoryview) -> bool:
    """Whether all numbers in a tensor's bytes are finite; integers always are."""
    if dtype not in _EXPONENTS:
        return True
    chunks = (content[start : start + _COMPARED_BYTES] for start in range(0, len(content), _COMPARED_BYTES))
    return not any(_has_infinite(dtype, chunk) for chunk in chunks)


def _has_infinite(dtype: str, chunk: memoryview) -> bool:
    # The exponent bits of a number that is not finite are all ones. All numbers are treated as one long integer. Adding the lowest
    # bit of each exponent carries into the place of the sign only if the exponent bits are all ones.
    exponents, lowest, signs = _masks(dtype, len(chunk))
    return bool(((int.from_bytes(chunk, "little") & exponents) + lowest) & signs)


@lru_cache(maxsize=16)
def _masks(dtype: str, size_bytes: int) -> tuple[int, int, int]:
    """Return masks of all exponents, of the lowest bit of each, and of all signs, for this many bytes."""
    width, exponent = _EXPONENTS[dtype]
    ones = int.from_bytes((1).to_bytes(width, "little") * (size_bytes // width), "little")
    return ones * exponent, ones * (exponent & -exponent), ones << (8 * width - 1)


def file_bytes(specs: Sequence[TensorSpec], metadata: Mapping[str, str]) -> int:
    """Return the size of the file that `write_tensors` would write."""
    return len(_header(specs, metadata)) + sum(spec.size_bytes for spec in specs)


class MappedTensors(Mapping[str, tuple[str, tuple[int, ...], memoryview]]):
    """A verified safetensors file as a read-only mapping: name -> (dtype, shape, bytes as a flat memoryview).

    A view stays valid while it is referenced, also after `close()` and after the file's removal. While a view is referenced, the
    memory counts as in use and is not evicted.

    Raises:
        CorruptMemory: size, hash or header differ from those of the written file.
    """

    metadata: Mapping[str, str]

    def __init__(self, path: Path, *, expected_hash: str, expected_bytes: int) -> None:
        self.path = path
        self._tensors: dict[str, tuple[str, tuple[int, ...], memoryview]] = {}
        self._map = self._open(expected_bytes)
        try:
            with memoryview(self._map) as view:
                found_hash = blake3(view, max_threads=blake3.AUTO).hexdigest()
            if found_hash != expected_hash:
                self._refuse("its bytes are not those that were written")
            self._parse()
        except BaseException:
            self.close()
            raise

    def __getitem__(self, name: str) -> tuple[str, tuple[int, ...], memoryview]:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __enter__(self) -> Self:
        return self

    @property
    def content(self) -> memoryview:
        """All bytes of the file, with the header."""
        return memoryview(self._map)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release the map. The system unmaps the file when the last view of a caller is gone."""
        self._tensors.clear()
        with suppress(BufferError):
            self._map.close()

    def _open(self, expected_bytes: int) -> mmap.mmap:
        try:
            with translating(self.path.parent), open(self.path, "rb") as file:
                found_bytes = os.fstat(file.fileno()).st_size
                if found_bytes != expected_bytes or found_bytes < 8:
                    self._refuse(f"it has {found_bytes:,} bytes instead of {expected_bytes:,}")
                mark_used(file.fileno())
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except Exception as error:
            if isinstance(error.__cause__, FileNotFoundError):
                self._refuse("it is missing")
            raise

    def _parse(self) -> None:
        header_bytes = struct.unpack_from("<Q", self._map)[0]
        data_start = 8 + header_bytes
        if header_bytes > min(_MAX_HEADER_BYTES, len(self._map) - 8):
            self._refuse("its header is longer than the file")
        try:
            header = json.loads(self._map[8:data_start], object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            self._refuse(f"its header is not readable ({error})")
        if not isinstance(header, dict):
            self._refuse("its header is no table of tensors")
        metadata = header.pop(_METADATA, {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            self._refuse("its metadata is not text")
        self.metadata = metadata
        entries = sorted((self._entry(name, entry) for name, entry in header.items()), key=lambda entry: entry[1:])
        view = memoryview(self._map)
        position = 0
        for spec, start, end in entries:
            if start != position:
                self._refuse(f"tensor {spec.name!r} starts at byte {start} instead of {position}")
            self._tensors[spec.name] = (spec.dtype, spec.shape, view[data_start + start : data_start + end])
            position = end
        if data_start + position != len(self._map):
            self._refuse(f"its tensors end at byte {data_start + position} of {len(self._map)}")

    def _entry(self, name: str, entry: Any) -> tuple[TensorSpec, int, int]:
        match entry:
            case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(start), int(end)]} if len(entry) == 3:
                pass
            case _:
                self._refuse(f"tensor {name!r} is not described by dtype, shape and data_offsets")
        if dtype not in DTYPE_BYTES:
            self._refuse(f"tensor {name!r} has the unknown dtype {dtype!r}")
        if not all(type(size) is int and size >= 0 for size in shape):
            self._refuse(f"tensor {name!r} has the shape {shape!r}")
        spec = TensorSpec(name, dtype, tuple(shape))
        if type(start) is not int or type(end) is not int or start < 0 or end - start != spec.size_bytes:
            self._refuse(f"tensor {name!r} does not fill its {end - start} bytes")
        return spec, start, end

    def _refuse(self, reason: str) -> NoReturn:
        raise CorruptMemory(f"The memory file {self.path} cannot be used: {reason}. Read the document again.")


def _header(specs: Sequence[TensorSpec], metadata: Mapping[str, str]) -> bytes:
    table: dict[str, Any] = {_METADATA: dict(metadata)}
    if not all(isinstance(text, str) for item in metadata.items() for text in item):
        raise ValueError(f"metadata must map text to text, not {metadata!r}")
    position = 0
    for spec in specs:
        if spec.name in table:
            raise ValueError(f"tensor name {spec.name!r} is taken")
        if spec.dtype not in DTYPE_BYTES or any(size < 0 for size in spec.shape):
            raise ValueError(f"tensor {spec.name!r} cannot have dtype {spec.dtype!r} and shape {spec.shape!r}")
        if position % DTYPE_BYTES[spec.dtype]:
            raise ValueError(f"tensor {spec.name!r} would be misaligned: put tensors with wider dtypes first")
        end = position + spec.size_bytes
        table[spec.name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()
    # Aligned data can be used in place in a map; the format allows spaces after the JSON.
    padding = b" " * (-(8 + len(text)) % _ALIGNMENT_BYTES)
    return struct.pack("<Q", len(text) + len(padding)) + text + padding


def _chunks(
    header: bytes, specs: Sequence[TensorSpec], buffers: Iterable[Buffer | Iterable[Buffer]]
) -> Iterator[memoryview]:
    yield memoryview(header)
    for spec, given in zip(specs, buffers, strict=True):
        written_bytes = 0
        for view in _views(given):
            written_bytes += view.nbytes
            if written_bytes > spec.size_bytes:
                break
            if view.nbytes:  # a view with a zero in its shape cannot be cast
                yield view.cast("B")
        if written_bytes != spec.size_bytes:
            raise ValueError(f"tensor {spec.name!r} needs {spec.size_bytes} bytes, its buffers have {written_bytes}")


def _views(given: Buffer | Iterable[Buffer]) -> Iterator[memoryview]:
    try:
        view = memoryview(given)  # type: ignore[arg-type]
    except TypeError:
        yield from map(memoryview, given)  # type: ignore[arg-type]
    else:
        yield view


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table
