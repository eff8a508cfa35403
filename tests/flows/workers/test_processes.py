"""Seats whose process is lost, stopped, or never comes."""

import threading
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from flows.errors import DeviceLostError, StoppedError, WorkerLostError
from flows.planning.make_plan import make_plan
from flows.planning.plan import DesignJob
from flows.planning.run_config import RunConfig, resolve_run_config
from flows.planning.selection import Selection
from flows.settings import Settings
from flows.workers import processes
from flows.workers.processes import WorkerProcesses


@pytest.fixture
def work(catalog: Path, tmp_path: Path) -> tuple[RunConfig, list[DesignJob]]:
    """A run's configuration and the jobs of one style."""
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), device="cpu",
    )  # fmt: skip
    config = resolve_run_config(settings)
    return config, list(make_plan(config, Selection(style_sets=("set-1",))).jobs)


def test_a_device_that_is_gone_is_given_up(work: tuple[RunConfig, list[DesignJob]]) -> None:
    """A slot whose device cannot be used loses its process each time; when all slots do, the run ends with it."""
    config, jobs = work
    told: list[float] = []
    with WorkerProcesses(config, ["cuda:7"], told.append) as workers:
        slot = workers._slots[0]
        slot.losses = processes.LOSSES
        with pytest.raises(WorkerLostError, match="cuda:7"):
            workers.make_designs(jobs, "shard 1")
        with pytest.raises(DeviceLostError, match="again and again"):
            workers.make_designs(jobs, "shard 1")
        with pytest.raises(DeviceLostError):
            workers.make_designs(jobs, "shard 2")


def test_one_of_two_slots_is_given_up(
    work: tuple[RunConfig, list[DesignJob]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one slot only loses processes, the other makes all that follows."""
    config, jobs = work
    made: list[str] = []

    class Broken:
        """An executor whose process dies."""

        def submit(self, *_arguments: object) -> None:
            """Die."""
            raise BrokenProcessPool

        def shutdown(self) -> None:
            """Nothing to end."""

    workers = WorkerProcesses(config, ["cpu", "cpu"], lambda _designs: None)
    bad, good = workers._slots
    monkeypatch.setattr(bad, "_running", Broken)
    monkeypatch.setattr(good, "make_designs", lambda _jobs, shard: made.append(shard))
    lost = 0
    for number in range(20):
        try:
            workers.make_designs(jobs, str(number))
        except WorkerLostError:
            lost += 1
    assert lost == processes.LOSSES + 1
    assert len(made) == 20 - lost


def test_nothing_starts_after_the_end(work: tuple[RunConfig, list[DesignJob]]) -> None:
    """A shard that comes when the workers were stopped or closed is refused, and no process is started for it."""
    config, jobs = work
    workers = WorkerProcesses(config, ["cpu"], lambda _designs: None)
    with workers:
        pass
    before = threading.active_count()
    with pytest.raises(StoppedError):
        workers.make_designs(jobs, "late")
    assert threading.active_count() == before
    assert workers._slots[0]._executor is None


def test_progress_of_a_lost_process_is_taken_back(
    work: tuple[RunConfig, list[DesignJob]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process told of its shard before it died is taken back, so that the bar ends where it should."""
    config, jobs = work
    told: list[float] = []
    workers = WorkerProcesses(config, ["cpu"], told.append)
    (slot,) = workers._slots

    class Dying:
        """An executor whose process tells and dies."""

        def submit(self, *_arguments: object) -> None:
            """Tell, and die."""
            slot._advance(0.5)
            slot._advance(0.25)
            raise BrokenProcessPool

    monkeypatch.setattr(slot, "_running", Dying)
    with pytest.raises(WorkerLostError):
        workers.make_designs(jobs, "shard 1")
    assert sum(told) == 0
