"""Reading a document in the browser: its pages, its contents, what is found and asked on them, and the keys for it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
import typst
from helpers.browser import DESKTOP, PHONE, chromium, pytestmark, sync_api, visit
from helpers.documents import write_outlined_pdf, write_pdf
from helpers.formats import write_docx, write_epub, xhtml
from helpers.server import Server
from PIL import Image

from reader.app.page.refresh import IDLE_POLL_SECONDS

__all__ = ["chromium", "pytestmark", "visit"]  # fixtures and marks of the browser tests, for these too
expect = sync_api.expect
ZOOMED = {"width": 640, "height": 400}

HANDBOOK = """# The Mill

A book about **the mill**. <script>window.hacked = 1</script> [Elsewhere](https://example.org) ![a wheel](https://example.org/x.png)

## Rules

1. Keep the *red key* in your pocket.
2. Never run the stones empty, said Walter Pettifer.

| part | weight |
| --- | --- |
| stone | 9 |

## Weather

Foul weather comes with Walter Pettifer. The brass nail and Walter Pettifer are old friends. The red key hangs dry.
"""


ARABIC = """# كتاب البحر

كتب الحارس في الدفتر أن البحر كان هادئًا.

- أولاً: السفينة

| الخط | الأجرة |
| --- | --- |
| ١ | ٣ دنانير |

The keeper wrote it.
"""


TITLES = {
    "mill.md": "The Mill",
    "loom.md": "The Loom",
    "tide.pdf": "The Tide",
    "bahr.md": "كتاب البحر",
    "wheel.pdf": "The Wheel",
    "wheel.epub": "The Lamp",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("reader")
    server = Server(folder / "library", str(tiny_folder("llama", max_positions=8192)), folder / "cache")
    server.start()
    (folder / "mill.md").write_text(HANDBOOK)
    (folder / "loom.md").write_text(HANDBOOK.replace("Mill", "Loom"))
    (folder / "bahr.md").write_text(ARABIC)
    lines = (f"Line {number} tells of the tide." + " The beacon burns." * (number == 40) for number in range(60))
    (folder / "lines.txt").write_text("\n\n".join(lines))
    write_pdf(folder / "sea.pdf", ["The sea was calm. The keeper slept.", "A letter came with the tide."])
    write_outlined_pdf(folder / "tide.pdf")
    _write_wheel(folder)
    _write_plate(folder)
    yield server
    server.kill()


def _write_wheel(folder: Path) -> None:
    """A PDF and an EPUB with a picture and its caption."""
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="200"><circle cx="160" cy="100" r="80"/></svg>'
    )
    (folder / "wheel.svg").write_text(drawing)
    (folder / "wheel.typ").write_text(
        '#set document(title: "The Wheel")\n= The Wheel\nIt hangs on a shaft, which is of oak.\n'
        '#figure(image("wheel.svg"), caption: [The wheel, seen from the quay.])\nBelow it runs the race.\n'
    )
    (folder / "wheel.pdf").write_bytes(typst.compile(folder / "wheel.typ", root=folder, format="pdf"))
    write_epub(
        folder / "wheel.epub",
        {
            "wheel.xhtml": xhtml(
                '<p>It hangs on a shaft.</p><figure><img src="wheel.svg" alt=""/>'
                "<figcaption>Figure 1. The wheel, seen from the quay.</figcaption></figure><p>Below it runs the race.</p>"
            )
        },
    )


def _write_plate(folder: Path) -> None:
    """A Word file with a picture, wider than a phone."""
    picture = BytesIO()
    Image.new("RGB", (900, 300), "teal").save(picture, "PNG")
    drawing = '<w:drawing><docPr descr="A mill by a quay"/><blip xmlns:r="r" r:embed="p"/></w:drawing>'
    runs = (
        "<w:t>It stands on a quay.</w:t>",
        drawing,
        "<w:t>Figure 1. The mill.</w:t>",
        "<w:t>Below it runs the race.</w:t>",
    )
    more: dict[str, str | bytes] = {
        "word/_rels/document.xml.rels": '<r><Relationship Id="p" Target="plate.png"/></r>',
        "word/plate.png": picture.getvalue(),
    }
    write_docx(folder / "plate.docx", "".join(f"<w:p><w:r>{run}</w:r></w:p>" for run in runs), more)


@pytest.fixture
def opened(visit: Callable[..., object], server: Server) -> Callable[..., object]:
    """A visit that has a document of this name open, with its first page beside the questions."""

    def opened(name: str, viewport: dict[str, int] = DESKTOP, **options: object):
        entering = visit(server, viewport=viewport, **options)

        class Opened:
            def __enter__(self):
                self.visit = entering.__enter__()
                page, title = self.visit.page, TITLES.get(name, Path(name).stem)
                row = page.locator("#library .entry").filter(has_text=title)
                self.visit.go("library")
                page.locator("#upload input[type=file]").set_input_files(server.library.parent / name)
                expect(page.locator("#head h2")).to_have_text(title)
                self.visit.go("library")
                expect(row).to_be_visible()
                self.visit.go("chat")
                page.locator("button.read").click()
                page.locator("#viewer header").wait_for()
                return self.visit

            def __exit__(self, *error: object):
                return entering.__exit__(*error)

        return Opened()

    return opened


def place(window, number: int) -> None:
    expect(window.page.locator("#viewer header")).to_have_attribute("data-page", str(number))


def test_a_document_is_opened_and_read_without_asking(opened: Callable[..., object]) -> None:
    with opened("mill.md") as window:
        page = window.page
        text = page.locator("#viewer .text")
        expect(text.locator("h1")).to_have_text("The Mill")
        expect(text.locator("strong")).to_have_text("the mill")
        # A stranger's markup is text, a picture from elsewhere is its words, a link leads out of this window.
        expect(text).to_contain_text("<script>window.hacked = 1</script>")
        expect(page.locator("#glance")).to_contain_text("Keep the red key in your pocket.")  # without its marks
        assert page.evaluate("window.hacked") is None
        assert text.locator("img").count() == 0
        expect(text.locator("a")).to_have_attribute("rel", "noopener noreferrer nofollow")
        page.locator("#viewer .contents summary").click()
        page.locator("#viewer .contents button").filter(has_text="Rules").click()
        place(window, 2)
        expect(text.locator("ol > li")).to_have_count(2)
        expect(text.locator("td").first).to_have_text("stone")
        page.locator("#go-to").fill("3")
        page.locator("#go-to").press("Enter")
        place(window, 3)
        page.locator("#go-to").fill("77")
        page.locator("#go-to").press("Enter")
        expect(page.locator("#go-to")).to_have_value("3")
        window.check_access()


def test_words_that_run_from_right_to_left_are_set_so(opened: Callable[..., object]) -> None:
    way = """element => {
        const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        const text = walker.nextNode();
        const left = (at) => {
            const range = document.createRange();
            range.setStart(text, at);
            range.setEnd(text, at + 1);
            return range.getBoundingClientRect().left;
        };
        return left(0) < left(text.data.trimEnd().length - 1) ? "right" : "left";
    }"""
    with opened("bahr.md") as window:
        page = window.page
        text = page.locator("#viewer .text")
        for place in (page.locator("#head h2"), text.locator("h1"), text.locator("p").first):
            assert place.evaluate(way) == "left"
        assert text.locator("p").last.evaluate(way) == "right"
        ways = text.locator("ul, table").evaluate_all("all => all.map(one => getComputedStyle(one).direction)")
        assert ways == ["rtl", "rtl"]
        first, second = (cell.bounding_box()["x"] for cell in text.locator("th").all())
        assert first > second, "the first column is not on the right"


def test_words_are_found_page_after_page_and_marked(opened: Callable[..., object]) -> None:
    with opened("mill.md") as window:
        page = window.page
        page.keyboard.press("/")
        page.keyboard.type("RED key")
        page.keyboard.press("Enter")
        place(window, 2)
        expect(page.locator("#viewer mark")).to_have_text("red key")
        expect(page.locator("#viewer .hits")).to_have_text("2 pages")
        expect(page.locator("#find")).to_be_focused()
        page.keyboard.press("Enter")  # the next place
        place(window, 3)
        page.get_by_label("Previous match").click()
        place(window, 2)
        page.locator("#find").fill("nowhere at all")
        page.locator("#find").press("Enter")
        expect(page.locator("#viewer .hits")).to_have_text("Not found")


def test_pages_are_turned_enlarged_and_closed_by_keys(opened: Callable[..., object]) -> None:
    with opened("sea.pdf") as window:
        page = window.page
        page.locator("#viewer .sheet").focus()
        page.keyboard.press("ArrowRight")
        place(window, 2)
        page.keyboard.press("ArrowRight")  # there is no third
        page.keyboard.press("ArrowLeft")
        place(window, 1)
        before = page.locator("#viewer .paper").bounding_box()["width"]
        page.keyboard.press("+")
        page.wait_for_function(f"document.querySelector('#viewer .paper').offsetWidth > {before + 10}")
        page.keyboard.press("-")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        window.check_access()
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        place(window, 1)  # Escape closed the list alone
        page.keyboard.press("q")
        expect(window.box()).to_be_focused()
        page.keyboard.type("a / ? question")  # typed, not taken for keys
        expect(window.box()).to_have_value("a / ? question")
        page.keyboard.press("Escape")
        expect(page.locator("#viewer header")).to_have_count(0)


def test_what_is_selected_can_be_asked_about(opened: Callable[..., object]) -> None:
    with opened("sea.pdf") as window:
        page = window.page
        page.locator("#viewer").get_by_role("button", name="Text").click()
        text = page.locator("#viewer article.text p").first
        text.click(click_count=3)
        ask = page.get_by_role("button", name="Ask about this")
        assert ask.bounding_box()["x"] >= text.bounding_box()["x"]
        ask.click()
        expect(window.box()).to_have_value("What does this mean: “The sea was calm. The keeper slept.”?")
        expect(window.box()).to_be_focused()
        page.locator("#viewer").get_by_role("button", name="Picture").click()
        expect(page.locator("#viewer .sheet img")).to_be_visible()


@pytest.mark.parametrize("viewport", [pytest.param(DESKTOP, marks=pytest.mark.slow), PHONE], ids=["desktop", "phone"])
def test_pictures_and_their_captions_stand_where_they_belong(
    opened: Callable[..., object], viewport: dict[str, int]
) -> None:
    with opened("wheel.pdf", viewport) as window:
        page = window.page
        picture = page.locator("#viewer .sheet img")
        expect(picture).to_be_visible()
        page.wait_for_function("document.querySelector('#viewer .sheet img').naturalWidth > 0")
        tools, sheet = page.locator("#viewer .tools"), page.locator("#viewer .sheet")
        assert tools.bounding_box()["height"] < 90  # type: ignore[index]  # two lines on a phone
        assert sheet.bounding_box()["height"] > 300  # type: ignore[index]
        page.locator("#viewer").get_by_role("button", name="Text").click()
        lines = page.locator("#viewer article.text p")
        expect(lines.filter(has_text="Figure 1")).to_have_text("Figure\xa01: The wheel, seen from the quay.")
        window.check_size()
    with opened("wheel.epub", viewport) as window:
        page = window.page
        lines = page.locator("#viewer article.text p")
        expect(lines).to_have_text(
            ["It hangs on a shaft.", "Figure 1. The wheel, seen from the quay.", "Below it runs the race."]
        )
        lines.nth(1).click(click_count=3)
        page.get_by_role("button", name="Ask about this").click()
        expect(window.box()).to_have_value("What does this mean: “Figure 1. The wheel, seen from the quay.”?")


@pytest.mark.parametrize("viewport", [pytest.param(DESKTOP, marks=pytest.mark.slow), PHONE], ids=["desktop", "phone"])
def test_a_picture_is_shown_between_the_words_of_its_file(
    opened: Callable[..., object], viewport: dict[str, int]
) -> None:
    with opened("plate.docx", viewport) as window:
        page = window.page
        picture = page.get_by_role("img", name="A mill by a quay")
        expect(picture).to_be_visible()
        page.wait_for_function("document.querySelector('#viewer .text img').naturalWidth === 900")
        text, box = (page.locator(one).bounding_box() for one in ("#viewer .text", "#viewer .text img"))
        assert text is not None
        assert box is not None
        assert box["width"] <= text["width"]
        assert box["height"] == pytest.approx(box["width"] / 3, abs=2)
        tops = [one.bounding_box()["y"] for one in page.locator("#viewer article.text p").all()]  # type: ignore[index]
        expect(page.locator("#viewer article.text p").nth(2)).to_have_text("Figure 1. The mill.")
        assert tops[0] < box["y"] < tops[2] < tops[3]
        window.shoot(f"picture-{viewport['width']}")
        window.check_size()
        window.check_access()


def test_a_draft_outlives_a_reload(opened: Callable[..., object]) -> None:
    with opened("sea.pdf") as window:
        window.wait_until_ready()
        window.box().fill("Half a quest")
        window.reload()
        expect(window.box()).to_have_value("Half a quest")
        # What the server never heard is not lost either.
        window.page.route("**/queue/join*", lambda route: route.abort())
        window.box().fill("A whole question?")
        window.box().press("Enter")
        window.page.locator(".toast-body").wait_for()
        window.page.unroute("**/queue/join*")
        window.reload()
        expect(window.box()).to_have_value("A whole question?")
        window.ask("A whole question?")
        window.reload()
        expect(window.page.locator("#chat .badge")).to_have_count(1)
        expect(window.box()).to_have_value("")
        window.complaints.clear()  # of what was not heard


def test_a_document_shows_questions_worth_asking_and_asks_them(opened: Callable[..., object]) -> None:
    with opened("mill.md") as window:
        page = window.page
        window.wait_until_ready()
        ideas = page.locator("#glance .ideas button")
        expect(ideas.first).to_have_text("What is this document about?")
        assert "Who is Walter Pettifer?" in ideas.all_text_contents()
        expect(page.locator("#glance .outline li").filter(has_text="Weather").locator("p")).to_have_count(1)
        page.locator("#glance .outline button").filter(has_text="Weather").click()
        place(window, 3)
        ideas.first.click()
        expect(page.locator("#chat .answer")).to_contain_text("Rules: ")
        expect(page.locator("#glance .ideas")).to_have_count(0)
        page.locator("#download summary").click()
        with page.expect_download() as begun:
            page.locator("#download a").nth(1).click()
        exported = Path(begun.value.path()).read_text()
        assert begun.value.suggested_filename == "The-Mill.html"
        assert "What is this document about?" in exported
        assert "<script" not in exported
        assert not re.search(r"(href|src)=[\"']?http", exported)


def test_what_is_added_before_the_page_has_opened_something_itself_stays_open(
    opened: Callable[..., object], server: Server
) -> None:
    with opened("mill.md") as window:
        page = window.page
        window.wait_until_ready()
        window.ask("What hangs dry?")  # what the page opens by itself
        loads = page.evaluate(
            """() => window.gradio_config.dependencies
                .filter((one) => one.targets.some(([, name]) => name === "load")).map((one) => one.id)"""
        )
        held: list[sync_api.Route] = []

        def hold_loading(route: sync_api.Route) -> None:
            is_loading = route.request.post_data_json["fn_index"] in loads
            held.append(route) if is_loading else route.continue_()

        page.route("**/queue/join*", hold_loading)
        window.reload(server.address)
        page.locator("#upload input[type=file]").set_input_files(server.library.parent / "tide.pdf")
        expect(page.locator("#head h2")).to_have_text("The Tide")
        assert len(held) == len(loads)
        for route in held:
            route.continue_()
        page.unroute_all(behavior="ignoreErrors")
        window.wait_until_ready()
        window.ask("What was calm?")  # whatever was sent before has come by then
        expect(page.locator("#head h2")).to_have_text("The Tide")


def test_what_comes_before_the_page_knows_that_its_question_was_taken_is_shown(opened: Callable[..., object]) -> None:
    with opened("loom.md") as window:
        page = window.page
        window.wait_until_ready()
        tick = page.evaluate(
            "window.gradio_config.dependencies.find((one) => one.targets.some(([, name]) => name === 'tick')).id"
        )

        def answer_late(route: sync_api.Route) -> None:
            """Hold the answer back until the page has looked for news, and has been told all that was done meanwhile."""
            answer = route.fetch()
            if route.request.post_data_json["fn_index"] != tick:
                page.wait_for_timeout(1500 * IDLE_POLL_SECONDS)
            route.fulfill(response=answer)

        page.locator("#glance .ideas button").first.wait_for()
        page.route("**/queue/join*", answer_late)
        page.locator("#glance .ideas button").first.click()
        expect(page.locator("#chat .answer")).to_contain_text("Rules: ")
        assert page.locator("#question[data-told]").count() == 0  # nothing is looked for any more
        expect(page.locator("#download summary")).to_be_visible()
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        page.unroute_all(behavior="ignoreErrors")


def test_the_contents_of_a_pdf_are_its_outline(opened: Callable[..., object]) -> None:
    with opened("tide.pdf") as window:
        page = window.page
        page.locator("#viewer .contents summary").click()
        entries = page.locator("#viewer .contents button")
        expect(entries).to_have_text(
            [re.compile(rf"^{row}$") for row in ("Calm ?page 2", "The Letter ?page 4", "Index ?page 6")]
        )
        entries.filter(has_text="The Letter").click()
        place(window, 4)
        expect(page.locator("#viewer header")).to_contain_text("page 3, “The Letter”")


def test_the_arrow_of_the_chat_lies_over_no_button(opened: Callable[..., object]) -> None:
    with opened("loom.md") as window:
        page = window.page
        page.keyboard.press("Escape")
        window.wait_until_ready()
        for number in range(3):
            window.ask(f"What is thread {number}?")
        # Gradio scrolls down by itself now and then, and takes the arrow away.
        left = page.wait_for_function(
            """() => {
                const chat = document.querySelector("#chat .bubble-wrap");
                chat.style.maxHeight = "160px";
                chat.scrollTop = 0;
                return document.querySelector("#chat .scroll-down-button-container")?.getBoundingClientRect().left;
            }"""
        ).json_value()
        ends = page.locator("#chat .foot .act").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
        assert max(ends) <= left


@pytest.mark.parametrize("viewport", [pytest.param(DESKTOP, marks=pytest.mark.slow), PHONE], ids=["desktop", "phone"])
def test_answers_are_kept_as_a_document_and_asked(opened: Callable[..., object], viewport: dict[str, int]) -> None:
    with opened("mill.md", viewport) as window:
        page = window.page
        page.keyboard.press("Escape")
        window.wait_until_ready()
        window.ask(f"What hangs dry, on {viewport['width']}?")
        page.locator("#download summary").click()
        keep = page.get_by_role("button", name="Keep as a document")
        expect(keep).to_be_visible()
        assert page.locator("#download details > div").evaluate(
            """menu => {
                const {left, right, top, bottom} = menu.getBoundingClientRect();
                const corners = [[left + 4, top + 12], [right - 4, bottom - 12]];
                return corners.every(([x, y]) => menu.contains(document.elementFromPoint(x, y)));
            }"""
        ), "the menu is cut off"
        window.check_size()
        window.check_access()
        window.shoot(f"keep-answers-{viewport['width']}")
        keep.click()
        expect(page.locator("#head h2")).to_have_text("Answers about The Mill")
        expect(keep).to_be_hidden()
        window.wait_until_ready()
        page.locator("button.read").click()
        expect(page.locator("#viewer .text")).to_contain_text("Answers about The Mill")
        page.locator("#viewer .contents summary").click()
        page.locator("#viewer .contents button").filter(has_text=f"on {viewport['width']}").click()
        expect(page.locator("#viewer .text")).to_contain_text(f"What hangs dry, on {viewport['width']}?")
        page.keyboard.press("Escape")
        window.ask("What was asked?")
        window.shoot(f"kept-answers-{viewport['width']}")
        window.open_details()
        page.locator("#remove").click()
        page.locator("#confirm button").filter(has_text="Remove").click()
        window.go("library")
        expect(page.locator("#library .entry").filter(has_text="Answers about")).to_have_count(0)


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [
        (PHONE, "dark"),
        (ZOOMED, "light"),
        pytest.param(PHONE, "light", marks=pytest.mark.slow),
        pytest.param(ZOOMED, "dark", marks=pytest.mark.slow),
    ],
    ids=["phone, dark", "zoomed, light", "phone, light", "zoomed, dark"],
)
def test_reading_fits_small_screens(opened: Callable[..., object], viewport: dict[str, int], scheme: str) -> None:
    with opened("mill.md", viewport, color_scheme=scheme) as window:
        page = window.page
        expect(page.locator("#viewer .text")).to_be_visible()
        window.check_size()
        window.check_access()
        assert page.locator("#viewer .text").bounding_box()["height"] > viewport["height"] / 3
        window.shoot(f"reading-{viewport['width']}-{scheme}")


@pytest.mark.parametrize(
    "viewport", [pytest.param(DESKTOP, marks=pytest.mark.slow), PHONE, ZOOMED], ids=["desktop", "phone", "zoomed"]
)
def test_what_is_marked_is_in_view(opened: Callable[..., object], viewport: dict[str, int]) -> None:
    with opened("lines.txt", viewport) as window:
        page = window.page
        page.locator("#find").fill("beacon burns")
        page.locator("#find").press("Enter")
        expect(page.locator("#viewer mark")).to_have_text("beacon burns")
        page.wait_for_function("""() => {
            const [mark, text] = ["mark", ".text"].map((one) => document.querySelector(`#viewer ${one}`).getBoundingClientRect());
            return mark.top > text.top && mark.bottom < text.top + text.height / 2;
        }""")


@pytest.mark.parametrize("width", [pytest.param(390, marks=pytest.mark.slow), 360])
def test_the_bar_of_a_conversation_takes_one_line_on_a_phone(opened: Callable[..., object], width: int) -> None:
    with opened("loom.md", {"width": width, "height": 740}) as window:
        page = window.page
        window.go("chat")
        window.wait_until_ready()
        window.ask("What is this document about?")
        line = page.locator("#bar :is(#choice, button, summary):visible")
        expect(line).to_have_count(3)  # the conversation, a new one, and a menu
        boxes = [one.bounding_box() for one in line.all()]
        assert len({round(box["y"] + box["height"] / 2) // 4 for box in boxes if box}) == 1
        assert all(box and min(box["width"], box["height"]) >= 24 for box in boxes)
        page.locator("#bar summary").click()
        inside = page.locator("#bar details.menu > div > *:visible")
        assert inside.all_inner_texts() == [
            *("Export: Markdown", "Export: Web page", "Export: PDF", "Keep as a document"),
            *("Delete this conversation", "Question table", "Details"),
        ]
        window.check_size()
        window.check_access()
        window.shoot(f"bar-{width}")
        page.get_by_role("button", name="Details", exact=True).click()
        page.locator("#save").wait_for()
        page.locator("#details button.label-wrap").click()
        expect(page.locator("#save")).to_be_hidden()
        expect(line).to_have_count(3)
        window.press_in_bar("Delete this conversation")
        page.locator("#confirm-forget").get_by_role("button", name="Delete").click()
        expect(page.locator("#chat .message-row")).to_have_count(0)


def test_nothing_of_the_details_shows_through_the_question(opened: Callable[..., object]) -> None:
    with opened("loom.md", ZOOMED) as window:
        window.go("chat")
        window.open_details()
        through = """box => {
            const place = box.getBoundingClientRect();
            const over = new Set();
            for (let scrolled = 0; scrolled < 400; scrolled += 8) {
                document.getElementById("document").scrollTop = scrolled;
                for (let x = place.left + 8; x < place.right - 8; x += 16) {
                    for (let y = place.top + 6; y < place.bottom - 6; y += 6) {
                        const top = document.elementFromPoint(x, y);
                        if (!top.closest("#question")) over.add(top.outerHTML.slice(0, 80));
                    }
                }
            }
            return [...over];
        }"""
        assert window.box().evaluate(through) == []


def test_the_first_step_is_seen_at_once_on_a_low_screen(visit: Callable[..., object], tmp_path: Path) -> None:
    empty = Server(tmp_path / "library", "none", tmp_path / "cache")
    empty.start()
    try:
        with visit(empty, viewport=ZOOMED) as window:
            expect(window.page.locator("#first-sample")).to_be_in_viewport(ratio=1)
            expect(window.page.locator("#upload button")).to_be_visible()
            window.shoot("start-640")
    finally:
        empty.kill()


def test_a_long_title_takes_one_line_on_a_low_screen(opened: Callable[..., object]) -> None:
    with opened("mill.md", {"width": 844, "height": 390}) as window:
        window.page.keyboard.press("Escape")
        expect(window.page.locator("#viewer header")).to_have_count(0)
        title = window.page.locator("#head h2")
        assert (
            title.evaluate("one => { one.textContent = 'A very long title '.repeat(20); return one.clientHeight; }")
            < 40
        )


def test_the_invitation_to_ask_is_whole_beside_a_page_and_the_details(opened: Callable[..., object]) -> None:
    with opened("mill.md") as window:
        window.wait_until_ready()
        window.open_details()
        expect(window.box()).to_have_attribute("placeholder", "Ask anything about this document …")
        box = "box => [box.scrollHeight - box.clientHeight, box.getBoundingClientRect().bottom <= innerHeight]"
        assert window.box().evaluate(box) == [0, True], "its second line is cut off"
        window.box().fill("x")
        assert window.box().evaluate(box) == [0, True]


def test_a_document_of_an_older_parser_offers_the_newer_one(opened: Callable[..., object], server: Server) -> None:
    with opened("sea.pdf") as window:
        page, again = window.page, window.page.locator("#parse-again")
        window.wait_until_ready()
        with closing(sqlite3.connect(server.library / "library.db", timeout=60)) as library, library:
            library.execute("UPDATE documents SET parser_version = NULL WHERE file_name = 'sea.pdf'")
        window.reload()
        window.wait_until_ready()
        window.open_details()
        expect(page.locator("#newer")).to_contain_text("An older parser made")
        window.check_access()
        window.shoot("newer-parser")
        again.click()
        expect(page.locator("#added")).to_contain_text("gives the same text")
        expect(again).not_to_be_visible()
        expect(page.locator("#newer")).not_to_contain_text("An older parser made")


def test_a_wide_table_is_moved_sideways_on_a_phone_and_keeps_its_words_whole(
    opened: Callable[..., object], server: Server
) -> None:
    columns = ["Departure", "Arrival", "Passengers", "Vessel", "Harbourmaster", "Tonnage"]
    rows = [columns, ["-"] * 6, ["08:15", "10:35", "120", "Patience", "Tarrant", "900"]]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    (server.library.parent / "ferries.md").write_text(f"# ferries\n\n{table}\n\n# Next\n\nNothing.\n")
    with opened("ferries.md", viewport=PHONE) as window:
        region = window.page.get_by_role("region", name="Table")
        expect(region).to_be_visible()
        for name in columns:
            heading = region.get_by_role("columnheader", name=name)
            box = heading.bounding_box()
            assert box is not None
            assert box["height"] < 50, name  # on one line
        assert region.evaluate("(region) => region.scrollWidth > region.clientWidth")
        window.check_size()
        window.check_access()
