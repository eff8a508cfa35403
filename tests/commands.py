"""The command in processes that are forked from one which has loaded everything: a command costs its work alone.

`Commands` keeps one process, the nursery. It imports torch, Prefect and the command, runs nothing, and forks a child
for every command, with the arguments, environment, folder and streams of the command. So a command is a process of its
own, with its own exit code and signals, but does not spend three to ten seconds on imports. `python -m tests.commands`
is the nursery's program.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).parents[1]

PRELOADED = (
    "flows.orchestration.stylize_catalog",
    "flows.command.cli",
    "flows.command.browsing",
    "flows.painting.shard",
    "scipy.ndimage",
    "matplotlib.figure",
    "uvicorn",
)


class Command:
    """A command that was started, to be handled as a `subprocess.Popen`; `pid` leads a process group of its own."""

    def __init__(self, arguments: Sequence[str], status: socket.socket) -> None:
        """The nursery's child writes the command's pid and then its exit code into `status`."""
        self.args, self._status, self._answers = list(arguments), status, status.makefile()
        self.pid, self.returncode = int(self._answers.readline()), None  # type: int, int | None

    def poll(self) -> int | None:
        """The exit code, None while the command is on."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when the command ends; TimeoutExpired if that takes longer, in seconds."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._answers.readline())
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the command, if it is on."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """End it in order."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)


class Commands:
    """The nursery's other end: starts commands."""

    def __init__(self, usual: Mapping[str, str], **further: str) -> None:
        """Start the nursery: it imports everything in the `usual` environment with `further` variables."""
        self.usual, self.environment = dict(usual), {**usual, **further}
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands", str(theirs.fileno())],
            env=self.environment, cwd=ROOT, pass_fds=[theirs.fileno()], start_new_session=True,
        )  # fmt: skip
        theirs.close()

    def start(
        self,
        *arguments: object,
        environment: Mapping[str, str],
        out: BinaryIO,
        err: BinaryIO,
        folder: Path = ROOT,
    ) -> Command:
        """Start `stylemill` with arguments in an environment and a folder, what it says in open files."""
        status, theirs = socket.socketpair()
        words = [str(argument) for argument in arguments]
        request = json.dumps(
            {"arguments": words, "environment": dict(environment), "folder": str(folder)}
        ).encode()
        socket.send_fds(
            self._ours, [len(request).to_bytes(4, "big")], [out.fileno(), err.fileno(), theirs.fileno()]
        )
        self._ours.sendall(request)
        theirs.close()
        return Command(words, status)

    def close(self) -> None:
        """End the nursery."""
        self._ours.close()
        self._process.wait(30)


def _serve(requests: socket.socket) -> None:
    """Fork a child a request, until the other end is closed."""
    while True:
        header, descriptors, _, _ = socket.recv_fds(requests, 4, 3)
        if not header:
            return
        length, payload = int.from_bytes(header, "big"), b""
        while len(payload) < length:
            payload += requests.recv(length - len(payload))
        if not os.fork():
            requests.close()
            _supervise(json.loads(payload), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _supervise(request: dict[str, object], descriptors: list[int]) -> None:
    """Fork the command, say its pid, wait for it, and say how it ended."""
    out, err, status = descriptors
    pid = os.fork()
    if not pid:
        os.close(status)
        _become_command(request, out, err)
    os.write(status, f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        os.write(status, f"{code}\n".encode())
    os._exit(0)


def _become_command(request: dict[str, object], out: int, err: int) -> None:
    code = 1
    try:
        os.setsid()
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(str(request["folder"]))
        os.environ.clear()
        os.environ.update(request["environment"])  # type: ignore[arg-type, call-overload]
        time.tzset()
        sys.argv = ["stylemill", *map(str, request["arguments"])]  # type: ignore[call-overload]
        from flows.command.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            _end_as_python_does()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_as_python_does() -> None:
    """What Python does when it exits: non-daemon threads end, and exit functions run."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()


if __name__ == "__main__":
    import importlib

    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _serve(socket.socket(fileno=int(sys.argv[1])))
