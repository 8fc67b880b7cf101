"""The plug-in's speed compared with its lower bound and with plain transformers: `python -m bench.plugin`.

All figures are ratios of one run. The compared runs alternate, so that a noisy machine affects both alike:
1. a window with the plug-in / the same window without (no memory), at ratios 4, 8 and 32; goal (1 + 1/ratio) * 1.10. Also the time
   per window after 4,096 slots, compared with the cost of the extra attention operations;
2. decoding 64 tokens after 4,000 slots / plain decoding after a cache of 4,000 tokens; goal 1.05;
3. reading 8,192 / 16,384 / 32,768 tokens at ratio 8, compared with one full-attention pass (sdpa, `logits_to_keep=1`): tokens per
   second and peak memory, each in its own process. Also the time per token with a horizon of 1,024 slots, up to 131,072 tokens.

On a GPU: `bench.gpu`.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import DynamicCache

from reader.beacon import BeaconConfig, BeaconPlugin, Memory, RatioChooser
from reader.models import Model, load_model
from reader.settings import cache_folder

WINDOW = 512
LENGTHS = (8192, 16384, 32768)
HORIZON = 1024
HORIZON_LENGTHS = (2048, 8192, 32768, 131072)


def synchronised() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def side_by_side(runs: list[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each run. The runs alternate, and one round warms up."""
    seconds: list[list[float]] = [[] for _ in runs]
    for round_number in range(rounds + 1):
        for number, run in enumerate(runs):
            started = synchronised()
            run()
            if round_number:
                seconds[number].append(synchronised() - started)
    return [statistics.median(times) for times in seconds]


def random_memory(plugin: BeaconPlugin, slots: int) -> Memory:
    """A memory of `slots` slots with random values. The values do not change the cost."""
    memory = plugin.new_memory(slots + 2 * WINDOW)
    for layer in memory.layers:
        layer.keys[:, :, :slots].normal_()
        layer.values[:, :, :slots].normal_()
        layer.length = slots
    memory.beacons = slots
    memory.positions = torch.arange(slots)
    memory.spans = torch.full((slots, 2), -1)
    return memory


def read_window(plugin: BeaconPlugin, memory: Memory, ids: torch.Tensor, ratio: int) -> None:
    """Read one window after a memory, then drop the window."""
    slots = memory.slots
    mark = memory.mark()
    config = BeaconConfig(window=WINDOW, ratios=(ratio,), ratio_choice="sequence")
    plugin.read(memory, ids, chooser=RatioChooser(config, len(ids), plugin.max_positions))
    memory.back_to(mark)
    memory.beacons = slots


def windows(model: Model, rounds: int) -> None:
    plugin, decoder = model.plugin, model.decoder.model
    ids = torch.randint(1000, 40000, (WINDOW,))
    print("\n1. One window with the plug-in / the same window without")
    print("| ratio | slots | with / without | goal (1 + 1/ratio) * 1.10 |\n| --- | --- | --- | --- |")
    for ratio in (4, 8, 32):
        memory = plugin.new_memory(3 * WINDOW)
        plain, reading = side_by_side(
            [
                lambda: decoder.base_model(ids[None], use_cache=False),
                lambda memory=memory, ratio=ratio: read_window(plugin, memory, ids, ratio),  # type: ignore[misc]
            ],
            rounds,
        )
        print(f"| {ratio} | 0 | {reading / plain:.3f} | {(1 + 1 / ratio) * 1.1:.3f} |")
    empty, full = plugin.new_memory(3 * WINDOW), random_memory(plugin, 4096)
    short, long = side_by_side(
        [lambda: read_window(plugin, empty, ids, 8), lambda: read_window(plugin, full, ids, 8)], rounds
    )
    config = decoder.config
    head_dim = config.hidden_size // config.num_attention_heads
    layers: Any = decoder.base_model.layers
    per_token = 2 * sum(parameter.numel() for parameter in layers.parameters())
    attention = 4 * head_dim * config.num_attention_heads * config.num_hidden_layers
    own = per_token + attention * WINDOW * 1.125 / 2
    must = (own + attention * 4096) / own
    print(f"| 8 | 4,096 against 0 slots | {long / short:.3f} | operations say {must:.3f} |")


