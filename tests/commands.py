"""The command in processes that are forked from one which has loaded everything: a command costs its work alone.

`Commands` keeps one process, the nursery. It imports torch, Prefect and the command, runs nothing, and forks a child
for every command, with the arguments, environment, folder and streams of the command. So a command is a process of its
own, with its own exit code and signals, but does not spend three to ten seconds on imports. `python -m tests.commands`
is the nursery's program. A process that another program starts is forked by tests/forked_python.py.
"""

import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).parents[1]
COMMAND = "flows.command.cli"

PRELOADED = (
    "flows.orchestration.stylize_catalog",
    "flows.command.cli",
    "flows.command.browsing",
    "flows.orchestration.prefect_api",
    "flows.orchestration.temporary_server",
    "flows.painting.shard",
    "flows.workers.processes",
    "prefect.flow_engine",
    "prefect.task_engine",
    "pyarrow.dataset",
    "scipy.fftpack",
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
        self._folder = tempfile.mkdtemp(prefix="stylemill-nursery-")
        self.address = f"{self._folder}/socket"
        """The path of the socket where the nursery is asked for processes."""
        ours, theirs = socket.socketpair()
        self._alive = ours
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen()
            descriptors = [listener.fileno(), theirs.fileno()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.commands", *map(str, descriptors)],
                env=self.environment, cwd=ROOT, pass_fds=descriptors, start_new_session=True,
            )  # fmt: skip
        theirs.close()

    def start(
        self,
        *arguments: object,
        environment: Mapping[str, str],
        out: BinaryIO,
        err: BinaryIO,
        folder: Path = ROOT,
        module: str = COMMAND,
    ) -> Command:
        """Start `stylemill`, or `python -m module`, with arguments in an environment and a folder.

        What it says goes into the open files `out` and `err`.
        """
        status = socket.socket(socket.AF_UNIX)
        status.connect(self.address)
        words = [str(argument) for argument in arguments]
        request = json.dumps(
            {"module": module, "arguments": words, "environment": dict(environment), "folder": str(folder)}
        ).encode()
        socket.send_fds(status, [len(request).to_bytes(4, "big")], [out.fileno(), err.fileno()])
        status.sendall(request)
        return Command(words, status)

    def close(self) -> None:
        """End the nursery."""
        self._alive.close()
        self._process.wait(30)
        shutil.rmtree(self._folder)


def _serve(listener: socket.socket, alive: socket.socket) -> None:
    """Fork a child a request, until the other end of `alive` is closed."""
    while True:
        ready = select.select([listener, alive], [], [])[0]
        if alive in ready:
            return
        asking = listener.accept()[0]
        if not os.fork():
            listener.close()
            alive.close()
            _supervise(asking)
        asking.close()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _read_request(asking: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What is asked for, and the files for what it says."""
    header, descriptors, _, _ = socket.recv_fds(asking, 4, 2)
    length, payload = int.from_bytes(header, "big"), b""
    while len(payload) < length:
        payload += asking.recv(length - len(payload))
    return json.loads(payload), descriptors


def _supervise(asking: socket.socket) -> None:
    """Fork the command, say its pid, wait for it, and say how it ended."""
    request, (out, err) = _read_request(asking)
    pid = os.fork()
    if not pid:
        asking.close()
        _become_command(request, out, err)
    with suppress(OSError):
        asking.sendall(f"{pid}\n".encode())
    if request.get("leashed"):
        _kill_when_let_go(asking, pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        asking.sendall(f"{code}\n".encode())
    os._exit(0)


def _kill_when_let_go(asking: socket.socket, pid: int) -> None:
    """Return when the command has ended; kill it where the process that stands for it has ended before."""
    handle = os.pidfd_open(pid)
    if asking in select.select([asking, handle], [], [])[0]:
        os.kill(pid, signal.SIGKILL)


def _become_command(request: dict[str, Any], out: int, err: int) -> None:
    code = 1
    try:
        os.setsid()
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        _run_module(request["module"], request["arguments"])
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


def _read_prefect_settings() -> None:
    """Have Prefect, which was imported in another environment, read its settings in this one."""
    from prefect.context import refresh_global_settings_context

    from flows.orchestration.prefect_settings import quiet_prefect

    quiet_prefect()
    refresh_global_settings_context()


def _run_module(module: str, arguments: Sequence[str]) -> None:
    if not module.startswith("prefect"):
        _read_prefect_settings()
    sys.argv = ["stylemill" if module == COMMAND else module, *arguments]
    if module == COMMAND:
        from flows.command.cli import main

        main()
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


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
    _serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:3]))
