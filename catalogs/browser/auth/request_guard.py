"""Middleware that refuses requests that are too large, too slow or for another host, and adds security headers."""

import asyncio
import re
import time
from collections.abc import Collection, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSRF_HEADER = "x-csrf-token"
HOST = re.compile(r"(?P<name>\[[0-9a-f]*:[0-9a-f:.]*\]|[^\s:@/?#\[\]\\]+)(?::(?P<port>[0-9]{1,5}))?")
HIGHEST_PORT = 65535
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_ADDRESS = 8 * 1024
LARGEST_BODY = 8 * 2**20
"""Bytes: 100,000 chosen designs are 7 MB of ids."""
BODY_SECONDS = 30.0
OTHER_NAME = (
    "This server answers to its own machine only. To have it answer to other names, behind a proxy too, start it with"
    " --host 0.0.0.0, which asks for a token; add --secure where the proxy has TLS."
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; font-src"
    " 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class RequestGuard:
    """ASGI middleware: refuses requests that are too large, too slow or meant for another host; adds the headers."""

    def __init__(self, app: ASGIApp, *, names: Collection[str] = ()) -> None:
        """`names`: only requests for these hosts are answered; empty: all. So another site's name cannot point here."""
        self._app, self._names = app, frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send)
        refusal = self._refusal(scope)
        if refusal:
            await refusal(scope, receive, answer)
            return
        await self._app(scope, _limited(receive), answer)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if self._names and _host(headers.get("host", "")) not in self._names:
            return PlainTextResponse(OTHER_NAME, 421)
        if len(scope["raw_path"] or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
            return PlainTextResponse("The address is too long: choose fewer values.", 414)
        if not _from_here(headers, scope["method"]):
            return PlainTextResponse("This was asked for by a page of another site.", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return PlainTextResponse(f"More than {LARGEST_BODY // 2**20} MB were sent.", 413)
        return None


def _from_here(headers: Headers, method: str) -> bool:
    """Whether a request comes from one of our pages, from no page at all, or by a link that a person followed.

    Browsers say so in headers. Requests that other sites' pages make in passing cost work and tell those sites about
    the catalog.
    """
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return followed and method in ("GET", "HEAD")


def _host(header: str) -> str:
    """The host's name in a Host header, in lower case; empty where the header is malformed.

    The header is not parsed as a URL: that is too lenient, and finds 127.0.0.1 in `evil@127.0.0.1` and `127.0.0.1/x`.
    """
    hit = HOST.fullmatch(header.lower())
    return hit["name"].strip("[]") if hit and int(hit["port"] or 0) <= HIGHEST_PORT else ""


def _with_headers(send: Send) -> Send:
    async def answer(message: Message) -> None:
        """Add the security headers to the head of the answer."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return answer


def _limited(receive: Receive) -> Receive:
    """A `receive` that ends a body which is too large or too slow as if its sender had disconnected."""
    received = 0
    began = time.monotonic()

    async def part() -> MutableMapping[str, Any]:
        """Receive the next part of the body."""
        nonlocal received
        left = BODY_SECONDS - (time.monotonic() - began)
        if received < 0:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0.01))
        except TimeoutError:
            return {"type": "http.disconnect"}
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            return {"type": "http.disconnect"}
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            # The body is whole: from now on `receive` waits for the end of the connection.
            received = -1
        return message

    return part
