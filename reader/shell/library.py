"""The `library` commands: list, search, check, move and limit the library.

Only `add` runs a decoder.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from reader.documents import is_outdated
from reader.errors import DocumentError
from reader.shell import flags, read
from reader.shell.loading import load_document
from reader.shell.terminal import PROGRAM, print_json, print_table
from reader.wording import NEWER_PARSER, agreeing, counted, place, size
from storage import (
    Backup,
    DocumentRecord,
    Fault,
    MemoryRecord,
    Rebuild,
    Store,
    StoreError,
    backup,
    collect_garbage,
    export_document,
    import_document,
    is_library,
    rebuild,
    verify,
)

_COLUMNS = ("Id", "Title", "Pages", "Size", "State", "Added")
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
"""Database table -> the words for its rows in messages."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `library`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def add(
        name: str, run: Callable[[argparse.Namespace], None], help_text: str, *, of_document: bool = False
    ) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=help_text)
        flags.add_library(action)
        if of_document:
            action.add_argument("document", metavar="ID_OR_TITLE")
        action.set_defaults(run=run)
        return action

    add("list", _list, "all documents")
    add("show", _show, "show one document and its memories", of_document=True)
    add("search", _search, "find pages that contain all of these words").add_argument(
        "query", type=flags.words, metavar="WORDS"
    )
    take = add("add", _add, "add a document and read it; queue all documents of a folder or a ZIP")
    flags.add_model(take)
    flags.add_source(take)
    take.add_argument("--no-read", action="store_true", help="only queue it; `jobs run` or the app reads it")
    flags.add_encoding(take)
    flags.add_ocr(take)
    take.set_defaults(memory_dtype=None, max_bytes=None)
    add("remove", _remove, "remove a document and its memories", of_document=True)
    add("budget", _budget, "show or set the limit on the memories' bytes").add_argument(
        "max_bytes", nargs="?", type=_limit, metavar="BYTES|none", help="such as 500000000 or 2GB; none: no limit"
    )
    add("pin", _pin, "never remove a document's memories to make room", of_document=True).set_defaults(pinned=True)
    add("unpin", _pin, "let a document's memories be removed again to make room", of_document=True).set_defaults(
        pinned=False
    )
    add("verify", _verify, "compare every file with its hash")
    again = add("rebuild", _rebuild, "rebuild a damaged database from its readable rows and the files")
    again.add_argument(
        "--force", action="store_true", help="also if the database is whole, or a newer version wrote it"
    )
    again.add_argument(
        "--mine",
        action="store_true",
        help="give documents without a known owner to the user of the app without sign-in",
    )
    add("gc", _collect_garbage, "remove files that are not needed")
    add("backup", _backup, "copy the whole library while it is in use").add_argument(
        "target", type=Path, metavar="FOLDER|FILE.tar"
    )
    add("export", _export, "write a document and its memories to a file", of_document=True).add_argument(
        "file", type=Path, metavar="FILE.beacon"
    )
    add("import", _import, "add an exported document and its memories").add_argument(
        "file", type=Path, metavar="FILE.beacon"
    )


def _add_all(options: argparse.Namespace) -> None:
    """Queue every document of a folder or a ZIP. Report and skip the files that are not documents, and libraries in it."""
    from reader.documents import unpacked
    from reader.reading import enqueue

    taken: list[dict[str, str]] = []
    with Store(options.library) as store, unpacked(options.file, is_library) as (files, libraries):
        left_out = [f"{str(folder)!r} is a library, so what it keeps was not added." for folder in libraries]
        for file in files:
            try:
                document = load_document(file, options.encoding, ocr=options.ocr)
            except DocumentError as error:
                left_out.append(str(error))
                continue
            job = enqueue(document, read.job_settings(options), store)
            taken.append({"document_id": document.id, "title": document.title, "job_id": job.id})
    if options.json:
        print_json({"documents": taken, "errors": left_out})
        return
    for reason in left_out:
        print(reason)
    print(
        f"{counted(len(taken), 'document')} added and queued; the app or `{PROGRAM} jobs run` reads what is queued."
        f" {len(left_out):,} left out."
    )


def _add(options: argparse.Namespace) -> None:
    from reader.documents import is_bundle

    if isinstance(options.file, Path) and is_bundle(options.file):
        _add_all(options)
        return
    if not options.no_read:
        read.run(options)
        return
    from reader.reading import enqueue

    with Store(options.library) as store:
        document = load_document(options.file, options.encoding, ocr=options.ocr)
        job = enqueue(document, read.job_settings(options), store)
        read.print_outdated(read.outdated(document, store))
    if options.json:
        print_json(
            {"document_id": document.id, "title": document.title, "pages": len(document.pages), "job_id": job.id}
        )
    else:
        print(
            f"{document.title}: {counted(len(document.pages), 'page')} added and queued;"
            f" the app or `{PROGRAM} jobs run` reads what is queued."
        )


