"""What makes shards: the contract of workers, and the run's own process as one."""

import os
import platform
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import torch
from structlog.contextvars import bound_contextvars

from flows.errors import DeviceLostError
from flows.painting.designing import Bench, Effort, OnAdvance, Outcome, make_designs
from flows.run.devices import choose_batch, choose_precision, device_name, require_device
from flows.run.planning import DesignJob
from flows.run.preparing import Place, open_catalogs
from flows.run.weights import load_encoder
from flows.settings import Settings
from stylecore.stylization import in_precision


class Workers(Protocol):
    """One or several that make shards, each with a device of its own."""

    seats: int
    """Shards that can be in work at once."""
    batch: int
    """Designs that one of them works on at once."""

    def make(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make a shard, on the next worker that is free; callable from as many threads as there are seats.

        `shard` is its name, for the logs.
        WorkerLostError where the worker was lost with the shard; its finished designs are filed.
        """
        ...

    def stop(self) -> None:
        """Tell all to put down what they have in hand; `make` then returns or raises soon."""
        ...


class Here:
    """The run's own process, one shard after the other."""

    seats = 1

    def __init__(self, place: Place, settings: Settings, on_advance: OnAdvance) -> None:
        """Loads the encoder, so that a fault of the weights ends the run before anything else is done."""
        self._place, self._settings, self._on_advance = place, settings, on_advance
        self.batch = bench(place, settings).batch

    def make(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make a shard; DeviceLostError where the device fails."""
        try:
            return make_shard(self._place, self._settings, jobs, shard, self._on_advance)
        except torch.AcceleratorError as error:
            raise DeviceLostError(
                f"{self._place.device} failed ({str(error).splitlines()[0]}). Finished designs are filed; look at the"
                " device, then run the same command again."
            ) from error

    def stop(self) -> None:
        """Nothing to tell: what interrupts this process interrupts the work."""


def make_shard(
    place: Place, settings: Settings, jobs: Sequence[DesignJob], shard: str, on_advance: OnAdvance
) -> Outcome:
    """Make a shard in this process, and note who made it and how long the device was busy."""
    with bound_contextvars(run=place.run_id, shard=shard):
        own, started = bench(place, settings), time.monotonic()
        outcome = make_designs(own, jobs, on_advance)
    outcome.effort = Effort(
        worker=f"{platform.node()} {own.device} {os.getpid()}",
        device=device_name(own.device),
        precision=own.precision,
        batch=own.batch,
        designs=len(outcome.made),
        seconds=time.monotonic() - started,
        painting_seconds=outcome.painting_seconds,
        target_hit_rate=own.targets.hit_rate,
    )
    return outcome


@lru_cache(maxsize=1)
def bench(place: Place, settings: Settings) -> Bench:
    """Stores, encoder and device of a run, opened once a process."""
    garments, styles, designs = open_catalogs(place, settings)
    device = require_device(place.device)
    precision = choose_precision(settings.precision, device)
    return Bench(
        garments=garments,
        styles=styles,
        designs=designs,
        recipe=place.recipe,
        encoder=in_precision(load_encoder(place.recipe, settings, str(device)), precision),
        device=device,
        precision=precision,
        batch=choose_batch(settings.batch, device),
        run_id=place.run_id,
        settings=settings,
    )
