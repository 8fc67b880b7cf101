"""Training: the losses of a sample, resuming a run, and that only the plug-in's weights change."""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.decoders import randomise_plugin
from helpers.documents import WORDS
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from reader.answering import NOT_SAID, PASSAGES
from reader.beacon import BeaconConfig, BeaconPlugin, RatioChooser
from reader.corpora import Question, hide_at_random, load_questions
from reader.errors import ConfigError, ModelError
from reader.models.model import Model, PluginWeights, load_model
from reader.shell.main import main
from reader.training.config import TrainingConfig
from reader.training.data import Books, Exchange, Sample, recall_questions
from reader.training.loop import LOG, STATE, train
from reader.training.losses import distillation, next_token
from reader.training.mixture import Mixture
from reader.training.objectives.beacon import BeaconObjective
from reader.training.objectives.long_recipe import (
    impactful_sentences,
    recipe,
    sentence_numbers,
    spread_positions,
    token_impact,
)
from reader.training.objectives.positions import PositionsObjective, draw_positions
from reader.training.unanswerable import alter

RATIOS = (2, 4, 8)


@pytest.fixture
def answering_model(tiny_folder: Callable[..., Path], tmp_path: Path) -> Model:
    """A tiny decoder in a window of 16 with low-rank projections and answer weights."""
    torch.manual_seed(0)
    model = load_model(str(tiny_folder("llama")), cache_folder=tmp_path / "cache", device="cpu")
    model.plugin.detach()
    plugin = BeaconPlugin(model.decoder.model, BeaconConfig(window=16, rank=4, answer_rank=2))
    plugin.embedding.data.normal_(
        std=0.02
    )  # the tiny decoder's end-of-text embedding is zero, which stops all gradients
    return replace(model, plugin=plugin)


@pytest.fixture
def books(tmp_path: Path) -> Books:
    folder = tmp_path / "books"
    folder.mkdir()
    words = WORDS.split()
    for number in range(3):
        draw = random.Random(number)
        (folder / f"{number}.txt").write_text(" ".join(draw.choice(words) for _ in range(2000)))
    return Books([folder])


def text(model: Model, tokens: int) -> Sample:
    return Sample(torch.randint(5, model.decoder.model.config.vocab_size, (tokens,)))


def test_blockwise_losses_and_gradients_equal_the_plain_ones() -> None:
    torch.manual_seed(0)
    head = torch.randn(50, 8, dtype=torch.float64).float()
    states, teacher = torch.randn(150, 8, requires_grad=True), torch.randn(150, 8)
    targets = torch.randint(0, 50, (150,))
    plain = kl_div(
        log_softmax(states @ head.T, -1), log_softmax(teacher @ head.T, -1), log_target=True, reduction="sum"
    )
    for ours, theirs in (
        (distillation(states, teacher, head), plain),
        (next_token(states, targets, head), cross_entropy(states @ head.T, targets, reduction="sum")),
    ):
        assert torch.allclose(ours, theirs, rtol=1e-5)
        wanted = torch.autograd.grad(theirs, states)[0]
        assert torch.allclose(torch.autograd.grad(ours, states)[0], wanted, atol=1e-5)


def test_reading_with_gradients_gives_the_same_memory(answering_model: Model) -> None:
    model = answering_model
    randomise_plugin(model)
    ids = text(model, 40).document
    plain, chooser = model.plugin.new_memory(), RatioChooser(model.plugin.config, 40, 10_000)
    with torch.inference_mode():
        model.plugin.open(plain, model.opening)
        expected = model.plugin.read(plain, ids, chooser=chooser, logits="all")
    opened = model.plugin.new_memory()
    with torch.no_grad():
        model.plugin.open(opened, model.opening)
    traced = opened.traced()
    actual = model.plugin.read(traced, ids, chooser=chooser, logits="all")
    assert expected is not None
    assert actual is not None
    assert actual.requires_grad
    assert torch.allclose(actual, expected, atol=1e-4)
    assert torch.allclose(traced.keys(0), plain.keys(0), atol=1e-4)
    assert opened.slots == len(model.opening), "reading in a twin leaves the memory it began from alone"


