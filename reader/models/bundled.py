"""Bundled decoders in the cache: lists, fetches, converts and removes them.

A decoder's folder is complete or absent. A second process that wants the same decoder waits for the first.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from pathlib import Path

from reader.errors import ModelError
from reader.models.cache import cache_path, delete, looks_whole, publish
from reader.models.catalogue import BundledDecoder, bundled_decoder, catalogue
from reader.models.conversion import convert
from reader.models.encoder import fetch_encoder
from reader.models.fetching import fetch_gguf
from reader.models.reporting import Progress, first_line, no_report


def is_bundled(name: str) -> bool:
    """Whether there is a bundled decoder `name`."""
    return any(decoder.name == name for decoder in catalogue())


def is_fetched(name: str, cache_folder: Path | None = None) -> bool:
    """Whether the bundled decoder `name` is in the cache and ready to load. Checks its files' sizes, not their contents.

    Raises:
        ModelError: there is no bundled decoder of that name.
    """
    return looks_whole(_folder(bundled_decoder(name), cache_path(cache_folder)))


def fetch(name: str, progress: Progress | None = None, *, cache_folder: Path | None = None) -> Path:
    """Fetch the bundled decoder `name` unless it is in the cache; return its folder.

    An interrupted fetch is resumed. A second process that wants the same decoder waits for the first. The sentence encoder comes
    with it where its source can be reached; the decoder does not need it.

    Args:
        progress: called with a stage ("download", "convert", "wait") and the fraction of the stage that is done.

    Raises:
        ModelError: there is no bundled decoder of that name, no source has it, or the disk is full.
    """
    decoder, cache = bundled_decoder(name), cache_path(cache_folder)
    downloads = cache / "downloads" / name

    def make(folder: Path, report: Progress) -> None:
        gguf = fetch_gguf(decoder, downloads, report)
        try:
            convert(decoder, gguf, folder, report)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # five libraries convert GGUF to safetensors and may raise anything
            raise ModelError(
                f"The decoder {name!r} could not be converted ({first_line(error)}): "
                "reinstall the requirements, or name a local folder with a decoder."
            ) from error

    was_here = looks_whole(_folder(decoder, cache))
    folder = publish(_folder(decoder, cache), make, progress or no_report, needed_bytes=decoder.disk_bytes)
    shutil.rmtree(downloads, ignore_errors=True)
    if not was_here:
        with contextlib.suppress(ModelError):
            fetch_encoder(progress, cache_folder=cache)
    return folder


def remove(name: str, *, cache_folder: Path | None = None) -> int:
    """Delete the bundled decoder `name` and the files of an interrupted fetch; return the number of bytes freed.

    Raises:
        ModelError: there is no bundled decoder of that name, or its files cannot be deleted.
    """
    decoder, cache = bundled_decoder(name), cache_path(cache_folder)
    return delete(f"decoder {name!r}", _folder(decoder, cache), cache / "downloads" / name)


def bundled_fingerprint(name: str) -> str:
    """The fingerprint of a bundled decoder's weights and tokens.

    Raises:
        ModelError: there is no bundled decoder of that name.
    """
    decoder = bundled_decoder(name)
    origin = f"{decoder.gguf_sha256} {decoder.conversion}"
    return f"bundled-{hashlib.sha256(origin.encode()).hexdigest()}"


def _folder(decoder: BundledDecoder, cache: Path) -> Path:
    return cache / "models" / f"{decoder.name}-{decoder.conversion}"
