"""Where a run's shards are made: its own process, processes of the machine, or a Ray cluster.

Which of them, the settings say; what is made is the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from flows.painting.designing import OnAdvance
from flows.run.preparing import Place
from flows.settings import Settings
from flows.workers.in_process import Here, Workers
from flows.workers.processes import Processes


@contextmanager
def open_workers(place: Place, settings: Settings, on_advance: OnAdvance) -> Iterator[Workers]:
    """The workers that the settings ask for, until the block ends."""
    if settings.ray:
        from flows.workers.ray_workers import on_ray

        with on_ray(place, settings, on_advance) as workers:
            yield workers
        return
    devices = seats_on(place.device, settings.workers)
    if len(devices) == 1:
        yield Here(place, settings, on_advance)
        return
    with Processes(place, settings, devices, on_advance) as workers:
        yield workers


def seats_on(device: str, workers: int) -> list[str]:
    """The device of each worker on this machine: `workers` of them, or one a GPU where that is 0.

    Several workers on one device are worth it where one does not fill it.
    """
    gpus = torch.cuda.device_count() if device == "cuda" else 0
    devices = [f"cuda:{number}" for number in range(gpus)] or [device]
    return [devices[number % len(devices)] for number in range(workers or len(devices))]
