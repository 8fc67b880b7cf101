"""How fast a bundled decoder reads on this machine, and which decoder the machine can use well.

For a decoder that is not fetched yet, a short matrix product predicts the speed; a fetched decoder is measured once, on random
tokens. Both results are kept in the cache folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reader.models.bundled import is_fetched
from reader.models.cache import cache_path
from reader.models.catalogue import DEFAULT_MODEL, BundledDecoder, bundled_decoder, catalogue
from reader.models.machine import Notes, best_seconds, has_gpu, processor_seconds, ram_bytes

_WELL_SECONDS = 6.0
"""The machine uses a decoder well if it reads 1,000 tokens in this time: about three seconds per page."""
_WELL_RAM = 0.5
"""A decoder that the machine uses well takes at most this share of the machine's memory."""
_EFFICIENCY = 0.7
"""The rate of a forward pass as a share of the rate of its largest matrix product."""
_INT8 = 1.3
"""How many times as fast a CPU reads with int8 weights, the default there, as with float32's, at least (bench/README.md)."""
_ROWS, _INNER, _OUTER = 512, 896, 4864
_SHAPES = (_ROWS, _INNER), (_INNER, _OUTER)


@dataclass(frozen=True)
class Speed:
    """How long a decoder takes to read 1,000 tokens in windows without a memory before them."""

    seconds: float
    basis: Literal["measured", "calculated"]


@dataclass(frozen=True)
class DecoderChoice:
    """The choice of a decoder when the user names none."""

    name: str
    """The decoder to use now: it is in the cache, or small enough to fetch while the user waits."""
    better: str | None
    """A better decoder that this machine can use well, to fetch while the first one answers; None: there is none."""
    reason: str
    """The reason for the choice, in one sentence."""


def reading_speed(name: str, *, cache_folder: Path | None = None) -> Speed:
    """A bundled decoder's speed on this machine: measured, or calculated from a short matrix product.

    Raises:
        ModelError: there is no bundled decoder of that name.
    """
    decoder, notes = bundled_decoder(name), Notes(cache_path(cache_folder))
    if (seconds := notes.get(f"{name}-{decoder.conversion}")) is not None:
        return Speed(seconds, "measured")
    rate = pass_rate(cache_folder=cache_folder)
    layer_parameters = decoder.parameters - decoder.embedding_parameters
    return Speed(2 * layer_parameters * 1000 / (rate * (1 if has_gpu() else _INT8)), "calculated")


def pass_rate(*, cache_folder: Path | None = None) -> float:
    """Operations per second of a forward pass on this machine, with float32 weights on a CPU and bfloat16 weights on a GPU.

    It is a share of the rate of a matrix product, which is measured once and kept."""
    return _EFFICIENCY * Notes(cache_path(cache_folder)).measured("matrix rate", _matrix_rate)


def measure_speed(name: str, *, cache_folder: Path | None = None) -> Speed:
    """Load a bundled decoder, time two windows and store the better time.

    Raises:
        ModelError: there is no bundled decoder of that name, or the decoder cannot be loaded.
    """
    import torch

    from reader.models.decoder import load_decoder

    cache = cache_path(cache_folder)
    decoder = load_decoder(name, cache_folder=cache)
    ids = torch.arange(_ROWS, device=decoder.device)[None] + 1000
    seconds = []
    with torch.inference_mode():
        for _ in range(2):
            started = processor_seconds()
            decoder.model.base_model(ids).last_hidden_state[0, -1, 0].item()
            seconds.append(processor_seconds() - started)
    best = min(seconds) * 1000 / _ROWS
    Notes(cache).set(f"{name}-{bundled_decoder(name).conversion}", best)
    return Speed(best, "measured")


def choose_decoder(*, cache_folder: Path | None = None) -> DecoderChoice:
    """Choose a decoder when the user names none: the best one in the cache that this machine can use well."""
    best = _best_here(cache_folder)
    if best.name == DEFAULT_MODEL and _is_faster_now(cache_folder):
        best = _best_here(cache_folder)
    cores, ram = os.cpu_count() or 1, ram_bytes()
    seconds = reading_speed(best.name, cache_folder=cache_folder).seconds
    reason = (
        f"With {cores} cores and {ram / (1 << 30):.0f} GiB of memory this machine can use {best.name} well "
        f"(1,000 tokens read in {seconds:.1f} s); READER_MODEL or --model changes it."
    )
    if best.name == DEFAULT_MODEL or is_fetched(best.name, cache_folder):
        return DecoderChoice(best.name, None, reason)
    return DecoderChoice(DEFAULT_MODEL, best.name, f"{reason} Until it is fetched, {DEFAULT_MODEL} answers.")


def _best_here(cache_folder: Path | None) -> BundledDecoder:
    """The best decoder that this machine can use well, fetched or not."""
    ram = ram_bytes()
    return next(
        (
            decoder
            for decoder in reversed(catalogue())
            if decoder.ram_bytes <= _WELL_RAM * ram
            and reading_speed(decoder.name, cache_folder=cache_folder).seconds <= _WELL_SECONDS
        ),
        bundled_decoder(DEFAULT_MODEL),
    )


def _is_faster_now(cache_folder: Path | None) -> bool:
    """Measure the matrix rate once more, as the machine may have been busy before, and keep the higher one."""
    notes = Notes(cache_path(cache_folder))
    known, now = notes.get("matrix rate") or 0.0, _matrix_rate()
    if now > known:
        notes.set("matrix rate", now)
    return now > known


def fits(decoder: BundledDecoder) -> bool:
    """Whether the free memory is enough to convert the decoder."""
    import psutil

    return int(psutil.virtual_memory().available) >= decoder.convert_ram_bytes


def _matrix_rate() -> float:
    """Operations per second of a matrix product of a decoder's shape, on the device that reading will use."""
    left, right = _matrices()
    (left @ right).sum().item()  # starts the threads and the device
    return 2 * _ROWS * _INNER * _OUTER / best_seconds(lambda: (left @ right)[0, 0].item(), tries=5)


def _matrices() -> tuple[Any, ...]:
    """Two matrices: torch's on a GPU; on a CPU numpy's, whose product is as fast and which is imported in a tenth of the time."""
    if has_gpu():
        import torch

        return tuple(torch.rand(*shape, device="cuda", dtype=torch.bfloat16) for shape in _SHAPES)
    import numpy as np

    numbers = np.random.default_rng()
    return tuple(numbers.random(shape, dtype=np.float32) for shape in _SHAPES)
