"""The app under a path of a site that nginx serves, as docs/app.md shows it: with the path taken off or left on, http and https."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from helpers.browser import READY, WATCH_ANSWER, chromium, pytestmark, sync_api, visit
from helpers.documents import WORDS, write_pdf
from helpers.server import Server, free_port
from openai import OpenAI

from reader.app.accounts import add_account
from reader.app.keys import add_key

__all__ = ["chromium", "pytestmark", "visit"]  # fixtures and marks of the browser tests, for these too
expect = sync_api.expect
NGINX = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin")
OPENSSL = shutil.which("openssl")

SITE = """
daemon off;
pid {folder}/pid;
user {user};
worker_processes 1;
error_log stderr;
events {{ worker_connections 128; }}
http {{
  access_log off;
  {paths}
  server {{
    listen 127.0.0.1:{port} {tls};
    {certificate}
    location /reader/ {{
      proxy_pass http://127.0.0.1:{app}{left};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_read_timeout 10m;
      client_max_body_size 512m;
    }}
  }}
}}
"""
"""The `location` is that of docs/app.md; the rest lets nginx run as anybody, in a folder of its own."""


@contextmanager
def nginx(folder: Path, app: int, *, takes_path_off: bool, has_tls: bool) -> Iterator[str]:
    """The address of the app under `/reader/` of a site."""
    port, certificate = free_port(), ""
    if has_tls:
        certificate = f"ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;"
        made = (
            f"{OPENSSL} req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 1 -subj /CN=127.0.0.1"
        )
        command = [*made.split(), "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
        subprocess.run(command, check=True, capture_output=True)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    text = SITE.format(
        folder=folder,
        user=getpass.getuser(),
        paths=" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        port=port,
        tls="ssl" if has_tls else "",
        certificate=certificate,
        app=app,
        left="/" if takes_path_off else "",
    )
    (folder / "nginx.conf").write_text(text)
    running = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"])
    scheme = "https" if has_tls else "http"
    try:
        address = f"{scheme}://127.0.0.1:{port}/reader/"
        until = time.monotonic() + 30
        while running.poll() is None and time.monotonic() < until:
            try:
                httpx.get(address, verify=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        assert running.poll() is None, "nginx did not start"
        yield address
    finally:
        running.terminate()
        running.wait(30)


@pytest.mark.skipif(NGINX is None or OPENSSL is None, reason="nginx or openssl is not installed")
@pytest.mark.parametrize(
    ("takes_path_off", "has_tls"),
    [pytest.param(True, False, marks=pytest.mark.slow), (False, True)],
    ids=["taken off", "left on, tls"],
)
def test_everything_works_under_a_path_behind_nginx(
    tmp_path: Path,
    tiny_folder: Callable[..., Path],
    visit: Callable[..., object],
    takes_path_off: bool,
    has_tls: bool,
) -> None:
    add_account(tmp_path / "users", "ann", "first password")
    key = add_key(tmp_path / "users", "ann")
    # More than the megabyte that nginx lets through where nothing is said.
    pdf = write_pdf(tmp_path / "a.pdf", [f"Page {n}. {WORDS}" for n in range(1, 4)], title="Drawn")
    with pdf.open("ab") as file:
        file.write(b"%" + b" " * (2 << 20))
    flags = ("--root-path", "/reader", "--proxy", "127.0.0.1", "--openai", "--auth", str(tmp_path / "users"))
    # With layers enough to be seen answering word by word.
    server = Server(
        tmp_path / "library", str(tiny_folder("llama", max_positions=32_768, layers=8)), tmp_path / "cache", flags
    )
    server.start()
    port = int(re.search(r":(\d+)", server.address)[1])  # type: ignore[index]
    try:
        with nginx(tmp_path, port, takes_path_off=takes_path_off, has_tls=has_tls) as address:
            server.address = address
            with visit(server, ready="form", ignore_https_errors=True) as window:
                page, failed = window.page, list[str]()
                page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
                assert page.url == f"{address}login"
                page.get_by_label("Name").fill("ann")
                page.get_by_label("Password").fill("first password")
                page.get_by_role("button", name="Sign in").click()
                page.locator(READY).wait_for()
                assert [cookie["secure"] for cookie in page.context.cookies() if cookie["httpOnly"]] == [has_tls]
                page.set_input_files("#upload input[type=file]", pdf)
                window.wait_until_ready()
                page.wait_for_function("document.querySelector('.cover img')?.naturalWidth > 0")
                page.evaluate(WATCH_ANSWER)
                window.ask("What was calm?")
                lengths = page.evaluate("window.lengths")
                assert len(set(lengths)) >= 3, f"the answer did not stream: {lengths}"
                page.locator("#chat .card").first.click()
                page.wait_for_function("document.querySelector('#viewer img')?.naturalWidth === 1000")
                window.download_all()
                _ask_by_program(address, key)
                window.sign_out()
                assert page.url == f"{address}login"
                # The browser asks the root of the host for an icon, too; that is not the app's.
                assert [url for url in failed if not url.endswith("/favicon.ico")] == []
                window.complaints = [text for text in window.complaints if not text.endswith("/favicon.ico")]
    finally:
        server.kill()


def _ask_by_program(address: str, key: str) -> None:
    """By the OpenAI API: a document is a model, and its answer comes word by word."""
    with httpx.Client(verify=False, timeout=120) as http:
        client = OpenAI(base_url=f"{address}v1", api_key=key, http_client=http, max_retries=0)
        (model,) = [model.id for model in client.models.list()]
        question = [{"role": "user", "content": "What did the keeper write?"}]
        stream = client.chat.completions.create(model=model, messages=question, stream=True)  # type: ignore[call-overload]
        came = [time.monotonic() for chunk in stream if chunk.choices and chunk.choices[0].delta.content]
    assert len(came) >= 3
    assert came[-1] - came[0] > 0.02, "the answer came in one piece"
