"""One file from a web address, fetched only when a person asks for it, and only from the public internet.

A server's name is looked up once for each connection, and the address that is checked is the one that is connected to. So
neither a name nor a redirect leads to this computer or to its private network. Nothing else that a page names is fetched.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpcore
import httpx

from reader.errors import DocumentError

FETCH_SECONDS = 120.0
"""From the first look-up to the last byte, with all redirects."""
_IDLE_SECONDS = 30.0
_MOST_REDIRECTS = 5
_MOST_ADDRESS_CHARS = 2_000
_SHOWN_CHARS = 200
_NAME_BYTES = 120
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_HEADERS: dict[bytes | str, bytes | str] = {
    "User-Agent": "activation-beacon-reader",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

# Content type -> suffix; the types of Office and OpenDocument are found by their last part.
_SUFFIXES = {
    "application/epub+zip": ".epub",
    "application/msword": ".doc",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "application/vnd.amazon.ebook": ".azw",
    "application/x-mobipocket-ebook": ".mobi",
    "application/x-pdf": ".pdf",
    "application/x-subrip": ".srt",
    "application/xhtml+xml": ".xhtml",
    "message/rfc822": ".eml",
    "multipart/related": ".mht",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/rtf": ".rtf",
    "text/tab-separated-values": ".tsv",
    "text/vtt": ".vtt",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
# Types that say nothing: the name decides, and then the first bytes.
_VAGUE = frozenset(("application/binary", "application/octet-stream", "application/zip", "binary/octet-stream"))
_VAGUE_PREFIXES = ("application/download", "application/force-download", "application/x-", "text/")


def name_in(address: str) -> str:
    """Return the file's name in a web address, the server's name where there is none."""
    url = httpx.URL(address)
    return _safe_name(unquote(url.path).rstrip("/").rpartition("/")[2]) or _safe_name(url.host) or "page"


def fetch(address: str, folder: Path, suffixes: Collection[str], max_bytes: int) -> tuple[Path, str | None]:
    """Fetch the file at a web address into a folder; return its path and the encoding that the server names, if any.

    Its content type and its name decide its suffix.

    Args:
        address: http or https, without a password.
        folder: an existing folder for the file.
        suffixes: those of files that can become documents.
        max_bytes: how large the file may be.

    Raises:
        DocumentError: nothing can be fetched there, it is not public, too large or slow, or no document.
    """
    address = address.strip()
    url = _parsed(address, address)
    ends_at = time.monotonic() + FETCH_SECONDS
    with (
        _in_one_sentence(address),
        httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(), network_backend=_PublicNetwork(address, ends_at)
        ) as pool,
    ):
        for _ in range(_MOST_REDIRECTS + 1):
            with pool.stream("GET", _target(url), headers=_HEADERS, extensions=_TIMEOUTS) as response:
                headers = httpx.Headers(response.headers)
                if response.status in _REDIRECTS and "location" in headers:
                    url = _parsed(str(url.join(headers["location"])), address)
                    continue
                _check_status(response.status, address)
                told = Message()
                for header in ("content-type", "content-disposition"):
                    told[header] = headers.get(header, "")
                path = folder / _file_name(told, url, suffixes, address)
                _write(path, response.iter_stream(), headers, max_bytes, ends_at, address)
                return path, told.get_content_charset()
    raise DocumentError(
        f"{_shown(address)} leads on to other addresses more than {_MOST_REDIRECTS} times: give the file's own address."
    )


_TIMEOUTS = {"timeout": {"connect": _IDLE_SECONDS, "read": _IDLE_SECONDS, "write": _IDLE_SECONDS}}


def _shown(address: str) -> str:
    return repr(address if len(address) <= _SHOWN_CHARS else address[:_SHOWN_CHARS] + "…")


def _parsed(text: str, asked: str) -> httpx.URL:
    """The address that a person or a redirect gives."""
    if len(text) > _MOST_ADDRESS_CHARS:
        raise DocumentError(f"The address {_shown(text)} has more than {_MOST_ADDRESS_CHARS:,} characters: shorten it.")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise DocumentError(f"{_shown(text)} is not a web address: give one such as https://example.org.") from error
    if url.scheme not in ("http", "https"):
        raise DocumentError(f"{_shown(asked)} leads to {url.scheme}://: only http and https addresses are fetched.")
    if not url.host or not 0 < (url.port if url.port is not None else 80) < 1 << 16:
        raise DocumentError(f"{_shown(text)} is not a web address: give one such as https://example.org.")
    if url.userinfo:
        raise DocumentError(f"The address of {url.host!r} holds a name or a password: download the file and add it.")
    return url.copy_with(fragment=None)


def _target(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


# --- the network -----------------------------------------------------------------------------------------------------


def _is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    ip: Any = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
        if ip.is_site_local:
            return False
    return bool(ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified))


class _PublicNetwork(httpcore.NetworkBackend):
    """Connects to public addresses alone, and until a moment alone."""

    def __init__(self, asked: str, ends_at: float) -> None:
        self._asked, self._ends_at = asked, ends_at
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Look the host up once, and connect to what was found if all of it is public."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise DocumentError(
                f"No server {host!r} was found for {_shown(self._asked)}: check the address and the network."
            ) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not all(map(_is_public, addresses)):
            raise DocumentError(
                f"{_shown(self._asked)} leads into a private network, where nothing is fetched: "
                "download the file and add it."
            )
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                stream = self._network.connect_tcp(address, port, _left(self._ends_at, timeout), None, socket_options)
                return _TimedStream(stream, self._ends_at)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A connection that ends at a moment, however little comes at a time."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream, self._ends_at = stream, ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._ends_at, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._ends_at, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._ends_at, timeout))
        return _TimedStream(stream, self._ends_at)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(ends_at: float, timeout: float | None) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left if timeout is None else min(left, timeout)


@contextmanager
def _in_one_sentence(address: str) -> Iterator[None]:
    """Raise what the network or the disk raises as one sentence."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise DocumentError(
            f"{_shown(address)} did not answer within {_IDLE_SECONDS:g} seconds, or took more than {FETCH_SECONDS:g} "
            "for all of it: download the file and add it."
        ) from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, zlib.error) as error:
        raise DocumentError(
            f"{_shown(address)} answers in a way that no web server does ({error}): check the address."
        ) from error
    except (httpcore.NetworkError, OSError) as error:
        raise DocumentError(f"{_shown(address)} cannot be fetched ({error}): try again later.") from error