def _list(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        documents = store.documents()
        size_bytes, max_bytes = store.size_bytes(), store.budget()
    if options.json:
        fields = [_document_fields(document) for document in documents]
        print_json({"documents": fields, "library_bytes": size_bytes, "max_bytes": max_bytes})
        return
    if not documents:
        print(f"The library {options.library} is empty. Read something: {PROGRAM} read FILE")
        return
    table = Table(*(Column(name, no_wrap=name != "Title") for name in _COLUMNS), box=None)
    for document in documents:
        added = datetime.fromtimestamp(document.added_at).strftime("%Y-%m-%d")
        cells = (
            document.id[:8],
            document.title,
            f"{document.pages:,}",
            size(document.memory_bytes),
            _state(document),
        )
        table.add_row(*(escape(cell) for cell in cells), added)
    print_table(table)
    allowed = "" if max_bytes is None else f"; memories may take {size(max_bytes)}"
    print(f"{counted(len(documents), 'document')}, {size(size_bytes)} in all{allowed}.")
    if outdated := sum(is_outdated(document.format, document.parser_version) for document in documents):
        them = "The text of 1 document is" if outdated == 1 else f"The texts of {outdated:,} documents are"
        print(f"{them} from an older parser; `{PROGRAM} read FILE` reads a file again with the newer one.")


def _show(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        memories = store.memories(document.id)
    if options.json:
        print_json({**_document_fields(document), "memories": [_memory_fields(memory) for memory in memories]})
        return
    print(f"{document.title} ({document.file_name})\n{document.id}")
    print(f"{counted(document.pages, 'page')}, {counted(document.chars, 'character')}; {_state(document)}")
    if is_outdated(document.format, document.parser_version):
        print(f"{NEWER_PARSER}: {PROGRAM} read FILE.")
    table = Table("Memory", "State", "Model", "Ratio", "Windows", "Slots", "Size", box=None)
    for memory in memories:
        state = f"{memory.state}, imported" if memory.imported else memory.state
        cells = (memory.key[:12], state, str(memory.settings.get("model")), str(memory.settings.get("ratio")))
        table.add_row(*(escape(cell) for cell in cells), f"{memory.windows:,}", f"{memory.slots:,}", size(memory.bytes))
    print_table(table)


def _search(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        hits = store.search(options.query)
    if options.json:
        print_json({"hits": [vars(hit) for hit in hits]})
        return
    for hit in hits:
        print(f"{hit.document_id[:12]}  {hit.title}, {place(hit.label)}\n    {' '.join(hit.snippet.split())}")
    if not hits:
        print("No page contains all of these words.")


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
        removed = f"{counted(len(evicted), 'memory')} {agreeing(len(evicted), 'were')}"
        print(f"{removed} removed to stay within the limit; read what you want to ask again.")


def _pin(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        store.pin(document.id, options.pinned)
    if options.json:
        print_json({"document_id": document.id, "pinned": options.pinned})
    else:
        print(f"The memories of {document.title} {'are never' if options.pinned else 'may be'} removed to make room.")


def _verify(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        found = verify(store)
    if options.json:
        print_json({"files": found.files, "bytes": found.bytes, "faults": [vars(fault) for fault in found.faults]})
    else:
        _print_faults(found.faults)
        print(
            f"{counted(found.files, 'file')} with {size(found.bytes)} compared, {counted(len(found.faults), 'fault')} found."
        )
    if found.faults:
        parts = f"{counted(len(found.faults), 'part')} of the library {agreeing(len(found.faults), 'are')} broken"
        raise StoreError(f"{parts}: {found.faults[0].file} is the first.")


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
    print(f"{_content(made)} are here.")
    kept = [f"{name} ({made.kept[table]:,})" for table, name in _ROWS.items() if table in made.kept]
    print(f"Kept from the old database: {', '.join(kept) or 'nothing'}.")
    if made.lost:
        lost = [
            f"{_ROWS[table]} ({'some' if number is None else f'{number:,}'})" for table, number in made.lost.items()
        ]
        print(f"Lost: {', '.join(lost)}.")
    if not made.kept:
        print("Users' documents, conversations, jobs, pins and the budget were only in the old database, and are lost.")
    if made.unowned:
        print(
            f"{counted(made.unowned, 'document')} without a known owner: only the shell lists such documents. If all are yours,"
            " give them to the app without sign-in: library rebuild --force --mine. A user who adds such a file again gets the"
            " document back."
        )
    if made.aside is not None:
        print(
            f"The old database and the unusable files are in {made.aside}; remove the folder when you no longer need them."
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
    print(f"{_content(made)}, {size(made.bytes)}, are in {options.target}.")


def _content(made: Backup | Rebuild) -> str:
    return f"{counted(made.documents, 'document')} and {counted(made.memories, 'memory')}"


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
        print(f'{found.document.title} can be asked: {PROGRAM} ask {found.document.id[:12]} "…"')
    else:
        print(f"{found.document.title} and its memory were here already.")


def _limit(text: str) -> int | str:
    return "none" if text.lower() == "none" else flags.byte_count(text)


def _state(document: DocumentRecord) -> str:
    words = {
        "ready": "ready",
        "reading": "part read",
        "unread": "must be read again" if document.read_at else "not read",
    }
    pinned = ", pinned" if document.pinned else ""
    return (
        words[document.state]
        + pinned
        + (", older parser" if is_outdated(document.format, document.parser_version) else "")
    )


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
        "parser_version": document.parser_version,
        "can_be_parsed_again": is_outdated(document.format, document.parser_version),
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
