"""Who has signed in, and how often anybody may guess.

Every try is counted before its password is hashed, by the sender's address and by name and address together: guesses sent at
once are no cheaper than one after another, and who guesses from one address keeps nobody out at another. Argon2 takes 64 MiB a
password, so that two threads of its own do all hashing. Clocks that are set change nothing here.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

SESSION_SECONDS = 30 * 24 * 3600
MAX_FAILURES = 5
"""Wrong passwords for one name from one address before that address has to wait."""
MAX_ADDRESS_FAILURES = 20
"""Wrong passwords from one address, for whatever names."""
WAIT_SECONDS = 60.0
HASHES_AT_ONCE = 2

_MAX_TRIES_AT_ONCE = 32
"""Passwords that are hashed or wait for it; more are asked to come again."""
_KEPT_FAILURES = 10_000
_LOOK_SECONDS = 0.05


class TooManyGuesses(Exception):
    """No password is looked at from here for a while; the message says so in a sentence."""


@dataclass
class _Tries:
    """What was tried lately under one key."""

    wrong: int = 0
    under_way: int = 0
    last_at: float = 0.0

    def is_over(self, now: float) -> bool:
        """Whether nothing was tried for so long that all is forgiven."""
        return not self.under_way and now >= self.last_at + WAIT_SECONDS


class Sessions:
    """Who has signed in, by token; and what was tried lately, by address and by name and address."""

    def __init__(self, check: Callable[[str, str], bool]) -> None:
        """Take the function that says whether a name and a password belong together."""
        self._check = check
        self._users: dict[str, tuple[str, float]] = {}
        self._tries: dict[tuple[str, ...], _Tries] = {}
        self._under_way = 0
        self._lock = threading.Lock()
        self._hashing = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="hashing")

    def user(self, token: str | None) -> str | None:
        """The user of a token, if it is one of ours and not too old."""
        user, until = self._users.get(_digest(token or ""), (None, 0.0))
        return user if until > time.monotonic() else None

    async def open(self, name: str, password: str, address: str, token: str | None = None) -> str | None:
        """Open a session; return its token, or None where name and password do not belong together.

        Args:
            address: where the try comes from.
            token: one that the sender has already.

        Raises:
            TooManyGuesses: too many were wrong just now, or too many people sign in at once.
        """
        network = _network(address)
        limits = {(network,): MAX_ADDRESS_FAILURES, (network, name): MAX_FAILURES}
        while not (tried := self._begin(limits)):
            await asyncio.sleep(_LOOK_SECONDS)
        is_right = False
        try:
            is_right = await asyncio.wrap_future(self._hashing.submit(self._check, name, password))
        finally:
            self._end(tried, is_right=is_right)
        return self._opened(name, token or secrets.token_urlsafe(32)) if is_right else None

    def close(self, token: str | None) -> None:
        """End a session."""
        with self._lock:
            self._users.pop(_digest(token or ""), None)

    def _begin(self, limits: dict[tuple[str, ...], int]) -> list[_Tries]:
        """Count a try as wrong until it was right; nothing where those under way must end first.

        Raises:
            TooManyGuesses: it may not be made.
        """
        with self._lock:
            now = time.monotonic()
            if len(self._tries) > _KEPT_FAILURES:
                self._tries = {key: one for key, one in self._tries.items() if not one.is_over(now)}
            tried = [self._tries.get(key) or _Tries() for key in limits]  # kept only if it is looked at
            for one in tried:
                if one.is_over(now):
                    one.wrong = 0
            if any(one.wrong >= limit for one, limit in zip(tried, limits.values(), strict=True)):
                raise TooManyGuesses("Too many wrong passwords; wait a minute and try again.")
            if any(one.wrong + one.under_way >= limit for one, limit in zip(tried, limits.values(), strict=True)):
                return []
            if self._under_way >= _MAX_TRIES_AT_ONCE:
                raise TooManyGuesses("Too many people sign in at this moment; try again in a minute.")
            self._under_way += 1
            for one in tried:
                one.under_way, one.last_at = one.under_way + 1, now
            self._tries.update(zip(limits, tried, strict=True))
        return tried

    def _end(self, tried: list[_Tries], *, is_right: bool) -> None:
        with self._lock:
            self._under_way -= 1
            for one in tried:
                one.under_way -= 1
                one.wrong += not is_right
            if is_right:
                tried[-1].wrong = 0

    def _opened(self, name: str, token: str) -> str:
        with self._lock:
            now = time.monotonic()
            self._users = {key: value for key, value in self._users.items() if value[1] > now}
            self._users[_digest(token)] = (name, now + SESSION_SECONDS)
        return token


def _network(address: str) -> str:
    """An address, or the network that one IPv6 customer has for themselves."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
