"""The page without a browser: what it shows, what it hides, who is let in, and its front door."""

from __future__ import annotations

import asyncio
import errno
import inspect
import io
import os
import re
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gradio as gr
import pikepdf
import pytest
from gradio.state_holder import SessionState
from helpers import ROOT
from helpers.documents import make_document, write_pdf
from helpers.effort import little_effort
from helpers.refresh import refreshes
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from reader.answering import Answer, AnswerPart
from reader.answering.evidence import Evidence
from reader.answering.passages import Passage
from reader.app.accounts import LOCAL_USER, MAX_FAILURES, USER_HEADER, Accounts, Gate, add_account, user_of
from reader.app.answer_queue import Stream
from reader.app.batch_runs import Run
from reader.app.main import main
from reader.app.page import events, export, html as views, shelf, turns
from reader.app.page.blocks import build
from reader.app.page.viewer import viewer
from reader.app.pages import PageView
from reader.app.ratio_costs import RatioCost
from reader.app.service import Service
from reader.app.talks import Place
from reader.app.workspace import Shown, Workspace
from reader.documents import Document, Page, draw, load
from reader.errors import ConfigError, ModelError, ReaderError
from reader.reading.estimate import Estimate
from reader.reading.jobs import JobSettings, enqueue
from reader.wording import place, place_in_column, places, places_of, plain_markdown
from storage import ConversationRecord, Hit, JobRecord, QuestionRecord, TurnRecord

SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = '"><img src=x onerror=alert(1)>'
PASSWORD = "correct horse"


@pytest.fixture
def shown(service: Service) -> Shown:
    """A document on ten pages that waits to be read."""
    job = enqueue(make_document(500), JobSettings("m"), service.store)
    return Workspace(service).get(job.document_id)


def line_of(shown: Shown, **changes: object) -> str:
    job = replace(shown.job, **{k: v for k, v in changes.items() if k in JobRecord.__dataclass_fields__})  # type: ignore[type-var, arg-type]
    others = {k: v for k, v in changes.items() if k in Shown.__dataclass_fields__}
    return views.reading(replace(shown, job=job, **others))  # type: ignore[arg-type]


def test_a_reading_is_described_in_every_state(shown: Shown) -> None:
    running = {
        "pages_done": 3,
        "tokens": 100,
        "tokens_done": 30,
        "tokens_per_second": 1234.0,
        "seconds_left": 90.0,
        "is_read_here": True,
    }
    assert "Waiting for its turn: it is next." in line_of(shown)
    assert "Waiting for its turn: 2 documents before it." in line_of(shown, before=2)
    assert "Read to page 3 of 10, waiting to continue" in line_of(shown, pages_done=3)
    going = line_of(shown, state="reading", **running)
    assert "Page 3 of 10 · 1,234 tokens/s · 1 min 30 s left" in going
    assert 'value="0.300"' in going
    assert "Page 1 of 10" in line_of(shown, state="reading", **{**running, "pages_done": 0})
    estimate = Estimate(5000, 60.0, "measured")
    begun = {**running, "tokens_per_second": 0.0, "seconds_left": None}
    assert "About 5,000 tokens, 1 min 0 s." in line_of(shown, state="reading", estimate=estimate, **begun)
    # Two times that contradict each other are never side by side.
    assert "1 min 0 s" not in line_of(shown, state="reading", estimate=estimate, **running)
    assert "Another program is reading it" in line_of(shown, state="reading", **{**running, "is_read_here": False})
    assert "Opening the document" in line_of(shown, state="reading", **{**running, "tokens": 0})
    assert "Pausing …" in line_of(shown, state="reading", wanted="pause", **running)
    assert "Stopping …" in line_of(shown, state="reading", wanted="cancel", **running)
    assert "Paused at page 3 of 10" in line_of(shown, state="paused", **running)
    assert "Stopped at page 3 of 10. What was read is kept" in line_of(shown, state="stopped", **running)
    assert "the disk is full" in line_of(shown, state="failed", reason="the disk is full")
    assert "not read yet" in views.reading(replace(shown, job=None, state="not read"))


ANSWER = Answer("Yes.", "Is it?", 9547, 0, 0.25, 0.5, 2, 1.0, 10, 10, "finished")


@pytest.mark.parametrize(
    ("changes", "short", "whole"),
    [
        (
            {},
            "From memory · 1 s",
            "Memory attached in 0.25 s · 0 of 9,547 document tokens read again · first word after 0.50 s",
        ),
        (
            {"attach_seconds": 0.0, "seconds": 0.4},
            "From memory · under 1 s",
            "Memory attached · 0 of 9,547 document tokens read again · first word after 0.50 s",
        ),
        (
            {
                "looked_again": tuple(Passage("d", 12, label, 0, 5, "Hello") for label in ("xii", "3", "xii")),
                "recomputed_tokens": 812,
                "seconds": 8.2,
            },
            "Checked pages xii and 3 · 8 s",
            "812 of 9,547 document tokens read again · looked again at pages xii and 3 · first word after 0.50 s",
        ),
        ({"pages_read": 4}, "Based on pages 1–4 of 10, read by then · From memory · 1 s", "Based on pages 1–4 of 10"),
        (
            {"pages_read": 0},
            "Based on part of page 1 of 10, read by then · From memory · 1 s",
            "part of page 1 of 10",
        ),
        ({"answer_tokens": 0}, "From the text itself · 1 s", "first word after 0.50 s · answered without the decoder"),
        ({"ended": "stopped"}, "From memory · 1 s · stopped", "first word after 0.50 s · stopped"),
        (
            {
                "looked_again": tuple(
                    Passage("d", number, f"{number}. Of Bees", 0, 5, "Hello") for number in range(1, 5)
                )
            },
            "Checked 4 pages · 1 s",
            "looked again at “1. Of Bees”, “2. Of Bees”, “3. Of Bees” and “4. Of Bees” ·",
        ),
        (
            {
                "looked_again": tuple(
                    Passage("d", number, f"{number}. Of the keeping of bees in towers", 0, 5, "Hello")
                    for number in range(1, 3)
                )
            },
            "Checked 2 pages · 1 s",  # one line, however long the names of the pages are
            "looked again at “1. Of the keeping of bees in towers” and “2. Of the keeping of bees in towers” ·",
        ),
    ],
)
def test_an_answer_says_what_it_rests_on_in_a_few_words_and_what_it_cost_on_demand(
    changes: dict[str, object], short: str, whole: str
) -> None:
    counts = asdict(replace(ANSWER, **changes))  # type: ignore[arg-type]
    assert turns.summary(counts) == short
    assert whole in turns.badge(counts)


