"""What a decoder computes for a single token in compiled loops is what the matrix library computes."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.decoders import tiny_decoder_folder
from torch import nn

import reader.compiled
from reader.beacon import byte_tiles, many_queries, one_query
from reader.beacon.attention import attend
from reader.beacon.memory import SlotLayer
from reader.beacon.rounding import RoundedSlots, key_factors, quantise_to_int8
from reader.compiled import compiled
from reader.errors import ConfigError
from reader.models import Decoder, int8, load_decoder, one_row
from reader.models.few_rows import best_instructions, few_rows_loop, instructions
from reader.models.machine import Notes


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder whose layers are large enough for int8 and for the loops."""
    return tiny_decoder_folder(tmp_path_factory.mktemp("wide") / "qwen2", "qwen2", hidden=512, heads=4, seed=3)


def note_speeds(cache: Path, loop: float, library: float) -> None:
    """Note measurements, so that it is known which is the faster for one row."""
    notes = Notes(cache)
    notes.set("int8 rotating and rounding, loop", loop)
    notes.set("int8 rotating and rounding, library", library)
    for name, seconds in (("loop", loop), ("int_mm", library), ("onednn", library)):
        notes.set(f"int8 {name}, a row", seconds)
        notes.set(f"float32 {name.replace('int_mm', 'library')}, 1 row", seconds)


def load(folder: Path, cache: Path, dtype: str) -> Decoder:
    try:
        return load_decoder(str(folder), device="cpu", dtype=dtype, cache_folder=cache)
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("shape", [(896, 896), (129, 513), (7, 33), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_rows_of_int8_weights_are_the_same_to_the_last_bit(shape: tuple[int, int], bias: bool) -> None:
    out_features, in_features = shape
    own = nn.Linear(in_features, out_features, bias=bias).requires_grad_(False)
    loops = int8.Loops(
        compiled(int8._round_rows, int8._ROUND_ARGUMENTS),
        compiled(int8._multiply_row, int8._MULTIPLY_ARGUMENTS),
        few_rows_loop(),
    )
    assert loops.rounding is not None
    assert loops.product is not None

    def exact(weights: torch.Tensor, row_scale: torch.Tensor) -> Any:
        return lambda rows: (rows.int() @ weights.int().T).float() * row_scale

    library = int8.Int8Linear(own, exact)
    looped = int8.Int8Linear(own, exact, loops)
    for seed in range(3):
        rows = numbers(1, 18, in_features, seed=seed)
        rows[0, 0, 0] = 300  # an outlier
        for states in (rows, rows[:, :1], rows[:, 1:], rows[:, :3], rows[:, :1] * 0):
            assert torch.equal(looped(states), library(states))


@pytest.mark.parametrize(
    ("features", "largest"), [("best", 127), ("+avx512vnni", 127), ("+avxvnni", 127), ("+avx2", 63)]
)
@pytest.mark.parametrize("threads", [1, 3])
def test_few_rows_are_multiplied_exactly_by_each_instruction(features: str, largest: int, threads: int) -> None:
    from numba.core.codegen import get_host_cpu_features

    if features != "best" and features not in get_host_cpu_features():
        pytest.skip(f"this processor has no {features[1:]}")
    named = best_instructions if features == "best" else functools.partial(instructions, features)
    loop = few_rows_loop(named)
    if loop is None:
        pytest.skip("this processor has none of the instructions")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for rows in (2, 3, 9, 128):
            for out in (4, 68, 300):
                numbers = torch.Generator().manual_seed(rows)
                weights = torch.randint(-largest, largest + 1, (out, 192), dtype=torch.int8, generator=numbers)
                states = torch.randint(-127, 128, (rows, 192), dtype=torch.int8, generator=numbers)
                weights[0], states[1] = largest, 127
                weights[1], states[0] = -largest, -127
                result = torch.empty(rows, out)
                scales = torch.ones(out), torch.empty(0), states, torch.ones(rows, 1), result
                loop(weights.numpy(), *(each.numpy() for each in scales))
                assert torch.equal(result, (states.int() @ weights.int().T).float())
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(130, 896), (9, 576), (65, 33), (7, 96), (1, 1), (0, 8)])
@pytest.mark.parametrize(("largest", "rotates"), [(127, True), (63, True), (127, False)])
def test_rows_are_rounded_as_the_library_rounds_them(shape: tuple[int, int], largest: int, rotates: bool) -> None:
    loop = compiled(int8._round_rows, int8._ROUND_ARGUMENTS)
    assert loop is not None
    rows = numbers(*shape)
    rows[::3, :1] = 300  # outliers
    rows[1::7] = 0
    found, expected = (own.round(rows, largest, rotates=rotates) for own in (int8.Loops(loop), int8.Loops()))
    for own, other in zip(found, expected, strict=True):
        assert own.dtype == other.dtype
        assert torch.equal(own, other)


