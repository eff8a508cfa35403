"""A run that is killed loses nothing and doubles nothing; neither do two runs at once."""

import hashlib
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from tests.conftest import Run, Start, Started, StartRun, run_of_singles, write_catalog

SLOW = "canvas = [128, 96]\nlevels = [[0.5, 12], [1.0, 12]]\n"
"""Slow enough that a run can be caught in the middle."""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """A run of 16 designs."""
    folder = write_catalog(tmp_path / "in", garments=4, styles=4)
    (folder / "slow.toml").write_text(SLOW)
    return [
        "run", "--garments", f"{folder}/garments", "--styles", f"{folder}/styles",
        "--designs", f"{tmp_path}/designs", "--recipe", f"{folder}/slow.toml",
    ]  # fmt: skip


def pictures(designs: Path) -> list[Path]:
    """Pictures that are there, finished or not."""
    return list((designs / "images").rglob("*.png")) if (designs / "images").exists() else []


def wait_for_pictures(designs: Path, count: int, run: Started) -> None:
    """Until so many pictures are there."""
    until = time.monotonic() + 120
    while len(pictures(designs)) < count:
        assert run.process.poll() is None, run.log.read_text()
        assert time.monotonic() < until, "the run made no picture in time"
        time.sleep(0.02)


def records(designs: Path) -> pd.DataFrame:
    """The catalog's records; each has its picture with the right digest."""
    frame = DesignCatalog(open_store(str(designs))).read().to_pandas()
    for row in frame.itertuples():
        assert hashlib.sha256((designs / row.image).read_bytes()).hexdigest() == row.image_sha256
    assert frame["design_id"].is_unique
    return frame


def test_sigkill_in_the_middle(
    arguments: list[str], tmp_path: Path, stylemill: Run, start_run: StartRun
) -> None:
    """After SIGKILL every record has its picture, and the next run ends with every design once."""
    designs = tmp_path / "designs"
    run = start_run(arguments, tmp_path / "log")
    wait_for_pictures(designs, 5, run)
    run.process.kill()
    run.wait()
    after_kill = records(designs)
    assert 0 < len(after_kill) < 16
    rerun = stylemill(*arguments)
    assert rerun.returncode == 0, rerun.stderr
    assert f"{16 - len(after_kill)} new designs, {len(after_kill)} already there" in rerun.stdout
    assert len(records(designs)) == 16
    assert not list(designs.rglob(".partial-*")), "half-written files"


def servers_of(process: int) -> list[int]:
    """Prefect's temporary servers that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process and "uvicorn" in (path / "cmdline").read_text():
                found.append(int(path.name))
    return found


def serves(process: int) -> bool:
    """Whether a process is there, and not one that nobody has waited for."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_text())
    except OSError:
        return False


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux has handles of processes")
def test_the_temporary_server_ends_with_a_killed_run(
    arguments: list[str], tmp_path: Path, start_unserved: Start
) -> None:
    """Prefect's temporary server does not outlive a run that is killed."""
    run = run_of_singles(start_unserved, arguments, tmp_path / "log")
    wait_for_pictures(tmp_path / "designs", 1, run)
    (server,) = servers_of(run.process.pid)
    run.process.kill()
    until = time.monotonic() + 20
    while serves(server):
        assert time.monotonic() < until, "the server listens still"
        time.sleep(0.1)
    run.wait()


def test_interrupt_leaves_a_clean_state(
    arguments: list[str], tmp_path: Path, stylemill: Run, start_run: StartRun
) -> None:
    """Ctrl-C files what is finished, says so, exits with 130, and the next run makes the rest."""
    designs = tmp_path / "designs"
    run = start_run(arguments, tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    run.process.send_signal(signal.SIGINT)
    code, said = run.wait(), (tmp_path / "log").read_text()
    assert code == 130, said
    assert "run the same command to go on" in said
    assert "Traceback" not in said
    filed = records(designs)
    assert f"{len(filed)} of 16 designs made." in said
    (page,) = designs.glob("runs/*/report.html")
    assert re.search(rf"^Report: +{page}$", said, re.MULTILINE), said
    assert len(filed) == len(pictures(designs)), "every finished picture has its record"
    (report,) = (designs / "runs").rglob("report.json")
    assert '"state": "interrupted"' in report.read_text()
    rerun = stylemill(*arguments)
    assert rerun.returncode == 0, rerun.stderr
    assert len(records(designs)) == 16


def test_two_runs_at_once(arguments: list[str], tmp_path: Path, start_run: StartRun) -> None:
    """Two runs on one catalog at once both end well, and every design is there once."""
    both = [start_run(arguments, tmp_path / f"log{n}") for n in range(2)]
    assert [run.wait() for run in both] == [0, 0], [run.log.read_text() for run in both]
    assert len(records(tmp_path / "designs")) == 16