def test_the_pages_looked_at_in_one_of_several_documents_are_named_with_it() -> None:
    counts = asdict(replace(ANSWER, looked_again=(Passage("d", 3, "3", 0, 5, "Hello"),)))
    assert turns.summary(counts, {"d": "The Log", "e": "The Map"}).startswith("Checked The Log, page 3 ·")
    assert "looked again at The Log, page 3" in turns.badge(counts, {"d": "The Log", "e": "The Map"})
    assert turns.summary(counts, {"d": "The Log"}).startswith("Checked page 3 ·")
    many = (Passage(document_id, number, str(number), 0, 5, "") for document_id in "de" for number in (1, 2))
    counts = asdict(replace(ANSWER, looked_again=tuple(many)))
    assert turns.summary(counts, {"d": "The Log", "e": "The Map"}).startswith("Checked 4 pages in 2 documents ·")
    silent = Place("d+e", "both", {"d": "The Log", "e": "The Map"})
    assert silent.heading == "The Log, The Map"
    assert Place("tag:x", "x", dict.fromkeys("abcde", "A")).heading == "A, A, A and 2 more"
    assert "in these documents" in turns.finished("The document does not say.", counts, [], silent, 0)


LONG_HEADING = "第三章关于本公司二零二六年度财务报告编制基础以及合并范围变动情况的详细说明"


@pytest.mark.parametrize(
    ("label", "page", "name"),
    [
        ("12", 12, "page 12"),
        ("xii", 12, "page xii"),
        ("A-4", 3, "page A-4"),
        ("Part 2 · 3", 7, "“Part 2 · 3”"),
        ("1 — Log of the Quay", 3, "page 1, “Log of the Quay”"),
        ("xii — To the Reader · Thanks", 12, "page xii, “To the Reader” and “Thanks”"),
        ("II — The Crossing", 4, "“II — The Crossing”"),
        ("Abstract", 1, "“Abstract”"),
        ("4 — A · B · C", 4, "page 4, “A” to “C”"),
        ("d666f1f7-46cb-42bd-9a39-9a39cf2a509f", 5, "page 5"),
        ("Kraftfahrzeughaftpflichtversicherung", 5, "“Kraftfahrzeughaftpflichtversicherung”"),
        ("", 5, "page 5"),
        ("كتاب البحر", 1, "“\u2068كتاب البحر\u2069”"),  # the marks around it stay where they are
        (
            "第三章关于本公司二零二六年度财务报告编制基础以及合并范围变动情况的详细说明",
            5,
            "“第三章关于本公司二零二六年度财务报告编制基础以及合并范围变动情况的详细说明”",
        ),
    ],
)
def test_a_place_is_named_as_people_name_it(label: str, page: int, name: str) -> None:
    assert place(label, page) == name
    number = name.removeprefix("page ").partition(", “")[0] if name.startswith("page ") else name
    assert place_in_column(label, page) == number
    assert places([name, "page 40"]) == (
        f"pages {number} and 40" if name.startswith("page ") else f"{name} and page 40"
    )


def test_sources_and_map_lead_to_their_pages() -> None:
    evidence = Evidence("d" * 64, 12, "xii", 100, 140, 0.9, "The keeper lit the lamp. " * 30)
    cards = turns.cards([vars(evidence)])
    assert "Closest" not in cards
    assert "Closest passages" in turns.cards([vars(evidence)], sources=0)
    assert 'data-page="12" data-start="100" data-end="140"' in cards
    assert "Page xii</span>" in cards
    assert "my notes, page xii</span>" in turns.cards([vars(evidence)], titles={"d" * 64: "my notes", "e": "Other"})
    assert "“The keeper" in cards
    assert len(cards) < 700
    weights = [0.0] * 1000
    weights[499] = 0.75
    weights[3] = 0.25
    strip = turns.reading_map(weights, "d" * 64)
    cells = re.findall(r'data-page="(\d+)" tabindex="(-?\d)" style="--weight:([\d.]+)"', strip)
    assert len(cells) <= turns.MAP_CELLS
    assert [page for page, _, weight in cells if weight == "1.00"] == ["500"]
    assert [tab for _, tab, _ in cells].count("0") == 1  # one stop for the keyboard
    assert turns.reading_map([], "d") == turns.reading_map([0.0, 0.0], "d") == ""


