"""The shell: one JSON object, one sentence for an error, 2 for the user's mistake and 1 for ours."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.documents import make_document, write_pdf
from pypdf import PdfWriter

from reader.models.cache import cache_path
from reader.shell.main import COMMANDS, main
from storage import LOCAL_USER, Store

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A library and a cache of the test's own."""
    return {
        "READER_LIBRARY": str(tmp_path / "library"),
        "READER_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
    }


@pytest.fixture
def words_of(tiny_folder: Callable[..., Path]) -> Callable[..., list[str]]:
    """A command's words, with a tiny decoder where it runs one."""

    def words(*arguments: object) -> list[str]:
        given = [str(argument) for argument in arguments]
        if given[:1] in (["read"], ["ask"]) and "--model" not in given:
            given += ["--model", str(tiny_folder("llama")), "--window", "32"]
        return given

    return words


@pytest.fixture
def run(
    words_of: Callable[..., list[str]],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command of the shell in this process, which imports torch once."""

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = words_of(*arguments)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            status = main(words)
        except SystemExit as ended:  # argparse ends the program
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(words, status, printed.out, printed.err)

    return command


@pytest.fixture
def run_program(words_of: Callable[..., list[str]], environment: dict[str, str]) -> Run:
    """Runs `python -m reader` as people do, in a process of its own."""

    def program(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "reader", *words_of(*arguments)],
            cwd=ROOT,
            env={**os.environ, **environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return program


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "book.txt"
    file.write_text(make_document(120).text)
    return file


def test_read_once_ask_often(run: Run, run_program: Run, book: Path) -> None:
    read = json.loads(run_program("read", book, "--json").stdout)
    assert (read["cached"], read["tokens_read"]) == (False, read["document_tokens"])
    assert read["windows"] == -(-read["document_tokens"] // 32)
    assert read["memory_bytes"] > 0
    assert read["trained"] is True
    repeated = run("read", book, "--json")
    again = json.loads(repeated.stdout)
    assert (again["cached"], again["memory_id"]) == (True, read["memory_id"])
    assert "to read" not in repeated.stderr  # nothing is left to estimate
    for reference in (book, read["document_id"][:12]):
        asked = json.loads(run("ask", reference, "Who walked?", "--look-again", "off", "--json").stdout)
        assert (asked["recomputed_tokens"], asked["tokens_read"]) == (0, 0)
        assert asked["document_tokens"] == read["document_tokens"]
        assert asked["memory_id"] == read["memory_id"]
        assert 0 < asked["attach_seconds"] <= asked["first_token_seconds"] <= asked["seconds"]
    assert "to read" in run("read", book, "--ratio", 32).stderr


def test_answers_say_where_they_are_from(run: Run, book: Path, tmp_path: Path) -> None:
    text = book.read_text()
    asked = json.loads(run("ask", book, "Who walked to the harbour?", "--look-again", "60", "--json").stdout)
    assert 0 < asked["looked_again_tokens"] == asked["recomputed_tokens"] <= 60
    assert [place["page"] for place in asked["looked_again"]] == [1]
    for place in asked["evidence"]:
        assert place["quote"] == text[place["start_char"] : place["end_char"]]
    assert sum(asked["reading_map"]) == pytest.approx(1, abs=1e-4)
    other = tmp_path / "other.txt"
    other.write_text("The sailor lost a silver whistle in the well.")
    both = json.loads(run("ask", book, other, "Who lost a whistle?", "--look-again", "60", "--json").stdout)
    assert [document["title"] for document in both["documents"]] == ["book", "other"]
    assert both["evidence"][0]["document_id"] == both["documents"][1]["document_id"]
    told = run("ask", book, other, "Who lost a whistle?")
    assert "page 1: “" in told.stdout
    assert "Looked again at" in told.stderr
    silent = json.loads(run("ask", book, "Who?", "--no-evidence", "--look-again", "0", "--json").stdout)
    assert (silent["evidence"], silent["reading_map"], silent["recomputed_tokens"]) == ([], [], 0)
    refused = run("ask", book, "Who?", "--look-again", "always")
    assert refused.returncode == 2
    assert "neither off, auto nor a number" in refused.stderr


def test_a_title_given_in_the_app_is_the_title_in_the_shell(
    run: Run, book: Path, tmp_path: Path, environment: dict[str, str], tiny_folder: Callable[..., Path]
) -> None:
    document_id = json.loads(run("read", book, "--json").stdout)["document_id"]
    with Store(Path(environment["READER_LIBRARY"])) as store:
        store.user_documents.rename(LOCAL_USER, document_id, "The keeper's log")
    listed = json.loads(run("library", "list", "--json").stdout)
    assert [document["title"] for document in listed["documents"]] == ["The keeper's log"]
    asked = json.loads(run("ask", "The keeper's log", "Who walked?", "--no-evidence", "--json").stdout)
    assert [document["title"] for document in asked["documents"]] == ["The keeper's log"]
    (tmp_path / "questions.csv").write_text("custom_id,document,question\n1,The keeper's log,Who walked?\n")
    model = ("--model", str(tiny_folder("llama")), "--window", "32")
    assert run("batch", tmp_path / "questions.csv", "--output", tmp_path / "answers.jsonl", *model).returncode == 0
    answer = json.loads((tmp_path / "answers.jsonl").read_text())
    assert (answer["document_id"], answer["document"]) == (document_id, "The keeper's log")


def test_ratio_is_kept_and_asked_for(run: Run, book: Path) -> None:
    read = json.loads(run("read", book, "--ratio", 8, "--json").stdout)
    assert read["ratio"] == 8
    asked = json.loads(run("ask", book, "Who?", "--ratio", 8, "--json").stdout)
    assert (asked["memory_id"], asked["tokens_read"]) == (read["memory_id"], 0)


def test_a_decoder_without_a_plugin_keeps_rows_and_untrained_beacons_are_said_to_be_so(run: Run, book: Path) -> None:
    rows = run("read", book)
    assert "untrained" not in rows.stderr
    assert "tokens on 1 page, " in rows.stderr  # the estimate comes before the reading
    beacons = run("read", book, "--condenser", "beacons", "--json")
    assert "untrained" in beacons.stderr
    assert json.loads(beacons.stdout)["trained"] is False
    refused = run("read", book, "--condenser", "magic")
    assert refused.returncode != 0
    assert "beacons, expected-attention, replay, spread" in refused.stderr


def test_library_lists_shows_and_removes(run: Run, book: Path) -> None:
    document_id = json.loads(run("read", book, "--json").stdout)["document_id"]
    (listed,) = json.loads(run("library", "list", "--json").stdout)["documents"]
    assert listed["document_id"] == document_id
    shown = json.loads(run("library", "show", document_id[:8], "--json").stdout)
    assert [memory["state"] for memory in shown["memories"]] == ["ready"]
    assert "book" in run("library", "list").stdout
    assert json.loads(run("library", "remove", document_id, "--json").stdout)["freed_bytes"] > 0
    assert json.loads(run("library", "list", "--json").stdout)["documents"] == []


def one_sentence(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert result.stdout == ""
    return lines[0]


def bad_inputs(folder: Path) -> dict[str, tuple[list[object], str]]:
    empty, binary, textless, locked = (folder / name for name in ("empty.txt", "binary.txt", "scan.pdf", "locked.pdf"))
    empty.write_bytes(b"")
    binary.write_bytes(bytes(range(256)) * 40)
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(textless)
    writer.encrypt("secret", algorithm="AES-256")
    writer.write(locked)
    good = folder / "good.txt"
    good.write_text("Good.")
    return {
        "missing file": (["read", folder / "missing.txt"], "does not exist"),
        "empty file": (["read", empty], "empty"),
        "binary": (["read", binary], "binary"),
        "no text": (["read", textless], "has no text in it"),
        "password": (["read", locked], "password"),
        "folder": (["read", folder], "folder"),
        "unknown kind": (["read", folder / "x.xyz"], "does not exist"),
        "unknown model": (["read", good, "--model", "no/such-model"], "no/such-model"),
        "bad ratio": (["read", good, "--ratio", "7"], "ratio is 7"),
        "long number": (["read", good, "--window", "9" * 5000], "is not a positive whole number"),
        "no question": (["ask", good], "required: QUESTION. "),
        "no such port": (["serve", "--port", "99999"], "'99999' is not a port"),
        "unknown flag": (["library", "list", "--flag"], "arguments: --flag. "),
        "unknown document": (["ask", "feedbeef", "Who?"], "feedbeef"),
        "empty question": (["ask", good, " "], "question is empty"),
    }


def test_mistakes_of_the_user_are_one_sentence_and_status_2(run: Run, tmp_path: Path) -> None:
    for name, (arguments, told) in bad_inputs(tmp_path).items():
        result = run(*arguments)
        assert result.returncode == 2, (name, result.stderr)
        assert told in one_sentence(result), name
    # "empty question" had read its document before; nothing else left anything behind
    assert len(json.loads(run("library", "list", "--json").stdout)["documents"]) <= 1


def test_a_locked_file_says_how_to_give_its_password(run_program: Run, tmp_path: Path) -> None:
    locked = write_pdf(tmp_path / "locked.pdf", ["A letter."], password="open")
    done = run_program("read", locked)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run this command in a terminal, which asks for the password" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk_is_one_sentence_status_1_and_the_library_as_it_was(run: Run, book: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        small = tmp_path / "small.txt"
        small.write_text("A short document that fits. " * 3)
        kept = json.loads(run("read", small, "--json", "--library", disk / "library").stdout)
        book.write_text(make_document(900).text)
        result = run("read", book, "--library", disk / "library")
        assert result.returncode == 1, result.stderr
        assert "full" in one_sentence(result)
        again = json.loads(run("ask", small, "Who?", "--json", "--library", disk / "library").stdout)
        assert (again["memory_id"], again["tokens_read"]) == (kept["memory_id"], 0)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_flags_of_every_command_are_parsed_without_torch() -> None:
    program = (
        "import sys; from reader.shell.main import COMMANDS, parser_of\n"
        "for name in COMMANDS:\n"
        "    if name != 'serve': parser_of(name); print(name, 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [f"{name} False" for name in COMMANDS if name != "serve"]


def test_the_page_and_its_interfaces_are_there_before_torch() -> None:
    program = (
        "import sys, reader.app.main, reader.app.page.blocks, reader.app.openai_api.routes, reader.app.routes, reader.app.service\n"
        "print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_commands_that_run_no_decoder_import_none_of_what_takes_seconds(tmp_path: Path) -> None:
    program = (
        "import sys; from reader.shell.main import main\n"
        "try: status = main(sys.argv[1:])\n"
        "except SystemExit as ended: status = ended.code\n"
        "print(status, *{'torch', 'transformers', 'numba', 'gradio'} & {*sys.modules}, file=sys.stderr)"
    )
    environment = {**os.environ, "READER_LIBRARY": str(tmp_path / "library"), "READER_CACHE": str(tmp_path / "cache")}
    commands = {
        ("library", "list"): "0",
        ("library", "search", "harbour"): "0",
        ("jobs", "list"): "0",
        ("models", "list"): "0",
        ("ask", "no document", "Who?"): "2",
        ("ask", "missing.txt", "Who?"): "2",
        ("batch", str(tmp_path / "q.csv"), "--output", str(tmp_path / "a.csv")): "2",
        ("evaluate", "lm", "--books", "missing", "--context", "2048"): "2",
        ("evaluate", "longbench", "--questions", "missing.jsonl"): "2",
        ("train", "--output", str(tmp_path / "run"), "--books", "missing" * 100): "2",
        ("fit", "--output", str(tmp_path / "run"), "--text", "missing.txt"): "2",
        ("merge", "/missing/plugin", "--output", str(tmp_path / "run")): "2",
    }
    (tmp_path / "q.csv").write_text("document,question\nmissing,Who?\n")
    for command, status in commands.items():
        words = [sys.executable, "-c", program, *command]
        result = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert result.stderr.splitlines()[-1] == status, command


def test_a_mistyped_command_is_answered_with_the_nearest(
    run: Run,
) -> None:
    for word, near in (("raed", "read"), ("libary", "library"), ("evalute", "evaluate"), ("server", "serve")):
        result = run(word)
        assert result.returncode == 2
        assert f"did you mean {near!r}?" in one_sentence(result)
    nothing_like_it = run("quit-now")
    assert nothing_like_it.returncode == 2
    assert "--help" in one_sentence(nothing_like_it)
    no_command = run()
    assert (no_command.returncode, no_command.stdout) == (2, "")
    assert all(name in no_command.stderr for name in COMMANDS)


def test_python_keeps_decoders_where_the_shell_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READER_CACHE", str(tmp_path / "decoders"))
    assert cache_path(None) == tmp_path / "decoders"
    assert cache_path(tmp_path) == tmp_path
    monkeypatch.delenv("READER_CACHE")
    assert cache_path(None).name == "activation-beacon-reader"


def test_version_is_the_projects(run: Run) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").stdout.split() == ["beacon-reader", version]


def test_help_lists_every_command_and_its_flags(run: Run) -> None:
    overview = run("--help")
    assert overview.returncode == 0
    assert all(name in overview.stdout for name in COMMANDS)
    flags = run("serve", "--help")
    assert (flags.returncode, "--add-user" in flags.stdout) == (0, True)
    assert run("read", "--no-such-flag").returncode == 2


def test_jobs_are_listed_and_changed(run: Run, book: Path) -> None:
    assert "Nothing is being read" in run("jobs", "list").stdout
    read = json.loads(run("read", book, "--json").stdout)
    (job,) = json.loads(run("jobs", "list", "--json").stdout)["jobs"]
    assert (job["state"], job["memory_id"], job["pages_done"]) == ("ready", read["memory_id"], read["pages"])
    assert run("jobs", "cancel", "ffff").returncode == 2
    run("read", book)
    assert len(json.loads(run("jobs", "list", "--json").stdout)["jobs"]) == 1


def test_two_shells_read_one_book_once(run_program: Run, tmp_path: Path) -> None:
    book = tmp_path / "long.txt"
    book.write_text(make_document(3000).text)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: json.loads(run_program("read", book, "--json").stdout), range(2)))
    assert sum(result["tokens_read"] for result in results) == results[0]["document_tokens"]
    assert len({result["memory_id"] for result in results}) == 1


def test_rounded_memories_are_smaller(run: Run, book: Path) -> None:
    exact, small, smallest = (
        json.loads(run("read", book, "--memory-dtype", kind, "--json").stdout) for kind in ("model", "int8", "int4")
    )
    assert smallest["memory_bytes"] < small["memory_bytes"] < exact["memory_bytes"]


def test_what_was_queued_is_read_by_whoever_comes(run: Run, book: Path, tiny_folder: Callable[..., Path]) -> None:
    model = ["--model", str(tiny_folder("llama")), "--window", "32"]
    added = json.loads(run("library", "add", book, "--no-read", "--json", *model).stdout)
    assert added["pages"] == 1
    assert json.loads(run("jobs", "run", "--json", "--model", model[1], "--window", "64").stdout) == {"read": 0}
    assert json.loads(run("jobs", "run", "--json", *model).stdout) == {"read": 1}
    asked = json.loads(run("ask", added["document_id"], "Who?", "--json").stdout)
    assert (asked["tokens_read"], asked["pages_read"], asked["pages"]) == (0, 1, 1)


def test_what_goes_into_a_pipe_is_whole_and_has_no_progress(run: Run, book: Path) -> None:
    long_name = book.with_name(f"{'a very long name ' * 8}.txt")
    book.rename(long_name)
    read = run("read", long_name)
    assert {line.split()[0] for line in read.stderr.splitlines()} <= {"About", "Measured"}
    listed = run("library", "list").stdout
    assert long_name.stem.strip() in listed


@pytest.mark.slow
def test_a_locale_without_utf8_and_bytes_that_are_none_are_no_fault(run_program: Run, run: Run, book: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert "is empty" in run("library", "list").stdout
    done = run_program("ask", book, os.fsdecode(b"Who came to the caf\xe9? \xc3\xbc"), "--json", **plain)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["question"] == "Who came to the caf\ufffd? ü"
    assert run_program("ask", book, "Who came?", **plain).returncode == 0


def test_ctrl_c_and_a_closed_pipe_end_a_command_without_a_traceback(environment: dict[str, str]) -> None:
    for seconds in (0.02, 0.1, 0.2):
        command = subprocess.Popen(
            [sys.executable, "-m", "reader", "library", "--help"],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        time.sleep(seconds)
        command.send_signal(signal.SIGINT)
        told = command.communicate(timeout=60)[1]
        # While Python imports the package itself, nothing of it runs that could catch this.
        assert "__main__.py" not in told or "Traceback" not in told
    piped = f"{sys.executable} -m reader library list | true; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", piped], env={**os.environ, **environment}).returncode in (0, 141)


def test_an_export_makes_its_folder_and_a_folder_that_cannot_be_is_named(run: Run, book: Path, tmp_path: Path) -> None:
    run("read", book)
    assert run("library", "export", "book", tmp_path / "new" / "folder" / "book.beacon").returncode == 0
    for folder in (Path("/proc/library"), tmp_path / ("x" * 300)):
        refused = run("library", "list", "--library", folder)
        assert (refused.returncode, "Errno" in refused.stderr) == (2, False), refused.stderr
        assert f"{folder} cannot be made" in refused.stderr
    questions = tmp_path / "questions.csv"
    questions.write_text("document,question\nbook,Who came?\n")
    assert "is a folder; name a file" in run("batch", questions, "--output", tmp_path).stderr


def test_every_field_of_json_is_documented(run: Run, book: Path) -> None:
    section = (ROOT / "docs" / "shell.md").read_text().partition("## From scripts")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", section))
    commands: list[tuple[object, ...]] = [("read", book), ("ask", book, "Who came to the harbour?"), ("jobs", "list")]
    commands += [("library", "list"), ("library", "show", "book"), ("library", "search", "the")]
    for words in commands:
        fields = json.loads(run(*words, "--json").stdout)
        inner = [
            item for value in fields.values() if isinstance(value, list) for item in value if isinstance(item, dict)
        ]
        unknown = {name for found in (fields, *inner) for name in found} - documented
        assert not unknown - ({"imported", "model", "slots"} if words[1:2] == ("show",) else set()), words
