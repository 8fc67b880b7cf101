"""Keys of programs: each belongs to a user, and is known by its hash alone.

The file stands beside that of the accounts, a line a key: `name:hash`. A key is long and random, so that a plain SHA-256 keeps it
safe.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from reader.errors import ConfigError, cause
from storage import file_lock, publish

PREFIX = "beacon-"


class Keys:
    """The keys of a file, which may be changed while the app runs.

    Raises:
        ConfigError: the file cannot be read.
    """

    def __init__(self, accounts: Path) -> None:
        """Take the file of the accounts that the keys belong to."""
        self._file = _file_of(accounts)
        self._users: dict[str, str] = {}
        self._read_at = 0

    def user(self, key: str) -> str | None:
        """The user of a key."""
        try:
            changed_at = self._file.stat().st_mtime_ns
        except OSError:
            return None
        if changed_at != self._read_at:
            pairs = (line.rpartition(":") for line in _lines(self._file))
            self._users = {hashed: name for name, _, hashed in pairs}
            self._read_at = changed_at
        return self._users.get(_hash(key)) if key.startswith(PREFIX) else None


def add_key(accounts: Path, name: str) -> str:
    """Make a key for a user, write its hash, and return the key, which nothing else keeps.

    Raises:
        ConfigError: the file cannot be written.
    """
    key, file = PREFIX + secrets.token_urlsafe(32), _file_of(accounts)
    try:
        with file_lock(file.with_name(f".{file.name}.lock"), timeout_seconds=10.0) as is_locked:
            if not is_locked:
                raise ConfigError(f"{str(file)!r} is being changed by another program; try again.")
            lines = _lines(file) if file.exists() else []
            publish(file, "".join(f"{line}\n" for line in [*lines, f"{name}:{_hash(key)}"]).encode())
            file.chmod(0o600)
    except OSError as error:
        raise ConfigError(f"{str(file)!r} cannot be written ({cause(error)}).") from error
    return key


def _file_of(accounts: Path) -> Path:
    return accounts.with_name(f"{accounts.name}.keys")


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if ":" in line]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
