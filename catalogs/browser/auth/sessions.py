"""Sessions of people's browsers: signed cookies, CSRF tokens, names, and the token that opens them.

On loopback anybody at the machine may look; elsewhere a token is required. A write needs the session's own CSRF
token beside its cookie, and a page of another site can have neither.

A session is a cookie that this server signed. The server keeps no list of sessions: no number of visitors ends
another's session.
"""

import hmac
import ipaddress
import secrets
import time
from collections import deque
from dataclasses import dataclass
from threading import Lock
from urllib.parse import quote, unquote

from cachetools import LRUCache
from starlette.requests import Request
from starlette.types import Scope

from catalogs.designs.reviews.review_events import LONGEST_WHO

COOKIE = "stylemill_session"
WHO_COOKIE = "stylemill_who"
WHO_SECONDS = 365 * 24 * 3600
TRIES, TRIES_SECONDS = 5, 60.0
"""Wrong tokens from one address before it has to wait."""
ADDRESSES = 10_000
"""Addresses whose wrong tokens are remembered; the one that tried longest ago is forgotten first."""
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Session:
    """One browser's session. `who` is the name that its person acts under in the log."""

    key: str
    csrf: str
    who: str


class Sessions:
    """Sessions of one server. They end with it, because the secret that signs them is made anew at each start."""

    def __init__(self, token: str | None, who: str) -> None:
        """`token` opens a session; None where anybody may look. `who` is the name of people who gave none."""
        self.token, self._who = token, who
        self._secret = secrets.token_bytes(32)
        self._wrong: LRUCache[str, deque[float]] = LRUCache(ADDRESSES)
        # Requests of several threads meet here, and cachetools has no lock of its own.
        self._lock = Lock()

    def of(self, request: Request) -> Session | None:
        """The session of a request; None where its cookie is missing or not signed by this server."""
        key, _, signature = request.cookies.get(cookie_name(request.scope), "").rpartition(".")
        if not key or not _same(signature, self._signed("session", key)):
            return None
        return Session(key, self._signed("csrf", key), self.who(request))

    def begin(self, request: Request) -> Session:
        """A new session for the browser of a request."""
        key = secrets.token_urlsafe(24)
        return Session(key, self._signed("csrf", key), self.who(request))

    def who(self, request: Request) -> str:
        """The name that a request's person gave; the default name where the person gave none."""
        return (
            clean_name(unquote(request.cookies.get(cookie_name(request.scope, WHO_COOKIE), ""))) or self._who
        )

    def cookie_value(self, session: Session) -> str:
        """The value of the cookie by which a browser is known again."""
        return f"{session.key}.{self._signed('session', session.key)}"

    def _signed(self, purpose: str, key: str) -> str:
        return hmac.digest(self._secret, f"{purpose} {key}".encode(), "sha256").hex()

    def opens(self, token: str) -> bool:
        """Whether a token is the right one. Every wrong token takes the same time."""
        return self.token is not None and _same(token, self.token)

    def must_wait(self, address: str) -> float:
        """Seconds until an address may try a token again; 0 where it may now. Tries of other addresses do not count."""
        with self._lock:
            wrong = list(self._recent(_network(address)))
        return wrong[0] + TRIES_SECONDS - time.monotonic() if len(wrong) >= TRIES else 0.0

    def was_wrong(self, address: str) -> None:
        """Count a wrong token of an address."""
        with self._lock:
            self._recent(_network(address)).append(time.monotonic())

    def _recent(self, network: str) -> deque[float]:
        """When an address gave wrong tokens of late; the caller holds the lock."""
        wrong = self._wrong.setdefault(network, deque())
        while wrong and wrong[0] < time.monotonic() - TRIES_SECONDS:
            wrong.popleft()
        return wrong


def _same(given: str, other: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _network(address: str) -> str:
    """The address; of IPv6 its network of 64 bits, all of which one customer of a provider has.

    An address of IPv4 counts as itself however it is written: a server that listens on `::` sees all addresses as IPv6.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or _translated(parsed)
        return str(inner or ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address of IPv4 inside an address of IPv6 that a translator made (RFC 6052's well-known prefix); else None."""
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in TRANSLATED else None


def clean_name(text: str) -> str:
    """A text as a person's name in the log: printable, not too long; empty where nothing is left."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:LONGEST_WHO].strip()


def has_token(session: Session, sent: str) -> bool:
    """Whether a write has the session's CSRF token, which only a page of this server can know."""
    return _same(sent, session.csrf)


def cookie_name(scope: Scope, name: str = COOKIE) -> str:
    """The name of a cookie, with this server's port.

    Browsers keep cookies by host: without the port two servers of one machine would share theirs.
    """
    server = scope.get("server")
    return f"{name}_{server[1]}" if server else name


def cookie(scope: Scope, name: str, value: str, *, secure: bool) -> str:
    """The header that gives a browser a cookie until the browser is closed; no script can read the cookie."""
    attributes = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
    return f"{cookie_name(scope, name)}={value}; {attributes}"


def who_cookie(scope: Scope, who: str, *, secure: bool) -> str:
    """The header by which a browser remembers its person's name for a year, also when this server has ended."""
    return f"{cookie(scope, WHO_COOKIE, quote(who), secure=secure)}; Max-Age={WHO_SECONDS}"
