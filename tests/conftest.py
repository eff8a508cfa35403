"""What all tests share: real servers, small catalogs, the assets where they are."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

import boto3
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import flows  # noqa: F401 - before torch: it tells OpenMP's threads not to spin, as in the product
from benchmarks.prefect_server import PREFECT, free_port, stop, wait_for
from catalogs.samples.catalog import write_sample
from catalogs.storage.stores import open_store
from tests.commands import Command, Commands

ROOT = Path(__file__).parents[1]
TINY_RECIPE = "canvas = [96, 80]\nlevels = [[0.5, 3], [1.0, 3]]\n"


SHARED_FOLDER = "TESTS_SHARED_FOLDER"
"""The variable that names a folder which all processes of a test run share."""


def pytest_configure() -> None:
    """Make the shared folder, before pytest-xdist starts its processes, which inherit its name."""
    if SHARED_FOLDER not in os.environ:
        os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="stylemill-tests-")
        os.environ[f"{SHARED_FOLDER}_OWNER"] = str(os.getpid())


def pytest_unconfigure() -> None:
    """End the shared Prefect server, where one was started, and remove the shared folder."""
    if os.environ.get(f"{SHARED_FOLDER}_OWNER") != str(os.getpid()):
        return
    folder = Path(os.environ[SHARED_FOLDER])
    if (folder / "server.json").exists():
        with suppress(ProcessLookupError):
            os.kill(json.loads((folder / "server.json").read_text())["pid"], signal.SIGTERM)
    shutil.rmtree(folder, ignore_errors=True)


LONGEST_FIRST = (
    "test_deployment",
    "test_in_process",
    "test_temporary_server",
    "test_pages",
    "test_telling",
    "test_cli",
)
"""Files that take a minute and more, so that none of them begins when all others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; the others keep their order."""
    items.sort(
        key=lambda item: LONGEST_FIRST.index(item.path.stem) if item.path.stem in LONGEST_FIRST else 99
    )


@pytest.fixture(scope="session", autouse=True)
def quiet_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prefect with a home of its own and no telemetry; S3 with nobody's credentials."""
    from flows.orchestration.prefect_settings import quiet_prefect

    # Where the tests run in the background, the shell has them (and so what they start) ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith(("STYLEMILL_", "AWS_", "PREFECT_"))]:
        if name != "STYLEMILL_ASSETS":
            del os.environ[name]
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null"
    quiet_prefect()
    yield
    _stop_prefect()


def _stop_prefect() -> None:
    """Send what waits, then end the temporary server; at exit, their words would come after pytest's summary."""
    if "prefect.server.api.server" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogHandler
    from prefect.server.api.server import SubprocessASGIServer

    APILogHandler().flush()
    EventsWorker.drain_all(timeout=5)
    SubprocessASGIServer().stop()


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real garments, styles and weights; tests that need it skip where there is none."""
    folder = Path(os.environ.get("STYLEMILL_ASSETS", ROOT.parent / "shared" / "assets"))
    if not (folder / "garments" / "catalog.csv").exists():
        pytest.skip(f"no assets in {folder}; set STYLEMILL_ASSETS to a folder that holds them")
    return folder


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A real S3 server (moto) in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/moto-api/", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(server)


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Credentials and endpoint in the environment, as a user has them; returns a fresh bucket's name."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    bucket = f"bucket-{time.time_ns()}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return bucket


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """An image as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(seed: int, height: int = 120, width: int = 96) -> np.ndarray:
    """A picture with shapes and texture, H x W x 3 of 8 bits."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    base = rng.uniform(40, 215, 3)
    waves = np.sin(rows[..., None] / rng.uniform(3, 12, 3) + columns[..., None] / rng.uniform(3, 12, 3))
    return np.clip(base + 50 * waves + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def write_catalog(folder: Path, garments: int = 3, styles: int = 3) -> Path:
    """A small catalog of `garments/` and `styles/` in two sets."""
    (folder / "garments").mkdir(parents=True)
    (folder / "styles").mkdir()
    lines = ["garment_id,image,mask,title,buyer"]
    for n in range(garments):
        Image.fromarray(picture(n)).save(folder / "garments" / f"g{n}.png")
        mask = np.zeros((120, 96), np.uint8)
        mask[15:110, 12 + n : 84] = 255
        Image.fromarray(mask).save(folder / "garments" / f"g{n}_mask.png")
        lines.append(f"g{n},g{n}.png,g{n}_mask.png,Garment {n},Ann {n}")
    (folder / "garments" / "catalog.csv").write_text("\n".join(lines) + "\n")
    lines = ["style_id,style_set,image,title,licence"]
    for n in range(styles):
        Image.fromarray(picture(100 + n, 80, 80)).save(folder / "styles" / f"s{n}.png")
        lines.append(f"s{n},set-{n % 2},s{n}.png,Style {n},CC0")
    (folder / "styles" / "catalog.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole sample catalog, drawn once for all test processes (15 s of work); copy it to change it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / "drawn-sample"
    with FileLock(f"{folder}.lock"):
        write_sample(open_store(str(folder)))
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Three garments and three styles, and a tiny recipe, in a folder."""
    write_catalog(tmp_path / "in")
    (tmp_path / "in" / "tiny.toml").write_text(TINY_RECIPE)
    return tmp_path / "in"


