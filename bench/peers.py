"""The reader beside llama.cpp and transformers, on one core: `python -m bench.peers [--tokens 512 2048 8192]`.

All run the same decoder: the reader with int8 weights and an int4 memory; llama.cpp its GGUF file; transformers in float32, and
with torch's dynamic int8 weights. Only the reader condenses: the others keep every token in the window. On the first day a peer
reads the tokens, saves what it needs to go on, and decodes. On the second day a new process restores what was saved and asks. The
times are processor time, which excludes other programs. llama.cpp needs `pip install -r requirements-peers.txt`, which compiles it
for some minutes; without it, that peer is left out.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from reader.answering import attach
from reader.documents import Document, Page, load
from reader.models import fetch, load_model, load_tokenizer
from reader.models.catalogue import bundled_decoder
from reader.models.fetching import fetch_gguf
from reader.models.machine import processor_seconds
from reader.reading import ROOM_TOKENS, read
from reader.settings import cache_folder
from storage import Store

ROOT = Path(__file__).resolve().parent.parent
DECODED = 16
"""Tokens decoded behind what was read."""
WINDOW = 512
"""Tokens that llama.cpp and transformers read at once."""
QUESTION = "\n\nWho is the text about, and what does the person do?\n\n"
Figures = dict[str, float]


class Peer:
    """One way to read a text once and ask it later. Each method runs in a process where the decoder is loaded already."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Load the decoder."""

    def read(self, text: str, ids: list[int], most_seconds: float) -> tuple[int, int]:
        """Read the text, whose tokens are `ids`.

        Returns:
            How many tokens were read (fewer where it took longer than `most_seconds`), and how many positions are attended to from
            then on.
        """
        started, count = processor_seconds(), 0
        while count < len(ids) and processor_seconds() - started < most_seconds:
            self.step(ids[count : count + WINDOW])
            count = min(count + WINDOW, len(ids))
        return count, count

    def step(self, ids: list[int]) -> int:
        """Run tokens behind everything before; return the likeliest next one."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Save what `restore` needs."""
        raise NotImplementedError

    def restore(self, folder: Path) -> None:
        """Restore in a new process what was saved."""
        raise NotImplementedError


class Reader(Peer):
    """This project: a memory in a library. It is saved while it is read."""

    memory_dtype: str | None = None
    """None: int4, as the reader chooses on CPUs."""
    ratio: int | None = None
    """Tokens per slot; None: as the reader chooses."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._model = load_model(options.model, device="cpu", cache_folder=cache_folder())
        self._store = Store(options.folder)

    def read(self, text: str, ids: list[int], most_seconds: float) -> tuple[int, int]:
        document = Document(text, (Page(1, "1", 0, len(text)),), "Text", "text.txt", "text", 0)
        model, store = self._model, self._store
        self._record = read(document, model, store, ratio=self.ratio, memory_dtype=self.memory_dtype).memory
        self._memory = attach(self._record, self._model, self._store).memory
        return len(ids), self._memory.slots

    def step(self, ids: list[int]) -> int:
        return int(self._model.plugin.run(self._memory, torch.tensor(ids), answering=True)[-1].argmax())

    def lengthen(self, slots: int) -> None:
        """Put the memory behind itself until it has as many slots, to compare decoding there, or as many as fit.

        Its slots are in int8, as those of an attached memory.
        """
        longer = self._model.plugin.new_memory(2 * slots)
        while longer.slots < slots and longer.slots + self._memory.slots <= self._model.plugin.max_positions:
            self._model.plugin.put_behind(longer, self._memory)
        self._memory = self._model.plugin.new_memory()
        self._memory.restore(longer.round(), longer.counts(), ROOM_TOKENS, stays_rounded=True)

    def save(self, folder: Path) -> None:
        """It is saved already. Closing the library writes back its log, which is as much again as its rows."""
        self._store.close()

    def restore(self, folder: Path) -> None:
        self._memory = attach(self._store.memories()[0], self._model, self._store).memory


class ReaderInt8(Reader):
    """The same with a memory of 8 bits a number."""

    memory_dtype = "int8"


class ReaderRatio8(Reader):
    """The same with a memory at ratio 8."""

    ratio = 8


class LlamaCpp(Peer):
    """llama.cpp, with its whole cache (float16) saved to a file."""

    def __init__(self, options: argparse.Namespace) -> None:
        import llama_cpp

        self._api = llama_cpp
        self._llama = llama_cpp.Llama(
            str(options.gguf), n_ctx=options.tokens[0] + 512, n_threads=1, n_threads_batch=1, verbose=False
        )

    def step(self, ids: list[int]) -> int:
        self._llama.eval(ids)
        return int(self._llama.sample(temp=0.0))

    def save(self, folder: Path) -> None:
        count = self._llama.n_tokens
        tokens = (self._api.llama_token * count)(*self._llama.input_ids[:count].tolist())
        if not self._api.llama_state_save_file(self._llama.ctx, bytes(folder / "state"), tokens, count):
            raise RuntimeError("llama.cpp did not save its state.")

    def restore(self, folder: Path) -> None:
        room, count = self._llama.n_ctx(), ctypes.c_size_t()
        tokens = (self._api.llama_token * room)()
        path = bytes(folder / "state")
        if not self._api.llama_state_load_file(self._llama.ctx, path, tokens, room, ctypes.byref(count)):
            raise RuntimeError("llama.cpp did not restore its state.")
        self._llama.n_tokens = count.value
        self._llama.input_ids[: count.value] = tokens[: count.value]


class Transformers(Peer):
    """transformers, with every token in the window and its cache (float32) saved as safetensors."""

    def __init__(self, options: argparse.Namespace) -> None:
        from transformers import AutoModelForCausalLM, DynamicCache

        folder = fetch(options.model, cache_folder=cache_folder())
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self._cache: Any = DynamicCache()

    def step(self, ids: list[int]) -> int:
        logits = self._model(torch.tensor([ids]), past_key_values=self._cache, logits_to_keep=1).logits
        return int(logits[0, -1].argmax())

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        layers = enumerate(self._cache.layers)
        save_file(
            {f"{n}.{part}": getattr(layer, part) for n, layer in layers for part in ("keys", "values")},
            folder / "cache",
        )

    def restore(self, folder: Path) -> None:
        from safetensors.torch import load_file

        tensors = load_file(folder / "cache")
        for number in range(len(tensors) // 2):
            self._cache.update(tensors[f"{number}.keys"], tensors[f"{number}.values"], number)


class TransformersInt8(Transformers):
    """transformers with torch's dynamic int8 weights."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        torch.ao.quantization.quantize_dynamic(self._model, {torch.nn.Linear}, inplace=True)


