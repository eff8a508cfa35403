"""Runs that are killed at random moments lose, double and tear nothing, and what they leave can be removed."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import write_deltalake

from benchmarks import kills
from benchmarks.kills import Fate, Found, Kill, Phase, Times, Trial
from catalogs import keys
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.records import Design
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from tests.catalogs.designs.test_design_catalog import design
from tests.catalogs.designs.test_maintenance import key
from tests.commands import Commands
from tests.conftest import TINY_RECIPE

GARMENTS, STYLES = 2, 3
TIMES = Times(starting=1.0, working=0.4, ending=0.6)
"""Of an unkilled run, or less; to measure some would take as long as the trials."""
PHASES = (Phase.STARTING, Phase.COMMITTING, Phase.COMMITTING, Phase.WORKING, Phase.ENDING)
"""The first ones are tried on S3, the last ones on a folder: with two on each, every phase is tried once."""
SLEEPERS = Kill(Phase.WORKING, 0.2, workers=2, fate=Fate.ASLEEP)
"""Worker processes that outlive their run, and file what they have when the rerun is over."""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by /proc")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("each", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_killed_runs(
    commands: Commands, prefect_url: str, tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch, each: int
) -> None:
    """Runs on a folder and on S3, killed and run again: every design once, whole; the rest can be removed."""
    monkeypatch.setattr(kills, "RECIPE", TINY_RECIPE)
    monkeypatch.setattr(
        kills,
        "launch",
        lambda words, environment, log: commands.start(*words, environment=environment, out=log, err=log),
    )
    dice = random.Random(0)
    drawn = {
        place: [Kill(phase, dice.random(), 0.01 * dice.random()) for phase in phases]
        for place, phases in (("", PHASES[-each:]), ("s3", PHASES[:each]))
    }
    planned = {
        str(tmp_path / "catalogs"): [SLEEPERS if one.phase is Phase.WORKING else one for one in drawn[""]],
        f"s3://{s3}": drawn["s3"],
    }

    def try_on(place: str) -> list[Trial]:
        name = place.partition(":")[0].rpartition("/")[2]
        work = kills.prepare(place, tmp_path / f"{name}.toml", GARMENTS, STYLES)
        times = {1: TIMES, 2: TIMES}
        return kills.try_kills(work, planned[place], tmp_path / f"{name}.log", prefect_url, times)[0]

    with ThreadPoolExecutor(len(planned)) as pool:
        trials = [trial for each in pool.map(try_on, planned) for trial in each]
    assert len(trials) == 2 * each
    assert [kills.told(trial) for trial in trials if trial.faulty] == []
    for trial in trials:
        # One run's, whatever was killed: its sign of life, its claims, files of commits that were not done.
        assert sum(trial.orphans.values()) <= 1 + 2 * trial.planned, kills.told(trial)


def test_kills_are_the_seed_s() -> None:
    """A seed gives its kills again; seven of ten fall into the time in which designs are written."""
    planned = kills.plan_kills(50, "0 folder", workers=3)
    assert (
        planned == kills.plan_kills(50, "0 folder", workers=3) != kills.plan_kills(50, "1 folder", workers=3)
    )
    assert sum(kill.phase in (Phase.WORKING, Phase.COMMITTING) for kill in planned) == 35
    assert {(kill.workers, kill.fate) for kill in planned} == {
        (1, Fate.KILLED),
        *((3, fate) for fate in Fate),
    }
    assert all(0 <= kill.share < 1 for kill in planned)


class TestLook:
    """What the trials rest on: every fault is seen."""

    @pytest.fixture
    def catalog(self, tmp_path: Path) -> DesignCatalog:
        """Two designs with whole pictures."""
        catalog = DesignCatalog(open_store(str(tmp_path / "designs")))
        catalog.file([_written(catalog, name) for name in "ab"])
        return catalog

    def test_a_sound_catalog(self, catalog: DesignCatalog) -> None:
        """Nothing is found."""
        found = kills.look(catalog)
        assert found.ids == {key("a"): 1, key("b"): 1}
        assert (found.doubled(), found.missing, found.torn) == (0, 0, 0)
        assert not any(kills.orphans(catalog).values())

    def test_a_record_without_a_picture(self, catalog: DesignCatalog) -> None:
        """It is counted."""
        catalog.store.delete(_image(catalog, "a"))
        assert _faults(kills.look(catalog)) == (0, 1, 0)

    def test_torn_pictures(self, catalog: DesignCatalog) -> None:
        """Half a picture, another one of the right size, and half of one without a record."""
        whole = catalog.store.read(_image(catalog, "a"))
        catalog.store.write(_image(catalog, "a"), whole[: len(whole) // 2])
        catalog.store.write(_image(catalog, "b"), whole)
        catalog.add_picture(key("c"), whole[: len(whole) // 2])
        assert _faults(kills.look(catalog)) == (0, 0, 3)

    def test_a_record_with_another_digest(self, catalog: DesignCatalog) -> None:
        """A whole picture that is not its record's."""
        catalog.file([replace(_written(catalog, "c"), image_sha256="0" * 64)])
        assert _faults(kills.look(catalog)) == (0, 0, 1)

    def test_a_doubled_record(self, catalog: DesignCatalog) -> None:
        """The second record of a design is counted."""
        uri, options = catalog.store.delta_location()
        write_deltalake(uri, catalog.read().slice(0, 1), mode="append", storage_options=options)
        assert _faults(kills.look(catalog)) == (1, 0, 0)

    def test_every_kind_of_orphan(self, catalog: DesignCatalog) -> None:
        """Whatever is no part of the catalog is listed by its kind, also what upkeep does not know."""
        store: Store = catalog.store
        _written(catalog, "c")
        left = [
            keys.claim(key("c")),
            f"{keys.TABLE}/part-lost.parquet",
            f"{keys.TABLE}/_delta_log/_commit_lost.json.tmp",
            "strange",
            "images/.partial-killed",
        ]
        Path(store.uri, *Path(left[0]).parts[:-1]).mkdir(parents=True)
        for one in left:
            Path(store.uri, one).write_bytes(b"left")
        store.write(keys.run_file("run", "report.json"), b"{}")
        counts = {kind: len(found) for kind, found in kills.orphans(catalog).items()}
        assert counts == {"pictures": 1, "claims": 1, "table": 2, "others": 1, "halves": 1}


def _written(catalog: DesignCatalog, name: str) -> Design:
    """A design whose picture is there, not yet filed."""
    image, sha256 = catalog.add_picture(key(name), kills.picture(ord(name), 24, 16))
    return replace(design(key(name)), image=image, image_sha256=sha256)


def _image(catalog: DesignCatalog, name: str) -> str:
    (image,) = (image for image in catalog.read(["image"])["image"].to_pylist() if key(name) in image)
    return str(image)


def _faults(found: Found) -> tuple[int, int, int]:
    return found.doubled(), found.missing, found.torn
