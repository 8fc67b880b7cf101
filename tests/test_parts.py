"""Questions that ask several things at once: how they are cut, and what is answered."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
from helpers.answers import answered, attached_to
from helpers.documents import hide

from reader.answering import NOT_SAID, Answer, Evidence, as_part, ask, parts, put_together
from reader.answering.parts import asked_of_each
from reader.app.citations import Citation, citations
from reader.app.page import export, turns
from reader.app.talks import Place
from reader.batching.local import answer_together
from reader.models.model import Model
from reader.shell import ask as shell_ask
from reader.wording import NOT_STATED, UNSTATED
from storage import ConversationRecord, Store, TurnRecord


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When was the mill built, and by whom?", ("When was the mill built?", "By whom was the mill built?")),
        ("Who wrote it and why?", ("Who wrote it?", "Why was it that someone wrote it?")),
        (
            "Who sharpens the bills, and when?",
            ("Who sharpens the bills?", "When is it that someone sharpens the bills?"),
        ),
        ("Who was born in Ulm and when?", ("Who was born in Ulm?", "When was it that someone was born in Ulm?")),
        ("What sank the dinghy and where?", ("What sank the dinghy?", "Where was it that something sank the dinghy?")),
        ("When and where was she born?", ("When was she born?", "Where was she born?")),
        ("Who or what is Bushel?", ("Who is Bushel?", "What is Bushel?")),
        ("Who is Amos and how did he die?", ("Who is Amos?", "How did Amos die?")),
        ("What is this about and who wrote it?", ("What is this about?", "Who wrote it?")),
        ("How tall and how old is the tree?", ("How tall is the tree?", "How old is the tree?")),
        (
            "What are the uses and what are the dangers of mercury?",
            ("What are the uses of mercury?", "What are the dangers of mercury?"),
        ),
        ("What is the rent? When is it due?", ("What is the rent?", "When is the rent due?")),
        ("Who was she and where did she live?", ("Who was she?", "Where did she live?")),
        ("Who is Mrs Colleby and what is her name?", ("Who is Mrs Colleby?", "What is her name?")),
        ("What is Bushel, and what is its colour?", ("What is Bushel?", "What is Bushel’s colour?")),
        (
            "How many floats does it carry and what are they made of?",
            ("How many floats does it carry?", "What are they made of?"),
        ),
        (
            "How many floats does the wheel carry and what are they made of?",
            ("How many floats does the wheel carry?", "What are the floats made of?"),
        ),
        (
            "How many steps does the tower have and how high is it?",
            ("How many steps does the tower have?", "How high is the tower?"),
        ),
        (
            "How many steps does the tower have and what are they made of?",
            ("How many steps does the tower have?", "What are the steps made of?"),
        ),
        ("Is it open on Sundays, and at what time?", ("Is it open on Sundays?", "At what time is it open on Sundays?")),
        ("Is smoking allowed, and why?", ("Is smoking allowed?", "Why is smoking allowed?")),
        ("Do you share my data? If yes, how?", ("Do you share my data?", "How do you share my data?")),
        (
            "During which years was she king, and under whom did she serve?",
            ("During which years was she king?", "Under whom did she serve?"),
        ),
        ("Was there a winner? If so, who was it?", ("Was there a winner?", "Who was it?")),
        ("Wann und wo wurde die Mühle gebaut?", ("Wann wurde die Mühle gebaut?", "Wo wurde die Mühle gebaut?")),
        ("Quand et où est né Paul ?", ("Quand est né Paul?", "Où est né Paul?")),
        ("¿Cuándo y dónde nació Ana?", ("Cuándo nació Ana?", "Dónde nació Ana?")),
    ],
)
def test_a_question_that_asks_several_things_is_cut(question: str, expected: tuple[str, ...]) -> None:
    assert parts(question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "",
        "When was the mill built?",
        "What are the rules for dogs and cats?",
        "Who was busy and did not care about strangers?",
        "What determines which line is positive and which is negative?",
        "Do they say when it was built and who built it?",
        "What happens before the foundation is dug and when the house is passed?",
        "What is the difference between how it was and how it is?",
        "Why do people get up and do something else?",
        "The Rhine and what other river were the frontier?",
        "I lost my card. What do I do?",
        "Summarise chapter 2 and chapter 3.",
        "Who and who else came?",
    ],
)
def test_a_question_that_asks_one_thing_stays_whole(question: str) -> None:
    assert parts(question) == (question,)


def test_a_very_long_question_stays_whole() -> None:
    question = "Is it " + "so and " * 100_000 + "why?"
    assert parts(question) == (question,)


def _answer(text: str, page: int, second_page: int, **costs: int) -> Answer:
    evidence = tuple(Evidence("d", number, str(number), 0, 5, 1.0, "quote") for number in (page, second_page))
    return Answer(
        text,
        "q",
        100,
        costs.get("recomputed", 0),
        0.5,
        1.0,
        3,
        2.0,
        9,
        9,
        "finished",
        evidence,
        (0.5, 0.5),
        is_stated=True,
    )


def test_the_answers_to_the_parts_are_one_with_the_best_place_of_each_first() -> None:
    whole = put_together(
        "When, and by whom?", [_answer("1783", 3, 4, recomputed=7), _answer("Josiah Tarrant", 5, 3, recomputed=2)]
    )
    assert whole.text == "1783\n\nJosiah Tarrant"
    assert whole.question == "When, and by whom?"
    assert [place.page for place in whole.evidence] == [3, 5, 4]
    assert (whole.recomputed_tokens, whole.answer_tokens, whole.seconds) == (9, 6, 4.0)
    assert whole.reading_map == (0.5, 0.5)


def test_each_place_says_which_parts_it_is_for() -> None:
    answers = [_answer("1783", 3, 4), _answer("Josiah Tarrant", 3, 5)]
    whole = put_together("When, and by whom?", answers)
    assert whole.parts == ("1783", "Josiah Tarrant")
    assert [(place.page, place.parts) for place in whole.evidence] == [(3, (0, 1)), (4, (0,)), (5, (1,))]


def test_what_two_parts_answer_alike_is_said_once() -> None:
    assert put_together("Who or what?", [_answer(NOT_SAID, 1, 2), _answer(NOT_SAID, 1, 2)]).not_said
    whole = put_together("Who or what?", [_answer("A cat", 1, 2), _answer("A cat", 3, 2)])
    assert (whole.text, whole.parts) == ("A cat", ("A cat",))


@pytest.mark.parametrize("refused", [0, 1])
def test_one_part_that_the_document_does_not_say_hides_not_the_other(refused: int) -> None:
    answers = [_answer("1783", 3, 4), _answer("Josiah Tarrant", 5, 6)]
    answers[refused] = as_part(replace(answers[refused], text=NOT_SAID, question="By whom?"))
    whole = put_together("When, and by whom?", answers)
    assert not whole.not_said
    assert "The document does not say: “By whom?”" in whole.text
    said = [answers[1 - refused].text]
    cited = [(whole.text[one.start : one.end], whole.evidence[one.evidence].page) for one in _cited(whole)]
    assert cited == [(said[0], 3 if refused else 5)]
    assert whole.evidence[-1].parts == (refused,)  # only near, behind those that the answer rests on
    html = turns.finished(whole.text, asdict(whole), map(vars, whole.evidence), Place("d", "Mill", {"d": "Mill"}), 0)
    assert said[0] in html
    assert html.index('aria-label="Sources"') < html.index('aria-label="Closest passages"')
    assert html.count('class="number"') == sum(refused not in place.parts for place in whole.evidence)


def test_each_part_of_an_answer_carries_the_number_of_its_own_quote() -> None:
    built = replace(_answer("1783", 3, 4).evidence[0], quote="The wheel has hung here since 1783.")
    by = replace(built, page=5, quote="Josiah Tarrant and his men did the work.")
    whole = put_together(
        "When, and by whom?",
        [replace(_answer("1783", 3, 4), evidence=(built,)), replace(_answer("A man", 5, 5), evidence=(by,))],
    )
    cited = {whole.text[one.start : one.end]: whole.evidence[one.evidence].page for one in _cited(whole)}
    assert cited == {"1783": 3, "A man": 5}  # the second shares no word with any quote, and has its own all the same


def _cited(answer: Answer) -> list[Citation]:
    return citations(answer.parts, [asdict(place) for place in answer.evidence])


def test_parts_are_asked_one_after_another_and_in_a_batch_alike(roomy_model: Model, store: Store) -> None:
    attached = attached_to(hide(), roomy_model, store)
    question = "When was the mill built, and by whom?"
    shown = list(ask(attached, question, roomy_model, look_again=300))
    answer = shown[-1].answer
    assert answer is not None
    assert [part.answer for part in shown[:-1]] == [None] * (len(shown) - 1)
    assert "".join(part.text for part in shown) == answer.text
    first = answered(attached, roomy_model, parts(question)[0], look_again=300)
    assert answer.text.startswith(first.text)
    assert answer.answer_tokens > first.answer_tokens
    assert answer.question == question
    together = dict(answer_together(attached, [question, "Who came?", question], roomy_model, look_again=300))
    for number in (0, 2):
        assert (together[number].text, together[number].evidence) == (answer.text, answer.evidence)  # type: ignore[union-attr]


def test_a_stop_within_the_first_part_asks_no_other(roomy_model: Model, store: Store) -> None:
    attached = attached_to(hide(), roomy_model, store)
    *_, last = ask(attached, "When was the mill built, and by whom?", roomy_model, stopped=lambda: True)
    assert last.answer is not None
    assert (last.answer.ended, last.answer.answer_tokens) == ("stopped", 1)


def test_a_refusal_while_a_document_is_read_says_that_it_may_change() -> None:
    place = Place("d", "Mill", {"d": "Mill"})
    refused = replace(_answer(NOT_SAID, 1, 2), text=NOT_SAID)
    for pages_read, expected in ((9, turns.NO_ANSWER), (3, turns.NO_ANSWER_YET)):
        answer = replace(refused, pages_read=pages_read)
        html = turns.finished(answer.text, asdict(answer), map(vars, answer.evidence), place, 0)
        assert expected in html
        assert 'aria-label="Closest passages"' in html
        part = as_part(replace(answer, question="By whom?"))
        both = put_together("When, and by whom?", [replace(_answer("1783", 3, 4), pages_read=pages_read), part])
        html = turns.finished(both.text, asdict(both), map(vars, both.evidence), place, 0)
        limit = "" if pages_read == 9 else ", in the pages that were read by then"
        assert f"The document does not say{limit}: “By whom?”" in html


def test_an_exported_conversation_numbers_what_each_part_rests_on_and_not_what_is_only_near() -> None:
    answers = [_answer("1783", 3, 4), as_part(replace(_answer(NOT_SAID, 5, 6), text=NOT_SAID, question="By whom?"))]
    whole = put_together("When, and by whom?", answers)
    refused = replace(_answer(NOT_SAID, 7, 8), text=NOT_SAID)
    turns_of = [
        TurnRecord(number, one.question, one.text, [asdict(place) for place in one.evidence], asdict(one), 0.0)
        for number, one in enumerate((whole, refused))
    ]
    conversation = ConversationRecord("c", "", ("d",), 0.0, tuple(turns_of))
    place = Place("d", "Mill", {"d": "Mill"})
    lines = export.as_markdown(conversation, "Mill", place).splitlines()
    assert "1783 \\[1\\]" in lines  # a line of its own
    assert "The document does not say: “By whom?”" in lines
    assert [line[:4] for line in lines if line.startswith("> ") and "quote" in line] == [
        "> \\[",
        "> \\[",
        *["> qu"] * 3,
    ]
    assert lines.count("Closest passages:") == 2
    page = export.as_html(conversation, "Mill", place, lambda *_: None)
    assert page.count("<p>Closest passages</p>") == 2
    assert "1783<sup>1</sup>" in page
    assert page.count("<cite>1. ") == 1
    assert export.as_pdf(conversation, "Mill", place, lambda *_: None).startswith(b"%PDF")


def test_only_the_part_whose_words_are_on_no_page_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [_answer("1783", 3, 4), replace(_answer("Josiah Tarrant", 5, 6), is_stated=False)]
    whole = put_together("When, and by whom?", answers)
    assert (whole.is_stated, whole.unstated_parts) == (False, (1,))
    html = turns.finished(whole.text, asdict(whole), map(vars, whole.evidence), Place("d", "Mill", {"d": "Mill"}), 0)
    assert html.count(UNSTATED) == 1
    assert html.index("Josiah Tarrant<sup>") < html.index(UNSTATED) < html.index('aria-label="Sources"')
    folded = html.partition('<details class="fold">')[2]
    assert "Page 4" in folded  # it is only near to the part whose words are stated
    assert "Page 6" not in folded
    turn = TurnRecord(0, whole.question, whole.text, [asdict(place) for place in whole.evidence], asdict(whole), 0.0)
    conversation, place = ConversationRecord("c", "", ("d",), 0.0, (turn,)), Place("d", "Mill", {"d": "Mill"})
    lines = [line for line in export.as_markdown(conversation, "Mill", place).splitlines() if line]
    assert lines[lines.index(UNSTATED) - 1] == "Josiah Tarrant \\[2\\]"
    assert f"<sup>2</sup><br><small>{UNSTATED}</small>" in export.as_html(conversation, "Mill", place, lambda *_: None)
    assert export.as_pdf(conversation, "Mill", place, lambda *_: None).startswith(b"%PDF")
    attached = SimpleNamespace(sources=[SimpleNamespace(document_id="d", title="Mill")])
    shell_ask._print_notes(whole, attached, markdown=frozenset())  # type: ignore[arg-type]
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")] == [
        "1783:",
        f"Josiah Tarrant: {NOT_STATED}:",
    ]


def test_an_exported_answer_whose_words_are_on_no_page_says_so() -> None:
    answer = replace(_answer("1783", 3, 4), is_stated=False)
    turn = TurnRecord(0, "When?", answer.text, [asdict(place) for place in answer.evidence], asdict(answer), 0.0)
    conversation = ConversationRecord("c", "", ("d",), 0.0, (turn,))
    assert f"{NOT_STATED}:" in export.as_markdown(conversation, "Mill", Place("d", "Mill", {"d": "Mill"}))


def test_a_refused_part_without_a_verb_of_its_own_is_named_as_people_write() -> None:
    refused = replace(_answer(NOT_SAID, 1, 2), text=NOT_SAID)
    why = parts("Who wrote it and why?")[1]
    assert as_part(replace(refused, question=why)).text == "The document does not say why someone wrote it."
    early = as_part(replace(refused, question=why, pages_read=3))
    assert early.text == "The document does not say, in the pages that were read by then, why someone wrote it."
    assert early.not_said


def test_the_shell_lists_the_places_of_each_part_under_it(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [
        _answer("1783", 3, 4),
        _answer("Josiah Tarrant", 3, 5),
        as_part(replace(_answer(NOT_SAID, 6, 7), text=NOT_SAID, question="Why?")),
    ]
    whole = put_together("When, by whom, and why?", answers)
    attached = SimpleNamespace(sources=[SimpleNamespace(document_id="d", title="Mill")])
    shell_ask._print_notes(whole, attached, markdown=frozenset())  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines() == [
        "1783:",
        "  page 3: “quote”",
        "  page 4: “quote”",
        "Josiah Tarrant:",
        "  page 3: “quote”",
        "The document does not say: “Why?” Closest passages:",
        "  page 6: “quote”",
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What do they say about noise?", "What do they say about noise?"),
        ("What do these papers say about noise?", "What does this paper say about noise?"),
        ("How many species does each study cover?", "How many species does this study cover?"),
        ("Who are the authors of both studies?", "Who are the authors of this study?"),
        ("Compare the notice periods of these two leases.", "What are the notice periods?"),
        ("Compare the rent", "What is the rent?"),
        ("Compare the two contracts", "What is this document about?"),
        ("Compare Anna and Ben", ""),
        ("Which of these papers use dropout?", ""),
        ("How many of the papers use dropout?", ""),
        ("What does each chapter say?", ""),
        ("Does all work stop at five?", ""),
    ],
)
def test_what_is_asked_of_each_document_is_asked_of_one(question: str, expected: str) -> None:
    assert asked_of_each(question) == expected
