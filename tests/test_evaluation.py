"""Evaluation: equal targets, controls, real question sets, and reports."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import math
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.decoders import randomise_plugin
from helpers.documents import WORDS
from torch.nn.functional import cross_entropy

from reader.beacon import BeaconPlugin
from reader.corpora import Book, BookTokens, Question, hide_in_books, load_books, load_questions
from reader.corpora.questions import detokenise
from reader.errors import ConfigError
from reader.evaluation import (
    LmSettings,
    QaSettings,
    Report,
    Row,
    SyntheticSettings,
    evaluate_lm,
    evaluate_longbench,
    evaluate_qa,
    evaluate_synthetic,
    plot,
    qa as qa_module,
    synthetic,
)
from reader.evaluation.generation import reply
from reader.evaluation.metrics import (
    character_f1,
    choice_score,
    first_number,
    longbench_score,
    recall,
    rouge_l,
    squad_scores,
)
from reader.evaluation.synthetic import MAKERS
from reader.models.model import Model, load_model
from reader.shell.main import main
from reader.strategies import FullAttention, SlidingWindow
from reader.strategies.registry import fitting_ratio

WINDOW = 32


def book(seed: int, words: int = 400) -> Book:
    stream = [WORDS.split()[(seed * 7 + number * number) % 20] for number in range(words)]
    lines = [" ".join(stream[start : start + 12]) + f" {seed}." for start in range(0, words, 12)]
    return Book(f"book-{seed}.txt", "\n\n".join(lines))


@pytest.fixture
def books() -> list[Book]:
    return [book(seed) for seed in range(4)]


@pytest.fixture
def model(tiny_model: Model) -> Model:
    randomise_plugin(tiny_model)
    return tiny_model


def row_of(report: Report, strategy: str, **wanted: object) -> Row:
    found = [
        row
        for row in report.rows
        if row["strategy"] == strategy and all(row[key] == value for key, value in wanted.items())
    ]
    assert len(found) == 1, (strategy, wanted, len(found))
    return found[0]


def lm_report(model: Model, books: list[Book], contexts: list[int], ratios: list[int], **options: Any) -> Report:
    call = {name: options.pop(name) for name in ("strategies", "lengthened") if name in options}
    return evaluate_lm(model, books, LmSettings(contexts, ratios, **options), **call)


def plain_losses(model: Model, before: torch.Tensor, scored: torch.Tensor) -> torch.Tensor:
    """Losses of all scored tokens but the first, from one plain pass."""
    with torch.inference_mode():
        logits = model.decoder.model(torch.cat([model.opening, before, scored])[None]).logits[0]
    return cross_entropy(logits[-len(scored) : -1], scored[1:], reduction="none")


# --- lm ---------------------------------------------------------------------------------------------------------


def test_full_attention_and_the_sliding_window_score_like_plain_passes(model: Model, books: list[Book]) -> None:
    report = lm_report(model, books, [WINDOW, 160], [4])
    tokens = BookTokens(books, model)
    for context in (WINDOW, 160):
        full, alone = [], []
        for number in range(4):
            ids = tokens.of(number, context)
            full.append(plain_losses(model, ids[:-WINDOW], ids[-WINDOW:]).mean().item())
            alone.append(plain_losses(model, ids[:0], ids[-WINDOW:]).mean().item())
        assert row_of(report, "full", context=context)["by_book"] == pytest.approx(full, abs=1e-4)
        assert row_of(report, "sliding-window", context=context)["by_book"] == pytest.approx(alone, abs=1e-4)


def test_at_one_window_every_strategy_is_the_plain_decoder(model: Model, books: list[Book]) -> None:
    strategies = ("sliding-window", "sliding-window-2", "full", "self-extend", "beacon")
    report = lm_report(model, books, [WINDOW], [4], strategies=strategies)
    losses = [row["loss"] for row in report.rows]
    assert len(losses) == len(strategies)
    assert losses == pytest.approx([losses[0]] * len(losses), abs=1e-4)


def test_ratio_none_is_full_attention_and_every_row_scores_the_same_tokens(model: Model, books: list[Book]) -> None:
    report = lm_report(model, books, [96, 160], [0, 4, 8])
    assert {row["tokens"] for row in report.rows} == {4 * (WINDOW - 1)}
    for context in (96, 160):
        raw, full = row_of(report, "beacon", context=context, ratio=0), row_of(report, "full", context=context)
        assert raw["by_book"] == pytest.approx(full["by_book"], abs=1e-4)
        assert (raw["gap_closed"] is None) == (full["gap"] <= 0)
        assert raw["gap_closed"] is None or raw["gap_closed"] == pytest.approx(1.0, abs=1e-2)


def test_one_shared_reading_equals_separate_readings(model: Model, books: list[Book]) -> None:
    together = lm_report(model, books, [64, 100, 160], [4, 8], horizons=[None, 8])
    for context in (64, 100, 160):
        apart = lm_report(model, books, [context], [4, 8], horizons=[None, 8])
        for row in apart.rows:
            same = row_of(together, row["strategy"], context=context, ratio=row["ratio"], horizon=row["horizon"])
            assert same["by_book"] == pytest.approx(row["by_book"], abs=1e-4)


def test_contexts_with_the_same_target_end_with_the_same_window(model: Model, books: list[Book]) -> None:
    report = lm_report(model, books, [64, 96, 160], [4], same_target=True)
    alone = [row_of(report, "sliding-window", context=context)["by_book"] for context in (64, 96, 160)]
    assert alone[0] == alone[1] == alone[2]
    tokens = BookTokens(books, model)
    for context in (64, 160):
        ids = [tokens.of(number, 160)[-context:] for number in range(4)]
        expected = [plain_losses(model, one[:-WINDOW], one[-WINDOW:]).mean().item() for one in ids]
        assert row_of(report, "full", context=context)["by_book"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("same_target", [False, True])
def test_windows_scored_after_a_context_are_the_last_of_longer_contexts(
    model: Model, books: list[Book], same_target: bool
) -> None:
    together = lm_report(model, books, [64, 96], [4], scored_windows=3, same_target=same_target)
    # With the same target, all end where the longest one's third window ends.
    for context in (64, 96) if not same_target else (96,):
        places = [context, context + WINDOW, context + 2 * WINDOW]
        apart = lm_report(model, books, places, [4])
        for strategy in ("sliding-window", "full", "beacon", "beacon-swapped"):
            row = row_of(together, strategy, context=context)
            assert row["tokens"] == 4 * 3 * (WINDOW - 1)
            expected = torch.tensor([row_of(apart, strategy, context=place)["by_book"] for place in places]).mean(0)
            assert row["by_book"] == pytest.approx(expected.tolist(), abs=1e-4)
    if same_target:
        alone = [row_of(together, "sliding-window", context=context)["by_book"] for context in (64, 96)]
        assert alone[0] == alone[1]


def test_swapped_memories_are_another_books(model: Model, books: list[Book]) -> None:
    report = lm_report(model, books, [160], [4])
    own, swapped = row_of(report, "beacon"), row_of(report, "beacon-swapped")
    assert all(a != b for a, b in zip(own["by_book"], swapped["by_book"], strict=True))
    # If all books are the same, another book's memory is the book's own.
    same = [Book(f"{number}.txt", books[0].text) for number in range(3)]
    report = lm_report(model, same, [160], [4])
    assert row_of(report, "beacon")["by_book"] == pytest.approx(row_of(report, "beacon-swapped")["by_book"])
    alone = lm_report(model, books[:1], [160], [4])
    assert not [row for row in alone.rows if row["strategy"] == "beacon-swapped"]


def test_rows_carry_what_they_say(model: Model, books: list[Book]) -> None:
    report = lm_report(model, books, [160], [4])
    alone, full = row_of(report, "sliding-window"), row_of(report, "full")
    own, swapped = row_of(report, "beacon"), row_of(report, "beacon-swapped")
    assert own["loss"] == pytest.approx(sum(own["by_book"]) / 4)
    assert own["perplexity"] == pytest.approx(math.exp(own["loss"]))
    assert own["worst"] == max(own["by_book"])
    assert own["worst_book"] == books[own["by_book"].index(own["worst"])].name
    assert sorted(own["by_book"])[1] <= own["median"] <= sorted(own["by_book"])[2]
    worse = [b.name for b, a, o in zip(books, alone["by_book"], own["by_book"], strict=True) if o > a]
    assert own["books_worse_than_none"] == worse
    gap = alone["loss"] - full["loss"]
    if gap > 0:
        assert own["gap_closed"] == pytest.approx((alone["loss"] - own["loss"]) / gap)
        assert own["remembered"] == pytest.approx((swapped["loss"] - own["loss"]) / gap)


def test_short_books_are_joined_and_no_text_is_used_twice(model: Model, books: list[Book]) -> None:
    tokens = BookTokens(books, model)
    lengths = [len(tokens.of(number, 10**6)) for number in range(4)]
    context = lengths[0] + 100
    assert tokens.groups(context) == [0, 2]
    ids, count = tokens.joined(0, context)
    assert count == 2
    assert torch.equal(ids, torch.cat([tokens.of(0, 10**6), tokens.of(1, 100)]))
    assert tokens.groups(sum(lengths)) == [0]
    assert tokens.groups(sum(lengths) + 1) == []
    with pytest.raises(ConfigError, match="fewer than"):
        lm_report(model, books, [sum(lengths) + 1], [4])


def test_token_ids_do_not_depend_on_how_many_are_asked_for(model: Model) -> None:
    long = [book(1, words=30_000)]
    whole = BookTokens(long, model).of(0, 10**6)
    few = BookTokens(long, model)
    assert torch.equal(few.of(0, 50), whole[:50])
    assert torch.equal(few.of(0, 40_000), whole[:40_000])
    assert len(whole) > 50_000


def test_a_strategy_that_does_not_fit_is_reported_and_the_rest_runs(
    tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    small = load_model(str(tiny_folder(max_positions=256)), window=WINDOW, cache_folder=tmp_path, device="cpu")
    many = [book(seed, 1200) for seed in range(2)]
    report = lm_report(small, many, [128, 1024], [2, 16])
    assert {(row["strategy"], row["ratio"]) for row in report.rows if row["context"] == 1024} == {
        ("sliding-window", None),
        ("beacon", 16),
        ("beacon-swapped", 16),
    }
    assert {(one.strategy, one.ratio) for one in report.skipped} == {("full", None), ("beacon", 2)}
    beyond = lm_report(small, many, [1024], [16], full_tokens=1024)
    assert row_of(beyond, "full")["context"] == 1024


def test_a_lengthened_decoder_is_full_attention_by_that_decoder(model: Model, books: list[Book]) -> None:
    report = lm_report(model, books, [160], [4], strategies=["full", "lengthened"], lengthened=model)
    assert row_of(report, "lengthened")["by_book"] == pytest.approx(row_of(report, "full")["by_book"])
    with pytest.raises(ConfigError, match="--lengthened"):
        lm_report(model, books, [160], [4], strategies=["lengthened"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"contexts": [16], "ratios": [4]}, "at least one window"),
        ({"contexts": [64], "ratios": [5]}, "ratio is 5"),
        ({"contexts": [64], "ratios": [4], "strategies": ["telepathy"]}, "telepathy"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(model: Model, books: list[Book], arguments: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        lm_report(model, books, **arguments)


# --- passkey, needle, topic ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", MAKERS)
@pytest.mark.parametrize("depth", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("with_books", [True, False])
def test_the_hidden_text_is_at_its_depth_in_a_text_of_that_length(
    model: Model, books: list[Book], task: str, depth: float, with_books: bool
) -> None:
    import random

    filler = synthetic._Filler(books if with_books else [], model)
    example = MAKERS[task](model, filler, 4096, depth, random.Random(5))
    assert len(example.ids) == 4096
    text = model.decoder.tokenizer.decode(example.ids)
    if task == "passkey":
        key = first_number(text[text.index("pass key is") :])
        place = text.index(f"The pass key is {key}. Remember it.")
        assert example.score(f" {key}.") == 1.0
        assert example.score(f" {int(key) ^ 1}.") == 0.0
        assert example.score("") == 0.0
    elif task == "needle":
        needle, _, answer = next(one for one in synthetic.NEEDLES if one[1] in example.question)
        place = text.index(needle)
        assert example.score(f"I think {answer}!") == 1.0
        assert example.score("nothing of the kind") < 0.5
    else:
        asked = 1 if depth == 0 else round(depth * (text.count("I would like to talk about") - 1)) + 1
        place = text.index(f"Section {asked}.")
        topic = text[place:].partition("talk about ")[2].partition(".\n")[0]
        assert example.score(f"It was {topic}.") == 1.0
        assert example.score("It was the weather.") == 0.0
    assert place / len(text) == pytest.approx(depth, abs=0.2)


def test_the_same_seed_gives_the_same_examples(model: Model, books: list[Book]) -> None:
    import random

    filler = synthetic._Filler(books, model)
    first, again, other = (synthetic.make_passkey(model, filler, 1000, 0.5, random.Random(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.ids, again.ids)
    assert not torch.equal(first.ids, other.ids)


def test_a_decoder_that_copies_finds_the_key_wherever_its_strategy_lets_it_see(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the decoder repeats the key if its context contains the key, so the scores show what the strategy kept."""
    seen: dict[int, str] = {}

    def say(strategy: object, question: str, model: Model, *, max_tokens: int, begin: str) -> str:
        text = model.decoder.tokenizer.decode(seen[id(strategy)])
        return first_number(text.partition("The pass key is")[2])

    def keep(cls: type, kept: int | None) -> None:
        def read(self: object, ids: torch.Tensor) -> None:
            seen[id(self)] = ids if kept is None else ids[-kept:]

        monkeypatch.setattr(cls, "read", read)

    monkeypatch.setattr(synthetic, "reply", say)
    keep(SlidingWindow, WINDOW)
    keep(FullAttention, None)
    report = evaluate_synthetic(
        model,
        SyntheticSettings("passkey", [300, 600, 5000], [0.0, 0.5], [8], repeats=2),
        strategies=["sliding-window", "full"],
    )
    assert {(row["strategy"], row["length"]): row["score"] for row in report.rows} == {
        ("sliding-window", 300): 0.0,
        ("sliding-window", 600): 0.0,
        ("sliding-window", 5000): 0.0,
        ("full", 300): 1.0,
        ("full", 600): 1.0,
    }
    assert [(one.strategy, one.context) for one in report.skipped] == [("full", 5000)]
    assert all(row["examples"] == 4 and set(row["by_depth"]) == {"0.0", "0.5"} for row in report.rows)


