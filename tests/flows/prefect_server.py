"""A real Prefect server for tests; benchmarks use the same one."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from benchmarks.prefect_server import POOL, Postgres, Server, bare_server, prefect_server
from tests.commands import ROOT, Commands

__all__ = ["Postgres", "Server", "bare_server", "forking_server", "prefect_server"]


@contextmanager
def forking_server(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """A server as `prefect_server` has it, but its commands, worker and runs are forked from one process.

    A Python that imports Prefect, torch and the flows takes 5 s of work, and a test has some ten of them.
    """
    with bare_server(folder, environment) as server, closing(Commands(server.environment)) as nursery:
        program = str(ROOT / "tests" / "forked_python.py")
        server.python = [sys.executable, "-I", "-S", program, nursery.address]
        try:
            server.start()
            server.make_pool()
            _set_command(server, [*server.python, "prefect.engine"])
            server.deploy()
            server.start_worker()
            yield server
        finally:
            server.end()


def _set_command(server: Server, command: list[str]) -> None:
    """Have the pool's worker start runs by a command; what a worker does by itself, the runbook's test has."""
    address = f"{server.url}/work_pools/{POOL}"
    template = httpx.get(address, trust_env=False).raise_for_status().json()["base_job_template"]
    template["variables"]["properties"]["command"]["default"] = " ".join(command)
    httpx.patch(address, json={"base_job_template": template}, trust_env=False).raise_for_status()