def test_gradients_flow_through_the_memory_and_only_into_the_plugin(answering_model: Model) -> None:
    objective = BeaconObjective(answering_model, ratios=RATIOS, loss="next-token")
    sample = text(answering_model, 48)
    losses = objective.losses(sample, random.Random(0))
    assert len(losses) == 3
    losses[-1].backward()  # the last window is raw: only through the memory can its loss reach the beacons
    last = len(answering_model.plugin.projections) - 1
    for name, parameter in objective.parameters.items():
        if "up" in name and name != f"projections.{last}.q.up":  # the last layer's queries change nothing that is kept
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name
    assert all(parameter.grad is None for parameter in answering_model.decoder.model.parameters())
    assert not any(name.startswith("answers.") for name in objective.parameters)


def test_a_gradient_is_the_slope_of_the_loss(answering_model: Model) -> None:
    randomise_plugin(answering_model)
    objective = BeaconObjective(answering_model, ratios=(4,), loss="distillation")
    sample = text(answering_model, 48)
    parameter = objective.parameters["projections.1.v.up"]

    def loss() -> torch.Tensor:
        return torch.stack(objective.losses(sample, random.Random(0))).sum()

    slope = torch.autograd.grad(loss(), parameter)[0]
    direction = slope / slope.norm()
    step = 1e-2
    with torch.no_grad():
        parameter += step * direction
        above = loss()
        parameter -= 2 * step * direction
        below = loss()
    assert float((above - below) / (2 * step)) == pytest.approx(float(slope.norm()), rel=0.02)


