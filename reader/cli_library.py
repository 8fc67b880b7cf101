"""The shell's `library …` commands: what was read, listed, searched, checked, moved and kept within its room on the disk.

Prints results on standard output. It reads no environment and runs no decoder; reader/cli.py gives it the library's folder.
"""

from __future__ import annotations

import argparse
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from storage import (
    DocumentRecord,
    Fault,
    MemoryRecord,
    Store,
    StoreError,
    backup,
    collect_garbage,
    export_document,
    import_document,
    rebuild,
    verify,
)

_COLUMNS = ("Id", "Title", "Pages", "Memories", "Size", "State", "Added")
_ROWS = {
    "documents": "documents",
    "pages": "pages",
    "memories": "memories",
    "segments": "parts of memories",
    "settings": "settings",
    "jobs": "jobs",
    "conversations": "conversations",
    "conversation_documents": "links from conversations to documents",
    "turns": "questions with their answers",
    "holdings": "users' documents",
    "questions": "questions that wait",
}
"""The tables of the database, as people are told of them."""
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def add_library_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """Add `library` and its actions to the shell's commands, and return the actions for more to be added.

    `everywhere` carries the flags that each command takes.
    """
    library = commands.add_parser("library", help="list, search, check, move and bound what was read")
    actions = library.add_subparsers(required=True, metavar="ACTION")
    with_document = argparse.ArgumentParser(add_help=False)
    with_document.add_argument("document", metavar="ID_OR_TITLE")

    actions.add_parser("list", parents=[everywhere], help="all documents").set_defaults(run=_list)
    show = actions.add_parser("show", parents=[everywhere, with_document], help="one document and its memories")
    show.set_defaults(run=_show)
    search = actions.add_parser("search", parents=[everywhere], help="pages that hold all of these words")
    search.add_argument("query", metavar="WORDS")
    search.set_defaults(run=_search)
    remove = actions.add_parser(
        "remove", parents=[everywhere, with_document], help="remove a document and its memories"
    )
    remove.set_defaults(run=_remove)

    budget = actions.add_parser(
        "budget", parents=[everywhere], help="show or set the most bytes that memories may take"
    )
    budget.add_argument(
        "max_bytes", nargs="?", type=_limit, metavar="BYTES|none", help="such as 500000000 or 2GB; none: no limit"
    )
    budget.set_defaults(run=_budget)
    pin = actions.add_parser("pin", parents=[everywhere, with_document], help="never evict a document's memories")
    pin.set_defaults(run=_pin, pinned=True)
    unpin = actions.add_parser("unpin", parents=[everywhere, with_document], help="let them be evicted again")
    unpin.set_defaults(run=_pin, pinned=False)

    actions.add_parser("verify", parents=[everywhere], help="compare every file with its hash").set_defaults(
        run=_verify
    )
    again = actions.add_parser(
        "rebuild",
        parents=[everywhere],
        help="make a damaged database again from what can be read of it and from the files",
    )
    again.add_argument("--force", action="store_true", help="also when it is whole, or was written by a newer version")
    again.add_argument(
        "--mine",
        action="store_true",
        help="take the documents whose owner is not known for those of the app without sign-in",
    )
    again.set_defaults(run=_rebuild)
    gc = actions.add_parser("gc", parents=[everywhere], help="remove the files that nothing needs")
    gc.set_defaults(run=_collect_garbage)
    copy = actions.add_parser("backup", parents=[everywhere], help="copy the whole library while it is in use")
    copy.add_argument("target", type=Path, metavar="FOLDER|FILE.tar")
    copy.set_defaults(run=_backup)
    export = actions.add_parser(
        "export", parents=[everywhere, with_document], help="a document and its memories as a file"
    )
    export.add_argument("file", type=Path, metavar="FILE.beacon")
    export.set_defaults(run=_export)
    take_in = actions.add_parser("import", parents=[everywhere], help="take in what was exported elsewhere")
    take_in.add_argument("file", type=Path, metavar="FILE.beacon")
    take_in.set_defaults(run=_import)
    return actions


