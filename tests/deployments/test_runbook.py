"""The runbook's commands, as they stand there, run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import boto3
import pytest

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from tests.conftest import ROOT, TINY_RECIPE, free_port, stop, wait_for
from tests.conftest import write_catalog as draw_catalog

RUNBOOK = ROOT / "deployments" / "runbook.md"
ENDLESS = ("prefect server start", "prefect worker start")
ELSEWHERE = {
    "aws s3 cp": "Amazon's command; the test copies with boto3",
    "export AWS_ENDPOINT_URL=": "a server that is not there; the test has its own",
    "export PREFECT_SERVER_DATABASE": "PostgreSQL; tests/flows/test_deployment.py has one where it is installed",
}
"""Commands that are not run here, and why."""


def commands() -> list[str]:
    """Every command of the runbook, in its order."""
    return re.findall(r"^ +\$ (.+)$", RUNBOOK.read_text(), re.MULTILINE)


class Terminal:
    """A shell whose exports stay; what never returns runs on in the background."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        """In the repository's folder; `folder` takes what is said."""
        self.environment, self._folder = environment, folder
        self.background: list[subprocess.Popen[bytes]] = []

    def run(self, command: str) -> str:
        """What a command says; it must end well."""
        if command.startswith("export "):
            for word in shlex.split(command.removeprefix("export ")):
                name, _, value = word.partition("=")
                self.environment[name] = value.replace("$PWD", str(ROOT))
            return ""
        if command.startswith(ENDLESS):
            with (self._folder / f"{len(self.background)}.log").open("wb") as log:
                process = subprocess.Popen(
                    shlex.split(command), cwd=ROOT, env=self.environment, stdout=log, stderr=log
                )
            self.background.append(process)
            return ""
        done = subprocess.run(
            shlex.split(command), cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
            timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """One terminal for all of the page; what it started is ended afterwards."""
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "OMP_NUM_THREADS": "1",
        # The worker looks for runs every 10 s otherwise, and a landed set takes two of them.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }
    own = Terminal(environment, tmp_path)
    yield own
    for process in reversed(own.background):
        stop(process)


def here(command: str, bucket: str, folder: Path, port: int) -> str:
    """A command with this test's bucket, folder, port and quick recipe in place of the page's."""
    return (
        command.replace("s3://looks", f"s3://{bucket}")
        .replace("./autumn-26", str(folder / "autumn-26"))
        .replace("4200", str(port))
        .replace("STYLEMILL_RECIPE=house", f"STYLEMILL_RECIPE={folder / 'tiny.toml'}")
    )


def upload(folder: Path, bucket: str, prefix: str) -> None:
    """Copy a folder into the bucket."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            boto3.client("s3").upload_file(str(path), bucket, key)


def test_every_command_runs(s3: str, tmp_path: Path, terminal: Terminal) -> None:
    """From the first run to the last upkeep: every command ends well, and the landed set has its designs."""
    draw_catalog(tmp_path / "in")
    (tmp_path / "tiny.toml").write_text(TINY_RECIPE)
    for name in ("garments", "styles"):
        upload(tmp_path / "in" / name, s3, name)
    autumn = tmp_path / "autumn-26"
    autumn.mkdir()
    (autumn / "leaves.png").write_bytes((tmp_path / "in" / "styles" / "s0.png").read_bytes())
    (autumn / "catalog.csv").write_text("style_id,image\nleaves,leaves.png\n")
    # The first lines of the page are before the recipe is named.
    terminal.environment["STYLEMILL_RECIPE"] = str(tmp_path / "tiny.toml")
    port, ran = free_port(), []
    for command in commands():
        if command.startswith(tuple(ELSEWHERE)):
            if command.startswith("aws s3 cp"):
                upload(autumn, s3, "styles/autumn-26")
            continue
        terminal.run(here(command, s3, tmp_path, port))
        ran.append(command)
        if command.startswith("prefect server start"):
            wait_for(f"http://127.0.0.1:{port}/api/health", terminal.background[0], 120)
        if command.startswith("prefect worker start"):
            wait_for_pool(port)
        if command.startswith("stylemill landed"):
            wait_for_designs(s3, "autumn-26", 3)
    assert len(ran) >= 25
    table = DesignCatalog(open_store(f"s3://{s3}/designs")).read(["garment_id", "style_id"]).to_pandas()
    assert len(table) == 12
    assert not table.duplicated().any()


def test_the_rehearsals_catalog_can_be_used(tmp_path: Path, sample: Path) -> None:
    """What the page draws to try it all on one machine can be sealed, and then lands beside the sample's styles."""
    # What is drawn is not drawn again.
    shutil.copytree(sample, tmp_path / "looks")
    (block,) = re.findall(r"```bash\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = (
        f"set -e\n{block}stylemill seal ./autumn-26\ncp -r autumn-26 looks/styles/\n"
        "stylemill check --garments looks/garments --styles looks/styles"
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "9 styles can be used, 0 cannot" in done.stdout


def wait_for_pool(port: int) -> None:
    """Until the worker has made its pool."""
    until = time.monotonic() + 120
    while True:
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/work_pools/stylemill", timeout=10)
            return
        assert time.monotonic() < until, "the worker made no pool"
        time.sleep(1)


def wait_for_designs(bucket: str, style_set: str, count: int) -> None:
    """Until a set has its designs."""
    until = time.monotonic() + 240
    while True:
        sets = (
            DesignCatalog(open_store(f"s3://{bucket}/designs")).read(["style_set"])["style_set"].to_pylist()
        )
        if sets.count(style_set) == count:
            return
        assert time.monotonic() < until, f"the designs of {style_set} did not come"
        time.sleep(1)


def test_every_command_is_known() -> None:
    """A command that cannot run here is one of those that we know of, with the reason."""
    programs = {"stylemill", "prefect", "export"}
    strange = [c for c in commands() if c.split()[0] not in programs and not c.startswith(tuple(ELSEWHERE))]
    assert not strange
