"""The reader's memory beside kvpress (PyPI), on the same decoder and books: `python -m bench.presses BOOKS [--ratio 4 8]`.

Measured is the loss of a context's last window, as in `evaluate lm`: behind the window alone, behind all tokens, behind the
reader's memory, and behind the cache that each press leaves. `--needles N` hides the five needles of `evaluate needle` in each of
N texts and measures the share of their words in the decoder's answers, without our answer weights, which presses lack. A press
reads the whole context with full attention first, and then keeps as many rows as the memory has slots, each at its own position.
Ours reads window by window and never holds more. So the presses show what a choice of rows can keep, not what reading in constant
memory can. kvpress asks for an older transformers than ours, but runs with it: `pip install --no-deps kvpress==0.5.5 peft && pip
install "cachetools<6" "fire<0.7" datasets`.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, DynamicCache

from reader.corpora import BookTokens, hide, load_books
from reader.evaluation.generation import reply
from reader.evaluation.lm import score
from reader.evaluation.metrics import recall
from reader.evaluation.synthetic import NEEDLES
from reader.models import Model, load_model
from reader.settings import cache_folder
from reader.strategies import Beacon, SlidingWindow

ALONE, FULL = "the window alone", "full attention"
_NEEDLE_TOKENS, _ANSWER_TOKENS = 2048, 40
"""Tokens of a text with needles, and of an answer at most."""
PRESSES = ("ExpectedAttentionPress", "KVzipPress", "SnapKVPress", "KeyDiffPress", "RandomPress")


def ours(model: Model, ids: Tensor, ratio: int | None) -> float:
    """The mean loss of the last window behind a memory of all tokens before it; without a ratio, behind nothing."""
    window = model.plugin.config.window
    strategy = Beacon(model, ratio) if ratio else SlidingWindow(model, 0)
    strategy.read(ids[:-window] if ratio else ids[:0])
    return float(score(strategy, ids[-window:]).mean())


def needles_of(model: Model, ids: Tensor) -> Tensor:
    """A text (tokens,) with all needles hidden in it, evenly spaced."""
    hidden = [model.encode(f"\n{needle}\n")[0] for needle, _, _ in NEEDLES]
    around = ids[: len(ids) - sum(map(len, hidden))]
    depths = [round((number + 0.5) / len(hidden) * len(around)) for number in range(len(hidden))]
    return hide(hidden, around, depths)[0]


def our_needles(model: Model, ids: Tensor, ratio: int) -> float:
    """The mean share of the needles' words in answers from a memory of the text."""
    strategy = Beacon(model, ratio)
    strategy.read(ids)
    said = [
        reply(strategy, f"\n\n{question}", model, max_tokens=_ANSWER_TOKENS, tuned=False) for _, question, _ in NEEDLES
    ]
    return found_words(said)


def found_words(said: Sequence[str]) -> float:
    """The mean share of each needle's words in its answer."""
    return statistics.mean(recall(one, answer) for one, (_, _, answer) in zip(said, NEEDLES, strict=True))


@torch.inference_mode()
def pressed_needles(decoder: Any, model: Model, ids: Tensor, *, press: Callable[..., Any] | None, ratio: int) -> float:
    """The same behind the rows that a press keeps of the text; without one, behind all rows."""
    cache, tokens = pressed_cache(decoder, model.opening, ids, press, ratio)
    said = []
    for _, question, _ in NEEDLES:
        own, at = copy.deepcopy(cache), tokens
        asked = model.closing(f"\n\n{question}")
        answer: list[int] = []
        while len(answer) < _ANSWER_TOKENS:
            positions = torch.arange(at, at + len(asked))[None]
            logits = decoder(asked[None], past_key_values=own, position_ids=positions).logits[0, -1]
            at += len(asked)
            asked = logits.argmax()[None]
            if int(asked) in model.end_ids:
                break
            answer.append(int(asked))
        said.append(str(model.decoder.tokenizer.decode(answer, skip_special_tokens=True)))
    return found_words(said)


