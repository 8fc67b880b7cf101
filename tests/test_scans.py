"""Scans: text recognition in the shell and on the page, offered where pages are pictures, and resumed where it stopped."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.browser import chromium, pytestmark as browser_marks, visit
from helpers.server import Server
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from reader.documents import Recognition, load
from reader.errors import RecognitionNeeded

__all__ = ["chromium", "visit"]
pytestmark = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
FONT = ImageFont.truetype(findfont("DejaVu Sans"), 48)
SENTENCES = ("The captain was Oduya.", "The harbour froze in 1871.", "Nine crates of tea were lost.")


def scan(file: Path, *, text_page: bool = False) -> Path:
    """Pages that are pictures of a sentence each; before them, if asked for, one with a text layer."""
    pictures = []
    for sentence in SENTENCES:
        picture = Image.new("RGB", (1275, 700), "white")
        ImageDraw.Draw(picture).text((80, 200), sentence, fill="black", font=FONT)
        pictures.append(picture)
    pictures[0].save(file, "PDF", resolution=150, save_all=True, append_images=pictures[1:])
    if text_page:
        import pikepdf
        from helpers.documents import write_pdf

        with (
            pikepdf.open(file, allow_overwriting_input=True) as pdf,
            pikepdf.open(write_pdf(file.with_suffix(".text.pdf"), ["The first page has letters of its own."])) as text,
        ):
            pdf.pages.insert(0, text.pages[0])
            pdf.add_blank_page()
            pdf.save(file)
    return file


def shell(cache: Path, library: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", "reader", *map(str, arguments), "--library", str(library)]
    environment = os.environ | {"READER_CACHE": str(cache), "COLUMNS": "200"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_shell_offers_to_read_pictures_and_says_how_many_were_read(tmp_path: Path) -> None:
    file, cache, library = scan(tmp_path / "scan.pdf"), tmp_path / "cache", tmp_path / "library"
    refused = shell(cache, library, "library", "add", file, "--no-read")
    assert refused.returncode == 2
    assert "no text layer" in refused.stderr
    assert "add --ocr" in refused.stderr
    taken = shell(cache, library, "library", "add", file, "--no-read", "--ocr", "--json")
    assert taken.returncode == 0, taken.stderr
    assert "3 of 3 pages were read by text recognition." in taken.stderr
    found = shell(cache, library, "library", "search", "captain Oduya", "--json")
    assert json.loads(found.stdout)["hits"][0]["page"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", ["ask", "batch"])
def test_questions_about_a_file_offer_to_read_its_pictures_and_do(
    command: str, tiny_folder: Callable[..., Path], tmp_path: Path
) -> None:
    file, cache, library = scan(tmp_path / "scan.pdf"), tmp_path / "cache", tmp_path / "library"
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"custom_id": "a", "document": str(file), "question": "Who?"}))
    what = [file, "Who?"] if command == "ask" else [questions, "--output", tmp_path / "answers.jsonl"]
    arguments = [command, *what, "--model", tiny_folder(), "--window", "64", "--json"]
    refused = shell(cache, library, *arguments)
    assert refused.returncode == 2
    assert "add --ocr to read the text in the pictures" in refused.stderr
    answered = shell(cache, library, *arguments, "--ocr")
    assert answered.returncode == 0, answered.stderr
    assert "3 of 3 pages were read by text recognition." in answered.stderr
    found = shell(cache, library, "library", "search", "captain Oduya", "--json")
    assert json.loads(found.stdout)["hits"][0]["page"] == 1


def test_only_pages_that_show_something_are_offered(tmp_path: Path) -> None:
    file = scan(tmp_path / "part.pdf", text_page=True)
    document = load(file)
    assert (len(document.pages), document.textless_pages, document.pictured_pages) == (5, 4, 3)
    document = load(file, recognition=Recognition())
    assert (document.recognised_pages, document.textless_pages, document.pictured_pages) == (3, 1, 0)
    assert [sentence for sentence in SENTENCES if sentence not in document.text] == []


def test_recognition_that_is_stopped_goes_on_at_the_next_page(tmp_path: Path) -> None:
    file, steps = scan(tmp_path / "scan.pdf"), list[int]()

    def stop_at_the_second(done: int, pages: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(file, recognition=Recognition(folder=tmp_path / "kept", report=stop_at_the_second))
    again = Recognition(folder=tmp_path / "kept", report=lambda done, pages: steps.append(done))
    assert load(file, recognition=again).recognised_pages == 3
    assert steps[0] == 1


def test_a_scan_without_recognition_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(RecognitionNeeded, match="3 pages"):
        load(scan(tmp_path / "scan.pdf"))


@pytest.fixture
def server(tmp_path: Path, tiny_folder: Callable[..., Path]) -> Iterator[Server]:
    server = Server(tmp_path / "library", str(tiny_folder("llama", max_positions=32_768)), tmp_path / "cache")
    server.start()
    yield server
    server.kill()


@browser_marks[0]
@browser_marks[1]
def test_one_click_reads_the_text_in_the_pictures(server: Server, visit: Callable[..., object], tmp_path: Path) -> None:
    from helpers.browser import sync_api

    with visit(server) as window:
        page = window.page
        page.set_input_files("#upload input[type=file]", scan(tmp_path / "letters.pdf", text_page=True))
        row = page.locator("#scan")
        sync_api.expect(row).to_contain_text("letters.pdf has pages that are pictures of text")
        window.check_access()
        with visit(server) as other:  # the same person's other window
            other.page.locator("#recognise").wait_for()
            window.reload()
            sync_api.expect(row).to_contain_text("letters.pdf has pages that are pictures of text")
            page.locator("#recognise").click()
            sync_api.expect(row).to_be_hidden()
            other.page.locator("#recognise").click()
            sync_api.expect(other.page.locator("#scan")).to_be_hidden()
        sync_api.expect(page.locator("#added")).to_contain_text(
            "3 of 5 pages of letters.pdf were read by text recognition"
        )
        sync_api.expect(row).to_be_hidden()
        window.wait_until_ready()
