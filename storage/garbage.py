"""Removes files that no row of the library needs, and returns their room to the disk."""

from __future__ import annotations

import shutil
from contextlib import suppress

from storage.database import DAMAGED_FOLDER, LIBRARY_LOCK, MEMORIES_FOLDER
from storage.errors import translating
from storage.files import file_lock, is_temporary
from storage.repair import sweep
from storage.store import Store


def collect_garbage(store: Store) -> int:
    """Remove every file that no row needs, shrink the database, and return the bytes freed.

    Files that do not belong to the library stay, and so do the databases and texts that a rebuild has set aside.

    Raises:
        NotWritable: the library is open for reading only.
    """
    before_bytes = store.size_bytes()
    sweep(store, store)
    with file_lock(store.folder / LIBRARY_LOCK, timeout_seconds=0) as held, translating(store.folder):
        # If the lock is taken, a rebuild or an opening is running, and its temporary files are not garbage.
        for path in list(store.folder.iterdir()) if held else []:
            if is_temporary(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        # A memory that a rebuild has set aside can be made again by reading; a database or a text may be the only copy.
        for path in (store.folder / DAMAGED_FOLDER).glob(f"*/{MEMORIES_FOLDER}") if held else ():
            shutil.rmtree(path)
            with suppress(OSError):
                path.parent.rmdir()
    store.database.compact()
    return max(0, before_bytes - store.size_bytes())