@torch.inference_mode()
def pressed(
    decoder: Any, opening: Tensor, ids: Tensor, *, window: int, press: Callable[..., Any] | None, ratio: int
) -> float:
    """The loss behind the rows that a press, one of kvpress's classes, keeps of the context; without one, behind all rows."""
    last = ids[-window:]
    cache, tokens = pressed_cache(decoder, opening, ids[:-window], press, ratio)
    positions = torch.arange(tokens, tokens + window)[None]
    logits = decoder(last[None], past_key_values=cache, position_ids=positions).logits[0]
    return float(cross_entropy(logits[:-1].float(), last[1:]))


def pressed_cache(
    decoder: Any, opening: Tensor, ids: Tensor, press: Callable[..., Any] | None, ratio: int
) -> tuple[DynamicCache, int]:
    """The cache that a press leaves of the opening and a context (tokens,), and how many tokens it was made of."""
    context = torch.cat([opening, ids])[None]
    tokens = context.shape[1]
    kept = len(opening) + (tokens - len(opening)) / ratio
    cache = DynamicCache()
    pressing: AbstractContextManager[Any] = (
        press(compression_ratio=1 - kept / tokens)(decoder) if press else nullcontext()
    )
    with pressing:
        # kvpress looks at the places in the cache, which newer versions of transformers no longer hand on by themselves.
        decoder.model(input_ids=context, past_key_values=cache, cache_position=torch.arange(tokens))
    return cache, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", type=Path, help="a folder or a tar archive of .txt files")
    parser.add_argument("--model", help="a decoder in place of the bundled one")
    parser.add_argument("--context", type=int, default=4096, help="tokens, the scored window included; default: 4096")
    parser.add_argument("--ratio", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--limit", type=int, default=10, help="books; default: 10")
    parser.add_argument("--presses", nargs="+", default=PRESSES, help="names of kvpress's classes")
    parser.add_argument("--needles", type=int, default=0, metavar="N", help="texts with needles; default: none")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    named = {"name": options.model} if options.model else {}
    model = load_model(**named, device="cpu", dtype=options.dtype, cache_folder=cache_folder())
    tokens = BookTokens(load_books(options.books), model)
    texts = [tokens.joined(start, options.context)[0] for start in tokens.groups(options.context)[: options.limit]]
    with_needles = [needles_of(model, ids[:_NEEDLE_TOKENS]) for ids in texts[: options.needles]]
    losses: dict[str, list[float]] = defaultdict(list)
    words: dict[str, list[float]] = defaultdict(list)

    def measure(name: str, loss_of: Callable[[Tensor], float], words_of: Callable[[Tensor], float] | None) -> None:
        for ids in texts:
            losses[name].append(loss_of(ids))
            print(f"{name}: {losses[name][-1]:.3f}", flush=True)
        if words_of is not None:
            words[name] = [words_of(ids) for ids in with_needles]
            print(f"{name}: needles' words {words[name]}", flush=True)

    measure(ALONE, lambda ids: ours(model, ids, None), None)
    for ratio in options.ratio:
        measure(
            f"the memory, ratio {ratio}", partial(ours, model, ratio=ratio), partial(our_needles, model, ratio=ratio)
        )
    # Only now: importing it changes every attention function.
    import kvpress  # a peer, not a requirement

    path = str(model.decoder.model.config.name_or_path)
    decoder = AutoModelForCausalLM.from_pretrained(path, dtype=model.decoder.dtype, attn_implementation="sdpa").eval()
    behind = partial(pressed, decoder, model.opening, window=model.plugin.config.window)
    needles_behind = partial(pressed_needles, decoder, model)
    measure(FULL, partial(behind, press=None, ratio=1), partial(needles_behind, press=None, ratio=1))
    for ratio in options.ratio:
        for name in options.presses:
            torch.manual_seed(0)
            press = {"press": getattr(kvpress, name), "ratio": ratio}
            measure(f"{name}, ratio {ratio}", partial(behind, **press), partial(needles_behind, **press))
    means = {name: statistics.mean(by_book) for name, by_book in losses.items()}
    for name, loss in means.items():
        found = f"  needles' words {statistics.mean(words[name]):.2f}" if words[name] else ""
        print(
            f"{name:36} loss {loss:.3f}  gap closed {(means[ALONE] - loss) / (means[ALONE] - means[FULL]):6.3f}{found}"
        )


if __name__ == "__main__":
    main()
