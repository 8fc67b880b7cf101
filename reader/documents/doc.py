"""Word files from before 2007 (.doc) through a converter that is installed: LibreOffice, antiword or catdoc.

Nothing is installed or fetched. A converter runs with a time limit and in a folder of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from reader.documents.text import Parsed
from reader.errors import DocumentError

_SECONDS = 180
_OFFICES = ("soffice", "libreoffice")
_TEXT_CONVERTERS = (("antiword", "-m", "UTF-8.txt", "-w", "0"), ("catdoc", "-w", "-d", "utf-8"))


def parse(path: Path, password: str | None) -> Parsed:
    """Return the title and the (label, text) of each page.

    `load` converts first, outside of the limits of the child process, which are too narrow for an office program.

    Raises:
        DocumentError: no converter is installed, or none could read the file.
    """
    from reader.documents import docx, text  # converting does not pay for them

    with tempfile.TemporaryDirectory() as folder:
        converted, format_name = convert(path, Path(folder))
        title, pages = (docx if format_name == "docx" else text).parse(converted, password)
        return title, iter(list(pages))


def convert(path: Path, folder: Path) -> tuple[Path, str]:
    """Convert a .doc file into a file in `folder`; return it and the module that parses it.

    Raises:
        DocumentError: no converter is installed, or none could read the file.
    """
    office = next(filter(None, map(shutil.which, _OFFICES)), None)
    if office is not None:
        copy = folder / "in" / f"{path.stem}.doc"
        copy.parent.mkdir()
        shutil.copyfile(path, copy)
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        command = [
            office,
            profile,
            "--headless",
            "--norestore",
            "--convert-to",
            "docx",
            "--outdir",
            str(folder),
            str(copy),
        ]
        _run(path, command, office)
        converted = folder / f"{path.stem}.docx"
        if converted.exists():
            return converted, "docx"
    for name, *options in _TEXT_CONVERTERS:
        program = shutil.which(name)
        if program is not None:
            output = _run(path, [program, *options, str(path.resolve())], program)
            if output.strip():
                converted = folder / f"{path.stem}.txt"
                converted.write_bytes(output)
                return converted, "text"
            office = program
    if office is None:
        raise DocumentError(
            f"{path.name!r} is a Word file from before 2007: save it as DOCX, or install LibreOffice or antiword."
        )
    raise DocumentError(f"{path.name!r} could not be read by {Path(office).name}: save it as DOCX.")


def _run(path: Path, command: list[str], program: str) -> bytes:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DocumentError(
            f"{path.name!r} took {Path(program).name} more than {_SECONDS} seconds: save it as DOCX."
        ) from error
    except OSError as error:
        raise DocumentError(f"{Path(program).name} could not be run for {path.name!r}: save it as DOCX.") from error
    return done.stdout