def test_synthetic_tasks_run_with_every_strategy_and_refuse_bad_depths(model: Model, books: list[Book]) -> None:
    strategies = ["sliding-window", "full", "self-extend", "retrieval", "beacon"]
    report = evaluate_synthetic(model, SyntheticSettings("topic", [1024], [0.0], [8]), books, strategies=strategies)
    assert [row["strategy"] for row in report.rows] == strategies
    assert all(0 <= row["score"] <= 1 for row in report.rows)
    with pytest.raises(ConfigError, match=r"depth is 1\.5"):
        SyntheticSettings("topic", [1024], [1.5], [8])
    with pytest.raises(ConfigError, match="at least"):
        evaluate_synthetic(model, SyntheticSettings("passkey", [20], [0.5], [8]))


# --- metrics ------------------------------------------------------------------------------------------------------


def test_answers_are_scored_as_squad_scores_them() -> None:
    assert squad_scores("The  Cat!", ["a cat", "dog"]) == (1.0, 1.0)
    exact, f1 = squad_scores("the black cat", ["cat"])
    assert (exact, f1) == (0.0, pytest.approx(2 / 3))
    assert squad_scores("", ["cat"]) == (0.0, 0.0)
    assert squad_scores("fish", ["cat", "dog"]) == (0.0, 0.0)


