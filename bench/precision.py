"""int8 weights against float32, on one core: `python -m bench.precision [--model NAME]`.

Measures one decoder in both precisions, in alternation: reading a window of 512 tokens, decoding one token after that window, the
bytes of the weights, and the difference in loss. The times are processor time, which excludes other programs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache

from reader.models import Decoder, load_decoder
from reader.models.int8 import Int8Linear, best_kernel
from reader.models.machine import processor_seconds
from reader.settings import cache_folder

ROOT = Path(__file__).resolve().parent.parent
WINDOW, TOKENS, ROUNDS, WINDOWS = 512, 16, 4, 4


def time_both(decoders: dict[str, Decoder], ids: torch.Tensor) -> dict[str, tuple[float, float]]:
    """The least seconds to read the window and to decode a token, by precision."""
    best = {precision: (float("inf"), float("inf")) for precision in decoders}
    for _ in range(ROUNDS):
        for precision, decoder in decoders.items():
            cache: Any = DynamicCache()
            started = processor_seconds()
            decoder.model.base_model(ids[None], past_key_values=cache)
            between = processor_seconds()
            for token in ids[:TOKENS]:
                decoder.model(token[None, None], past_key_values=cache)
            each = (processor_seconds() - between) / TOKENS
            best[precision] = (min(best[precision][0], between - started), min(best[precision][1], each))
    return best


def weight_bytes(decoder: Decoder) -> int:
    """Bytes of weights that decoding a token reads: linear layers and the output matrix."""
    total = 0
    for module in decoder.model.modules():
        if isinstance(module, Int8Linear):
            total += module._rounded.nbytes
        elif isinstance(module, torch.nn.Linear):
            total += module.weight.nbytes
    return total


def losses(decoder: Decoder, windows: list[torch.Tensor]) -> torch.Tensor:
    """The loss at each token after the first 128 of each window."""
    found = []
    for ids in windows:
        logits = decoder.model(ids[None]).logits[0, 128:-1].float()
        found.append(cross_entropy(logits, ids[129:], reduction="none"))
    return torch.cat(found)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--book", type=Path, default=ROOT / "static" / "sample.md", help="a long text")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cache = cache_folder()
    with torch.inference_mode():
        decoders = {
            dtype: load_decoder(options.model, device="cpu", dtype=dtype, cache_folder=cache)
            for dtype in ("float32", "int8")
        }
        ids = torch.tensor(decoders["int8"].tokenizer(options.book.read_text(), add_special_tokens=False).input_ids)
        best = time_both(decoders, ids[:WINDOW])
        windows = [part for part in ids[: WINDOWS * WINDOW].split(WINDOW) if len(part) == WINDOW]
        difference = losses(decoders["int8"], windows) - losses(decoders["float32"], windows)
    (read, decode), (read_int8, decode_int8) = best["float32"], best["int8"]
    error = float(difference.std()) / len(difference) ** 0.5
    print(f"{options.model}, one core, int8 kernel {best_kernel(cache)}")
    print(f"reading:  {WINDOW / read:6.0f} -> {WINDOW / read_int8:6.0f} tokens/s, ratio {read / read_int8:.2f}")
    print(f"decoding: {1 / decode:6.1f} -> {1 / decode_int8:6.1f} tokens/s, ratio {decode / decode_int8:.2f}")
    ratio = weight_bytes(decoders["float32"]) / weight_bytes(decoders["int8"])
    print(f"bytes a token: {weight_bytes(decoders['int8']) / 1e6:,.0f} MB, ratio {ratio:.2f}")
    print(f"loss: {float(difference.mean()):+.4f}, standard error {error:.4f}")


if __name__ == "__main__":
    main()
