"""Parsing and drawing in a child process that can be killed, with limits on memory, time, pages and characters.

Files come from strangers and parsers are large: a hang, a crash or a bomb must cost one sentence, not the server. The
child reads the file and the program, and on Linux can do nothing else: see `reader.documents.wall`.
"""

from __future__ import annotations

import base64
import ctypes
import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reader.documents import wall
from reader.documents.document import PARSER_VERSIONS, Document, Page, clean
from reader.documents.recognition import Engine, Kept, Recognition, batches, chosen_engine, load_engine
from reader.errors import DocumentError, PasswordNeeded, RecognitionNeeded

_PROJECT_FOLDER = Path(__file__).parents[2]


_TITLE_CHARS = 200
_ANSWER_BYTES = 64 << 20
_BYTES_A_CHAR = 6
"""Of JSON, at most."""
_CORES = os.cpu_count() or 1
# However many people add documents: a parse takes a core, and up to a gigabyte. Drawing a page does not wait for parses.
_PARSES, _DRAWINGS = threading.BoundedSemaphore(_CORES), threading.BoundedSemaphore(_CORES)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Limits:
    """What one file may cost."""

    memory_bytes: int = 896 << 20
    """Address space on top of what the parser needs before it opens the file; together they stay below 1 GiB."""
    cpu_seconds: int = 300
    wall_seconds: float = 600.0
    pages: int = 20_000
    chars: int = 50_000_000
    file_bytes: int = 1 << 30


LIMITS = Limits()

RECOGNITION_LIMITS = Limits(cpu_seconds=1800, wall_seconds=1800.0)
"""The pages that one process recognises."""

DRAWING_LIMITS = Limits(memory_bytes=512 << 20, cpu_seconds=20, wall_seconds=60.0)
"""One page is drawn while a person looks on."""


@dataclass(frozen=True)
class Box:
    """Where something is on a page, in shares of its width and height from the top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class PagePicture:
    """A page as it looks, and where the quote is on it; no boxes where it was not found."""

    jpeg: bytes
    width_pixels: int
    height_pixels: int
    boxes: tuple[Box, ...]


def parse_isolated(
    path: Path,
    format_name: str,
    *,
    password: str | None = None,
    recognition: Recognition | None = None,
    limits: Limits = LIMITS,
) -> Document:
    """Parse the file with the module named `format_name` in a child process and return its Document.

    Where `recognition` is given, pages without text are read by text recognition.

    Raises:
        DocumentError: The file cannot become a document; the message names the file and the limit that was met.
    """
    engine = chosen_engine(recognition.engine) if recognition else None
    request = {"format": format_name, "password": password, "keep_textless": recognition is not None}
    reply = _ask_child(request, path, limits)
    recognised = 0
    if recognition and engine and reply["pictured"]:
        recognised = _recognise(reply, path, request, recognition, engine)
    if reply["textless_pages"] == len(reply["pages"]):
        raise DocumentError(f"{path.name!r} has no text in it: choose another file.")
    return Document(
        text=reply["text"],
        pages=tuple(Page(number, *page) for number, page in enumerate(reply["pages"], start=1)),
        recognised_pages=recognised,
        title=reply["title"],
        authors=tuple(reply["authors"]),
        file_name=os.fsencode(path.name).decode(errors="replace"),
        format=format_name,
        textless_pages=reply["textless_pages"],
        pictured_pages=len(reply["pictured"]),
        parser_version=PARSER_VERSIONS[format_name],
    )


def _recognise(
    reply: dict[str, Any], path: Path, request: dict[str, Any], recognition: Recognition, engine: Engine
) -> int:
    """Read the pages without text into `reply`, and return how many have text now."""
    texts = [reply["text"][start:end] for _, start, end in reply["pages"]]
    wanted = reply["pictured"]
    kept = Kept(path, recognition, engine)
    found = {index: text for index in wanted if (text := kept.get(index)) is not None}
    report = recognition.report or (lambda _done, _all: None)
    for batch in batches([index for index in wanted if index not in found], engine):
        report(len(found), len(wanted))
        asked = {"pages": batch, "engine": engine, "languages": list(recognition.languages)}
        read = _ask_child({**request, "recognition": asked}, path, RECOGNITION_LIMITS)["texts"]
        for index, text in zip(batch, read, strict=True):
            found[index] = clean(text)
            kept.put(index, found[index])
    report(len(wanted), len(wanted))
    spans, end = [], 0
    for index, (label, _, _) in enumerate(reply["pages"]):
        if text := found.get(index, "").strip():
            texts[index] = text + "\n\n"
        spans.append((label, end, end + len(texts[index])))
        end = spans[-1][2]
    recognised = sum(bool(text.strip()) for text in found.values())
    still = [index for index in wanted if not found[index].strip()]
    textless = reply["textless_pages"] - recognised
    reply.update(text="".join(texts), pages=spans, textless_pages=textless, pictured=still)
    return recognised


def draw_isolated(
    path: Path,
    format_name: str,
    page: int,
    *,
    width_pixels: int,
    quote: str = "",
    everywhere: bool = False,
    limits: Limits = DRAWING_LIMITS,
) -> PagePicture:
    """Draw page `page`, counted from 1, with the module named `format_name` in a child process; find `quote` on it.

    Raises DocumentError, naming the file and, where one was met, the limit.
    """
    drawing = {"page": page, "width_pixels": width_pixels, "quote": quote, "everywhere": everywhere}
    reply = _ask_child({"format": format_name, "drawing": drawing}, path, limits)
    boxes = tuple(Box(*box) for box in reply["boxes"])
    return PagePicture(base64.b64decode(reply["jpeg"]), reply["width_pixels"], reply["height_pixels"], boxes)


@dataclass(frozen=True)
class Illustration:
    """Where a picture stands in a document's text."""

    letters: int
    """The letters before it, without white space."""
    is_behind: bool
    """Whether it belongs to those; else it belongs to what follows."""
    alt: str
    source: str
    """How the file names it."""


