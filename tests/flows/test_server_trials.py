"""What goes on when a server, a worker or a run is killed in mid-run: every design in the end, none twice.

Each trial has a real Prefect server (on PostgreSQL where it is installed), a worker and a style set. Half of the
set's designs are claimed by this process, so that its run makes the others and waits: it is in mid-run for as
long as we like. Where a person has to do something, the trial does it.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from catalogs.designs import maintenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.inputs.style_sets import seal
from catalogs.storage.claims import Claims
from catalogs.storage.stores import open_store
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.planning.selection import Selection
from flows.settings import Settings
from tests.conftest import ROOT, TINY_RECIPE, picture, write_catalog
from tests.flows.prefect_server import Server, bare_server, prefect_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STYLE_SET, POLL = "stylize-catalog/style-set", "receive-style-sets/poll"
STYLES, GARMENTS = 4, 3
EVERY = STYLES * GARMENTS
HALF = EVERY // 2
PATIENCE = 300.0
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
LEASES_ON_DISK = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem"
}
RENEWAL = 225.0
"""Seconds after which Prefect renews the lease of a run's place."""
AUTOMATIONS = ROOT / "deployments" / "automations.yaml"


class Grounds:
    """A server, its worker, and catalogs for one style set."""

    def __init__(self, server: Server, folder: Path) -> None:
        """Nothing has landed yet."""
        self.server, self._folder = server, folder
        self.catalog = DesignCatalog(open_store(str(folder / "designs")))
        self._ours = ExitStack()

    def land(self) -> None:
        """A sealed set lands, and is told of."""
        folder = self._folder / "in" / "styles" / "winter"
        folder.mkdir()
        for number in range(STYLES):
            Image.fromarray(picture(300 + number, 80, 80)).save(folder / f"p{number}.png")
        rows = [f"winter-{number},p{number}.png" for number in range(STYLES)]
        (folder / "catalog.csv").write_text("\n".join(["style_id,image", *rows]) + "\n")
        seal(open_store(str(folder)))
        self._claim_half()
        self.server.stylemill("landed", "winter")

    def _claim_half(self) -> None:
        """We seem to be at work on the designs of every second style."""
        names = ("garments", "styles", "designs", "recipe")
        given = {name: self.server.environment[f"STYLEMILL_{name.upper()}"] for name in names}
        plan = make_plan(resolve_run_config(Settings(), **given), Selection(style_sets=("winter",)))
        half = {job.key for job in plan.jobs if job.style.style_id in ("winter-1", "winter-3")}
        claims = Claims(self.catalog.store, "somebody-else")
        self._ours.enter_context(claims.held())
        assert self._ours.enter_context(claims.taken(half)) == half

    def release(self) -> None:
        """We give up our half."""
        self._ours.close()

    def designs(self) -> int:
        """Designs that are filed; none is there twice."""
        rows = self.catalog.read(["garment_id", "style_id"]).to_pylist()
        assert len({(row["garment_id"], row["style_id"]) for row in rows}) == len(rows)
        return len(rows)

    def runs(self) -> list[dict]:
        """Runs for the set, the oldest first."""
        runs = [run for run in self.server.runs(STYLE_SET) if run["parameters"].get("style_sets")]
        return sorted(runs, key=lambda run: run["created"])

    def states(self) -> list[str]:
        """States of the set's runs."""
        return [run["state_type"] for run in self.runs()]

    def in_mid_run(self) -> int:
        """The number of the run's process, when its half is made."""
        until(lambda: self.designs() == HALF, self.server)
        (pid,) = (p for p, run in self.server.processes().items() if run == self.runs()[0]["id"])
        return pid

    def watch_for_signs_of_life(self) -> None:
        """The automation that finds lost runs; three missed signs of life are enough, as in the product."""
        text = AUTOMATIONS.read_text()
        assert "within: 600" in text
        own = self._folder / "automations.yaml"
        own.write_text(text.replace("within: 600", "within: 90"))
        self.server.prefect("automation", "create", "--from-file", str(own))

    def poll(self) -> None:
        """Have the poll look now, and wait until it has."""
        done = self._polled()
        self.server.prefect("deployment", "run", POLL)
        until(lambda: self._polled() > done, self.server)

    def _polled(self) -> int:
        return sum(run["state_type"] == "COMPLETED" for run in self.server.runs(POLL))

    def ended(self, count: int = 1) -> list[str]:
        """How the set's runs ended, as soon as so many have."""
        until(lambda: sum(state in ENDED for state in self.states()) >= count, self.server)
        return self.states()

    def require_whole(self) -> None:
        """Every design once, each with its whole picture."""
        assert self.designs() == EVERY
        assert not maintenance.examine(self.catalog).faults


def until(happened: Callable[[], bool], server: Server) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, (server.runs(STYLE_SET), server.log.read_text()[-3000:])
        time.sleep(0.5)


def kill(pid: int) -> None:
    """At once, as the kernel does when memory is short."""
    os.kill(pid, signal.SIGKILL)


