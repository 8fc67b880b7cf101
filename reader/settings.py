"""Where the library and the decoders live, and what the environment sets; READER_* variables are read here and nowhere else."""

from __future__ import annotations

import os
import tomllib
from importlib import metadata
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

APP = "activation-beacon-reader"
"""The name of the data and cache folders; a library written before opens only while it stays the same."""

_INSTALLED_STATIC = Path(__file__).parent / "static"
STATIC = _INSTALLED_STATIC if _INSTALLED_STATIC.is_dir() else Path(__file__).parents[1] / "static"
"""The page's styles, scripts and the sample document: beside the package in a checkout, inside it once installed."""

DEFAULT_WINDOW = 512
"""Tokens read at once on a CPU."""


def library_folder(flag: Path | None) -> Path:
    """Where the library lives: the flag, else READER_LIBRARY, else the user's data folder."""
    named = flag or os.environ.get("READER_LIBRARY")
    return Path(named).expanduser() if named else user_data_path(APP) / "library"


def cache_folder() -> Path:
    """Where decoders are kept: READER_CACHE, else the user's cache folder."""
    named = os.environ.get("READER_CACHE")
    return Path(named).expanduser() if named else user_cache_path(APP)


def model_name() -> str | None:
    """The decoder that READER_MODEL names, None where it names none."""
    return os.environ.get("READER_MODEL") or None


def dtype_name() -> str | None:
    """What the decoder is computed in, as READER_DTYPE says; None: float32 on a CPU, bfloat16 on a GPU."""
    return os.environ.get("READER_DTYPE") or None


def recognition_languages() -> tuple[str, ...]:
    """The languages of scans, as READER_OCR names them in tesseract's way: eng+deu; English where it names none."""
    return tuple(filter(None, os.environ.get("READER_OCR", "").split("+"))) or ("eng",)


def accounts_file() -> Path | None:
    """The file of users that READER_AUTH names, None where it names none."""
    named = os.environ.get("READER_AUTH")
    return Path(named).expanduser() if named else None


def is_debugging() -> bool:
    """Whether READER_DEBUG asks for tracebacks and logs."""
    return bool(os.environ.get("READER_DEBUG"))


def version() -> str:
    """The version of this program: of the checkout that it runs from, else of the installed package."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version(APP)