def test_the_right_reply_to_an_unanswerable_question_is_does_not_say() -> None:
    assert squad_scores("The document does not say.", []) == (1.0, 1.0)
    assert rouge_l("the document does not say who did.", []) == 1.0
    assert squad_scores("In 1822.", []) == (0.0, 0.0)
    assert squad_scores("The document does not say.", ["1822"]) == (0.0, 0.0)


def test_rouge_l_is_the_best_over_the_answers() -> None:
    assert rouge_l("the cat sat", ["no", "the cat sat"]) == pytest.approx(1.0)
    assert rouge_l("a cat sat", ["the cat sat"]) == pytest.approx(2 / 3, abs=1e-4)


def test_small_scores() -> None:
    assert recall("the tram 28, I say", "ride tram 28") == pytest.approx(2 / 3)
    assert first_number("The key is 12345, or 99.") == "12345"
    assert first_number("none") == ""
    assert character_f1("北京", ["北京。"]) == 1.0
    assert choice_score("B. because of the rain", ["B"]) == 1.0
    assert choice_score("The answer is C", ["B"]) == 0.0
    assert choice_score("BD", ["BD"]) == 1.0


@pytest.mark.parametrize(
    ("dataset", "reply", "answers", "classes", "expected"),
    [
        ("hotpotqa", "the cat", ["cat"], [], ("f1", 1.0)),
        ("hotpotqa_e", "the cat", ["cat"], [], ("f1", 1.0)),
        ("gov_report", "a b c", ["a b c"], [], ("rougeL", 1.0)),
        ("trec", "Number of something", ["Number of something"], ["Number", "Number of something"], ("accuracy", 1.0)),
        ("trec", "Date or Number", ["Date"], ["Date", "Number"], ("accuracy", 0.5)),
        ("passage_retrieval_en", "Paragraph 3", ["Paragraph 3"], [], ("accuracy", 1.0)),
        ("passage_retrieval_en", "Paragraph 13", ["Paragraph 3"], [], ("accuracy", 0.0)),
        ("passage_count", "4 or 5", ["4"], [], ("accuracy", 0.5)),
        ("lcc", "# a comment\nreturn x", ["return x"], [], ("similarity", 1.0)),
        ("multifieldqa_zh", "北京", ["北京"], [], ("f1", 1.0)),
    ],
)
def test_longbench_sets_have_their_own_scores(
    dataset: str, reply: str, answers: list[str], classes: list[str], expected: tuple[str, float]
) -> None:
    name, score = longbench_score(dataset, reply, answers, classes)
    assert (name, score) == (expected[0], pytest.approx(expected[1]))