PEERS: dict[str, type[Peer]] = {
    "reader": Reader,
    "reader-int8": ReaderInt8,
    "reader-ratio8": ReaderRatio8,
    "llama.cpp": LlamaCpp,
    "transformers": Transformers,
    "transformers-int8": TransformersInt8,
}


def first_day(peer: Peer, text: str, ids: list[int], options: argparse.Namespace) -> Figures:
    """Read, save, and decode."""
    folder = options.folder
    seconds, (tokens, slots) = timed(lambda: peer.read(text, ids, options.most_seconds))
    saving, _ = timed(lambda: peer.save(folder))
    figures = {
        "read_tokens": tokens,
        "read_tokens_per_second": tokens / seconds,
        "slots": slots,
        "save_seconds": saving,
    }
    figures["bytes"] = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    figures["decode_tokens_per_second"] = decoding_rate(peer)
    if isinstance(peer, Reader) and slots < tokens:
        peer.lengthen(tokens)
    figures["decode_behind_as_many_slots"] = decoding_rate(peer)
    return figures


def decoding_rate(peer: Peer) -> float:
    """Tokens per second of greedy decoding, without its first token."""
    token = peer.step([1])

    def decode() -> None:
        nonlocal token
        for _ in range(DECODED):
            token = peer.step([token])

    return DECODED / timed(decode)[0]


