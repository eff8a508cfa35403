"""Prefect's temporary server that cannot start says why, at once; two that start together both do."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

from flows.errors import TemporaryServerError
from flows.orchestration import temporary_server
from flows.orchestration.loopback import LOOPBACK
from flows.orchestration.temporary_server import TemporaryServer
from tests.commands import Commands

PROGRAM = "tests.flows.orchestration.temporary_server_program"
DEAD_PROXY = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9") | dict.fromkeys(
    ("NO_PROXY", "no_proxy"), ",".join(LOOPBACK)
)


Say = Callable[..., str]


@contextmanager
def starting(
    commands: Commands, home: object, then: str = "", **environment: str
) -> Iterator[Callable[[], str]]:
    """A process that starts a temporary server with this home; what is given waits for it, and returns what it says.

    `then` is Python for the time when the server is up. On standard error the process says nothing.
    """
    asked = {**os.environ, "PREFECT_HOME": str(home), **environment}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = commands.start(then, module=PROGRAM, environment=asked, out=out, err=err)

        def said() -> str:
            process.wait(120)
            out.seek(0)
            err.seek(0)
            assert not (errors := err.read().decode()), errors
            return out.read().decode()

        yield said


@pytest.fixture(scope="module")
def said(commands: Commands) -> Say:
    """What a process says that starts a temporary server: of its home, further Python, and variables."""

    def say(home: object, then: str = "", **environment: str) -> str:
        with starting(commands, home, then, **environment) as wait:
            return wait()

    return say


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, said: Say) -> Path:
    """A home with a database of this version, made by a server that was started behind a proxy that does not answer."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "said").write_text(said(folder, **DEAD_PROXY))
    return folder


def _newer(home: Path, folder: Path) -> None:
    (folder / "prefect.db").write_bytes((home / "prefect.db").read_bytes())
    with sqlite3.connect(folder / "prefect.db") as database:
        database.execute("update alembic_version set version_num = 'ffffffffffff'")


def _junk(_home: Path, folder: Path) -> None:
    (folder / "prefect.db").write_bytes(b"no database" * 100)


def _cut(home: Path, folder: Path) -> None:
    whole = (home / "prefect.db").read_bytes()
    (folder / "prefect.db").write_bytes(whole[: len(whole) // 3 // 4096 * 4096])


def _folder(_home: Path, folder: Path) -> None:
    (folder / "prefect.db").mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_newer, "was made by another version of Prefect: set PREFECT_HOME"),
        (_junk, "is damaged: move it away"),
        (_cut, "is damaged: move it away"),
        (_folder, "cannot be written: set PREFECT_HOME"),
    ],
)
def test_the_database_is_named(spoil: object, words: str, home: Path, tmp_path: Path, said: Say) -> None:
    """A database that the server cannot use is named with the remedy and the server's last words, and at once."""
    spoil(home, tmp_path)  # type: ignore[operator]
    began = time.monotonic()
    told = said(tmp_path, PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="110")
    assert f"{tmp_path}/prefect.db {words}" in told
    assert "its last words: " in told
    assert "Application startup failed" in told
    assert "Traceback" not in told
    assert time.monotonic() - began < 60, "the time to start is not waited out"


def test_a_home_that_cannot_be_made(said: Say) -> None:
    """A folder that cannot be made is named once, and not in six warnings."""
    assert "/proc/nowhere/prefect.db cannot be written" in said("/proc/nowhere")


def test_a_database_elsewhere_that_does_not_answer(tmp_path: Path, said: Say) -> None:
    """A database server that is not there is named, without its password."""
    url = "postgresql+asyncpg://me:secret@127.0.0.1:9/prefect"
    told = said(tmp_path, PREFECT_API_DATABASE_CONNECTION_URL=url)
    assert "postgresql+asyncpg://127.0.0.1:9/prefect does not answer" in told
    assert "secret" not in told


def test_through_no_proxy(home: Path) -> None:
    """A proxy for the world outside is not asked for the server on loopback."""
    assert "up None" in (home / "said").read_text()


def test_a_socks_proxy(home: Path, said: Say) -> None:
    """A proxy whose kind Prefect's client cannot speak is named with what it needs."""
    told = said(home, ALL_PROXY="socks5://127.0.0.1:9", all_proxy="socks5://127.0.0.1:9")
    assert "names a SOCKS proxy" in told and "pip install socksio" in told


def test_a_server_that_ends_meanwhile(home: Path, said: Say) -> None:
    """A server that ends while it is needed is told as that, with what to do."""
    then = "from flows.orchestration.temporary_server import TemporaryServer\n"
    then += "s = TemporaryServer(); s.server_process.kill()\n"
    then += "s.server_process.wait()\nwith get_client(sync_client=True) as client: client.read_flows()"
    told = said(home, then, PREFECT_CLIENT_MAX_RETRIES="0")
    assert "Prefect's temporary server ended while the run was on" in told
    assert "run the same command to go on" in told


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "."),
        (["ERROR: no port"], "; its last words: ERROR: no port."),
        (["one", "two.", "Traceback (most recent"], "; its last words: one | two."),
    ],
)
def test_last_words_end_their_sentence(lines: list[str], words: str) -> None:
    """What follows the server's last words begins a new sentence."""
    server = object.__new__(TemporaryServer)
    server.said = deque(lines)
    assert server.last_words() == words


def test_forbidden(tmp_path: Path, said: Say) -> None:
    """Where the user forbids a temporary server, that is said."""
    assert "forbids a temporary one" in said(tmp_path, PREFECT_SERVER_EPHEMERAL_ENABLED="false")


def test_two_at_once_in_a_new_home(tmp_path: Path, commands: Commands) -> None:
    """Two that make the tables of one new database at the same time both come up, one after the other."""
    with starting(commands, tmp_path / "new") as first, starting(commands, tmp_path / "new") as second:
        assert [first().strip(), second().strip()] == ["up None", "up None"]


def test_waits_for_others_to_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server waits while another run's starts on its database; where that takes too long, it is told."""
    monkeypatch.setattr(temporary_server, "WAITS", 0)
    # Not the one instance, which may be up for another test.
    server = object.__new__(TemporaryServer)
    server.running = False
    database = {PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{home}/prefect.db?a=b"}
    with (
        FileLock(home / "prefect.db.lock"),
        temporary_settings(database),
        pytest.raises(TemporaryServerError, match=rf"on Prefect's database {home}/prefect.db for 0 s"),
    ):
        server.start()


def test_a_lock_that_cannot_be_made(home: Path, tmp_path: Path, said: Say) -> None:
    """Where another's file stands in the lock's place, the server starts all the same."""
    shutil.copy(home / "prefect.db", tmp_path)
    (tmp_path / "prefect.db.lock").mkdir()
    assert "up None" in said(tmp_path)
