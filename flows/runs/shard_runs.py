"""Shards are run by workers, as many at once as the workers can take, and tried again where that helps."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import UnreachableError
from catalogs.storage.claims import Claims
from flows.errors import WorkerLostError
from flows.painting.outcome import Failure, Outcome
from flows.workers.in_process import Workers
from flows.workers.rounds import Shard

RETRIES = 3
"""Times that a shard is tried again."""
RETRIED_ERRORS = (UnreachableError, WorkerLostError)
"""Errors after which a shard is tried again: a store may answer the next time, and another worker may take the shard."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0
"""Seconds before a shard is tried again, at most: the first time, and after the last failure."""

MakeShard = Callable[[Shard, str], Outcome]
"""Makes the designs of a shard; the text is the shard's name, for the logs."""


class ShardFuture(Protocol):
    """A shard that is in work."""

    def result(self) -> Outcome:
        """Wait for the shard; returns what came of it, or raises the error that it ended with."""
        ...


class ShardRunner(Protocol):
    """How shards are run: one after the other, or several at once, each again after an error of RETRIED_ERRORS."""

    def run(self, make: MakeShard, jobs: Shard, name: str) -> Outcome:
        """Run one shard in the calling thread."""
        ...

    def submit(self, make: MakeShard, jobs: Shard, name: str) -> Any:
        """Run one shard beside others; returns a ShardFuture that can be a key."""
        ...

    def first_done(self, running: Collection[Any]) -> Any:
        """Wait until one of these futures is done; returns it."""
        ...

    def __enter__(self) -> Self:
        """Begin the block in which submitted shards run."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the shards that are still running."""
        ...


class ThreadedShards:
    """Shards in threads of this process."""

    def __init__(self, first_wait: float = FIRST_WAIT) -> None:
        """Take the seconds, at most, before a shard is tried again for the first time."""
        self._first_wait = first_wait
        # Never more shards are submitted at once than the workers can take.
        self._threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="shard")

    def run(self, make: MakeShard, jobs: Shard, name: str) -> Outcome:
        """Run one shard in the calling thread; raises what its last try raised."""
        again = Retrying(
            retry=retry_if_exception_type(RETRIED_ERRORS),
            stop=stop_after_attempt(RETRIES + 1),
            wait=wait_random_exponential(self._first_wait, LONGEST_WAIT),
            reraise=True,
        )
        return again(make, jobs, name)

    def submit(self, make: MakeShard, jobs: Shard, name: str) -> Future[Outcome]:
        """Run one shard in a thread of its own, which logs with the run's name."""
        return self._threads.submit(copy_context().run, self.run, make, jobs, name)

    def first_done(self, running: Collection[Future[Outcome]]) -> Future[Outcome]:
        """Wait until one of these futures is done; returns it."""
        return next(iter(wait(running, return_when=FIRST_COMPLETED).done))

    def __enter__(self) -> Self:
        """Return this runner; threads begin with the first shard."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all threads."""
        self._threads.shutdown()


def make_unclaimed(claims: Claims, workers: Workers, jobs: Shard, name: str) -> Outcome:
    """Claim a shard's designs and have those made that no other run is at work on; the rest is `elsewhere`."""
    keys = {job.key for job in jobs}
    with claims.taken(keys) as claimed:
        unclaimed = [job for job in jobs if job.key in claimed]
        outcome = workers.make_designs(unclaimed, name) if claimed else Outcome()
    outcome.elsewhere = keys - claimed
    return outcome


def run_shards(
    runner: ShardRunner, make: MakeShard, at_once: int, designs: DesignCatalog, shards: Sequence[Shard]
) -> Iterator[tuple[Shard, Outcome]]:
    """Run shards, `at_once` of them at any time, and yield each with what came of it.

    Raises what stops a run, as CatalogsError; a shard that lost every worker is an outcome.
    """
    named = {
        f"shard {number} of {len(shards)}: {jobs[0].style.style_id}": jobs
        for number, jobs in enumerate(shards, 1)
    }
    if at_once == 1:
        for name, jobs in named.items():
            yield jobs, _outcome(designs, jobs, partial(runner.run, make, jobs, name))
        return
    running: dict[Any, Shard] = {}
    for name, jobs in named.items():
        if len(running) == at_once:
            yield _next(runner, designs, running)
        running[runner.submit(make, jobs, name)] = jobs
    while running:
        yield _next(runner, designs, running)


def _next(runner: ShardRunner, designs: DesignCatalog, running: dict[Any, Shard]) -> tuple[Shard, Outcome]:
    done = runner.first_done(list(running))
    jobs = running.pop(done)
    return jobs, _outcome(designs, jobs, done.result)


def _outcome(designs: DesignCatalog, jobs: Shard, result: Callable[[], Outcome]) -> Outcome:
    """What came of a shard.

    The designs of a shard that loses every worker that takes it are tried alone. A design that loses every worker
    alone becomes a failure, so that a design that kills its worker does not end a run of a night.
    """
    try:
        return result()
    except WorkerLostError as error:
        made = designs.existing([job.key for job in jobs], [jobs[0].style.style_id])
        lost = [job for job in jobs if job.key not in made]
        if len(jobs) > 1:
            return Outcome(met=sorted(made), settled=made, alone={job.key for job in lost})
        reason = f"its worker was lost {RETRIES + 1} times while it was in work; {error}"
        failures = [Failure(job.garment.garment_id, job.style.style_id, reason) for job in lost]
        return Outcome(met=sorted(made), failures=failures, settled={job.key for job in jobs})
