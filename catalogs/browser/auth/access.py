"""Who may ask and who may write: tokens, sessions, and what every answer carries.

On loopback anybody at the machine may look; elsewhere a token is required. A write needs the session's own CSRF
token beside its cookie, and a page of another site can have neither.

A session is a cookie that this server signed, and nothing is kept of it here: no number of visitors ends another's.
"""

import asyncio
import hmac
import ipaddress
import re
import secrets
import time
from collections import deque
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from cachetools import LRUCache
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "stylemill_session"
WHO_COOKIE = "stylemill_who"
CSRF_HEADER = "x-csrf-token"
HOST = re.compile(r"(?P<name>\[[0-9a-f]*:[0-9a-f:.]*\]|[^\s:@/?#\[\]\\]+)(?::(?P<port>[0-9]{1,5}))?")
HIGHEST_PORT = 65535
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_WHO = 60
WHO_SECONDS = 365 * 24 * 3600
TRIES, TRIES_SECONDS = 5, 60.0
"""Wrong tokens from one address before it has to wait."""
ADDRESSES = 10_000
"""Addresses whose wrong tokens are remembered; the one that tried longest ago goes."""
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
LONGEST_ADDRESS = 8 * 1024
LARGEST_BODY = 8 * 2**20
"""Bytes: 100,000 chosen designs are 7 MB of ids."""
BODY_SECONDS = 30.0
OPEN = ("/token", "/static/")
"""What is shown to who has no session."""
OTHER_NAME = (
    "This server answers to its own machine only. To have it answer to other names, behind a proxy too, start it with"
    " --host 0.0.0.0, which asks for a token; add --secure where the proxy has TLS."
)
NO_PAGES = ("/static/", "/api/", "/thumbnails/", "/pictures/", "/templates/", "/styles/")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; font-src"
    " 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PORTS = {"http": 80, "https": 443}
