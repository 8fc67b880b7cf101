"""The `ask` command: asks one question about one or more documents and prints the answer as it is decoded."""

from __future__ import annotations

import argparse
from collections.abc import Set
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from reader.answering import says_nothing
from reader.shell import flags
from reader.shell.loading import load_document, load_model
from reader.shell.read import add_vectors, read_with_progress
from reader.shell.terminal import console, print_json, print_warning
from reader.wording import MARKDOWN, NOT_STATED, counted, place, places_of, plain_markdown, quoted
from storage import MemoryRecord, NotFound, Store, is_running

if TYPE_CHECKING:
    from reader.answering import Answer, AttachedMemory, Evidence, Passage
    from reader.documents import Document
    from reader.models import Model


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `ask`."""
    flags.add_library(parser)
    flags.add_model(parser)
    parser.add_argument("documents", nargs="+", metavar="FILE_OR_ID", help="a file, its web address, or an id or title")
    parser.add_argument(
        "question", type=flags.words, metavar="QUESTION", help="what to ask, in quotation marks; always the last word"
    )
    flags.add_ocr(parser)
    flags.add_answering(parser)
    parser.set_defaults(run=run, memory_dtype=None, max_bytes=None)


def run(options: argparse.Namespace) -> None:
    """Answer the question from the documents' memories. Read documents without a memory first."""
    with Store(options.library) as store:
        sources = [flags.source(reference) for reference in options.documents]
        new = {source: load_document(source, ocr=options.ocr) for source in sources if _is_new(source, store)}
        # These take seconds to import: by now, all documents are known.
        from reader.answering import ask, attach_shelf
        from reader.reading import stored_document

        documents = [new.get(source) or stored_document(store, str(source)) for source in sources]
        model = load_model(options)
        found = [_memory_to_ask(document, model, store, options) for document in documents]
        attached = attach_shelf([record for record, _ in found], model, store, options.question)
        tokens_read = sum(tokens for _, tokens in found)
        answer: Answer | None = None
        for part in ask(
            attached, options.question, model, look_again=options.look_again, evidence=not options.no_evidence
        ):
            answer = part.answer
            if not options.json:
                print(part.text, end="", flush=True)
    assert answer is not None
    if options.json:
        print_json(_answer_fields(answer, attached, tokens_read) | {"trained": model.plugin.trained})
    else:
        print()
        _print_notes(answer, attached, markdown={one.id for one in documents if one.format == MARKDOWN})


def _print_notes(answer: Answer, attached: AttachedMemory, *, markdown: Set[str]) -> None:
    """Print the answer's pages to standard output, and its cost and limits to standard error.

    Args:
        markdown: ids of the documents whose quotes have marks that people do not read.
    """
    titles = {source.document_id: source.title for source in attached.sources}
    if answer.not_said and answer.evidence:
        print("Closest passages:")
    elif answer.is_stated is False and not answer.parts:
        print(f"{NOT_STATED}:")
    parts = answer.parts if not answer.not_said else ()
    for number, part in enumerate(parts or ("",)):
        places = [item for item in answer.evidence if not parts or number in item.parts]
        if part and places:
            print(_heading(part, is_stated=number not in answer.unstated_parts))
        for item in places:
            title = f"{titles[item.document_id]}, " if len(titles) > 1 else ""
            plain = plain_markdown if item.document_id in markdown else str
            print(f"  {title}{place(item.label, item.page)}: “{quoted(plain(item.quote), plain(item.header))}”")
    if answer.left_out:
        print_warning(f"Not all documents fit the decoder; left out: {', '.join(answer.left_out)}.")
    if answer.pages_read < answer.pages:
        print_warning(
            f"The document is still being read: this answer is from {counted(answer.pages_read, 'page', of=answer.pages)}."
        )
    looked = places_of(((one.document_id, place(one.label, one.page)) for one in answer.looked_again), titles)
    if looked:
        console.print(f"[dim]Looked again at {escape(looked)}.[/]")
    evidence = f", passages found in {answer.evidence_seconds:.2f} s" if answer.reading_map else ""
    console.print(
        f"[dim]Memory attached in {answer.attach_seconds:.2f} s, {answer.recomputed_tokens:,} of {answer.document_tokens:,} "
        f"document tokens read again, first word after {answer.first_token_seconds:.2f} s{evidence}.[/]"
    )


def _heading(part: str, *, is_stated: bool) -> str:
    """The answer to a part of a question, above the places that it rests on."""
    if says_nothing(part):
        return f"{part} Closest passages:"
    return f"{shorten(part, 60, placeholder=' …')}: {'' if is_stated else f'{NOT_STATED}:'}".strip()


def _answer_fields(answer: Answer, attached: AttachedMemory, tokens_read: int) -> dict[str, Any]:
    return {
        "answer": answer.text,
        "parts": list(answer.parts),
        "question": answer.question,
        "not_said": answer.not_said,
        "is_stated": answer.is_stated,
        "unstated_parts": list(answer.unstated_parts),
        "document_id": attached.record.document_id,
        "memory_id": attached.record.key,
        "documents": [
            {"document_id": source.document_id, "title": source.title, "memory_id": record.key}
            for source, record in zip(attached.sources, attached.records, strict=True)
        ],
        "left_out": answer.left_out,
        "document_tokens": answer.document_tokens,
        "recomputed_tokens": answer.recomputed_tokens,
        "looked_again_tokens": answer.looked_again_tokens,
        "looked_again": [_place(passage) for passage in answer.looked_again],
        "evidence": [
            _place(item)
            | {
                "score": round(item.score, 4),
                "quote": item.quote,
                "header": item.header,
                "parts": list(item.parts),
            }
            for item in answer.evidence
        ],
        "reading_map": [round(share, 6) for share in answer.reading_map],
        "tokens_read": tokens_read,
        "attach_seconds": round(answer.attach_seconds, 4),
        "first_token_seconds": round(answer.first_token_seconds, 4),
        "evidence_seconds": round(answer.evidence_seconds, 4),
        "answer_tokens": answer.answer_tokens,
        "pages_read": answer.pages_read,
        "pages": answer.pages,
        "seconds": round(answer.seconds, 4),
        "ended": answer.ended,
    }


def _memory_to_ask(
    document: Document, model: Model, store: Store, options: argparse.Namespace
) -> tuple[MemoryRecord, int]:
    """The memory of a document, and the number of tokens that were read for it now."""
    from reader.answering import choose_memory

    # If another process is reading the document, answer from the part read so far. Otherwise read the document first.
    being_read = any(is_running(job) for job in store.jobs.all(document.id))
    record = choose_memory(store, document.id, model, while_reading=being_read) if options.ratio is None else None
    if record is not None:
        if record.state == "ready":
            add_vectors(document.id, model, store)
        return record, 0
    result = read_with_progress(document, model, store, options)
    return result.memory, result.tokens_read


def _place(item: Evidence | Passage) -> dict[str, Any]:
    return {
        "document_id": item.document_id,
        "page": item.page,
        "label": item.label,
        "start_char": item.start_char,
        "end_char": item.end_char,
    }


def _is_new(source: Path | str, store: Store) -> bool:
    """Whether a reference means a file or a web address to load.

    A file exists, or the reference names no document and looks like a path. An address is not in the library yet: asking
    fetches nothing again.

    Raises:
        NotFound: it means neither these nor a document of the library.
    """
    if isinstance(source, Path) and source.exists():
        return True
    try:
        store.document(str(source))
    except NotFound:
        if isinstance(source, Path) and not source.suffix and len(source.parts) == 1:
            raise
        return True
    return False
