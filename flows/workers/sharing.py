"""A plan's jobs cut into shards, and shared with other runs that are at work on the same catalog."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.claims import Claims
from flows.painting.designing import Outcome
from flows.run.planning import DesignJob, shards

log = logging.getLogger(__name__)

PAUSE, LONGEST_PAUSE = 2.0, 30.0
"""Seconds between two looks at what other runs are at work on: the first, and what they grow to."""

Shard = tuple[DesignJob, ...]
MakeAll = Callable[[Sequence[Shard]], Iterator[tuple[Shard, Outcome]]]
"""Has shards made, as many at once as there are workers, and gives what came of each."""


def rounds(
    jobs: Sequence[DesignJob], size: int, designs: DesignCatalog, claims: Claims, make_all: MakeAll
) -> Iterator[Outcome]:
    """What came of each shard of at most `size` designs, until every job is settled, here or by other runs.

    Designs that another run has claimed are passed over and looked at again at the end: by then they are
    filed, or still in work there and waited for, or were dropped, and are ours to make.
    """
    todo: list[DesignJob] = list(jobs)
    alone: list[DesignJob] = []
    elsewhere: dict[str, DesignJob] = {}
    pause = PAUSE
    while todo or alone or elsewhere:
        cut = [*_cut(todo, size, claims), *((job,) for job in alone)]
        alone = []
        for shard, outcome in make_all(cut):
            elsewhere |= {job.key: job for job in shard if job.key in outcome.elsewhere}
            alone += (job for job in shard if job.key in outcome.alone)
            yield outcome
        # In this order: what is neither in work nor there was dropped.
        busy = claims.at_work(elsewhere)
        there = _filed(designs, elsewhere)
        yield Outcome(met=sorted(there), settled=there)
        todo = [job for key, job in elsewhere.items() if key not in there and key not in busy]
        elsewhere = {key: job for key, job in elsewhere.items() if key in busy and key not in there}
        if elsewhere and not todo and not alone:
            others = ", ".join(sorted(set(busy.values())))
            log.warning("Waiting for %d designs that other runs are at work on: %s", len(elsewhere), others)
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, 1.5 * pause)


def _filed(designs: DesignCatalog, jobs: Mapping[str, DesignJob]) -> set[str]:
    return designs.existing(jobs, {job.style.style_id for job in jobs.values()}) if jobs else set()


def _cut(jobs: Sequence[DesignJob], size: int, claims: Claims) -> list[Shard]:
    """Shards in the plan's order; beside other runs in an order of our own, so that we seldom meet."""
    cut = shards(jobs, size)
    if len(cut) > 1 and claims.others():
        random.shuffle(cut)
    return cut
