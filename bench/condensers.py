"""What each condenser's reading takes beside that of beacons: `python -m bench.condensers [--model NAME] [--dtype TYPE]`.

Two decoders, one with beacons and one that keeps rows, read the same windows of the sample at ratio 8 in turn. Printed is the
processor time of reading with beacons over that of each way to choose rows: above 1, rows are faster. Untrained beacons take as
long as trained ones.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict

import torch
from torch import Tensor

from reader.condensing import CHOOSERS
from reader.models import DEFAULT_MODEL, Model, load_model
from reader.settings import STATIC, cache_folder
from reader.strategies import Beacon

RATIO, WINDOWS = 8, 8


def seconds(model: Model, windows: tuple[Tensor, ...]) -> list[float]:
    """The processor seconds of reading each window behind those before it; the first one warms up and is left out."""
    strategy, found = Beacon(model, RATIO), []
    for window in windows:
        begin = time.process_time()
        strategy.read(window)
        found.append(time.process_time() - begin)
    return found[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default: the bundled decoder")
    parser.add_argument("--plugin", help="a plug-in with a scorer; default: the decoder's own")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    options = parser.parse_args()
    torch.set_num_threads(1)

    def loaded(condenser: str | None, plugin: str | None = None) -> Model:
        return load_model(
            options.model, plugin=plugin, condenser=condenser, dtype=options.dtype, cache_folder=cache_folder()
        )

    beacons, rows = loaded("beacons"), loaded(None, options.plugin)
    usual = rows.plugin.rows
    if usual is None:
        rows = loaded("expected-attention")
    choosers = {name: chooser() for name, chooser in CHOOSERS.items()} | ({usual.name: usual} if usual else {})
    text = (STATIC / "sample.md").read_text(encoding="utf-8")
    windows = rows.encode(text)[0][: WINDOWS * rows.plugin.config.window].split(rows.plugin.config.window)
    shares: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        of_beacons = sum(seconds(beacons, windows))
        for name, chooser in choosers.items():
            rows.plugin.rows = chooser
            shares[name].append(of_beacons / sum(seconds(rows, windows)))
    for name, found in shares.items():
        print(f"{name:20} {statistics.median(found):.3f}  ({min(found):.3f} to {max(found):.3f})")


if __name__ == "__main__":
    main()