def test_a_distant_memory_is_trained_too(answering_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    randomise_plugin(answering_model)
    objective = BeaconObjective(answering_model, ratios=(4,))
    sample, losses = text(answering_model, 112), []
    for share in (0.0, 1.0):
        monkeypatch.setattr("reader.training.objectives.beacon.FAR_SHARE", share)
        losses.append(torch.stack(objective.losses(sample, random.Random(1))))
    near, far = losses
    changed = torch.nonzero(~torch.isclose(near, far, rtol=1e-5))[:, 0]
    assert 0 < len(changed) < len(near), "windows before the gap are read as ever"
    assert torch.equal(changed, torch.arange(int(changed[0]), len(near))), (
        "all windows behind it see what was read from afar"
    )
    assert torch.isfinite(far).all()


def test_recomputing_windows_changes_no_gradient(answering_model: Model) -> None:
    randomise_plugin(answering_model)
    sample = text(answering_model, 64)
    gradients = []
    for recompute in (False, True):
        objective = BeaconObjective(answering_model, ratios=RATIOS, loss="both", recompute=recompute)
        losses = objective.losses(sample, random.Random(3))
        gradients.append(torch.autograd.grad(torch.stack(losses).sum(), list(objective.parameters.values())))
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_distillation_has_no_loss_in_a_first_raw_window(answering_model: Model) -> None:
    objective = BeaconObjective(answering_model, ratios=RATIOS, loss="distillation")
    (loss,) = objective.losses(text(answering_model, 16), random.Random(0))
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_an_excerpt_beyond_full_attention_is_refused(answering_model: Model) -> None:
    objective = BeaconObjective(answering_model, ratios=RATIOS)
    positions = answering_model.plugin.max_positions
    with pytest.raises(ConfigError, match="next-token"):
        objective.losses(text(answering_model, positions), random.Random(0))


def run(model: Model, output: Path, stop_after: int, mixture: Mixture, **changes: object) -> list[dict[str, str]]:
    objective = BeaconObjective(model, ratios=RATIOS, loss="both", train_answering=True)
    config = TrainingConfig(**{"steps": 12, "warmup_steps": 2, "checkpoint_every": 3, "learning_rate": 3e-3, **changes})  # type: ignore[arg-type]
    count = 0

    def cancelled() -> bool:
        nonlocal count
        count += 1
        return count == stop_after and stop_after < config.steps

    from reader.errors import Cancelled

    try:
        train(
            objective,
            mixture.draw,
            config,
            output,
            save=lambda folder: model.plugin_weights.save_pretrained(folder),
            cancelled=cancelled,
        )
    except Cancelled:
        assert stop_after < config.steps
    with (output / LOG).open(newline="") as log:
        return list(csv.DictReader(log))


def fresh(model: Model) -> Model:
    model.plugin.detach()
    torch.manual_seed(7)
    return replace(model, plugin=BeaconPlugin(model.decoder.model, model.plugin.config))


def test_a_resumed_run_ends_like_an_unbroken_one(answering_model: Model, books: Books, tmp_path: Path) -> None:
    def mixture(model: Model) -> Mixture:
        return Mixture(model, books, excerpt_tokens=(24, 40), question_share=0.4)

    model = fresh(answering_model)
    unbroken = run(model, tmp_path / "one", 12, mixture(model))
    expected = {name: tensor.clone() for name, tensor in model.plugin.state_dict().items()}
    model = fresh(answering_model)
    run(model, tmp_path / "two", 5, mixture(model))
    # A killed run has logged steps that its checkpoint does not have. They are repeated.
    with (tmp_path / "two" / LOG).open("a") as log:
        log.write("5,text,9.9,9.9,1,1,1,1,1\n")
    model = fresh(answering_model)
    resumed = run(model, tmp_path / "two", 99, mixture(model))
    assert [row["loss"] for row in resumed] == [row["loss"] for row in unbroken]
    for name, tensor in model.plugin.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_a_run_learns(answering_model: Model, tmp_path: Path) -> None:
    model = fresh(answering_model)
    sample = text(model, 48)
    rows = []

    class OneSample:
        def draw(self, draw: random.Random) -> Sample:
            return sample

    rows = run(model, tmp_path / "run", 99, OneSample(), steps=30, learning_rate=1e-2)  # type: ignore[arg-type]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_a_run_is_not_resumed_with_other_settings(answering_model: Model, books: Books, tmp_path: Path) -> None:
    mixture = Mixture(answering_model, books, excerpt_tokens=(24,))
    run(answering_model, tmp_path / "run", 3, mixture)
    with pytest.raises(ConfigError, match="learning_rate"):
        run(answering_model, tmp_path / "run", 3, mixture, learning_rate=1e-4)


def test_nan_stops_a_run_and_keeps_the_last_checkpoint(answering_model: Model, books: Books, tmp_path: Path) -> None:
    class Breaking(Mixture):
        def draw(self, draw: random.Random) -> Sample:
            if (tmp_path / "run" / STATE).exists():
                answering_model.plugin.embedding.data[:] = float("nan")
            return super().draw(draw)

    with pytest.raises(ModelError, match="checkpoint of step 3"):
        run(answering_model, tmp_path / "run", 99, Breaking(answering_model, books, excerpt_tokens=(24,)))
    saved = PluginWeights.from_pretrained(tmp_path / "run")
    assert all(torch.isfinite(tensor).all() for tensor in saved.tensors.values())


def test_a_cut_checkpoint_is_refused(answering_model: Model, books: Books, tmp_path: Path) -> None:
    mixture = Mixture(answering_model, books, excerpt_tokens=(24,))
    run(answering_model, tmp_path / "run", 3, mixture)
    state = tmp_path / "run" / STATE
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(ModelError, match="remove it to begin anew"):
        run(answering_model, tmp_path / "run", 3, mixture)


def test_answer_weights_change_answers_and_neither_memories_nor_their_keys(answering_model: Model) -> None:
    model = answering_model
    ids, question = text(model, 40).document, text(model, 6).document
    chooser = RatioChooser(model.plugin.config, 40, 10_000)

    def outcome(answering: bool) -> tuple[torch.Tensor, torch.Tensor]:
        memory = model.plugin.new_memory()
        with torch.inference_mode():
            model.plugin.open(memory, model.opening)
            model.plugin.read(memory, ids, chooser=chooser)
            keys = memory.keys(0).clone()
            logits = model.plugin.run(memory, question, answering=answering)
        assert logits is not None
        return keys, logits

    before_keys, before = outcome(False)
    assert torch.equal(outcome(True)[1], before), "untrained, they are zero"
    fingerprint = model.plugin_weights.fingerprint
    for parameter in model.plugin.answers.parameters():
        parameter.data.normal_()
    assert torch.equal(outcome(False)[1], before), "switched off, the decoder is bit for bit itself"
    keys, answered = outcome(True)
    assert torch.equal(keys, before_keys)
    assert not torch.allclose(answered, before)
    assert model.plugin_weights.fingerprint == fingerprint


def test_training_answer_weights_alone_changes_only_them(answering_model: Model, books: Books) -> None:
    objective = BeaconObjective(answering_model, ratios=RATIOS, train_reading=False, train_answering=True)
    assert all(name.startswith("answers.") for name in objective.parameters)
    mixture = Mixture(answering_model, books, excerpt_tokens=(60,), question_share=1.0)
    torch.stack(objective.losses(mixture.draw(random.Random(0)), random.Random(0))).sum().backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in objective.parameters.values())


