"""Rounds over a plan's jobs, cut into shards, until all are settled here or by other runs on the same catalog."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.claims import Claims
from flows.painting.outcome import Outcome
from flows.planning.plan import DesignJob, cut_shards

log = logging.getLogger(__name__)

PAUSE, LONGEST_PAUSE = 2.0, 30.0
"""Seconds between two looks at what other runs are at work on: the first pause, and the longest."""

Shard = tuple[DesignJob, ...]
RunShards = Callable[[Sequence[Shard]], Iterator[tuple[Shard, Outcome]]]
"""Has shards made, as many at once as workers can take, and yields what came of each."""


def settle_jobs(
    jobs: Sequence[DesignJob], size: int, designs: DesignCatalog, claims: Claims, run_shards: RunShards
) -> Iterator[Outcome]:
    """Yield what came of each shard of at most `size` designs, until every job is settled, here or by other runs.

    Designs that another run has claimed are left out and looked at again at the end. By then the other run has filed
    them, or still works on them and is waited for, or gave them up, and this run makes them.
    """
    todo: list[DesignJob] = list(jobs)
    alone: list[DesignJob] = []
    elsewhere: dict[str, DesignJob] = {}
    pause = PAUSE
    while todo or alone or elsewhere:
        shards = [*_cut(todo, size, claims), *((job,) for job in alone)]
        alone = []
        for shard, outcome in run_shards(shards):
            elsewhere |= {job.key: job for job in shard if job.key in outcome.elsewhere}
            alone += (job for job in shard if job.key in outcome.alone)
            yield outcome
        # Claims are read before designs: a job without a claim that is not filed afterwards was given up.
        busy = claims.at_work(elsewhere)
        filed = _filed(designs, elsewhere)
        yield Outcome(met=sorted(filed), settled=filed)
        todo = [job for key, job in elsewhere.items() if key not in filed and key not in busy]
        elsewhere = {key: job for key, job in elsewhere.items() if key in busy and key not in filed}
        if elsewhere and not todo and not alone:
            others = ", ".join(sorted(set(busy.values())))
            log.warning("Waiting for %d designs that other runs are at work on: %s", len(elsewhere), others)
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, 1.5 * pause)


def _filed(designs: DesignCatalog, jobs: Mapping[str, DesignJob]) -> set[str]:
    return designs.existing(jobs, {job.style.style_id for job in jobs.values()}) if jobs else set()


def _cut(jobs: Sequence[DesignJob], size: int, claims: Claims) -> list[Shard]:
    """Shards in the plan's order; beside other runs in a random order, so that two runs seldom meet."""
    shards = cut_shards(jobs, size)
    if len(shards) > 1 and claims.others():
        random.shuffle(shards)
    return shards
