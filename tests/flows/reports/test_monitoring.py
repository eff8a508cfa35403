"""A gateway has the right figures while a run is on, and after it, however it ended."""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.reports import monitoring
from flows.reports.monitoring import GAUGES, Gauges
from flows.reports.progress import Pace
from tests.conftest import Run, StartRun, write_catalog
from tests.flows.test_killed_runs import SLOW, wait_for_pictures

Values = dict[str, float]


class Gateway:
    """What a Pushgateway is to us: it keeps the last figures that were put under a run."""

    def __init__(self) -> None:
        """On loopback, at a free port."""
        self.puts: list[tuple[str, Values]] = []
        puts, self.broken = self.puts, False
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                """Take it."""
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if not gateway.broken:
                    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
                    puts.append((self.path, {name: float(value) for name, value in lines}))
                self.send_response(503 if gateway.broken else 200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"

    @property
    def last(self) -> Values:
        """The last figures, without the prefix of their names."""
        return {name.removeprefix("stylemill_"): value for name, value in self.puts[-1][1].items()}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A gateway that listens."""
    found = Gateway()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def arguments(catalog: Path, tmp_path: Path) -> list[str]:
    """A run of three designs."""
    return [
        "run", "--garments", f"{catalog}/garments", "--styles", f"{catalog}/styles",
        "--designs", f"{tmp_path}/designs", "--recipe", f"{catalog}/tiny.toml", "--style-set", "set-1",
    ]  # fmt: skip


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_figures(gateway: Gateway) -> None:
    """Whole designs, rate and time left go under the run's id; the end has success, its time, and nothing left."""
    clock = Clock()
    pace, before = Pace(120, clock), time.time()
    with Gauges(gateway.address, "run-1", pace) as gauges:
        # The first push is another thread's, and may come late.
        _until(lambda: bool(gateway.puts))
        pace.advance(0.0)
        clock.now = 150.0
        pace.advance(29.947)
        gauges.count_rejected(4)
        gauges._push()
        (path, _), on = gateway.puts[-1], gateway.last
        assert path == "/metrics/job/stylemill/run/run-1"
        assert (on["designs_planned"], on["designs_done"], on["rejected"]) == (120, 29, 4)
        assert on["seconds_left"] == pytest.approx((120 - 29.947) * 150 / 29.947)
        assert (on["run_success"], on["run_finished_timestamp_seconds"]) == (0, 0)
        pace.advance(90.053)
    end = gateway.last
    assert (end["designs_done"], end["seconds_left"], end["run_success"]) == (120, 0, 1)
    assert before - 1 <= end["run_finished_timestamp_seconds"] <= time.time() + 1
    assert set(end) == set(GAUGES)


def test_now_and_then(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures come at once and again, though nothing goes forward; after the end there are none any more."""
    monkeypatch.setattr(monitoring, "EVERY", 0.05)
    with Gauges(gateway.address, "run-1", Pace(1)):
        _until(lambda: len(gateway.puts) >= 3)
    count = len(gateway.puts)
    time.sleep(0.2)
    assert len(gateway.puts) == count


def test_a_run_that_fails(gateway: Gateway) -> None:
    """What ends by an error has no success, and has its time."""
    with pytest.raises(RuntimeError), Gauges(gateway.address, "run-1", Pace(2)):
        raise RuntimeError
    assert gateway.last["run_success"] == 0 and gateway.last["run_finished_timestamp_seconds"] > 0


@pytest.mark.parametrize("address", ["127.0.0.1:9", "gateway:abc", "a b:9"])
def test_a_gateway_that_is_away(
    address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that does not answer, or whose address is none, is said once, and the run goes on."""
    monkeypatch.setattr(monitoring, "EVERY", 0.01)
    with Gauges(address, "run-1", Pace(2)):
        time.sleep(0.1)
    assert len(caplog.records) == 1
    assert "STYLEMILL_PUSHGATEWAY" in caplog.text


def test_a_gateway_that_drips(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A gateway that answers a letter at a time holds no run that is done."""
    monkeypatch.setattr(monitoring, "PATIENCE", 0.3)
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                client, _ = listening.accept()
                threading.Thread(target=letters, args=(client,), daemon=True).start()

    def letters(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.05):
                client.sendall(b"a")

    threading.Thread(target=drip, daemon=True).start()
    began = time.monotonic()
    with Gauges(f"127.0.0.1:{listening.getsockname()[1]}", "run-1", Pace(1)):
        pass
    assert time.monotonic() - began < 4
    assert "no whole answer" in caplog.text
    over.set()
    listening.close()


def test_a_gateway_that_comes_back(gateway: Gateway) -> None:
    """A gateway that was away for a while has the last figures all the same."""
    gateway.broken = True
    with Gauges(gateway.address, "run-1", Pace(2)) as gauges:
        gauges._push()
        gateway.broken = False
    assert gateway.last["run_success"] == 1


def test_a_whole_run(arguments: list[str], gateway: Gateway, stylemill: Run) -> None:
    """A run of seconds leaves what it did; one that has nothing to do is a success of none."""
    assert stylemill(*arguments, STYLEMILL_PUSHGATEWAY=gateway.address).returncode == 0
    end = gateway.last
    assert (end["designs_planned"], end["designs_done"], end["run_success"]) == (3, 3, 1)
    assert gateway.puts[0][1]["stylemill_designs_done"] == 0
    assert len({path for path, _ in gateway.puts}) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped(
    tmp_path: Path,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    start_run: StartRun,
) -> None:
    """SIGTERM and Ctrl-C leave no success, whole designs as they are filed, and the time of the end."""
    folder, designs = write_catalog(tmp_path / "in", garments=4, styles=4), tmp_path / "designs"
    (folder / "slow.toml").write_text(SLOW)
    monkeypatch.setenv("STYLEMILL_PUSHGATEWAY", gateway.address)
    places = ("--garments", f"{folder}/garments", "--styles", f"{folder}/styles", "--designs", str(designs))
    run = start_run(["run", *places, "--recipe", f"{folder}/slow.toml"], tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    run.process.send_signal(number)
    assert run.wait() == 130, run.log.read_text()
    end = gateway.last
    assert (end["designs_planned"], end["run_success"], end["seconds_left"]) == (16, 0, 0)
    assert end["run_finished_timestamp_seconds"] > 0
    assert end["designs_done"] == int(end["designs_done"]) < 16


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