def second_day(peer: Peer, ids: list[int], folder: Path) -> Figures:
    """Restore, and run a question up to its first token."""
    restoring, _ = timed(lambda: peer.restore(folder))
    asking, _ = timed(lambda: peer.step(ids))
    return {"restore_seconds": restoring, "first_token_seconds": restoring + asking}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The processor seconds of some work, and what it returns."""
    started = processor_seconds()
    result = work()
    return processor_seconds() - started, result


def run_part(options: argparse.Namespace) -> Figures:
    """One day of one peer with one number of tokens, in this process."""
    torch.set_num_threads(1)
    tokenizer = load_tokenizer(options.model, cache_folder=cache_folder())
    with torch.inference_mode():
        loading, peer = timed(lambda: PEERS[options.peer](options))
        question = tokenizer(QUESTION, add_special_tokens=False).input_ids
        if options.day == 2:
            return {"load_seconds": loading, **second_day(peer, question, options.folder)}
        text = (options.folder.parent / "text").read_text()
        return first_day(peer, text, tokenizer(text, add_special_tokens=False).input_ids, options)


def run_peer(name: str, options: argparse.Namespace, tokens: int, folder: Path) -> Figures:
    """Both days of one peer, each in a process of its own."""
    figures: Figures = {}
    folder.mkdir()
    for day in (1, 2):
        command = [sys.executable, "-m", "bench.peers", "--model", options.model, "--gguf", str(options.gguf)]
        command += ["--tokens", str(tokens), "--peer", name, "--day", str(day), "--folder", str(folder)]
        command += ["--most-seconds", str(options.most_seconds)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        figures |= json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Print a table, write the figures as JSON, and plot them beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct", help="a bundled decoder")
    parser.add_argument("--gguf", type=Path, help="its GGUF file; default: fetched into the cache folder")
    parser.add_argument(
        "--book", type=Path, default=ROOT / "static" / "sample.md", help="a text, repeated where too short"
    )
    parser.add_argument("--tokens", type=int, nargs="+", default=[512, 2048, 8192])
    parser.add_argument("--peers", choices=PEERS, nargs="+", default=list(PEERS))
    parser.add_argument(
        "--most-seconds", type=float, default=1500, help="llama.cpp and transformers read no further window after these"
    )
    parser.add_argument("--output", type=Path, default=Path("peers.json"))
    for own in ("--peer", "--day", "--folder"):  # of one part, in a process of its own
        parser.add_argument(own, type={"--day": int, "--folder": Path}.get(own, str), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(run_part(options)))
        return
    if options.gguf is None:
        downloads = cache_folder() / "bench"
        options.gguf = fetch_gguf(bundled_decoder(options.model), downloads, lambda stage, part: None)
    names = [name for name in options.peers if name != "llama.cpp" or importlib.util.find_spec("llama_cpp")]
    tokenizer = load_tokenizer(options.model, cache_folder=cache_folder())
    text = load(options.book).text
    found: list[dict[str, Any]] = []
    for tokens in options.tokens:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "text").write_text(beginning(text, tokens, tokenizer))
            for name in names:
                found.append({"peer": name, "tokens": tokens, **run_peer(name, options, tokens, Path(folder) / name)})
                options.output.write_text(json.dumps(found, indent=1))
                print(found[-1], file=sys.stderr)
    print_table(found)
    plot(found, options.output.with_suffix(".png"))


def beginning(text: str, tokens: int, tokenizer: Any) -> str:
    """The first so many tokens of a text that is repeated as often as needed."""
    whole = text
    while len(spans := tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True).offset_mapping) < tokens:
        whole += "\n\n" + text
    return whole[: spans[tokens - 1][1]]


def print_table(found: list[dict[str, Any]]) -> None:
    """Print the figures, a row for each peer and number of tokens."""
    print("| tokens | peer | reading tokens/s | decoding tokens/s, behind slots | decoding behind as many slots | MB | save s | "
          "load s | restore s | restore and first token s |")  # fmt: skip
    print("| --- " * 10 + "|")
    for row in found:
        is_whole = row["read_tokens"] == row["tokens"]
        tokens = f"{row['tokens']:,}" if is_whole else f"{row['read_tokens']:,} of {row['tokens']:,}"
        print(
            f"| {tokens} | {row['peer']} | {row['read_tokens_per_second']:.0f} | "
            f"{row['decode_tokens_per_second']:.1f}, {row['slots']:,} | {row['decode_behind_as_many_slots']:.1f} | "
            f"{row['bytes'] / 1e6:.1f} | {row['save_seconds']:.2f} | {row['load_seconds']:.1f} | "
            f"{row['restore_seconds']:.2f} | {row['first_token_seconds']:.2f} |"
        )


def plot(found: list[dict[str, Any]], picture: Path) -> None:
    """Draw reading, decoding, bytes and the second day's first token against the tokens read, a line for each peer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = (
        ("read_tokens_per_second", "reading, tokens/s", 1.0),
        ("decode_behind_as_many_slots", "decoding behind as many slots, tokens/s", 1.0),
        ("bytes", "saved, MB", 1e-6),
        ("first_token_seconds", "restoring and first token, s", 1.0),
    )
    for axes, (name, label, unit) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        for peer in dict.fromkeys(row["peer"] for row in found):
            rows = sorted((row["read_tokens"], row[name] * unit) for row in found if row["peer"] == peer)
            axes.plot(*zip(*rows, strict=True), "o-", label=peer)
        ticks = sorted({row["tokens"] for row in found})
        axes.set(xlabel="tokens", title=label, ylim=(0, None))
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    main()