def test_quotes_are_numbered_in_the_order_in_which_they_are_cited() -> None:
    quotes = ("The keeper had a dog.", "The boat is called Patience.", "Its mast was made of larch.")
    evidence = [
        {"document_id": "d", "page": number, "label": str(number), "start_char": 0, "end_char": 9, "quote": quote}
        for number, quote in enumerate(quotes, start=1)
    ]
    about, answer = Place("d", "d", {"d": "Mill"}), "The mast was larch. The boat was Patience."
    html = turns.finished(answer, {}, evidence, about, 0)
    found = [
        (number, re.sub("<.*?>", "", card))
        for number, card in re.findall(r'class="number".*?>(\d)</span>(.*?)</button>', html)
    ]
    assert re.findall(r">(\d)</button></sup>", html) == ["1", "2"]
    assert found == [("1", f"Page 3“{quotes[2]}”"), ("2", f"Page 2“{quotes[1]}”"), ("3", f"Page 1“{quotes[0]}”")]
    turn = TurnRecord(0, "What?", answer, evidence, {}, 0.0)
    exported = export.as_markdown(ConversationRecord("c", "", ("d",), 0.0, (turn,)), "Mill", about)
    assert [exported.index(quote) for quote in reversed(quotes)] == sorted(exported.index(quote) for quote in quotes)


def test_an_answer_in_the_words_of_a_quote_has_no_line_ends_of_its_page_and_an_export_no_counts() -> None:
    answer = "a program path, which may cross function call\nboundaries."
    quote = {
        "document_id": "d",
        "page": 4,
        "label": "4",
        "quote": "A trace is a program path, which may cross function call\nboundaries.",
    }
    about = Place("d", "d", {"d": "Traces"})
    for shown, others in ((answer.replace("\n", " "), quote), (answer, {**quote, "quote": "Another one."})):
        assert turns.read_as(answer, {}, [others], about)[0] == [shown]
    counts = {"looked_again": [{"document_id": "d", "label": "4", "page": 4}], "document_tokens": 9547, "seconds": 3.0}
    turn = TurnRecord(0, "What is a trace?", answer, [quote], counts, 0.0)
    exported = export.as_markdown(ConversationRecord("c", "", ("d",), 0.0, (turn,)), "Traces", about)
    assert exported.splitlines()[-1] == "*Checked page 4 · 3 s*"


def test_citations_stand_behind_the_sentences_that_their_quotes_share_most_words_with() -> None:
    quotes = ("The boat is called Patience.", "Its mast was made of larch.", "The keeper had a dog.")
    evidence = [
        {"document_id": "d", "page": number, "label": str(number), "start_char": 0, "end_char": 9, "quote": quote}
        for number, quote in enumerate(quotes, start=1)
    ]
    html = turns.cited(["The mast was larch. The boat was Patience."], evidence)
    assert re.sub(r"<sup>.*?>(\d)</button></sup>", r"[\1]", html) == "The mast was larch.[2] The boat was Patience.[1]"
    assert 'aria-label="Source 2, page 2"' in html
    # Sentences of the same source, one after another, have its number once.
    html = turns.cited(["The boat was old. The boat was Patience. A dog sat there."], evidence)
    shown = re.sub(r"<sup>.*?>(\d)</button></sup>", r"[\1]", html)
    assert shown == "The boat was old. The boat was Patience.[1] A dog sat there.[3]"
    # One word in common, such as a name that is everywhere, does not make a quote say it.
    html = turns.cited(["The boat was Patience. The boat left Hallin at noon with eleven sacks of flour."], evidence)
    assert re.sub(r"<sup>.*?>(\d)</button></sup>", r"[\1]", html).endswith(
        "Patience.[1] The boat left Hallin at noon with eleven sacks of flour."
    )
    # Where no word is shared, the answer still leads to its first source; without evidence there is nothing to lead to.
    assert turns.cited(["Yes."], evidence).startswith("Yes.<sup>")
    assert turns.cited(["Yes."], []) == "Yes."


def test_the_number_of_a_list_s_item_cites_nothing() -> None:
    quotes = ("1. Grease the hinges with tallow.", "2. Clear the weed from the sills.")
    evidence = [
        {"document_id": "d", "page": number, "label": str(number), "start_char": 0, "end_char": 9, "quote": quote}
        for number, quote in enumerate(quotes, start=1)
    ]
    html = turns.cited(["1. Grease the hinges. 2. Clear the weed."], evidence)
    shown = re.sub(r"<sup>.*?>(\d)</button></sup>", r"[\1]", html)
    assert shown == "1. Grease the hinges.[1] 2. Clear the weed.[2]"


def test_what_an_answer_does_not_cite_is_folded_and_headings_alone_are_left_out() -> None:
    quotes = ("The boat is called Patience.", "The keeper had a dog.", "The  Log")
    evidence = [
        {"document_id": "d", "page": 1, "label": "The Log", "start_char": 0, "end_char": 9, "quote": quote}
        for quote in quotes
    ]
    about = Place("d", "Log", {"d": "Log"})
    html = turns.finished("Patience, the boat", {}, evidence, about, 0)
    cited, more = html.split('<details class="fold"><summary>1 more passage</summary>')
    assert "called Patience" in cited
    assert "had a dog" not in cited
    assert "had a dog" in more.partition("</details>")[0]
    assert '<span class="quote">“The Log”' not in html
    # Where the answer's words are in no quote, or there is no answer, nothing is folded.
    for answer, counts in (("Patience, the boat", {"is_stated": False}), ("The document does not say.", {})):
        assert 'class="fold"' not in turns.finished(answer, counts, evidence, about, 0)


def test_an_answer_that_is_an_item_of_a_list_has_no_sign_of_one() -> None:
    about = Place("d", "Log", {"d": "Log"}, frozenset({"d"}))
    assert about.plain_answer("- Dogs travel **free**.") == "Dogs travel free."
    assert about.plain_answer("- one\n- two") == "- one\n- two"


