"""`library rebuild` keeps all rows that can be read, gives nobody another's, overwrites no old database, and says what is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from helpers.documents import painted_pdf, same_text, text_file
from helpers.library import expected, library

from reader.app.service import Service
from reader.app.workspace import Workspace
from storage import Store, StoreError, collect_garbage, new_owner, rebuild, verify

__all__ = ["expected", "library"]  # fixtures
USERS = ("ann", "bob", "")
TABLES = (
    "documents", "pages", "memories", "segments", "settings", "jobs", "conversations", "conversation_documents", "turns",
    "holdings", "questions",
)  # fmt: skip


def everything(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with Store(folder), closing(sqlite3.connect(folder / "library.db")) as db:
        return {table: sorted(db.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three people with many rows in every table, and two files of one text."""
    tmp_path = tmp_path_factory.mktemp("pattern")
    folder = tmp_path / "filled"
    with Store(folder) as store:
        service = Service(store, "m")
        workspaces = {user: Workspace(service, user) for user in USERS}
        shared = workspaces["ann"].add(painted_pdf(tmp_path / "ann.pdf", title="Ann's letter", labels="/r")).id
        workspaces["bob"].add(same_text(tmp_path / "b.txt"))
        workspaces["ann"].rename(shared, "Her own title")
        workspaces["ann"].tag(shared, ["law"])
        ids = [shared]
        for number in range(12):
            user = USERS[number % 3]
            ids.append(workspaces[user].add(text_file(tmp_path, f"Text {number} is {user or 'local'}'s. " * 200)).id)
            for _ in range(8):
                conversation = store.conversations.add([ids[-1]], user)
                for turn in range(3):
                    said = f"{user or 'local'} asks {number}"
                    conversation = store.conversations.add_turn(
                        conversation, said, "answer " * 100, evidence=[{"page": turn}]
                    )
            store.questions.add(user, ids[-1], conversation.id, "Who?", {}, new_owner())
        workspaces["bob"].pin(ids[2], True)
        store.set_budget(10**9)
    return folder


@pytest.fixture
def filled(pattern: Path, tmp_path: Path) -> Path:
    """A copy of that library."""
    return Path(shutil.copytree(pattern, tmp_path / "filled"))


def owners(rows: dict[str, list[tuple[Any, ...]]]) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in rows["holdings"]}


def test_a_whole_database_is_refused_and_made_anew_as_it_was_when_forced(filled: Path) -> None:
    before = everything(filled)
    with pytest.raises(StoreError, match=r"is whole.*--force"):
        rebuild(filled)
    assert everything(filled) == before
    made = rebuild(filled, force=True)
    assert (made.lost, made.unowned, made.put_aside) == ({}, 0, ())
    assert made.kept == {table: len(rows) for table, rows in before.items() if rows}
    assert everything(filled) == before
    with Store(filled) as store:
        assert verify(store).faults == ()
        assert len({hit.document_id for hit in store.search("local")}) == 4


def test_a_library_of_the_version_before_keeps_all_that_it_has(library: Path, expected: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="is whole"):
        rebuild(library)
    made = rebuild(library, force=True)
    assert (made.lost, made.unowned, made.memories) == ({}, 0, 2)
    with Store(library) as store:
        service = Service(store, "tiny-llama")
        for user, held in expected["held"].items():
            assert sorted(shown.id for shown in Workspace(service, user).documents(limit=9)) == held
        turns = Workspace(service, "ann").conversation(expected["conversation"]).turns
        assert [[turn.question, turn.answer, list(turn.evidence)] for turn in turns] == expected["turns"]
        assert Workspace(service, "ann").page(expected["documents"]["paper"], 2).is_drawn
        assert (store.budget(), [q.id for q in store.questions.waiting("bob")]) == (
            expected["budget"],
            [expected["question"]],
        )
        assert verify(store).faults == ()


def test_a_newer_database_is_refused_unless_forced(filled: Path) -> None:
    before = everything(filled)
    with closing(sqlite3.connect(filled / "library.db")) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('storage', 'm999_new', '')"
        )
        db.execute("ALTER TABLE turns ADD COLUMN mood TEXT")
        db.commit()
    with pytest.raises(StoreError, match=r"newer program.*--force"):
        rebuild(filled)
    with pytest.raises(StoreError, match="newer program"):
        Store(filled)
    made = rebuild(filled, force=True)
    assert made.lost == {}
    assert everything(filled) == before


def test_every_old_database_is_kept_under_a_name_of_its_own_and_by_garbage_collection(filled: Path) -> None:
    for content in (b"first", b"second", b"third"):
        (filled / "library.db").write_bytes(content)
        made = rebuild(filled)
        assert made.aside is not None
        assert (made.aside / "library.db").read_bytes() == content
        with Store(filled) as store:
            collect_garbage(store)
    assert sorted(path.read_bytes() for path in (filled / "damaged").glob("*/library.db")) == [
        b"first",
        b"second",
        b"third",
    ]


