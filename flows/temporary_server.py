"""Prefect's temporary server, which must not outlive the run that it serves.

Without `PREFECT_API_URL` Prefect starts a server of its own on loopback, and ends it when Python exits. A run
that is killed does not exit: its server would listen for ever. So a small process holds the other end of a
pipe of ours; when we are gone, however we went, the pipe ends, and it ends the server.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, TYPE_CHECKING

from prefect.settings import PREFECT_API_URL

if TYPE_CHECKING:
    from prefect.server.api.server import SubprocessASGIServer

FIRST_LOOK, LOOK = 0.05, 1.0
"""Seconds between two looks whether a server was started: until there is one, and for another one."""

GUARD = """
import os, select, signal, sys
servers = []
for line in sys.stdin:
    try:
        servers.append(os.pidfd_open(int(line)))
    except OSError:
        pass
for sign, milliseconds in ((signal.SIGTERM, 5000), (signal.SIGKILL, 0)):
    for server in servers:
        try:
            signal.pidfd_send_signal(server, sign)
        except OSError:
            continue
        ended = select.poll()
        ended.register(server, select.POLLIN)
        ended.poll(milliseconds)
"""
"""It is told process ids, and takes handles: they mean those processes, and none that gets the number later."""


@contextmanager
def ends_with_us() -> Iterator[None]:
    """A temporary server that is started in this block ends with this process, also where that is killed.

    Nothing is done where a server is named, nor where the system has no handles of processes (Linux has).
    """
    if PREFECT_API_URL.value() or not hasattr(os, "pidfd_open"):
        yield
        return
    from prefect.server.api.server import SubprocessASGIServer

    over = threading.Event()
    # The one instance that Prefect's clients have, too.
    watch = threading.Thread(target=_tell, args=(SubprocessASGIServer(), _guard(), over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


@cache
def _guard() -> IO[str]:
    """The pipe to the guard; kept to the end of this process, because its end is the sign."""
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", GUARD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        # Ctrl-C, or a signal to our group, is not for the guard.
        start_new_session=True,
    )
    # It outlives us.
    guard.returncode = 0
    assert guard.stdin is not None
    return guard.stdin


def _tell(server: "SubprocessASGIServer", guard: IO[str], over: threading.Event) -> None:
    """Tell the guard of every process that serves: where a port was taken, Prefect starts another."""
    told = None
    with suppress(BrokenPipeError):
        while not over.wait(LOOK if told else FIRST_LOOK):
            process = server.server_process
            if process is not None and process.pid != told:
                told = process.pid
                guard.write(f"{told}\n")
                guard.flush()
