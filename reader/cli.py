"""The shell's front door: `python -m reader read | ask | jobs | library`.

Reads flags and environment, shows progress on standard error and results on standard output, and turns errors into one
sentence and an exit status (2: the user's mistake, 1: ours, 130: stopped). No logic of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path, user_data_path
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from reader.cli_batch import add_batch_command
from reader.cli_evaluate import add_evaluate_command
from reader.cli_library import add_library_commands, byte_count, print_json, size
from reader.cli_train import add_train_commands
from reader.errors import PasswordNeeded, ReaderError
from storage import JobRecord, MemoryRecord, NotFound, Store, StoreError, is_running, new_owner

if TYPE_CHECKING:  # torch and transformers take seconds to import: only commands that run a decoder pay for them
    from reader.checkpoints import Model
    from reader.documents import Document
    from reader.evidence import Evidence
    from reader.jobs import JobSettings
    from reader.passages import Passage
    from reader.reading import ReadingProgress, ReadingResult

APP = "activation-beacon-reader"
DEFAULT_WINDOW = 512

STAGES = {
    "download": "Downloading the decoder, once",
    "convert": "Converting the decoder, once",
    "wait": "Waiting for another process to fetch the decoder",
    "load": "Loading the decoder",
}

console = Console(stderr=True, highlight=False)


def library_folder(flag: Path | None) -> Path:
    """Where the library lives: the flag, else READER_LIBRARY, else the user's data folder."""
    named = flag or os.environ.get("READER_LIBRARY")
    return Path(named).expanduser() if named else user_data_path(APP) / "library"


