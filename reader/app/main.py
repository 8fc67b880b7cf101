"""The browser's front door: `python app.py`. Drop a document in, watch it being read, ask it, see the answer and its pages.

It reads flags and the environment, and serves `page`. It binds to this computer alone unless people sign in, and nothing is
fetched from outside.
"""

from __future__ import annotations

import argparse
import gc
import getpass
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by Gradio while it is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from reader.app.access import Access
from reader.app.accounts import Accounts, Gate, add_account
from reader.app.keys import Keys, add_key
from reader.app.proxies import around
from reader.app.uploads import Uploads, run_folder
from reader.documents import MAX_SENT_BYTES
from reader.errors import ConfigError, Parser, ReaderError
from reader.models import catalogue, choose_decoder
from reader.settings import STATIC, accounts_file, cache_folder, dtype_name, is_debugging, library_folder, model_name
from storage import Store, StoreError

HOSTS = ("127.0.0.1", "localhost")
_PAGE_SECONDS, _BROWSER_SECONDS = 0.5, 4.0
"""How long the decoder waits for a page to be asked for, and for one in a browser that the app opens."""
MAX_THREADS = 64
"""Of the page's events and of programs that wait for answers; pictures and exports have threads of their own beside these."""

_QUEUE_POLL_SECONDS = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until it is interrupted; return the exit status."""
    parser = Parser(prog="python app.py", description="Read long documents once, and ask them, in a browser.")
    add_flags(parser)
    try:
        run(parser.parse_args(arguments))
    except (ReaderError, StoreError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def run(options: argparse.Namespace) -> None:
    """Serve the page until it is interrupted, or add a user."""
    if is_debugging():
        logging.basicConfig()
        logging.getLogger("reader").setLevel(logging.DEBUG)
    if options.add_user is not None:
        _add_user(options)
    elif options.add_key is not None:
        _add_key(options)
    else:
        _serve(options)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what the app takes, started as `app.py` or as the shell's `serve`."""
    parser.add_argument("--library", type=Path, metavar="DIR", help="the library's folder (or READER_LIBRARY)")
    parser.add_argument(
        "--model",
        metavar="NAME",
        action="append",
        help="a Hugging Face name or a folder (or READER_MODEL); default: the best for this machine; several times: to choose from",
    )
    parser.add_argument(
        "--condenser",
        metavar="NAME",
        help="how windows are condensed: expected-attention, replay, spread, or beacons; default: as usual for the model",
    )
    parser.add_argument(
        "--host", default=HOSTS[0], help="the address to listen on; any but this computer's needs --auth"
    )
    parser.add_argument("--port", type=_port, metavar="N", help="default: the first free one from 7860 on")
    parser.add_argument(
        "--root-path",
        default="",
        metavar="PATH",
        help="where a proxy serves the app, such as /reader; default: at the root",
    )
    parser.add_argument(
        "--proxy",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="an address or network of proxies that are believed about visitors (X-Forwarded-For, -Host, -Proto); default: none",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window when the app is ready")
    parser.add_argument("--share", action="store_true", help="also through a public tunnel of Gradio's; needs --auth")
    parser.add_argument(
        "--auth",
        type=Path,
        metavar="FILE",
        default=accounts_file(),
        help="let in only those whom this file names (or READER_AUTH); each has a library of their own",
    )
    parser.add_argument(
        "--add-user", metavar="NAME", help="ask for a password, write it hashed into the --auth file, and end"
    )
    parser.add_argument(
        "--mcp", action="store_true", help="let assistants use the library, ask and read_status as tools"
    )
    parser.add_argument(
        "--openai",
        action="store_true",
        help="also speak the OpenAI API at /v1: documents are models; with --auth, by keys",
    )
    parser.add_argument("--add-key", metavar="NAME", help="print a new API key of a user of the --auth file, and end")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port, which is a number from 1 to 65535")


def _add_user(options: argparse.Namespace) -> None:
    if options.auth is None:
        raise ConfigError("--add-user needs --auth FILE, the file to write the user into.")
    password = getpass.getpass(f"Password for {options.add_user}: ") if sys.stdin.isatty() else sys.stdin.readline()
    add_account(Path(options.auth), options.add_user, password.rstrip("\n"))
    print(f"{options.add_user} can sign in: python app.py --auth {options.auth}")


def _add_key(options: argparse.Namespace) -> None:
    if options.auth is None:
        raise ConfigError("--add-key needs --auth FILE, the file that names the user.")
    if options.add_key not in Accounts(Path(options.auth)).names:
        raise ConfigError(f"--add-key {options.add_key!r}: no such user; add the user with --add-user first.")
    print(add_key(Path(options.auth), options.add_key))


def _serve(options: argparse.Namespace) -> None:
    if options.auth is None and (options.host not in HOSTS or options.share):
        flag = "--share" if options.share else f"--host {options.host!r}"
        raise ConfigError(f"{flag} would open the library to others without a password; give --auth FILE, too.")
    accounts = Accounts(Path(options.auth)) if options.auth is not None else None
    # The public tunnel's end is a program on this computer.
    lifespan = around([*options.proxy, *([HOSTS[0]] if options.share else [])])
    print("Starting the app; this takes some seconds …", flush=True)
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # read by Uvicorn; `Outside` knows whom to believe
    with run_folder() as folder, Store(library_folder(options.library)) as store:
        _serve_library(options, store, accounts, Uploads(folder), lifespan)


def _serve_library(
    options: argparse.Namespace, store: Store, accounts: Accounts | None, uploads: Uploads, lifespan: Any
) -> None:
    # Gradio takes seconds to import.
    from reader.app.openai_api.routes import Api
    from reader.app.page.blocks import build
    from reader.app.page.theme import Theme
    from reader.app.pages import Pictures
    from reader.app.routes import routes
    from reader.app.service import Service

    models, better = options.model or [name for name in [model_name()] if name], None
    if not models:
        choice = choose_decoder(cache_folder=cache_folder())
        models = [choice.name, *(decoder.name for decoder in catalogue())]
        better = choice.better if accounts is None else None
    root_path = f"/{options.root_path.strip('/')}" if options.root_path.strip("/") else ""
    service = Service(store, models[0], cache_folder(), dtype_name(), better, options.condenser)
    pictures = Pictures()
    page = build(service, pictures, uploads, has_accounts=accounts is not None, model_names=models)
    page.queue(default_concurrency_limit=8, max_size=256)
    # Gradio looks for events a thousand times a second, which takes a twentieth of a core even when there are none.
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = _QUEUE_POLL_SECONDS
    keys = Keys(Path(options.auth)) if options.auth is not None and options.openai else None
    sign_in_page = (STATIC / "sign-in.html").read_text()
    middleware = [
        Middleware(Gate, accounts=accounts, sign_in_page=sign_in_page, root_path=root_path, keys=keys),
        Middleware(Access, uploads=uploads, page_asked=service.first_page.ask),
    ]
    if accounts is None:  # a site that takes this computer's address for its own name is not let in
        middleware.insert(0, Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS)))
    inner: dict[str, Any] = {
        "middleware": middleware,
        "routes": [
            *routes(service, pictures, uploads),
            *(Api(service, pictures, uploads).routes if options.openai else ()),
        ],
        "lifespan": lifespan,
    }
    opens_browser = _has_screen() and not options.no_browser
    try:
        _, address, shared = page.launch(
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            root_path=root_path or None,
            inbrowser=opens_browser,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            max_file_size=MAX_SENT_BYTES,
            max_threads=MAX_THREADS,
            mcp_server=options.mcp,
            app_kwargs=inner,
            theme=Theme(),
            css_paths=[STATIC / "app.css"],
            favicon_path=STATIC / "icon.svg",
        )
    except OSError as error:
        raise ConfigError(_port_advice(options.port)) from error
    service.start(_BROWSER_SECONDS if opens_browser else _PAGE_SECONDS)
    print(f"Open {shared or address} in a browser; Ctrl+C stops.", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        page.close(verbose=False)
        service.close()
        gc.freeze()  # Python looks through all objects while it ends, which takes seconds with a decoder


def _port_advice(port: int | None) -> str:
    if port is None:
        return "All ports from 7860 to 7959 are in use; choose another one with --port N."
    return f"Port {port} is in use or not allowed; choose another --port, or leave it out to take the first free one."


def _has_screen() -> bool:
    """Whether a person at this computer has started the app from a terminal, and sees windows."""
    has_windows = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(has_windows) and sys.stdout.isatty()