def test_a_waiting_question_says_what_is_done_for_it() -> None:
    question = QuestionRecord("q", "", "d", "c", "Who?", {"look_again": "auto"}, None, 0.0)
    stream = Stream(question)
    assert turns.waiting_line(question, None, waits_for="the language model") == "Waiting for the language model …"
    assert turns.waiting_line(question, stream) == "Waiting for its turn …"
    stream.is_begun = True
    assert turns.waiting_line(question, stream) == "Looking for the passage …"
    stream.looking_at = ("page 3",)
    assert turns.waiting_line(question, stream) == "Re-reading page 3 …"
    quick = replace(question, settings={"look_again": "off"})
    assert turns.waiting_line(quick, replace(stream, question=quick, looking_at=())) == "Thinking …"


def test_the_decoder_is_told_while_it_loads_and_when_it_cannot(service: Service) -> None:
    service.loading = ("download", 0.42)
    assert "Downloading the language model (first start only) … 42%" in views.decoder_line(service)
    service.load_error = ModelError(f"There is no decoder at {SCRIPT!r}.")
    assert "There is no decoder at" in views.decoder_line(service)
    assert "<script>" not in views.decoder_line(service)


def test_ratios_that_fit_are_offered_with_what_they_cost() -> None:
    costs = [RatioCost(0, 9000, 400_000_000, False), RatioCost(8, 1200, 54_000_000, True)]
    assert views.ratio_choices(costs)[1:] == [("8× · about 54 MB", "8")]


def text_of(message: dict[str, Any]) -> str:
    """All that a message shows."""
    parts = message["content"] if isinstance(message["content"], list) else [message["content"]]
    return "".join(part if isinstance(part, str) else part.value for part in parts)


def hostile_views(service: Service, words: str) -> list[str]:
    """Everything that is shown of a document, a page, a conversation and an error, with a stranger's words all over."""
    text = f"{words} said the keeper. " * 40
    document = Document(text, (Page(1, words, 0, len(text)),), words, f"{words}.txt", "text", 0)
    enqueue(document, JobSettings("m"), service.store)
    workspace = Workspace(service)
    workspace.tag(document.id, [words])
    shown = workspace.get(document.id)
    evidence = {"document_id": words, "page": 1, "label": words, "start_char": 0, "end_char": 9, "quote": words}
    counts = {**asdict(ANSWER), "looked_again": [{"label": words}], "reading_map": [1.0]}
    turn = TurnRecord(0, words, words, [evidence], counts, 0.0)
    conversation = ConversationRecord("c", "", (document.id,), 0.0, (turn,))
    question = QuestionRecord("q", "", document.id, "c", words, {}, None, 0.0)
    failed: Stream[AnswerPart] = Stream(question, error=ConfigError(words), is_done=True)
    place = workspace.place(document.id)
    page = PageView(document.id, words, 1, words, 1, text, ((0, 20),), False, ())
    return [
        views.library([shown], None),
        views.document_head(shown),
        views.reading(replace(shown, state="failed", job=replace(shown.job, state="failed", reason=words))),  # type: ignore[type-var]
        views.hits([Hit(document.id, words, 1, words, words)], words),
        *map(text_of, turns.messages(conversation, [(question, failed)], place)),
        turns.finished("Zebedee.", counts, [evidence], place, 0),
        viewer(page),
        viewer(replace(page, is_drawn=True)),
        views.error_line(words),
        views.password_line(words),
        views.note(words),
        views.added([views.error_line(words)], views.adding_line(words, 1, 2)),
        turns.cited([f"{words} said."], [evidence]),
        turns.waiting_line(question, Stream(question, is_begun=True, looking_at=(words,))).replace(words, "&lt;"),
    ]


@pytest.mark.parametrize("words", [SCRIPT, ATTRIBUTE])
def test_strangers_words_are_shown_as_text(service: Service, words: str) -> None:
    for html in hostile_views(service, words):
        assert words not in html
        assert "<script" not in html
        assert not re.search(r"<img(?! src=\"(cover|picture)/)", html)
        assert "&lt;" in html


def test_strangers_words_stay_text_in_an_exported_conversation() -> None:
    words = f"# {SCRIPT}\n[link](javascript:alert(1))"
    turn = TurnRecord(0, words, words, [{"page": 1, "label": words, "quote": words}], asdict(ANSWER), 0.0)
    exported = export.as_markdown(ConversationRecord("c", "", ("d",), 0.0, (turn,)), words, Place("d", "d", {}))
    assert SCRIPT not in exported
    assert not re.search(r"(?<!\\)\]\(", exported)
    assert [line for line in exported.splitlines() if line.startswith("#")] == [
        "# " + export._plain(words),
        "## " + export._plain(words),
    ]


@pytest.mark.parametrize("words", [SCRIPT, ATTRIBUTE])
def test_an_exported_page_runs_and_loads_nothing(words: str) -> None:
    item = {"document_id": words, "page": 1, "label": words, "quote": words, "start_char": 0, "end_char": 9}
    turn = TurnRecord(0, words, words, [item, {**item, "page": 2}], asdict(ANSWER), 0.0)
    drawn: list[int] = []
    exported = export.as_html(
        ConversationRecord("c", "", ("d",), 0.0, (turn, turn)),
        words,
        Place("d+e", "both", {"d": words, "e": words}),
        lambda _, page: drawn.append(page) or (b"jpeg" if page == 1 else None),  # type: ignore[func-returns-value]
    )
    assert words not in exported
    assert "<script" not in exported
    assert drawn == [1, 2]  # each page once
    assert exported.count("data:image/jpeg;base64,") == 1
    assert "default-src 'none'" in exported