def test_what_is_no_number_stays_visible_behind_int8_weights(wide: Path, tmp_path: Path) -> None:
    layer = load(wide, tmp_path, "int8").model.model.layers[0].mlp.down_proj
    rows = numbers(5, layer.in_features)
    rows[1, 3], rows[2, 4] = torch.nan, torch.inf
    for states in (rows, *rows.split(1)):
        is_number = states.isfinite().all(dim=1)
        assert torch.equal(layer(states).isnan().all(dim=1), ~is_number)


@pytest.mark.parametrize("slots", [1, 5, 1023, 1024, 2050])
@pytest.mark.parametrize(("groups", "kv_heads", "head_dim"), [(1, 3, 64), (3, 3, 64), (7, 2, 64), (6, 2, 128)])
def test_a_token_attends_to_many_slots_as_the_library_does(
    slots: int, groups: int, kv_heads: int, head_dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = numbers(2, 1, kv_heads, slots + 9, head_dim)
    key, value = room[0, :, :, 4 : slots + 4], room[1, :, :, 4 : slots + 4]
    query = numbers(1, groups * kv_heads, 1, head_dim, seed=1)
    weights = torch.softmax(query.unflatten(1, (kv_heads, groups))[:, :, :, 0] @ key.mT * 0.3, dim=-1)
    expected = (weights @ value).reshape(1, 1, groups * kv_heads, head_dim)
    calls = spy(monkeypatch)
    with torch.no_grad():
        output, _ = attend(nn.Module(), query, key, value, None, 0.3)
    assert len(calls) == (2 * kv_heads if slots >= 1024 else 0)
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)
    monkeypatch.setattr(one_query, "_LEAST_SLOTS", 1)
    with torch.no_grad():
        output, _ = attend(nn.Module(), query, key, value, None, 0.3)
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)


def spy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the loops that attention calls from now on, in one thread."""
    calls: list[str] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)

    def noted(loop: Any, arguments: str, **options: Any) -> Any:
        function = compiled(loop, arguments, **options)
        assert function is not None
        return lambda *given: (calls.append(loop.__name__), function(*given))

    monkeypatch.setattr(one_query, "compiled", noted)
    return calls


def test_attention_that_needs_gradients_other_numbers_or_many_threads_is_left_to_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = spy(monkeypatch)
    states = numbers(3, 1, 2, 1100, 64)
    query = states[0, :, :, :1].clone().requires_grad_()
    attend(nn.Module(), query, states[1], states[2], None)[0].sum().backward()
    assert query.grad is not None
    with torch.no_grad():
        attend(nn.Module(), *(own.bfloat16() for own in (query, states[1], states[2])), None)
        strided = states[1].mT.contiguous().mT
        attend(nn.Module(), query, strided, strided, None)
        two = torch.cat([states, states], dim=1)
        attend(nn.Module(), two[0, :, :, :1], two[1], two[2], None)
        three = states.repeat(1, 1, 2, 1, 1)[:, :, :3]
        monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
        attend(nn.Module(), three[0, :, :, :1], three[1], three[2], None)
        assert not calls
        attend(nn.Module(), query, states[1], states[2], None)
        assert calls


@pytest.fixture
def always_in_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Attention of many tokens uses the loop wherever it can, as if it were faster than the library here."""
    monkeypatch.setattr(many_queries, "_GAIN", 0)
    monkeypatch.setattr(many_queries, "_LEAST_COLUMNS", 1)
    monkeypatch.setattr(many_queries, "_LEAST_SCORES", 1)
    many_queries._loop.cache_clear()
    yield
    many_queries._loop.cache_clear()


