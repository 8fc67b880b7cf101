"""Opens the document and loads the decoder that a command's flags name. Shows progress on standard error."""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from reader.errors import PasswordNeeded, RecognitionNeeded
from reader.settings import DEFAULT_WINDOW, cache_folder, dtype_name, model_name, recognition_languages
from reader.shell.terminal import PROGRAM, console, print_warning, progress_bar
from reader.wording import STAGES, agreeing, counted, duration

if TYPE_CHECKING:  # torch and transformers take seconds to import: only commands that run a decoder import them
    from reader.documents import Document, Recognition
    from reader.models import Model
    from storage import Store


def load_document(
    source: Path | str, encoding: str | None = None, *, ocr: bool = False, asks_password: bool = True
) -> Document:
    """Open a file, or fetch it from a web address. If it needs a password and the shell is interactive, ask for it.

    Args:
        source: the path of a file, or a web address, as `flags.source` gives them.
        encoding: the encoding of a text or HTML file; None: detected from its bytes.
        ocr: read pages that are pictures of text by text recognition.
        asks_password: whether to ask for a password; otherwise a file that needs one is refused.

    Raises:
        DocumentError: the file cannot be fetched or read, or its password is wrong.
    """
    if isinstance(source, str):
        from reader.documents import fetch

        with tempfile.TemporaryDirectory() as folder:
            with console.status(f"Fetching {escape(source)} …"):
                file = fetch(source, Path(folder), encoding=encoding)
            document = _load_file(file, encoding, ocr, asks_password)
        return replace(document, file_name=source)
    return _load_file(source, encoding, ocr, asks_password)


def _load_file(file: Path, encoding: str | None, ocr: bool, asks_password: bool) -> Document:
    from reader.documents import load

    password = None
    while True:
        try:
            with _opening(file, ocr) as recognition:
                document = load(file, password=password, encoding=encoding, recognition=recognition)
            break
        except RecognitionNeeded as error:
            raise RecognitionNeeded(str(error).replace("run text recognition (OCR) first", _OCR_HINT)) from error
        except PasswordNeeded as error:
            if not asks_password:
                raise
            if not sys.stdin.isatty():
                raise PasswordNeeded(str(error).replace("give its password too", _PASSWORD_HINT)) from error
            console.print(escape(str(error)))
            password = getpass("Password: ")  # never stored
    for note in document.notes:
        console.print(escape(note.replace("name its encoding", "give --encoding NAME")))
    some = functools.partial(counted, noun="page", of=len(document.pages))
    if number := document.recognised_pages:
        console.print(f"{some(number)} {agreeing(number, 'were')} read by text recognition.")
    if (number := document.pictured_pages) and not ocr:
        console.print(f"{some(number)} {'is a picture' if number == 1 else 'are pictures'} without text: {_OCR_HINT}.")
    elif number := document.textless_pages:
        console.print(f"{some(number)} {agreeing(number, 'have')} no text.")
    return document


_OCR_HINT = "add --ocr to read the text in the pictures"


_PASSWORD_HINT = "run this command in a terminal, which asks for the password"


@contextmanager
def _opening(file: Path, ocr: bool) -> Iterator[Recognition | None]:
    """Say that a file is being opened, or show how far text recognition is."""
    if not ocr:
        with console.status(f"Opening {escape(file.name)} …"):
            yield None
        return
    from reader.documents import Recognition

    with progress_bar("Reading the text in pictures") as show:
        yield Recognition(
            languages=recognition_languages(),
            folder=cache_folder() / "recognised",
            report=lambda done, pages: show(done, pages, note=f"page {done:,} of {pages:,}"),
        )


def load_model(options: argparse.Namespace, *, to_read: Document | None = None, store: Store | None = None) -> Model:
    """Load the decoder that the flags name. Before that, print how long reading the document will take.

    Raises:
        ModelError: the decoder or its plug-in cannot be loaded.
    """
    fitting: list[float] = []
    with loading_bar() as progress:
        from reader.models import load_model as load

        name = model_of(options)
        if to_read is not None and store is not None:
            from reader.reading import estimate_reading

            estimate = estimate_reading(
                to_read,
                name,
                store,
                window=options.window or DEFAULT_WINDOW,
                ratio=options.ratio,
                condenser=options.condenser,
                cache_folder=cache_folder(),
                progress=progress,
            )
            console.print(
                f"About {counted(estimate.document_tokens, 'token')} on {counted(len(to_read.pages), 'page')}, "
                f"{duration(estimate.seconds)} to read ({estimate.basis})."
            )

        def report(stage: str, fraction: float) -> None:
            if stage == "fit":
                fitting.append(time.monotonic())
            progress(stage, fraction)

        model = load(
            name,
            plugin=options.plugin,
            condenser=getattr(options, "condenser", None),
            window=options.window,
            horizon=getattr(options, "horizon", None),
            cache_folder=cache_folder(),
            device=getattr(options, "device", None),
            dtype=getattr(options, "dtype", None) or dtype_name(),
            measures_shares=getattr(options, "measures_shares", True),
            progress=report,
        )
    if fitting:
        console.print(
            f"Measured once, in {duration(fitting[-1] - fitting[0])}, how many rows each layer of this decoder should keep: "
            "memories at ratios 2, 4 and 8 then keep more facts."
        )
    if not model.plugin.trained:
        print_warning(
            "The beacons are untrained: memories work, but answers from them will be poor; leave --condenser out to keep rows."
        )
    return model


def model_of(options: argparse.Namespace) -> str:
    """The name of the decoder to use: the flag's, else READER_MODEL's, else the best one in the cache."""
    return options.model or model_name() or _best_here()


@functools.cache  # asked for several times in a run, and said once
def _best_here() -> str:
    from reader.models import choose_decoder

    choice = choose_decoder(cache_folder=cache_folder())
    if choice.better is not None:
        console.print(
            f"{choice.better} would answer better here; fetch it once with {PROGRAM} models fetch {choice.better}."
        )
    return choice.name


@contextmanager
def loading_bar() -> Iterator[Callable[[str, float], None]]:
    """Show a bar until the block ends; yield the `progress` function for loading a decoder."""
    with progress_bar("Loading the decoder", 1.0) as show:
        yield lambda stage, fraction: show(fraction, doing=STAGES.get(stage, stage))
