"""The `library` commands of the shell."""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.documents import make_document
from helpers.library import (
    add_document,
    key,
    read_memory,
)

from storage import (
    Store,
)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict]]:
    """Runs a `library` command with --json and gives back its exit status and what it printed."""
    from reader.shell.main import main

    def run(*arguments: object) -> tuple[int, dict]:
        command = ["library", *map(str, arguments), "--json", "--library", str(tmp_path / "library")]
        status = main(command)
        printed = capsys.readouterr().out
        return status, json.loads(printed) if printed else {}

    return run


def test_a_library_inside_a_folder_is_no_document_of_it(
    shell, tmp_path: Path, tiny_folder: Callable[..., Path]
) -> None:
    (tmp_path / "note.txt").write_text("The lamp was lit by Ada.")
    flags = ["--model", str(tiny_folder("llama"))]
    for _ in range(2):
        added = shell("add", tmp_path, *flags)[1]
        assert [document["title"] for document in added["documents"]] == ["note"]
        assert added["errors"] == [f"{str(tmp_path / 'library')!r} is a library, so what it keeps was not added."]


def test_a_library_inside_a_zip_is_no_document_of_it(shell, tmp_path: Path, tiny_folder: Callable[..., Path]) -> None:
    flags = ["--model", str(tiny_folder("llama"))]
    for within, titles in (("old/", ["note"]), ("", [])):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in ("library.db", "documents/a.txt", "memories/a/b.txt"):
                archive.writestr(within + name, "text")
            archive.writestr("note.txt", "The lamp was lit by Ada.")
        added = shell("add", tmp_path / "a.zip", *flags)[1]
        assert [document["title"] for document in added["documents"]] == titles
        assert added["errors"] == [
            f"{str(tmp_path / 'a.zip' / within)!r} is a library, so what it keeps was not added."
        ]


def test_every_command_does_what_it_says(shell, store: Store, tmp_path: Path) -> None:
    document_id = add_document(store)
    size_bytes = read_memory(store, 1, document_id).bytes
    found = shell("list")[1]["documents"][0]
    assert (found["state"], found["pinned"], found["memory_bytes"]) == ("ready", False, size_bytes)
    assert [hit["page"] for hit in shell("search", "ishmael")[1]["hits"]] == [1]
    assert shell("verify") == (0, {"files": 3, "bytes": shell("verify")[1]["bytes"], "faults": []})
    assert shell("export", "Moby Dick", tmp_path / "a.beacon")[0] == 0
    assert shell("import", tmp_path / "a.beacon")[1]["already_here"] == 1
    assert shell("backup", tmp_path / "copy")[1]["memories"] == 1
    assert shell("backup", tmp_path / "copy")[0] == 2
    assert shell("pin", "Moby Dick")[1]["pinned"] is True
    assert shell("budget", 10)[0] == 2
    assert shell("budget")[1] == {"max_bytes": None, "memory_bytes": size_bytes, "evicted": []}
    assert shell("unpin", document_id[:8])[1]["pinned"] is False
    assert shell("budget", "1.2kB")[1] == {"max_bytes": 1200, "memory_bytes": 0, "evicted": [key(1)]}
    found = shell("list")[1]["documents"][0]
    assert (found["state"], found["must_be_read_again"]) == ("unread", True)
    assert shell("budget", "none")[1]["max_bytes"] is None
    assert shell("gc")[0] == 0
    assert shell("rebuild")[0] == 1  # it is open here
    store.close()
    assert shell("rebuild")[0] == 1  # it is whole
    made = shell("rebuild", "--force")[1]
    assert (made["documents"], made["memories"], made["put_aside"], made["lost"]) == (1, 0, [], {})
    (tmp_path / "library" / "documents" / f"{document_id}.txt").write_text("changed")
    status, told = shell("verify")
    assert (status, len(told["faults"])) == (1, 1)
    (tmp_path / "a.beacon").write_text("no zip")
    assert shell("import", tmp_path / "a.beacon") == (2, {})


