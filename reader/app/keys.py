"""Keys of programs: each belongs to a user, and is known by its hash alone.

The file stands beside that of the accounts, a line a key: `name:hash`. A key is long and random, so that a plain SHA-256 keeps it
safe.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from reader.errors import ConfigError, cause
from storage import StoreError, file_lock, publish

PREFIX = "beacon-"
_LOCK_SECONDS = 10.0


class Keys:
    """The keys of a file, which may be changed while the app runs. A file that is not there has none."""

    def __init__(self, accounts: Path) -> None:
        """Take the file of the accounts that the keys belong to."""
        self._file = _file_of(accounts)
        self._users: dict[str, str] = {}
        self._read_at = 0

    def user(self, key: str) -> str | None:
        """The user of a key."""
        try:
            changed_at = self._file.stat().st_mtime_ns
            if changed_at != self._read_at:
                pairs = (line.rpartition(":") for line in self._file.read_text().splitlines())
                self._users = {hashed: name for name, _, hashed in pairs if name}
                self._read_at = changed_at
        except FileNotFoundError:
            return None
        return self._users.get(_hash(key)) if key.startswith(PREFIX) else None


def add_key(accounts: Path, name: str) -> str:
    """Make a key for a user, write its hash, and return the key, which nothing else keeps.

    Raises:
        ConfigError: the file cannot be written.
    """
    key = PREFIX + secrets.token_urlsafe(32)
    change_lines(_file_of(accounts), lambda lines: [*lines, f"{name}:{_hash(key)}"])
    return key


def change_lines(file: Path, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
    """Write a file, made if it is not there, anew with other lines, for its owner alone.

    Two programs that do so at once lose nothing, and neither does a kill or a full disk.

    Raises:
        ConfigError: the file cannot be read or written.
    """
    try:
        with file_lock(file.with_name(f".{file.name}.lock"), timeout_seconds=_LOCK_SECONDS) as is_locked:
            if not is_locked:
                raise ConfigError(f"{str(file)!r} is being changed by another program; try again.")
            lines = change(file.read_text().splitlines() if file.exists() else [])
            publish(file, "".join(f"{line}\n" for line in lines).encode(), mode=0o600)
    except (OSError, UnicodeDecodeError, StoreError) as error:
        raise ConfigError(f"{str(file)!r} cannot be written ({cause(error)}).") from error


def _file_of(accounts: Path) -> Path:
    return accounts.with_name(f"{accounts.name}.keys")


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
