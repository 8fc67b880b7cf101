"""Web addresses as documents: what is fetched, from where, within which limits, and what is refused in one sentence."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.documents import write_pdf
from openai import OpenAI
from starlette.applications import Starlette
from starlette.testclient import TestClient

from reader.app.accounts import USER_HEADER
from reader.app.openai_api.names import find
from reader.app.openai_api.routes import Api
from reader.app.pages import Pictures
from reader.app.service import Service
from reader.app.uploads import Uploads
from reader.app.workspace import Workspace
from reader.documents import fetch, file_name_in, is_address, load, web
from reader.errors import DocumentError
from reader.shell.main import main

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """A web server on this computer, with what it is asked for and what it answers."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                answer = site.answers.get(self.path.partition("?")[0], (404, {}, b"nothing"))
                if callable(answer):
                    answer(self)
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def at(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def give(self, path: str, body: bytes | str, content_type: str | None = "text/html", **headers: str) -> str:
        told = {"Content-Type": content_type} if content_type else {}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (200, told, body.encode() if isinstance(body, str) else body)
        return self.at(path)

    def lead(self, path: str, to: str, status: int = 302) -> str:
        self.answers[path] = (status, {"Location": to}, b"")
        return self.at(path)


@pytest.fixture
def closed_site() -> Iterator[Site]:
    """A site on a private address, as which it is refused."""
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def site(closed_site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose address, this computer's, is let through."""
    is_public = web._is_public
    monkeypatch.setattr(web, "_is_public", lambda address: address == "127.0.0.1" or is_public(address))
    return closed_site


def refusal(address: str, folder: Path) -> str:
    with pytest.raises(DocumentError) as raised:
        fetch(address, folder)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


# --- what is fetched -------------------------------------------------------------------------------------------------


def test_a_page_keeps_its_title_and_its_encoding(site: Site, tmp_path: Path) -> None:
    page = "<title>Žluťoučký kůň</title><p>Příliš žluťoučký kůň úpěl ďábelské ódy.</p>".encode("iso-8859-2")
    document = load(fetch(site.give("/kun", page, "text/html; charset=ISO-8859-2"), tmp_path))
    assert (document.title, document.format) == ("Žluťoučký kůň", "html")
    assert "úpěl ďábelské ódy" in document.text
    assert document.notes == ()


def test_utf_8_is_read_as_such_whatever_the_server_says(site: Site, tmp_path: Path) -> None:
    address = site.give("/a.txt", "Müller, Žižka", "text/plain; charset=iso-8859-1")
    assert load(fetch(address, tmp_path)).text.strip() == "Müller, Žižka"


def test_a_persons_encoding_comes_before_the_servers(site: Site, tmp_path: Path) -> None:
    address = site.give("/a.txt", "Łódź leży w środkowej Polsce".encode("cp1250"), "text/plain; charset=koi8-r")
    path = fetch(address, tmp_path, encoding="cp1250")
    assert "Łódź leży w środkowej Polsce" in load(path, encoding="cp1250").text


@pytest.mark.parametrize("charset", ["hex", "nonsense", "utf-8", "rot13", "'; x=1"])
def test_a_charset_that_is_none_is_passed_over(site: Site, tmp_path: Path, charset: str) -> None:
    address = site.give("/a.txt", "Größe und Maß für Bücher".encode("cp1252"), f"text/plain; charset={charset}")
    assert "Größe und Maß" in load(fetch(address, tmp_path)).text


@pytest.mark.parametrize(
    ("path", "content_type", "headers", "name"),
    [
        ("/paper.pdf", "application/octet-stream", {}, "paper.pdf"),
        ("/get?id=4", "application/pdf", {}, "get.pdf"),
        ("/read/README.md", "text/plain", {}, "README.md"),
        ("/notes", "text/plain", {}, "notes.txt"),
        ("/code.py", "text/x-python", {}, "code.py.txt"),
        ("/", "text/html", {}, "127.0.0.1.html"),
        ("/a/b/", "text/html", {}, "b.html"),
        ("/x", "application/zip", {"Content-Disposition": 'attachment; filename="b.epub"'}, "b.epub"),
        ("/x", "text/csv", {"Content-Disposition": "attachment; filename*=UTF-8''%C3%BCber.csv"}, "über.csv"),
        ("/x", "text/csv", {"Content-Disposition": 'attachment; filename="../../etc/passwd"'}, "etc passwd.csv"),
        ("/..%2f..%2fetc%2fcron.d%2fx.txt", "text/plain", {}, "x.txt"),
        ("/page.php", "text/html", {}, "page.php.html"),
        ("/a.html", None, {}, "a.html"),
        ("/" + "n" * 900 + ".txt", "text/plain", {}, None),
        ("/" + "%E6%97%A5" * 150 + ".txt", "text/plain", {}, None),
    ],
)
def test_content_type_and_name_decide_the_kind(
    site: Site, tmp_path: Path, path: str, content_type: str | None, headers: dict[str, str], name: str | None
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    site.give(path.partition("?")[0], "words", content_type, **headers)
    fetched = fetch(site.at(path), folder)
    assert fetched.parent == folder
    assert fetched.read_text() == "words"
    assert len(fetched.name.encode()) < 250
    assert fetched.name == (name or fetched.name)
    assert fetched.suffix == Path(name or "a.txt").suffix


def test_redirects_are_followed_to_the_file(site: Site, tmp_path: Path) -> None:
    site.give("/end/book.txt", "The ship left.", "text/plain")
    site.lead("/two", "end/book.txt", 307)
    address = site.lead("/one", site.at("/two#part"), 301)
    assert fetch(address, tmp_path).name == "book.txt"


def test_a_file_that_is_packed_unasked_is_unpacked(site: Site, tmp_path: Path) -> None:
    address = site.give("/a.txt", gzip.compress(b"words " * 999), "text/plain", Content_Encoding="gzip")
    assert fetch(address, tmp_path).read_bytes() == b"words " * 999
    assert site.asked[0][1]["accept-encoding"] == "identity"


def test_nothing_is_sent_but_the_request(site: Site, tmp_path: Path) -> None:
    fetch(site.give("/a.txt", "words", "text/plain", Set_Cookie="a=b") + "?q=1#secret", tmp_path)
    (path, headers), *others = site.asked
    assert (path, others) == ("/a.txt?q=1", [])
    assert set(headers) <= {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_what_a_page_names_is_not_fetched(site: Site, tmp_path: Path) -> None:
    page = '<title>T</title><link rel="stylesheet" href="/a.css"><img src="/b.png"><iframe src="/c"></iframe><p>Words.'
    assert "Words." in load(fetch(site.give("/page", page), tmp_path)).text
    assert [path for path, _ in site.asked] == ["/page"]


def test_an_address_is_told_from_a_path() -> None:
    assert all(map(is_address, ["https://a.example", " HTTP://a.example/b", "ftp://a.example/c"]))
    assert not any(map(is_address, ["book.pdf", "/tmp/a:b", "C:\\books\\a.txt", "http.txt", "//server/share"]))
    assert file_name_in("https://a.example/b/paper.pdf?dl=1#p2") == "paper.pdf"
    assert file_name_in("https://a.example/") == "a.example"


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "404 (Not Found): check"), (403, "browser"), (401, "browser"), (500, "later"), (599, "599"), (204, "204")],
)
def test_an_answer_that_is_no_file(site: Site, tmp_path: Path, status: int, said: str) -> None:
    site.answers["/x"] = (status, {"Content-Type": "text/html"}, b"" if status == 204 else b"<p>gone")
    assert said in refusal(site.at("/x"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content_type", ["image/png", "video/mp4", "application/json", "font/woff2"])
def test_what_is_no_document(site: Site, tmp_path: Path, content_type: str) -> None:
    assert f"of the kind {content_type}, which is no document" in refusal(
        site.give("/x", b"\x89PNG", content_type), tmp_path
    )


@pytest.mark.parametrize(
    "address",
    [
        "ftp://a.example/x",
        "file:///etc/passwd",
        "gopher://a.example",
        "https://",
        "http://:80/",
        "https://[::1/x",
        "http://a.example:99999/",
        "http://a.example:0/",
        "https://user:word@a.example/",
        "https://exa mple/\r\nHost: b",
        "https://a.example/" + "a" * 3000,
    ],
)
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    sentence = refusal(address, tmp_path)
    assert len(sentence) < 500
    assert "word@" not in sentence


def test_a_server_that_is_not_there(
    closed_site: Site, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No server 'nowhere.invalid' was found" in refusal("https://nowhere.invalid/book.pdf", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "cannot be fetched" in refusal(f"http://127.0.0.1:{port}/", tmp_path)
    assert "cannot be fetched" in refusal(site.at("/").replace("http:", "https:"), tmp_path)  # it speaks no TLS


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_private_addresses_in_any_form(closed_site: Site, tmp_path: Path, host: str) -> None:
    sentence = refusal(closed_site.at("/x", host), tmp_path)
    assert any(words in sentence for words in ("leads into a private network", "No server", "not a web address"))
    assert closed_site.asked == []


def test_public_addresses_are_let_through() -> None:
    for address in ("8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"):
        assert web._is_public(address), address


def _names(monkeypatch: pytest.MonkeyPatch, **found: list[list[str]]) -> list[str]:
    """Have names found as these lists of addresses, one list after another, and return the names that are looked up."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *rest: Any, **more: Any) -> Any:
        name = host.replace(".", "_")
        if name not in found:
            return look_up(host, port, *rest, **more)
        asked.append(host)
        addresses = found[name].pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_leads_home(closed_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, inner_example=[["127.0.0.1"]], mixed_example=[["93.184.216.34", "127.0.0.1"]])
    for host in ("inner.example", "mixed.example"):
        assert "leads into a private network" in refusal(closed_site.at("/x", host), tmp_path)
    assert closed_site.asked == []


def test_the_address_that_was_checked_is_connected_to(
    closed_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second look-up would give this computer's address: there must be none.
    asked = _names(monkeypatch, rebound_example=[["93.184.216.34"], ["127.0.0.1"]])
    connected: list[str] = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    assert "cannot be fetched" in refusal(closed_site.at("/x", "rebound.example"), tmp_path)
    assert (asked, connected) == (["rebound.example"], ["93.184.216.34"])


def test_a_redirect_leads_home(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Site()
    inner.give("/secret", "secret", "text/plain")
    # Only the first name is let through, whose address is taken for a public one.
    _names(monkeypatch, inner_example=[["127.0.0.2"]])
    for target in (
        inner.at("/secret", "127.0.0.3"),
        inner.at("/secret", "inner.example"),
        "http://169.254.169.254/latest/meta-data/",
        "//[::1]/secret",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://a:b@127.0.0.1/",
    ):
        sentence = refusal(site.lead("/out", target), tmp_path)
        assert "private network" in sentence or "only http and https" in sentence or "a name or a password" in sentence
    assert inner.asked == []
    inner.server.shutdown()
    inner.server.server_close()


def test_redirects_without_end(site: Site, tmp_path: Path) -> None:
    assert "leads on to other addresses more than 5 times" in refusal(site.lead("/loop", "/loop"), tmp_path)
    assert len(site.asked) == 6


def test_too_large(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reader.documents.MAX_SENT_BYTES", 1 << 20)

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/plain")
        request.send_header("Connection", "close")
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"x" * 65536)
        except OSError:
            request.close_connection = True

    site.answers["/endless"] = endless
    for address in (
        site.give("/long", b"x" * ((1 << 20) + 1), "text/plain"),
        site.give("/bomb", gzip.compress(bytes(200 << 20)), "text/plain", Content_Encoding="gzip"),
        site.at("/endless"),
    ):
        assert "has more than 1 MiB" in refusal(address, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5 << 20
    assert load(fetch(site.give("/fits", b"word " * 9999, "text/plain"), tmp_path)).text.startswith("word")


def test_nothing_in_it(site: Site, tmp_path: Path) -> None:
    assert "is empty" in refusal(site.give("/x.txt", b"", "text/plain"), tmp_path)


@pytest.mark.parametrize("where", ["headers", "body"])
def test_an_answer_that_trickles(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(web, "FETCH_SECONDS", 1.5)

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        if where == "body":
            request.wfile.write(b"Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(600):
                request.wfile.write(b"x" if where == "body" else b"X-A: b\r\n")
                time.sleep(0.2)
        except OSError:
            pass
        request.close_connection = True

    site.answers["/slow"] = trickle
    started = time.monotonic()
    assert "took more than 1.5" in refusal(site.at("/slow"), tmp_path)
    assert time.monotonic() - started < 60  # the whole of it would take 120


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nnogzi",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nnogzi",
        b"HTTP/1.1 302 Found\r\nLocation: http://[/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff\xfe/;;=\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_broken(site: Site, tmp_path: Path, answer: bytes) -> None:
    def broken(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)
        request.close_connection = True

    site.answers["/x"] = broken
    refusal(site.at("/x"), tmp_path)


# --- the front doors -------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(
    tmp_path: Path,
    tiny_folder: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., dict[str, Any]]:
    """Runs a command of the shell with a library of the test's own, and returns what it prints."""
    monkeypatch.setenv("READER_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("READER_MODEL", str(tiny_folder("llama")))

    def run(*words: str, status: int = 0) -> dict[str, Any]:
        assert main([*words, "--json"]) == status
        printed = capsys.readouterr()
        found: dict[str, Any] = json.loads(printed.out) if status == 0 else {"error": printed.err}
        return found

    return run


def test_the_shell_reads_an_address_once_and_asks_what_it_has(site: Site, shell: Callable[..., dict[str, Any]]) -> None:
    address = site.give("/ship", "<title>The Ship</title><p>" + "The ship left the harbour at dawn. " * 40)
    read = shell("read", address, "--window", "32")
    assert read["title"] == "The Ship"
    shown = shell("library", "show", address)
    assert (shown["file_name"], shown["format"]) == (address, "html")
    answer = shell("ask", address, "When did the ship leave?", "--window", "32")
    assert answer["document_id"] == read["document_id"]
    assert len(site.asked) == 1
    # Only reading it again fetches it again, and what it has become is another document.
    site.give("/ship", "<title>The Ship</title><p>" + "The ship left the harbour at noon. " * 40)
    assert shell("library", "add", address, "--no-read")["document_id"] != read["document_id"]
    assert len(site.asked) == 2
    other = site.give("/other.txt", "The lamp was lit. " * 60, "text/plain")
    assert shell("ask", other, "What was lit?", "--window", "32")["tokens_read"] > 0


@pytest.mark.parametrize("command", [["read"], ["library", "add"], ["library", "add", "--no-read"]])
def test_the_shell_refuses_an_address_in_one_sentence(
    closed_site: Site, shell: Callable[..., dict[str, Any]], command: list[str]
) -> None:
    for words in ([*command, closed_site.at("/x")], ["ask", closed_site.at("/x"), "What?"]):
        assert "leads into a private network" in shell(*words, status=2)["error"]
    assert closed_site.asked == []


def test_the_file_of_an_address_is_parsed_again_under_its_address(tmp_path: Path, service: Service) -> None:
    ann, address = Workspace(service, "ann"), "https://a.example/papers/7.pdf?version=2"
    first = ann.add(write_pdf(tmp_path / "fetched.pdf", ["The ship left."]), name=address)
    again = ann.parse_again(first.id)
    assert (again.file_name, ann.get(again.id).holding.document.file_name) == (address, address)
    assert again.title == "7"


def test_a_batch_fetches_each_address_once(site: Site, shell: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    address = site.give("/ship", "<title>The Ship</title><p>" + "The ship left the harbour at dawn. " * 40)
    rows = [{"custom_id": n, "document": address, "question": f"When did ship {n} leave?"} for n in range(2)]
    questions = tmp_path / "q.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert shell("batch", str(questions), "--output", str(tmp_path / "a.jsonl"), "--window", "32")["answered"] == 2
    assert shell("library", "show", address)["title"] == "The Ship"
    assert shell("batch", str(questions), "--output", str(tmp_path / "b.jsonl"), "--window", "32")["answered"] == 2
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert len(site.asked) == 1


def test_a_batch_that_names_a_private_address_is_not_begun(
    closed_site: Site, shell: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    questions, output = tmp_path / "q.csv", str(tmp_path / "a.csv")
    questions.write_text("custom_id,question\n1,Who?\n2,When?\n")
    refused = shell("batch", str(questions), "--output", output, "--document", closed_site.at("/x"), status=2)
    assert "2 lines" in refused["error"]
    assert "leads into a private network" in " ".join(refused["error"].split())
    assert closed_site.asked == []


@pytest.fixture
def api(service: Service, tmp_path: Path) -> TestClient:
    """The OpenAI API of a service, as its gate hands requests on, asked by ann."""
    routes = Api(service, Pictures(), Uploads(tmp_path)).routes
    return TestClient(Starlette(routes=list(routes)), headers={USER_HEADER.decode(): "ann"})


def added(api: TestClient, **body: Any) -> httpx.Response:
    return api.post("/v1/files", json={"purpose": "user_data"} | body)


def test_the_openai_api_fetches_a_document_and_knows_it_by_its_address(
    site: Site, api: TestClient, service: Service, tmp_path: Path
) -> None:
    address = site.give("/ship", "<title>The Ship</title><p>" + "The ship left the harbour at dawn. " * 40)
    client = OpenAI(base_url="http://testserver/v1", api_key="any", http_client=api)
    made = client.post("/files", body={"purpose": "user_data", "file_url": f" {address} "}, cast_to=dict[str, Any])
    assert (made["object"], made["filename"], made["status"]) == ("file", address, "uploaded")
    assert "left the harbour" in api.get(f"/v1/files/{made['id']}/content").text
    assert api.get(f"/v1/models/{address}").json()["id"] == address
    assert [holding.document.file_name for holding in Workspace(service, "ann").held()] == [address]
    assert Workspace(service, "ben").held() == []
    assert len(site.asked) == 1
    assert [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()] == []
    # Another version of the page is another document, and the one that the address means.
    site.give("/ship", "<title>The Ship</title><p>" + "The ship left the harbour at noon. " * 40)
    newer = added(api, file_url=address).json()["id"]
    assert newer != made["id"]
    assert find(Workspace(service, "ann"), f"beacon/{address}").document_ids == (newer.removeprefix("file-"),)


def test_the_openai_api_reaches_nothing_private(closed_site: Site, api: TestClient, service: Service) -> None:
    inner = closed_site.give("/secret", "The key of the cellar is under the mat. " * 40)
    for address in (
        inner,
        closed_site.at("/secret", "localhost"),
        closed_site.at("/secret", "[::ffff:127.0.0.1]"),
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
        None,
        [inner],
    ):
        refused = added(api, file_url=address)
        assert refused.status_code == 400, address
        sentence = refused.json()["error"]["message"]
        assert "\n" not in sentence
        assert "cellar" not in sentence
    assert added(api, file_url="https://example.org/a.txt", purpose="batch").status_code == 400
    # Neither asking nor a batch fetches what is named as a model.
    chat = {"model": inner, "messages": [{"role": "user", "content": "Where is the key?"}]}
    assert api.post("/v1/chat/completions", json=chat).status_code == 404
    line = json.dumps({"custom_id": "1", "body": chat}).encode()
    given = api.post("/v1/files", files={"file": ("q.jsonl", line)}, data={"purpose": "batch"}).json()
    begun = {"input_file_id": given["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert "file_url" in api.post("/v1/batches", json=begun).json()["error"]["message"]
    assert closed_site.asked == []
    assert Workspace(service, "ann").held() == []


def test_a_page_that_leads_home_is_not_followed_by_the_openai_api(site: Site, api: TestClient) -> None:
    outside = site.lead("/out", "http://10.0.0.1/admin")
    assert "leads into a private network" in added(api, file_url=outside).json()["error"]["message"]
    assert len(site.asked) == 1