LETTERS = "Привет, Ελλάδα, naïve œuvre, ſ, 𝒜, “quotes”, 3 ≤ 4"
MARKUP = '#import "/etc/passwd" #let x = 1 *bold* _it_ $x$ `raw` @ref <label> [link](x) // no comment /* nor */ \\\\'


def test_an_exported_pdf_has_every_word_and_each_page_once(tmp_path: Path) -> None:
    paper = write_pdf(tmp_path / "paper.pdf", ["The first page.", "The second page."])
    quotes = [f"{LETTERS} {MARKUP}", "no picture \x00\ue000"]
    items = [{"document_id": "d", "page": n, "label": str(n), "quote": q} for n, q in enumerate(quotes, start=2)]
    found = TurnRecord(0, f"What {MARKUP}?", f"First {MARKUP}.\nThen more.", items, asdict(ANSWER), 0.0)
    refused = TurnRecord(1, "Who?", "The document does not say.", items[:1], asdict(ANSWER), 0.0)
    asked: list[int] = []

    def picture(_: str, page: int) -> bytes | None:
        asked.append(page)
        return draw(paper, "pdf", page, width_pixels=300).jpeg if page == 2 else None

    conversation = ConversationRecord("c", "", ("d",), 0.0, (found, refused))
    (tmp_path / "a.pdf").write_bytes(
        export.as_pdf(conversation, f"Answers {MARKUP}", Place("d", "x", {"d": "x"}), picture)
    )
    read = load(tmp_path / "a.pdf")
    said = "".join(read.text.split())  # lines may break anywhere
    for words in (f"What {MARKUP}?", f"First {MARKUP}.", "Then more.", turns.NO_ANSWER, turns.summary(asdict(ANSWER))):
        assert "".join(words.split()) in said
    # Letters of formulas are read as plain ones.
    assert "".join(quotes[0].replace("𝒜", "A").split()) in said
    assert "nopicture\ufffd" in said  # letters that nothing tells, one after another, are read as one
    assert read.title == f"Answers {MARKUP}"
    assert asked == [2, 3]
    assert len(read.pages) == 2
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        assert [len(page.images) for page in pdf.pages] == [0, 1]
        links = [note for note in pdf.pages[0].Annots if note.Subtype == "/Link"]
        assert len(links) == 2  # of both quotes of page 2
        assert pdf.Root.MarkInfo.Marked


def test_a_pdf_that_no_font_can_show_is_refused_in_one_sentence() -> None:
    words = "\U00012000"  # cuneiform
    turn = TurnRecord(0, words, words, [], asdict(ANSWER), 0.0)
    conversation = ConversationRecord("c", "", ("d",), 0.0, (turn,))
    with pytest.raises(ReaderError, match=f"cannot show “{words}”.*Install a font.*or export") as refused:
        export.as_pdf(conversation, "Tablets", Place("d", "d", {}), lambda *_: None)
    assert "\n" not in str(refused.value)


def test_a_mistake_of_ours_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(events.gr, "Warning", lambda text, **_: shown.append(text))

    def fail() -> None:
        raise RuntimeError(SCRIPT)

    assert events.tolerant(fail)() == events.gr.skip()
    assert shown == [
        "Something went wrong in the program: RuntimeError: &lt;script&gt;alert(1)&lt;/script&gt;. READER_DEBUG=1 shows where."
    ]


