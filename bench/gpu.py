"""Reading, saving, attaching and decoding on a GPU: `python -m bench.gpu [--out FILE] [--seconds N]`.

Random bfloat16 weights in the shapes of real decoders, made on the GPU, since speed does not depend on their values. The plug-in is
the one that `load_model` makes on a GPU: windows of 2,048 tokens, untrained beacons or rows by Expected Attention. Each decoder
reads 131,072 tokens at ratio 8. Every shape gets 32,768 positions, so that the memory fits at this ratio.

Prints each figure as soon as it is known, and keeps all of them in FILE as JSON. A part that fails prints its error, and the next
part begins; after N seconds no further part begins.

Operations are those that the passes need, counted as multiplications and additions:
- linear layers: 2 for each weight and token, a beacon being a token (the replaced product at a beacon counts once);
- attention: 4 · heads · head_dim for each pair of a query and a key that the query sees, in each layer;
- with beacons, only keys and values of the last layer, where the pass ends;
- not counted: norms, rotations, and choosing rows.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from reader.beacon import BeaconConfig, BeaconPlugin, Memory, RatioChooser
from reader.condensing import CHOOSERS, DEFAULT_CHOOSER
from reader.documents import Document, Page
from reader.errors import Cancelled
from reader.models import Decoder, Model
from reader.reading import metadata, read, restore, to_bytes
from storage import MappedTensors, Store, write_tensors

WINDOW, RATIO = 2048, 8
SHORT, LONG = 32_768, 131_072
QUESTION, ANSWER = 32, 64
POSITIONS = 32_768
MOST_LIBRARY_SECONDS = 15


@dataclass(frozen=True)
class Shape:
    """The shape of a decoder."""

    name: str
    family: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    vocab: int
    tied: bool = True

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads

    @property
    def products(self) -> dict[str, tuple[int, int]]:
        """(in, out) of a layer's linear layers."""
        own, kv = self.hidden, self.kv_heads * self.head_dim
        shapes = {"q": (own, own), "k": (own, kv), "v": (own, kv), "o": (own, own)}
        return shapes | {"gate": (own, self.inner), "up": (own, self.inner), "down": (self.inner, own)}


SHAPES = (
    Shape("Qwen2.5-7B", "qwen2", 3584, 28, 28, 4, 18_944, 152_064, tied=False),
    Shape("Qwen2.5-0.5B", "qwen2", 896, 24, 14, 2, 4864, 151_936),
    Shape("SmolLM2-135M", "llama", 576, 30, 9, 3, 1536, 49_152),
)
TRIAL = (Shape("trial", "qwen2", 64, 2, 4, 2, 128, 512),)


@dataclass
class Report:
    """The figures so far: printed at once, and kept in a file."""

    file: Path | None
    seconds: float
    started: float = field(default_factory=time.perf_counter)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def is_late(self) -> bool:
        return time.perf_counter() - self.started > self.seconds

    def add(self, part: str, **values: Any) -> None:
        """Print a part's figures on one line and add them to the file."""
        self.figures.setdefault(part, {}).update(values)
        shown = ", ".join(f"{name} {_shown(value)}" for name, value in values.items() if not isinstance(value, list))
        print(f"[{time.perf_counter() - self.started:5.1f} s] {part}: {shown}", flush=True)
        if self.file is not None:
            self.file.write_text(json.dumps(self.figures, indent=1))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Inside the block a part is measured. An error is printed, and ends the part only."""
        try:
            if self.is_late:
                raise TimeoutError(f"not begun, as {self.seconds:.0f} s were over")
            yield
        except (Exception, Cancelled) as error:
            self.add(name, error=f"{type(error).__name__}: {error}")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_shown(part)}" for name, part in value.items()) + ")"
    if isinstance(value, float | int):
        return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait() -> None:
    """Wait until the GPU has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(run: Callable[[], Any], times: int = 1) -> float:
    """Seconds of one run: of several runs together, the GPU idle before and after them, divided by their number."""
    wait()
    started = time.perf_counter()
    for _ in range(times):
        run()
    wait()
    return (time.perf_counter() - started) / times


