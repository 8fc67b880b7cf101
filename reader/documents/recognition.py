"""Text recognition (OCR) of pages that have no text layer, or one that is nonsense.

It needs no hub and no key: RapidOCR's wheel carries its models, and tesseract is used where it is installed. Pages that
were read are kept, so that a run that was stopped goes on where it ended.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from reader.errors import DocumentError

Engine = Literal["auto", "rapidocr", "tesseract"]

_PAGES_A_PROCESS = {"rapidocr": 8}
"""Loading RapidOCR's models takes as long as reading a page; a run that is stopped loses no more pages than these."""
_SECONDS_A_PAGE = 120
_KEPT_SECONDS = 14 * 24 * 3600.0
_ROW_OVERLAP = 0.5
_COLUMN_GAP = 0.02
_LEAST_COLUMN_LINES = 4


@dataclass(frozen=True)
class Recognition:
    """How pages without a usable text layer are read."""

    languages: tuple[str, ...] = ("eng",)
    """tesseract's names of the languages; RapidOCR reads Latin, Chinese and Japanese script without being asked."""
    engine: Engine = "auto"
    """tesseract where it is installed (fewer wrong words in English), else RapidOCR."""
    folder: Path | None = None
    """Where finished pages are kept; None keeps none."""
    report: Callable[[int, int], None] | None = None
    """Called with the pages read so far and the pages to read."""


def can_recognise() -> bool:
    """Return whether an engine for text recognition is installed."""
    try:
        return bool(chosen_engine("auto"))
    except DocumentError:
        return False


def chosen_engine(engine: Engine) -> Engine:
    """Return the engine that reads the pages.

    Raises:
        DocumentError: None is installed.
    """
    installed = {
        "rapidocr": importlib.util.find_spec("rapidocr") is not None,
        "tesseract": shutil.which("tesseract") is not None,
    }
    for name in ("tesseract", "rapidocr") if engine == "auto" else (engine,):
        if installed[name]:
            return name
    wanted = "text recognition" if engine == "auto" else engine
    raise DocumentError(
        f"No engine for {wanted} is installed: install tesseract-ocr, or run `pip install rapidocr onnxruntime`."
    )


def load_engine(engine: Engine, languages: tuple[str, ...]) -> Callable[[Any], str]:
    """Return a function that reads the text of a Pillow picture."""
    if engine == "tesseract":
        return lambda picture: _read_with_tesseract(picture, languages)
    import numpy as np
    from rapidocr import RapidOCR

    # Larger batches and an arena of its own would pass the limit on memory.
    settings = {
        "Global.log_level": "error",
        "Rec.rec_batch_num": 1,
        "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
        "EngineConfig.onnxruntime.intra_op_num_threads": min(os.cpu_count() or 1, 4),
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    rapid = RapidOCR(params=settings)

    def read(picture: Any) -> str:
        found = rapid(np.asarray(picture.convert("RGB"))[:, :, ::-1])
        if found.txts is None:
            return ""
        boxes = [
            (float(box[:, 0].min()), float(box[:, 1].min()), float(box[:, 0].max()), float(box[:, 1].max()))
            for box in found.boxes
        ]
        return in_reading_order(list(zip(boxes, found.txts, strict=True)), picture.width)

    return read


def _read_with_tesseract(picture: Any, languages: tuple[str, ...]) -> str:
    out = BytesIO()
    picture.save(out, "PNG")
    command = ["tesseract", "stdin", "stdout", "-l", "+".join(languages), "--psm", "3"]
    try:
        done = subprocess.run(
            command,
            input=out.getvalue(),
            capture_output=True,
            timeout=_SECONDS_A_PAGE,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    if done.returncode and b"language" in done.stderr:
        raise DocumentError(
            f"tesseract lacks the languages {', '.join(languages)}: install tesseract-ocr-<language> for each."
        )
    return done.stdout.decode(errors="replace").replace("\f", "").strip()


Line = tuple[tuple[float, float, float, float], str]
"""Left, top, right and bottom in pixels, and the text."""


def in_reading_order(lines: list[Line], width: float) -> str:
    """Return the text of lines: columns one after the other, and what is on one row joined."""
    columns = _columns(lines, width)
    if columns is not None:
        return "\n".join(in_reading_order(column, width) for column in columns if column)
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line[0][1] + line[0][3]) / 2):
        (_, top, _, bottom), _ = line
        (_, row_top, _, row_bottom), _ = rows[-1][-1] if rows else ((0, -1.0, 0, -1.0), "")
        overlap = min(bottom, row_bottom) - max(top, row_top)
        if rows and overlap > _ROW_OVERLAP * min(bottom - top, row_bottom - row_top):
            rows[-1].append(line)
        else:
            rows.append([line])
    return "\n".join(" ".join(text for _, text in sorted(row)) for row in rows)


def _columns(lines: list[Line], width: float) -> list[list[Line]] | None:
    """Part the lines at a white strip from top to bottom, with what goes across above or below; None without one."""
    if len(lines) < 2 * _LEAST_COLUMN_LINES:
        return None
    middle = width / 2
    across = [line for line in lines if line[0][0] < middle - 0.05 * width and line[0][2] > middle + 0.05 * width]
    beside = [line for line in lines if line not in across]
    left = [line for line in beside if (line[0][0] + line[0][2]) / 2 < middle]
    right = [line for line in beside if line not in left]
    if min(len(left), len(right)) < _LEAST_COLUMN_LINES or len(across) > len(beside) / 4:
        return None
    # Forms and tables have short cells side by side; columns are filled with text.
    if min(sorted(b - a for (a, _, b, _), _ in side)[len(side) // 2] for side in (left, right)) < 0.3 * width:
        return None
    if min(box[0] for box, _ in right) - max(box[2] for box, _ in left) < _COLUMN_GAP * width:
        return None
    top = min(box[1] for box, _ in beside)
    above = [line for line in across if line[0][1] < top]
    below = [line for line in across if line not in above]
    return [above, left, right, below]


class Kept:
    """The pages of one file that were read before."""

    def __init__(self, path: Path, recognition: Recognition, engine: Engine) -> None:
        """Name the pages by the file's content and by how it is read."""
        self._folder = recognition.folder
        if self._folder is not None:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            languages = "+".join(recognition.languages) if engine == "tesseract" else "any"
            self._stem = f"{digest}-{engine}-{languages}"
            self._forget_old()

    def _forget_old(self) -> None:
        """Remove what was kept long ago: the text is in the library, or nobody wanted it."""
        assert self._folder is not None
        for file in self._folder.glob("*.txt"):
            try:
                if time.time() - file.stat().st_mtime > _KEPT_SECONDS:
                    file.unlink()
            except OSError:
                continue

    def get(self, index: int) -> str | None:
        """Return the text of a page, None where it was not read."""
        if self._folder is None:
            return None
        try:
            return (self._folder / f"{self._stem}-{index}.txt").read_text()
        except OSError:
            return None

    def put(self, index: int, text: str) -> None:
        """Keep the text of a page; a full disk must not cost the run."""
        if self._folder is None:
            return
        target = self._folder / f"{self._stem}-{index}.txt"
        part = target.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(text)
            part.replace(target)
        except OSError:
            part.unlink(missing_ok=True)


def batches(indices: list[int], engine: Engine) -> Iterator[list[int]]:
    """Yield the pages that one process reads."""
    count = _PAGES_A_PROCESS.get(engine, 1)
    for start in range(0, len(indices), count):
        yield indices[start : start + count]
