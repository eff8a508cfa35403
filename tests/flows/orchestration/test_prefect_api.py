"""A Prefect server that answers something else than was asked for is named with its answer."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.errors import SettingsError
from flows.orchestration import prefect_api

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server on loopback that answers with these, one after the other, the last for ever; its address."""
    servers = []

    def start(*answers: tuple[int, str, str]) -> str:
        waiting = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                return None

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/api"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refused(api: str) -> str:
    """What is said of the server at an address."""
    with (
        temporary_settings({PREFECT_API_URL: api}),
        pytest.raises(SettingsError) as caught,
        prefect_api.prefect_api(),
    ):
        raise AssertionError("the server was taken")
    return str(caught.value)


JSON, HTML = "application/json", "text/html"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, JSON, "{}"), "answers 401 Unauthorized: check PREFECT_API_KEY or PREFECT_API_AUTH_STRING"),
        ((403, JSON, "{}"), "answers 403 Forbidden: this key may not do that; check PREFECT_API_KEY"),
        ((404, HTML, "no"), "answers 404 Not Found: it knows no such address; PREFECT_API_URL ends in /api"),
        ((407, HTML, "no"), "answers 407 Proxy Authentication Required: a proxy wants a password"),
        ((410, HTML, "gone"), "answers 410 Gone: that is not Prefect; a proxy before it, or another program"),
        ((422, JSON, "{}"), "answers 422 Unprocessable Entity: see the server's log"),
        ((200, HTML, "<html>"), "answers, but not as Prefect does"),
        ((200, JSON, '"main"'), "answers, but not as Prefect does"),
        ((200, JSON, "null"), "answers, but not as Prefect does"),
        ((200, JSON, '"99.0.0"'), "is of another major version of Prefect than this machine's (client: "),
    ],
)
def test_final_answers(answer: tuple[int, str, str], words: str, serve: Serve) -> None:
    """An answer that no second try changes is told at once, with the address and what it means."""
    api, began = serve(answer), time.monotonic()
    told = refused(api)
    assert f"The Prefect server at {api} {words}" in told
    assert time.monotonic() - began < prefect_api.PATIENCE


@pytest.mark.parametrize("status", [502, 503, 429])
def test_answers_that_may_pass(status: int, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is about to start is waited for, and named where it does not; its retries take no minutes."""
    api = serve((status, HTML, "no"), (200, JSON, '"3.8.8"'))
    with temporary_settings({PREFECT_API_URL: api}), prefect_api.prefect_api():
        taken = True
    assert taken
    monkeypatch.setattr(prefect_api, "PATIENCE", 0.0)
    assert f"answers {status}" in refused(serve((status, HTML, "no")))


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ("http://127.0.0.1:9/api", "http://127.0.0.1:9/api does not answer"),
        ("http://me:secret@127.0.0.1:9/api", "http://127.0.0.1:9/api does not answer"),
        ("http://nosuch.invalid/api", "does not answer"),
        ("127.0.0.1:4200/api", "the address begins with http:// or https://"),
        (" http://127.0.0.1:4200/api", "the address begins with http:// or https:// and has no blanks"),
    ],
)
def test_addresses(api: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody answers, or that is none, is named without its password."""
    monkeypatch.setattr(prefect_api, "PATIENCE", 0.0)
    told = refused(api)
    assert words in told
    assert "secret" not in told


def _mine() -> None:
    raise RuntimeError("mine")


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (_mine, RuntimeError),
        (lambda: json.loads("<html>"), json.JSONDecodeError),
        (lambda: httpx.get("http://127.0.0.1:9", trust_env=False), httpx.ConnectError),
        (lambda: httpx.get("http://a:b", trust_env=False), httpx.InvalidURL),
        (lambda: httpx.Response(200, text="<html>").json(), json.JSONDecodeError),
    ],
    ids=["own", "json", "no answer", "no address", "answer"],
)
def test_other_errors_pass(work: Callable[[], object], kind: type[Exception]) -> None:
    """What has nothing to do with the server stays what it was, though it be of the same kind."""
    with pytest.raises(kind), prefect_api.name_server_errors():
        work()


def test_a_server_that_becomes_another_program(serve: Serve) -> None:
    """What Prefect's client meets in the middle of a run is still told of the server."""
    api = serve((200, JSON, '"3.8.8"'), (200, HTML, "<html>"))
    with (
        temporary_settings({PREFECT_API_URL: api}),
        pytest.raises(SettingsError, match="answers, but not as Prefect does"),
        prefect_api.prefect_api(),
        get_client(sync_client=True) as client,
    ):
        client.api_version()


def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the question and says nothing is named before Prefect's own minute is over."""
    monkeypatch.setattr(prefect_api, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(prefect_api, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        told = refused(f"http://127.0.0.1:{silent.getsockname()[1]}/api")
    assert "does not answer" in told
    assert time.monotonic() - began < 10