@pytest.mark.parametrize(("queries", "slots"), [(2, 0), (19, 45), (64, 64), (130, 1), (130, 200), (500, 7)])
@pytest.mark.parametrize(
    ("groups", "kv_heads", "head_dim"), [(1, 3, 64), (3, 3, 64), (7, 2, 64), (6, 2, 128), (2, 2, 4)]
)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.usefixtures("always_in_blocks")
def test_many_tokens_attend_in_blocks_as_the_library_does(
    queries: int, slots: int, groups: int, kv_heads: int, head_dim: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    states = numbers(2, 2, kv_heads, slots + queries + 9, head_dim)
    key, value = states[0, :, :, 4:-5], states[1, :, :, 4:-5]
    query = numbers(2, groups * kv_heads, queries, head_dim, seed=1) * 3
    for is_causal in (True, False):
        seen = torch.ones(queries, slots + queries, dtype=torch.bool)
        scores = query @ key.repeat_interleave(groups, dim=1).mT * 0.3
        scores.masked_fill_(~seen.tril(slots) if is_causal else ~seen, -torch.inf)
        with torch.inference_mode():
            found = many_queries.attend_in_blocks(query, key, value, 0.3, is_causal=is_causal)
        assert found is not None
        expected = scores.softmax(dim=-1) @ value.repeat_interleave(groups, dim=1), scores.logsumexp(dim=-1)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@functools.cache
def of_bytes(features: str) -> Callable[[], Mapping[str, Any]]:
    """The instructions for attention to slots in int8 that processors with these features have."""
    return functools.partial(byte_tiles.instructions, features)


@pytest.mark.parametrize(
    ("features", "horizon"), [("best", None), ("best", (0, 12)), ("none", None), ("none", (2, 5))], ids=str
)
@pytest.mark.parametrize(("slots", "behind"), [(1, 0), (20, 9), (300, 7)])
@pytest.mark.parametrize("tokens", [1, 2, 140])
@pytest.mark.parametrize(("groups", "kv_heads", "head_dim"), [(1, 3, 64), (7, 2, 64), (2, 2, 4)])
def test_slots_in_int8_are_attended_to_as_their_numbers(
    features: str,
    horizon: tuple[int, int] | None,
    slots: int,
    behind: int,
    tokens: int,
    groups: int,
    kv_heads: int,
    head_dim: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_exact = features == "none"
    if is_exact:
        monkeypatch.setattr(byte_tiles, "best_instructions", of_bytes(features))
    saved = {
        f"layers.0.{name}": numbers(kv_heads, slots, head_dim, seed=n) for n, name in enumerate(("keys", "values"))
    }
    rounded = quantise_to_int8(saved, [key_factors(saved["layers.0.keys"])])
    module, query = nn.Module(), numbers(1, groups * kv_heads, tokens, head_dim, seed=2)
    vars(module)["layer_idx"] = 0
    for mask in (None, numbers(1, 1, tokens, slots + behind + tokens, seed=5) < 1):
        outputs, parts = [], []
        for is_kept in (True, False):
            layer = SlotLayer(*numbers(2, 1, kv_heads, 0, head_dim))
            layer.keep_rounded(rounded, "layers.0")
            if not is_kept:
                layer.unround()
            layer.reserve(slots + behind + tokens + 3)
            assert (layer.first, layer.length) == (slots if is_kept else 0, slots)
            layer.write(*numbers(2, 1, kv_heads, behind, head_dim, seed=3), slots)
            layer.length = slots + behind
            layer.horizon = horizon if mask is None else None
            seen = layer.update(*numbers(2, 1, kv_heads, tokens, head_dim, seed=4))
            with torch.no_grad():
                outputs.append(attend(module, query, *seen, mask, 0.3, slots=[layer])[0])
            parts.append(torch.cat(layer.part(0, layer.length)))
        assert torch.equal(*parts)
        torch.testing.assert_close(*outputs, rtol=1e-4 if is_exact else 1e-3, atol=1e-5 if is_exact else 1e-3)


@pytest.mark.parametrize("features", ["+avx512vnni", "+avxvnni"])
@pytest.mark.parametrize(("slots", "tokens", "head_dim"), [(1, 9, 12), (7, 3, 64), (700, 14, 64), (513, 90, 20)])
def test_bytes_of_slots_add_next_to_nothing_to_the_error_of_int8(
    features: str, slots: int, tokens: int, head_dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from numba.core.codegen import get_host_cpu_features

    if features not in get_host_cpu_features():
        pytest.skip(f"this processor has no {features[1:]}")
    sizes = 0.2 + 4 * numbers(head_dim, seed=5).abs()
    keys, values = numbers(2, slots, head_dim) * sizes, numbers(2, slots, head_dim, seed=1)
    saved = {"layers.0.keys": keys, "layers.0.values": values}
    rounded = RoundedSlots.copied(quantise_to_int8(saved, [key_factors(keys)]), "layers.0")
    query, own = numbers(1, 6, tokens, head_dim, seed=2), numbers(2, 1, 2, tokens, head_dim, seed=3)
    seen = torch.ones(tokens, slots + tokens, dtype=torch.bool).tril(slots)

    def attended(query: torch.Tensor, named: str) -> torch.Tensor:
        monkeypatch.setattr(byte_tiles, "best_instructions", of_bytes(named))
        with torch.inference_mode():
            found = many_queries.attend_in_blocks(query, *own, None, is_causal=True, rounded=rounded)
        assert found is not None
        return found[0]

    all_keys, all_values = torch.cat([keys[None], own[0]], dim=2), torch.cat([values[None], own[1]], dim=2)
    exact = torch.nn.functional.scaled_dot_product_attention(query, all_keys, all_values, seen, enable_gqa=True)
    by_floats, by_bytes = ((attended(query, named) - exact).norm() for named in ("none", features))
    assert by_bytes < 1.02 * by_floats
    query[0, 0, 0, 3], query[0, 4, 1, 0] = torch.nan, torch.inf
    assert attended(query, features).isnan().any(dim=-1)[0].nonzero().tolist() == [[0, 0], [4, 1]]


@pytest.mark.usefixtures("always_in_blocks")
def test_blocks_hide_no_infinite_score_and_nothing_that_is_no_number() -> None:
    query, states = numbers(1, 1, 70, 64), numbers(1, 1, 150, 64)
    query[0, 0, 3, 5], query[0, 0, 4, 5] = torch.nan, torch.inf
    with torch.no_grad():
        found = many_queries.attend_in_blocks(query, states, states, None, is_causal=False)
        far = many_queries.attend_in_blocks(query.nan_to_num(0, 0, 0) * 1e4, states, states, None, is_causal=False)
    assert found is not None
    assert found[0].isnan().any(dim=-1)[0, 0].nonzero().flatten().tolist() == [3, 4]
    assert far is not None
    best = (query.nan_to_num(0, 0, 0) @ states.mT).argmax(dim=-1)
    torch.testing.assert_close(far[0], states[0, 0, best], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("always_in_blocks")
def test_blocks_are_for_float32_without_gradients_only(monkeypatch: pytest.MonkeyPatch) -> None:
    states = numbers(1, 1, 70, 64)

    def has_blocks(own: torch.Tensor) -> bool:
        return many_queries.attend_in_blocks(own, own, own, None, is_causal=True) is not None

    assert not has_blocks(states)
    with torch.no_grad():
        assert has_blocks(states)
        assert not has_blocks(states.bfloat16())
        assert not has_blocks(states[..., :63])
        monkeypatch.setattr(many_queries, "_GAIN", 1e9)
        many_queries._loop.cache_clear()
        assert not has_blocks(states)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_a_token_alone_is_computed_by_the_loop_where_it_is_faster(wide: Path, tmp_path: Path, dtype: str) -> None:
    found = []
    for name, loop, library in (("fast", 1e-6, 1.0), ("slow", 10.0, 1e-6)):
        note_speeds(tmp_path / name, loop, library)
        decoder = load(wide, tmp_path / name, dtype)
        if dtype == "int8":
            own = [one._loops for one in decoder.model.modules() if isinstance(one, int8.Int8Linear)]
            assert all(one.rounding is not None for one in own), "for a single row it is always the faster one"
            loops = [is_used for one in own for is_used in (one.rounds_many, one.product is not None)]
        else:
            linear = [own for own in decoder.model.modules() if isinstance(own, nn.Linear)]
            loops = [isinstance(own, one_row.OneRowLinear) for own in linear]
        assert all(loops) if name == "fast" else not any(loops)
        assert loops
        with torch.inference_mode():
            found.append(decoder.model(torch.tensor([[7]])).logits)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("slower", "of_few"), [(1.5, "decodes"), (3.0, "reads")])
def test_one_row_and_many_are_multiplied_by_the_library_that_is_the_fastest_for_each(
    slower: float, of_few: str, wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kernel(name: str) -> int8.Kernel:
        def multiplied(rows: torch.Tensor, weights: torch.Tensor, row_scale: torch.Tensor) -> torch.Tensor:
            calls.append((name, len(rows) > 1))
            return (rows.float() @ weights.float().T) * row_scale

        return lambda weights, row_scale: lambda rows: multiplied(rows, weights, row_scale)

    calls: list[tuple[str, bool]] = []
    monkeypatch.setattr(int8, "_KERNELS", {name: kernel(name) for name in ("reads", "decodes")})
    notes = Notes(tmp_path)
    for of in ("a row", "16 rows"):
        notes.set(f"int8 loop, {of}{', weights to 127' * (of != 'a row')}", 10.0)
    for name, many, one in (("reads", 1.0, 1.0), ("decodes", slower, 1e-6)):
        notes.set(f"int8 {name}, 512 rows", many)
        for of in ("a row", "16 rows"):
            notes.set(f"int8 {name}, {of}", one)
    layer = load(wide, tmp_path, "int8").model.model.layers[0].mlp.down_proj
    rows = numbers(5, layer.in_features)
    monkeypatch.setattr(int8, "_PREPARED_AFTER", 14)
    monkeypatch.setattr(int8, "_ROWS_OF_A_CALL", 1)
    assert torch.equal(layer(rows[3:4])[0], layer(rows)[3])
    assert torch.equal(layer(rows), layer(rows))
    layer(rows[3:4])
    is_many = [False, True, True, True, False]
    assert calls == [*zip(("decodes", of_few, of_few, "reads", "decodes"), is_many, strict=True)]


def test_gradients_and_other_numbers_pass_by_the_loop_of_float32_layers(wide: Path, tmp_path: Path) -> None:
    note_speeds(tmp_path, 1e-6, 1.0)
    layer = load(wide, tmp_path, "float32").model.model.layers[0].mlp.gate_proj
    states = numbers(1, 1, layer.in_features).requires_grad_()
    layer(states).sum().backward()
    torch.testing.assert_close(states.grad[0, 0], layer.weight.sum(0), rtol=0, atol=1e-4)
    with torch.no_grad():
        both = torch.cat([states, states], dim=1)
        torch.testing.assert_close(layer(states)[0, 0], layer(both)[0, 0])
        assert layer.bfloat16()(states.bfloat16()).dtype == torch.bfloat16


def add_one(row: Any) -> None:
    for place in range(len(row)):
        row[place] += 1


def test_compiled_code_is_kept_in_the_cache_folder_and_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = {*Path(__file__).parent.rglob("*")}
    (tmp_path / "file").write_text("in the folder's place")
    for folder in (tmp_path / "cache", tmp_path / "file", None):
        monkeypatch.setattr(reader.compiled, "_folder", folder)
        function = compiled.__wrapped__(add_one, "(int64[::1],)")
        row = np.arange(3)
        function(row)
        assert row.tolist() == [1, 2, 3]
    assert [*(tmp_path / "cache").rglob("*.nbc")]
    assert {path for path in Path(__file__).parent.rglob("*.nb?") if path not in beside} == set()


def test_without_numba_the_library_computes_all(wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load(wide, tmp_path, "int8").model
    monkeypatch.setitem(sys.modules, "numba", None)
    for module in (int8, one_row, one_query, many_queries):
        monkeypatch.setattr(module, "compiled", compiled.__wrapped__)
    decoder = load(wide, tmp_path, "int8").model
    with torch.inference_mode():
        ids = torch.tensor([[7]])
        torch.testing.assert_close(decoder(ids).logits, expected(ids).logits, rtol=0, atol=1e-4)
        many = numbers(1, 1, 600, 64)
        many_queries._loop.cache_clear()
        assert many_queries.attend_in_blocks(many, many, many, None, is_causal=True) is None
        many_queries._loop.cache_clear()


def test_commands_without_a_decoder_do_not_import_numba(tmp_path: Path) -> None:
    program = (
        "import sys; from reader.shell.main import main\n"
        f"try: main(['library', 'list', '--library', {str(tmp_path / 'library')!r}])\n"
        "finally: print('numba' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.split()[-1] == "False"


@pytest.mark.parametrize("sink", [0, 2])
def test_a_token_within_a_horizon_sees_the_sink_and_the_newest_slots_without_a_copy(sink: int) -> None:
    layer = SlotLayer(numbers(1, 2, 40, 8), numbers(1, 2, 40, 8, seed=1))
    layer.length, layer.horizon = 20, (sink, 5)
    own = numbers(1, 2, 1, 8, seed=2)
    keys, values = layer.update(own, own)
    seen = [*range(sink), *range(15, 21)]
    assert torch.equal(keys, layer.keys[:, :, seen])
    assert torch.equal(values, layer.values[:, :, seen])
    assert (keys.untyped_storage().data_ptr() == layer.keys.untyped_storage().data_ptr()) == (sink == 0)
