"""Training throughput compared with its lower bound, as ratios of one run.

The bound is the work of any training through the frozen decoder: plain windows of the same size, forward and backward without
weight gradients, with the same loss over the vocabulary. A training step adds the beacons, attention to the memory, the update,
and for distillation the decoder's forward pass with full attention.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable

import torch

from reader.beacon import BeaconConfig, BeaconPlugin
from reader.models import DEFAULT_MODEL, Model, load_decoder
from reader.training import BeaconObjective, Sample, next_token

WINDOW = 512
ROUNDS = 3


def main() -> None:
    """Print tokens per second of the bound and of training, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=2048, help="of an excerpt")
    parser.add_argument("--dtype", default=None, help="the frozen decoder's type")
    parser.add_argument("--rank", type=int, default=64)
    options = parser.parse_args()
    torch.manual_seed(0)
    decoder = load_decoder(DEFAULT_MODEL, dtype=options.dtype)
    plugin = BeaconPlugin(decoder.model, BeaconConfig(window=WINDOW, rank=options.rank))
    model = Model(decoder, plugin, "bench", False)
    sample = Sample(torch.randint(100, 40_000, (options.tokens,)))
    variants: dict[str, Callable[[], None]] = {"floor": _floor(model, sample)}
    for name, loss, ratios, recompute in (
        ("next token, ratio 8", "next-token", (8,), False),
        ("next token, ratios 2 to 64", "next-token", (2, 4, 8, 16, 32, 64), False),
        ("distillation, ratios 2 to 64", "distillation", (2, 4, 8, 16, 32, 64), False),
        ("distillation, recomputed", "distillation", (2, 4, 8, 16, 32, 64), True),
    ):
        objective = BeaconObjective(model, ratios=ratios, loss=loss, recompute=recompute)
        variants[name] = _step(objective, sample)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for step in variants.values():
        step()  # warm
    for _ in range(ROUNDS):  # alternate, so that a noisy minute affects all alike
        for name, step in variants.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    floor = statistics.median(seconds["floor"])
    print(
        f"{decoder.name}, {decoder.dtype}, excerpts of {options.tokens:,} tokens, windows of {WINDOW}, median of {ROUNDS}\n"
    )
    print("| | tokens/s | of the floor |\n| --- | --- | --- |")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"| {name} | {options.tokens / median:,.0f} | {floor / median:.2f} |")


def _floor(model: Model, sample: Sample) -> Callable[[], None]:
    decoder, ids = model.decoder.model, sample.document.to(model.decoder.device)
    head = decoder.get_output_embeddings().weight

    def step() -> None:
        for start in range(0, len(ids), WINDOW):
            part = ids[start : start + WINDOW]
            embeddings = decoder.get_input_embeddings()(part)[None].requires_grad_()
            states = decoder.base_model(inputs_embeds=embeddings, use_cache=False).last_hidden_state[0]
            next_token(states[:-1], part[1:], head).backward()

    return step


def _step(objective: BeaconObjective, sample: Sample) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(list(objective.parameters.values()), lr=1e-6)

    def step() -> None:
        torch.stack(objective.losses(sample, random.Random(0))).mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


if __name__ == "__main__":
    main()
