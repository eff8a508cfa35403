"""A plan's jobs are all settled, by this run or another, and none is made twice."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from catalogs import keys
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.records import Design, Garment, Style
from catalogs.storage import claims as claims_module
from catalogs.storage.claims import Claims
from catalogs.storage.stores import open_store
from flows.painting.outcome import Outcome
from flows.planning.plan import DesignJob
from flows.workers import rounds
from flows.workers.rounds import Shard, settle_jobs
from tests.catalogs.designs.test_design_catalog import design


def jobs(styles: int = 2, garments: int = 3) -> list[DesignJob]:
    """Jobs of some styles and garments."""
    return [
        DesignJob(f"{s}{g}" * 8, Garment(f"g{g}", "g.png"), Style(f"s{s}", "set", "s.png"))
        for s in range(styles)
        for g in range(garments)
    ]


def filed(work: Sequence[DesignJob], keys_: Collection[str]) -> list[Design]:
    """Designs of these jobs."""
    return [
        replace(design(job.key), style_id=job.style.style_id, garment_id=job.garment.garment_id)
        for job in work
        if job.key in keys_
    ]


class Maker:
    """Makes shards as a run does: claims them, files their designs."""

    def __init__(self, catalog: DesignCatalog, claims: Claims) -> None:
        """Files in the catalog under these claims."""
        self.catalog, self.claims = catalog, claims
        self.made: list[str] = []

    def __call__(self, cut: Sequence[Shard]) -> Iterator[tuple[Shard, Outcome]]:
        """Make them one after the other."""
        for shard in cut:
            with self.claims.taken([job.key for job in shard]) as ours:
                mine = sorted(ours - self.catalog.existing(ours))
                self.catalog.file(filed(shard, mine))
                self.made += mine
            yield shard, Outcome(made=mine, settled=ours, elsewhere={job.key for job in shard} - ours)


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """On a fresh catalog."""
    monkeypatch.setattr(rounds, "PAUSE", 0.01)
    monkeypatch.setattr(claims_module, "LOOK", 0.0)
    catalog = DesignCatalog(open_store(str(tmp_path)))
    return Maker(catalog, Claims(catalog.store, "run"))


def settled(maker: Maker, work: Sequence[DesignJob]) -> set[str]:
    """What the rounds settle."""
    with maker.claims.held():
        outcomes = list(settle_jobs(work, 2, maker.catalog, maker.claims, maker))
    return {key for outcome in outcomes for key in outcome.settled}


def test_alone(maker: Maker) -> None:
    """Without other runs every job is made once, in the plan's order."""
    work = jobs()
    assert settled(maker, work) == {job.key for job in work}
    assert maker.made == [job.key for job in work]


def test_what_another_run_finishes(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Designs in work in another run are waited for, and not made again when they are filed there."""
    work, other = jobs(), Claims(maker.catalog.store, "other")
    theirs = [job.key for job in work[:4]]
    waits: list[float] = []
    with other.held(), other.taken(theirs):

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                maker.catalog.file(filed(work, theirs))

        monkeypatch.setattr(rounds.time, "sleep", wait)
        assert settled(maker, work) == {job.key for job in work}
    assert sorted(maker.made) == sorted(job.key for job in work[4:])
    assert len(waits) == 3


def test_what_another_run_drops(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Designs that another run gave up, killed or rejected there, are made here."""
    work, store = jobs(), maker.catalog.store
    other = Claims(store, "other")
    with other.held():
        store.create(keys.claim(work[0].key), b"other")
        store.create(keys.claim(work[1].key), b"other")

        def wait(_seconds: float) -> None:
            store.delete(keys.claim(work[0].key))
            store.delete(keys.claim_holder("other"))

        monkeypatch.setattr(rounds.time, "sleep", wait)
        assert settled(maker, work) == {job.key for job in work}
    assert sorted(maker.made) == sorted(job.key for job in work)


def test_beside_others_the_order_is_our_own(maker: Maker) -> None:
    """Beside another run shards are taken in another order than the plan's, so that the two seldom meet."""
    work = jobs(styles=40, garments=1)
    with Claims(maker.catalog.store, "other").held():
        assert settled(maker, work) == {job.key for job in work}
    assert sorted(maker.made) == sorted(job.key for job in work)
    assert maker.made != [job.key for job in work]


def test_what_is_to_be_tried_alone(maker: Maker) -> None:
    """Designs of a shard that lost its worker come again one by one, and everything is settled in the end."""
    work, sizes = jobs(), []

    def losing(cut: Sequence[Shard]) -> Iterator[tuple[Shard, Outcome]]:
        for shard in cut:
            sizes.append(len(shard))
            keys_ = {job.key for job in shard}
            if len(shard) > 1 and work[0].key in keys_:
                yield shard, Outcome(alone=keys_)
            else:
                yield from maker([shard])

    with maker.claims.held():
        outcomes = list(settle_jobs(work, 3, maker.catalog, maker.claims, losing))
    assert {key for outcome in outcomes for key in outcome.settled} == {job.key for job in work}
    assert sizes == [3, 3, 1, 1, 1]
