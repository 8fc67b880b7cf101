"""Two people share a server for a while, in three windows each: `PYTHONPATH=.:tests python -m soak --minutes 20`.

They bring the same texts in files of their own, each marked with its owner's name and colour, ask, stop, rename, export and
remove, and try each other's addresses, while the library is made again from its files in between. Every byte that either gets is
searched for the other's marks. Printed is what was done; the exit status is 1 where anything of another's was shown or failed.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from helpers import ROOT
from helpers.decoders import tiny_decoder_folder
from helpers.documents import BLUE, RED, WORDS, foot, write_pdf
from helpers.server import Server

from reader.app.accounts import add_account
from reader.documents import load

API = "/gradio_api"
USERS = ("ann", "bob")
WINDOWS = 3
TEXTS = 4
WORDS_A_PAGE = 12
PAINT = {"ann": RED, "bob": BLUE}
OTHERS_COLOUR = {"ann": (False, False, True), "bob": (True, False, False)}
MOST_SECONDS = 90.0
"""Of one answer; streams beat meanwhile."""
PASSWORD = "a password for "
ACTS = (
    "add",
    "add",
    "list",
    "ask",
    "ask",
    "ask",
    "stop",
    "look",
    "rename",
    "read again",
    "pause",
    "remove",
    "try another's",
)


@dataclass
class Board:
    """What all windows know: whose marks are whose, and every address that there ever was."""

    marks: dict[str, str]
    documents: list[str] = field(default_factory=list)
    conversations: list[tuple[str, str]] = field(default_factory=list)
    uploads: list[tuple[str, str]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    answers: int = 0
    answer_bytes: int = 0
    leaks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_down: threading.Event = field(default_factory=threading.Event)
    """While the server is not there."""
    ended: threading.Event = field(default_factory=threading.Event)


class Window:
    """One open page of one user."""

    def __init__(self, user: str, server: Server, board: Board, files: Path, seed: int) -> None:
        self.user, self._server, self._board, self._files = user, server, board, files
        self._other = next(other for other in USERS if other != user)
        self._random = random.Random(seed)
        self._own: list[str] = []
        self._functions: dict[str, list[tuple[int, int]]] = {}
        """By name, each one's number and how many inputs it takes."""
        self._client = httpx.Client()
        self._session = ""

    def run(self) -> None:
        """Do one thing after another until the end; sign in again after each time that the server was away."""
        is_in = False
        while not self._board.ended.is_set():
            if self._board.is_down.is_set():
                is_in = False
                time.sleep(0.2)
                continue
            act = self._random.choice(ACTS)
            try:
                if not is_in:
                    self._sign_in()
                    is_in = True
                getattr(self, "_" + act.replace(" ", "_").replace("'", ""))()
            except (httpx.HTTPError, json.JSONDecodeError, LookupError) as error:
                time.sleep(0.2)
                if not self._board.is_down.is_set() and not self._board.ended.is_set():
                    with self._board.lock:
                        self._board.faults.append(f"{self.user} {act}: {type(error).__name__}: {error}"[:300])
                is_in = False
            else:
                with self._board.lock:
                    self._board.done[act] += 1

    # Talking to the server

    def _sign_in(self) -> None:
        self._client.close()
        self._client = httpx.Client(base_url=self._server.address, timeout=60)
        self._session = secrets.token_hex(6)
        self._get("/login", form={"username": self.user, "password": PASSWORD + self.user})
        config = json.loads(self._get("/config"))
        self._functions = {}
        for function in config["dependencies"]:
            name = str(function["api_name"])
            stem = name.rstrip("0123456789").rstrip("_") if name.rstrip("0123456789").endswith("_") else name
            self._functions.setdefault(stem, []).append((function["id"], len(function["inputs"])))

    def _get(self, path: str, body: Any = None, form: Any = None, files: Any = None) -> bytes:
        """An answer, searched for the other's marks."""
        is_post = body is not None or form is not None or files is not None
        content, until = b"", time.monotonic() + MOST_SECONDS
        with self._client.stream("POST" if is_post else "GET", path, json=body, data=form, files=files) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if time.monotonic() > until:
                    raise httpx.ReadTimeout(f"{path[:100]} had no end: …{content[-200:]!r}")
        with self._board.lock:
            self._board.answers += 1
            self._board.answer_bytes += len(content)
            self._board.statuses[answer.status_code] += 1
            seen = content + str(answer.headers).encode()
            if self._board.marks[self._other].encode() in seen:
                at = seen.index(self._board.marks[self._other].encode())
                self._board.leaks.append(f"{self.user} got {path[:120]}: …{seen[max(0, at - 60) : at + 60]!r}")
            is_page = path.startswith("/picture") and answer.headers.get("content-type") == "image/jpeg"
            if is_page and foot(content) == OTHERS_COLOUR[self.user]:
                self._board.leaks.append(f"{self.user} got a page in the other's colour: {path}")
            is_told = self._board.is_down.is_set()  # the server stops, and says so
            if (
                answer.status_code >= 500
                and not is_told
                and not (path.startswith(f"{API}/run/") and b'"error":"' in content)
            ):
                self._board.faults.append(f"{self.user} {path[:120]}: {answer.status_code} {content[:200]!r}")
        return content

    def _event(self, name: str, data: list[Any], number: int = 0, **event: Any) -> bytes:
        """What the page's own event sends back, all of it."""
        function, inputs = self._functions[name][number]
        joined = {
            "data": [*data, *[None] * (inputs - len(data))],  # what a page remembers is not sent
            "fn_index": function,
            "session_hash": self._session,
            "trigger_id": None,
            "event_data": event or None,
        }
        if b"event_id" not in self._get(f"{API}/queue/join", joined):
            return b""  # it was refused
        told = self._get(f"{API}/queue/data?session_hash={self._session}")
        if b'"success":false' in told and not self._board.is_down.is_set():
            with self._board.lock:
                self._board.faults.append(f"{self.user} {name}: {told[-300:]!r}")
        return told

    # What a person does

    def _add(self) -> None:
        number, kind = self._random.randrange(TEXTS), self._random.choice(("pdf", "txt"))
        source = self._files / f"{self.user}-{number}.{kind}"
        name = f"{self._board.marks[self.user]}-{number}.{kind}"
        (path,) = json.loads(self._get(f"{API}/upload", files={"files": (name, source.read_bytes())}))
        with self._board.lock:
            self._board.uploads.append((self.user, path))
        self._event("add_files", [[{"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}]])
        self._list()

    def _list(self) -> None:
        found = json.loads(self._get(f"{API}/run/library", {"data": [""]}))["data"][0]
        self._own = [shown["document_id"] for shown in found]
        with self._board.lock:
            self._board.documents += [one for one in self._own if one not in self._board.documents]
        self._event("look_for", [WORDS.split()[3]])

    def _open(self) -> str | None:
        if not self._own:
            return None
        chosen = self._random.choice(self._own)
        self._event("choose", [], document=chosen)
        self._event("open_document", [None, None])
        return chosen

    def _ask(self) -> None:
        if not self._own:
            return
        question = f"{self._board.marks[self.user]} asks: when was it?"
        told = json.loads(self._get(f"{API}/run/ask", {"data": [self._random.choice(self._own), question, "", "auto"]}))
        for answer in told.get("data", ()):
            with self._board.lock:
                self._board.conversations.append((self.user, answer["conversation_id"]))
            self._get(f"/conversation/{answer['conversation_id']}")

    def _stop(self) -> None:
        if self._open() is None:
            return
        question = f"{self._board.marks[self.user]} asks and leaves"
        self._event("submit", [question, None, None, None, "off"])
        self._event("stop", [None])
        self._event("show_talk", [])

    def _look(self) -> None:
        if (chosen := self._open()) is None:
            return
        for path in (f"/cover/{chosen}", f"/picture/{chosen}/1", f"/picture/{chosen}/2", f"/export/{chosen}"):
            self._get(path)
        self._event("turn_to", [None], document=chosen, page=1, start=0, end=9, find="")
        self._event("refresh", [None, None, None, None])
        self._event("show_talk", [])

    def _rename(self) -> None:
        if self._open() is not None:
            mark = self._board.marks[self.user]
            title = self._random.choice((f"{mark} title {self._random.randrange(99)}", ""))
            self._event("save", [None, title, f"{mark} tag", self._random.random() < 0.3])

    def _read_again(self) -> None:
        if self._open() is not None:
            self._event("read_again", [None, "fitting", "model"])

    def _pause(self) -> None:
        if self._open() is not None:
            self._event("act", [None], 1)
            self._event("act", [None], 2)

    def _remove(self) -> None:
        if self._open() is not None and self._random.random() < 0.6:
            self._event("act", [None], 0)
            self._list()

    def _try_anothers(self) -> None:
        with self._board.lock:
            documents = self._random.sample(self._board.documents, min(3, len(self._board.documents)))
            talks = [talk for user, talk in self._board.conversations[-50:] if user != self.user]
            paths = [path for user, path in self._board.uploads[-50:] if user != self.user]
        for document in documents:
            for path in (f"/cover/{document}", f"/picture/{document}/1", f"/export/{document}"):
                self._get(path)
            self._get(f"{API}/run/read_status", {"data": [document]})
            self._get(f"/?document={document}")
            if talks:
                self._get(f"{API}/run/ask", {"data": [document, "Who?", self._random.choice(talks), "off"]})
        for talk in talks[-2:]:
            self._get(f"/conversation/{talk}")
        for path in paths[-2:]:
            self._get(f"{API}/file={path}")
            self._event("add_files", [[{"path": path, "meta": {"_type": "gradio.FileData"}}]])


def write_files(folder: Path, marks: dict[str, str]) -> None:
    """The same texts as a PDF and as plain text of each user, marked where the text is not."""
    folder.mkdir()
    words = WORDS.split()
    for number in range(TEXTS):
        pages = [" ".join(words[(page + number) % 7 :][:WORDS_A_PAGE]) + f" {number}" for page in range(6)]
        for user in USERS:
            drawn = [PAINT[user] + b"BT /F1 12 Tf 50 700 Td (" + page.encode() + b") Tj ET" for page in pages]
            file = write_pdf(folder / f"{user}-{number}.pdf", drawn, title=f"{marks[user]} papers")  # type: ignore[arg-type]
            (folder / f"{user}-{number}.txt").write_text(load(file).text)


def rebuild(server: Server) -> None:
    """End the server as an administrator does, make the library again from its files, and start the server."""
    assert server.process is not None
    assert server.process.stdout is not None
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(120)
    server.process.stdout.close()
    command = [sys.executable, "-m", "reader", "library", "rebuild", "--force", "--library", str(server.library)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    server.start()


def run(minutes: float, rebuilds: int, seed: int, folder: Path) -> Board:
    """Let two people work for so many minutes; return what they got."""
    marks = {user: f"mark{user}{secrets.token_hex(6)}" for user in USERS}
    board = Board(marks)
    write_files(folder / "files", marks)
    for user in USERS:
        add_account(folder / "users", user, PASSWORD + user)
    model = tiny_decoder_folder(folder / "decoder", "llama", max_positions=8192)
    server = Server(folder / "library", str(model), folder / "cache", flags=("--auth", str(folder / "users")))
    server.start()
    windows = [
        Window(user, server, board, folder / "files", seed + 10 * number + USERS.index(user))
        for number in range(WINDOWS)
        for user in USERS
    ]
    threads = [threading.Thread(target=window.run) for window in windows]
    for thread in threads:
        thread.start()
    try:
        for _ in range(rebuilds):
            time.sleep(60 * minutes / (rebuilds + 1))
            board.is_down.set()
            rebuild(server)
            board.uploads.clear()  # they went with the server
            board.is_down.clear()
        time.sleep(60 * minutes / (rebuilds + 1))
    finally:
        board.ended.set()
        for thread in threads:
            thread.join(180)
        server.kill()
    verify = [sys.executable, "-m", "reader", "library", "verify", "--library", str(server.library)]
    told = subprocess.run(verify, cwd=ROOT, check=False, capture_output=True, text=True, timeout=600)
    if told.returncode:
        board.faults.append(f"library verify: {told.stdout[-300:]} {told.stderr[-300:]}")
    return board


def main() -> int:
    """Print what was done and what was seen of another's."""
    parser = argparse.ArgumentParser(description="Two people share a server; nothing of one may reach the other.")
    parser.add_argument("--minutes", type=float, default=20, help="how long (default: 20)")
    parser.add_argument("--rebuilds", type=int, default=2, help="how often the library is made again (default: 2)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        board = run(options.minutes, options.rebuilds, options.seed, Path(folder))
    print(f"{options.minutes:g} minutes, {len(USERS)} users, {WINDOWS} windows each, {options.rebuilds} rebuilds")
    print("done: " + ", ".join(f"{act} {count}" for act, count in sorted(board.done.items())))
    print(
        f"answers: {board.answers:,} of {board.answer_bytes:,} bytes; by status {dict(sorted(board.statuses.items()))}"
    )
    print(
        f"documents: {len(board.documents)}; conversations: {len(board.conversations)}; uploads: {len(board.uploads)}"
    )
    print(f"shown of another's: {len(board.leaks)}; failed: {len(board.faults)}")
    for line in [*board.leaks, *board.faults][:40]:
        print("  " + line)
    return 1 if board.leaks or board.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