def test_gradio_warns_of_no_callback_that_refuses(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[Exception] = []
    monkeypatch.setattr(events, "warn", refused.append)

    def load_again(*_: object) -> str:
        return "loading"

    monkeypatch.setattr(service, "load_again", load_again)
    page = build(service)
    for fn in page.fns.values():
        is_tolerant = getattr(fn.fn, "__wrapped__", None) is not None
        is_stream = inspect.isgeneratorfunction(fn.fn)
        if fn.fn is None or fn.api_visibility != "private" or is_stream or not (is_tolerant or not fn.outputs):
            continue
        returned = fn.fn("refused")  # it takes more, or finds no such request
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            asyncio.run(page.postprocess_data(fn, returned, SessionState(page)))
    assert len(refused) > 10


def test_the_end_of_a_stream_writes_nothing_where_a_person_may_be_typing(service: Service, tmp_path: Path) -> None:
    page = build(service)
    functions = reversed(page.fns.values())  # of those that two buttons call, that of the first one
    streams = {fn.name: fn for fn in functions if inspect.isgeneratorfunction(fn.fn)}
    assert {"add_files", "add_address", "recognise", "show_talk"} <= set(streams)
    locked = write_pdf(tmp_path / "a.pdf", ["The lamp was lit."], password="open")
    request = gr.Request(Request({"type": "http", "headers": [(USER_HEADER, LOCAL_USER.encode())]}), session_hash="s")

    file = {"path": str(locked), "meta": {"_type": "gradio.FileData"}}

    async def sent(name: str, *given: object) -> list[list[object]]:
        """Everything that the page is sent of a stream."""
        fn, state, iterator, parts = streams[name], page.app.state_holder["s"], None, []
        while not parts or iterator is not None:
            answer = await page.process_api(
                fn, list(given), state, request, iterator, session_hash="s", event_id="e", explicit_call=True
            )
            iterator = answer["iterator"]
            parts.append(answer["data"])
        return parts

    for name, given in (("add_files", [[]]), ("add_address", [""]), ("show_talk", []), ("add_files", [[file]])):
        parts = asyncio.run(sent(name, *given))
        assert parts[-1] == [gr.skip()] * len(streams[name].outputs)
    # Of an update nothing is left out: a slow page would apply the difference to what it has not shown yet.
    row = streams["add_files"].outputs.index(
        next(one for one in streams["add_files"].outputs if one.elem_id == "locked")
    )
    ((edit, place, update),) = parts[-2][row]
    assert (edit, place, update["visible"]) == ("replace", [], True)
    (waiting,) = page.app.state_holder["s"][streams["add_files"].outputs[2]._id]
    assert Path(waiting).name == "a.pdf"  # it waits for its password


def test_the_import_of_gradio_parses_no_source_of_a_component() -> None:
    code = (
        "import ast, inspect, os; parse = ast.parse; parsed = [];"
        "ast.parse = lambda *given, **named: parsed.append(given) or parse(*given, **named);"
        "import reader.app.page.blocks; print(len(parsed), inspect.getfile(os) == os.__file__)"
    )
    count, is_as_before = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    assert int(count) < 50  # other packages parse some; Gradio's components would be 150
    assert is_as_before == "True"


def test_a_page_is_sent_each_change_twice_and_then_nothing(service: Service) -> None:
    refresh = refreshes(service)
    first, second, third = refresh(), refresh(), refresh()
    assert first == second != third
    assert third == (gr.skip(),) * len(first)
    service.load_error = ModelError("There is no decoder.")
    fourth, fifth = refresh(), refresh()
    assert third != fourth == fifth


def test_a_refresh_that_looked_before_another_one_and_ends_after_it_sends_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh, count, inner = refreshes(service), Workspace.count, list[Any]()

    def counted(workspace: Workspace) -> int:
        if not inner:  # while the first one looks, another one begins and ends
            inner.append(None)
            inner[0] = refresh()
        return count(workspace)

    monkeypatch.setattr(Workspace, "count", counted)
    nothing = str(gr.skip())
    assert {str(part) for part in refresh()} == {nothing}
    assert {str(part) for part in inner[0]} != {nothing}, "the later one is sent"
    assert {str(part) for part in refresh()} != {nothing}, "and so is the next one"


def test_the_endpoints_are_three_and_whoever_streams_shares_one_line_for_the_decoder(service: Service) -> None:
    page = build(service)
    assert set(page.get_api_info()["named_endpoints"]) == {"/library", "/read_status", "/ask"}
    assert page.get_api_info()["unnamed_endpoints"] == {}
    streaming = [fn for fn in page.fns.values() if fn.name == "show_talk"]
    assert {fn.concurrency_id for fn in streaming} == {"decoder"}
    public = [fn for fn in page.fns.values() if fn.api_visibility != "private"]
    assert {fn.api_name for fn in public} == {"library", "read_status", "ask"}


# Who is let in


@pytest.fixture
def accounts_file(tmp_path: Path) -> Path:
    file = tmp_path / "users"
    add_account(file, "ann", PASSWORD)
    add_account(file, "bob", PASSWORD + "!")
    return file


def gated(accounts: Accounts | None, root_path: str = "") -> TestClient:
    """A page of one line behind the gate, which says whom it sees."""

    def whoami(request: Request) -> PlainTextResponse:
        return PlainTextResponse(user_of(request) or "nobody")

    def page(request: Request) -> HTMLResponse:
        return HTMLResponse("<script>good()</script><script src='x.js'></script><p>Hello</p>")

    form = (ROOT / "static" / "sign-in.html").read_text()
    routes = [Route("/whoami", whoami, methods=["GET", "POST"]), Route("/", page)]
    application = Starlette(
        routes=routes, middleware=[Middleware(Gate, accounts=accounts, sign_in_page=form, root_path=root_path)]
    )
    return TestClient(application, base_url="http://127.0.0.1:7860", follow_redirects=False)


@pytest.fixture
def guarded(accounts_file: Path) -> TestClient:
    return gated(Accounts(accounts_file))


def sign_in(client: TestClient, name: str, password: str) -> int:
    return client.post("/login", data={"username": name, "password": password}).status_code


def test_without_a_session_nothing_is_answered(guarded: TestClient) -> None:
    assert guarded.get("/whoami").status_code == 401
    assert guarded.get("/whoami", headers={"x-reader-user": "ann"}).status_code == 401
    assert guarded.get("/whoami", headers={"accept": "text/html"}).headers["location"] == "/login"
    assert guarded.get("/gradio_api/mcp/").status_code == 401
    guarded.cookies.set("reader_session", "guessed")
    assert guarded.get("/whoami").status_code == 401


def test_a_session_is_of_one_user_whatever_its_requests_claim_and_ends_when_it_is_left(guarded: TestClient) -> None:
    assert sign_in(guarded, "ann", PASSWORD) == 200
    assert guarded.get("/whoami", headers={"X-Reader-User": "bob"}).text == "ann"
    cookie = guarded.cookies["reader_session"]
    assert guarded.get("/logout").status_code == 405
    assert guarded.get("/whoami").text == "ann"
    assert guarded.post("/logout", headers={"origin": "http://evil.example"}).status_code == 403
    assert guarded.get("/whoami").text == "ann"
    assert guarded.post("/logout").status_code == 303
    guarded.cookies.set("reader_session", cookie)
    assert guarded.get("/whoami").status_code == 401


def test_who_follows_a_link_and_signs_in_is_led_to_its_document(guarded: TestClient) -> None:
    link = "/?document=tag%3Aa%22b%26c"
    form = guarded.get(link, headers={"accept": "text/html"}).headers["location"]
    assert form == link.replace("/", "/login", 1)
    assert f'action="{form[1:]}"' in guarded.get(form).text
    inside = guarded.post(form, data={"username": "ann", "password": PASSWORD})
    assert f'href="{link}"' in inside.text


@pytest.mark.parametrize("prefix", ["", "/reader"], ids=["taken off by the proxy", "left on by the proxy"])
def test_signing_in_and_out_stays_under_the_path_of_a_proxy(accounts_file: Path, prefix: str) -> None:
    client = gated(Accounts(accounts_file), "/reader")
    assert client.get(f"{prefix}/", headers={"accept": "text/html"}).headers["location"] == "/reader/login"
    assert 'action="login"' in client.get(f"{prefix}/login").text
    inside = client.post(f"{prefix}/login", data={"username": "ann", "password": PASSWORD})
    assert 'href="/reader/"' in inside.text
    assert client.get(f"{prefix}/whoami").text == "ann"
    assert client.post(f"{prefix}/logout").headers["location"] == "/reader/login"
    assert client.get(f"{prefix}/whoami").status_code == 401


def test_a_program_may_send_name_and_password_with_its_requests(guarded: TestClient) -> None:
    for _ in range(2):
        assert guarded.get("/whoami", auth=("ann", PASSWORD)).text == "ann"
    assert guarded.get("/whoami", auth=("ann", "wrong")).status_code == 401


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("nobody", PASSWORD), ("", ""), ("ann:", PASSWORD)])
def test_a_wrong_name_or_password_is_refused_alike(guarded: TestClient, name: str, password: str) -> None:
    answer = guarded.post("/login", data={"username": name, "password": password})
    assert answer.status_code == 401
    assert "is wrong" in answer.text
    assert "set-cookie" not in answer.headers


