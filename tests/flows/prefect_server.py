"""A real Prefect server for tests; benchmarks use the same one."""

from benchmarks.prefect_server import Postgres, Server, bare_server, prefect_server

__all__ = ["Postgres", "Server", "bare_server", "prefect_server"]
