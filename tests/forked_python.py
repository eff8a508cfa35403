"""Stands for `python -m MODULE ARGUMENTS` where another program starts it: forked from a nursery of tests/commands.py.

    python -I -S tests/forked_python.py SOCKET MODULE [ARGUMENT ...]

The nursery that listens on SOCKET forks the process, which has this one's environment, folder and streams; it gets
this one's SIGTERM and SIGINT, is killed with it, and its exit code becomes this one's.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path


def main() -> int:
    """Ask for the process, and wait for its end; returns its exit code."""
    address, module, *arguments = sys.argv[1:]
    asked = {"module": module, "arguments": arguments, "environment": dict(os.environ), "leashed": True}
    request = json.dumps({**asked, "folder": str(Path.cwd())}).encode()
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with socket.socket(socket.AF_UNIX) as nursery:
        nursery.connect(address)
        socket.send_fds(nursery, [len(request).to_bytes(4, "big")], [1, 2])
        nursery.sendall(request)
        answers = nursery.makefile()
        pid = int(answers.readline())
        for number in signals:
            signal.signal(number, lambda number, _: os.kill(pid, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        code = int(answers.readline())
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
