"""Shards made by workers, as many at once as there are seats, each tried again where that helps."""

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
from flows.painting.designing import Failure, Outcome
from flows.workers.in_process import Workers
from flows.workers.sharing import Shard

RETRIES = 3
"""Times that a shard is tried again."""
PASSING = (UnreachableError, WorkerLostError)
"""Only a store that did not answer may answer the next time, and a shard may move to another worker."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0
"""Seconds before a shard is tried again, at most: the first time, and what they grow to."""

MakeShard = Callable[[Shard, str], Outcome]
"""Makes the designs of a shard; its name is for the logs."""


class ShardFuture(Protocol):
    """A shard that is in work."""

    def result(self) -> Outcome:
        """What came of it, or the error that it ended with."""
        ...


class ShardRunner(Protocol):
    """How shards are run: one after the other, or several at once, each again after an error of PASSING."""

    def run(self, make: MakeShard, jobs: Shard, name: str) -> Outcome:
        """Run one, in the thread that asks."""
        ...

    def submit(self, make: MakeShard, jobs: Shard, name: str) -> Any:
        """Run one beside others; returns a ShardFuture that can be a key."""
        ...

    def first_done(self, running: Collection[Any]) -> Any:
        """Wait for one of these futures."""
        ...

    def __enter__(self) -> Self:
        """What is submitted runs within the block."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is still running."""
        ...


class ThreadedShards:
    """Shards in threads of this process."""

    def __init__(self, first_wait: float = FIRST_WAIT) -> None:
        """`first_wait` is in seconds, before a shard is tried again."""
        self._first_wait = first_wait
        # No more are submitted at once than there are seats.
        self._threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="shard")

    def run(self, make: MakeShard, jobs: Shard, name: str) -> Outcome:
        """Run one, in the thread that asks."""
        again = Retrying(
            retry=retry_if_exception_type(PASSING),
            stop=stop_after_attempt(RETRIES + 1),
            wait=wait_random_exponential(self._first_wait, LONGEST_WAIT),
            reraise=True,
        )
        return again(make, jobs, name)

    def submit(self, make: MakeShard, jobs: Shard, name: str) -> Future[Outcome]:
        """Run one in a thread of its own, which logs with the run's name."""
        return self._threads.submit(copy_context().run, self.run, make, jobs, name)

    def first_done(self, running: Collection[Future[Outcome]]) -> Future[Outcome]:
        """Wait for one of these."""
        return next(iter(wait(running, return_when=FIRST_COMPLETED).done))

    def __enter__(self) -> Self:
        """Threads begin with the first shard."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the threads."""
        self._threads.shutdown()


def make_unclaimed(claims: Claims, workers: Workers, jobs: Shard, name: str) -> Outcome:
    """Make the designs of a shard that no other run is at work on: one style, some garments, minutes of work."""
    wanted = {job.key for job in jobs}
    with claims.taken(wanted) as ours:
        outcome = workers.make([job for job in jobs if job.key in ours], name) if ours else Outcome()
    outcome.elsewhere = wanted - ours
    return outcome


def run_shards(
    runner: ShardRunner, make: MakeShard, seats: int, designs: DesignCatalog, cut: Sequence[Shard]
) -> Iterator[tuple[Shard, Outcome]]:
    """Shards one after the other; with several seats, one for each at any time."""
    named = {
        f"shard {number} of {len(cut)}: {jobs[0].style.style_id}": jobs for number, jobs in enumerate(cut, 1)
    }
    if seats == 1:
        for name, jobs in named.items():
            yield jobs, _outcome(designs, jobs, partial(runner.run, make, jobs, name))
        return
    running: dict[Any, Shard] = {}
    for name, jobs in named.items():
        if len(running) == seats:
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

    The designs of one that loses every worker that takes it up are tried alone, and one that does so alone
    is put aside: a design that kills its worker must not end a night.
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