def test_hidden_passages_are_at_the_returned_places(answering_model: Model, books: Books) -> None:
    def encode(words: str) -> torch.Tensor:
        return answering_model.encode(words)[0]

    draw = random.Random(5)
    passages = [question.context for question in recall_questions(draw, 3)]
    filler = books.excerpt(300, encode, draw)
    document, starts = hide_at_random(passages, filler, 300, encode, draw)
    assert len(document) == 300
    for words, start in zip(passages, starts, strict=True):
        passage = encode(f"\n\n{words}\n\n")
        assert torch.equal(document[start : start + len(passage)], passage)


def test_a_sample_depends_on_its_number_alone(answering_model: Model, books: Books) -> None:
    questions = [Question("", "The mill has six wheels.", "How many wheels has the mill?", ("six",))]
    mixture = Mixture(answering_model, books, questions, (30, 60), question_share=0.5)
    for number in range(12):
        one, other = mixture.draw(random.Random(number)), mixture.draw(random.Random(number))
        assert torch.equal(one.document, other.document)
        for mine, its in zip(one.exchanges, other.exchanges, strict=True):
            assert torch.equal(mine.again, its.again)
            assert torch.equal(mine.prompt, its.prompt)
            assert torch.equal(mine.answer, its.answer)


def test_looking_again_shows_a_part_of_the_document_with_the_passage(answering_model: Model, books: Books) -> None:
    passage = "The mill has six wheels."
    questions = [Question("", passage, "How many wheels has the mill?", ("six",))]
    mixture = Mixture(
        answering_model, books, questions, (300,), question_share=1.0, recall_share=0, alone_share=0, again_share=1.0
    )
    tokenizer = answering_model.decoder.tokenizer
    for number in range(5):
        sample = mixture.draw(random.Random(number))
        (exchange,) = sample.exchanges
        again, document = tokenizer.decode(exchange.again), tokenizer.decode(sample.document)
        assert again.startswith(PASSAGES)
        assert passage in document
        assert passage in again
        for shown in re.split(r"\n\n\[page \d+\] ", again)[1:]:
            assert shown in document


def test_a_decoder_that_sees_only_what_it_looks_at_trains_so(answering_model: Model, books: Books) -> None:
    decoder = replace(answering_model.decoder, name="qwen2.5-coder-0.5b-instruct")
    model = replace(answering_model, decoder=decoder)
    assert model.passage_horizon == 1
    places = ["mill", "farm", "ship", "well"]
    questions = [
        Question("", f"The {place} has {n} wheels.", f"How many wheels has the {place}?", (f"{n} wheels",))
        for n, place in enumerate(places, 3)
    ]
    mixture = Mixture(model, books, questions, question_share=1.0, recall_share=0, alone_share=0)
    decode, shown = decoder.tokenizer.decode, set()
    for number in range(40):
        sample = mixture.draw(random.Random(number))
        before, looked_at = decode(sample.document).split(PASSAGES)
        passages = re.split(r"\n\n\[page \d+\] ", looked_at)[1:]
        (exchange,) = sample.exchanges
        answer, asked = decode(exchange.answer), re.search(r"has the (\w+)", decode(exchange.prompt))
        assert asked
        holds = any(f"The {asked[1]} has" in passage for passage in passages)
        assert holds or answer.startswith(NOT_SAID)
        assert len(exchange.again) == 0
        shown.add((bool(before), len(passages)))
    assert {(True, 1), (True, 2)} <= shown


