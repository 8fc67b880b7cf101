"""Entries: what stands under a day in diaries, under an option or an error in manuals, under a vote in minutes."""

from __future__ import annotations

import pytest
from helpers.answers import Scripted, answered, attached_to
from helpers.documents import one_page
from helpers.effort import little_effort

from reader.answering.extractive.entries import entry
from reader.answering.extractive.extract import extract
from reader.answering.extractive.manuals import in_manual
from reader.answering.extractive.minutes import in_minutes
from reader.answering.passages import Passages, Source
from reader.answering.refusal import NOT_SAID
from reader.answering.text.days import Day, day_in
from reader.documents import Document, Page
from reader.models import Model
from storage import PageRecord, Store

DIARY = """\
The winter at Brack Point.

Monday, 3 March 1902
The pump froze. We burned the last of the chairs.

Wednesday, 5 March 1902
Eider ducks on the shingle. Olave shot two of them.

Friday, 14 March 1902
The supply boat came at noon with coal and a piano.
"""


def under(day: Day, text: str = DIARY) -> str | None:
    source = Source("d", "A diary", (PageRecord("d", 1, "1", 0, len(text), text),), len(text))
    found = entry(day, source)
    return text[found.start_char : found.end_char].strip() if found else None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("What happened on 3 May?", Day(5, 3)),
        ("What happened on May 3rd, 1944?", Day(5, 3, 1944)),
        ("Was geschah am 3. März 1944?", Day(3, 3, 1944)),
        ("Que se passe-t-il le 1er août ?", Day(8, 1)),
        ("What failed on 2024-05-03?", Day(5, 3, 2024)),
        ("Was geschah am 3.5.1944?", Day(5, 3, 1944)),
    ],
)
def test_a_day_is_found_in_a_question(text: str, day: Day) -> None:
    named = day_in(text)
    assert named is not None
    assert named[0] == day


@pytest.mark.parametrize("text", ["What happened in May?", "Who has 3 maps?", "What is version 3.5.1?"])
def test_what_is_no_day_is_none(text: str) -> None:
    assert day_in(text) is None


def test_an_entry_reaches_to_the_next_date() -> None:
    assert under(Day(3, 5)) == "Wednesday, 5 March 1902\nEider ducks on the shingle. Olave shot two of them."
    assert under(Day(3, 14, 1902)) == "Friday, 14 March 1902\nThe supply boat came at noon with coal and a piano."
    assert under(Day(3, 14, 1903)) is None
    assert under(Day(3, 4)) is None


def test_the_lines_of_one_day_are_one_entry() -> None:
    log = (
        "2024-05-02 23:10 Door opened\n2024-05-03 06:00 Pump on\n2024-05-03 06:40 Pump off, dry well\n2024-05-04 Reset"
    )
    assert under(Day(5, 3), log) == "2024-05-03 06:00 Pump on\n2024-05-03 06:40 Pump off, dry well"


def test_a_day_that_two_years_have_needs_its_year() -> None:
    two = f"{DIARY}\n5 March 1903\nA whale.\n"
    assert under(Day(3, 5), two) is None
    assert under(Day(3, 5, 1903), two) == "5 March 1903\nA whale."


def test_a_letter_with_its_date_is_no_diary() -> None:
    assert under(Day(3, 3), "3 March 1902\nDear Sir, the pump is frozen.\n") is None


def test_what_happened_on_a_day_is_its_entry(tiny_model: Model, store: Store) -> None:
    document = one_page(DIARY, "A diary")
    attached = attached_to(document, tiny_model, store)
    answer = answered(attached, tiny_model, "What happened on 5 March?")
    assert answer.text == "Wednesday, 5 March 1902: Eider ducks on the shingle. Olave shot two of them."
    assert answer.evidence[0].quote == "Eider ducks on the shingle. Olave shot two of them."


@pytest.mark.parametrize("question", ["What happened on 4 March?", "Who shot ducks on 6 March 1902?"])
def test_a_day_that_a_diary_leaves_out_is_not_answered(question: str, tiny_model: Model, store: Store) -> None:
    attached = attached_to(one_page(DIARY, "A diary"), tiny_model, store)
    answer = answered(attached, tiny_model, question, look_again="auto")
    assert (answer.not_said, answer.answer_tokens) == (True, 0)


def test_a_day_that_an_entry_tells_of_is_not_left_out(tiny_model: Model, store: Store) -> None:
    told = DIARY + "The gale of 4 March 1902 took the flag.\n"
    answer = answered(
        attached_to(one_page(told, "A diary"), tiny_model, store), tiny_model, "What happened on 4 March?"
    )
    assert answer.answer_tokens > 0


