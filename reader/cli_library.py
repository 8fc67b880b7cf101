"""The shell's `library …` commands: what was read, listed, checked, moved and kept within its room on the disk.

Prints results on standard output. It reads no environment, and knows no model: reader/cli.py gives it the library's folder.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from storage import DocumentRecord, MemoryRecord, Store


def add_library_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    """Add `library` and its actions to the shell's commands; `everywhere` carries the flags that each command takes."""
    library = commands.add_parser("library", help="list, show and remove what was read")
    actions = library.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", parents=[everywhere], help="all documents").set_defaults(run=_list)
    show = actions.add_parser("show", parents=[everywhere], help="one document and its memories")
    show.add_argument("document", metavar="ID_OR_TITLE")
    show.set_defaults(run=_show)
    remove = actions.add_parser("remove", parents=[everywhere], help="remove a document and its memories")
    remove.add_argument("document", metavar="ID_OR_TITLE")
    remove.set_defaults(run=_remove)


def _list(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        documents = store.documents()
        size_bytes = store.size_bytes()
    if options.json:
        print_json({"documents": [_document_fields(document) for document in documents], "library_bytes": size_bytes})
        return
    if not documents:
        print(f"The library {options.library} is empty. Read something: python -m reader read FILE")
        return
    table = Table("Id", "Title", "Pages", "Memories", "Size", "Added", box=None)
    for document in documents:
        added = datetime.fromtimestamp(document.added_at).strftime("%Y-%m-%d %H:%M")
        cells = (
            document.id[:12],
            document.title,
            f"{document.pages:,}",
            str(document.memories),
            size(document.memory_bytes),
        )
        table.add_row(*(escape(cell) for cell in cells), added)
    Console(highlight=False).print(table)


def _show(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        memories = store.memories(document.id)
    if options.json:
        print_json({**_document_fields(document), "memories": [_memory_fields(memory) for memory in memories]})
        return
    print(
        f"{document.title} ({document.file_name})\n{document.id}\n{document.pages:,} pages, {document.chars:,} characters"
    )
    table = Table("Memory", "State", "Model", "Ratio", "Windows", "Slots", "Size", box=None)
    for memory in memories:
        cells = (memory.key[:12], memory.state, str(memory.settings.get("model")), str(memory.settings.get("ratio")))
        table.add_row(*(escape(cell) for cell in cells), f"{memory.windows:,}", f"{memory.slots:,}", size(memory.bytes))
    Console(highlight=False).print(table)


def _remove(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = store.document(options.document)
        freed_bytes = store.remove_document(document.id)
    if options.json:
        print_json({"document_id": document.id, "freed_bytes": freed_bytes})
    else:
        print(f"Removed {document.title}; {size(freed_bytes)} freed.")


def _document_fields(document: DocumentRecord) -> dict[str, Any]:
    return {
        "document_id": document.id,
        "title": document.title,
        "file_name": document.file_name,
        "format": document.format,
        "pages": document.pages,
        "chars": document.chars,
        "added_at": document.added_at,
        "memories": document.memories,
        "memory_bytes": document.memory_bytes,
    }


def _memory_fields(memory: MemoryRecord) -> dict[str, Any]:
    return {
        "memory_id": memory.key,
        "state": memory.state,
        "model": memory.settings.get("model"),
        "ratio": memory.settings.get("ratio"),
        "windows": memory.windows,
        "document_tokens": memory.tokens,
        "slots": memory.slots,
        "memory_bytes": memory.bytes,
        "seconds": memory.seconds,
    }


def print_json(fields: dict[str, Any]) -> None:
    print(json.dumps(fields, ensure_ascii=False))


def size(size_bytes: int) -> str:
    number = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
