"""Who connects and asks for nothing does not keep a place that others need."""

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI, Request

from catalogs.browser import slow_clients
from catalogs.browser.slow_clients import TimedH11Protocol


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server of 20 places, which waits half a second for a head."""
    monkeypatch.setattr(slow_clients, "HEAD_SECONDS", 0.5)
    app = FastAPI()

    @app.post("/body")
    async def take(request: Request) -> int:
        return len(await request.body())

    @app.get("/")
    def answer(seconds: float = 0.0) -> str:
        time.sleep(seconds)
        return "answered"

    server = uvicorn.Server(
        uvicorn.Config(app, http=TimedH11Protocol, limit_concurrency=20, log_level="critical")
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        yield sock.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def asked(port: int, path: str = "/") -> bytes:
    """What the server answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        data: bytes = answer.read()
    return data


def ended(one: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_places_come_back(port: int, first: bytes) -> None:
    """Silent and half-asked connections, as many as there are places, are closed and the next is answered."""
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for one in slow:
        one.sendall(first)
    time.sleep(1.2)
    assert asked(port) == b'"answered"'
    assert all(ended(one) for one in slow)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nx",
    ],
    ids=["silent", "half a head", "half a body"],
)
def test_nobody_waits_for_who_keeps_silent(port: int, first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connect and do not ask, one that asks is answered at once, and not when their time is up."""
    monkeypatch.setattr(slow_clients, "HEAD_SECONDS", 60.0)
    slow = []
    for _ in range(50):
        slow.append(socket.create_connection(("127.0.0.1", port)))
        slow[-1].sendall(first)
        # One after the other, so that each is heard before the next comes.
        time.sleep(0.01)
    for _ in range(3):
        assert asked(port) == b'"answered"'
    for one in slow:
        one.close()


def test_drops_do_not_help(port: int) -> None:
    """A head that comes letter by letter has no more time than another."""
    with socket.create_connection(("127.0.0.1", port)) as one, pytest.raises(OSError):
        for _ in range(30):
            one.sendall(b"G")
            time.sleep(0.1)


def test_long_answers_are_waited_for(port: int) -> None:
    """A request that takes longer than its head might is answered."""
    assert asked(port, "/?seconds=1.2") == b'"answered"'


def test_one_connection_for_several(port: int) -> None:
    """A connection that asks again in time is answered again, and closed when it asks no more."""
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as one:
        for _ in range(2):
            one.sendall(request)
            answer = b""
            while b"answered" not in answer:
                # Head and body may come apart.
                part = one.recv(4096)
                assert part
                answer += part
            time.sleep(0.2)
        one.settimeout(5)
        assert one.recv(1) == b""
