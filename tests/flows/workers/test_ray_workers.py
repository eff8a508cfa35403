"""Designs made on a Ray cluster: the same ones, also when a worker is killed in the middle."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Run, StartRun
from tests.flows.test_killed_runs import arguments, pictures, records, wait_for_pictures
from tests.flows.workers.test_in_process import ONE_THREAD, digests, report

__all__ = ["arguments"]
pytest.importorskip("ray")
LOCAL = {"STYLEMILL_RAY": "local", "STYLEMILL_RAY_GPUS": "0", "STYLEMILL_WORKERS": "2", **ONE_THREAD}
RAY_PROCESS = b"ray::_make"
"""What Ray calls a process that is at work on a shard."""


def ray_workers(designs: Path) -> list[int]:
    """Ray's processes that are at work on shards of a run that files here."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if (folder / "cmdline").read_bytes().startswith(RAY_PROCESS):
                environment = (folder / "environ").read_bytes()
                if f"TEST_DESIGNS={designs}".encode() in environment:
                    found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_the_same_designs(arguments: list[str], tmp_path: Path, stylemill: Run) -> None:
    """Two workers of a local Ray make the very same pictures as one process, each some of them."""
    one = stylemill(*arguments, **ONE_THREAD)
    assert one.returncode == 0, one.stderr
    elsewhere = [part.replace(f"{tmp_path}/designs", f"{tmp_path}/others") for part in arguments]
    two = stylemill(*elsewhere, **LOCAL)
    assert two.returncode == 0, two.stderr
    assert digests(tmp_path / "others") == digests(tmp_path / "designs")
    shares = report(tmp_path / "others")["workers"]
    assert len(shares) == 2
    assert sum(share["designs"] for share in shares) == 16


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by /proc")
def test_a_killed_ray_worker(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_run: StartRun
) -> None:
    """A Ray worker that is killed in the middle loses its shard to another, and the run ends with every design."""
    designs = tmp_path / "designs"
    for name, value in {**LOCAL, "TEST_DESIGNS": str(designs)}.items():
        monkeypatch.setenv(name, value)
    run = start_run(arguments, tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    until = time.monotonic() + 20
    while not (workers := ray_workers(designs)):
        assert time.monotonic() < until, "no Ray worker is at work"
    os.kill(workers[0], signal.SIGKILL)
    assert run.wait() == 0, run.log.read_text()
    assert len(records(designs)) == 16
    assert report(designs)["failures"] == []


def test_what_cannot_be_joined(arguments: list[str], stylemill: Run) -> None:
    """A cluster that is not there is said at once, with the setting that names it."""
    done = stylemill(*arguments, STYLEMILL_RAY="auto", STYLEMILL_RAY_GPUS="0")
    assert done.returncode == 2, done.stderr
    assert "STYLEMILL_RAY" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_stopped_by_a_signal(
    arguments: list[str],
    tmp_path: Path,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    start_run: StartRun,
) -> None:
    """Ctrl-C and SIGTERM reach Ray's workers: every finished picture has its record, and the run says so."""
    designs = tmp_path / "designs"
    for name, value in LOCAL.items():
        monkeypatch.setenv(name, value)
    run = start_run(arguments, tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    run.process.send_signal(number)
    assert run.wait() == 130, run.log.read_text()
    assert len(records(designs)) == len(pictures(designs)) < 16
    assert report(designs)["state"] == "interrupted"