def test_questions_after_a_long_text_see_a_part_of_its_memory_and_their_passage(
    answering_model: Model, books: Books
) -> None:
    passage = "The mill has six wheels."
    questions = [Question("", passage, "How many wheels has the mill?", ("six",))]
    mixture = Mixture(
        answering_model, books, questions, question_share=1.0, recall_share=0, alone_share=0, behind_share=1.0
    )
    sample = mixture.draw(random.Random(3))
    assert len(sample.document) == 0
    assert passage in answering_model.decoder.tokenizer.decode(sample.exchanges[0].again)
    long_texts = [books.excerpt(200, lambda words: answering_model.encode(words)[0], random.Random(0))]
    randomise_plugin(answering_model)
    behind = BeaconObjective(
        answering_model, ratios=RATIOS, train_reading=False, train_answering=True, long_texts=long_texts
    )
    losses = [float(behind.losses(sample, random.Random(number))[0].detach()) for number in range(6)]
    assert len(set(losses)) > 3  # different parts give different losses
    assert losses == [float(behind.losses(sample, random.Random(number))[0].detach()) for number in range(6)]
    with pytest.raises(ConfigError, match="only where nothing but the answer weights learns"):
        BeaconObjective(answering_model, ratios=RATIOS, long_texts=long_texts)


def test_an_unanswerable_question_is_answered_with_does_not_say(answering_model: Model, books: Books) -> None:
    questions = [
        Question(
            "",
            f"The mill is old. Mill {n} has {n} wheels. Its doors are {n}{n}.",
            f"How many {what} has mill {n}?",
            (said,),
        )
        for n in range(1, 9)
        for what, said in (("wheels", f"{n} wheels"), ("doors", f"{n}{n}"))
    ]
    mixture = Mixture(answering_model, books, questions, question_share=1.0, recall_share=0, alone_share=1.0)
    decode = answering_model.decoder.tokenizer.decode
    kinds = set()
    for number in range(60):
        sample = mixture.draw(random.Random(number))
        document = decode(sample.document)
        for exchange in sample.exchanges:
            asked = re.search(r"How (\w+) (\w+) (has\S*) mill (\d+)", decode(exchange.prompt))
            assert asked
            is_altered = (asked[1], asked[3]) != ("many", "has")
            answer = f"{asked[4]} wheels" if asked[2] == "wheels" else asked[4] * 2
            is_said = answer in document and not is_altered
            assert decode(exchange.answer).startswith(answer if is_said else NOT_SAID)
            is_own = asked[4] in document
            kinds.add(
                "said" if is_said else "altered" if is_altered else "without the sentence" if is_own else "another's"
            )
    assert kinds == {"said", "altered", "another's", "without the sentence"}


@pytest.mark.parametrize(
    ("question", "changed"),
    [
        ("What did Anna build in 1874?", {"What did Peter Hale build in 1874?", "What did Anna build in 1902?"}),
        ("Who was the first miller?", {"Who was the last miller?"}),
        ("Who can swim?", {"Who can't swim?"}),
        ("Where was the roof mended?", {"Where was the mill mended?"}),
        ("Of what colour?", set()),
    ],
)
def test_an_altered_question_differs_in_one_detail(question: str, changed: set[str]) -> None:
    passage = "In 1874 Anna built a mill, and in 1902 it was sold by Peter Hale."
    found = {alter(question, passage, random.Random(number)) for number in range(60)} - {None}
    digits = re.compile(r"What did Anna build in 187\d\?")
    assert question not in found
    assert {one for one in found if not digits.fullmatch(str(one))} == changed