def product_rate(rows: int, inner: int, outer: int, times: int = 20) -> float:
    """Operations per second of a bfloat16 matrix product of random numbers: the median of three."""
    left = torch.randn(rows, inner, device=device(), dtype=torch.bfloat16)
    right = torch.randn(outer, inner, device=device(), dtype=torch.bfloat16)
    timed(lambda: left @ right.T, 3)
    return 2 * rows * inner * outer / statistics.median(timed(lambda: left @ right.T, times) for _ in range(3))


def layer_rate(shape: Shape, rows: int) -> tuple[float, dict[str, float]]:
    """Operations per second of all of a layer's products one after another, and of each."""
    rates = {name: product_rate(rows, *size) for name, size in shape.products.items()}
    operations = {name: 2 * rows * inner * outer for name, (inner, outer) in shape.products.items()}
    return sum(operations.values()) / sum(operations[name] / rates[name] for name in rates), rates


def make_decoder(shape: Shape) -> Decoder:
    """A decoder of random weights, and a tokenizer that makes each byte a token."""
    config = AutoConfig.for_model(
        shape.family,
        vocab_size=shape.vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=shape.tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    torch.manual_seed(0)
    with device():
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval().requires_grad_(False)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<s>", "</s>", *letters])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    return Decoder(shape.name, model, tokenizer, f"random {shape.name}", "", "bytes")


def with_plugin(decoder: Decoder, condenser: str) -> Model:
    """The plug-in as `load_model` puts it on a decoder that has none, on a GPU."""
    config = BeaconConfig(window=WINDOW)
    if condenser == "beacons":
        return Model(decoder, BeaconPlugin(decoder.model, config).requires_grad_(False), "untrained", False)
    rows = CHOOSERS[condenser]()
    return Model(
        decoder, BeaconPlugin(decoder.model, config.changed(projections=()), rows=rows), rows.fingerprint, False
    )


def make_document(tokens: int) -> Document:
    """Random words; the tokenizer makes each character a token."""
    letters = random.Random(0).choices(string.ascii_lowercase + "    ", k=tokens)
    text = "".join(letters)
    return Document(text, (Page(1, "1", 0, len(text)),), f"{tokens:,} letters", "letters.txt", "text", 0)


def read_all(model: Model, ids: torch.Tensor) -> Memory:
    """Read tokens window by window, as `reader.reading.read` does, and save nothing."""
    plugin = model.plugin
    config = plugin.config.changed(ratios=(RATIO,), ratio_choice="sequence")
    memory = plugin.new_memory(len(model.opening) + len(ids) // RATIO + WINDOW + WINDOW // RATIO)
    plugin.open(memory, model.opening)
    chooser = RatioChooser(config, len(ids), plugin.max_positions)
    for window in ids.split(WINDOW):
        plugin.read(memory, window, chooser=chooser, beacons_in_tail=False)
    return memory


def operations(shape: Shape, condenser: str, tokens: int, sink: int) -> tuple[float, float]:
    """Operations of the linear layers and of attention that reading takes; see this module's docstring."""
    weights = {name: inner * outer for name, (inner, outer) in shape.products.items()}
    of_layer, linear, attention = sum(weights.values()), 0.0, 0.0
    for number in range(tokens // WINDOW):
        count = WINDOW + (WINDOW // RATIO if condenser == "beacons" else 0)
        slots = sink + number * WINDOW // RATIO
        of_attention = 4 * shape.hidden * (count * slots + count * (count + 1) / 2)
        if condenser == "beacons":
            linear += 2 * count * ((shape.layers - 1) * of_layer + weights["k"] + weights["v"])
            attention += (shape.layers - 1) * of_attention
        else:
            linear += 2 * count * shape.layers * of_layer
            attention += shape.layers * of_attention
    return linear, attention


def peak_bytes(run: Callable[[], Memory]) -> tuple[Memory, float, int, int]:
    """What reading returns, its seconds, the GPU's peak, and what of the peak is neither weights nor the memory's own room."""
    found: list[Memory] = []
    gc.collect()
    if not torch.cuda.is_available():
        seconds = timed(lambda: found.append(run()))
        return found[0], seconds, 0, 0
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    seconds = timed(lambda: found.append(run()))
    peak = torch.cuda.max_memory_allocated()
    own = sum(layer.keys.nbytes + layer.values.nbytes for layer in found[0].layers)
    return found[0], seconds, peak, peak - before - own


def measure_reading(
    report: Report, name: str, shape: Shape, model: Model, ids: torch.Tensor, rates: dict[str, float]
) -> tuple[Memory, float]:
    """Read the short and the long text: tokens per second, share of the matrix rate, peak memory."""
    condenser = "beacons" if model.plugin.rows is None else model.plugin.rows.name
    read_all(model, ids[: 2 * WINDOW])  # warms up
    memory, seconds, peak, beyond = peak_bytes(lambda: read_all(model, ids[: len(ids) // (LONG // SHORT)]))
    report.add(
        name,
        short_tokens_per_second=len(ids) // (LONG // SHORT) / seconds,
        short_peak_mb=peak / 1e6,
        short_beyond_mb=beyond / 1e6,
    )
    del memory
    memory, seconds, peak, beyond = peak_bytes(lambda: read_all(model, ids))
    linear, attention = operations(shape, condenser, len(ids), memory.sink)
    report.add(
        name,
        tokens=len(ids),
        slots=memory.slots,
        seconds=seconds,
        tokens_per_second=len(ids) / seconds,
        peak_mb=peak / 1e6,
        beyond_mb=beyond / 1e6,
        memory_mb=memory.slots * memory.slot_bytes / 1e6,
        linear_tflop=linear / 1e12,
        attention_tflop=attention / 1e12,
        tflop_per_second=(linear + attention) / seconds / 1e12,
        **{f"share_of_{kind}": (linear + attention) / seconds / rate for kind, rate in rates.items()},
    )
    return memory, seconds


def measure_behind(report: Report, name: str, model: Model, memory: Memory, ids: torch.Tensor) -> None:
    """A question and its answer behind the memory: seconds to the first token, then tokens per second."""
    plugin, mark = model.plugin, memory.mark()
    memory.reserve(memory.slots + QUESTION + ANSWER)

    def question() -> torch.Tensor:
        memory.back_to(mark)
        return plugin.run(memory, ids[:QUESTION], logits="last", answering=True)

    timed(question)
    first = statistics.median(timed(question) for _ in range(3))
    token = int(question().argmax())

    def answer() -> None:
        nonlocal token
        for _ in range(ANSWER):
            token = int(plugin.run(memory, torch.tensor([token]), logits="last", answering=True).argmax())

    seconds = timed(answer)
    memory.back_to(mark)
    report.add(name, question_seconds=first, decoding_tokens_per_second=ANSWER / seconds)


def measure_disk(report: Report, name: str, model: Model, memory: Memory, reading_seconds: float) -> None:
    """Save the memory and attach it again: map, hash, copy to the GPU. The file is in the page cache."""
    question = model.encode("?" * QUESTION)[0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "memory.safetensors"
        started = time.perf_counter()
        specs, buffers = to_bytes(memory.tensors())
        size, digest = write_tensors(file, specs, buffers, metadata(memory))
        seconds = time.perf_counter() - started
        report.add(name, saved_mb=size / 1e6, save_seconds=seconds, save_gb_per_second=size / seconds / 1e9)

        def attach() -> Memory:
            with MappedTensors(file, expected_hash=digest, expected_bytes=size) as tensors:
                return restore(model, tensors)

        def attach_and_ask() -> None:
            model.plugin.run(attach(), question, logits="last", answering=True)

        attaching = [timed(attach) for _ in range(3)]
        first = [timed(attach_and_ask) for _ in range(3)]
    seconds, first_seconds = statistics.median(attaching), statistics.median(first)
    again = reading_seconds + max(0.0, first_seconds - seconds)
    report.add(
        name,
        attach_seconds=seconds,
        attach_each=attaching,
        attach_gb_per_second=size / seconds / 1e9,
        first_token_seconds=first_seconds,
        times_sooner_than_reading_again=again / first_seconds,
    )


def measure_library(report: Report, name: str, model: Model, document: Document) -> None:
    """Read into a library as a user does: each window is saved and synced, and the finished memory sealed."""
    until = time.perf_counter() + MOST_LIBRARY_SECONDS
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        seconds = timed(
            lambda: read(document, model, store, ratio=RATIO, cancelled=lambda: time.perf_counter() > until)
        )
    report.add(name, seconds=seconds, tokens_per_second=len(document.text) / seconds)


def measure_kernels(report: Report, name: str, model: Model, memory: Memory, ids: torch.Tensor) -> None:
    """What the GPU does in one window behind the memory: the kernels that take longest, and the time without any."""
    config = model.plugin.config.changed(ratios=(RATIO,), ratio_choice="sequence")
    memory.reserve(memory.slots + WINDOW + WINDOW // RATIO)

    def window() -> None:
        model.plugin.read(memory, ids[:WINDOW], chooser=RatioChooser(config, len(ids), model.plugin.max_positions))

    seconds = timed(window)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        timed(window)
    kernels = sorted(
        ((event.self_device_time_total / 1e3, event.count, event.key[:90]) for event in profile.key_averages()),
        reverse=True,
    )
    busy = sum(milliseconds for milliseconds, *_ in kernels)
    report.add(name, window_ms=1000 * seconds, kernels_ms=busy, kernels=[list(kernel) for kernel in kernels[:25]])
    for milliseconds, count, kernel in kernels[:14]:
        print(f"    {milliseconds:8.3f} ms {count:5d} x {kernel}", flush=True)


def measure(report: Report, shape: Shape, tokens: int, matrix_rate: float) -> None:
    """Everything about one shape."""
    name = shape.name
    rates = {"matrix_rate": matrix_rate}
    with report.part(f"{name} products"):
        rates["layer_rate"], each = layer_rate(shape, WINDOW)
        shown = {name: rate / 1e12 for name, rate in each.items()}
        report.add(f"{name} products", layer_tflop_per_second=rates["layer_rate"] / 1e12, each=shown)
    decoder = None
    with report.part(name):
        decoder = make_decoder(shape)
        report.add(name, parameters=sum(weight.numel() for weight in decoder.model.parameters()))
    if decoder is None:
        return
    document = make_document(tokens)
    for condenser in ("beacons", DEFAULT_CHOOSER):
        part, memory, seconds = f"{name} {condenser}", None, 0.0
        model = with_plugin(decoder, condenser)
        ids = model.encode(document.text)[0]
        with report.part(part):
            memory, seconds = measure_reading(report, part, shape, model, ids, rates)
        if memory is not None:
            with report.part(f"{part}, behind"):
                measure_behind(report, f"{part}, behind", model, memory, ids)
            with report.part(f"{part}, disk"):
                measure_disk(report, f"{part}, disk", model, memory, seconds)
            if torch.cuda.is_available() and shape == SHAPES[0]:
                with report.part(f"{part}, kernels"):
                    measure_kernels(report, f"{part}, kernels", model, memory, ids)
            memory = None
            if shape in (SHAPES[0], *TRIAL):
                with report.part(f"{part}, library"):
                    measure_library(report, f"{part}, library", model, document)
        model.plugin.detach()
        del model, memory
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a JSON file for all figures")
    parser.add_argument("--seconds", type=float, default=100, help="after these, no further part begins")
    parser.add_argument("--trial", action="store_true", help="a tiny decoder and a short text, on any device")
    options = parser.parse_args()
    if not torch.cuda.is_available() and not options.trial:
        parser.error("there is no CUDA device; --trial runs a tiny decoder without one")
    report = Report(options.out, options.seconds)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    report.add("machine", device=gpu, torch=torch.__version__, transformers=transformers.__version__)
    side, matrix_rate = (256 if options.trial else 8192), float("nan")
    with torch.inference_mode():
        with report.part("matrix"):
            matrix_rate = product_rate(side, side, side)
            report.add("matrix", side=side, tflop_per_second=matrix_rate / 1e12)
        for shape in TRIAL if options.trial else SHAPES:
            measure(report, shape, 4 * WINDOW if options.trial else LONG, matrix_rate)


if __name__ == "__main__":
    main()