def decoding(model: Model, rounds: int) -> None:
    plugin, decoder = model.plugin, model.decoder.model
    slots, tokens = 4000, 64
    memory = random_memory(plugin, slots)

    def behind_memory() -> None:
        mark = memory.mark()
        token = torch.tensor([1000])
        for _ in range(tokens):
            logits = plugin.run(memory, token)
            token = logits[-1].argmax()[None]
        memory.back_to(mark)

    def behind_cache() -> None:
        cache = DynamicCache(config=decoder.config)
        for number in range(len(memory.layers)):
            cache.update(memory.keys(number)[None].clone(), memory.values(number)[None].clone(), number)
        token = torch.tensor([[1000]])
        started = synchronised()
        for position in range(slots, slots + tokens):
            output = decoder(token, past_key_values=cache, position_ids=torch.tensor([[position]]))
            token = output.logits[:, -1].argmax(-1, keepdim=True)
        plain.append(synchronised() - started)

    plain: list[float] = []
    ours = side_by_side([behind_memory, behind_cache], rounds)[0]
    print("\n2. Decoding 64 tokens after 4,000 slots / after a plain cache of 4,000 tokens")
    theirs = statistics.median(plain[1:])
    print(f"{ours / theirs:.3f} (goal 1.05): {tokens / ours:.1f} against {tokens / theirs:.1f} tokens/s")


def one_length(kind: str, length: int, horizon: int | None) -> dict[str, float]:
    """Read `length` tokens, or run one full pass over them, in this process; return seconds and peak bytes beyond the decoder's."""
    model = load_model(window=WINDOW, horizon=horizon, cache_folder=cache_folder())
    plugin, decoder = model.plugin, model.decoder.model
    ids = torch.randint(1000, 40000, (length,))
    with torch.inference_mode():
        decoder.base_model(ids[None, :WINDOW], use_cache=False)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = synchronised()
        if kind == "read":
            config = BeaconConfig(window=WINDOW, ratios=(8,), ratio_choice="sequence")
            memory = plugin.new_memory(length // 8 + 2 * WINDOW)
            plugin.read(memory, ids, chooser=RatioChooser(config, length, plugin.max_positions))
        else:
            decoder(ids[None], logits_to_keep=1)
        seconds = synchronised() - started
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": seconds, "bytes": grown * 1024}


def in_own_process(kind: str, length: int, horizon: int | None = None) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.plugin", "--one", kind, str(length)]
    command += [] if horizon is None else [str(horizon)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def lengths() -> None:
    print("\n3. Reading at ratio 8 / one full-attention pass")
    print("| tokens | reading tokens/s | full pass tokens/s | ratio | reading MB | full pass MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for length in LENGTHS:
        ours, theirs = in_own_process("read", length), in_own_process("full", length)
        print(
            f"| {length:,} | {length / ours['seconds']:.0f} | {length / theirs['seconds']:.0f} | "
            f"{theirs['seconds'] / ours['seconds']:.2f} | {ours['bytes'] / 1e6:.0f} | {theirs['bytes'] / 1e6:.0f} |"
        )


def horizon() -> None:
    print(
        f"\n   Time per token with a horizon of {HORIZON:,} slots, against that at {HORIZON_LENGTHS[0]:,} tokens (goal within 10 %)"
    )
    print("| tokens | ms per token | against the shortest |\n| --- | --- | --- |")
    first = 0.0
    for length in HORIZON_LENGTHS:
        per_token = in_own_process("read", length, HORIZON)["seconds"] / length
        first = first or per_token
        print(f"| {length:,} | {1000 * per_token:.3f} | {per_token / first:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part", type=int, choices=(1, 2, 3), action="append", help="only this part, repeatable")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, length, *rest = options.one
        print(json.dumps(one_length(kind, int(length), int(rest[0]) if rest else None)))
        return
    parts = options.part or [1, 2, 3]
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, window {WINDOW}")
    model = load_model(window=WINDOW, cache_folder=cache_folder())
    with torch.inference_mode():
        if 1 in parts:
            windows(model, options.rounds)
        if 2 in parts:
            decoding(model, options.rounds)
    if 3 in parts:
        lengths()
        horizon()


if __name__ == "__main__":
    main()