Run = Callable[..., subprocess.CompletedProcess[str]]
Process = Command | subprocess.Popen[bytes]
Start = Callable[..., Process]
READ_AT_IMPORT = ("OMP_", "MKL_", "MALLOC_", "LD_", "PYTHON")
"""How variables begin that libraries read when they are loaded, and never again."""


def variables(environment: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """The variables of an environment that begin with one of the prefixes."""
    return {name: value for name, value in environment.items() if name.startswith(prefixes)}


@pytest.fixture(scope="session")
def prefect_url() -> str:
    """The address of a real Prefect server on SQLite that the commands of all test processes share."""
    folder = Path(os.environ[SHARED_FOLDER])
    with FileLock(folder / "server.lock"):
        if not (folder / "server.json").exists():
            _start_shared_server(folder)
    return str(json.loads((folder / "server.json").read_text())["url"])


_shared_servers: list["subprocess.Popen[bytes]"] = []
"""Keeps the server's process object: Python warns of one that is dropped while its process runs."""


def _start_shared_server(folder: Path) -> None:
    """Start the server, which `pytest_unconfigure` ends; a server for each process would cost 20 s of work each."""
    port = free_port()
    command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    environment = {**os.environ, "PREFECT_HOME": str(folder), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    # Nothing is scheduled here: the loops that look for work would take their share of two cores.
    for service in ("SCHEDULER", "LATE_RUNS", "FOREMAN", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP"):
        environment[f"PREFECT_SERVER_SERVICES_{service}_ENABLED"] = "false"
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    _shared_servers.append(server)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/health", server, 120)
    except BaseException:
        stop(server)
        raise
    state = {"pid": server.pid, "url": f"http://127.0.0.1:{port}/api"}
    (folder / "server.json").write_text(json.dumps(state))


@pytest.fixture
def shared_prefect(prefect_url: str) -> Iterator[None]:
    """Flows that a test calls itself report to the shared server; no temporary one is started for this process."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_url}):
        yield


@pytest.fixture(scope="session")
def commands(prefect_url: str) -> Iterator[Commands]:
    """Forks commands that share a Prefect server; with one thread each, they paint the same pictures."""
    nursery = Commands(
        os.environ, PREFECT_API_URL=prefect_url, PREFECT_LOGGING_LEVEL="CRITICAL", OMP_NUM_THREADS="1"
    )
    yield nursery
    nursery.close()


@pytest.fixture
def start(commands: Commands) -> Start:
    """Start the command as a user with a Prefect server, what it says in a file (`out`, and `err` if apart).

    Where a test sets Prefect's variables, the command gets those alone, and no server of ours. Where it sets variables
    that are read at import, the command gets a new Python.
    """
    usual = variables(commands.usual, *READ_AT_IMPORT)

    def begin(
        *arguments: object,
        out: BinaryIO,
        err: BinaryIO | None = None,
        folder: Path = ROOT,
        **environment: str,
    ) -> Process:
        asked = {**os.environ, **environment}
        if variables(asked, *READ_AT_IMPORT) not in (usual, {**usual, "OMP_NUM_THREADS": "1"}):
            return start_alone(*arguments, out=out, err=err, folder=folder, **environment)
        asked["OMP_NUM_THREADS"] = "1"
        if variables(asked, "PREFECT_") == variables(commands.usual, "PREFECT_"):
            asked |= variables(commands.environment, "PREFECT_")
        return commands.start(*arguments, environment=asked, out=out, err=err or out, folder=folder)

    return begin


@pytest.fixture
def start_unserved(commands: Commands) -> Start:
    """Start the command as a user without a Prefect server does: with a temporary server for a flow."""

    def begin(
        *arguments: object,
        out: BinaryIO,
        err: BinaryIO | None = None,
        folder: Path = ROOT,
        **environment: str,
    ) -> Process:
        asked = {**os.environ, **environment}
        return commands.start(*arguments, environment=asked, out=out, err=err or out, folder=folder)

    return begin


def start_alone(
    *arguments: object,
    out: BinaryIO,
    err: BinaryIO | None = None,
    folder: Path = ROOT,
    **environment: str,
) -> subprocess.Popen[bytes]:
    """Start the command in a new Python, without a Prefect server (13 s of work for a run)."""
    command = [sys.executable, "-m", "flows.command.cli", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=out,
        stderr=err or out,
        env={**os.environ, **environment},
        cwd=folder,
        start_new_session=True,
    )


def completed(
    begin: Start, arguments: Sequence[object], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """A command that was waited for, with what it said."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = begin(*arguments, out=out, err=err, **environment)
        try:
            code = process.wait(240)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
    return subprocess.CompletedProcess(list(map(str, arguments)), code, *said)


@pytest.fixture
def stylemill(start: Start) -> Run:
    """The command as a user with a Prefect server runs it; one without takes `stylemill_unserved`."""
    return lambda *arguments, **environment: completed(start, arguments, environment)


@pytest.fixture
def stylemill_unserved(start_unserved: Start) -> Run:
    """The command as a user runs it who has no Prefect server: with a temporary server for a flow."""
    return lambda *arguments, **environment: completed(start_unserved, arguments, environment)


@pytest.fixture
def stylemill_alone() -> Run:
    """The command in a new Python, without a Prefect server: what its libraries say as they are loaded is heard."""
    return lambda *arguments, **environment: completed(start_alone, arguments, environment)


class Started:
    """A run that is on, one design a batch, a record as soon as there is a picture; what it says is in a file."""

    def __init__(self, process: Process, log: Path) -> None:
        """`process` leads a process group; `log` is where it says what it says."""
        self.process, self.log = process, log

    def wait(self) -> int:
        """Until the command ends; returns its code, and ends what is left of its process group."""
        try:
            return self.process.wait(240)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


StartRun = Callable[[Sequence[str], Path], Started]


def run_of_singles(begin: Start, arguments: Sequence[str], log: Path) -> Started:
    """A run that is on, one design a batch."""
    with log.open("wb") as file:
        process = begin(*arguments, out=file, STYLEMILL_BATCH="1", STYLEMILL_COMMIT_SECONDS="0.01")
    return Started(process, log)


@pytest.fixture
def start_run(start: Start) -> StartRun:
    """Start a run, to be caught in the middle: of its arguments, with a file for what it says."""
    return partial(run_of_singles, start)
