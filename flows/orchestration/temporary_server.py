"""Prefect's temporary server: it is started, it says why it did not start, and it ends with the run that it serves.

Without `PREFECT_API_URL` Prefect starts a server of its own on loopback, and ends it when Python exits. Prefect's own
way to start it waits its whole time where the server has ended, and keeps nothing of what the server said; the class
here notices the end and keeps the server's last lines. Servers that make or change the tables of one database at the
same time break each other's work, so one server starts after the other. A run that is killed does not exit, and its
server would listen for ever: a guard ends it (process_guard).
"""

import atexit
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import prefect
from filelock import FileLock, Timeout
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_SERVER_EPHEMERAL_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    PREFECT_SERVER_LOGGING_LEVEL,
    get_current_settings,
)

from flows.errors import SettingsError, TemporaryServerError
from flows.orchestration.process_guard import end_with_this_process

log = logging.getLogger(__name__)

WAITS = 4
"""How long a run waits for other runs to start their servers, in multiples of the time that one start may take."""
STARTS = 5
"""How often a server is started, where each attempt meets another run that starts at the same time."""
PASSING_MESSAGES = ("address already in use", "database is locked", "already exists", "duplicate column")
"""Messages of a server that met another one: at its port, or while both made the tables of a new database."""
LOOK = 0.1
"""Seconds between two looks whether the server answers."""
KEPT_LINES = 400
SHOWN_LINES = 2
TRACEBACK = re.compile(r"[ (]|Traceback|The above exception|During handling|[\s^~]*$")
"""Lines that say where an error was raised, not which error it was."""

CAUSES = (
    (
        "Can't locate revision",
        "its database {database} was made by another version of Prefect: set PREFECT_HOME to a new folder, or move"
        " the database away (it holds the history of runs, no designs)",
    ),
    (
        "file is not a database|malformed|disk I/O error",
        "its database {database} is damaged: move it away (it holds the history of runs, no designs)",
    ),
    (
        "unable to open database file|readonly database|Permission denied|Read-only file system",
        "its database {database} cannot be written: set PREFECT_HOME to a folder that can be, or mend the owner and"
        " mode of this one",
    ),
    (
        "disk is full|No space left",
        "the disk of its database {database} is full: make room, or set PREFECT_HOME to a folder elsewhere",
    ),
    (
        "database is locked",
        "another program holds its database {database}: set PREFECT_HOME to a folder of its own",
    ),
    (
        "Connect call failed|Connection refused|Name or service not known",
        "its database {database} does not answer: start it, or unset PREFECT_API_DATABASE_CONNECTION_URL",
    ),
)
"""Messages of a server that cannot start, and what they mean."""


@contextmanager
def temporary_server() -> Iterator["TemporaryServer"]:
    """Start Prefect's temporary server; it ends with this process, also where that is killed (on Linux).

    The server stays after the block, as Prefect still sends to it when Python exits. TemporaryServerError says why it
    did not start, or that it ended within the block. SettingsError where Prefect's settings forbid it.
    """
    if not PREFECT_SERVER_EPHEMERAL_ENABLED.value():
        raise SettingsError(
            "There is no Prefect server, and PREFECT_SERVER_EPHEMERAL_ENABLED forbids a temporary one: set"
            " PREFECT_API_URL, or allow it."
        )
    # Prefect's class is a singleton for each port: its clients get this instance, too.
    server = TemporaryServer()
    server.start()
    try:
        yield server
    except Exception as error:
        if server.ended():
            raise TemporaryServerError(
                f"Prefect's temporary server ended while the run was on{server.last_words()} Finished designs are"
                " filed; run the same command to go on."
            ) from error
        raise


