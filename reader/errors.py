"""Errors of the reader. Each message is one sentence with the fault, the value, and what to do.

    ReaderError               the root; shell and app catch it (and StoreError)
    ├── ConfigError           an impossible setting; the message names the field, the value and the allowed values
    │   └── NotReady          … for now: the document is not read yet, or the decoder is not loaded
    ├── DocumentError         a file that cannot become a Document
    │   ├── PasswordNeeded    … without its password, or with this one
    │   └── RecognitionNeeded … without text recognition, as its pages are pictures of text
    ├── ModelError            a decoder or plug-in that cannot be found, loaded or used together
    ├── MemoryMismatch        a memory that does not fit the decoder or the plug-in at hand
    ├── ContextOverflow       more slots or tokens than the decoder has positions
    └── Cancelled             the user stopped it; finished work is kept

`exit_status` is the shell's: 2 for the user's mistake, 1 for a fault of the program, 130 for a stop on request.
"""

from __future__ import annotations

import argparse
from typing import NoReturn


class ReaderError(Exception):
    """Reading or answering failed."""

    exit_status = 1


class ConfigError(ReaderError):
    """A setting has an impossible value."""

    exit_status = 2


class NotReady(ConfigError):
    """What is asked for is not there yet. The same request may succeed later."""


class DocumentError(ReaderError):
    """A file cannot be read as a document."""

    exit_status = 2


class PasswordNeeded(DocumentError):
    """A document has a password, and the given one is missing or wrong."""


class RecognitionNeeded(DocumentError):
    """A document's pages are pictures of text, or their text layer is nonsense."""


class ModelError(ReaderError):
    """A decoder or a plug-in cannot be loaded or cannot be used."""

    exit_status = 2


class MemoryMismatch(ReaderError):
    """A memory does not belong to this decoder, plug-in or setting."""


class ContextOverflow(ReaderError):
    """The tokens need more positions than the decoder has.

    Attributes:
        fitting_ratio: for a document that does not fit: the smallest condensing ratio whose memory fits; None: no ratio does.
    """

    exit_status = 2

    def __init__(self, message: str, *, fitting_ratio: int | None = None) -> None:
        super().__init__(message)
        self.fitting_ratio = fitting_ratio


class Cancelled(ReaderError):
    """The reading or the answer was stopped on request."""

    exit_status = 130


class Parser(argparse.ArgumentParser):
    """A parser of flags that raises an error of one sentence; argparse prints all flags before it."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong as a ConfigError."""
        raise ConfigError(f"{message[0].upper()}{message[1:].rstrip('.')}. {self.prog} --help lists what it takes.")


def unexpected(error: BaseException) -> str:
    """A sentence for an error that is none of these and none of the library's."""
    return f"Something went wrong in the program: {type(error).__name__}: {error}."


def cause(error: BaseException) -> str:
    """What an error of the system says, without its number and its path, which our own message has already."""
    return str(getattr(error, "strerror", None) or error)