def test_the_losses_of_several_questions_equal_those_of_each_alone(answering_model: Model) -> None:
    def encode(words: str) -> torch.Tensor:
        return answering_model.encode(words)[0]

    objective = BeaconObjective(answering_model, ratios=(4,), train_answering=True)
    exchanges = tuple(
        Exchange(encode(f"\n\nHow many {what}?"), encode(said), encode(again))
        for what, said, again in (("wheels", "six", ""), ("doors", "seven of them", "Once more: seven doors."))
    )
    document = encode("The mill has six wheels and seven doors. " * 8)

    def gradient(*asked: Exchange) -> tuple[list[float], dict[str, torch.Tensor]]:
        losses = objective.losses(Sample(document, asked), random.Random(0))[-len(asked) :]
        torch.stack(losses).sum().backward()
        found = {name: part.grad.clone() for name, part in objective.parameters.items() if part.grad is not None}
        for part in objective.parameters.values():
            part.grad = None
        return [float(loss.detach()) for loss in losses], found

    (first, of_first), (second, of_second), (both, of_both) = (
        gradient(exchanges[0]), gradient(exchanges[1]), gradient(*exchanges)
    )  # fmt: skip
    assert both == pytest.approx(first + second)
    for name, part in of_both.items():
        torch.testing.assert_close(part, of_first[name] + of_second[name], rtol=1e-3, atol=1e-6)


def test_a_text_with_questions_has_a_loss_when_reading_is_trained(answering_model: Model) -> None:
    document = answering_model.encode("The mill has six wheels and seven doors. " * 8)[0]
    asked = Exchange(*(answering_model.encode(words)[0] for words in ("\n\nHow many wheels?", "six")))
    windows = -(-len(document) // answering_model.plugin.config.window)
    for reading, count in ((True, windows + 1), (False, 1)):
        objective = BeaconObjective(answering_model, ratios=(4,), train_reading=reading, train_answering=not reading)
        losses = objective.losses(Sample(document, (asked,)), random.Random(0))
        assert len(losses) == count
        torch.stack(losses).sum().backward()
        assert all(part.grad is not None for part in objective.parameters.values())


def test_questions_are_read_and_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl.gz"
    good = {"context": "It rains.", "question": "What does it?", "answers": ["rain", "rains"]}
    with gzip.open(file, "wt") as lines:
        lines.write(json.dumps(good) + "\n\n" + json.dumps(good | {"answers": []}) + "\n")
    assert [question.answer for question in load_questions(file)] == ["rain", ""]
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps(good) + "\n{'context'\n")
    with pytest.raises(ConfigError, match="Line 2"):
        load_questions(bad)


def test_missing_books_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \.txt file"):
        Books([tmp_path])
    (tmp_path / "no.tar").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match="cannot be read"):
        Books([tmp_path / "no.tar"])


@pytest.mark.parametrize("method", ["cream", "pose"])
def test_positions_reach_the_target_and_never_repeat(method: str) -> None:
    draw = random.Random(0)
    furthest = 0
    for _ in range(300):
        positions = draw_positions(method, 512, 4096, draw)
        assert len(positions) == 512
        assert bool((positions.diff() > 0).all())
        assert int(positions[0]) == 0
        assert int(positions[-1]) < 4096
        furthest = max(furthest, int(positions[-1]))
        pieces = 1 + int((positions.diff() > 1).sum())
        assert pieces <= (3 if method == "cream" else 2)
        if method == "cream":
            heads = (4 * 8, 512 // 3)
            assert any(torch.equal(positions[:head], torch.arange(head)) for head in heads)
            assert int(positions[-1]) == 4095
    assert furthest > 3500


def test_positions_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ConfigError, match="less than twice"):
        draw_positions("pose", 512, 1000, random.Random(0))
    with pytest.raises(ConfigError, match="too short"):
        draw_positions("cream", 16, 1024, random.Random(0))
    with pytest.raises(ConfigError, match="not for 'longrecipe'"):
        draw_positions("longrecipe", 512, 4096, random.Random(0))


def test_an_unknown_way_to_lengthen_a_decoder_is_refused(answering_model: Model) -> None:
    with pytest.raises(ConfigError, match="--method is 'yarn'; it must be one of cream, pose, longrecipe"):
        PositionsObjective(answering_model, method="yarn", target_tokens=8192, rank=None)