def test_only_the_entry_of_the_day_is_looked_at_again(tiny_model: Model, store: Store) -> None:
    document = one_page(DIARY, "A diary")
    attached = attached_to(document, tiny_model, store)
    answer = answered(attached, tiny_model, "Who shot ducks on 5 March?", look_again="auto")
    assert [passage.text for passage in answer.looked_again] == [under(Day(3, 5))]


def test_a_time_has_the_day_of_its_entry_in_front(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    Scripted.said = ["at noon"] * 9
    document = one_page(DIARY, "A diary")
    answer = answered(
        attached_to(document, tiny_model, store), tiny_model, "When did the supply boat come?", look_again="auto"
    )
    assert answer.text == "Friday, 14 March 1902, at noon"


def test_an_answer_of_the_memory_has_the_day_of_the_one_place_that_says_it(
    tiny_model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reader.answering.answer.Decoding", Scripted)
    front = "What the keeper wrote.\n"
    pages = (Page(1, "1", 0, len(front)), Page(2, "2", len(front), len(front + DIARY)))
    attached = attached_to(Document(front + DIARY, pages, "A diary", "a.txt", "text", 0), tiny_model, store)
    first = attached.passages.all[0]
    assert first.text.strip() == front.strip()
    monkeypatch.setattr("reader.answering.decoding.choose_passages", lambda *_, **__: (first,))
    for said in ("on the shingle", "at sea"):
        Scripted.said = [said] * 9
        answer = answered(attached, tiny_model, "When did the supply boat come?", look_again="auto")
        assert answer.text == ("Wednesday, 5 March 1902, on the shingle" if said == "on the shingle" else said)


def test_dates_of_notes_in_no_order_are_no_entries() -> None:
    notes = "31 May 2003. Fallows.\n2 April 2001. Netanel.\n7 June 2004. Moyers.\n1 May 1999. Lessig.\n"
    assert under(Day(6, 7), notes) is None


MANUAL = """Skein 4.2

| Option | Default | Meaning |
| --- | --- | --- |
| `--jobs N` | 4 | Number of files that are copied at the same time. |
| `--checksum` | off | Compares contents instead of sizes. Since 3.1. |

- `keep_days`: for how many days old versions are kept. Default: 30 days. 0 keeps them for ever.
- `port`: the TCP port.

-w, --workers N
Number of worker processes. The default is one for each core.
--drain SECONDS
How long open connections may go on.

EXIT STATUS

       3      A key occurs twice, so that the join is
              ambiguous.

       4      The disk is full.

Errors

| Code | Name | Meaning | What to do |
| --- | --- | --- | --- |
| 2 | E_USAGE | Wrong arguments were given. | See the help. |
| 11 | E_LOCKED | Another process uses the index. | Wait. |

Changes

- **4.1**: `--jobs` may be larger than 16; `--drain` was added.
- **4.0**: a new index; `--rsync` has been removed.

The call fz_load_
page loads a page of COVID 19.
"""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What does the option --jobs do?", "Number of files that are copied at the same time."),
        ("What is the default of --jobs?", "4"),
        ("What is the default of keep_days?", "30 days"),
        ("What does --workers do?", "Number of worker processes. The default is one for each core."),
        ("What is the default of --workers?", "one for each core"),
        ("What does -w do?", "Number of worker processes. The default is one for each core."),
        ("What does --drain mean?", "How long open connections may go on."),
        ("What is the default of --drain?", None),
        ("Since which version is there --checksum?", "3.1"),
        ("In which version was --drain added?", "4.1"),
        ("When was --rsync removed?", "4.0"),
        ("What does exit status 3 mean?", "A key occurs twice, so that the join is ambiguous."),
        ("What does error code 11 mean?", "Another process uses the index. Wait."),
        ("What do I do when I get E_LOCKED?", "Another process uses the index. Wait."),
        ("Was bewirkt die Option --drain?", "How long open connections may go on."),
        ("What does --compress do?", NOT_SAID),
        ("What does -q do?", NOT_SAID),
        ("What is the reflection of the point (x, -y)?", None),
        ("What is the default of max_threads?", NOT_SAID),
        ("What does fz_load_page do?", None),
        ("What does COVID-19 do?", None),
        ("What does the port do?", None),
    ],
)
def test_an_option_or_an_error_is_answered_by_its_entry(question: str, answer: str | None) -> None:
    source = Source("d", "Skein", (PageRecord("d", 1, "1", 0, len(MANUAL), MANUAL),), len(MANUAL))
    found = in_manual(question, [source], Passages([source]))
    assert (found and found.text) == answer


