"""What all tests share: real servers, small catalogs, the assets where they are."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
from PIL import Image

import flows  # noqa: F401 - before torch: it tells OpenMP's threads not to spin, as in the product
from benchmarks.prefect_server import free_port, stop, wait_for

ROOT = Path(__file__).parents[1]
TINY_RECIPE = "canvas = [96, 80]\nlevels = [[0.5, 3], [1.0, 3]]\n"


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


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Three garments and three styles, and a tiny recipe, in a folder."""
    write_catalog(tmp_path / "in")
    (tmp_path / "in" / "tiny.toml").write_text(TINY_RECIPE)
    return tmp_path / "in"


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stylemill() -> Run:
    """The command as a user runs it, in a process of its own."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flows.command.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={**os.environ, **environment},
            cwd=ROOT,
        )

    return run
