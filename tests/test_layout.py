"""Order, positions and visibility of a window's tokens, against a slow reference that can be read.

The reference says of each token what it is and, pair by pair, whether one sees the other, in the words of the paper
(arXiv 2401.03462: v3 section 3.2, v1 section 3.2).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from helpers.decoders import randomise_plugin
from helpers.documents import make_document

from reader.beacon import BeaconConfig, BeaconPlugin, RatioChooser
from reader.beacon.layout import WindowTokens, even_ends, figure_ends, lay_out, place, visibility
from reader.beacon.ratio import adapt_ratio
from reader.models.model import Model


@dataclass
class Token:
    kind: str
    number: int
    last_raw: int


def reference_order(layout: str, ratio: int, window: int, stride: int) -> list[Token]:
    """A full window's tokens in their order."""
    tokens = []
    for raw in range(window):
        tokens.append(Token("raw", raw, raw))
        if layout == "interleave" and (raw + 1) % ratio == 0:
            tokens.append(Token("beacon", raw // ratio, raw))
    if layout == "append":
        tokens += [Token("beacon", number, (number + 1) * ratio - 1) for number in range(stride // ratio)]
    return tokens


def reference_sees(config: BeaconConfig, ratio: int, tokens: list[Token], query: int, key: int) -> bool:
    me, other = tokens[query], tokens[key]
    if key > query:
        return False
    if key == query or me.kind == "raw":
        return True
    if other.kind == "beacon":
        return config.attend_previous or config.attention == "full-coverage"
    if config.attention == "segmentation":  # its own interval
        return me.number * ratio <= other.number < (me.number + 1) * ratio
    if config.attention == "step-expansion":  # one interval more than the beacon before it
        return other.number < (me.number + 1) * ratio
    return True


CASES = [
    ("interleave", "full-coverage", True, 16),
    ("interleave", "segmentation", True, 16),
    ("append", "full-coverage", True, 16),
    ("append", "full-coverage", True, 8),
    ("append", "step-expansion", True, 16),
    ("append", "step-expansion", False, 16),
    ("append", "step-expansion", True, 8),
    ("append", "segmentation", True, 16),
    ("append", "segmentation", False, 16),
    ("append", "segmentation", True, 8),
]


@pytest.mark.parametrize(("layout", "attention", "previous", "stride"), CASES)
@pytest.mark.parametrize("ratio", [1, 2, 4, 8])
def test_order_and_visibility_are_those_of_the_paper(
    layout: str, attention: str, previous: bool, stride: int, ratio: int
) -> None:
    config = BeaconConfig(16, stride, (ratio,), layout=layout, attention=attention, attend_previous=previous)
    ends = even_ends(stride, ratio)
    tokens = lay_out(config, ends, 0, 16)
    expected = reference_order(layout, ratio, 16, stride)
    assert [bool(flag) for flag in tokens.is_beacon] == [token.kind == "beacon" for token in expected]
    assert tokens.raw_number.tolist() == [token.last_raw for token in expected]
    sees = visibility(config, ends, tokens, WindowTokens.raw(0, 0))
    wanted = [
        [reference_sees(config, ratio, expected, q, k) for k in range(len(expected))] for q in range(len(expected))
    ]
    assert sees.tolist() == wanted


@pytest.mark.parametrize(("layout", "attention", "previous", "stride"), CASES)
def test_a_window_read_in_pieces_is_laid_out_as_one(layout: str, attention: str, previous: bool, stride: int) -> None:
    config = BeaconConfig(16, stride, (4,), layout=layout, attention=attention, attend_previous=previous)
    ends = even_ends(stride, 4)
    whole = lay_out(config, ends, 0, 16)
    pieces = lay_out(config, ends, 0, 5) + lay_out(config, ends, 5, 8) + lay_out(config, ends, 13, 3)
    for name in ("is_beacon", "raw_number", "beacon_number"):
        assert torch.equal(getattr(whole, name), getattr(pieces, name))
    before, last = lay_out(config, ends, 0, 5) + lay_out(config, ends, 5, 8), lay_out(config, ends, 13, 3)
    sees_whole = visibility(config, ends, whole, WindowTokens.raw(0, 0))
    assert torch.equal(visibility(config, ends, last, before), sees_whole[len(before) :])
    assert torch.equal(place(config, ends, whole)[len(before) :], place(config, ends, last))


@pytest.mark.parametrize(("layout", "attention", "previous", "stride"), CASES)
def test_positions_count_what_is_seen_before(layout: str, attention: str, previous: bool, stride: int) -> None:
    """A raw token stands behind all that it sees; a beacon right behind its last raw token and the beacons it counts."""
    config = BeaconConfig(16, stride, (4,), layout=layout, attention=attention, attend_previous=previous)
    tokens, ends = reference_order(layout, 4, 16, stride), even_ends(stride, 4)
    for index, (token, position) in enumerate(
        zip(tokens, place(config, ends, lay_out(config, ends, 0, 16)).tolist(), strict=True)
    ):
        if layout == "interleave" or token.kind == "raw":
            assert position == index
        elif attention == "full-coverage":
            assert position == 16 + token.number
        else:
            assert position == token.last_raw + 1 + (token.number if previous else 0)


def test_each_figure_and_what_follows_a_number_end_intervals_and_the_rest_are_even() -> None:
    is_figure = torch.zeros(64, dtype=torch.bool)
    assert torch.equal(figure_ends(is_figure, 4), even_ends(64, 4))
    is_figure[[0, 20, 21, 22, 63]] = True
    ends = figure_ends(is_figure, 4).tolist()
    assert len(ends) == 16
    assert ends == sorted(set(ends))
    exact = {0, 1, 20, 21, 22, 23, 63}
    assert exact <= set(ends)
    words = [end for end in ends if end not in exact]
    assert len(words) == 9
    gaps = [after - before for before, after in itertools.pairwise(words) if not before < 20 < after]
    assert set(gaps) <= {5, 6, 7}
    # Three quarters of the beacons at most, whatever stands in the window.
    for figures in range(64):
        is_figure = torch.arange(64) < figures
        found = figure_ends(is_figure, 4)
        assert len(found) == 16
        assert found[-1] == 63
        assert bool(is_figure[found].sum() == figures) == (figures <= 11)


def test_where_figures_are_too_many_the_longest_numbers_have_beacons() -> None:
    table = torch.zeros(128, dtype=torch.bool)
    table[40:] = torch.arange(88) % 3 < 2  # page numbers of two digits, close together
    table[10:15] = table[30:35] = True
    for ratio, kept in ((4, {10, 11, 12, 13, 14, 15, 30, 31, 32, 33, 34, 35}), (16, {10, 11, 12, 13, 14, 15})):
        ends = figure_ends(table, ratio).tolist()
        assert len(ends) == 128 // ratio
        assert kept <= set(ends)


def test_positions_and_sight_of_uneven_intervals_are_those_of_the_paper() -> None:
    """Checked token by token: raw tokens and beacons in their order, one position each, segments from end to end."""
    ends = torch.tensor([2, 3, 4, 15])
    config = BeaconConfig(16, None, (4,), intervals="figures", attention="segmentation")
    tokens = lay_out(config, ends, 0, 16)
    order = [(raw, beacon) for raw in range(16) for beacon in (False, True) if not beacon or raw in (2, 3, 4, 15)]
    assert list(zip(tokens.raw_number.tolist(), tokens.is_beacon.tolist(), strict=True)) == order
    assert place(config, ends, tokens).tolist() == list(range(20))
    sees = visibility(config, ends, tokens, WindowTokens.raw(0, 0))
    raw_seen = [
        {int(tokens.raw_number[key]) for key in torch.nonzero(sees[query])[:, 0] if not tokens.is_beacon[key]}
        for query in torch.nonzero(tokens.is_beacon)[:, 0]
    ]
    assert raw_seen == [{0, 1, 2}, {3}, {4}, set(range(5, 16))]


def test_a_memory_of_figures_names_the_source_of_each_slot(tiny_model: Model) -> None:
    text = "The lamp was lit at 19:45 and the sea was calm; in the morning 1203 letters lay in the harbour. " * 4
    ids, spans = tiny_model.encode(text)
    ids, spans = ids[:96], spans[:96]
    plugin = BeaconPlugin(
        tiny_model.decoder.model,
        BeaconConfig(32, None, (2,), "sequence", intervals="figures"),
        tiny_model.decoder.is_figure,
    )
    with torch.inference_mode():
        memory = plugin.new_memory()
        plugin.read(memory, ids, spans, chooser=RatioChooser(plugin.config, 96, plugin.max_positions))
    assert (memory.beacons, memory.raw) == (48, 0)
    pieces = [text[start:end] for start, end in memory.spans.tolist()]
    assert "".join(pieces) == text[: int(spans[-1, 1])]
    digits = [piece[-1] for piece in pieces if piece[-1].isdigit()]
    assert "".join(digits) == "".join(filter(str.isdigit, text[: int(spans[-1, 1])]))
    # A window's intervals depend on all of it: an unfinished one stays raw, and nothing is read behind it.
    with torch.inference_mode():
        plugin.read(memory, ids[:10], spans[:10], chooser=RatioChooser(plugin.config, 96, plugin.max_positions))
        assert memory.raw == 10
        with pytest.raises(ValueError, match="nothing more can be read"):
            plugin.read(memory, ids[:10], spans[:10], chooser=RatioChooser(plugin.config, 96, plugin.max_positions))


@pytest.mark.parametrize("attention", ["full-coverage", "step-expansion", "segmentation"])
def test_tokens_behind_the_stride_stay_raw_for_the_next_window(tiny_model: Model, attention: str) -> None:
    randomise_plugin(tiny_model)
    plugin = tiny_model.plugin
    plugin.config = BeaconConfig(32, 16, (4,), "sequence", layout="append", attention=attention)
    ids, spans = tiny_model.encode(make_document(60).text)
    with torch.inference_mode():
        memory = plugin.new_memory()
        chooser = RatioChooser(plugin.config, len(ids), plugin.max_positions)
        plugin.read(memory, ids[:32], spans[:32], chooser=chooser)
        assert (memory.beacons, memory.raw, memory.raw_tokens) == (4, 16, 16)
        plugin.read(memory, ids[32:48], spans[32:48], chooser=chooser)
    assert (memory.windows, memory.beacons, memory.raw) == (2, 8, 16)
    assert memory.positions.tolist() == list(range(24))
    # 32 tokens condensed 4 to 1, the next 16 raw: every token stands for itself once
    assert memory.spans[:, 0].tolist() == spans[:32:4, 0].tolist() + spans[32:48, 0].tolist()
    assert memory.spans[:, 1].tolist() == spans[3:32:4, 1].tolist() + spans[32:48, 1].tolist()


def test_first_beacons_do_not_depend_on_what_stands_behind_them_in_the_window(tiny_model: Model) -> None:
    """Step-expansion and segmentation: the first interval's beacon sees that interval alone."""
    randomise_plugin(tiny_model)
    plugin = tiny_model.plugin
    ids, _ = tiny_model.encode(make_document(60).text)
    other = ids[:32].clone()
    other[8:] = ids[40:64]
    for attention, depends in (("segmentation", False), ("step-expansion", False), ("full-coverage", True)):
        plugin.config = BeaconConfig(32, None, (8,), "sequence", layout="append", attention=attention)
        keys = []
        for window in (ids[:32], other):
            with torch.inference_mode():
                memory = plugin.new_memory()
                plugin.read(memory, window, chooser=RatioChooser(plugin.config, 32, plugin.max_positions))
                keys.append(memory.keys(1)[:, 0].clone())
        assert torch.allclose(*keys, atol=1e-5) != depends, attention


def test_adapted_ratio_is_the_smallest_that_fits() -> None:
    config = BeaconConfig(window=32, ratios=(2, 4, 8), ratio_choice="adapt-16")
    # (256 - 32) * ratio + 32 >= tokens + 16
    assert [adapt_ratio(config, tokens, 256) for tokens in (464, 465, 912, 913, 5000)] == [2, 4, 4, 8, 8]


def test_ratio_choices() -> None:
    def chosen(choice: str, seed: int = 0) -> list[int]:
        chooser = RatioChooser(BeaconConfig(window=32, ratios=(2, 4, 8), ratio_choice=choice), 1000, 2048, seed)
        return [chooser.choose(window) for window in range(60)]

    assert chosen("sequence")[:4] == [2, 4, 8, 2]
    assert set(chosen("step-random")) == {2, 4, 8}
    assert chosen("step-random") == chosen("step-random")
    assert chosen("step-random") != chosen("step-random", seed=1)
    assert {len(set(chosen("instance-random", seed))) for seed in range(10)} == {1}
    assert {chosen("instance-random", seed)[0] for seed in range(30)} == {2, 4, 8}