def test_longrecipe_spreads_whole_sentences_over_the_target() -> None:
    draw, furthest = random.Random(0), 0
    sentences = torch.tensor([0] * 5 + [2] * 9 + [3] * 2)
    for _ in range(300):
        positions = spread_positions(sentences, 4096, draw)
        assert bool((positions.diff() > 0).all())
        assert int(positions[0]) == 0
        assert int(positions[-1]) < 4096
        inside = sentences.diff() == 0
        assert bool((positions.diff()[inside] == 1).all())
        furthest = max(furthest, int(positions[-1]))
    assert furthest > 3500


def test_longrecipe_keeps_the_sentences_with_most_impactful_tokens_in_their_order() -> None:
    ends = torch.zeros(10, dtype=torch.bool)
    ends[1] = True
    ids = torch.tensor([5, 5, 1, 6, 6, 1, 7, 7, 1, 8])
    sentences = sentence_numbers(ids, ends)
    assert sentences.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    impact = torch.tensor([0, 0, 0, 0, 9.0, 0, 0, 0, 0, 8.0])
    assert ids[impactful_sentences(impact, sentences, 4)].tolist() == [6, 6, 1, 8]
    assert ids[impactful_sentences(impact, sentences, 3)].tolist() == [6, 6, 8]  # the last is cut
    assert impactful_sentences(impact, torch.zeros(10, dtype=torch.int64), 5).tolist() == [True] * 5 + [False] * 5


def test_the_impact_of_a_token_is_what_the_text_before_its_piece_changes(answering_model: Model) -> None:
    decoder = answering_model.decoder.model
    ids = answering_model.encode("The mill has six wheels and seven doors. " * 8)[0][:96]
    impact = token_impact(decoder, ids)
    assert impact.shape == (96,)
    assert torch.allclose(impact[:12], torch.zeros(12), atol=1e-4)  # the first piece has no text before it
    with torch.no_grad():
        whole, piece = (decoder(part[None]).logits[0].log_softmax(-1) for part in (ids, ids[24:36]))
    for place in (25, 30, 35):
        expected = (whole[place - 1, ids[place]] - piece[place - 25, ids[place]]).abs()
        assert float(impact[place]) == pytest.approx(float(expected), abs=1e-4)
    assert float(impact[24]) == 0


def test_longrecipe_replays_ordinary_text_and_halves_the_excerpt(answering_model: Model) -> None:
    ids = answering_model.encode("The mill has six wheels. It has seven doors! Who built it? " * 12)[0]
    ends = torch.zeros(answering_model.decoder.model.config.vocab_size, dtype=torch.bool)
    ends[answering_model.encode("wheels.")[0][-1]] = True
    draw, replayed = random.Random(0), 0
    for _ in range(40):
        kept, positions = recipe(answering_model.decoder.model, ids, ends, 8 * len(ids), draw)
        assert len(kept) == len(positions) == len(ids) // 2
        if torch.equal(positions, torch.arange(len(positions))):
            replayed += 1
            assert torch.equal(kept, ids[: len(kept)])
    assert 4 <= replayed <= 18