def illustrations_isolated(path: Path, format_name: str) -> tuple[int, list[Illustration]]:
    """Return how many letters a file's text has, and its pictures, as the module named `format_name` finds them.

    Raises DocumentError, naming the file.
    """
    reply = _ask_child({"format": format_name, "illustrations": True}, path, DRAWING_LIMITS)
    return reply["letters"], [Illustration(*place) for place in reply["places"]]


def illustration_isolated(path: Path, format_name: str, source: str) -> tuple[str, bytes]:
    """Return the media type and the bytes of a picture, which hold nothing but its pixels; `source` is an illustration's.

    Raises DocumentError, naming the file, where it cannot be shown.
    """
    reply = _ask_child({"format": format_name, "illustration": source}, path, DRAWING_LIMITS)
    return reply["type"], base64.b64decode(reply["data"])


def _ask_child(request: dict[str, Any], path: Path, limits: Limits) -> dict[str, Any]:
    """Send a child process what is to be done with the file, and return what it answers."""
    if path.stat().st_size > limits.file_bytes:
        raise _over(path, f"{limits.file_bytes >> 20:,} MiB a file")
    format_name = request["format"]
    request = {**request, "path": str(path), "limits": asdict(limits), "parent": os.getpid()}
    with _DRAWINGS if {"drawing", "illustrations", "illustration"} & request.keys() else _PARSES:
        answer, status, is_late = _run_child(json.dumps(request).encode(), limits)
    if is_late:
        raise _over(path, f"{limits.wall_seconds:g} seconds")
    if status == -signal.SIGXCPU:
        raise _over(path, f"{limits.cpu_seconds:g} seconds of processor time")
    try:
        reply = json.loads(answer)
        if not isinstance(reply, dict):
            raise ValueError
    except (ValueError, RecursionError) as error:
        raise DocumentError(
            f"Reading {path.name!r} crashed the {format_name} parser (status {status}): "
            "the file is damaged or too large; save a new copy or split it."
        ) from error
    if "error" in reply:
        raise _KINDS.get(reply["kind"], DocumentError)(reply["error"])
    for danger in reply.get("missing", ()):
        _log_missing(str(danger))
    found: dict[str, Any] = reply
    return found


_KINDS = {kind.__name__: kind for kind in (PasswordNeeded, RecognitionNeeded)}
"""Errors that a front door answers otherwise than by showing them."""


def _run_child(request: bytes, limits: Limits) -> tuple[bytes, int, bool]:
    """A child's answer, as much of it as one may be long, its exit status, and whether it took too long."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # the wall is built around the first one
    # The request goes through the pipe because a command line shows the password to every process of the machine.
    with (
        tempfile.TemporaryDirectory(prefix="parse-") as temporary,
        subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", "-m", "reader.documents"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | threads | {"PYTHONPATH": _python_path(), "TMPDIR": temporary},
            start_new_session=True,
        ) as child,
    ):
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(child)

        clock = threading.Timer(limits.wall_seconds, stop)
        clock.daemon = True
        clock.start()
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            with suppress(BrokenPipeError):  # it ended at once, or was too slow
                child.stdin.write(request)
                child.stdin.close()
            answer = child.stdout.read(_ANSWER_BYTES + limits.chars * _BYTES_A_CHAR)
        finally:
            clock.cancel()
            clock.join()
            _kill(child)
    return answer, child.returncode, late.is_set()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a child that nothing has waited for yet, and what it has started."""
    with suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL) if hasattr(os, "killpg") else child.kill()


@cache
def _log_missing(danger: str) -> None:
    logging.getLogger("reader").warning("This system does not keep parsers from %s; only limits do.", danger)


