"""Workers on a Ray cluster: a shard is a Ray task that asks for its GPUs.

Ray finds the machine and keeps the process, with its encoder, for the next shard. Tasks work with the
run's settings: addresses of catalogs and paths of weights must mean the same on every node. Credentials are not
sent: nodes have their own.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flows.errors import SettingsError, StoppedError, WorkerLostError
from flows.painting.outcome import OnAdvance, Outcome
from flows.planning.plan import DesignJob
from flows.planning.run_config import RunConfig
from flows.workers.processes import make_designs_apart

GRACE = 60.0
"""Seconds that interrupted tasks have to file what is finished."""


@contextmanager
def join_cluster(config: RunConfig, on_advance: OnAdvance) -> Iterator["RayWorkers"]:
    """Join the cluster that the settings name, until the block ends; a local cluster is started and ended.

    SettingsError where Ray is not installed, or the cluster cannot be joined or has no room for a worker.
    """
    settings = config.settings
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            "STYLEMILL_RAY is set, but Ray is not installed: pip install -c constraints.txt -e '.[ray]'."
        ) from error
    local = settings.ray == "local"
    try:
        # "local" is named, as without an address RAY_ADDRESS would name a cluster.
        cluster = {"address": "local", "include_dashboard": False} if local else {"address": settings.ray}
        with _keep_signal_handler():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **cluster)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"The Ray cluster '{settings.ray}' cannot be joined: {str(error).splitlines()[0]}. Check STYLEMILL_RAY"
            " (auto, local or an address)."
        ) from error
    workers = RayWorkers(config, on_advance)
    try:
        yield workers
    finally:
        workers.wait_for_tasks()
        ray.shutdown()


@contextmanager
def _keep_signal_handler() -> Iterator[None]:
    """Keep the handler of SIGTERM: Ray's own ends the process at once, before finished designs are filed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class RayWorkers:
    """Workers of a Ray cluster; a shard is one task."""

    def __init__(self, config: RunConfig, on_advance: OnAdvance) -> None:
        """Prepare the task on the cluster that was joined; SettingsError where it has no room for a worker."""
        settings = config.settings
        self._config, self._on_advance = config, on_advance
        self.concurrent_shards = settings.workers or _count_workers(settings.ray_gpus)
        self.batch = settings.batch or (16 if settings.ray_gpus else 1)
        import ray

        # max_calls: Ray would end a process that used a GPU after every task, and its encoder with it.
        as_task = ray.remote(num_gpus=settings.ray_gpus, num_cpus=1, max_calls=0, max_retries=0)
        self._task: Any = as_task(_make_in_task)
        self._lock = threading.Lock()
        self._stopped = False
        self._in_work: set[Any] = set()

    def make_designs(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make a shard's designs wherever the cluster has room; progress is reported when the shard is done.

        WorkerLostError where the worker was lost; StoppedError where the run was told to stop.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError, TaskCancelledError

        with self._lock:
            if self._stopped:
                raise StoppedError("The run was told to stop.")
            task = self._task.remote(self._config, jobs, shard)
            self._in_work.add(task)
        # Progress comes at the shard's end, but the clock of the rate begins here.
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
                # A stopped task is waited for, though nobody takes its outcome.
                if not self._stopped:
                    self._in_work.discard(task)
        self._on_advance(len(outcome.settled))
        return outcome

    def stop(self) -> None:
        """Interrupt every task: each files what is finished, and `wait_for_tasks` waits for that."""
        import ray

        with self._lock:
            if not self._stopped:
                for task in self._in_work:
                    ray.cancel(task)
            self._stopped = True

    def wait_for_tasks(self) -> None:
        """Wait until no task is at work any more, for `GRACE` seconds at most."""
        import ray

        with self._lock:
            tasks = list(self._in_work)
        if tasks:
            ray.wait(tasks, num_returns=len(tasks), timeout=GRACE)


def _make_in_task(config: RunConfig, jobs: Sequence[DesignJob], shard: str) -> Outcome:
    return make_designs_apart(config, jobs, shard, lambda _designs: None)


def _count_workers(gpus: float) -> int:
    """How many workers the cluster has room for now; SettingsError where it has none."""
    import ray

    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    room = int(resources.get("GPU", 0) / gpus) if gpus else int(resources.get("CPU", 0))
    if not room:
        raise SettingsError(
            f"The Ray cluster has no worker with {gpus:g} GPUs now: set STYLEMILL_WORKERS to as many as it grows to,"
            " or STYLEMILL_RAY_GPUS=0 to work on its CPUs."
        )
    return room