def environment(folder: Path) -> dict[str, str]:
    """Catalogs and a tiny recipe."""
    write_catalog(folder / "in", garments=GARMENTS)
    (folder / "tiny.toml").write_text(TINY_RECIPE)
    return {
        "STYLEMILL_GARMENTS": str(folder / "in" / "garments"),
        "STYLEMILL_STYLES": str(folder / "in" / "styles"),
        "STYLEMILL_DESIGNS": str(folder / "designs"),
        "STYLEMILL_RECIPE": str(folder / "tiny.toml"),
        "OMP_NUM_THREADS": "1",
        # A server without its database says 500, which Prefect takes for final if not told otherwise.
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
        # A sign of life, by which a lost run is known; half a minute is the least that Prefect takes.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


@pytest.fixture
def grounds(tmp_path: Path) -> Iterator[Grounds]:
    """Server, deployments and worker run."""
    with prefect_server(tmp_path, environment(tmp_path)) as server:
        own = Grounds(server, tmp_path)
        yield own
        own.release()


def test_the_server_is_killed(grounds: Grounds) -> None:
    """The run makes its designs without a server and is complete when it is back; nothing else is to be done."""
    grounds.land()
    pid = grounds.in_mid_run()
    assert grounds.server.process
    grounds.server.process.kill()
    grounds.server.process.wait()
    grounds.release()
    time.sleep(15)
    assert pid in grounds.server.processes()
    grounds.server.start()
    assert grounds.ended() == ["COMPLETED"]
    grounds.require_whole()
    grounds.poll()
    assert len(grounds.runs()) == 1


def test_postgresql_is_away(grounds: Grounds) -> None:
    """Half a minute without its database costs the run nothing."""
    if not (postgres := grounds.server.postgres):
        pytest.skip("PostgreSQL is not installed")
    grounds.land()
    pid = grounds.in_mid_run()
    postgres.stop()
    grounds.release()
    time.sleep(30)
    assert pid in grounds.server.processes()
    postgres.start()
    assert grounds.ended() == ["COMPLETED"]
    grounds.require_whole()
    grounds.poll()
    assert len(grounds.runs()) == 1


def test_a_long_run_outlives_its_server(tmp_path: Path) -> None:
    """A run that goes on for minutes after the server was killed keeps its place among those that may run.

    Prefect keeps leases of such places in the server's memory if not told otherwise; a run that cannot renew
    its own, after 225 s, is ended as crashed.
    """
    with prefect_server(tmp_path, environment(tmp_path) | LEASES_ON_DISK) as server:
        grounds = Grounds(server, tmp_path)
        grounds.land()
        grounds.in_mid_run()
        began = time.monotonic()
        assert server.process
        server.process.kill()
        server.process.wait()
        server.start()
        while time.monotonic() - began < RENEWAL + 30:
            assert grounds.states() == ["RUNNING"]
            time.sleep(5)
        grounds.release()
        assert grounds.ended() == ["COMPLETED"]
        grounds.require_whole()


def test_the_worker_is_killed(grounds: Grounds) -> None:
    """Its run crashes at its next line of log, which nobody reads; the poll starts another for the rest."""
    grounds.land()
    pid = grounds.in_mid_run()
    assert grounds.server.worker
    kill(grounds.server.worker.pid)
    grounds.server.worker.wait()
    time.sleep(3)
    assert pid in grounds.server.processes()
    grounds.server.start_worker()
    grounds.poll()
    grounds.release()
    # That line may come before this poll, which then starts the other run, or after it.
    if len(grounds.runs()) == 1:
        assert grounds.ended() == ["CRASHED"]
        grounds.poll()
    assert grounds.ended(2) == ["CRASHED", "COMPLETED"]
    assert pid not in grounds.server.processes()
    grounds.require_whole()


def test_a_run_is_killed(grounds: Grounds) -> None:
    """Its worker reports it as crashed; the next poll starts another, which makes the rest and no more."""
    grounds.land()
    kill(grounds.in_mid_run())
    assert grounds.ended() == ["CRASHED"]
    assert grounds.designs() == HALF
    grounds.release()
    grounds.poll()
    assert grounds.ended(2) == ["CRASHED", "COMPLETED"]
    grounds.require_whole()
    grounds.poll()
    assert len(grounds.runs()) == 2


@pytest.mark.xfail(
    not AUTOMATIONS.exists(), reason="nothing reports a run whose machine is lost", strict=True
)
def test_the_machine_is_lost(grounds: Grounds) -> None:
    """Worker and run die together: without signs of life the run counts as crashed, and the poll starts another."""
    grounds.watch_for_signs_of_life()
    grounds.land()
    pid = grounds.in_mid_run()
    assert grounds.server.worker
    kill(grounds.server.worker.pid)
    kill(pid)
    grounds.server.worker.wait()
    grounds.release()
    grounds.server.start_worker()
    grounds.poll()
    assert grounds.designs() == HALF
    assert grounds.ended() == ["CRASHED"]
    grounds.poll()
    assert grounds.ended(2) == ["CRASHED", "COMPLETED"]
    grounds.require_whole()


def test_the_worker_starts_first(tmp_path: Path) -> None:
    """A worker that knows its type waits for its server; one that does not ends, and says what to do."""
    with bare_server(tmp_path, environment(tmp_path)) as server:
        server.start_worker()
        assert server.worker
        assert server.worker.wait(60) == 1
        assert "Unable to reach the Prefect API" in server.log.read_text()
        server.start_worker("--type", "process")
        time.sleep(20)
        assert server.worker.poll() is None
        server.start()
        # It makes the pool itself.
        until(lambda: bool(server.ask("work_pools/filter")), server)
        server.deploy()
        grounds = Grounds(server, tmp_path)
        grounds.land()
        grounds.release()
        assert grounds.ended() == ["COMPLETED"]
        grounds.require_whole()