def _python_path() -> str:
    """The child finds this package even where it is not installed and the shell stands elsewhere."""
    return os.pathsep.join(filter(None, [str(_PROJECT_FOLDER), os.environ.get("PYTHONPATH")]))


def _over(path: Path, limit: str) -> DocumentError:
    return DocumentError(f"{path.name!r} needs more than {limit}: split it into smaller files.")


def main() -> None:
    """Answer one request from standard input on standard output; this is all that the child does."""
    request = json.load(sys.stdin)
    _die_with(request["parent"])
    with os.fdopen(os.dup(1), "wb") as answer:
        # A chatty library must not write into the answer.
        os.dup2(2, 1)
        answer.write(_answer(request))


def _die_with(parent: int) -> None:
    """Have the kernel end this process when its parent is killed; only Linux can, elsewhere the limits must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before the kernel was asked
            sys.exit(1)


def _answer(request: dict[str, Any]) -> bytes:
    path, limits = Path(request["path"]), Limits(**request["limits"])
    try:
        # The limit counts from here, so that no format pays for the size of its library.
        module = importlib.import_module(f".{request['format']}", __package__)
        asked = request.get("recognition")
        if wants_pictures := bool({"illustrations", "illustration"} & request.keys()):
            pictures_of = importlib.import_module(".illustrations", __package__)
        read = load_engine(asked["engine"], tuple(asked["languages"])) if asked else None
        _set_limits(limits)
        is_program = asked is not None and asked["engine"] == "tesseract"
        missing = wall.build(
            [path, Path(__file__).parents[1]], Path(tempfile.gettempdir()), may_run_programs=is_program
        )
        if asked:
            pictures = module.pictures(path, asked["pages"], request["password"])
            texts = [read(picture) if picture is not None else "" for picture in pictures]  # type: ignore[misc]
            return json.dumps({"texts": texts, "missing": missing}).encode()
        if drawing := request.get("drawing"):
            jpeg, width_pixels, height_pixels, boxes = module.draw(path, **drawing)
            picture = {"width_pixels": width_pixels, "height_pixels": height_pixels, "boxes": boxes, "missing": missing}
            return json.dumps({**picture, "jpeg": base64.b64encode(jpeg).decode()}).encode()
        if wants_pictures:
            source = request.get("illustration")
            found = pictures_of.places(module, path) if source is None else pictures_of.picture(module, path, source)
            return json.dumps({**found, "missing": missing}).encode(errors="replace")
        keep = {"keep_textless": True} if request.get("keep_textless") else {}
        title, pages = module.parse(path, request["password"], **keep)
        reply = _gather(path, pages, limits)
        if reply["textless_pages"] == len(reply["pages"]) and not keep:
            raise DocumentError(f"{path.name!r} has no text in it: choose another file.")
        reply["missing"] = missing
        find_authors = importlib.import_module(".authors", __package__).authors
        reply["authors"] = [clean(name) for name in find_authors(path, request["format"], request["password"])]
        reply["title"] = clean(title).strip()[:_TITLE_CHARS] or path.name
        return json.dumps(reply, ensure_ascii=False).encode(errors="replace")
    except MemoryError:
        error = _over(path, f"{limits.memory_bytes >> 20:,} MiB of memory")
    except OSError as cause:
        error = DocumentError(
            f"{str(path)!r} cannot be read ({cause.strerror or cause}): check the file and its folder."
        )
    except DocumentError as cause:
        error = cause
    return json.dumps({"error": str(error), "kind": type(error).__name__}).encode()


def _gather(path: Path, pages: Iterator[tuple[str, str] | tuple[str, str, bool]], limits: Limits) -> dict[str, Any]:
    """Join the pages; a third part says of a page without text whether it shows something."""
    texts: list[str] = []
    pictured: list[int] = []
    spans: list[tuple[str, int, int]] = []
    end = textless = 0
    for label, raw, *shows in pages:
        text = clean(raw)
        if not text.strip() and any(shows):
            pictured.append(len(spans))
        textless += not text.strip()
        texts.append(text)
        spans.append((clean(label), end, end + len(text)))
        end += len(text)
        if len(spans) > limits.pages:
            raise _over(path, f"{limits.pages:,} pages")
        if end > limits.chars:
            raise _over(path, f"{limits.chars:,} characters")
    return {"text": "".join(texts), "pages": spans, "textless_pages": textless, "pictured": pictured}


def _set_limits(limits: Limits) -> None:
    import resource

    # The soft limit's signal tells the parent why the child ended; at the hard limit it would be a bare SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes,) * 2)
    try:
        base_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (base_bytes + limits.memory_bytes,) * 2)
    except OSError:
        # Only Linux says how much is mapped, and only there the limit is kept; elsewhere time limits must do.
        pass
