"""Attention of many tokens on a CPU, by the compiled loop and by torch: `python -m bench.attention [--threads 1]`.

The shapes are those of Qwen2.5-Coder-0.5B: windows and questions behind memories. Both run in turn; the least of five times counts,
in processor time divided by the threads.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import nn

from reader.beacon import attention, many_queries
from reader.compiled import keep_compiled
from reader.models.machine import processor_seconds
from reader.settings import cache_folder

HEADS, KV_HEADS, HEAD_DIM = 14, 2, 64
SHAPES = ((512, 0), (512, 1024), (512, 4096), (512, 16384), (200, 300), (16, 4096), (16, 16384))
"""Tokens, and slots before them."""
ROUNDS = 5


def seconds(queries: int, slots: int) -> tuple[float, float]:
    """Seconds of the loop and of torch."""
    query = torch.randn(1, HEADS, queries, HEAD_DIM)
    key, value = torch.randn(2, 1, KV_HEADS, slots + queries, HEAD_DIM)

    def attend() -> torch.Tensor:
        return attention.attend(nn.Module(), query, key, value, None)[0]

    def by_torch() -> torch.Tensor:
        with patch.object(attention, "attend_in_blocks", return_value=None):
            return attend()

    torch.testing.assert_close(attend(), by_torch(), rtol=1e-4, atol=1e-4)
    loop, own = [], []
    for _ in range(ROUNDS):
        loop.append(_timed(attend))
        own.append(_timed(by_torch))
    return min(loop), min(own)


def _timed(run: Callable[[], object]) -> float:
    started = processor_seconds()
    run()
    return processor_seconds() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    keep_compiled(cache_folder() / "compiled")
    if many_queries._loop(threads) is None:
        print("Torch is as fast as the loop here, and computes everything.")
        return
    print("tokens   slots   loop ms  torch ms   ratio   loop GFLOP/s")
    with torch.inference_mode():
        for queries, slots in SHAPES:
            loop, own = seconds(queries, slots)
            scores = HEADS * queries * (slots + queries / 2)
            print(
                f"{queries:6} {slots:7,} {1e3 * loop:9.2f} {1e3 * own:9.2f} {own / loop:7.2f} "
                f"{4e-9 * HEAD_DIM * scores / loop:14.0f}"
            )


if __name__ == "__main__":
    main()