class TemporaryServer(SubprocessASGIServer):
    """Prefect's own class, which here notices the server's end, keeps its last lines, and uses no proxy for it."""

    said: deque[str]
    """The last lines that the server wrote."""
    _reader: threading.Thread

    def start(self, timeout: int | None = None) -> None:
        """Start the server unless it runs, and wait for its answer; TemporaryServerError says why it does not start."""
        if self.running:
            return
        seconds = timeout or PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value()
        with _lock_database(seconds):
            atexit.register(self.stop)
            self._start(seconds)

    def _start(self, seconds: float) -> None:
        """Start processes until one answers; TemporaryServerError where one ends for a reason that stays."""
        for attempt in range(STARTS):
            self.running = self._start_and_wait(seconds)
            if self.running:
                return
            said = "\n".join(self.said)
            if attempt == STARTS - 1 or not any(word in said for word in PASSING_MESSAGES):
                raise TemporaryServerError(f"Prefect's temporary server did not start{self._why()}")
            self.port = None

    def ended(self) -> bool:
        """Return whether the process of the server is gone."""
        return self.server_process is not None and self.server_process.poll() is not None

    def last_words(self) -> str:
        """Return the last words of the server as the end of a sentence, or a period where it said nothing."""
        lines = [line for line in self.said if line and not TRACEBACK.match(line)]
        return f"; its last words: {' | '.join(lines[-SHOWN_LINES:]).rstrip('. ')}." if lines else "."

    def _start_and_wait(self, seconds: float) -> bool:
        """Start a process; True when the server answers, False where it ended before."""
        self.port = self.port or self.find_available_port()
        self.server_process = self._start_process()
        until = time.monotonic() + seconds
        # Without the environment's proxies.
        with httpx.Client(trust_env=False) as client:
            while not self.ended():
                with suppress(httpx.TransportError):
                    if client.get(f"{self.api_url}/health").status_code == httpx.codes.OK:
                        return True
                if time.monotonic() > until:
                    raise TemporaryServerError(
                        f"Prefect's temporary server did not answer within {seconds:g} s: the machine is busy. Raise"
                        f" PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS{self.last_words()}"
                    )
                time.sleep(LOOK)
        self._reader.join(timeout=5)
        return False

    def _start_process(self) -> "subprocess.Popen[str]":
        """Start the process as Prefect does; the guard will end it, and a thread reads what it writes."""
        level = PREFECT_SERVER_LOGGING_LEVEL.value()
        quiet = level == "CRITICAL"
        process = subprocess.Popen(
            [
                sys.executable, "-m", "uvicorn", "--app-dir", str(prefect.__module_path__.parent), "--factory",
                "prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", str(self.port),
                "--log-level", "error", "--lifespan", "on",
            ],
            env={
                **os.environ,
                "PREFECT_UI_ENABLED": "0",
                "PREFECT__SERVER_EPHEMERAL": "1",
                "PREFECT__SERVER_FINAL": "1",
                **get_current_settings().to_environment_variables(exclude_unset=True),
                # A server that says nothing would not say why it cannot start.
                "PREFECT_SERVER_LOGGING_LEVEL": "ERROR" if quiet else level,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )  # fmt: skip
        end_with_this_process(process.pid)
        self.said = deque(maxlen=KEPT_LINES)
        assert process.stdout is not None
        self._reader = threading.Thread(
            target=_read_lines, args=(process.stdout, self.said, not quiet), daemon=True
        )
        self._reader.start()
        return process

    def _why(self) -> str:
        """The cause, where it is known, and the last words of the server."""
        said = "\n".join(self.said)
        database = _database()
        known = next((meaning for sign, meaning in CAUSES if re.search(sign, said)), "")
        return f": {known.format(database=database)}{self.last_words()}" if known else self.last_words()


@contextmanager
def _lock_database(seconds: float) -> Iterator[None]:
    """Keep other runs from starting a server on the same database file within the block.

    Until its first server answers, the database may be new, or that of an older version. The lock is waited for as long
    as four starts may take, and then TemporaryServerError is raised. Where no lock can be made (a full disk, a file of
    another user), the run goes on without it: its server says what is wrong with the folder.
    """
    file = _database_file()
    if not file or not _is_writable(Path(file).parent):
        yield
        return
    lock = FileLock(f"{file}.lock")
    try:
        lock.acquire(timeout=WAITS * seconds)
    except Timeout as error:
        raise TemporaryServerError(
            f"Other runs have been starting servers on Prefect's database {file} for {WAITS * seconds:g} s: the machine"
            " is busy. Set PREFECT_HOME to a folder of this run's own, or PREFECT_API_URL to a server for all runs."
        ) from error
    except OSError as error:
        log.info("No lock beside Prefect's database: %s", error)
    try:
        yield
    finally:
        lock.release()


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder; a missing one is made first, for its owner alone, as Prefect does."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.access(folder, os.W_OK)


def _database_file() -> str:
    """The path of Prefect's database; empty where it is not SQLite's."""
    return (
        str(PREFECT_API_DATABASE_CONNECTION_URL.value())
        .partition("sqlite+aiosqlite:///")[2]
        .partition("?")[0]
    )


def _database() -> str:
    """The address of the database as messages may show it: a file's path, or an address without a password."""
    return _database_file() or re.sub(r"//[^/@]*@", "//", str(PREFECT_API_DATABASE_CONNECTION_URL.value()))


def _read_lines(pipe: IO[str], said: "deque[str]", aloud: bool) -> None:
    """Keep the lines that the server writes; with `aloud`, write them to standard error as well."""
    with pipe:
        for line in pipe:
            said.append(re.sub(r"//[^/@\s]*@", "//", line.rstrip()))
            if aloud:
                # Python's own stream has a lock, which may be held when Python exits.
                os.write(2, line.encode())
