"""The deployments deploy on a real Prefect server, and a landed style set starts a run for it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogs.designs import DesignCatalog
from catalogs.stores import open_store
from tests.conftest import ROOT, TINY_RECIPE, free_port, stop, wait_for, write_catalog

PREFECT = str(Path(sys.executable).with_name("prefect"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What the runbook exports."""
    write_catalog(tmp_path / "in")
    (tmp_path / "tiny.toml").write_text(TINY_RECIPE)
    return {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "STYLEMILL_HOME": str(ROOT),
        "STYLEMILL_GARMENTS": str(tmp_path / "in" / "garments"),
        "STYLEMILL_STYLES": str(tmp_path / "in" / "styles"),
        "STYLEMILL_DESIGNS": str(tmp_path / "designs"),
        "STYLEMILL_RECIPE": str(tmp_path / "tiny.toml"),
    }


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """A Prefect server with both deployments and a process worker; ended afterwards."""
    port = free_port()
    url = environment["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    with (tmp_path / "server.log").open("wb") as log:
        command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"{url}/health", process, 120)
            _prefect(environment, "work-pool", "create", "stylemill", "--type", "process")
            _prefect(
                environment, "--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"
            )
            worker = subprocess.Popen(
                [PREFECT, "worker", "start", "--pool", "stylemill"],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
            try:
                yield url
            finally:
                stop(worker)
        finally:
            stop(process)


def test_schedule_shows_and_the_event_starts_a_run(
    server: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """The cron schedule is there; `landed` starts a run that makes exactly the set's designs, once."""
    (nightly,) = [d for d in _ask(server, "deployments/filter") if d["name"] == "nightly"]
    assert nightly["schedules"][0]["schedule"]["cron"] == "0 2 * * *"
    assert nightly["schedules"][0]["active"]

    _landed(environment)
    _wait_for_runs(server, 1, tmp_path)
    made = _designs(tmp_path)
    assert made == {(f"g{g}", "s1") for g in range(3)}, "set-1 holds s1 alone"

    _landed(environment)
    (again,) = [run for run in _wait_for_runs(server, 2, tmp_path) if run["name"] == "landed set-1"][:1]
    assert again["parameters"]["style_sets"] == "set-1"
    assert _designs(tmp_path) == made
    assert len(list((tmp_path / "designs" / "runs").iterdir())) == 1, "the second run had nothing to make"


def _landed(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "flows.cli", "landed", "set-1"]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=60)


def _prefect(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [PREFECT, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _ask(url: str, path: str) -> list[dict]:
    request = urllib.request.Request(
        f"{url}/{path}", b"{}", {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _wait_for_runs(url: str, count: int, tmp_path: Path) -> list[dict]:
    until = time.monotonic() + 150
    while time.monotonic() < until:
        runs = [run for run in _ask(url, "flow_runs/filter") if run["name"].startswith("landed")]
        if len([run for run in runs if run["state_type"] == "COMPLETED"]) == count:
            return runs
        failed = [run["state"]["message"] for run in runs if run["state_type"] in ("FAILED", "CRASHED")]
        assert not failed, (failed, (tmp_path / "server.log").read_text()[-3000:])
        time.sleep(1)
    raise AssertionError(
        f"no {count} completed runs in time: {(tmp_path / 'server.log').read_text()[-3000:]}"
    )


def _designs(tmp_path: Path) -> set[tuple[str, str]]:
    table = DesignCatalog(open_store(str(tmp_path / "designs"))).read(["garment_id", "style_id"]).to_pandas()
    assert not table.duplicated().any()
    return set(zip(table["garment_id"], table["style_id"], strict=True))