# --- question sets --------------------------------------------------------------------------------------------------


def write_lines(path: Path, *lines: dict) -> Path:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


SHAPES: dict[str, tuple[dict, list[tuple[str, str, tuple[str, ...]]]]] = {
    "squad": ({"id": "1", "context": "c", "question": "q?", "answers": ["a", "b"]}, [("c", "q?", ("a", "b"))]),
    "unanswerable": ({"id": "1", "context": "c", "question": "q?", "answers": []}, [("c", "q?", ())]),
    "longbench": (
        {"input": "q?", "context": "c", "answers": ["a"], "all_classes": None, "dataset": "qasper", "length": 3, "_id": "x"},
        [("c", "q?", ("a",))],
    ),
    "infinitebench": ({"id": 0, "context": "c", "input": "q?", "answer": ["a"], "options": []}, [("c", "q?", ("a",))]),
    "infinitebench choice": (
        {"id": 0, "context": "c", "input": "q?", "answer": ["dog"], "options": ["cat", "dog"]},
        [("c", "q?\nA. cat\nB. dog", ("B",))],
    ),
    "l-eval": (
        {"instructions": ["q?", "r?"], "outputs": ["a", "b"], "input": "c", "source": "s", "evaluation": "f1"},
        [("c", "q?", ("a",)), ("c", "r?", ("b",))],
    ),
    "fairytale": (
        {"story": "s", "sections": ["one", "two"], "qas": [{"question": "q?", "answer1": "a", "answer4": "b", "cor_section": "2"}]},
        [("two", "q?", ("a", "b"))],
    ),
    "narrative": (
        {"book_file": "b.txt", "qas": [{"q": "Who is Tom 's dog ?", "a": ["a dog , big"]}]},
        [("", "Who is Tom's dog?", ("a dog, big",))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_every_shape_is_read_as_it_is(tmp_path: Path, shape: str, suffix: str) -> None:
    line, expected = SHAPES[shape]
    questions = load_questions(write_lines(tmp_path / f"set{suffix}", line, line))
    assert [(one.context, one.question, one.answers) for one in questions] == expected * 2


@pytest.mark.parametrize("content", [b"", b"{", b"[1]\n", b'{"context": "c"}\n', b"\x1f\x8b broken", b"\xff\xfe"])
def test_a_bad_question_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    for name in ("set.jsonl", "set.jsonl.gz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match="set"):
            load_questions(tmp_path / name)
    with pytest.raises(ConfigError, match="absent"):
        load_questions(tmp_path / "absent.jsonl")


def test_spaces_around_tokens_are_removed() -> None:
    assert detokenise("What did Scrooge 's clerk say , then ?") == "What did Scrooge's clerk say, then?"
    assert detokenise("He did n't , ( he said ) .") == "He didn't, (he said)."


def test_the_real_question_sets_are_read(data_folder: Path) -> None:
    counts = {file.name: len(load_questions(file)) for file in (data_folder / "qa" / "dev").glob("*.jsonl.gz")}
    assert counts["squad_v2.jsonl.gz"] > 5000
    assert counts["narrativeqa.jsonl.gz"] == 1304
    assert len(counts) == 7


# --- qa -----------------------------------------------------------------------------------------------------------


def facts(count: int, per_context: int = 1) -> list[Question]:
    return [
        Question(
            f"{number}-{part}",
            f"Entry {number}: the lamp of keeper {number} was painted by the cousin of painter {number}.",
            f"Who painted the lamp of keeper {number}, and why {part}?",
            () if number % 3 == 2 else (f"the cousin of painter {number}",),
        )
        for number in range(count)
        for part in range(per_context)
    ]


def test_the_seed_decides_where_passages_are_hidden_as_paragraphs(model: Model, books: list[Book]) -> None:
    questions = facts(7, per_context=2)
    hidden = hide_in_books(questions, books, model, book_tokens=(500, 1500), per_book=3, seed=1)
    assert [len(one.questions) for one in hidden] == [6, 6, 2]
    assert len({one.document.title for one in hidden}) == 3
    for one in hidden:
        for question, place in zip(one.questions, one.places, strict=True):
            assert place is not None
            assert one.document.text[place[0] : place[1]] == question.context
            around = one.document.text[max(0, place[0] - 2) : place[1] + 2]
            assert set(around.replace(question.context, "")) <= {"\n"}
    again = hide_in_books(questions, books, model, book_tokens=(500, 1500), per_book=3, seed=1)
    other = hide_in_books(questions, books, model, book_tokens=(500, 1500), per_book=3, seed=2)
    assert [one.document.id for one in hidden] == [one.document.id for one in again]
    assert [one.document.id for one in hidden] != [one.document.id for one in other]
    # Without the passages, the text is the whole book.
    text = hidden[0].document.text
    for question in hidden[0].questions[::2]:
        text = text.replace(question.context + "\n\n", "").replace("\n\n" + question.context, "")
    assert books[0].text.startswith(text[: len(text) // 2])


def test_long_books_are_cut_and_short_ones_skipped(model: Model) -> None:
    books = [book(1, 30), book(2, 2000)]
    hidden = hide_in_books(facts(2), books, model, book_tokens=(1000, 1200), per_book=1)
    assert [one.document.title for one in hidden] == ["book-2", "book-2"]
    assert all(1200 <= len(model.encode(one.document.text)[0]) < 1400 for one in hidden)
    with pytest.raises(ConfigError, match="No book has"):
        hide_in_books(facts(2), books[:1], model, book_tokens=(1000, 1200))


def test_whole_book_questions_name_their_book(model: Model, books: list[Book]) -> None:
    question = Question("1", "", "Who?", ("the keeper",), book_file="book-2.txt")
    (hidden,) = hide_in_books([question], books, model)
    assert (hidden.document.text, hidden.places) == (books[2].text, (None,))
    with pytest.raises(ConfigError, match=r"absent\.txt"):
        hide_in_books([Question("1", "", "Who?", ("x",), book_file="absent.txt")], books, model)


def test_qa_rows_have_the_numbers_of_questions_and_the_scores(model: Model, books: list[Book]) -> None:
    report = evaluate_qa(model, facts(6), books, QaSettings(limit=4, book_tokens=(500, 700), per_book=2))
    assert [row["strategy"] for row in report.rows] == list(qa_module.QA_STRATEGIES)
    for row in report.rows:
        assert row["questions"] == 4
        assert row["answerable_questions"] + row["unanswerable_questions"] == 4
        assert 0 <= row["f1"] <= 1
        assert row["exact_match"] <= row["f1"] + 1e-9
        assert 500 <= row["book_tokens"] <= 1000
    own = row_of(report, "look-again")
    assert own["ratio"] is not None
    assert own["recomputed_tokens"] > 0
    gold = row_of(report, "gold")
    assert own["of_gold"] == (pytest.approx(own["f1"] / gold["f1"]) if gold["f1"] else None)
    assert 0 <= own["page_recall_at_3"] <= 1
    assert row_of(report, "beacon")["recomputed_tokens"] == 0
    assert row_of(report, "gold")["page_recall_at_3"] is None
    assert len(report.replies) == 4 * len(report.rows)


def test_a_reader_that_repeats_the_passage_scores_as_the_ceiling(
    model: Model, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the decoder repeats the passage, gold and evidence must score 1."""

    def say(strategy: object, question: str, model: Model, *, max_tokens: int, searched: str, tuned: bool) -> str:
        number = first_number(searched)
        return "The document does not say." if int(number) % 3 == 2 else f"the cousin of painter {number}"

    monkeypatch.setattr(qa_module, "reply", say)
    report = evaluate_qa(model, facts(5), books, QaSettings(book_tokens=(500, 700)), strategies=["gold"])
    row = row_of(report, "gold")
    assert (row["f1"], row["exact_match"], row["answerable_f1"], row["unanswerable_f1"]) == (1, 1, 1, 1)
    assert row["rougeL"] == pytest.approx(1.0)


def test_answer_weights_are_on_for_replies_and_off_on_request(model: Model) -> None:
    config = dataclasses.replace(model.plugin.config, answer_rank=2)
    model.plugin.detach()
    tuned = dataclasses.replace(model, plugin=BeaconPlugin(model.decoder.model, config))
    assert tuned.plugin.answers is not None
    for parameter in tuned.plugin.answers.parameters():
        parameter.data.normal_(generator=torch.Generator().manual_seed(3))
    passage = model.encode(WORDS)[0]

    def said(one: Model, is_tuned: bool) -> str:
        strategy = FullAttention(one)
        strategy.read(passage)
        return reply(strategy, "Who wrote?", one, max_tokens=20, tuned=is_tuned)

    assert said(tuned, False) == said(model, True) == said(model, False)
    assert said(tuned, True) != said(tuned, False)


def test_the_ratio_is_the_smallest_that_fits_unless_given(tiny_folder: Callable[..., Path], tmp_path: Path) -> None:
    small = load_model(str(tiny_folder(max_positions=256)), window=WINDOW, cache_folder=tmp_path, device="cpu")
    assert fitting_ratio(small, 100) == 2
    assert fitting_ratio(small, 1500) > fitting_ratio(small, 500)
    assert fitting_ratio(small, 1500, 4) == 4


# --- longbench ----------------------------------------------------------------------------------------------------


def test_longbench_shaped_questions_run_and_long_documents_lose_their_middle(
    tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    small = load_model(str(tiny_folder(max_positions=1024)), window=WINDOW, cache_folder=tmp_path, device="cpu")
    questions = [
        Question("1", WORDS * 3, "Who wrote?", ("the keeper",), dataset="qasper"),
        Question("2", WORDS * 60, "Who wrote?", ("the keeper",), dataset="qasper"),
        Question("3", WORDS * 3, "Who?\nA. he\nB. she", ("A",), dataset="quality", is_choice=True),
    ]
    report = evaluate_longbench(small, questions)
    assert row_of(report, "full", dataset="qasper")["truncated"] == 1
    assert row_of(report, "beacon", dataset="qasper")["truncated"] == 0
    assert row_of(report, "full", dataset="quality")["metric"] == "accuracy"
    assert {row["questions"] for row in report.rows if row["dataset"] == "qasper"} == {2}
    only_first = evaluate_longbench(small, questions, limit=1, strategies=["full"])
    assert row_of(only_first, "full", dataset="qasper")["truncated"] == 0


# --- books, plots, the shell ----------------------------------------------------------------------------------------


def test_books_come_from_folders_and_archives_alike(tmp_path: Path, books: list[Book]) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    for one in reversed(books):
        (folder / one.name).write_text(one.text)
    (folder / "README").write_text("not a book")
    archive = tmp_path / "books.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(folder, "books")
    assert load_books(folder) == load_books(archive) == books


def test_bad_books_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read from '.*absent\.tar\.xz' \(No such file or directory\)"):
        load_books(tmp_path / "absent.tar.xz")
    (tmp_path / "torn.tar.xz").write_bytes(b"\xfd7zXZ\x00torn")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_books(tmp_path / "torn.tar.xz")
    with pytest.raises(ConfigError, match=r"no \.txt files"):
        load_books(tmp_path)
    with tarfile.open(tmp_path / "latin.tar", "w") as tar:
        member = tarfile.TarInfo("book.txt")
        member.size = 4
        tar.addfile(member, io.BytesIO("é".encode("latin-1") * 4))
    with pytest.raises(ConfigError, match="UTF-8"):
        load_books(tmp_path / "latin.tar")


def test_the_shell_prints_rows_and_writes_table_and_plots(
    tmp_path: Path, books: list[Book], tiny_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    for one in books:
        (folder / one.name).write_text(one.text)
    usual = ["--model", str(tiny_folder("llama")), "--window", "32", "--output", str(tmp_path / "out")]
    lm = [
        "evaluate",
        "lm",
        "--books",
        str(folder),
        "--context",
        "64",
        "128",
        "--ratio",
        "4",
        "8",
        "--limit",
        "2",
        "--json",
    ]
    assert main([*lm, *usual]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {"strategy", "ratio", "context", "window", "loss", "perplexity", "tokens"} <= set(rows[0])
    assert {row["books"] for row in rows} == {2}
    assert main(["evaluate", "passkey", "--context", "256", "512", "--ratio", "8", *usual]) == 0
    assert "| beacon | 8 | 512 |" in capsys.readouterr().out
    questions = write_lines(
        tmp_path / "set.jsonl",
        {"id": "1", "context": "The lamp is red.", "question": "What is red?", "answers": ["lamp"]},
    )
    qa = ["evaluate", "qa", "--questions", str(questions), "--books", str(folder), "--book-tokens", "400", "600"]
    assert main([*qa, "--json", *usual]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {"strategy", "ratio", "book_tokens", "f1", "exact_match", "questions", "page_recall_at_3"} <= set(rows[0])
    assert main(["evaluate", "longbench", "--questions", str(questions), *usual]) == 0
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"lm.json", "lm.md", "lm-by-context.png", "lm-by-position.png", "qa.png", "longbench.png"} <= names
    assert {"passkey-beacon-ratio-8.png", "passkey-full.png", "passkey.md"} <= names
    assert (tmp_path / "out" / "lm-by-context.png").read_bytes().startswith(b"\x89PNG")


def test_the_shell_refuses_in_one_sentence(
    tmp_path: Path, tiny_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "lm", "--books", str(tmp_path / "none"), "--context", "64"]) == 2
    assert "none" in capsys.readouterr().err.replace("\n", "")
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "taken").write_text("not a folder")
    usual = ["--model", str(tiny_folder("llama")), "--output", str(tmp_path / "taken")]
    assert main(["evaluate", "lm", "--books", str(tmp_path), "--context", "64", *usual]) == 2
    assert "taken" in capsys.readouterr().err.replace("\n", "")


def test_nothing_to_plot_is_no_error(tmp_path: Path) -> None:
    assert plot(Report("lm", "m", "p", "float32", ()), tmp_path) == []
