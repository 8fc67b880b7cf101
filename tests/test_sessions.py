"""How often anybody may guess a password: counted before it is looked at, by address, and by name and address."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from reader.app.sessions import (
    HASHES_AT_ONCE,
    MAX_ADDRESS_FAILURES,
    MAX_FAILURES,
    SESSION_SECONDS,
    WAIT_SECONDS,
    Sessions,
    TooManyGuesses,
)

RIGHT = "correct horse"


class Checking:
    """Says whether a password is right, and counts how many it was asked, and how many at once."""

    def __init__(self) -> None:
        self.asked = self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, name: str, password: str) -> bool:
        with self._lock:
            self.asked, self._now = self.asked + 1, self._now + 1
            self.most = max(self.most, self._now)
        threading.Event().wait(0.005)  # as hashing takes its time
        with self._lock:
            self._now -= 1
        return password == RIGHT


@pytest.fixture
def checking() -> Checking:
    return Checking()


@pytest.fixture
def sessions(checking: Checking) -> Sessions:
    return Sessions(checking)


def tries(sessions: Sessions, *tried: tuple[str, str, str]) -> list[str]:
    """What becomes of tries made at once, each with a name, a password and an address."""

    async def one(name: str, password: str, address: str) -> str:
        try:
            return "in" if await sessions.open(name, password, address) else "wrong"
        except TooManyGuesses:
            return "wait"

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(one(*each) for each in tried))

    return asyncio.run(all_of_them())


def test_of_many_guesses_at_once_few_are_looked_at_two_at_a_time(sessions: Sessions, checking: Checking) -> None:
    told = tries(sessions, *(("ann", f"guess {number}", "1.2.3.4") for number in range(30)))
    assert (told.count("wrong"), told.count("wait"), checking.asked) == (MAX_FAILURES, 30 - MAX_FAILURES, MAX_FAILURES)
    assert checking.most <= HASHES_AT_ONCE


def test_many_right_ones_at_once_are_all_let_in(sessions: Sessions) -> None:
    assert tries(sessions, *[("ann", RIGHT, "1.2.3.4")] * 30) == ["in"] * 30


def test_guesses_from_one_address_keep_nobody_out_at_another(sessions: Sessions) -> None:
    assert set(tries(sessions, *[("ann", "guess", "1.2.3.4")] * 40)) == {"wrong", "wait"}
    assert tries(sessions, ("ann", RIGHT, "1.2.3.4"), ("ann", RIGHT, "1.2.3.5"), ("bob", RIGHT, "1.2.3.4")) == [
        "wait",
        "in",
        "in",
    ]


def test_guesses_for_many_names_are_counted_together_and_cost_no_memory(sessions: Sessions, checking: Checking) -> None:
    told = tries(sessions, *((f"user{number}", "guess", "1.2.3.4") for number in range(2_000)))
    assert checking.asked == told.count("wrong") == MAX_ADDRESS_FAILURES
    assert len(sessions._tries) <= MAX_ADDRESS_FAILURES + 1


def test_an_ipv6_network_is_one_address(sessions: Sessions) -> None:
    told = tries(sessions, *(("ann", "guess", f"2001:db8:1:2::{number:x}") for number in range(30)))
    assert told.count("wrong") == MAX_FAILURES
    assert tries(sessions, ("ann", RIGHT, "2001:db8:1:3::1")) == ["in"]


def test_a_right_password_forgives_the_wrong_ones_before_it(sessions: Sessions) -> None:
    for _ in range(3):
        assert tries(sessions, *[("ann", "guess", "1.2.3.4")] * (MAX_FAILURES - 1)).count("wrong") == MAX_FAILURES - 1
        assert tries(sessions, ("ann", RIGHT, "1.2.3.4")) == ["in"]


def test_waiting_and_sessions_end_by_a_clock_that_nobody_sets(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("reader.app.sessions.time", SimpleNamespace(monotonic=lambda: now[0]))
    tries(sessions, *[("ann", "guess", "1.2.3.4")] * MAX_FAILURES)
    now[0] += WAIT_SECONDS - 1
    assert tries(sessions, ("ann", RIGHT, "1.2.3.4")) == ["wait"]
    now[0] += 2
    token = asyncio.run(sessions.open("ann", RIGHT, "1.2.3.4"))
    assert sessions.user(token) == "ann"
    now[0] += SESSION_SECONDS + 1
    assert sessions.user(token) is None
