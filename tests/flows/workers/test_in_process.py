"""Several workers make what one makes; one that is lost costs its shard some time and nothing else."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from flows.workers.fan_out import worker_devices
from flows.workers.in_process import InProcessWorker
from tests.conftest import TINY_RECIPE, Run, StartRun
from tests.flows.test_killed_runs import arguments, pictures, records, wait_for_pictures

__all__ = ["arguments"]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Sums in another order are other sums: with one thread each, all workers add alike."""


@pytest.mark.parametrize(
    ("device", "workers", "gpus", "expected"),
    [
        ("cpu", 0, 0, ["cpu"]),
        ("cpu", 3, 0, ["cpu", "cpu", "cpu"]),
        ("cuda", 0, 1, ["cuda:0"]),
        ("cuda", 0, 4, ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]),
        ("cuda", 3, 2, ["cuda:0", "cuda:1", "cuda:0"]),
        ("cuda:1", 0, 4, ["cuda:1"]),
        ("cuda:1", 2, 4, ["cuda:1", "cuda:1"]),
    ],
)
def test_a_device_for_each(
    device: str, workers: int, gpus: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no number is given there is a worker a GPU; a device that is named is the only one."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert worker_devices(device, workers) == expected


def report(designs: Path) -> dict:
    """The report of the one run."""
    (path,) = (designs / "runs").rglob("report.json")
    return json.loads(path.read_text())


def digests(designs: Path) -> dict[str, str]:
    """Digests of the pictures by design."""
    frame = records(designs)
    return dict(zip(frame["design_id"], frame["image_sha256"], strict=True))


def children(pid: int) -> list[int]:
    """Worker processes of a run."""
    found = []
    threads = Path(f"/proc/{pid}/task").iterdir()
    for child in " ".join((thread / "children").read_text() for thread in threads).split():
        command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        # multiprocessing's own resource tracker is a child as well.
        if any(part.startswith(b"from multiprocessing.spawn") for part in command):
            found.append(int(child))
    return found


def end_of(pid: int, seconds: float = 60) -> None:
    """Until a process is gone."""
    until = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.05)


def test_processes_make_what_one_makes(arguments: list[str], tmp_path: Path, stylemill: Run) -> None:
    """Two processes make the very same pictures as one, each some of them, and the report says which."""
    Path(arguments[-1]).write_text(TINY_RECIPE)
    one = stylemill(*arguments, **ONE_THREAD)
    assert one.returncode == 0, one.stderr
    several = [*arguments, "--workers", "2"]
    several[several.index(f"{tmp_path}/designs")] = f"{tmp_path}/others"
    two = stylemill(*several, **ONE_THREAD)
    assert two.returncode == 0, two.stderr
    assert "16 new designs" in two.stdout
    assert digests(tmp_path / "others") == digests(tmp_path / "designs")
    shares = report(tmp_path / "others")["workers"]
    assert len(shares) == 2
    assert sum(share["designs"] for share in shares) == 16
    assert all(0 < share["busy_share"] <= 1 for share in shares)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by /proc")
def test_a_killed_worker_is_followed_by_another(
    arguments: list[str], tmp_path: Path, start_run: StartRun
) -> None:
    """A worker that is killed in the middle loses its shard to the others, and the run ends with every design."""
    designs = tmp_path / "designs"
    run = start_run([*arguments, "--workers", "2"], tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    first = children(run.process.pid)
    os.kill(first[0], signal.SIGKILL)
    assert run.wait() == 0, run.log.read_text()
    assert len(records(designs)) == 16
    done = report(designs)
    assert (done["made"], done["failures"]) == (16, [])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by /proc")
def test_workers_of_a_killed_run_end(
    arguments: list[str], tmp_path: Path, stylemill: Run, start_run: StartRun
) -> None:
    """Workers whose run was killed file what is finished and end; the next run makes the rest at once."""
    designs = tmp_path / "designs"
    run = start_run([*arguments, "--workers", "2"], tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    workers = children(run.process.pid)
    assert len(workers) == 2
    run.process.kill()
    run.process.wait()
    for worker in workers:
        end_of(worker)
    run.wait()
    assert len(records(designs)) == len(pictures(designs)), "every finished picture has its record"
    rerun = stylemill(*arguments)
    assert rerun.returncode == 0, rerun.stderr
    assert len(records(designs)) == 16


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_stopped_by_a_signal(
    arguments: list[str], tmp_path: Path, number: signal.Signals, start_run: StartRun
) -> None:
    """Ctrl-C and SIGTERM to the run reach its workers: they file what is finished, and all end."""
    designs = tmp_path / "designs"
    run = start_run([*arguments, "--workers", "2"], tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    run.process.send_signal(number)
    code, said = run.wait(), run.log.read_text()
    assert code == 130, said
    assert "Traceback" not in said
    assert len(records(designs)) == len(pictures(designs)) < 16
    assert report(designs)["state"] == "interrupted"


@pytest.mark.usefixtures("shared_prefect")
def test_a_shard_that_loses_every_worker(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a shard whose worker is lost each time the designs are tried alone; the one that does it is put aside."""
    from flows.errors import WorkerLostError
    from flows.orchestration import stylize_catalog as module

    real = InProcessWorker.make_designs

    def make(self, jobs, shard):
        if any((job.garment.garment_id, job.style.style_id) == ("g2", "s1") for job in jobs):
            raise WorkerLostError("The worker process on cpu ended.")
        return real(self, jobs, shard)

    monkeypatch.setattr(InProcessWorker, "make_designs", make)
    monkeypatch.setattr(module.stylize_shard, "retry_delay_seconds", [0, 0, 0])
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    done = module.stylize_catalog(
        garments=options["--garments"],
        styles=options["--styles"],
        designs=options["--designs"],
        recipe=options["--recipe"],
    )
    assert (done["made"], done["rejected"]) == (15, 1)
    (failure,) = report(tmp_path / "designs")["failures"]
    assert (failure["garment_id"], failure["style_id"]) == ("g2", "s1")
    assert "lost 4 times" in failure["reason"]
