"""Seats whose process is lost, stopped, or never comes."""

import threading
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from flows.errors import DeviceLostError, StoppedError, WorkerLostError
from flows.run.planning import DesignJob
from flows.run.preparing import Place, make_plan, resolve_place
from flows.settings import Settings
from flows.workers import processes
from flows.workers.processes import Processes


@pytest.fixture
def work(catalog: Path, tmp_path: Path) -> tuple[Place, Settings, list[DesignJob]]:
    """A place and the jobs of one style."""
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), device="cpu",
    )  # fmt: skip
    place = resolve_place(settings)
    return place, settings, list(make_plan(place, settings, ["set-1"]).jobs)


def test_a_device_that_is_gone_is_given_up(work: tuple[Place, Settings, list[DesignJob]]) -> None:
    """A seat whose device cannot be used loses its process each time; when all seats do, the run is told."""
    place, settings, jobs = work
    told: list[float] = []
    with Processes(place, settings, ["cuda:7"], told.append) as workers:
        seat = workers._all[0]
        seat.losses = processes.LOSSES
        with pytest.raises(WorkerLostError, match="cuda:7"):
            workers.make(jobs, "shard 1")
        with pytest.raises(DeviceLostError, match="again and again"):
            workers.make(jobs, "shard 1")
        with pytest.raises(DeviceLostError):
            workers.make(jobs, "shard 2")


def test_one_of_two_seats_is_given_up(
    work: tuple[Place, Settings, list[DesignJob]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one seat only loses processes, the other makes all that follows."""
    place, settings, jobs = work
    made: list[str] = []

    class Broken:
        """An executor whose process dies."""

        def submit(self, *_arguments: object) -> None:
            """Die."""
            raise BrokenProcessPool

        def shutdown(self) -> None:
            """Nothing to end."""

    workers = Processes(place, settings, ["cpu", "cpu"], lambda _designs: None)
    bad, good = workers._all
    monkeypatch.setattr(bad, "_running", Broken)
    monkeypatch.setattr(good, "make", lambda _jobs, shard: made.append(shard))
    lost = 0
    for number in range(20):
        try:
            workers.make(jobs, str(number))
        except WorkerLostError:
            lost += 1
    assert lost == processes.LOSSES + 1
    assert len(made) == 20 - lost


def test_nothing_starts_after_the_end(work: tuple[Place, Settings, list[DesignJob]]) -> None:
    """A shard that comes when the workers were stopped or closed is refused, and no process is started for it."""
    place, settings, jobs = work
    workers = Processes(place, settings, ["cpu"], lambda _designs: None)
    with workers:
        pass
    before = threading.active_count()
    with pytest.raises(StoppedError):
        workers.make(jobs, "late")
    assert threading.active_count() == before
    assert workers._all[0]._executor is None


def test_progress_of_a_lost_process_is_taken_back(
    work: tuple[Place, Settings, list[DesignJob]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process told of its shard before it died is taken back, so that the bar ends where it should."""
    place, settings, jobs = work
    told: list[float] = []
    workers = Processes(place, settings, ["cpu"], told.append)
    (seat,) = workers._all

    class Dying:
        """An executor whose process tells and dies."""

        def submit(self, *_arguments: object) -> None:
            """Tell, and die."""
            seat._advance(0.5)
            seat._advance(0.25)
            raise BrokenProcessPool

    monkeypatch.setattr(seat, "_running", Dying)
    with pytest.raises(WorkerLostError):
        workers.make(jobs, "shard 1")
    assert sum(told) == 0
