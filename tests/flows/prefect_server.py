"""A real Prefect server for tests, on PostgreSQL where there is one, with a process worker."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.conftest import ROOT, free_port, stop, wait_for

PREFECT = str(Path(sys.executable).with_name("prefect"))
DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps PostgreSQL's programs, outside the path."""


def postgresql() -> Path | None:
    """The folder of PostgreSQL's programs, if it is installed."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return next(iter(sorted(DEBIAN.glob("*/bin"), reverse=True)), None)


class Postgres:
    """A PostgreSQL server of our own, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        """Makes a cluster in a folder; it refuses to run as root, so root lends it to the user postgres."""
        self._programs, self._data, self._port = postgresql(), folder / "data", free_port()
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        self._do(
            "initdb", "--auth", "trust", "--username", "prefect", "--no-sync", "--pgdata", str(self._data)
        )
        self.start()
        self._do(
            "createdb", "--host", "127.0.0.1", "--port", str(self._port), "--username", "prefect", "prefect"
        )
        self.url = f"postgresql+asyncpg://prefect@127.0.0.1:{self._port}/prefect"

    def start(self) -> None:
        """Start it on loopback, and wait until it answers."""
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self._port} -c unix_socket_directories= -c fsync=off"
        )
        log = str(self._data / "server.log")
        self._do("pg_ctl", "start", "--wait", "--pgdata", str(self._data), "--log", log, "--options", options)

    def stop(self) -> None:
        """Stop it at once, as a machine that goes down does."""
        self._do("pg_ctl", "stop", "--mode", "immediate", "--pgdata", str(self._data))

    def _do(self, program: str, *arguments: str) -> None:
        assert self._programs
        # No pipe: the server that pg_ctl leaves behind would hold it open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                user=self._user, cwd="/", stdout=said, stderr=said, check=False, timeout=60,
            )  # fmt: skip
            said.seek(0)
            assert done.returncode == 0, said.read().decode()


@contextmanager
def database() -> Iterator[Postgres | None]:
    """PostgreSQL until the block ends, or None where it is not installed."""
    if not postgresql():
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="stylemill-postgres-"))
    own = Postgres(folder)
    try:
        yield own
    finally:
        with suppress(AssertionError):
            own.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A Prefect server with our deployments and a worker; `environment` is what its runs get."""

    def __init__(self, url: str, environment: dict[str, str], log: Path, postgres: Postgres | None) -> None:
        """Of a server that runs at `url` and writes to `log`."""
        self.url, self.environment, self.log, self.postgres = url, environment, log, postgres

    def prefect(self, *arguments: str) -> str:
        """What Prefect's command says; it must end well."""
        return self._done([PREFECT, *arguments])

    def stylemill(self, *arguments: str) -> str:
        """What our command says; it must end well."""
        return self._done([sys.executable, "-m", "flows.cli", *arguments])

    def _done(self, command: list[str]) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, **body: object) -> list[dict]:
        """Answer of the API to a filter."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def runs(self, deployment: str) -> list[dict]:
        """Runs of a deployment, as `flow/name`."""
        flow, name = deployment.split("/")
        return self.ask(
            "flow_runs/filter", flows={"name": {"any_": [flow]}}, deployments={"name": {"any_": [name]}}
        )

    def wait(self, deployment: str, enough: Callable[[list[dict]], bool], seconds: float = 120) -> list[dict]:
        """Runs of a deployment, as soon as they are what is wanted; none may fail."""
        until = time.monotonic() + seconds
        while True:
            runs = self.runs(deployment)
            failed = [r["state"]["message"] for r in runs if r["state_type"] in ("FAILED", "CRASHED")]
            assert not failed, (failed, self.log.read_text()[-3000:])
            if enough(runs):
                return runs
            states = [(r["name"], r["state_type"]) for r in runs]
            assert time.monotonic() < until, (deployment, states, self.log.read_text()[-3000:])
            time.sleep(0.5)

    def completed(self, deployment: str, count: int, seconds: float = 120) -> list[dict]:
        """Runs of a deployment when so many are complete."""
        return self.wait(
            deployment, lambda runs: sum(r["state_type"] == "COMPLETED" for r in runs) >= count, seconds
        )


@contextmanager
def prefect_server(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """A server on a database of its own with all deployments and a worker, as the runbook starts them."""
    port, log = free_port(), folder / "server.log"
    url = f"http://127.0.0.1:{port}/api"
    own = {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_LOGGING_LEVEL": "INFO",
        # Looks for runs to schedule every minute otherwise.
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "3",
        "STYLEMILL_HOME": str(ROOT),
        **environment,
    }
    with database() as postgres, log.open("wb") as said:
        if postgres:
            own["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = postgres.url
        command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
        process = subprocess.Popen(command, env=own, stdout=said, stderr=said)
        try:
            wait_for(f"{url}/health", process, 120)
            server = Server(url, own, log, postgres)
            server.prefect("work-pool", "create", "stylemill", "--type", "process")
            server.prefect("--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml")
            worker = subprocess.Popen(
                [PREFECT, "worker", "start", "--pool", "stylemill"],
                env=own,
                cwd=ROOT,
                stdout=said,
                stderr=said,
            )
            try:
                yield server
            finally:
                stop(worker)
        finally:
            stop(process)
