"""Answering: from memory alone nothing is run again; looking again stays within its budget and leaves the memory as it was."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from helpers.answers import Scripted, answered, attached_to
from helpers.decoders import every_family
from helpers.documents import FACT, FACT_PAGE, QUESTION_ABOUT_FACT, hide, make_document, one_page
from torch import Tensor

from reader.answering import (
    LOOK_AGAIN_TOKENS,
    NOT_SAID,
    QUESTION,
    Answer,
    AttachedMemory,
    Decoding,
    ask,
    attach,
    choose_memory,
    make_prompt,
)
from reader.answering.look_again import choose_passages
from reader.answering.passages import Passages, Source, cut
from reader.batching.local import answer_together
from reader.beacon import NO_SPAN, Memory
from reader.errors import ConfigError, ContextOverflow
from reader.models.model import Model
from reader.reading import sentences
from reader.reading.loop import ReadingProgress, read
from storage import PageRecord, Store

PRINTED = FACT.split(maxsplit=3)[3].rstrip(".")
"""Some words of the document."""


def snapshot(attached: AttachedMemory) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in attached.memory.tensors().items()}


def test_from_memory_alone_no_token_is_run_again(roomy_model: Model, store: Store) -> None:
    answer = answered(attached_to(hide(), roomy_model, store), roomy_model, look_again="off")
    assert (answer.recomputed_tokens, answer.looked_again_tokens, answer.looked_again) == (0, 0, ())


def test_looking_again_finds_the_place_and_counts_every_token(roomy_model: Model, store: Store) -> None:
    document = hide()
    answer = answered(attached_to(document, roomy_model, store), roomy_model, look_again="auto")
    assert 0 < answer.looked_again_tokens <= min(answer.recomputed_tokens, LOOK_AGAIN_TOKENS)
    assert FACT_PAGE in {passage.page for passage in answer.looked_again}
    assert any("Zebedee" in passage.text for passage in answer.looked_again)
    for passage in answer.looked_again:
        page = document.pages[passage.page - 1]
        assert passage.text == document.text[passage.start_char : passage.end_char]
        assert page.start <= passage.start_char < passage.end_char <= page.end
        assert passage.label == page.label


def test_a_question_about_the_whole_reads_nothing_again(roomy_model: Model, store: Store) -> None:
    answer = answered(attached_to(hide(), roomy_model, store), roomy_model, "Summarize it.", look_again="auto")
    assert answer.recomputed_tokens == 0


@pytest.mark.parametrize("tokens", [0, 1, 30, 150, 600, 2500])
def test_the_budget_holds_and_passages_stand_in_order_and_apart(tokens: int, roomy_model: Model, store: Store) -> None:
    answer = answered(attached_to(hide(), roomy_model, store), roomy_model, look_again=tokens)
    assert answer.looked_again_tokens <= answer.recomputed_tokens <= 2 * tokens
    assert answer.looked_again_tokens <= tokens
    assert bool(answer.looked_again) == (tokens >= 150)
    assert all(one.end_char < other.start_char for one, other in itertools.pairwise(answer.looked_again))


def test_the_best_passage_is_looked_at_and_no_other_while_it_answers(
    roomy_model: Model, store: Store, default_tokens: int
) -> None:
    attached = attached_to(hide(), roomy_model, store)
    passages = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model, 2500)
    assert len(passages) > 1
    assert "Zebedee" in passages[0].text
    assert answered(attached, roomy_model, look_again=default_tokens).looked_again == passages[:1]


def test_whoever_asks_for_more_than_the_default_has_all_passages_looked_at(roomy_model: Model, store: Store) -> None:
    attached = attached_to(hide(), roomy_model, store)
    passages = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model, 2500)
    answer = answered(attached, roomy_model, look_again=2500)
    assert answer.looked_again == attached.passages.in_document_order(passages)
    ((_, together),) = answer_together(attached, [QUESTION_ABOUT_FACT], roomy_model, look_again=2500)
    assert isinstance(together, Answer)
    assert (together.text, together.looked_again) == (answer.text, answer.looked_again)


def test_of_a_long_question_the_two_ends_choose_the_passages(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached, run, ran = attached_to(hide(), roomy_model, store), roomy_model.plugin.run, list[int]()

    def counted(memory: Memory, ids: Tensor, *rest: Any, **options: Any) -> Any:
        ran.append(len(ids))
        return run(memory, ids, *rest, **options)

    monkeypatch.setattr(roomy_model.plugin, "run", counted)
    question = f"{'Somebody told me of a ship and of a storm. ' * 90}{QUESTION_ABOUT_FACT}"
    assert "Zebedee" in choose_passages(attached, question, roomy_model)[0].text
    assert sum(ran) < len(roomy_model.encode(question)[0]) / 2


@pytest.mark.usefixtures("default_tokens")
def test_where_a_passage_does_not_say_the_next_is_looked_at_in_its_place(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(hide(), roomy_model, store)
    before, counts = snapshot(attached), attached.memory.counts()
    passages = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model, 2500)
    assert len(passages) >= 3
    for name in ("reader.answering.answer.Decoding", "reader.batching.local.Decoding"):
        monkeypatch.setattr(name, Scripted)
    everywhere = len(passages)
    for said, looked, shown in (
        ([NOT_SAID, NOT_SAID, "A lamp."], 3, "A lamp."),
        ([NOT_SAID, "Behind the docks."], 2, "Behind the docks."),
        (["A lamp."], 1, "A lamp."),
        (["The lamp."], 1, "The lamp."),
        ([NOT_SAID, "The lamp."], 2, "The lamp."),
        (["The document does not lie."] * everywhere, everywhere, "The document does not lie."),
        ([NOT_SAID] * everywhere, everywhere, NOT_SAID),
    ):
        Scripted.said = said
        parts = list(ask(attached, QUESTION_ABOUT_FACT, roomy_model, look_again=2500))
        answer = parts[-1].answer
        assert answer is not None
        assert answer.text == shown == "".join(part.text for part in parts)
        assert answer.looked_again == attached.passages.in_document_order(passages[:looked])
        # Where all of them begin as a refusal does, the best one is returned to.
        assert (answer.recomputed_tokens > answer.looked_again_tokens) == shown.startswith("The document")
        assert answer.looked_again_tokens <= 2500
        assert answer.not_said == (shown == NOT_SAID)
        ((_, together),) = answer_together(attached, [QUESTION_ABOUT_FACT], roomy_model, look_again=2500)
        assert isinstance(together, Answer)
        assert (together.text, together.looked_again) == (answer.text, answer.looked_again)
        assert together.recomputed_tokens == answer.recomputed_tokens
        assert [place.page for place in together.evidence] == [place.page for place in answer.evidence]
    assert attached.memory.counts() == counts
    for name, tensor in snapshot(attached).items():
        assert torch.equal(tensor, before[name]), name


class Unsure(Decoding):
    """Begins a refusal with a probability of its own behind each place, and says something else there."""

    refuses: ClassVar[list[float]] = []

    def take(self, logits: torch.Tensor) -> str:
        places = list(dict.fromkeys(prompt.passages for prompt in self.looked_again))
        number = places.index(self.looked_again[-1].passages)
        said = [*self._model.encode(f"{number}")[0].tolist(), min(self._model.end_ids)]
        scripted = torch.full_like(logits, -60.0)
        refusal = self._model.encode(NOT_SAID)[0].tolist()
        if not self.tokens:
            scripted[-1, refusal[0]] = math.log(self.refuses[number])
            scripted[-1, said[0]] = math.log(1 - self.refuses[number])
        else:
            scripted[-1, (refusal if self.tokens[0] == refusal[0] else said)[len(self.tokens)]] = 0.0
        return super().take(scripted)


@pytest.mark.parametrize(
    ("refuses", "answering", "looked"),
    [
        ([0.1, 0.0, 0.0], 0, 1),
        ([0.3, 0.1, 0.0], 1, 2),
        ([0.3, 0.25, 0.4], 0, 3),
        ([0.4, 0.45, 0.3], 0, 3),
        ([0.9, 0.45, 0.3], 2, 3),
    ],
)
@pytest.mark.usefixtures("default_tokens")
def test_the_best_passage_answers_unless_a_refusal_is_much_less_likely_behind_another(
    refuses: list[float], answering: int, looked: int, roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(hide(), roomy_model, store)
    places = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model, 2500)[:3]
    monkeypatch.setattr("reader.answering.decoding.choose_passages", lambda *_: places)
    monkeypatch.setattr("reader.answering.in_sight.is_of_another", lambda *_: False)
    monkeypatch.setattr("reader.answering.answer.Decoding", Unsure)
    Unsure.refuses = refuses
    answer = answered(attached, roomy_model, look_again=2500)
    assert (answer.text, len(answer.looked_again)) == (f"{answering}", looked)


@pytest.mark.parametrize(
    ("refuses", "wrong", "text", "looked"),
    [
        ([0.3, 0.01], "1", "0", 2),
        ([0.3, 0.01, 0.4], "1", "0", 3),
        ([0.3, 0.01, 0.01], "1", "2", 3),
        ([0.3, 0.01, 0.01], "12", "0", 3),
        ([0.3, 0.4, 0.01], "2", "0", 3),
        ([0.3, 0.4, 0.01], "20", "1", 3),
        ([0.3, 0.01], "01", NOT_SAID, 2),
        ([0.01, 0.01], "01", NOT_SAID, 2),
    ],
)
@pytest.mark.usefixtures("default_tokens")
def test_where_the_answer_of_the_surer_passage_is_wrong_a_less_sure_one_is_returned_to(
    refuses: list[float],
    wrong: str,
    text: str,
    looked: int,
    roomy_model: Model,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attached = attached_to(hide(), roomy_model, store)
    places = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model, 2500)[: len(refuses)]
    monkeypatch.setattr("reader.answering.decoding.choose_passages", lambda *_: places)
    monkeypatch.setattr("reader.answering.in_sight.invents", lambda answer, _: answer in wrong)
    monkeypatch.setattr("reader.answering.in_sight.is_of_another", lambda *_: False)
    monkeypatch.setattr("reader.answering.answer.Decoding", Unsure)
    Unsure.refuses = refuses
    answer = answered(attached, roomy_model, look_again=2500)
    assert (answer.text, len(answer.looked_again)) == (text, looked)


@pytest.mark.usefixtures("default_tokens")
def test_for_who_the_nearest_sentences_come_first_and_answer_if_a_refusal_is_unlikely(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = "The miller found the boat. It was green."
    attached = attached_to(hide(f"Ada saw it. {near}"), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Unsure)
    for question, refuses, is_near in (
        ("Who found the boat?", 0.2, True),
        ("Who found the boat?", 0.3, False),
        ("Who found the last boat?", 0.05, True),
        ("Who found the last boat?", 0.2, False),  # not all words
    ):
        Unsure.refuses = [refuses] * 20
        looked = answered(attached, roomy_model, question, look_again=2500).looked_again
        assert ([one.text for one in looked] == [near]) == is_near
        assert all(one.end_char < other.start_char for one, other in itertools.pairwise(looked))
    attached = attached_to(one_page(near, "Boat"), roomy_model, store)
    looked = answered(attached, roomy_model, "Who found the boat?", look_again="auto").looked_again
    assert [one.text for one in looked] == [near]


@pytest.mark.usefixtures("default_tokens")
def test_a_passage_with_the_cell_that_a_question_names_answers_whatever_a_refusal_says(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "\n\nShip | Captain | Tons\nMarigold | Oduya | 37\nHope | Vale | 12\n\n"
    attached = attached_to(hide(table), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Unsure)
    Unsure.refuses = [0.45] * 20
    cell = answered(attached, roomy_model, "How many tons has the good Marigold?", look_again=2500)
    row = answered(attached, roomy_model, "What is said of the Marigold?", look_again=2500)
    assert len(cell.looked_again) == 1 < len(row.looked_again)
    assert "Marigold | Oduya" in cell.looked_again[0].text


class Doubting(Decoding):
    """Refuses with a probability of about a half, or else says something."""

    other = "A lamp."
    refusal_logit = 1.1

    def take(self, logits: torch.Tensor) -> str:
        refusal, other = (
            [*self._model.encode(text)[0].tolist(), min(self._model.end_ids)] for text in (NOT_SAID, self.other)
        )
        assert refusal[0] != other[0]
        scripted = torch.full_like(logits, -30.0)
        count = len(self.tokens)
        if self.tokens == other[:count]:
            scripted[-1, other[count]] = 1.0
        if self.tokens == refusal[:count]:
            scripted[-1, refusal[count]] = self.refusal_logit
        return super().take(scripted)


class Answering(Doubting):
    """Says something with a probability of about a half, or else refuses."""

    refusal_logit = 0.9


@pytest.mark.parametrize("look_again", ["off", 2500])
def test_a_refusal_needs_the_probability_that_the_plugin_asks_for(
    look_again: str | int, roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(hide(), roomy_model, store)
    counts, config = attached.memory.counts(), roomy_model.plugin.config

    def outcomes(kind: type[Decoding], threshold: float) -> list[Answer]:
        for name in ("reader.answering.answer.Decoding", "reader.batching.local.Decoding"):
            monkeypatch.setattr(name, kind)
        roomy_model.plugin.config = replace(config, refusal_threshold=threshold)
        parts = list(ask(attached, QUESTION_ABOUT_FACT, roomy_model, look_again=look_again))
        ((_, together),) = answer_together(attached, [QUESTION_ABOUT_FACT], roomy_model, look_again=look_again)
        assert parts[-1].answer is not None
        assert isinstance(together, Answer)
        assert "".join(part.text for part in parts) == parts[-1].answer.text == together.text
        return [parts[-1].answer, together]

    for threshold in (0.0, 0.4):
        assert all(answer.not_said for answer in outcomes(Doubting, threshold))
    otherwise = outcomes(Doubting, 0.6)
    for found, expected in zip(otherwise, outcomes(Answering, 0.0), strict=True):
        assert found.text == Doubting.other
        for name in ("evidence", "looked_again", "recomputed_tokens", "answer_tokens", "ended"):
            assert getattr(found, name) == getattr(expected, name), name
        assert found.reading_map == pytest.approx(expected.reading_map, abs=1e-5)
    assert attached.memory.counts() == counts
    roomy_model.plugin.config = config


class Remembering(Doubting):
    """Refuses behind every passage, and says something from the memory alone."""

    from_memory: ClassVar[float] = 0.0

    def take(self, logits: torch.Tensor) -> str:
        self.refusal_logit = 5.0 if self._prompt.passages else self.from_memory
        return super().take(logits)


@pytest.mark.parametrize(
    ("threshold", "refusal_logit", "other", "text"),
    [
        (0.2, -1.0, PRINTED, PRINTED),
        (0.2, -1.0, "A lamp.", NOT_SAID),
        (0.2, 0.5, PRINTED, NOT_SAID),
        (0.0, -1.0, PRINTED, NOT_SAID),
    ],
    ids=["sure", "printed nowhere", "unsure", "not asked"],
)
@pytest.mark.parametrize("horizon", [1, None])
def test_where_no_passage_answers_the_memory_alone_does_if_it_is_sure_and_the_document_prints_it(
    threshold: float,
    refusal_logit: float,
    other: str,
    text: str,
    horizon: int | None,
    roomy_model: Model,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(vars(roomy_model), "passage_horizon", horizon)
    monkeypatch.setattr(
        roomy_model.plugin, "config", replace(roomy_model.plugin.config, memory_refusal_threshold=threshold)
    )
    attached = attached_to(hide(), roomy_model, store)
    before = snapshot(attached)
    for name in ("reader.answering.answer.Decoding", "reader.batching.local.Decoding"):
        monkeypatch.setattr(name, Remembering)
    Remembering.from_memory, Remembering.other = refusal_logit, other
    answer = answered(attached, roomy_model, look_again="auto")
    ((_, together),) = answer_together(attached, [QUESTION_ABOUT_FACT], roomy_model, look_again="auto")
    assert isinstance(together, Answer)
    assert (answer.text, together.text) == (text, text)
    assert answer.looked_again == together.looked_again != ()
    assert answer.evidence
    assert all(torch.equal(tensor, before[name]) for name, tensor in snapshot(attached).items())


@pytest.mark.parametrize("horizon", [1, None])
def test_a_decoder_that_reads_a_passage_better_alone_sees_little_else_of_the_memory(
    horizon: int | None, roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    vars(roomy_model)["passage_horizon"] = horizon
    attached = attached_to(hide(), roomy_model, store)
    passages = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model)
    monkeypatch.setattr("reader.answering.decoding.choose_passages", lambda *_: passages)

    def texts() -> list[str]:
        together = dict(answer_together(attached, [QUESTION_ABOUT_FACT] * 2, roomy_model, look_again="auto"))
        alone = answered(attached, roomy_model, look_again="auto")
        return [alone.text, *(answer.text for answer in together.values() if isinstance(answer, Answer))]

    before = texts()
    assert before[0] == before[1] == before[2]
    memory = attached.memory
    for layer in memory.layers:
        layer.values[:, :, memory.sink : memory.sink + memory.beacons - 1] = 3.0
    assert (texts() == before) == (horizon == 1)


def test_an_answer_can_be_stopped_at_any_token_also_between_two_places(
    roomy_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = attached_to(hide(), roomy_model, store)
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = [NOT_SAID, "A lamp.", "A lamp."]
    tokens = len(roomy_model.encode("A lamp.")[0])
    for last in range(tokens):
        asked = itertools.count()
        answer = answered(attached, roomy_model, look_again=2500, stopped=lambda: next(asked) >= last)  # noqa: B023
        assert answer.ended in ("stopped", "finished")
        assert answer.answer_tokens > 0
        assert answer.first_token_seconds > 0
        assert answer.evidence


def test_a_small_budget_goes_to_the_sentence_that_matters(roomy_model: Model, store: Store) -> None:
    attached = attached_to(hide(), roomy_model, store)
    sentence_tokens = len(roomy_model.encode(FACT)[0])
    (passage,) = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model, sentence_tokens + 20)
    assert FACT in passage.text


@every_family
def test_the_memory_is_afterwards_as_it_was(model: Model, store: Store) -> None:
    attached = attached_to(hide(), model, store)
    before = snapshot(attached)
    counts = attached.memory.counts()
    answers = [answered(attached, model, look_again=120).text for _ in range(2)]
    assert answers[0] == answers[1]
    abandoned = ask(attached, "Who?", model, look_again=120)
    next(abandoned)
    abandoned.close()  # type: ignore[attr-defined]
    assert attached.memory.counts() == counts
    assert attached.memory.layers[0].length == attached.memory.slots
    for name, tensor in snapshot(attached).items():
        assert torch.equal(tensor, before[name]), name


def test_threads_that_ask_one_memory_wait_for_each_other_and_one_thread_is_told(
    roomy_model: Model, store: Store
) -> None:
    attached = attached_to(hide(), roomy_model, store)

    def said(question: str) -> str:
        return "".join(part.text for part in ask(attached, question, roomy_model))

    questions = ["Who came?", "What did the keeper write?", "Where is the lamp?"] * 2
    alone = [said(question) for question in questions]
    with ThreadPoolExecutor(len(questions)) as threads:
        assert [*threads.map(said, questions)] == alone
    begun = ask(attached, questions[0], roomy_model)
    next(begun)
    with pytest.raises(ConfigError, match="has not come to its end"):
        said(questions[1])
    begun.close()
    assert said(questions[1]) == alone[1]


def test_passages_stand_before_the_question_with_their_source_spans(roomy_model: Model, store: Store) -> None:
    document = hide()
    attached = attached_to(document, roomy_model, store)
    passages = choose_passages(attached, QUESTION_ABOUT_FACT, roomy_model)
    prompt = make_prompt(QUESTION_ABOUT_FACT, roomy_model, passages, attached.passages)
    assert len(prompt.passage_ids) == len(prompt.passage_spans)
    is_source = prompt.passage_spans[:, 1] != NO_SPAN
    assert "".join(document.text[start:end] for start, end in prompt.passage_spans[is_source].tolist()) == "".join(
        passage.text for passage in passages
    )
    question = roomy_model.closing(QUESTION.format(question=QUESTION_ABOUT_FACT))
    assert torch.equal(prompt.question_ids, question)


@pytest.mark.parametrize(
    "question",
    [
        '"',
        "NEAR(cat OR",
        "text:cat AND NOT *",
        "'; DROP TABLE texts; --",
        "?!",
        "the of and",
        "\u200b?",
        "猫の名前は",
        "cat\0cat",
    ],
)
def test_no_question_breaks_the_search(question: str, roomy_model: Model, store: Store) -> None:
    answer = answered(attached_to(hide(), roomy_model, store), roomy_model, question, look_again=300)
    assert answer.looked_again_tokens <= 300


def test_looking_again_never_runs_out_of_positions(tiny_model: Model, store: Store) -> None:
    document = hide(page=2, pages=4)
    attached = attached_to(document, tiny_model, store, ratio=1)
    room = tiny_model.plugin.max_positions - attached.memory.next_position
    assert room < 1500
    answer = answered(attached, tiny_model, look_again=100_000)
    assert 0 < answer.looked_again_tokens < room
    assert answer.answer_tokens > 0
    with pytest.raises(ContextOverflow):
        answered(attached, tiny_model, "Who " * 2000, look_again="auto")


def test_only_what_has_been_read_is_looked_at_again(roomy_model: Model, store: Store) -> None:
    document = hide(page=8)
    seen: list[Answer] = []

    def ask_now(progress: ReadingProgress) -> None:
        if progress.pages_done in (0, 4):
            record = choose_memory(store, document.id, roomy_model, while_reading=True)
            if record is None:
                assert progress.windows_done == 0
                return
            seen.append(answered(attach(record, roomy_model, store), roomy_model, look_again="auto"))

    read(document, roomy_model, store, progress=ask_now)
    assert {answer.pages_read for answer in seen} == {0, 4}
    for answer in seen:
        assert all(passage.page <= answer.pages_read for passage in answer.looked_again)
        # The page that is being read is attended to as far as it has been read.
        assert all(place.page <= answer.pages_read + 1 for place in answer.evidence)
        assert len(answer.reading_map) == 8
        assert sum(answer.reading_map[answer.pages_read + 1 :]) == pytest.approx(0)
    assert any(answer.looked_again for answer in seen)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_a_rounded_memory_is_asked_like_any_other(kind: str, roomy_model: Model, store: Store) -> None:
    answer = answered(attached_to(hide(), roomy_model, store, memory_dtype=kind), roomy_model, look_again="auto")
    assert FACT_PAGE in {passage.page for passage in answer.looked_again}
    assert answer.evidence


@pytest.mark.parametrize("setting", ["on", "", -1, 2.5])
def test_unknown_setting_is_refused(setting: object, tiny_model: Model, store: Store) -> None:
    with pytest.raises(ConfigError, match="off, auto or a number"):
        answered(attached_to(make_document(60), tiny_model, store), tiny_model, look_again=setting)


def test_the_decoder_is_told_what_to_say_where_the_document_does_not(roomy_model: Model, store: Store) -> None:
    assert NOT_SAID in QUESTION
    answer = answered(attached_to(hide(), roomy_model, store), roomy_model)
    fields = {**answer.__dict__}
    for text, not_said in (
        (NOT_SAID, True),
        ("the document does not say", True),
        ("Le document does not say.", True),
        ("Zebedee. " + NOT_SAID, False),
    ):
        assert Answer(**{**fields, "text": text}).not_said is not_said


def test_every_sentence_is_in_a_passage_and_none_is_longer_than_asked() -> None:
    text = "One. Two is here! " + "Three goes on and on, " * 80 + "to its end.\n\nA heading\n\nFour?" + " Five." * 300
    spans = list(cut(text, 200))
    assert all(0 < end - start <= 200 for start, end in spans)
    assert spans == sorted(set(spans))
    covered = torch.zeros(len(text), dtype=torch.bool)
    for start, end in spans:
        covered[start:end] = True
    for start, end in sentences(text):
        assert all(bool(covered[at]) or text[at].isspace() for at in range(start, end))
    assert list(cut("")) == list(cut(" \n ")) == []


def test_passages_are_ranked_by_word_stems() -> None:
    texts = ["He was baking bread. ", "The river froze. ", "Bakers bake. "]
    pages = tuple(PageRecord("d", n, str(n), 0, len(text), text) for n, text in enumerate(texts, start=1))
    passages = Passages([Source("d", "t", pages, 100)])
    assert {passages.all[number].page for number in passages.search(["bake"])} == {1, 3}
    assert passages.search([]) == passages.search(["…"]) == []
