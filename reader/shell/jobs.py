"""The `jobs` commands: list, pause, cancel, resume and run the library's readings."""

from __future__ import annotations

import argparse
from typing import Any

from rich.markup import escape
from rich.table import Table

from reader.errors import ReaderError
from reader.shell import flags
from reader.shell.loading import load_model
from reader.shell.read import job_settings, reading_bar
from reader.shell.terminal import print_error, print_json, print_table
from reader.wording import counted, duration
from storage import JobRecord, Store, StoreError, new_owner


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `jobs`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    everything = actions.add_parser("list", help="list all readings and their progress")
    flags.add_library(everything)
    everything.set_defaults(run=_list)
    for wanted, help_text in (
        ("pause", "stop a reading after its current window"),
        ("cancel", "end a reading; finished windows are kept"),
        ("resume", "queue a stopped reading again"),
    ):
        action = actions.add_parser(wanted, help=help_text)
        flags.add_library(action)
        action.add_argument("job", metavar="ID")
        action.set_defaults(run=_change, wanted=wanted)
    work = actions.add_parser("run", help="run all queued readings in this shell")
    flags.add_library(work)
    flags.add_model(work)
    work.set_defaults(run=_run, memory_dtype=None)


def _list(options: argparse.Namespace) -> None:
    with Store(options.library) as store:
        jobs = store.jobs.all()
        titles = {document.id: document.title for document in store.documents()}
    if options.json:
        print_json({"jobs": [_job_fields(job) for job in jobs]})
        return
    if not jobs:
        print("Nothing is being read, and nothing is queued.")
        return
    table = Table("Id", "State", "Document", "Pages", "Tokens/s", "Left", box=None)
    for job in jobs:
        left = "" if job.seconds_left is None else duration(job.seconds_left)
        state = f"{job.state}: {job.reason}" if job.reason else job.state
        cells = (job.id[:8], state, titles.get(job.document_id, ""), f"{job.pages_done:,} of {job.pages:,}")
        table.add_row(*(escape(cell) for cell in cells), f"{job.tokens_per_second:,.0f}", left)
    print_table(table)


def _change(options: argparse.Namespace) -> None:
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


def _run(options: argparse.Namespace) -> None:
    from reader.reading import run

    done = 0
    settings = job_settings(options)
    with Store(options.library) as store:
        model = load_model(options)
        owner = new_owner()
        with reading_bar() as show:
            while (job := store.jobs.claim(owner, settings=settings.of_model)) is not None:
                try:
                    run(job, model, store, owner, progress=show)
                    done += 1
                except (ReaderError, StoreError) as error:
                    print_error(error)
    if options.json:
        print_json({"read": done})
    else:
        print(f"{counted(done, 'document')} read; nothing waits.")


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