MINUTES = """Minutes of the board

**Present:** Ruth Ash (chair), Dan Oko and Joan Whit. **Apologies:** Mr. Peter Lyle.

1 Minutes of the last meeting

They were approved.

2 Parking

Dan Oko moved that the charge be raised. The motion was carried by two votes to one. For: Ash, Oko. Against: Whit.

3 The tree

Mr Pike asked that the beech be felled. It was refused; Dan Oko voted for it. Four members abstained.
"""
INTERVIEW = """Floods

QUILL: Are you against the wall, Dr Soller?

DR SOLLER: It is a mistake. The river does not read.

QUILL: And you?

TENNANT: I farm at Low Meadow, below the wall.

DR SOLLER: The meadow could hold water.

TENNANT: That meadow is mine.
"""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who voted against the parking charge?", "Whit"),
        ("Who voted in favour of the parking charge?", "Ash, Oko"),
        ("Who voted for felling the tree?", "Dan Oko"),
        ("Who voted against the minutes?", NOT_SAID),
        ("Who abstained?", NOT_SAID),
        ("How many abstained?", "Four"),
        ("Who was absent?", "Mr. Peter Lyle"),
        ("Who was present?", "Ruth Ash (chair), Dan Oko and Joan Whit"),
        ("Who chaired the meeting?", "Ruth Ash"),
        ("What did Dan Oko say about the tree?", None),
        ("What did Soller say about the wall?", "It is a mistake. The river does not read."),
        ("What does Mr Tennant think of the meadow?", "That meadow is mine."),
        ("What did Quill say about the wall?", NOT_SAID),
        ("What did Mr Pike say about the wall?", None),
        ("Who said “The river does not read”?", "DR SOLLER"),
        ("Who said “The river is wide today”?", None),
    ],
)
def test_votes_attendance_and_speakers_are_told_by_minutes_and_interviews(question: str, answer: str | None) -> None:
    text = INTERVIEW if any(name in question for name in ("Soller", "Tennant", "Quill", "Pike", "said")) else MINUTES
    found = in_minutes(question, [Source("d", "Minutes", (PageRecord("d", 1, "1", 0, len(text), text),), len(text))])
    assert (found and found.text) == answer


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        (
            "Wer hat dagegen gestimmt?",
            "Zur Schule\n\nFrau Klein und Herr Au stimmten dagegen.",
            "Frau Klein und Herr Au",
        ),
        ("Wie viele stimmten gegen das Verbot?", "Zum Verbot: Zehn stimmten dafür, vier dagegen.", "vier"),
        ("Qui a voté contre ?", "M. Paul Delmas a voté contre ; les autres ont voté pour.", "M. Paul Delmas"),
        ("¿Quién se abstuvo?", "Todos votaron a favor; Luis Otero se abstuvo.", "Luis Otero"),
        ("Who voted against the bill?", "All from the south voted against the bill, one against the other.", None),
    ],
)
def test_votes_are_told_in_four_languages(question: str, text: str, answer: str | None) -> None:
    found = in_minutes(question, [Source("d", "A", (PageRecord("d", 1, "1", 0, len(text), text),), len(text))])
    assert (found and found.text) == answer


ASKED = [
    *("What does --jobs do?", "Since which version is keep_days there?", "What does exit code 12 mean?"),
    *("Who voted against?", "Who was absent?", "What did Ann say about the wall?", "Who is Ann's wife?"),
    *("Define osmosis.", "What is the difference between osmosis and diffusion?", "Give an example of osmosis."),
    *("Does the school have a meter fitted?", "Which room has the most devices?", "How many chapters are there?"),
]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "| " * 150_000,
            "| a | b |\n" * 20_000,
            "--jobs, -j\n" * 15_000,
            "Ann: wall\n\n" * 15_000,
            "Ann Bell, " * 15_000,
        ),
        *("Against: Ann" * 10_000, "osmosis and diffusion. " * 7_000, "3.1.2 keep_days; " * 9_000, "(" * 100_000),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_no_way_to_an_answer_takes_the_square_of_a_hostile_page(text: str) -> None:
    asked = Source("d", "Pages", (PageRecord("d", 1, "1", 0, len(text), text),), len(text))
    with little_effort():
        passages = Passages([asked])
        for question in ASKED:
            extract(question, question, [asked], passages, None)
