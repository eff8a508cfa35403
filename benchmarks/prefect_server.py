"""A real Prefect server of our own, on PostgreSQL where there is one, with our deployments and a process worker.

Benchmarks and tests share it: whatever is started here ends with the block that started it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))
DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps PostgreSQL's programs, outside the path."""
POOL = "stylemill"

Json = dict[str, Any]
Process = subprocess.Popen[bytes]


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, process: Process, seconds: float = 60) -> None:
    """Until a server answers at all; fails if it ends before."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, f"the server at {url} ended with {process.returncode}"
        try:
            urllib.request.urlopen(url, timeout=2)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer from {url} within {seconds} s")


def stop(process: Process) -> None:
    """End a server that was started here."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def postgresql() -> Path | None:
    """The folder of PostgreSQL's programs, if it is installed."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return next(iter(sorted(DEBIAN.glob("*/bin"), reverse=True)), None)


class Postgres:
    """A PostgreSQL server of our own, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        """Makes a cluster in a folder; it refuses to run as root, so root lends it to the user postgres."""
        self._programs, self._data, self.port = postgresql(), folder / "data", free_port()
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        self._do(
            "initdb", "--auth", "trust", "--username", "prefect", "--no-sync", "--pgdata", str(self._data)
        )
        self.start()
        self._do(
            "createdb", "--host", "127.0.0.1", "--port", str(self.port), "--username", "prefect", "prefect"
        )
        self.url = f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/prefect"

    def start(self) -> None:
        """Start it on loopback, and wait until it answers."""
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories= -c fsync=off"
        )
        log = str(self._data / "server.log")
        self._do("pg_ctl", "start", "--wait", "--pgdata", str(self._data), "--log", log, "--options", options)

    def stop(self) -> None:
        """Stop it at once, as a machine that goes down does."""
        self._do("pg_ctl", "stop", "--mode", "immediate", "--pgdata", str(self._data))

    def query(self, sql: str) -> list[list[str]]:
        """Rows of an answer, as text."""
        said = self._do(
            "psql", "--host", "127.0.0.1", "--port", str(self.port), "--username", "prefect",
            "--no-align", "--tuples-only", "--field-separator", "\t", "--command", sql, "prefect",
        )  # fmt: skip
        return [line.split("\t") for line in said.splitlines()]

    def _do(self, program: str, *arguments: str) -> str:
        assert self._programs
        # No pipe: the server that pg_ctl leaves behind would hold it open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                user=self._user, cwd="/", stdout=said, stderr=said, check=False, timeout=120,
            )  # fmt: skip
            said.seek(0)
            text = said.read().decode()
        assert done.returncode == 0, text
        return text


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
    """A Prefect server with our deployments and a worker; `environment` is what its runs get.

    Both can be killed and started again; the server keeps its address.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], postgres: Postgres | None, said: int
    ) -> None:
        """Nothing is started yet; `said` is the open file that the processes write to."""
        self._port, self._said = free_port(), said
        self.url, self.log, self.postgres = (
            f"http://127.0.0.1:{self._port}/api",
            folder / "server.log",
            postgres,
        )
        self.home = folder / "prefect"
        self.environment = {
            **os.environ,
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_LOGGING_LEVEL": "INFO",
            # Looks for runs to schedule every minute otherwise.
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "3",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "STYLEMILL_HOME": str(ROOT),
            **environment,
        }
        if postgres:
            self.environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = postgres.url
        self.process: Process | None = None
        self.worker: Process | None = None
        self.python = [sys.executable, "-m"]
        """How a module is run as a command."""

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.process = self._run(
            PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(self._port), "--no-ui"
        )
        wait_for(f"{self.url}/health", self.process, 120)

    def make_pool(self) -> None:
        """The work pool, as the runbook has it made."""
        self.prefect("work-pool", "create", POOL, "--type", "process")

    def deploy(self) -> None:
        """All deployments, as the runbook has them made."""
        self.prefect("--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml")

    def start_worker(self, *arguments: str) -> None:
        """Start a worker; it does not say when it is ready."""
        self.worker = self._run(*self.python, "prefect", "worker", "start", "--pool", POOL, *arguments)

    def end(self) -> None:
        """End the worker, what is left of its runs, and the server."""
        if self.worker:
            stop(self.worker)
        # A run whose worker was killed has nobody to end it.
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        if self.process:
            stop(self.process)

    def processes(self) -> dict[int, str]:
        """Numbers of the processes that are flow runs of this server, with the runs' ids."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                names = dict(
                    entry.split("=", 1)
                    for entry in path.read_text("utf-8", "replace").split("\0")
                    if "=" in entry
                )
                if names.get("PREFECT_API_URL") == self.url and "PREFECT__FLOW_RUN_ID" in names:
                    found[int(path.parent.name)] = names["PREFECT__FLOW_RUN_ID"]
        return found

    def _run(self, *command: str) -> Process:
        return subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=self._said, stderr=self._said)

    def prefect(self, *arguments: str) -> str:
        """What Prefect's command says; it must end well."""
        return self._done([*self.python, "prefect", *arguments])

    def stylemill(self, *arguments: str) -> str:
        """What our command says; it must end well."""
        return self._done([*self.python, "flows.command.cli", *arguments])

    def _done(self, command: list[str]) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, **body: object) -> Any:
        """Answer of the API to a filter."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def runs(self, deployment: str) -> list[Json]:
        """Runs of a deployment, as `flow/name`; the newest 200."""
        flow, name = deployment.split("/")
        found: list[Json] = self.ask(
            "flow_runs/filter",
            flows={"name": {"any_": [flow]}},
            deployments={"name": {"any_": [name]}},
            sort="EXPECTED_START_TIME_DESC",
        )
        return found

    def wait(self, deployment: str, enough: Callable[[list[Json]], bool], seconds: float = 120) -> list[Json]:
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

    def completed(self, deployment: str, count: int, seconds: float = 120) -> list[Json]:
        """Runs of a deployment when so many are complete."""
        return self.wait(
            deployment, lambda runs: sum(r["state_type"] == "COMPLETED" for r in runs) >= count, seconds
        )


@contextmanager
def prefect_server(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """A server on a database of its own with all deployments and a worker, as the runbook starts them."""
    with bare_server(folder, environment) as server:
        server.start()
        server.make_pool()
        server.deploy()
        server.start_worker()
        yield server


@contextmanager
def bare_server(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """A server on a database of its own that is not started yet, and ended with the block."""
    with database() as postgres, (folder / "server.log").open("ab") as said:
        server = Server(folder, environment, postgres, said.fileno())
        try:
            yield server
        finally:
            server.end()
