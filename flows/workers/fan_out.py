"""The workers that the settings ask for: the run's own process, processes of this machine, or a Ray cluster.

All of them make the same designs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from flows.painting.outcome import OnAdvance
from flows.planning.run_config import RunConfig
from flows.workers.in_process import InProcessWorker, Workers
from flows.workers.processes import WorkerProcesses


@contextmanager
def open_workers(config: RunConfig, on_advance: OnAdvance) -> Iterator[Workers]:
    """Open the workers that the settings ask for, until the block ends.

    SettingsError where the Ray cluster cannot be joined; WeightsError where a worker in this process has no weights.
    """
    if config.settings.ray:
        from flows.workers.ray_workers import join_cluster

        with join_cluster(config, on_advance) as workers:
            yield workers
        return
    devices = worker_devices(config.device, config.settings.workers)
    if len(devices) == 1:
        yield InProcessWorker(config, on_advance)
        return
    with WorkerProcesses(config, devices, on_advance) as workers:
        yield workers


def worker_devices(device: str, workers: int) -> list[str]:
    """Return the device of each worker on this machine: `workers` of them, or, where that is 0, one for each GPU.

    Several workers on one device are useful where one worker does not fill it.
    """
    gpus = torch.cuda.device_count() if device == "cuda" else 0
    devices = [f"cuda:{number}" for number in range(gpus)] or [device]
    return [devices[number % len(devices)] for number in range(workers or len(devices))]