def byte_count(text: str) -> int:
    """Bytes from a flag: a whole number, or a number with kB, MB, GB or TB behind it.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([kmgt]?b|)", text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes such as 500000000 or 2GB")
    return round(float(found[1]) * _UNITS[found[2]])


def print_json(fields: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(fields, ensure_ascii=False))


def size(size_bytes: int) -> str:
    """Bytes as people read them."""
    number = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _list(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        documents = store.documents()
        size_bytes, max_bytes = store.size_bytes(), store.budget()
    if options.json:
        fields = [_document_fields(document) for document in documents]
        print_json({"documents": fields, "library_bytes": size_bytes, "max_bytes": max_bytes})
        return
    if not documents:
        print(f"The library {options.library} is empty. Read something: python -m reader read FILE")
        return
    table = Table(*(Column(name, no_wrap=name != "Title") for name in _COLUMNS), box=None)
    for document in documents:
        added = datetime.fromtimestamp(document.added_at).strftime("%Y-%m-%d %H:%M")
        cells = (
            document.id[:12],
            document.title,
            f"{document.pages:,}",
            str(document.memories),
            size(document.memory_bytes),
            _state(document),
        )
        table.add_row(*(escape(cell) for cell in cells), added)
    Console(highlight=False).print(table)
    allowed = "" if max_bytes is None else f"; memories may take {size(max_bytes)}"
    print(f"{len(documents):,} documents, {size(size_bytes)} in all{allowed}.")


def _show(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        memories = store.memories(document.id)
    if options.json:
        print_json({**_document_fields(document), "memories": [_memory_fields(memory) for memory in memories]})
        return
    print(f"{document.title} ({document.file_name})\n{document.id}")
    print(f"{document.pages:,} pages, {document.chars:,} characters; {_state(document)}")
    table = Table("Memory", "State", "Model", "Ratio", "Windows", "Slots", "Size", box=None)
    for memory in memories:
        state = f"{memory.state}, imported" if memory.imported else memory.state
        cells = (memory.key[:12], state, str(memory.settings.get("model")), str(memory.settings.get("ratio")))
        table.add_row(*(escape(cell) for cell in cells), f"{memory.windows:,}", f"{memory.slots:,}", size(memory.bytes))
    Console(highlight=False).print(table)


def _search(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        hits = store.search(options.query)
    if options.json:
        print_json({"hits": [vars(hit) for hit in hits]})
        return
    for hit in hits:
        print(f"{hit.document_id[:12]}  {hit.title}, page {hit.label}\n    {' '.join(hit.snippet.split())}")
    if not hits:
        print("No page holds all of these words.")


def _remove(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        freed_bytes = store.remove_document(document.id)
    if options.json:
        print_json({"document_id": document.id, "freed_bytes": freed_bytes})
    else:
        print(f"Removed {document.title}; {size(freed_bytes)} freed.")


def _budget(options: argparse.Namespace) -> None:
    evicted: list[MemoryRecord] = []
    with Store(options.library) as store:
        if options.max_bytes is not None:
            evicted = store.set_budget(None if options.max_bytes == "none" else options.max_bytes)
        max_bytes = store.budget()
        used_bytes = sum(memory.bytes for memory in store.memories())
    if options.json:
        print_json({"max_bytes": max_bytes, "memory_bytes": used_bytes, "evicted": [memory.key for memory in evicted]})
        return
    limit = "no limit is set" if max_bytes is None else f"{size(max_bytes)} are allowed"
    print(f"Memories take {size(used_bytes)}; {limit}.")
    if evicted:
        print(f"{len(evicted):,} memories were removed to keep to it; their documents must be read again.")


def _pin(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        store.pin(document.id, options.pinned)
    if options.json:
        print_json({"document_id": document.id, "pinned": options.pinned})
    else:
        print(
            f"The memories of {document.title} {'stay, whatever room is needed' if options.pinned else 'may be evicted'}."
        )


def _verify(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        found = verify(store)
    if options.json:
        print_json({"files": found.files, "bytes": found.bytes, "faults": [vars(fault) for fault in found.faults]})
    else:
        _print_faults(found.faults)
        print(f"{found.files:,} files with {size(found.bytes)} compared, {len(found.faults):,} faults found.")
    if found.faults:
        raise StoreError(f"{len(found.faults):,} parts of the library are broken: {found.faults[0].file} is the first.")


def _rebuild(options: argparse.Namespace) -> None:
    made = rebuild(options.library, force=options.force, mine=options.mine)
    if options.json:
        print_json(
            {
                **vars(made),
                "put_aside": [vars(fault) for fault in made.put_aside],
                "aside": str(made.aside) if made.aside is not None else None,
            }
        )
        return
    _print_faults(made.put_aside)
    print(f"{made.documents:,} documents and {made.memories:,} memories are here.")
    kept = [f"{made.kept[table]:,} {name}" for table, name in _ROWS.items() if table in made.kept]
    print(f"Kept from the old database: {', '.join(kept) or 'nothing'}.")
    if made.lost:
        lost = [f"{'some' if number is None else f'{number:,}'} {_ROWS[table]}" for table, number in made.lost.items()]
        print(f"Lost: {', '.join(lost)}.")
    if not made.kept:
        print(
            "Users' documents, conversations, jobs, pins and the budget were in the old database alone, and are lost."
        )
    if made.unowned:
        print(
            f"{made.unowned:,} documents have no known owner, so only the shell lists them. If they are all yours, give them to"
            " the app without sign-in: library rebuild --force --mine. Whoever adds such a file again has it again."
        )
    if made.aside is not None:
        print(
            f"The old database and what cannot be used are in {made.aside}; remove the folder when you need them no more."
        )


def _collect_garbage(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        freed_bytes = collect_garbage(store)
    if options.json:
        print_json({"freed_bytes": freed_bytes})
    else:
        print(f"{size(freed_bytes)} freed.")


def _backup(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        made = backup(store, options.target)
    if options.json:
        faults = [vars(fault) for fault in made.left_out]
        counts = {"documents": made.documents, "memories": made.memories, "bytes": made.bytes}
        print_json({"file": str(options.target), **counts, "left_out": faults})
        return
    _print_faults(made.left_out)
    print(f"{made.documents:,} documents and {made.memories:,} memories, {size(made.bytes)}, are in {options.target}.")


def _export(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        size_bytes = export_document(store, document.id, options.file)
    if options.json:
        print_json({"document_id": document.id, "file": str(options.file), "bytes": size_bytes})
    else:
        print(f"{document.title} is in {options.file}, {size(size_bytes)}.")


def _import(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        found = import_document(store, options.file)
    if options.json:
        counts = {"placed": found.placed, "already_here": found.already_here}
        print_json({**_document_fields(found.document), **counts})
    elif found.placed:
        print(f'{found.document.title} can be asked: python -m reader ask {found.document.id[:12]} "…"')
    else:
        print(f"{found.document.title} and its memory were here already.")


def _limit(text: str) -> int | str:
    return "none" if text.lower() == "none" else byte_count(text)


def _state(document: DocumentRecord) -> str:
    words = {
        "ready": "ready",
        "reading": "half read",
        "unread": "must be read again" if document.read_at else "not read",
    }
    return words[document.state] + (", pinned" if document.pinned else "")


def _print_faults(faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        print(f"{fault.file}: {fault.reason}")


def _document_fields(document: DocumentRecord) -> dict[str, Any]:
    return {
        "document_id": document.id,
        "title": document.title,
        "file_name": document.file_name,
        "format": document.format,
        "pages": document.pages,
        "chars": document.chars,
        "added_at": document.added_at,
        "state": document.state,
        "must_be_read_again": document.state == "unread" and document.read_at is not None,
        "pinned": document.pinned,
        "memories": document.memories,
        "memory_bytes": document.memory_bytes,
    }


def _memory_fields(memory: MemoryRecord) -> dict[str, Any]:
    return {
        "memory_id": memory.key,
        "state": memory.state,
        "imported": memory.imported,
        "model": memory.settings.get("model"),
        "ratio": memory.settings.get("ratio"),
        "windows": memory.windows,
        "document_tokens": memory.tokens,
        "slots": memory.slots,
        "memory_bytes": memory.bytes,
        "seconds": memory.seconds,
    }
