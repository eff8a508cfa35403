"""Upkeep: every record has its picture, and nobody's pictures go only when asked."""

import hashlib
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.table import TableOptimizer

from catalogs import keys
from catalogs.designs import maintenance, orphans, provenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import NotAllowedError, StoreError
from catalogs.records import Design
from catalogs.storage.claims import Claims
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from tests.catalogs.designs.reviews.test_review_log import verdict
from tests.catalogs.designs.test_design_catalog import design

NO_TIME = timedelta(0)


def key(name: str) -> str:
    """A design's key, as job keys are."""
    return hashlib.sha256(name.encode()).hexdigest()


def filed(where: str, *names: str) -> DesignCatalog:
    """A catalog with designs whose pictures are there."""
    catalog = DesignCatalog(open_store(where))
    catalog.file([written(catalog, name) for name in names])
    return catalog


def written(catalog: DesignCatalog, name: str) -> Design:
    """A design whose picture is there, not yet filed."""
    image, sha256 = catalog.add_picture(key(name), name.encode())
    return replace(design(key(name)), image=image, image_sha256=sha256)


class Contract:
    """The same on a folder and on S3."""

    def test_a_sound_catalog(self, where: str) -> None:
        """Where every record has its picture nothing is found."""
        assert maintenance.examine(filed(where, "a", "b")) == maintenance.Findings(2, (), ())

    def test_missing_and_torn_pictures_are_found(self, where: str) -> None:
        """A picture that is gone and one with other contents are faults; contents are read only if wanted."""
        catalog = filed(where, "a", "b", "c")
        gone, torn = (catalog.read(["design_id", "image"]).to_pylist()[n] for n in (0, 1))
        catalog.store.delete(gone["image"])
        catalog.store.write(torn["image"], b"half")
        faults = {fault.design_id: fault.what for fault in maintenance.examine(catalog).faults}
        assert faults == {
            gone["design_id"]: "there is no such picture",
            torn["design_id"]: "the picture (4 bytes) is not the one that was filed",
        }
        quick = maintenance.examine(catalog, contents=False).faults
        assert [fault.design_id for fault in quick] == [gone["design_id"]]

    def test_repaired_records_are_made_again(self, where: str) -> None:
        """Repairing takes out the faulty records alone, so that a run finds them missing."""
        catalog = filed(where, "a", "b", "c")
        catalog.store.delete(catalog.read(["image"])["image"][0].as_py())
        faults = maintenance.examine(catalog).faults
        assert maintenance.repair(catalog, faults) == 1
        assert catalog.existing() == {*map(key, "abc")} - {faults[0].design_id}
        assert maintenance.examine(catalog).faults == ()
        assert maintenance.repair(catalog, ()) == 0

    def test_orphans(self, where: str) -> None:
        """A picture without a record is an orphan; it goes only when it is older than the grace time."""
        catalog = filed(where, "a")
        orphan, _ = catalog.add_picture(key("b"), b"nobody's")
        assert [one.key for one in maintenance.examine(catalog).orphans] == [orphan]
        assert list(orphans.find_removable(catalog, timedelta(hours=1))) == []
        # S3 tells times in whole seconds.
        time.sleep(1.1)
        found = list(orphans.find_removable(catalog, NO_TIME))
        assert [one.key for one in found] == [orphan]
        assert orphans.discard(catalog, found) == found
        assert not catalog.store.exists(orphan)
        assert maintenance.examine(catalog) == maintenance.Findings(1, (), ())

    def test_a_picture_that_is_written_again_stays(self, where: str) -> None:
        """What a run writes anew between the look and the removal is left alone."""
        catalog = filed(where, "a")
        catalog.add_picture(key("b"), b"nobody's")
        time.sleep(1.1)
        found = list(orphans.find_removable(catalog, NO_TIME))
        catalog.add_picture(key("b"), b"nobody's")
        assert orphans.discard(catalog, found) == []
        assert catalog.store.exists(found[0].key)

    def test_many_records_are_taken_out(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """More records than fit one commit are taken out by several."""
        monkeypatch.setattr("catalogs.designs.design_catalog.IDS_A_COMMIT", 2)
        catalog = filed(where, *"abcde")
        rows = catalog.read(["design_id", "image_sha256"]).to_pylist()
        some = [(row["design_id"], row["image_sha256"]) for row in rows if row["design_id"] != key("e")]
        assert catalog.remove([*some, (key("nobody"), "0" * 64), (key("e"), "0" * 64)]) == 4
        assert catalog.existing() == {key("e")}

    def test_tidying_keeps_every_record(self, where: str) -> None:
        """Ten small files become one, old ones go after the retention, and every record is still there."""
        catalog = filed(where)
        for name in "abcdefghij":
            catalog.file([design(name)])
        before = len(DeltaTable(*_table(catalog)).file_uris())
        merged, removed = catalog.tidy(timedelta(days=7))
        assert (before, merged, removed) == (10, 10, 0)
        assert len(DeltaTable(*_table(catalog)).file_uris()) == 1
        assert catalog.tidy(NO_TIME) == (0, 10)
        assert catalog.existing() == set("abcdefghij")
        assert catalog.file([design("a"), design("k")]) == 1

    def test_a_record_filed_anew_is_not_repaired_away(self, where: str) -> None:
        """Between a look and its repair another run mends a design: its good record stays."""
        catalog = filed(where, "a", "b")
        catalog.store.delete(catalog.read(["image"])["image"][0].as_py())
        faults = maintenance.examine(catalog).faults
        name = next(name for name in "ab" if key(name) == faults[0].design_id)
        assert maintenance.repair(catalog, faults) == 1
        catalog.file([written(catalog, name)])
        assert maintenance.repair(catalog, faults) == 0
        assert catalog.existing() == {key("a"), key("b")}

    def test_a_record_filed_for_what_was_just_removed_is_taken_out(
        self, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run files a record for a picture in the moment it is removed: the design is to be made anew."""
        catalog = filed(where, "a")
        late = written(catalog, "b")
        time.sleep(1.1)
        found = list(orphans.find_removable(catalog, NO_TIME))
        real = type(catalog.store).delete

        def delete(store: Store, name: str) -> None:
            real(store, name)
            catalog.file([late])

        monkeypatch.setattr(type(catalog.store), "delete", delete)
        assert [one.key for one in orphans.discard(catalog, found)] == [late.image]
        assert catalog.existing() == {key("a")}

    def test_thumbnails_of_what_is_gone(self, where: str) -> None:
        """A thumbnail goes with its design's record; those of designs that are there stay."""
        catalog = filed(where, "a", "b")
        rows = catalog.read().to_pylist()
        small = [keys.thumbnail(row["design_id"], provenance.version(row), 192) for row in rows]
        for one in small:
            catalog.store.write(one, b"small")
        assert [one.key for one in orphans.find_removable(catalog, timedelta(0))] == []
        catalog.remove([(rows[0]["design_id"], rows[0]["image_sha256"])])
        assert small[0] in [one.key for one in orphans.find_removable(catalog, timedelta(0))]
        assert small[1] not in [one.key for one in orphans.find_removable(catalog, timedelta(0))]

    def test_thumbnails_of_corrected_records(self, where: str) -> None:
        """A thumbnail whose XMP tells a credit that was corrected since is outdated; the new one is not."""
        catalog = filed(where, "a")
        named = []
        for holder in ("Ann Archer", "Bea Bauer"):
            (row,) = catalog.read().to_pylist()
            facts = pa.table({"style_id": [row["style_id"]], "rights_holder": [holder]})
            catalog.update(["style_id"], facts)
            (row,) = catalog.read().to_pylist()
            named.append(keys.thumbnail(row["design_id"], provenance.version(row), 192))
            catalog.store.write(named[-1], b"small")
        time.sleep(1.1)
        found = orphans.find_removable(catalog, NO_TIME)
        assert [one.key for one in found if one.key.startswith(keys.THUMBNAILS)] == named[:1]
        assert named[0] in [one.key for one in orphans.discard(catalog, found)]
        assert not catalog.store.exists(named[0])
        assert catalog.store.exists(named[1])

    def test_what_was_written_again_stays(self, where: str) -> None:
        """What was found and then written anew with the same bytes is not removed, on a store of whole seconds too."""
        catalog = filed(where, "a")
        image, _ = catalog.add_picture(key("b"), b"nobody's")
        time.sleep(1.1)
        found = [one for one in orphans.find_removable(catalog, NO_TIME) if one.key == image]
        catalog.store.write(image, b"nobody's")
        assert len(found) == 1
        assert orphans.discard(catalog, found) == []
        assert catalog.store.exists(image)

    def test_all_tables_are_tidied(self, where: str) -> None:
        """Upkeep merges the files of the log of reviews, too."""
        catalog, now = filed(where, "a"), datetime.now(UTC)
        reviews = ReviewLog(catalog.store)
        for number in range(3):
            reviews.file([Act(f"a{number}", "ann", now, What.VERDICT, (key("a"),), "pick")])
        merged, _ = maintenance.tidy(catalog, timedelta(days=7))
        assert merged >= 3

    def test_tidied_by_one_at_a_time(self, where: str) -> None:
        """Who would tidy while another does leaves it: two merges of the same files would double every row."""
        catalog = filed(where, "a")
        catalog.file([written(catalog, "b")])
        claims = Claims(catalog.store, "somebody")
        with claims.held(), claims.taken(["upkeep"]):
            assert maintenance.tidy(catalog, timedelta(days=7)) == (0, 0)
        assert maintenance.tidy(catalog, timedelta(days=7))[0] >= 2
        assert sorted(catalog.read(["design_id"])["design_id"].to_pylist()) == sorted([key("a"), key("b")])

    def test_what_is_not_ours_is_left_alone(self, where: str) -> None:
        """Only pictures named as designs' are orphans, whatever else somebody keeps beside them."""
        catalog = filed(where, "a")
        catalog.store.write("images/garments/tee.png", b"a garment")
        catalog.store.write("images/readme.txt", b"hello")
        catalog.store.write(f"images/zz/{key('b')}-0123456789ab.png", b"elsewhere")
        assert maintenance.examine(catalog).orphans == ()

    def test_files_of_lost_races_go(self, where: str) -> None:
        """A table file that no version names, as a lost commit leaves, goes after the retention."""
        catalog = filed(where, "a")
        catalog.store.write("table/part-00000-lost.snappy.parquet", b"lost")
        time.sleep(1.1)
        catalog.tidy(NO_TIME)
        assert not catalog.store.exists("table/part-00000-lost.snappy.parquet")
        assert catalog.existing() == {key("a")}

    def test_claims_of_killed_runs(self, where: str) -> None:
        """Claims, signs of life and probes that killed runs left go after the grace time, and not before."""
        catalog = filed(where, "a")
        left = [keys.claim(key("b")), keys.claim_holder("killed"), f"{keys.PROBE}-killed"]
        for one in left:
            catalog.store.write(one, b"killed")
        assert list(orphans.find_removable(catalog, timedelta(hours=1))) == []
        found = list(orphans.find_removable(catalog, NO_TIME))
        assert [one.key for one in found] == left
        orphans.discard(catalog, found)
        assert not [one for one in left if catalog.store.exists(one)]

    def test_what_a_living_run_has_in_work_stays(self, where: str) -> None:
        """Pictures, claims and signs of a run that lives are not unclaimed, whatever their age; a dead one's are."""
        catalog = filed(where, "a")
        claims = Claims(catalog.store, "living")
        with claims.held(), claims.taken([key("b")]):
            catalog.add_picture(key("b"), b"in work")
            orphan, _ = catalog.add_picture(key("c"), b"nobody's")
            time.sleep(1.1)
            # Old by every clock: the grace time is less than nothing.
            found = orphans.find_removable(catalog, -timedelta(days=3))
            assert found == [], "beside a living run nothing fresh goes, as halves bear no name"
        found = orphans.find_removable(catalog, NO_TIME)
        assert orphan in [one.key for one in found] and len(found) == 2

    def test_doubled_records(self, where: str) -> None:
        """A design with two records is named, and repaired so that a run makes it again, once."""
        catalog = filed(where, "a", "b")
        row = catalog.read().filter(pc.field("design_id") == key("a"))
        uri, options = catalog.store.delta_location()
        write_deltalake(uri, row, mode="append", storage_options=options)
        faults = maintenance.examine(catalog).faults
        assert [(fault.design_id, fault.what) for fault in faults] == [(key("a"), "2 records of one design")]
        assert maintenance.repair(catalog, faults) == 2
        assert catalog.file([written(catalog, "a"), written(catalog, "b")]) == 1
        assert maintenance.examine(catalog) == maintenance.Findings(2, (), ())

    def test_two_merges_at_once(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another merges, and one files, between the look and the commit of a merge: it is made anew, none twice."""
        catalog, other = filed(where, "a"), DesignCatalog(open_store(where))
        for name in "bcd":
            catalog.file([written(catalog, name)])
        real, meanwhile = TableOptimizer.compact, [lambda: other.tidy(timedelta(days=7))]

        def slow(optimizer: TableOptimizer) -> dict[str, int]:
            while meanwhile:
                meanwhile.pop()()
            return dict(real(optimizer))

        monkeypatch.setattr(TableOptimizer, "compact", slow)
        catalog.tidy(timedelta(days=7))
        assert sorted(catalog.read(["design_id"])["design_id"].to_pylist()) == sorted(map(key, "abcd"))

    def test_ages_are_by_the_stores_clock(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """On a machine whose clock is three days ahead, what was written just now is not old, in gc and in vacuum."""
        catalog = filed(where, "a")
        catalog.add_picture(key("b"), b"nobody's")
        catalog.store.write("table/part-00000-late.snappy.parquet", b"about to be committed")

        class Ahead(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + timedelta(days=3)

        given: list[timedelta] = []
        monkeypatch.setattr("catalogs.designs.maintenance.datetime", Ahead)
        monkeypatch.setattr(DesignCatalog, "tidy", lambda _, retention: given.append(retention) or (0, 0))
        assert orphans.find_removable(catalog, timedelta(days=1)) == []
        maintenance.tidy(catalog, timedelta(days=1))
        assert timedelta(days=3, hours=23) < given[0] < timedelta(days=4, hours=1)

    def test_who_may_only_read_may_look(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the right to write, what would go is told all the same."""
        catalog = filed(where, "a")
        orphan, _ = catalog.add_picture(key("b"), b"nobody's")
        time.sleep(1.1)

        def refused(*_: object) -> None:
            raise NotAllowedError("read-only")

        monkeypatch.setattr(type(catalog.store), "write", refused)
        assert [one.key for one in orphans.find_removable(catalog, NO_TIME)] == [orphan]

    @pytest.mark.parametrize("table", ["table", "reviews"])
    @pytest.mark.parametrize("left", [0, 100, None], ids=["emptied", "cut", "gone"])
    def test_what_is_left_of_a_file_is_kept(self, where: str, table: str, left: int | None) -> None:
        """A file that is given up is moved aside as it is, and no upkeep takes it; one that is gone is told as gone."""
        catalog = filed(where, "a")
        ReviewLog(catalog.store).file([verdict("first", key("a"))])
        (name,) = [one.key for one in catalog.store.list(f"{table}/") if one.key.endswith(".parquet")]
        whole = catalog.store.read(name)
        if left is None:
            catalog.store.delete(name)
        else:
            catalog.store.write(name, whole[:left])
        (kept,) = [kept for broken, kept in maintenance.give_up_files(catalog).items() if broken == name]
        assert not catalog.store.exists(name)
        if left is None:
            assert kept == ""
            assert not list(catalog.store.list("lost/"))
            return
        assert kept.startswith(f"lost/{table}/")
        assert catalog.store.read(kept) == whole[:left]
        assert kept not in [one.key for one in orphans.find_removable(catalog, NO_TIME)]
        assert maintenance.give_up_files(catalog) == {}

    def test_what_cannot_be_kept_is_not_given_up(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the rest of a file cannot be written elsewhere, as on a full disk, it stays where it is."""
        catalog = filed(where, "a")
        (name,) = [one.key for one in catalog.store.list("table/") if one.key.endswith(".parquet")]
        catalog.store.write(name, b"PAR1")

        def full(_store: Store, _key: str, _data: bytes) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(type(catalog.store), "write", full)
        with pytest.raises(StoreError, match="full"):
            maintenance.give_up_files(catalog)
        assert catalog.store.read(name) == b"PAR1"


def _table(catalog: DesignCatalog) -> tuple[str, None, dict[str, str]]:
    uri, options = catalog.store.delta_location()
    return uri, None, options


class TestFolder(Contract):
    """On a folder."""

    @pytest.fixture
    def where(self, tmp_path: Path) -> str:
        """An empty folder."""
        return str(tmp_path / "designs")

    def test_halves_of_killed_writers(self, where: str) -> None:
        """Files that were being written when their writer was killed are removed after the grace time."""
        catalog = filed(where, "a")
        ours, deltas = "images/.partial-killed", "table/_delta_log/00000000000000000002.json#1"
        halves = [Path(where, name) for name in (ours, deltas, "table/part-0.parquet#12")]
        for half in halves:
            half.write_bytes(b"ha")
        assert list(orphans.find_removable(catalog, timedelta(hours=1))) == []
        old = time.time() - 7200
        for half in halves:
            os.utime(half, (old, old))
        found = list(orphans.find_removable(catalog, timedelta(hours=1)))
        assert [Path(where, one.key) for one in found] == halves
        orphans.discard(catalog, found)
        assert not [half for half in halves if half.exists()]
        assert catalog.existing() == {key("a")}


class TestS3(Contract):
    """On a real S3 server."""

    @pytest.fixture
    def where(self, s3: str) -> str:
        """A prefix in a fresh bucket."""
        return f"s3://{s3}/designs"


def test_nothing_there(tmp_path: Path) -> None:
    """A catalog that was never written has nothing to find, repair or tidy."""
    catalog = DesignCatalog(open_store(str(tmp_path)))
    assert maintenance.examine(catalog) == maintenance.Findings(0, (), ())
    assert catalog.remove([("a", "b")]) == 0
    assert catalog.tidy(NO_TIME) == (0, 0)


def test_a_picture_written_after_the_listing_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that files a design while the catalog is examined is not accused."""
    catalog = filed(str(tmp_path), "a")
    real = type(catalog.store).list
    monkeypatch.setattr(
        type(catalog.store),
        "list",
        lambda store, prefix="": iter(()) if prefix == keys.IMAGES else real(store, prefix),
    )
    assert maintenance.examine(catalog, contents=False).faults == ()
    assert hashlib.sha256(b"a").hexdigest() == catalog.read(["image_sha256"])["image_sha256"][0].as_py()
