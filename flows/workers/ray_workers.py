"""Workers on a Ray cluster: a shard is a Ray task that asks for its GPUs.

Ray finds the machine and keeps the process, with its encoder, for the next shard. Tasks work with the
run's settings: places and paths of weights must mean the same on every node. Credentials are not sent:
nodes have their own.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flows.errors import SettingsError, StoppedError, WorkerLostError
from flows.painting.designing import OnAdvance, Outcome
from flows.run.planning import DesignJob
from flows.run.preparing import Place
from flows.settings import Settings
from flows.workers.processes import make_apart

GRACE = 60.0
"""Seconds that interrupted tasks have to file what is finished."""


@contextmanager
def on_ray(place: Place, settings: Settings, on_advance: OnAdvance) -> Iterator["OnRay"]:
    """Workers of the cluster that the settings name; a local one is started and ended with the block."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            "STYLEMILL_RAY is set, but Ray is not installed: pip install -c constraints.txt -e '.[ray]'."
        ) from error
    local = settings.ray == "local"
    try:
        # Named, because RAY_ADDRESS would make another of "none".
        cluster = {"address": "local", "include_dashboard": False} if local else {"address": settings.ray}
        with _signals_kept():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **cluster)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"The Ray cluster '{settings.ray}' cannot be joined: {str(error).splitlines()[0]}. Check STYLEMILL_RAY"
            " (auto, local or an address)."
        ) from error
    workers = OnRay(place, settings, on_advance)
    try:
        yield workers
    finally:
        workers.rest()
        ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself, and ends the process at once; a run has designs to file first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class OnRay:
    """Tasks of a cluster."""

    def __init__(self, place: Place, settings: Settings, on_advance: OnAdvance) -> None:
        """Of a cluster that was joined."""
        self._place, self._settings, self._on_advance = place, settings, on_advance
        self.seats = settings.workers or _room(settings.ray_gpus)
        self.batch = settings.batch or (16 if settings.ray_gpus else 1)
        import ray

        # max_calls: Ray would end a process that used a GPU after every task, and its encoder with it.
        asked = ray.remote(num_gpus=settings.ray_gpus, num_cpus=1, max_calls=0, max_retries=0)
        self._make: Any = asked(_make)
        self._lock = threading.Lock()
        self._stopped = False
        self._in_work: set[Any] = set()

    def make(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make a shard wherever the cluster has room; the bar moves when it is done."""
        import ray
        from ray.exceptions import RayError, RayTaskError, TaskCancelledError

        with self._lock:
            if self._stopped:
                raise StoppedError("The run was told to stop.")
            task = self._make.remote(self._place, self._settings, jobs, shard)
            self._in_work.add(task)
        # A shard's progress is told at its end: the clock of the rate begins here.
        self._on_advance(0.0)
        try:
            outcome: Outcome = ray.get(task)
        except RayTaskError as error:
            raise error.cause from error
        except TaskCancelledError as error:
            raise StoppedError("The run was told to stop.") from error
        except RayError as error:
            raise WorkerLostError(
                f"A Ray worker was lost while it made designs of style {jobs[0].style.style_id}:"
                f" {str(error).splitlines()[0]}"
            ) from error
        finally:
            with self._lock:
                # What was told to stop is waited for, though nobody takes its outcome.
                if not self._stopped:
                    self._in_work.discard(task)
        self._on_advance(len(outcome.settled))
        return outcome

    def stop(self) -> None:
        """Interrupt every task: each files what is finished; `rest` waits for that."""
        import ray

        with self._lock:
            if not self._stopped:
                for task in self._in_work:
                    ray.cancel(task)
            self._stopped = True

    def rest(self) -> None:
        """Wait until no task is at work any more, for `GRACE` seconds at most."""
        import ray

        with self._lock:
            tasks = list(self._in_work)
        if tasks:
            ray.wait(tasks, num_returns=len(tasks), timeout=GRACE)


def _make(place: Place, settings: Settings, jobs: Sequence[DesignJob], shard: str) -> Outcome:
    return make_apart(place, settings, jobs, shard, lambda _designs: None)


def _room(gpus: float) -> int:
    """Workers that the cluster has room for now."""
    import ray

    there = ray.cluster_resources()  # type: ignore[no-untyped-call]
    room = int(there.get("GPU", 0) / gpus) if gpus else int(there.get("CPU", 0))
    if not room:
        raise SettingsError(
            f"The Ray cluster has no worker with {gpus:g} GPUs now: set STYLEMILL_WORKERS to as many as it grows to,"
            " or STYLEMILL_RAY_GPUS=0 to work on its CPUs."
        )
    return room