@pytest.mark.parametrize("rank", [None, 2])
def test_longrecipe_saves_the_mean_of_trained_and_first_weights(
    rank: int | None, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    def change(method: str) -> torch.Tensor:
        model = load_model(str(tiny_folder("llama")), cache_folder=tmp_path / "c", device="cpu")
        key = "model.layers.0.self_attn.q_proj.weight"
        first = model.decoder.model.state_dict()[key].clone()
        torch.manual_seed(0)
        objective = PositionsObjective(model, method=method, target_tokens=8192, rank=rank)
        with torch.no_grad():
            for part in objective.parameters.values():
                part += 0.1
        objective.save(tmp_path / f"{method}-{rank}")
        saved = load_model(str(tmp_path / f"{method}-{rank}"), cache_folder=tmp_path / "c", device="cpu")
        return saved.decoder.model.state_dict()[key] - first

    whole, merged = change("cream"), change("longrecipe")
    assert float(whole.abs().max()) > 0.01
    torch.testing.assert_close(merged, whole / 2, rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", ["cream", "longrecipe"])
@pytest.mark.parametrize("rank", [[], ["--rank", "2"]], ids=["full", "low-rank"])
def test_a_lengthened_decoder_is_an_ordinary_one(
    rank: list[str], method: str, tiny_folder: Callable[..., Path], books: Books, tmp_path: Path
) -> None:
    folder = tiny_folder("llama")
    command = ["train", "--method", method, "--model", str(folder), "--books", str(tmp_path / "books"), *rank]
    positions = load_model(str(folder), cache_folder=tmp_path / "c").plugin.max_positions
    command += [
        "--target-tokens",
        str(4 * positions),
        "--excerpt-tokens",
        "1024",
        "--steps",
        "3",
        "--warmup-steps",
        "1",
    ]
    assert main([*command, "--output", str(tmp_path / "longer"), "--device", "cpu"]) == 0
    longer = load_model(str(tmp_path / "longer"), cache_folder=tmp_path / "c", device="cpu")
    assert longer.plugin.max_positions == 4 * positions
    plain = load_model(str(folder), cache_folder=tmp_path / "c", device="cpu")
    changed = [
        name
        for name, weight in longer.decoder.model.state_dict().items()
        if not torch.equal(weight, plain.decoder.model.state_dict()[name])
    ]
    assert any("layers.0.self_attn" in name for name in changed)
    assert not any("embed" in name for name in changed)
    ids = torch.randint(5, 60, (positions + 40,))
    logits = longer.decoder.model(ids[None]).logits
    assert bool(torch.isfinite(logits).all())


def test_the_command_makes_a_plugin_that_the_reader_loads(
    tiny_folder: Callable[..., Path], books: Books, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = tiny_folder("llama"), tmp_path / "plugin"
    command = ["train", "--model", str(folder), "--books", str(tmp_path / "books"), "--device", "cpu"]
    sizes = ["--window", "16", "--rank", "2", "--excerpt-tokens", "48", "--steps", "3", "--warmup-steps", "1"]
    assert main([*command, *sizes, "--output", str(output)]) == 0
    assert (output / "loss.png").stat().st_size > 1000
    model = load_model(str(folder), plugin=str(output), cache_folder=tmp_path / "c", device="cpu")
    assert model.plugin.trained
    assert model.plugin.config.answer_rank is None
    tuned = [
        "--plugin",
        str(output),
        "--method",
        "answers",
        "--answer-rank",
        "3",
        "--excerpt-tokens",
        "48",
        "--steps",
        "2",
    ]
    assert main([*command, *tuned, "--output", str(tmp_path / "tuned")]) == 0
    answering = load_model(str(folder), plugin=str(tmp_path / "tuned"), cache_folder=tmp_path / "c", device="cpu")
    assert answering.plugin.config.answer_rank == 3
    assert answering.plugin_fingerprint == model.plugin_fingerprint, "answer tuning leaves read memories good"
    capsys.readouterr()
    assert main([*command, *sizes, "--rank", "3", "--output", str(output)]) != 0
    assert "rank" in capsys.readouterr().err


def test_an_int8_plugin_is_smaller_and_nearly_the_same(answering_model: Model, tmp_path: Path) -> None:
    randomise_plugin(answering_model)
    weights = answering_model.plugin_weights
    weights.save_pretrained(tmp_path / "float")
    weights.save_pretrained(tmp_path / "int8", "int8")
    kept = PluginWeights.from_pretrained(tmp_path / "int8")
    assert kept.tensors.keys() == weights.tensors.keys()
    for name, tensor in weights.tensors.items():
        assert torch.allclose(kept.tensors[name], tensor, atol=float(tensor.abs().max()) / 200), name
    plugin = kept.onto(answering_model.decoder)
    assert plugin.trained
    sizes = [(tmp_path / kind / "beacon.safetensors").stat().st_size for kind in ("float", "int8")]
    assert sizes[1] < sizes[0]
    assert PluginWeights.from_pretrained(tmp_path / "int8").fingerprint == kept.fingerprint