def cache_folder() -> Path:
    """Where decoders are kept: READER_CACHE, else the user's cache folder."""
    named = os.environ.get("READER_CACHE")
    return Path(named).expanduser() if named else user_cache_path(APP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    if "library" in options:
        options.library = library_folder(options.library)
    try:
        options.run(options)
    except (ReaderError, StoreError) as error:
        console.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        return error.exit_status
    except KeyboardInterrupt:
        console.print("Stopped. What was finished is kept; run the same command to go on.")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
        return 1
    except Exception as error:
        if os.environ.get("READER_DEBUG"):
            traceback.print_exc()
        console.print(
            f"[bold red]Error:[/] {escape(type(error).__name__)}: {escape(str(error))}. "
            "This is a mistake of ours; READER_DEBUG=1 shows where.",
            soft_wrap=True,
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reader", description="Read long documents once, remember them, ask them."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--library", type=Path, metavar="DIR", help="the library's folder (or READER_LIBRARY)")
    everywhere.add_argument("--json", action="store_true", help="print one JSON object")

    with_model = argparse.ArgumentParser(add_help=False)
    with_model.add_argument(
        "--model", metavar="NAME", help="a Hugging Face name or a folder; default: the bundled decoder"
    )
    with_model.add_argument(
        "--ratio", type=_ratio, metavar="N|adapt", help="tokens condensed into one beacon, 0: keep all; default: adapt"
    )
    with_model.add_argument("--plugin", metavar="NAME", help="a plug-in's folder or Hugging Face name")
    with_model.add_argument(
        "--window", type=_count, metavar="N", help="tokens read at once; default: 512, on a GPU 2048"
    )
    with_model.add_argument(
        "--horizon", type=_count, metavar="N", help="newest slots a window attends to while reading; default: all"
    )

    read = commands.add_parser("read", parents=[everywhere, with_model], help="read a document and save its memory")
    read.add_argument("file", type=Path, metavar="FILE")
    read.add_argument(
        "--memory-dtype",
        choices=("model", "int8"),
        default="model",
        help="how the memory is kept; int8 takes a quarter",
    )
    read.add_argument(
        "--max-bytes", type=byte_count, metavar="N", help="evict old memories rather than let them exceed N"
    )
    _add_encoding(read)
    read.set_defaults(run=_read)

    ask = commands.add_parser(
        "ask", parents=[everywhere, with_model], help="ask one or more documents, reading them first if need be"
    )
    ask.add_argument("documents", nargs="+", metavar="FILE_OR_ID")
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument(
        "--look-again",
        type=_look_again,
        default="auto",
        metavar="off|auto|N",
        help="read passages that matter again, N tokens of them at most; default: when the question asks for detail",
    )
    ask.add_argument("--no-evidence", action="store_true", help="do not work out where the answer comes from")
    ask.set_defaults(run=_ask, memory_dtype="model", max_bytes=None)

    jobs = commands.add_parser("jobs", help="list, pause, cancel, resume and run readings")
    actions = jobs.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", parents=[everywhere], help="all readings and how far they are").set_defaults(run=_jobs)
    for wanted, told in (
        ("pause", "stop a reading after its present window"),
        ("cancel", "give a reading up; finished windows are kept"),
        ("resume", "queue a stopped reading again"),
    ):
        action = actions.add_parser(wanted, parents=[everywhere], help=told)
        action.add_argument("job", metavar="ID")
        action.set_defaults(run=_change_job, wanted=wanted)
    work = actions.add_parser("run", parents=[everywhere, with_model], help="read whatever is queued, in this shell")
    work.set_defaults(run=_work, memory_dtype="model")

    add_batch_command(commands, [everywhere, with_model], _look_again, _model, cache_folder)
    add_evaluate_command(commands, _model)
    add_train_commands(commands, cache_folder)
    library_actions = add_library_commands(commands, everywhere)
    add = library_actions.add_parser("add", parents=[everywhere, with_model], help="take a document in, and read it")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--no-read", action="store_true", help="queue it instead; `jobs run` or the app reads it")
    _add_encoding(add)
    add.set_defaults(run=_add, memory_dtype="model", max_bytes=None)
    return parser


def _read(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        document = _load_document(options.file, options.encoding)
        model = _model(options, document, store)
        result = _read_with_progress(document, model, store, options)
    memory = result.memory
    if options.json:
        print_json(
            {
                "document_id": document.id,
                "memory_id": memory.key,
                "title": document.title,
                "pages": result.pages,
                "textless_pages": document.textless_pages,
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
            }
        )
        return
    how = "had been read before" if result.cached else f"read in {duration(result.seconds)}"
    print(f"{document.title}: {result.pages:,} of {result.pages:,} pages {how}.")
    print(
        f"{result.document_tokens:,} tokens in {memory.slots:,} slots (ratio {result.ratio}), {size(memory.bytes)}. "
        f'Ask it: python -m reader ask {document.id[:12]} "…"'
    )


def _add(options: argparse.Namespace) -> None:
    if not options.no_read:
        _read(options)
        return
    from reader.jobs import enqueue

    with Store(options.library) as store:
        document = _load_document(options.file, options.encoding)
        job = enqueue(document, _job_settings(options), store)
    if options.json:
        print_json(
            {"document_id": document.id, "title": document.title, "pages": len(document.pages), "job_id": job.id}
        )
    else:
        print(
            f"{document.title}: {len(document.pages):,} pages taken in, to be read by the app or `python -m reader jobs run`."
        )


def _ask(options: argparse.Namespace) -> None:
    from reader.answering import Answer, ask, attach_shelf
    from reader.reading import stored_document

    with Store(options.library) as store:
        paths = [Path(reference) for reference in options.documents]
        documents = [
            _load_document(path) if _is_file(path, store) else stored_document(store, str(path)) for path in paths
        ]
        model = _model(options)
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
        print_json(
            {
                "answer": answer.text,
                "question": answer.question,
                "not_said": answer.not_said,
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
                    _place(place) | {"score": round(place.score, 4), "quote": place.quote} for place in answer.evidence
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
                "trained": model.plugin.trained,
            }
        )
        return
    print()
    titles = {source.document_id: source.title for source in attached.sources}
    if answer.not_said and answer.evidence:
        print("Nearest pages, to see for yourself:")
    for place in answer.evidence:
        title = f"{titles[place.document_id]}, " if len(titles) > 1 else ""
        print(f"  {title}page {place.label}: “{' '.join(place.quote.split())}”")
    if answer.left_out:
        console.print(
            f"[yellow]Left out, as not all documents fit the decoder: {escape(', '.join(answer.left_out))}.[/]"
        )
    if answer.pages_read < answer.pages:
        console.print(
            f"[yellow]It is still being read: this is from {answer.pages_read:,} of {answer.pages:,} pages.[/]"
        )
    if told := answer.told_looked_again:
        console.print(f"[dim]{escape(told)}.[/]")
    evidence = f", evidence in {answer.evidence_seconds:.2f} s" if answer.reading_map else ""
    console.print(
        f"[dim]Attached in {answer.attach_seconds:.2f} s, {answer.recomputed_tokens:,} of {answer.document_tokens:,} document "
        f"tokens read again, first token after {answer.first_token_seconds:.2f} s{evidence}.[/]"
    )


def _memory_to_ask(
    document: Document, model: Model, store: Store, options: argparse.Namespace
) -> tuple[MemoryRecord, int]:
    """The memory of a document, and how many of its tokens had to be read for it now."""
    from reader.answering import choose_memory

    # While someone else reads it, it is answered from what has been read; what nobody reads is read first.
    being_read = any(is_running(job) for job in store.jobs.all(document.id))
    record = choose_memory(store, document.id, model, while_reading=being_read) if options.ratio is None else None
    if record is not None:
        return record, 0
    result = _read_with_progress(document, model, store, options)
    return result.memory, result.tokens_read


def _place(place: Evidence | Passage) -> dict[str, Any]:
    return {
        "document_id": place.document_id,
        "page": place.page,
        "label": place.label,
        "start_char": place.start_char,
        "end_char": place.end_char,
    }


def _is_file(path: Path, store: Store) -> bool:
    """Whether a reference means a file: one that is there, or one that names no document and looks like a path."""
    if path.exists():
        return True
    try:
        store.document(str(path))
    except NotFound:
        return path.suffix != "" or len(path.parts) > 1
    return False


def _add_encoding(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--encoding", metavar="NAME", help="what a text or HTML file is written in, such as iso-8859-2; default: found out"
    )


def _load_document(file: Path, encoding: str | None = None) -> Document:
    from reader.documents import load

    password = None
    while True:
        try:
            with console.status(f"Opening {escape(file.name)} …"):
                document = load(file, password=password, encoding=encoding)
            break
        except PasswordNeeded as error:
            if not sys.stdin.isatty():
                raise
            console.print(escape(str(error)))
            password = getpass("Password: ")  # asked for each time, and kept nowhere
    for note in document.notes:
        console.print(escape(note.replace("name its encoding", "give --encoding NAME")))
    if document.textless_pages:
        console.print(
            f"{document.textless_pages:,} of {len(document.pages):,} pages have no text layer and cannot be read."
        )
    return document


def _model(options: argparse.Namespace, document: Document | None = None, store: Store | None = None) -> Model:
    """Load the decoder; before that, tell how long the document will take."""
    with _loading() as progress:
        from reader.checkpoints import load_model
        from reader.models import DEFAULT_MODEL

        name = options.model or DEFAULT_MODEL
        if document is not None and store is not None:
            from reader.estimate import estimate_reading

            estimate = estimate_reading(
                document,
                name,
                store,
                window=options.window or DEFAULT_WINDOW,
                ratio=options.ratio,
                cache_folder=cache_folder(),
                progress=progress,
            )
            console.print(
                f"About {estimate.document_tokens:,} tokens on {len(document.pages):,} pages, "
                f"{duration(estimate.seconds)} to read ({estimate.basis})."
            )
        model = load_model(
            name,
            plugin=options.plugin,
            window=options.window,
            horizon=options.horizon,
            cache_folder=cache_folder(),
            device=getattr(options, "device", None),
            dtype=getattr(options, "dtype", None),
            progress=progress,
        )
    if not model.plugin.trained:
        console.print("[yellow]The plug-in is untrained: memories work, but answers from them will be poor.[/]")
    return model


@contextmanager
def _loading() -> Iterator[Any]:
    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as bar:
        task = bar.add_task("Loading the decoder", total=1.0)
        yield lambda stage, fraction: bar.update(task, description=STAGES.get(stage, escape(stage)), completed=fraction)


def _read_with_progress(document: Document, model: Model, store: Store, options: argparse.Namespace) -> ReadingResult:
    from reader.jobs import enqueue, run, watch
    from reader.reading import read

    owner = new_owner()
    job = enqueue(document, _job_settings(options), store)
    with _reading_bar() as show:
        while (claimed := store.jobs.claim(owner, job_id=job.id)) is None:
            job = watch(job, store, show)
            if job.state == "ready":
                return read(document, model, store, ratio=options.ratio, memory_dtype=options.memory_dtype)
            store.jobs.go_on(job.id)
        return run(claimed, model, store, owner, progress=show, max_bytes=options.max_bytes)


def _job_settings(options: argparse.Namespace) -> JobSettings:
    from reader.jobs import JobSettings
    from reader.models import DEFAULT_MODEL

    return JobSettings(
        model=options.model or DEFAULT_MODEL,
        plugin=options.plugin,
        window=options.window,
        horizon=options.horizon,
        ratio=options.ratio,
        memory_dtype=options.memory_dtype,
    )


@contextmanager
def _reading_bar() -> Iterator[Callable[[ReadingProgress | JobRecord], None]]:
    """A bar that shows a reading, whether it happens here or elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Reading", total=None, told="")

        def show(now: ReadingProgress | JobRecord) -> None:
            here = "Reading" if not isinstance(now, JobRecord) else "Read by another process"
            left = "" if now.seconds_left is None else f", {duration(now.seconds_left)} left"
            told = f"page {now.pages_done:,} of {now.pages:,}, {now.tokens_per_second:,.0f} tokens/s{left}"
            bar.update(task, description=here, total=now.tokens or None, completed=now.tokens_done, told=told)

        yield show


def _jobs(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        jobs = store.jobs.all()
        titles = {document.id: document.title for document in store.documents()}
    if options.json:
        print_json({"jobs": [_job_fields(job) for job in jobs]})
        return
    if not jobs:
        print("Nothing is being read, and nothing waits to be.")
        return
    table = Table("Id", "State", "Document", "Pages", "Tokens/s", "Left", box=None)
    for job in jobs:
        left = "" if job.seconds_left is None else duration(job.seconds_left)
        state = f"{job.state}: {job.reason}" if job.reason else job.state
        cells = (job.id[:8], state, titles.get(job.document_id, ""), f"{job.pages_done:,} of {job.pages:,}")
        table.add_row(*(escape(cell) for cell in cells), f"{job.tokens_per_second:,.0f}", left)
    Console(highlight=False).print(table)


def _change_job(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        job = (
            store.jobs.go_on(options.job)
            if options.wanted == "resume"
            else store.jobs.stop(options.job, options.wanted)
        )
    if options.json:
        print_json(_job_fields(job))
    else:
        print(f"{job.id[:8]} is {job.state}{' and will stop soon' if job.wanted else ''}.")


def _work(options: argparse.Namespace) -> None:
    from reader.jobs import run

    done = 0
    settings = _job_settings(options)
    with Store(options.library) as store:
        model = _model(options)
        owner = new_owner()
        with _reading_bar() as show:
            while (job := store.jobs.claim(owner, settings=settings.of_model)) is not None:
                try:
                    run(job, model, store, owner, progress=show)
                    done += 1
                except (ReaderError, StoreError) as error:
                    console.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
    if options.json:
        print_json({"read": done})
    else:
        print(f"{done:,} {'document' if done == 1 else 'documents'} read; nothing waits.")


def _job_fields(job: JobRecord) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "document_id": job.document_id,
        "state": job.state,
        "pages_done": job.pages_done,
        "pages": job.pages,
        "tokens_done": job.tokens_done,
        "tokens": job.tokens,
        "tokens_per_second": job.tokens_per_second,
        "seconds_left": job.seconds_left,
        "reason": job.reason,
        "memory_id": job.memory_key,
    }


def _ratio(text: str) -> int | None:
    if text == "adapt":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor adapt")


def _look_again(text: str) -> str | int:
    if text in ("off", "auto"):
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither off, auto nor a number of tokens")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
