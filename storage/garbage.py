"""Removing what no row of the library needs, and giving the room back to the disk."""

from __future__ import annotations

import shutil
from contextlib import suppress

from storage.database import DAMAGED_FOLDER, LIBRARY_LOCK, MEMORIES_FOLDER
from storage.errors import translating
from storage.files import file_lock, is_temporary
from storage.repair import sweep
from storage.store import Store


def collect_garbage(store: Store) -> int:
    """Remove every file that no row needs, give unused room in the database back, and return the bytes freed.

    Files that never were the library's own stay, and so do the databases and texts that a rebuild has put aside.

    Raises:
        NotWritable: the library is open for reading only.
    """
    before_bytes = store.size_bytes()
    sweep(store, store)
    with file_lock(store.folder / LIBRARY_LOCK, timeout_seconds=0) as held, translating(store.folder):
        # Without the lock a rebuild or an opening is under way, and what it has in hand is not garbage.
        for path in list(store.folder.iterdir()) if held else []:
            if is_temporary(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        # Of what a rebuild has put aside a memory can be read again; a database or a text may be the only one there is.
        for path in (store.folder / DAMAGED_FOLDER).glob(f"*/{MEMORIES_FOLDER}") if held else ():
            shutil.rmtree(path)
            with suppress(OSError):
                path.parent.rmdir()
    store.database.compact()
    return max(0, before_bytes - store.size_bytes())