# --- the file --------------------------------------------------------------------------------------------------------


def _check_status(status: int, address: str) -> None:
    if status == HTTPStatus.OK:
        return
    phrase = next((known.phrase for known in HTTPStatus if known == status), "unknown")
    way_out = "check the address"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        way_out = "open it in a browser, download the file and add it"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        way_out = "try again later"
    raise DocumentError(f"{_shown(address)} answers {status} ({phrase}): {way_out}.")


def _file_name(told: Message, url: httpx.URL, suffixes: Collection[str], address: str) -> str:
    """The file's name, with the suffix that its content type asks for, or the name itself where the type is vague."""
    name = _safe_name(told.get_filename() or "") or name_in(str(url))
    content_type = told.get_content_type() if told["content-type"] else "application/octet-stream"
    own = Path(name).suffix.lower()
    suffix = _SUFFIXES.get(content_type)
    if suffix is None and (content_type in _VAGUE or content_type.startswith(_VAGUE_PREFIXES)):
        suffix = own if own in (*suffixes, ".zip") else ".txt" if content_type.startswith("text/") else ""
    if suffix is None:
        raise DocumentError(
            f"{_shown(address)} is of the kind {content_type}, which is no document: give a document's address."
        )
    return name if not suffix or suffix == own else name + suffix


def _safe_name(name: str) -> str:
    """A name without folders and control characters, and short enough for every disk."""
    stem, dot, suffix = _UNSAFE.sub(" ", name).strip(" .").rpartition(".")
    room = _NAME_BYTES - len((dot + suffix).encode())
    cut = (stem or suffix).encode(errors="replace")[: max(room, 40)].decode(errors="ignore")
    return (cut + dot + suffix if stem else cut).encode(errors="replace")[: 2 * _NAME_BYTES].decode(errors="ignore")


def _write(
    path: Path, chunks: Iterable[bytes], headers: httpx.Headers, max_bytes: int, ends_at: float, address: str
) -> None:
    """Write what comes, unpacked where the server packs it unasked, up to the limit."""
    too_large = DocumentError(f"{_shown(address)} has more than {max_bytes >> 20:,} MiB: download and split the file.")
    length, packing = headers.get("content-length", ""), headers.get("content-encoding", "identity").strip().lower()
    if length.isdigit() and int(length) > max_bytes:
        raise too_large
    if packing not in ("identity", "gzip", "x-gzip", "deflate"):
        raise DocumentError(f"{_shown(address)} is sent packed as {packing!r}: download the file and add it.")
    unpacker = zlib.decompressobj(47) if packing != "identity" else None  # 47: gzip or zlib, whichever it is
    written = 0
    with path.open("xb") as file:
        for chunk in chunks:
            _left(ends_at, None)
            data = unpacker.decompress(chunk, max_bytes - written + 1) if unpacker else chunk
            written += file.write(data)
            if written > max_bytes:
                raise too_large
    if not written:
        raise DocumentError(f"{_shown(address)} is empty: check the address.")