def test_people_are_told_what_must_be_read_again(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    from reader.shell.main import main

    read_memory(store, 1, add_document(store))
    add_document(store, "Never", "never")
    store.make_room(0, 0)
    for command in (["list"], ["show", "Moby Dick"]):
        assert main(["library", *command, "--library", str(store.folder)]) == 0
        assert "must be read again" in " ".join(capsys.readouterr().out.split())
    assert main(["library", "show", "Never", "--library", str(store.folder)]) == 0
    assert "not read" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "-1", "1e9", "ten", "nan", "1PB", "٣", "1_000", "5 GBB"])
def test_what_is_no_number_of_bytes_is_refused(text: str) -> None:
    from reader.shell.flags import byte_count

    with pytest.raises(argparse.ArgumentTypeError):
        byte_count(text)
    assert [byte_count(good) for good in ("0", "500", "1.5kB", "2 GB", "3tb")] == [0, 500, 1500, 2 * 10**9, 3 * 10**12]


def test_a_change_to_one_format_makes_no_other_older(
    shell, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reader.documents import PARSER_VERSIONS
    from reader.reading import add_document as add

    # 4 and 5 were numbers of all formats together, when only PDFs changed.
    monkeypatch.setitem(PARSER_VERSIONS, "epub", 3)
    monkeypatch.setitem(PARSER_VERSIONS, "pdf", 6)
    stored = [("pdf", 4), ("pdf", 5), ("pdf", PARSER_VERSIONS["pdf"]), ("epub", 4), ("epub", 5), ("epub", 3)]
    for number, (name, version) in enumerate(stored):
        document = replace(make_document(20 + number), title=f"{name} {version}", format=name, parser_version=version)
        add(document, store)

    def older() -> list[str]:
        listed = shell("list")[1]["documents"]
        return sorted(entry["title"] for entry in listed if entry["can_be_parsed_again"])

    assert older() == ["pdf 4", "pdf 5"]
    monkeypatch.setitem(PARSER_VERSIONS, "epub", max(PARSER_VERSIONS.values()) + 1)
    assert older() == ["epub 3", "epub 4", "epub 5", "pdf 4", "pdf 5"]


def test_documents_of_an_older_parser_can_be_read_again(
    shell, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from reader.documents import PARSER_VERSIONS
    from reader.shell.main import main

    old_id = add_document(store)  # its parser version is unknown
    file = tmp_path / "Moby Dick.txt"
    file.write_text("Call me Ishmael. Some years ago.")
    made = shell("add", file, "--no-read")
    assert made[0] == 0
    records = {entry["document_id"]: entry for entry in shell("list")[1]["documents"]}
    new_id = made[1]["document_id"]
    assert [records[key]["parser_version"] for key in (old_id, new_id)] == [None, PARSER_VERSIONS["text"]]
    assert [records[key]["can_be_parsed_again"] for key in (old_id, new_id)] == [True, False]

    def printed(*arguments: str) -> str:
        assert main(["library", *arguments, "--library", str(tmp_path / "library")]) == 0
        return " ".join("".join(capsys.readouterr()).split())

    assert "The text of 1 document is from an older parser; `" in printed("list")
    assert "An older parser made this document's text" in printed("show", old_id)
    assert "older parser" not in printed("show", new_id)
    assert f"library remove {old_id[:12]}" in printed("add", str(file), "--no-read")
    printed("remove", old_id)
    assert "older parser" not in printed("list")
    assert "library remove" not in printed("add", str(file), "--no-read")


def test_one_of_something_is_not_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from reader.shell.main import main

    library = str(tmp_path / "library")

    def printed(*arguments: object) -> str:
        assert main(["library", *map(str, arguments), "--library", library]) == 0
        return " ".join("".join(capsys.readouterr()).split())

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one.txt").write_text("Call me Ishmael.")
    assert "1 document added and queued" in printed("add", folder, "--no-read")
    assert "one: 1 page added and queued" in printed("add", folder / "one.txt", "--no-read")
    (folder / "two.txt").write_text("Some years ago.")
    assert "2 documents added and queued" in printed("add", folder, "--no-read")
    with Store(tmp_path / "library") as store:
        one = store.documents()[0]
    assert f"{one.pages} page, " in printed("show", one.id)
    printed("remove", one.id)
    assert "1 file with " in printed("verify")
    assert "1 document and 0 memories, " in printed("backup", tmp_path / "copy")
