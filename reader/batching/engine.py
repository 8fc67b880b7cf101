"""Runs a batch: gives an engine the questions that have no result yet, document by document, and keeps each result as it comes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from reader.batching.questions import BatchQuestion, Group, csv_delimiter, load_questions
from reader.batching.results import Result, Results
from reader.documents import Document, fetch, is_address, load
from reader.errors import ConfigError, ReaderError
from reader.reading import add_document
from reader.wording import counted
from storage import NotFound, Store, StoreError

_NAMED = 5
"""Lines with the same fault that are named."""


@runtime_checkable
class Engine(Protocol):
    """Whatever answers the questions of a batch."""

    def answer(
        self, groups: Sequence[Group], store: Store, doing: Callable[[str], None] = lambda _: None
    ) -> Iterator[Result]:
        """Yield a result for every question, in any order, as they come."""


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is."""

    done: int
    """Results in the output, those of earlier runs and errors included."""
    questions: int
    errors: int
    doing: str
    """What is being done, in a few words."""


@dataclass(frozen=True)
class BatchSummary:
    """What a batch came to."""

    questions: int
    answered: int
    """In this run."""
    errors: int
    """In the output."""


def open_source(source: Path | str) -> Document:
    """Open a file by its path, or fetch one from its web address, after which the document is then called.

    Raises:
        DocumentError: it cannot be fetched or read.
    """
    if isinstance(source, Path):
        return load(source)
    with tempfile.TemporaryDirectory() as folder:
        return replace(load(fetch(source, Path(folder))), file_name=source)


def batch(
    questions: Path | str,
    output: Path | str,
    store: Store,
    engine: Engine | Callable[[], Engine],
    *,
    document: str | None = None,
    shelves: Mapping[str, Sequence[str]] | None = None,
    retry_errors: bool = False,
    progress: Callable[[BatchProgress], None] = lambda _: None,
    open_document: Callable[[Path | str], Document] = open_source,
) -> BatchSummary:
    """Answer a file of questions into a file of results, both JSON lines or CSV by suffix; what is there already stays.

    Each result is on the disk before the next one is begun to be written: stopped in any way and run again, only what is missing is
    asked. At the end the results are in the order of the questions. Documents that are named by a file's path are taken into the
    library first, and so is what a web address gives, unless the library has a document from there.

    Args:
        engine: an engine, or a function that makes one; the function is called only once the questions are in order.
        document: what questions that name no document are about.
        shelves: names that questions may give as their document, each for the ids of documents that are asked together.
        retry_errors: whether what failed before is asked again.
        open_document: opens a file (a path) or a web address (a text) that a question names; by default without text recognition.

    Raises:
        ConfigError: something is wrong with the questions (a sentence for each line), or with what the output holds.
        StoreError: another process writes to the output, or the disk is full.
    """
    questions, output = Path(questions), Path(output)
    if questions.resolve() == output.resolve():
        raise ConfigError(f"{str(output)!r} holds the questions; choose another output.")
    asked, problems = load_questions(questions, document)
    shelves = shelves or {}
    documents = _find_documents(asked, problems, store, shelves, open_document)
    with Results(output, csv_delimiter(questions)) as results:
        for one in asked:
            known = results.question_of(one.custom_id)
            if known is not None and known != one.question:
                problems.append(
                    (one.line, f"The custom_id {one.custom_id!r} has a result for another question in {output}.")
                )
        if problems:
            lines = counted(len(problems), "line")
            raise ConfigError(
                f"{str(questions)!r} was not begun, because {lines} of it cannot be asked:\n{_by_sentence(problems)}"
            )
        if retry_errors:
            results.drop(set(results.failed) & {one.custom_id for one in asked})
        missing = [one for one in asked if results.question_of(one.custom_id) is None]
        done, errors = len(asked) - len(missing), len(set(results.failed) & {one.custom_id for one in asked})
        doing = ""

        def tell(now_doing: str) -> None:
            nonlocal doing
            doing = now_doing
            progress(BatchProgress(done, len(asked), errors, doing))

        tell("")
        groups = _group(missing, documents, store, shelves) if missing else []
        for result in _made(engine).answer(groups, store, tell) if groups else ():
            results.append(result)
            done, errors = done + 1, errors + (result.error is not None)
            tell(doing)
        results.put_in_order([one.custom_id for one in asked])
    return BatchSummary(len(asked), len(missing), errors)


def _by_sentence(problems: Sequence[tuple[int, str]]) -> str:
    """Each sentence once, with the lines that it is about."""
    lines: dict[str, list[str]] = {}
    for line, told in sorted(problems):
        lines.setdefault(told, []).append(f"{line:,}")
    return "\n".join(
        f"{'Line' if len(found) == 1 else 'Lines'} {', '.join(found[:_NAMED])}"
        f"{f' and {len(found) - _NAMED:,} more' if len(found) > _NAMED else ''}: {told}"
        for told, found in lines.items()
    )


def _made(engine: Engine | Callable[[], Engine]) -> Engine:
    return engine if isinstance(engine, Engine) else engine()


def _find_documents(
    asked: Sequence[BatchQuestion],
    problems: list[tuple[int, str]],
    store: Store,
    shelves: Mapping[str, Sequence[str]],
    open_document: Callable[[Path | str], Document],
) -> dict[str, str | Document]:
    """The id in the library, the document in a file, or the shelf, of each one that is named; adds to the problems what is none."""
    found: dict[str, str | Document] = {}
    missing: dict[str, str] = {}
    for one in asked:
        if one.document not in found and one.document not in missing:
            try:
                for document_id in shelves.get(one.document, ()):
                    store.document(document_id)
                found[one.document] = (
                    one.document if one.document in shelves else _find_document(one.document, store, open_document)
                )
            except (ReaderError, StoreError) as error:
                missing[one.document] = str(error)
        if one.document in missing:
            problems.append((one.line, missing[one.document]))
    return found


def _find_document(reference: str, store: Store, open_document: Callable[[Path | str], Document]) -> str | Document:
    if is_address(reference):
        try:
            return store.document(reference).id
        except NotFound:
            return open_document(reference)
    try:
        path = Path(reference).expanduser()
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError):  # too long for a path, or in the home of a stranger
        is_file = False
    return open_document(path) if is_file else store.document(reference).id


def _group(
    asked: Sequence[BatchQuestion],
    documents: dict[str, str | Document],
    store: Store,
    shelves: Mapping[str, Sequence[str]],
) -> list[Group]:
    """Questions by document, the documents in the order of their first question; takes new ones into the library."""
    groups: dict[str, list[BatchQuestion]] = {}
    for one in asked:
        document = documents[one.document]
        if isinstance(document, Document):
            add_document(document, store)
            document = documents[one.document] = document.id
        groups.setdefault(document, []).append(one)
    return [
        Group(name, name, tuple(own), tuple(shelves[name]))
        if name in shelves
        else Group(name, store.document(name).title, tuple(own))
        for name, own in groups.items()
    ]
