"""The default folders of the library and the decoders, and the READER_* environment variables, which only this module reads."""

from __future__ import annotations

import os
import tomllib
from importlib import metadata
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

APP = "activation-beacon-reader"
"""The name of the data and cache folders. It must not change, or existing libraries are not found."""

_INSTALLED_STATIC = Path(__file__).parent / "static"
STATIC = _INSTALLED_STATIC if _INSTALLED_STATIC.is_dir() else Path(__file__).parents[1] / "static"
"""The page's styles, scripts and the sample document: beside the package in a checkout, inside it once installed."""

DEFAULT_WINDOW = 512
"""Tokens in a window on a CPU."""


def library_folder(flag: Path | None) -> Path:
    """The library's folder: the flag, else READER_LIBRARY, else the user's data folder."""
    named = flag or os.environ.get("READER_LIBRARY")
    return Path(named).expanduser() if named else user_data_path(APP) / "library"


def cache_folder() -> Path:
    """The folder of the decoders: READER_CACHE, else the user's cache folder."""
    named = os.environ.get("READER_CACHE")
    return Path(named).expanduser() if named else user_cache_path(APP)


def model_name() -> str | None:
    """The decoder that READER_MODEL names; None if it is not set."""
    return os.environ.get("READER_MODEL") or None


def dtype_name() -> str | None:
    """The decoder's precision from READER_DTYPE; None: the default of `load_decoder`."""
    return os.environ.get("READER_DTYPE") or None


def recognition_languages() -> tuple[str, ...]:
    """The languages of scans from READER_OCR, in tesseract's notation (eng+deu); English if it is not set."""
    return tuple(filter(None, os.environ.get("READER_OCR", "").split("+"))) or ("eng",)


def accounts_file() -> Path | None:
    """The file of users that READER_AUTH names; None if it is not set."""
    named = os.environ.get("READER_AUTH")
    return Path(named).expanduser() if named else None


def is_debugging() -> bool:
    """Whether READER_DEBUG asks for tracebacks and logs."""
    return bool(os.environ.get("READER_DEBUG"))


def version() -> str:
    """The version of this program: the checkout's, else the installed package's."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version(APP)
