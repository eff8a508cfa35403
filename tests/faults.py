"""A reverse proxy that spoils requests on their way to a real S3 server, as bad networks and full services do.

Clients sign for the proxy's address, and the Host header is passed on as it came; moto checks no signature.
"""

import email.utils
import hashlib
import http.client
import random
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.s3_store import S3Store
from catalogs.storage.store_contract import S3Options
from catalogs.storage.stores import open_store

ANSWERS = {
    "500": (500, "InternalError", "We encountered an internal error. Please try again."),
    "503": (503, "SlowDown", "Please reduce your request rate."),
    "403": (403, "AccessDenied", "Access Denied"),
    "skew": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is"),
}
"""Faults that are an answer: the request never reaches the server."""
AT_ONCE = {"STYLEMILL_BATCH": "1", "STYLEMILL_COMMIT_SECONDS": "0.01"}
"""Settings of a run that files a record as soon as there is a picture."""
KINDS = ("500", "503", "slow", "cut", "lost", "torn")
"""slow: late; cut: reset before the server sees the request; lost: done, but reset before the answer;
torn: done, and reset in the middle of the answer. Besides these, silent: no answer, for ten minutes."""
HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}

Chooser = Callable[[str, str], str | None]
"""Told a request's method and path, it says which fault befalls it."""


def none(_method: str, _path: str) -> str | None:
    """No fault."""
    return None


def every(kind: str) -> Chooser:
    """The same fault for every request."""
    return lambda _method, _path: kind


def share(part: float, seed: int, kinds: tuple[str, ...] = KINDS) -> Chooser:
    """A random part of all requests, each with one of `kinds`."""
    dice = random.Random(seed)
    return lambda _method, _path: dice.choice(kinds) if dice.random() < part else None


def of(method: str, pattern: str, kind: str, *, after: int = 0, times: int | None = None) -> Chooser:
    """Requests whose path matches: the first `after` go through, then `times` (or all) are spoilt."""
    seen = 0

    def choose(asked: str, path: str) -> str | None:
        nonlocal seen
        if asked != method or not re.search(pattern, path):
            return None
        seen += 1
        return kind if seen > after and (times is None or seen <= after + times) else None

    return choose


def from_then_on(trigger: Chooser, then: Chooser) -> Chooser:
    """No fault until `trigger` names one for the first time; from that request on, `then` chooses."""
    begun = False

    def choose(method: str, path: str) -> str | None:
        nonlocal begun
        begun = begun or trigger(method, path) is not None
        return then(method, path) if begun else None

    return choose


class FaultProxy:
    """In front of one server; `choose` may be set anew at any time, `counts` says what was done."""

    def __init__(self, behind: str) -> None:
        """`behind` is the server's address, as http://127.0.0.1:5000."""
        self.behind = urllib.parse.urlsplit(behind).netloc
        self.choose: Chooser = none
        self.counts: Counter[str] = Counter()
        self.requests: list[tuple[str, str, str]] = []
        self.pause = 0.5
        self.silence = 600.0
        self.closing = threading.Event()
        self.down = False
        self._lock = threading.Lock()
        self._port = 0
        self._server = self._listen()

    @property
    def url(self) -> str:
        """Where clients reach the server through the proxy."""
        return f"http://127.0.0.1:{self._port}"

    def fault(self, method: str, path: str) -> str | None:
        """What befalls this request; counted."""
        with self._lock:
            kind = "cut" if self.down else self.choose(method, path)
            self.counts[kind or "passed"] += 1
            self.requests.append((kind or "passed", method, path))
            return kind

    @property
    def spoilt(self) -> int:
        """Requests that a fault befell so far."""
        return self.counts.total() - self.counts["passed"]

    def outage(self, seconds: float) -> None:
        """Refuse connections, and cut the ones that are open, for so long; returns at once."""
        self.down = True
        threading.Thread(target=self._go_away, args=(seconds,), daemon=True).start()

    def _go_away(self, seconds: float) -> None:
        self.close()
        time.sleep(seconds)
        self._server = self._listen()
        self.down = False

    def _listen(self) -> ThreadingHTTPServer:
        server = _Server(("127.0.0.1", self._port), type("Handler", (_Handler,), {"proxy": self}))
        self._port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def fault_proxy(behind: str) -> Iterator[FaultProxy]:
    """A proxy for as long as the context lasts."""
    proxy = FaultProxy(behind)
    try:
        yield proxy
    finally:
        proxy.closing.set()
        proxy.close()


def put_in_s3(catalog: Path, bucket: str) -> list[str]:
    """Lay a small catalog and its designs in a bucket; returns the command that makes the designs."""
    store = open_store(f"s3://{bucket}/in")
    for file in catalog.rglob("*.*"):
        store.write(file.relative_to(catalog).as_posix(), file.read_bytes())
    return [
        "run", "--garments", f"s3://{bucket}/in/garments", "--styles", f"s3://{bucket}/in/styles",
        "--designs", f"s3://{bucket}/designs", "--recipe", f"{catalog}/tiny.toml",
    ]  # fmt: skip


def records(bucket: str, endpoint: str) -> pd.DataFrame:
    """The design catalog's records, read at this endpoint; each is there once and has its picture, whole."""
    store = S3Store(f"s3://{bucket}/designs", S3Options(endpoint_url=endpoint))
    frame = DesignCatalog(store).read().to_pandas()
    for row in frame.itertuples():
        assert hashlib.sha256(store.read(str(row.image))).hexdigest() == row.image_sha256
    assert frame["design_id"].is_unique
    return frame


def require_clear_end(code: int, said: str, *words: str) -> None:
    """Exit code 1 and one message with these words; no traceback."""
    assert code == 1, said
    assert "Traceback" not in said and said.count("Error: ") == 1, said
    message = said[said.index("Error: ") :]
    for word in words:
        assert word in message, message


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """No polite FIN: a reset is a reset."""
        self.close_request(request)


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_arguments: object) -> None:
        """Silent."""

    def handle(self) -> None:
        """Clients hang up as they like."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def _serve(self) -> None:
        kind = self.proxy.fault(self.command, self.path)
        if kind == "cut":
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            return self._reset()
        body = self._body()
        if kind == "silent":
            self.proxy.closing.wait(self.proxy.silence)
            return self._reset()
        if kind in ANSWERS:
            return self._refuse(*ANSWERS[kind])
        if kind == "slow":
            time.sleep(self.proxy.pause)
        status, headers, answer = self._ask(body)
        if kind == "lost":
            return self._reset()
        return self._answer(status, headers, answer, torn=kind == "torn")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        behind = http.client.HTTPConnection(self.proxy.behind, timeout=60)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                behind.putheader(name, value)
        behind.putheader("Content-Length", str(len(body)))
        behind.endheaders(body)
        found = behind.getresponse()
        answer = found.status, found.getheaders(), found.read()
        behind.close()
        return answer

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, torn: bool) -> None:
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if torn:
            self.wfile.write(body[: len(body) // 2])
            return self._reset()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        ahead = 7200 if code == "RequestTimeTooSkewed" else 0
        date = email.utils.formatdate(time.time() + ahead, usegmt=True)
        self._answer(status, [("Content-Type", "application/xml"), ("Date", date)], body.encode(), torn=False)

    def _reset(self) -> None:
        """RST instead of FIN, as a dying peer or a firewall sends."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