def test_who_guesses_has_to_wait_and_others_need_not(guarded: TestClient) -> None:
    for _ in range(MAX_FAILURES):
        assert sign_in(guarded, "ann", "guess") == 401
    assert sign_in(guarded, "ann", PASSWORD) == 429
    assert guarded.get("/whoami", auth=("ann", PASSWORD)).status_code == 429
    assert sign_in(guarded, "bob", PASSWORD + "!") == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
    ids=lambda headers: next(iter(headers)),
)
def test_pages_of_other_sites_change_nothing(headers: dict[str, str]) -> None:
    open_to_all = gated(None)
    assert open_to_all.post("/whoami", headers=headers).status_code == 403
    assert open_to_all.post("/whoami", headers={"origin": "http://127.0.0.1:7860"}).text == "nobody"


def test_only_the_scripts_of_the_page_run(guarded: TestClient) -> None:
    page = gated(None).get("/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert "'unsafe-inline'" not in policy["script-src"]
    assert policy["script-src"].count("'sha256-") == 1
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert gated(None).get("/whoami").headers["content-security-policy"].startswith("default-src 'none'")
    assert "'unsafe-inline'" not in guarded.get("/login").headers["content-security-policy"].partition("style-src")[0]


def test_passwords_are_kept_as_hashes_only(accounts_file: Path) -> None:
    kept = accounts_file.read_text()
    assert PASSWORD not in kept
    assert kept.count("$argon2id$") == 2
    assert accounts_file.stat().st_mode & 0o077 == 0
    add_account(accounts_file, "ann", "another one")
    assert Accounts(accounts_file).check("ann", "another one")
    assert not Accounts(accounts_file).check("ann", PASSWORD)


def test_a_name_that_differs_in_capitals_only_is_refused(accounts_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"'Ann': there is 'ann'.*capitals"):
        add_account(accounts_file, "Ann", PASSWORD)
    accounts_file.write_text(accounts_file.read_text() + accounts_file.read_text().replace("ann:", "Ann:"))
    add_account(accounts_file, "Ann", "another one")  # an older file may have both
    assert Accounts(accounts_file).names == {"ann", "bob", "Ann"}


def test_a_full_disk_costs_no_user(accounts_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = accounts_file.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(ConfigError, match="cannot be written"):
            add_account(accounts_file, "eve", PASSWORD)
    assert accounts_file.read_bytes() == before
    assert [path for path in accounts_file.parent.iterdir() if path.is_file()] == [accounts_file]


def test_users_who_are_added_at_once_are_all_there_and_a_link_stays_one(accounts_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(accounts_file)
    accounts_file.chmod(0o644)
    adding = [threading.Thread(target=add_account, args=(link, f"user{number}", PASSWORD)) for number in range(4)]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    names = {line.partition(":")[0] for line in accounts_file.read_text().splitlines()}
    assert names == {"ann", "bob", "user0", "user1", "user2", "user3"}
    assert link.is_symlink()
    assert accounts_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "line", ["ann:plain password", "ann", "a b:$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWE", ""]
)
def test_a_file_of_users_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "users").write_text(line + "\n")
    with pytest.raises(ConfigError, match="--auth"):
        Accounts(tmp_path / "users")


@pytest.mark.parametrize(
    ("name", "password"), [("../ann", PASSWORD), ("ann", "short"), ("", PASSWORD), ("a\nb", PASSWORD)]
)
def test_a_user_without_a_proper_name_or_password_is_not_added(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(ConfigError):
        add_account(tmp_path / "users", name, password)
    assert not (tmp_path / "users").exists()


# The front door


@pytest.mark.parametrize("flags", [["--host", "0.0.0.0"], ["--share"], ["--host", "192.168.1.2", "--share"]], ids=str)
def test_the_library_is_not_opened_to_others_without_a_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    monkeypatch.delenv("READER_AUTH", raising=False)
    assert main([*flags, "--library", str(tmp_path / "library")]) == 2
    assert "without a password; give --auth FILE" in capsys.readouterr().err
    assert not (tmp_path / "library").exists()


def test_a_wrong_flag_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--wrong-flag"]) == 2
    said = capsys.readouterr()
    assert said.err == "Error: Unrecognized arguments: --wrong-flag. python app.py --help lists what it takes.\n"


def test_a_missing_file_of_users_opens_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--auth", str(tmp_path / "users"), "--library", str(tmp_path / "library")]) == 2
    assert "--add-user" in capsys.readouterr().err
    assert not (tmp_path / "library").exists()


def test_a_user_is_added_from_the_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert main(["--auth", str(tmp_path / "users"), "--add-user", "ann"]) == 0
    assert "ann can sign in" in capsys.readouterr().out
    assert Accounts(tmp_path / "users").check("ann", PASSWORD)


def test_a_port_in_use_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--library", str(tmp_path / "library")]) == 2
    assert f"Port {port} is in use" in capsys.readouterr().err


def test_a_library_that_cannot_be_opened_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    assert main(["--library", str(tmp_path / "file")]) == 2
    assert "Choose a folder" in capsys.readouterr().err


def test_everything_of_a_page_is_found_by_id_and_never_by_path(service: Service) -> None:
    for odd in ("../../library.db", "..%2Flibrary.db", "/etc/passwd", "0" * 63, "%", ""):
        find: Callable[[str], object] = Workspace(service).cover
        with pytest.raises(Exception, match="no such document"):
            find(odd)


def test_the_pages_looked_at_again_are_named_once_each() -> None:
    assert places([]) == ""
    assert places([place("A-3")]) == places([place("A-3")] * 2) == "page A-3"
    assert places(map(place, ["12", "40", "12"])) == "pages 12 and 40"
    assert places(map(place, ["i", "2", "3"])) == "pages i, 2 and 3"
    # A label that no person reads gives way to the page's number.
    assert places([place("d666f1f7-46cb-42bd-9a39-9a39cf2a509f", 3), "page 4"]) == "pages 3 and 4"
    found = [("d", "page 3"), ("e", "“Costs”"), ("d", "page 4"), ("f", "page 1")]
    assert places_of(found[:1] + found[2:3], {"d": "The Log"}) == "pages 3 and 4"
    several = places_of(found, {"d": "The Log", "e": "The Map"})
    assert several == "The Log, pages 3 and 4; The Map, “Costs”; A removed document, page 1"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("The *keeper*, **Hester**, paid `£1,130`.", "The keeper, Hester, paid £1,130."),
        ("## Costs\n\nA [map](https://example.org) ~~was~~ is.", "Costs\n\nA map was is."),
        ("> Never *touch* it.\n- one\n1. two", "Never touch it.\n- one\n1. two"),
        ("| oil | cost |\n| --- | ---: |\n| *whale* | £40 |", "oil | cost\nwhale | £40"),
        ("| | home | farm |\n| --- | --- | --- |\n| a year | £48 | |", "home | farm\na year | £48"),
        ("*One half.", "One half."),
        ("the other half.**", "the other half."),
        ("5 * 3 = 15, a*b, snake_case, f(*rest)", "5 * 3 = 15, a*b, snake_case, f(*rest)"),
        ("`f(*rest)`", "f(*rest)"),
        ("![a lamp](lamp.png) &amp; <script>", "a lamp & <script>"),
        ("# ", ""),
    ],
)
def test_markdown_is_shown_without_its_marks(written: str, read: str) -> None:
    assert plain_markdown(written) == read


