"""The `read` command: reads a document and saves its memory. Other commands use `read_with_progress`, too."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from reader.shell import flags
from reader.shell.loading import load_document, load_model, model_of
from reader.shell.terminal import PROGRAM, console, print_json, progress_bar
from reader.wording import counted, duration, size
from storage import JobRecord, Store, new_owner

if TYPE_CHECKING:
    from reader.documents import Document
    from reader.models import Model
    from reader.reading import JobSettings, ReadingProgress, ReadingResult


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `read`."""
    flags.add_library(parser)
    flags.add_model(parser)
    flags.add_source(parser)
    parser.add_argument(
        "--memory-dtype",
        choices=("model", "int8", "int4"),
        help="the type of the saved memory: the decoder's own, int8 (a quarter of float32) or int4 (an eighth; the default for it)",
    )
    parser.add_argument(
        "--max-bytes", type=flags.byte_count, metavar="N", help="remove old memories to keep all within N bytes"
    )
    flags.add_encoding(parser)
    flags.add_ocr(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the document, unless its memory is in the library already."""
    with Store(options.library) as store:
        document = load_document(options.file, options.encoding, ocr=options.ocr)
        was_read = _was_read(document, store, options)
        model = load_model(options, to_read=None if was_read else document, store=store)
        result = read_with_progress(document, model, store, options)
        older = outdated(document, store)
    memory = result.memory
    print_outdated(older)
    if options.json:
        print_json(
            {
                "document_id": document.id,
                "memory_id": memory.key,
                "title": document.title,
                "pages": result.pages,
                "textless_pages": document.textless_pages,
                "recognised_pages": document.recognised_pages,
                "document_tokens": result.document_tokens,
                "windows": memory.windows,
                "slots": memory.slots,
                "ratio": result.ratio,
                "memory_bytes": memory.bytes,
                "cached": result.cached,
                "tokens_read": result.tokens_read,
                "seconds": round(result.seconds, 3),
                "tokens_per_second": round(result.tokens_per_second, 1),
                "trained": result.trained,
                "outdated_document_ids": older,
            }
        )
        return
    how = "had been read before" if result.cached else f"read in {duration(result.seconds)}"
    print(f"{document.title}: {counted(result.pages, 'page', of=result.pages)} {how}.")
    print(
        f"{counted(result.document_tokens, 'token')} in {counted(memory.slots, 'slot')} (ratio {result.ratio}),"
        f' {size(memory.bytes)}. Ask it: {PROGRAM} ask {document.id[:12]} "…"'
    )


def _was_read(document: Document, store: Store, options: argparse.Namespace) -> bool:
    """Whether the library has a memory that was read with the same settings; so there is nothing to estimate."""
    settings, memories = vars(job_settings(options)), {memory.key for memory in store.memories(document.id)}
    return any(
        job.state == "ready" and job.settings == settings and job.memory_key in memories
        for job in store.jobs.all(document.id)
    )


def outdated(document: Document, store: Store) -> list[str]:
    """The ids of other documents that an older parser made of a file with this name and format."""
    from reader.documents import is_outdated

    named = (document.file_name, document.format)
    return [
        other.id
        for other in store.documents()
        if (other.file_name, other.format) == named
        and other.id != document.id
        and is_outdated(other.format, other.parser_version)
    ]


def print_outdated(document_ids: Sequence[str]) -> None:
    """Print how to remove each document that an older parser made of a file with the same name."""
    for document_id in document_ids:
        console.print(
            f"The library also has {document_id[:12]}, which an older parser made of a file with this name; "
            f"if you do not need it any more: {PROGRAM} library remove {document_id[:12]}"
        )


def read_with_progress(document: Document, model: Model, store: Store, options: argparse.Namespace) -> ReadingResult:
    """Read a document, or wait for the process that reads it already."""
    from reader.reading import enqueue, read, run as run_job, watch

    owner = new_owner()
    job = enqueue(document, job_settings(options), store, owner)
    claimed = job if job.owner == owner else None
    with reading_bar() as show:
        while claimed is None and (claimed := store.jobs.claim(owner, job_id=job.id)) is None:
            job = watch(job, store, show)
            if job.state == "ready":
                return read(document, model, store, ratio=options.ratio, memory_dtype=options.memory_dtype)
            store.jobs.go_on(job.id)
        return run_job(claimed, model, store, owner, progress=show, max_bytes=options.max_bytes)


def job_settings(options: argparse.Namespace) -> JobSettings:
    """The reading settings that the flags name."""
    from reader.reading import JobSettings

    return JobSettings(
        model=model_of(options),
        plugin=options.plugin,
        condenser=options.condenser,
        window=options.window,
        horizon=options.horizon,
        ratio=options.ratio,
        memory_dtype=options.memory_dtype,
    )


def add_vectors(document_id: str, model: Model, store: Store) -> None:
    """Make the sentence vectors of a document that was read without them, which takes seconds to a minute, once."""
    from reader.reading import make_vectors

    with ExitStack() as shown:
        bar = functools.cache(lambda: shown.enter_context(progress_bar("Comparing its sentences, once")))
        make_vectors(document_id, model.encoder, store, progress=lambda done, chars: bar()(done, chars))


@contextmanager
def reading_bar() -> Iterator[Callable[[ReadingProgress | JobRecord], None]]:
    """Show a bar until the block ends; yield the function that takes progress, of this process's reading or of another's."""
    with progress_bar("Reading") as bar:

        def show(now: ReadingProgress | JobRecord) -> None:
            doing = "Read by another process" if isinstance(now, JobRecord) else "Reading"
            left = "" if now.seconds_left is None else f", {duration(now.seconds_left)} left"
            note = f"page {now.pages_done:,} of {now.pages:,}, {now.tokens_per_second:,.0f} tokens/s{left}"
            bar(now.tokens_done, now.tokens or None, doing=doing, note=note)

        yield show
