"""Logs as JSON lines, gauges for a gateway, and a report as a page."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.fixture
def arguments(catalog: Path, tmp_path: Path) -> list[str]:
    """A run of three designs."""
    return [
        "run", "--garments", f"{catalog}/garments", "--styles", f"{catalog}/styles",
        "--designs", f"{tmp_path}/designs", "--recipe", f"{catalog}/tiny.toml", "--style-set", "set-1",
    ]  # fmt: skip


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_line_is_json(arguments: list[str], stylemill: Run, workers: str) -> None:
    """Each design's line carries run, shard, garment, style and job, in whatever process it is made."""
    done = stylemill(*arguments, "--workers", workers, STYLEMILL_LOG="json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    written = [line for line in lines if line["event"] == "picture written"]
    assert {(line["garment"], line["style"]) for line in written} == {(f"g{n}", "s1") for n in range(3)}
    for line in written:
        assert line["run"] in done.stdout
        assert line["shard"].startswith("shard 1 of" if workers == "1" else "shard ")
        assert (len(line["job"]), line["level"], line["logger"]) == (64, "info", "flows.designing")
    assert any("3 designs to make" in line["event"] for line in lines), "the plan is in the log"


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server that takes what a Pushgateway takes: its address, and what it was sent."""
    heard: list[tuple[str, str]] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            """Take it."""
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", heard
    server.shutdown()
    thread.join()


def test_gauges(gateway: tuple[str, list[tuple[str, str]]]) -> None:
    """How far a run is arrives at the gateway, under the run's id."""
    from flows.monitoring import Gauges
    from flows.progress import Standing

    address, heard = gateway
    Gauges(address, "run-1").push(Standing(30.0, 120, 12.0, 450.0))
    ((path, text),) = heard
    assert path == "/metrics/job/stylemill/run/run-1"
    values = dict(line.split() for line in text.splitlines() if not line.startswith("#"))
    assert float(values["stylemill_designs_done"]) == 30
    assert float(values["stylemill_designs_planned"]) == 120
    assert float(values["stylemill_seconds_left"]) == 450


@pytest.mark.parametrize("address", ["127.0.0.1:9", "gateway:abc", "a b:9"])
def test_a_gateway_that_is_away(address: str, caplog: pytest.LogCaptureFixture) -> None:
    """A gateway that does not answer, or whose address is none, is said once, and the run goes on."""
    from flows.monitoring import Gauges
    from flows.progress import Standing

    gauges = Gauges(address, "run-1")
    for _ in range(3):
        gauges.push(Standing(1.0, 2, None, None))
    assert len(caplog.records) == 1
    assert "STYLEMILL_PUSHGATEWAY" in caplog.text


def test_the_page(arguments: list[str], catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """The page tells the counts, the workers and why records were rejected; what a catalog holds stays text."""
    rows = catalog / "styles" / "catalog.csv"
    rows.write_text(rows.read_text() + "bad,set-1,<script>alert(1)</script>.png,Bad,CC0\n")
    done = stylemill(*arguments)
    assert done.returncode == 3, done.stderr
    (page,) = (tmp_path / "designs" / "runs").rglob("report.html")
    text = page.read_text()
    assert "3 new designs" in text
    assert "no such file beside the catalog" in text
    assert "device busy" in text
    assert "contact_sheet.png" in text
    assert "<script" not in text
