"""Reading speed and memory: `python -m bench.reading [BOOK]`.

Measures two things with the bundled default decoder and windows of 512 tokens:
- speed: the ratio of tokens per second, reading at ratio 8 / plain forward passes of the same decoder over the same first 16
  windows without a memory. Neither computes logits, and each window's two runs directly follow each other;
- memory: the growth of peak resident memory from window 20 to window 200 of one reading into a library, compared with the growth
  of the memory's own slots.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import torch

from reader.beacon import BeaconConfig, RatioChooser
from reader.documents import Document, load
from reader.models import Model, load_model
from reader.reading import ReadingProgress, read
from reader.settings import cache_folder
from storage import Store

ROOT = Path(__file__).resolve().parent.parent
WINDOW, RATIO, WINDOWS = 512, 8, 16


def speed(model: Model, document: Document) -> None:
    """Print the ratio of reading to plain passes."""
    ids, spans = model.encode(document.text)
    ids, spans = ids[: WINDOW * WINDOWS], spans[: WINDOW * WINDOWS]
    chooser = RatioChooser(BeaconConfig(window=WINDOW, ratios=(RATIO,)), len(ids), 8192)
    plain_seconds: list[float] = []
    read_seconds: list[float] = []
    with torch.inference_mode():
        for round_number in range(3):
            memory = model.plugin.new_memory(WINDOWS * WINDOW // RATIO + 2 * WINDOW)
            model.plugin.open(memory, model.opening)
            plain, reading = [], []
            for window, source in zip(ids.split(WINDOW), spans.split(WINDOW), strict=True):
                started = time.perf_counter()
                model.decoder.model.base_model(window[None], use_cache=False)
                between = time.perf_counter()
                model.plugin.read(memory, window, source, chooser=chooser)
                plain.append(between - started)
                reading.append(time.perf_counter() - between)
            if round_number:  # the first warms up
                plain_seconds.append(sum(plain))
                read_seconds.append(sum(reading))
    ratios = [plain / reading for plain, reading in zip(plain_seconds, read_seconds, strict=True)]
    tokens = WINDOWS * WINDOW
    print(f"plain windows:   {tokens / statistics.median(plain_seconds):8.0f} tokens/s")
    print(f"reading, memory: {tokens / statistics.median(read_seconds):8.0f} tokens/s")
    print(
        f"ratio:           {statistics.median(ratios):8.3f}  (rounds: {', '.join(f'{r:.3f}' for r in ratios)}; goal 0.75)"
    )


def memory_growth(model: Model, document: Document) -> None:
    """Print the growth of peak resident memory from window 20 to window 200."""
    peaks: dict[int, int] = {}

    def note(progress: ReadingProgress) -> None:
        if progress.windows_done in (20, 200):
            peaks[progress.windows_done] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        result = read(document, model, store, progress=note)
    if 200 not in peaks:
        print(
            f"the document has {result.memory.windows} windows; a longer one is needed to see memory grow to window 200"
        )
        return
    slot_bytes = model.plugin.new_memory().slot_bytes
    own = 180 * WINDOW // result.ratio * slot_bytes
    grown = peaks[200] - peaks[20]
    print(
        f"window 20: {peaks[20] / 1e6:.0f} MB peak, window 200: {peaks[200] / 1e6:.0f} MB peak (ratio {result.ratio})"
    )
    print(f"grown by {grown / 1e6:.0f} MB, of which the memory's own slots are {own / 1e6:.0f} MB")
    print(f"beyond them: {(grown - own) / 1e6:.0f} MB (goal 64)")
    print(f"{result.memory.windows} windows, {result.tokens_per_second:.0f} tokens/s, {result.seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "book", nargs="?", type=Path, default=ROOT / "static" / "sample.md", help="the document to read"
    )
    parser.add_argument("--speed-only", action="store_true", help="skip the long reading")
    options = parser.parse_args()
    document = load(options.book)
    model = load_model(window=WINDOW, cache_folder=cache_folder())
    speed(model, document)
    if not options.speed_only:
        memory_growth(model, document)


if __name__ == "__main__":
    main()