PASS_HOST = (
    "Where a proxy is before this server, have it pass the Host header on (nginx: proxy_set_header Host $host; or"
    " $http_host where the proxy has a port of its own)."
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


@dataclass(frozen=True)
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
        self._secret = secrets.token_bytes(32)
        self._wrong: LRUCache[str, deque[float]] = LRUCache(ADDRESSES)

    def of(self, request: Request) -> Session | None:
        """The session of a request."""
        key, _, signature = request.cookies.get(cookie_name(request.scope), "").rpartition(".")
        if not key or not _same(signature, self._signed("session", key)):
            return None
        return Session(key, self._signed("csrf", key), self.who(request))

    def begin(self, request: Request) -> Session:
        """A new one."""
        key = secrets.token_urlsafe(24)
        return Session(key, self._signed("csrf", key), self.who(request))

    def who(self, request: Request) -> str:
        """What a request's person called themselves, else the name until told."""
        return (
            clean_name(unquote(request.cookies.get(cookie_name(request.scope, WHO_COOKIE), ""))) or self._who
        )

    def cookie_value(self, session: Session) -> str:
        """What a browser shows to be known again."""
        return f"{session.key}.{self._signed('session', session.key)}"

    def _signed(self, purpose: str, key: str) -> str:
        return hmac.digest(self._secret, f"{purpose} {key}".encode(), "sha256").hex()

    def opens(self, token: str) -> bool:
        """Whether a token is the right one; takes as long for every wrong one."""
        return self.token is not None and _same(token, self.token)

    def must_wait(self, address: str) -> float:
        """Seconds until an address may try a token again. What others tried does not count."""
        wrong = self._recent(_network(address))
        return wrong[0] + TRIES_SECONDS - time.monotonic() if len(wrong) >= TRIES else 0.0

    def was_wrong(self, address: str) -> None:
        """Count a wrong token."""
        self._recent(_network(address)).append(time.monotonic())

    def _recent(self, network: str) -> deque[float]:
        """When an address gave wrong tokens of late."""
        wrong = self._wrong.setdefault(network, deque())
        while wrong and wrong[0] < time.monotonic() - TRIES_SECONDS:
            wrong.popleft()
        return wrong


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _network(address: str) -> str:
    """The address, or of IPv6 the network, which one customer of a provider has whole.

    An address of IPv4 counts as itself however it is written: a server that listens on `::` is told of all as IPv6.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or _translated(found)
        return str(inner or ipaddress.ip_network((int(found), 64), strict=False))
    return str(found)


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Whose address of IPv4 a translator between both wrote into one of IPv6 (RFC 6052's well-known prefix)."""
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in TRANSLATED else None


def clean_name(text: str) -> str:
    """A text as a person's name in the log: printable, not too long; empty where nothing is left."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:LONGEST_WHO].strip()


def own_origin(request: Request, *, secure: bool) -> str:
    """How a browser names the place that our own pages come from."""
    scheme = "https" if secure else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}"


def refuse_foreign_origin(origin: str, own: str) -> str:
    """Why a write that a page of `origin` sent is not of our own place, and what to do; empty where it is."""
    sent, ours = _parts(origin), _parts(own)
    if sent == ours and sent[1]:
        return ""
    remedies = []
    if sent[1:] != ours[1:]:
        remedies.append(PASS_HOST)
    if sent[0] == "https" and ours[0] == "http":
        remedies.append("Where a proxy with TLS is before this server, start it with --secure.")
    elif sent[0] == "http" and ours[0] == "https":
        remedies.append("This server's pages come by https: open them so, or leave --secure out.")
    said = f"This was sent by a page of {origin[:80]}, not of {own[:80]}: nothing was done."
    return " ".join([said, *remedies])


def _parts(origin: str) -> tuple[str, str, int | None]:
    """Scheme, host, and port but for the scheme's own: two ways to write an origin are one. No host where it is none."""
    try:
        found = urlsplit(origin)
        host, port = found.hostname or "", found.port
    except ValueError:
        return "", "", None
    if "@" in found.netloc or origin.count("/") != 2:
        return "", "", None
    return found.scheme, host, None if port == PORTS.get(found.scheme) else port


def has_token(session: Session, sent: str) -> bool:
    """Whether a write has the session's token, which only a page of ours can know."""
    return _same(sent, session.csrf)


class SessionMiddleware:
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
            session = self._sessions.begin(request)
            # What is no page has no use for a session, and would overwrite that of a page on its way.
            if _is_page(request):
                send = _with_cookie(
                    send, cookie(scope, COOKIE, self._sessions.cookie_value(session), secure=self._secure)
                )
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


def _is_page(request: Request) -> bool:
    """Whether a person goes to a page, rather than a page asks for its parts."""
    asked = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and asked and not request.url.path.startswith(NO_PAGES)


def cookie_name(scope: Scope, name: str = COOKIE) -> str:
    """Of a cookie here: browsers keep cookies by host, and two servers of one machine must not share theirs."""
    server = scope.get("server")
    return f"{name}_{server[1]}" if server else name


def cookie(scope: Scope, name: str, value: str, *, secure: bool) -> str:
    """The header that gives a browser a cookie until it is closed; no script can read it."""
    attributes = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
    return f"{cookie_name(scope, name)}={value}; {attributes}"


def who_cookie(scope: Scope, who: str, *, secure: bool) -> str:
    """The header by which a browser remembers its person's name, for a year and over this server's end."""
    return f"{cookie(scope, WHO_COOKIE, quote(who), secure=secure)}; Max-Age={WHO_SECONDS}"


def _with_cookie(send: Send, header: str) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", header)
        await send(message)

    return answer


class RequestGuard:
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
    """Whether a request comes from a page of ours, from no page at all, or by a link that a person followed.

    Browsers say so; what other sites' pages would load in passing costs work and tells them what is here.
    """
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return followed and method in ("GET", "HEAD")


def _host(header: str) -> str:
    """The name in a Host header; empty where it is none.

    An address would be read too kindly: to one, `evil@127.0.0.1` and `127.0.0.1/x` are of 127.0.0.1.
    """
    hit = HOST.fullmatch(header.lower())
    return hit["name"].strip("[]") if hit and int(hit["port"] or 0) <= HIGHEST_PORT else ""


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
