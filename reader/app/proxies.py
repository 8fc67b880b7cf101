"""Outside everything else: what proxies say is believed of those that were named, and no other site is let read an answer."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from reader.errors import ConfigError

_CORS = "access-control-"
_SAID_BY_PROXIES = ("x-forwarded-", "forwarded", "x-real-ip", "x-gradio-server")


class Outside:
    """The outermost layer, around Gradio's own."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str] = ()) -> None:
        """Take the app within, and the addresses or networks of the proxies.

        Raises:
            ConfigError: one of them is no address and no network.
        """
        self._app = app
        self._networks = [_network(proxy) for proxy in proxies]
        # The address of the visitor, and whether they came by https.
        self._told: Any = ProxyHeadersMiddleware(app, list(proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on with the headers that can be believed; take off the answer what lets other sites read it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in {name for name in headers if name.startswith(_CORS)}:
                    del headers[name]
                if headers.get("content-type", "").startswith("text/event-stream"):
                    headers["x-accel-buffering"] = "no"  # nginx would keep an answer back until much of it is there
            await send(message)

        is_proxy = self._is_proxy(scope)
        host = Headers(scope=scope).get("x-forwarded-host") if is_proxy else None
        said = [
            (name, value) for name, value in scope["headers"] if name.decode("latin-1").startswith(_SAID_BY_PROXIES)
        ]
        kept = [pair for pair in scope["headers"] if pair not in said]
        if host is not None:  # the last one is from the proxy itself
            kept = [pair for pair in kept if pair[0] != b"host"]
            kept.append((b"host", host.rpartition(",")[2].strip().encode("latin-1")))
        if not is_proxy:
            await self._app({**scope, "headers": kept}, receive, answer)
            return
        told = [pair for pair in said if pair[0] in (b"x-forwarded-for", b"x-forwarded-proto")]
        await self._told({**scope, "headers": [*kept, *told]}, receive, answer)

    def _is_proxy(self, scope: Scope) -> bool:
        try:
            address = ipaddress.ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def around(proxies: Sequence[str]) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """A lifespan that puts `Outside` around an app when it starts: Gradio adds its own layers outside of ours.

    Raises:
        ConfigError: see `Outside`.
    """
    for proxy in proxies:
        _network(proxy)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        assert app.middleware_stack is not None
        app.middleware_stack = Outside(app.middleware_stack, proxies)
        yield

    return lifespan


def _network(proxy: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(proxy)
    except ValueError as error:
        raise ConfigError(f"--proxy {proxy!r} is neither an address nor a network, such as 10.0.0.0/8.") from error
