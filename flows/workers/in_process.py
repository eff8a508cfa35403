"""The contract of all workers, and the run's own process as a worker."""

from collections.abc import Sequence
from typing import Protocol

import torch

from flows.errors import DeviceLostError
from flows.painting.outcome import OnAdvance, Outcome
from flows.painting.shard import make_designs
from flows.painting.worker_context import open_worker_context
from flows.planning.plan import DesignJob
from flows.planning.run_config import RunConfig


class Workers(Protocol):
    """One or several workers that make shards, each with a device of its own."""

    concurrent_shards: int
    """Shards that can be in work at once."""
    batch: int
    """Designs that one worker works on at once."""

    def make_designs(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make the designs of a shard on the next worker that is free.

        It may be called from as many threads as shards can be in work at once. `shard` is the shard's name, for the
        logs. WorkerLostError where the worker was lost with the shard; its finished designs are filed.
        """
        ...

    def stop(self) -> None:
        """Tell all workers to file what is finished and give up the rest; `make_designs` then ends soon."""
        ...


class InProcessWorker:
    """The run's own process as a worker: one shard after the other."""

    concurrent_shards = 1

    def __init__(self, config: RunConfig, on_advance: OnAdvance) -> None:
        """Load the encoder, so that wrong weights end the run before anything else is done.

        Raises what `open_worker_context` raises.
        """
        self._config, self._on_advance = config, on_advance
        self.batch = open_worker_context(config).batch

    def make_designs(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make the designs of a shard; DeviceLostError where the device fails."""
        try:
            return make_designs(open_worker_context(self._config), jobs, shard, self._on_advance)
        except torch.AcceleratorError as error:
            raise DeviceLostError(
                f"{self._config.device} failed ({str(error).splitlines()[0]}). Finished designs are filed; look at the"
                " device, then run the same command again."
            ) from error

    def stop(self) -> None:
        """Do nothing: what interrupts this process interrupts the work in it."""
