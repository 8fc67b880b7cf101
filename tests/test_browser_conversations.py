"""Questions in the browser: copied, asked again, edited, left, given back, exported, deleted, and shown on their page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from helpers.browser import (
    PHONE,
    QUESTION,
    Visit,
    chromium,
    page_questions,
    pytestmark,
    running,
    server,
    sync_api,
    visit,
)
from helpers.documents import WORDS, write_pdf
from helpers.server import Server

from reader.app.answer_queue import ANSWERS_AT_ONCE
from reader.documents import load
from storage import Store, new_owner

# Fixtures and marks of the browser tests, for these too.
__all__ = ["chromium", "pytestmark", "running", "server", "visit"]

WATCH_COPIED = """() => {
    new MutationObserver(() => {
        window.isCopied ||= [...document.querySelectorAll("#chat .act")].some((one) => one.textContent === "Copied");
    }).observe(document.getElementById("chat"), {subtree: true, childList: true, characterData: true});
}"""


def test_what_is_asked_in_another_window_is_shown(server: Server, visit: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(WORDS * 100)
    with visit(server) as window:
        window.page.set_input_files("#upload input[type=file]", tmp_path / "tale.txt")
        window.wait_until_ready()
        window.look_again("Never")
        window.ask("What was calm?")
        with visit(server, f"?{window.page.url.partition('?')[2]}") as other:
            answers = other.page.locator("#chat .answer")
            sync_api.expect(answers).to_have_count(1)
            window.ask("Who came?")
            sync_api.expect(answers).to_have_count(2)
            other.ask("And then?")
            sync_api.expect(window.page.locator("#chat .answer")).to_have_count(3)


def test_an_answer_can_be_copied_asked_again_edited_and_left(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text(WORDS * 100)
    two.write_text(WORDS * 120)
    with visit(server, color_scheme="dark", permissions=["clipboard-read", "clipboard-write"]) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", [one, two])
        rows = page.locator("#library button")
        sync_api.expect(rows).to_have_count(2)
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(2, timeout=180_000)
        window.wait_until_ready()
        window.look_again("Never")
        window.ask("What was calm?")
        answers = page.locator("#chat .answer")
        expected = answers.last.get_attribute("data-text")  # without the numbers of its sources
        window.shoot("answer-dark")

        page.evaluate(WATCH_COPIED)
        page.locator("#chat .act", has_text="Copy").last.click()
        page.wait_for_function("window.isCopied")  # said for a moment only
        assert page.evaluate("navigator.clipboard.readText()") == expected

        # "Look harder" answers the last question again, in its place.
        page.locator("#chat .act", has_text="Look harder").last.click()
        sync_api.expect(page.locator("#chat .cost summary")).to_have_text(re.compile("^Checked "))
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(1)
        window.ask("And the baker?")

        # Editing is seen, can be left, and keeps every turn: an earlier question is asked again in another conversation.
        page.locator("#chat .act", has_text="Edit").first.click()
        sync_api.expect(window.box()).to_have_value("What was calm?")
        sync_api.expect(window.box()).to_be_focused()
        sync_api.expect(page.locator("#editing")).to_contain_text(
            "editing question 1. It is asked in a new conversation"
        )
        window.box().press("Escape")
        sync_api.expect(page.locator("#editing")).to_be_hidden()
        sync_api.expect(window.box()).to_have_value("")
        page.locator("#chat .act", has_text="Edit").first.click()
        sync_api.expect(window.box()).to_have_value("What was calm?")
        window.box().fill("What was <b>lit</b>?")
        window.box().press("Enter")
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(1)
        sync_api.expect(page.locator("#chat .user-row")).to_have_text("What was <b>lit</b>?")
        sync_api.expect(page.locator("#editing")).to_be_hidden()
        sync_api.expect(page.locator("#chat .badge")).to_have_count(1)
        with Store(server.library) as store:
            asked = sorted([turn.question for turn in one.turns] for one in store.conversations.all())
        assert asked == [["What was <b>lit</b>?"], ["What was calm?", "And the baker?"]]

        # An answer that is left goes on without anybody looking.
        window.box().fill("And the harbour?")
        window.box().press("Enter")
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(2)
        rows.filter(has_text="two").click()
        sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
        rows.filter(has_text="one").click()
        sync_api.expect(page.locator("#chat .badge")).to_have_count(2)
        assert window.page.locator("#chat .user-row").last.inner_text().strip() == "And the harbour?"


def test_a_document_has_several_conversations_which_can_be_exported_and_deleted(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 60)
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        window.ask("What was <i>calm</i>?")
        page.locator("#new-talk").click()
        sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
        sync_api.expect(page.locator("#choice input")).to_have_value("New conversation")
        sync_api.expect(page.locator("#forget")).to_be_hidden()
        sync_api.expect(window.box()).to_be_focused()
        window.ask("Who is the baker?")
        window.ask("And the keeper?")
        sync_api.expect(page.locator("#whole-map .map")).to_be_hidden()
        page.locator("#whole-map summary").click()
        sync_api.expect(page.locator("#whole-map .map")).to_be_visible()
        sync_api.expect(page.locator("#whole-map .legend")).to_contain_text("darker")
        with page.expect_download() as begun:
            page.locator("#download summary").click()
            page.locator("#download a").first.click()
        exported = Path(begun.value.path()).read_text()
        assert begun.value.suggested_filename == "one.md"
        assert [line for line in exported.splitlines() if line.startswith("## ")] == [
            "## Who is the baker?",
            "## And the keeper?",
        ]
        assert "> Page 1" in exported
        # In a tab of its own, where a refusal can be read: a random decoder may say what no font can show.
        sync_api.expect(page.locator("#download a").last).to_have_attribute(
            "href", re.compile(r"^conversation/\w+\?form=pdf$")
        )
        page.locator("#choice input").click()
        page.get_by_role("option", name="What was <i>calm</i>?").click()
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(1)
        page.locator("#forget").click()
        page.locator("#confirm-forget").get_by_role("button", name="Keep").click()
        sync_api.expect(page.locator("#confirm-forget")).to_be_hidden()
        page.locator("#forget").click()
        page.locator("#confirm-forget").get_by_role("button", name="Delete").click()
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(2)
        window.reload()
        sync_api.expect(page.locator("#chat .user-row")).to_have_count(2)
    with Store(server.library) as store:
        (talk,) = store.conversations.all()
        store.user_documents.rename("", talk.document_ids[0], "Über / die Flut")
        said = store.conversations.add(talk.document_ids)
        store.conversations.add_turn(said, "And the keeper?", "He wrote it in the book.")
    answer = httpx.get(f"{server.address}conversation/{said.id}?form=pdf")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%9Cber-die-Flut.pdf"
    (tmp_path / "one.pdf").write_bytes(answer.content)
    text = load(tmp_path / "one.pdf").text
    assert "And the keeper?" in text
    assert "He wrote it in the book." in text


def test_evidence_opens_its_page_with_the_quote_marked_on_a_picture_or_in_the_text(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    hostile = '<img src=x onerror="window.hacked=1"> '
    pdf = write_pdf(tmp_path / "a.pdf", [f"Page {n}. {WORDS} {hostile}" for n in range(1, 8)], title="Drawn " + hostile)
    text = tmp_path / "b.txt"
    text.write_text((hostile + WORDS) * 40)
    with visit(server) as window:
        page = window.page
        for file, shown in ((text, "#viewer mark"), (pdf, "#viewer .box")):
            page.set_input_files("#upload input[type=file]", file)
            sync_api.expect(page.locator("#head")).to_contain_text(file.stem if file == text else "Drawn")
            sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
            window.wait_until_ready()
            window.ask("What did the keeper write in the book?")
            card = page.locator("#chat .card").first
            place = re.search(r"Page (\d+)", card.inner_text())
            assert place
            card.click()
            page.locator(shown).first.wait_for()
            sync_api.expect(page.locator("#viewer header")).to_contain_text(f"Page {place[1]} of")
        page.wait_for_function("document.querySelector('#viewer img').naturalWidth === 1000")
        window.shoot("evidence")
        window.check_size()
        window.check_access()
        # Where the words are on the picture, and in sight.
        inside = page.evaluate(
            """() => { const mark = document.querySelector("#viewer .box"), box = mark.getBoundingClientRect();
                const paper = document.querySelector("#viewer img").getBoundingClientRect();
                const sheet = document.querySelector("#viewer .sheet").getBoundingClientRect();
                const shares = [(box.top - paper.top) / paper.height, (box.left - paper.left) / paper.width];
                const said = [parseFloat(mark.style.top) / 100, parseFloat(mark.style.left) / 100];
                return shares.every((share, axis) => Math.abs(share - said[axis]) < 0.005)
                    && box.top >= sheet.top - 1 && box.bottom <= sheet.bottom + 1 && box.width > 20 && box.height > 4; }"""
        )
        assert inside
        page.locator("#chat .cost summary").click()
        page.locator("#chat .cell").nth(2).click()
        sync_api.expect(page.locator("#viewer header")).to_contain_text("Page 3 of 7")
        page.get_by_label("Next page").click()
        sync_api.expect(page.locator("#viewer header")).to_contain_text("Page 4 of 7")
        page.keyboard.press("Escape")
        sync_api.expect(page.locator("#viewer header")).to_have_count(0)

        # By keyboard alone: an arrow along the map, Enter, and back to where one was.
        page.locator("#chat .cell").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        sync_api.expect(page.locator("#viewer header")).to_contain_text("Page 2 of 7")
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.page") == "2"

        page.set_viewport_size(PHONE)
        sync_api.expect(page.locator("#viewer")).to_be_hidden()
        page.locator("#chat .card").first.click()
        page.locator("#viewer .box").first.wait_for()
        window.check_size()
        window.check_access()
        window.shoot("evidence-390")
        page.get_by_label("Close the page").click()
        sync_api.expect(page.locator("#viewer")).to_be_hidden()
        assert page.evaluate("window.hacked") is None


def test_a_question_that_waits_says_so_and_is_given_back_when_it_is_stopped(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 100)
    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", tmp_path / "one.txt")
        window.wait_until_ready()
        sync_api.expect(window.box()).to_be_enabled()
        with Store(server.library) as store:
            (document,) = store.documents()
            busy = [store.conversations.add([document.id], "ann") for _ in range(ANSWERS_AT_ONCE)]
            for number in range(400):  # somebody else's, in as many conversations as are answered at once
                talk = busy[number % len(busy)]
                store.questions.add("ann", document.id, talk.id, f"{number}: {QUESTION}", {"look_again": 2000}, None)
            window.box().fill("What was calm?")
            window.box().press("Enter")
            sync_api.expect(page.locator("#chat .pending")).to_have_text(
                re.compile("^(Waiting|Looking|Re-reading) .+ …$")
            )
            sync_api.expect(page.locator("#choice input")).to_have_value(re.compile(r"^What was calm\?"))
            page.get_by_role("button", name="Stop", exact=True).click()
            sync_api.expect(window.box()).to_have_value("What was calm?")
            sync_api.expect(page.get_by_role("button", name="Send")).to_be_visible()
            sync_api.expect(page.locator("#chat .message-row")).to_have_count(0)
            assert store.conversations.all() == []
            assert store.questions.waiting("") == []
            assert store.questions.waiting("ann"), "the question was next before it was stopped"
            for question in store.questions.waiting("ann"):
                store.questions.remove(question.id)
        assert window.ask("What was calm?")  # and the decoder is free for the next


WATCH_QUESTIONS = """() => {
    window.questions = [];
    new MutationObserver(() => {
        for (const row of document.querySelectorAll("#chat .user-row")) window.questions.push(row.textContent.trim());
    }).observe(document.getElementById("chat"), {subtree: true, childList: true, characterData: true});
}"""


def ask_from_memory(window: Visit, file: Path) -> None:
    """Add a file and begin a conversation about it, whose answers come soon: nothing is looked at again."""
    window.page.set_input_files("#upload input[type=file]", file)
    window.wait_until_ready()
    window.look_again("Never")
    window.ask("What was calm?")


@pytest.mark.slow
@pytest.mark.parametrize("to", ["a new conversation", "another conversation"])
def test_a_conversation_that_was_left_while_it_was_answered_is_not_shown_again(
    server: Server, visit: Callable[..., object], tmp_path: Path, to: str
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 100)
    with visit(server) as window, Store(server.library) as store:
        page, asked = window.page, page_questions(window.page)
        ask_from_memory(window, tmp_path / "one.txt")
        page.locator("#new-talk").click()
        sync_api.expect(asked).to_have_count(0)
        # Its answer takes a while: older questions come before it, and their answers are long.
        (document,) = store.documents()
        for number in range(2 * ANSWERS_AT_ONCE):
            talk = store.conversations.add([document.id], asked_by="test")
            store.questions.add("", document.id, talk.id, f"{number}: {QUESTION}", {"look_again": 2000}, None)
        window.box().fill("Who is left?")
        window.box().press("Enter")
        sync_api.expect(asked).to_have_text(["Who is left?"])
        sync_api.expect(page.locator("#choice input")).to_have_value(re.compile(r"^Who is left\?"))
        if to == "a new conversation":
            page.locator("#new-talk").click()
            sync_api.expect(asked).to_have_count(0)
        else:
            page.locator("#choice input").click()
            page.get_by_role("option", name=re.compile(r"^What was calm\?")).click()
            sync_api.expect(asked).to_have_text(["What was calm?"])
        page.evaluate(WATCH_QUESTIONS)
        end = time.monotonic() + 300
        while store.questions.waiting(""):
            assert time.monotonic() < end, "the answers have not come"
            time.sleep(0.05)
        window.ask("And the sea?")  # whatever was sent before has come by then
        assert "Who is left?" not in page.evaluate("window.questions")
        sync_api.expect(asked).to_have_text(["And the sea?"] if "new" in to else ["What was calm?", "And the sea?"])


def test_another_document_shows_its_own_conversation_however_often_it_is_opened_meanwhile(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(f"The {name}fold way. " + WORDS * 20)
    with visit(server) as window, Store(server.library) as store:
        page, asked = window.page, page_questions(window.page)
        page.set_input_files("#upload input[type=file]", [tmp_path / "one.txt", tmp_path / "two.txt"])
        rows = page.locator("#library button")
        sync_api.expect(rows.filter(has_text="ready")).to_have_count(2, timeout=180_000)
        sync_api.expect(page.locator(".document h2")).to_have_text("one")
        document = next(document for document in store.documents() if document.title == "one")
        talk = store.conversations.add([document.id])
        # This process is alive, so the server leaves the question to it: the answer does not come before the test ends.
        store.questions.add("", document.id, talk.id, "Who is left?", {}, new_owner())
        for name, questions in (("two", 0), ("one", 1), ("two", 0), ("one", 1), ("two", 0)):
            rows.filter(has_text=name).click()
            sync_api.expect(page.locator(".document h2")).to_have_text(name)
            sync_api.expect(asked).to_have_count(questions)
        assert store.questions.waiting("")


def test_the_way_back_leads_through_pages_and_documents(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(f"The {name}fold way. " + WORDS * 20)
    with visit(server, viewport=PHONE) as window:
        page, title = window.page, window.page.locator("#main .document h2")
        page.set_input_files("#upload input[type=file]", [tmp_path / "one.txt", tmp_path / "two.txt"])
        sync_api.expect(title).to_have_text("one")
        page.locator("button.read").click()
        viewer = page.locator("#viewer header")
        sync_api.expect(viewer).to_be_visible()
        window.reload_in_place()
        sync_api.expect(viewer).to_have_count(1)
        window.step(-1)
        sync_api.expect(viewer).to_have_count(0)
        sync_api.expect(title).to_have_text("one")
        window.go("library")
        page.locator("#library .entry").filter(has_text="two").click()
        sync_api.expect(title).to_have_text("two")
        window.step(-1)
        sync_api.expect(title).to_have_text("one")
        window.step(1)
        sync_api.expect(title).to_have_text("two")
        page.locator("button.read").click()
        page.locator("#viewer").get_by_label("Close the page").click()
        sync_api.expect(viewer).to_have_count(0)
        window.step(-1)
        sync_api.expect(title).to_have_text("one")
        # An address that leads to nothing opens nothing else.
        window.reload(f"{server.address}?document={'0' * 64}")
        sync_api.expect(page.locator(".toast-body")).to_contain_text("is not in your library")
        sync_api.expect(title).to_be_hidden()


def test_a_conversation_can_be_deleted_while_it_is_answered(
    server: Server, visit: Callable[..., object], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text(WORDS * 20)
    with visit(server) as window, Store(server.library) as store:
        page, asked = window.page, page_questions(window.page)
        ask_from_memory(window, tmp_path / "one.txt")
        (talk,) = store.conversations.all()
        store.questions.add("", talk.document_ids[0], talk.id, "Who is left?", {}, new_owner())  # answered nowhere
        window.reload()
        sync_api.expect(asked).to_have_text(["What was calm?", "Who is left?"])
        page.locator("#forget").click()
        page.locator("#confirm-forget").get_by_role("button", name="Delete").click()
        sync_api.expect(asked).to_have_count(0)
        sync_api.expect(page.locator("#talks")).to_be_hidden()
        assert store.conversations.all() == []
        window.ask("And the sea?")  # whatever was sent before has come by then
        sync_api.expect(asked).to_have_text(["And the sea?"])
        sync_api.expect(page.locator(".toast-body")).to_have_count(0)