def test_documents_of_an_unknown_owner_are_nobodys_until_somebody_says_that_they_are_theirs(
    filled: Path, tmp_path: Path
) -> None:
    texts = len(everything(filled)["documents"])
    (filled / "library.db").unlink()
    made = rebuild(filled)
    assert (made.documents, made.unowned, made.kept) == (texts, texts, {})
    with Store(filled) as store:
        service = Service(store, "m")
        assert [Workspace(service, user).count() for user in USERS] == [0, 0, 0]
        assert Workspace(service, "ann").add(painted_pdf(tmp_path / "again.pdf")).id
        assert Workspace(service, "ann").count() == 1
    made = rebuild(filled, force=True, mine=True)
    assert made.unowned == 0
    with Store(filled) as store:
        assert [Workspace(Service(store, "m"), user).count() for user in USERS] == [1, 0, texts - 1]


def test_an_only_users_pictures_come_back_though_the_database_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    with Store(folder) as store:
        document_id = Workspace(Service(store, "m")).add(painted_pdf(tmp_path / "a.pdf")).id
    (folder / "library.db").unlink()
    rebuild(folder)
    Store(folder).close()
    rebuild(folder, force=True, mine=True)
    with Store(folder) as store:
        assert Workspace(Service(store, "m")).page(document_id, 2).is_drawn


def overwrite(start: float, length: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        first = int(len(content) * start)
        content[first : first + length] = b"\xa5" * length
        path.write_bytes(content)

    return damage


def cut_off(part: float) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])


@pytest.mark.parametrize(
    "damage",
    [*(overwrite(place / 12, 9_000) for place in range(1, 12)), *(cut_off(part) for part in (0.3, 0.6, 0.95))],
)
def test_of_a_damaged_database_only_what_is_broken_is_lost_and_said(
    filled: Path, damage: Callable[[Path], None]
) -> None:
    before = everything(filled)
    with closing(sqlite3.connect(filled / "library.db")) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    damage(filled / "library.db")
    made = rebuild(filled, force=True)
    after = everything(filled)
    assert {row[0] for row in after["documents"]} == {row[0] for row in before["documents"]}  # from the files
    for table in ("holdings", "jobs", "conversations", "turns", "questions", "settings", "conversation_documents"):
        missing = len(set(before[table]) - set(after[table]))
        if missing and table != "holdings":
            assert made.lost.get(table, 0) in (None, missing), (table, made.lost, missing)
    # Nobody has what was not theirs, and whoever is known to have had a document has it.
    assert owners(after) <= owners(before)
    assert made.unowned == len({row[0] for row in after["documents"]} - {row[1] for row in after["holdings"]})
    theirs = {row[0]: row[1] for row in before["conversations"]}
    assert all(theirs[row[0]] == row[1] for row in after["conversations"])
    with Store(filled) as store:
        assert [fault.file for fault in verify(store).faults] == []


@pytest.mark.parametrize("column", ["tags", "authors"])
def test_a_list_that_is_broken_costs_only_its_row(filled: Path, column: str) -> None:
    with closing(sqlite3.connect(filled / "library.db")) as db:
        count = db.execute(f"UPDATE holdings SET {column} = '[' WHERE user = 'bob'").rowcount
        db.commit()
    assert rebuild(filled, force=True).lost == {"holdings": count}
    with Store(filled) as store:
        held = {user: len(Workspace(Service(store, "m"), user).documents(limit=99)) for user in USERS}
        assert held == {"ann": 5, "bob": 0, "": 4}


def test_a_page_of_turns_that_is_broken_costs_only_the_turns_on_it(filled: Path) -> None:
    before = everything(filled)
    with closing(sqlite3.connect(filled / "library.db")) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        pages = (
            [
                number
                for (number,) in db.execute(
                    "SELECT pageno FROM dbstat WHERE name = 'turns' AND pagetype = 'leaf' ORDER BY path"
                )
            ]
            if has_dbstat(db)
            else []
        )
    if not pages:
        pytest.skip("this SQLite does not tell which page is whose")
    content = bytearray((filled / "library.db").read_bytes())
    for number in (pages[len(pages) // 3], pages[2 * len(pages) // 3]):
        content[(number - 1) * 4096 : number * 4096] = b"\xa5" * 4096
    (filled / "library.db").write_bytes(content)
    made = rebuild(filled)
    after = everything(filled)
    missing = len(before["turns"]) - len(after["turns"])
    assert 0 < missing < len(before["turns"]) / 5
    assert made.lost["turns"] in (None, missing)
    assert {table: rows for table, rows in after.items() if table != "turns"} == {
        table: rows for table, rows in before.items() if table != "turns"
    }


def has_dbstat(db: sqlite3.Connection) -> bool:
    try:
        db.execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.Error:
        return False
    return True
