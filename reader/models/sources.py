"""Finds a decoder by name: a bundled decoder, a local folder, or a name on the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reader.errors import ModelError
from reader.models.bundled import bundled_fingerprint, fetch, is_bundled
from reader.models.catalogue import DEFAULT_MODEL
from reader.models.reporting import Progress, first_line, progress_bar, quiet

CHOICES = f"give {DEFAULT_MODEL!r} or another bundled decoder, a Hugging Face name, or a local folder"
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class Source:
    """A folder that contains a decoder."""

    folder: Path
    fingerprint: str | None = None
    """The fingerprint of the weights; None: they must be hashed."""


def find(name: str, cache: Path, report: Progress, *, weights: bool) -> Source:
    """Find the folder of the decoder `name`. Fetch it first if necessary.

    Raises:
        ModelError: there is no such decoder, or its files cannot be fetched.
    """
    if is_bundled(name):
        return Source(fetch(name, report, cache_folder=cache), bundled_fingerprint(name))
    path = Path(name).expanduser()
    if name and path.is_dir():
        return Source(path.resolve())
    if path.is_file():
        raise ModelError(f"{name!r} is a file, not a decoder's folder: {CHOICES}.")
    if not re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", name):
        raise ModelError(f"There is no decoder at {name!r}: {CHOICES}.")
    return _download(name, report, weights=weights)


def _download(name: str, report: Progress, *, weights: bool) -> Source:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HFValidationError,
        HTTPError,  # the type depends on the client that the hub's library uses
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    with quiet():
        try:
            try:
                # Ask once before the download, which would retry for half a minute before it fails.
                info = HfApi().model_info(name, files_metadata=True, timeout=10)
            except RepositoryNotFoundError:
                raise
            except (HTTPError, OSError):
                folder = Path(snapshot_download(name, local_files_only=True))
            else:
                sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
                files = _needed_files(sizes, weights=weights)
                bar = progress_bar(sum(sizes[file] for file in files), report)
                folder = Path(snapshot_download(name, allow_patterns=files, tqdm_class=bar))
                report("download", 1.0)
        except GatedRepoError as error:
            raise ModelError(
                f"{name!r} is only for users who have accepted its terms: accept them on huggingface.co and log in "
                "with 'hf auth login'."
            ) from error
        except (RepositoryNotFoundError, HFValidationError) as error:
            raise ModelError(f"The Hugging Face hub has no decoder {name!r}: {CHOICES}.") from error
        except LocalEntryNotFoundError as error:
            raise ModelError(
                f"{name!r} is neither a local folder nor downloaded, and the Hugging Face hub cannot be reached: "
                f"check the connection, or {CHOICES}."
            ) from error
        except (HTTPError, OSError) as error:
            raise ModelError(f"{name!r} could not be downloaded ({first_line(error)}): try again.") from error
    # A snapshot's folder is named after its commit.
    return Source(folder, f"hub-{folder.name}")


def _needed_files(names: Iterable[str], *, weights: bool) -> list[str]:
    top = [name for name in names if "/" not in name]
    needed = [name for name in top if name.endswith((".json", ".jinja", ".model", ".txt"))]
    if weights:
        for pattern in _WEIGHTS:
            found = [name for name in top if Path(name).match(pattern)]
            if found:
                return needed + found
    return needed
