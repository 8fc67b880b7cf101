"""Only its owner may read a library, its copies, and what is made of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.library import add_read_document, add_segment, library, reading

from storage import NotWritable, Store, backup, export_document, import_document, keep_original, rebuild

__all__ = ["library"]  # fixtures

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of others are POSIX's")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What others may read, write or enter, of a folder with everything in it."""
    return sorted(
        str(path.relative_to(folder.parent)) for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077
    )


def loosen(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_nothing_of_a_new_library_is_others_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Store(folder) as store:
        document_id = add_read_document(store, 1)
        (tmp_path / "a.pdf").write_bytes(b"%PDF")
        keep_original(folder, document_id, tmp_path / "a.pdf", b"cover")
        with reading(store, 2, document_id) as writer:
            add_segment(writer, 0)
            assert list((folder / "memories").glob("*.lock"))  # locks, too
            assert open_to_others(folder) == []  # with the database's log and index open
    assert len([path for path in folder.rglob("*") if path.is_file()]) > 5
    assert open_to_others(folder) == []


def test_a_library_that_was_open_to_others_is_closed_when_it_is_opened(library: Path) -> None:
    loosen(library)
    assert len(open_to_others(library)) > 5
    (library / "notes").mkdir()
    with Store(library):
        assert open_to_others(library) == ["library/notes"]  # it is not the library's, and behind a closed door
    (library / "notes").rmdir()
    assert open_to_others(library) == []


def test_backups_imports_and_rebuilds_are_private_too(tmp_path: Path) -> None:
    with Store(tmp_path / "library") as store:
        document_id = add_read_document(store, 1)
        export_document(store, document_id, tmp_path / "a.beacon")
        backup(store, tmp_path / "copy")
        backup(store, tmp_path / "copy.tar")
    with Store(tmp_path / "there") as there:
        import_document(there, tmp_path / "a.beacon")
    rebuild(tmp_path / "library", force=True)
    for name in ("library", "there", "copy"):
        assert open_to_others(tmp_path / name) == [], name
    assert stat.S_IMODE((tmp_path / "copy.tar").stat().st_mode) == 0o600


def test_a_library_shared_with_a_group_on_purpose_stays_so(library: Path) -> None:
    """The setgid bit of its folder says so; the rights of all others still go."""
    loosen(library)
    library.chmod(0o2775)
    with Store(library):
        mode = library.stat().st_mode
        assert mode & stat.S_ISGID
        assert stat.S_IMODE(mode) & 0o777 == 0o770
        assert [path for path in library.rglob("*") if path.stat().st_mode & 0o007] == []
        assert (library / "library.db").stat().st_mode & 0o040


def test_a_folder_of_other_files_becomes_no_library(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    folder.mkdir(mode=0o755)
    (folder / "novel.txt").write_text("A novel.")
    with pytest.raises(NotWritable, match=r"is no library, and has other files in it, such as 'novel\.txt'"):
        Store(folder)
    assert [path.name for path in folder.iterdir()] == ["novel.txt"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