def test_markdown_that_is_made_to_be_slow_is_shown_at_once() -> None:
    for hostile in ("|" + " " * 50_000 + "a", "# " * 20_000, ">" * 50_000, "*a **b " * 3_000, "[a](" * 3_000):
        with little_effort():
            plain_markdown(hostile)


def test_a_place_says_how_many_documents_are_read_if_it_knows(shown: Shown) -> None:
    read = replace(shown, state="ready")
    assert "2 documents, 1 read" in shelf.head(Place("a+b", "x", {"a": "x", "b": "y"}), [read, shown])
    many = shelf.head(Place("tag:x", "x", {str(number): "x" for number in range(60)}), [read] * 40)
    assert "60 documents</p>" in many
    assert "and 20 more" in many


def test_quotes_and_answers_of_markdown_lose_their_marks_and_those_of_other_texts_keep_them() -> None:
    words = "She paid *1,130* pounds."
    item = {"document_id": "d", "page": 1, "label": "1", "start_char": 0, "end_char": 9, "quote": words}
    turn = TurnRecord(0, "What?", words, [item], asdict(ANSWER), 0.0)
    conversation = ConversationRecord("c", "", ("d",), 0.0, (turn,))
    listed = {**item, "quote": "- She *paid*."}
    texts, markdown = Place("d", "x", {"d": "x"}), Place("d", "x", {"d": "x"}, frozenset({"d"}))
    run, row = Run("r", "", "x", 1, 0.0), {"document": "d", "question": "What?", "answer": words, "evidence": [item]}
    assert [about.plain([listed])[0]["quote"] for about in (texts, markdown)] == ["- She *paid*.", "She paid."]
    for about, shown, hidden in ((texts, "*1,130*", "paid 1,130"), (markdown, "paid 1,130", "*1,130*")):
        for html in (
            turns.finished(turn.answer, turn.counts, turn.evidence, about, 0),
            shelf.runs([run], [row], about),
            export.as_html(conversation, "x", about, lambda *_: None),
        ):
            assert html.count(shown) >= 2, "answer and quote"
            assert hidden not in html
