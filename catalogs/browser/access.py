"""Who may ask and who may write: tokens, sessions, and what every answer carries.

On loopback anybody at the machine may look; elsewhere a token is required. A write needs the session's own CSRF
token beside its cookie, and a page of another site can have neither.
"""

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "stylemill_session"
CSRF_HEADER = "x-csrf-token"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SESSIONS = 1000
"""The one that was used longest ago goes."""
TRIES, TRIES_SECONDS = 5, 60.0
"""Wrong tokens from one address before it has to wait; from all addresses ten times as many."""
LONGEST_ADDRESS = 8 * 1024
LARGEST_BODY = 8 * 2**20
"""Bytes: 100,000 chosen designs are 7 MB of ids."""
BODY_SECONDS = 30.0
OPEN = ("/token", "/static/")
"""What is shown to who has no session."""
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


@dataclass
class Session:
    """One browser. `who` is what its person calls themselves in the log."""

    key: str
    csrf: str
    who: str


class Sessions:
    """Sessions of a server; they end with it."""

    def __init__(self, token: str | None, who: str) -> None:
        """`token` is what opens a session, None where anybody may; `who` is the name until told."""
        self.token, self._who = token, who
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._wrong: dict[str, deque[float]] = {}

    def of(self, request: Request) -> Session | None:
        """The session of a request."""
        key = request.cookies.get(cookie_name(request.scope), "")
        if key in self._open:
            self._open.move_to_end(key)
        return self._open.get(key)

    def begin(self) -> Session:
        """A new one."""
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._who)
        self._open[session.key] = session
        while len(self._open) > SESSIONS:
            self._open.popitem(last=False)
        return session

    def opens(self, token: str) -> bool:
        """Whether a token is the right one; takes as long for every wrong one."""
        return self.token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def must_wait(self, address: str) -> float:
        """Seconds until an address may try a token again."""
        waits = []
        for name, tries in ((address, TRIES), ("", 10 * TRIES)):
            wrong = self._recent(name)
            waits.append(wrong[0] + TRIES_SECONDS - time.monotonic() if len(wrong) >= tries else 0.0)
        return max(waits)

    def was_wrong(self, address: str) -> None:
        """Count a wrong token."""
        for name in (address, ""):
            self._recent(name).append(time.monotonic())

    def _recent(self, name: str) -> deque[float]:
        since = time.monotonic() - TRIES_SECONDS
        if len(self._wrong) > SESSIONS:
            self._wrong = {one: times for one, times in self._wrong.items() if times and times[-1] >= since}
        wrong = self._wrong.setdefault(name, deque())
        while wrong and wrong[0] < since:
            wrong.popleft()
        return wrong


def writes_allowed(request: Request, session: Session, sent: str) -> bool:
    """Whether a write comes from a page of ours: with the session's token, from our own origin."""
    origin = request.headers.get("origin")
    ours = origin is None or origin.partition("://")[2] == request.headers.get("host")
    return ours and hmac.compare_digest(sent.encode(), session.csrf.encode())


class Gate:
    """ASGI middleware: gives every request its session, or sends who has none to the token's page."""

    def __init__(self, app: ASGIApp, sessions: Sessions, *, secure: bool = False) -> None:
        """`secure`: cookies only go over TLS, as behind a proxy that has it."""
        self._app, self._sessions, self._secure = app, sessions, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or send away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        session = self._sessions.of(request)
        if session is None and self._sessions.token is None:
            session = self._sessions.begin()
            send = _with_cookie(send, cookie(scope, session, secure=self._secure))
        scope.setdefault("state", {})["session"] = session
        if session is None and not request.url.path.startswith(OPEN):
            await _to_token(request)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _to_token(request: Request) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse("/token?" + urlencode({"next": path}), 303)
    return PlainTextResponse("A token is required: open the start page.", 401)


def cookie_name(scope: Scope) -> str:
    """Of the session's cookie: browsers keep cookies by host, and two servers of one machine must not share theirs."""
    server = scope.get("server")
    return f"{COOKIE}_{server[1]}" if server else COOKIE


def cookie(scope: Scope, session: Session, *, secure: bool) -> str:
    """The header that gives a browser its session; no script can read it."""
    attributes = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
    return f"{cookie_name(scope)}={session.key}; {attributes}"


def _with_cookie(send: Send, header: str) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", header)
        await send(message)

    return answer


class Guard:
    """ASGI middleware: refuses what is too large, too slow or meant for another host; adds the headers."""

    def __init__(self, app: ASGIApp, *, names: Collection[str] = ()) -> None:
        """`names`: only these hosts are answered, so no other site can be made to point here; empty: all."""
        self._app, self._names = app, frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
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
            return PlainTextResponse("This server answers to its own machine only.", 421)
        if len(scope["raw_path"] or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
            return PlainTextResponse("The address is too long: choose fewer values.", 414)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return PlainTextResponse(f"More than {LARGEST_BODY // 2**20} MB were sent.", 413)
        return None


def _host(header: str) -> str:
    """The name in a Host header; empty where it is none."""
    try:
        return urlsplit("//" + header).hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return answer


def _limited(receive: Receive) -> Receive:
    """A body that is too large or too slow ends as if its sender had gone."""
    seen = 0
    began = time.monotonic()

    async def part() -> MutableMapping[str, Any]:
        nonlocal seen
        left = BODY_SECONDS - (time.monotonic() - began)
        if seen < 0:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0.01))
        except TimeoutError:
            return {"type": "http.disconnect"}
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY:
            return {"type": "http.disconnect"}
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            # Whole: what is waited for from now on is the end of the connection.
            seen = -1
        return message

    return part
