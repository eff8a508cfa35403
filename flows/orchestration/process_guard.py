"""A guard ends processes that this one has started when this process is gone, also where it was killed (on Linux).

The guard is a small process that reads process ids from a pipe. When this process exits for any reason, the pipe
closes, and the guard ends the processes.
"""

import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from typing import IO

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
"""The guard's program. It keeps handles and no process ids, as an id may later go to another process."""


def end_with_this_process(pid: int) -> None:
    """Have the process of this id ended when this process is gone; does nothing where there are no process handles."""
    if hasattr(os, "pidfd_open"):
        with suppress(BrokenPipeError):
            _guard().write(f"{pid}\n")
            _guard().flush()


@cache
def _guard() -> IO[str]:
    """The pipe to the guard; it stays open to the end of this process, because its closing is the signal."""
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", GUARD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        # Ctrl-C, or a signal to our group, must not end the guard.
        start_new_session=True,
    )
    # The guard outlives this process, which must not warn of that.
    guard.returncode = 0
    assert guard.stdin is not None
    return guard.stdin
