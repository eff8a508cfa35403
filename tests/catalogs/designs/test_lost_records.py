"""Records that no commit names are found, keep everything from being removed, and are filed again."""

import json
import os
import re
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from catalogs import keys
from catalogs.designs import maintenance, orphans
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.facts import correct, correction_table, find_corrections
from catalogs.designs.lost_records import YOUNG, find_lost_records
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import CatalogError
from catalogs.storage.delta_tables import TableInStore
from catalogs.storage.stores import open_store
from tests.catalogs.designs.reviews.test_review_log import verdict
from tests.catalogs.designs.test_facts import GARMENTS, STYLES, made
from tests.catalogs.designs.test_maintenance import filed, key, written
from tests.catalogs.storage.test_commit_log import log_of
from tests.conftest import Run

DAY = timedelta(days=1)


def forget(checkpoint: Path) -> None:
    """A checkpoint as it is made when its tombstones are over."""
    rows = pq.read_table(checkpoint)
    pq.write_table(rows.filter(pc.is_null(pc.struct_field(rows["remove"], "path"))), checkpoint)
    hint = checkpoint.parent / "_last_checkpoint"
    hint.unlink()


def aged(where: Path) -> None:
    """Let every file of a folder be two days old."""
    for path in where.rglob("*"):
        os.utime(path, (time.time() - 2 * 86400,) * 2)


def reopened(where: Path) -> DesignCatalog:
    """The catalog as another process opens it."""
    return DesignCatalog(open_store(str(where)))


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """A copy of a catalog of three designs that missed the newest commit, two days ago."""
    catalog = filed(str(tmp_path / "whole"), "a", "b")
    catalog.file([written(catalog, "c")])
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "whole", copy)
    log_of(copy)[-1].unlink()
    aged(copy)
    return copy


class TestDesigns:
    """The newest commit of the designs is gone whole."""

    def test_nothing_is_removed(self, partial: Path) -> None:
        """Doctor and gc refuse with the file and the command that mends it; every file stays."""
        before = sorted(partial.rglob("*"))
        for work in (
            lambda: maintenance.examine(reopened(partial)),
            lambda: list(orphans.find_removable(reopened(partial), DAY)),
        ):
            with pytest.raises(
                CatalogError, match=r"part-.*parquet: no commit .* the 1 records.*doctor --repair"
            ):
                work()
        assert [one for one in sorted(partial.rglob("*")) if "claims" not in one.parts] == before

    def test_doctor_files_them_again(self, partial: Path, stylemill: Run) -> None:
        """By the command: the design is back with all it said, and gc then has nothing to remove."""
        told = stylemill("gc", "--designs", str(partial), "--delete")
        assert told.returncode == 1 and "doctor --repair" in told.stderr and "Traceback" not in told.stderr
        mended = stylemill("doctor", "--designs", str(partial), "--repair")
        assert mended.returncode == 0, mended.stderr
        assert "1 record that no commit of a table named: filed again" in mended.stderr
        whole = DesignCatalog(open_store(str(partial.parent / "whole")))
        ids = [key(name) for name in "abc"]
        again, before = (sorted(map(repr, one.records(ids))) for one in (reopened(partial), whole))
        assert again == before and len(again) == 3
        assert stylemill("gc", "--designs", str(partial), "--delete").returncode == 0
        assert maintenance.examine(reopened(partial)) == maintenance.Findings(3, (), ())

    def test_whole_log_gone(self, partial: Path) -> None:
        """Without any commit the data files alone bring all records back."""
        shutil.rmtree(partial / "table" / "_delta_log")
        with pytest.raises(CatalogError, match="and others: no commit .* the 3 records"):
            list(orphans.find_removable(reopened(partial), DAY))
        assert maintenance.file_again(reopened(partial)) == 3
        assert maintenance.examine(reopened(partial)) == maintenance.Findings(3, (), ())

    def test_whole_table_gone(self, partial: Path) -> None:
        """Pictures without any table are kept, and the message says what is missing."""
        shutil.rmtree(partial / "table")
        with pytest.raises(CatalogError, match=r"3 pictures.*no table of designs.*copy of the catalog"):
            list(orphans.find_removable(reopened(partial), DAY))

    def test_only_a_checkpoint_left(self, tmp_path: Path) -> None:
        """Where a checkpoint tells what the missing newest commit said, the message's remedy brings all back."""
        catalog = filed(str(tmp_path), "a", "b")
        catalog.tidy(timedelta(days=7))
        newest = log_of(tmp_path)[-1]
        newest.unlink()
        aged(tmp_path)
        with pytest.raises(
            CatalogError, match=rf"{newest.name}: .* is not there.*checkpoint beside it"
        ) as caught:
            maintenance.tidy(reopened(tmp_path), timedelta(days=7))
        (holds,) = re.findall(r"{.*}", str(caught.value))
        newest.write_text(holds)
        assert reopened(tmp_path).file([written(catalog, "c")]) == 1
        assert maintenance.examine(reopened(tmp_path)) == maintenance.Findings(3, (), ())


class TestWhatIsNotLost:
    """Unnamed files that lack nothing stop nobody."""

    def unnamed(self, where: Path) -> None:
        """A second copy of every data file, as a commit leaves that lost a race."""
        for path in list((where / "table").glob("*.parquet")):
            shutil.copy(path, path.with_name(f"raced-{path.name}"))
        aged(where)

    def test_lost_races(self, tmp_path: Path) -> None:
        """What the next try has filed is in the table."""
        filed(str(tmp_path), "a", "b")
        self.unnamed(tmp_path)
        assert maintenance.examine(reopened(tmp_path)) == maintenance.Findings(2, (), ())

    def test_designs_that_were_taken_out(self, tmp_path: Path) -> None:
        """A design whose record was removed after such a race is not brought back."""
        catalog = filed(str(tmp_path), "a", "b")
        self.unnamed(tmp_path)
        catalog.remove([(key("a"), str(catalog.records([key("a")])[0]["image_sha256"]))])
        aged(tmp_path)
        found = maintenance.examine(reopened(tmp_path))
        assert found.designs == 1 and len(found.orphans) == 1
        assert maintenance.file_again(reopened(tmp_path)) == 0

    def test_taken_out_and_forgotten(self, tmp_path: Path) -> None:
        """A withdrawn design stays out when a checkpoint has forgotten the file that it was in."""
        catalog = filed(str(tmp_path), "a", "b")
        catalog.remove([(key("a"), str(catalog.records([key("a")])[0]["image_sha256"]))])
        old = int((time.time() - 9 * 86400) * 1000)
        for path in log_of(tmp_path):
            actions = [json.loads(line) for line in path.read_text().splitlines()]
            for action in actions:
                if "remove" in action:
                    action["remove"]["deletionTimestamp"] = old
            path.write_text("\n".join(map(json.dumps, actions)))
        aged(tmp_path)
        DeltaTable(str(tmp_path / "table")).create_checkpoint()
        for begun in (0, 1):
            # Later the oldest commits are cleaned away, too, and nobody knows what they named.
            for path in log_of(tmp_path)[: 2 * begun]:
                path.unlink()
            assert maintenance.examine(reopened(tmp_path)).designs == 1
            assert maintenance.file_again(reopened(tmp_path)) == 0

    def test_withdrawn_long_ago_and_copied(self, tmp_path: Path) -> None:
        """In a copy whose files are all new, a design that was withdrawn before the log begins stays out."""
        old = datetime.now(UTC) - timedelta(days=40)
        catalog = DesignCatalog(open_store(str(tmp_path)))
        catalog.file([replace(written(catalog, name), created_at=old) for name in "ab"])
        catalog.remove([(key("a"), str(catalog.records([key("a")])[0]["image_sha256"]))])
        table = DeltaTable(str(tmp_path / "table"))
        catalog.file([written(catalog, "c")])
        table.update_incremental()
        table.create_checkpoint()
        for path in log_of(tmp_path)[:-1]:
            path.unlink()
        checkpoint = next((tmp_path / "table" / "_delta_log").glob("*.checkpoint.parquet"))
        forget(checkpoint)
        aged(tmp_path)
        assert maintenance.examine(reopened(tmp_path)).designs == 2
        assert maintenance.file_again(reopened(tmp_path)) == 0
        assert key("a") not in reopened(tmp_path).existing()

    @pytest.mark.parametrize("ids", [[["a"]], [1], [None]])
    def test_files_of_others(
        self, tmp_path: Path, ids: list[object], caplog: pytest.LogCaptureFixture
    ) -> None:
        """A Parquet file that is none of the table's is told, and stops nobody."""
        filed(str(tmp_path), "a")
        pq.write_table(pa.table({"design_id": ids}), tmp_path / "table" / "mine.parquet")
        aged(tmp_path)
        assert maintenance.examine(reopened(tmp_path)).designs == 1
        assert maintenance.file_again(reopened(tmp_path)) == 0
        assert "mine.parquet is no file of this table" in caplog.text

    def test_files_that_are_not_finished(self, tmp_path: Path) -> None:
        """Half a file of Parquet holds nothing."""
        filed(str(tmp_path), "a")
        self.unnamed(tmp_path)
        (raced,) = (tmp_path / "table").glob("raced-*")
        raced.write_bytes(raced.read_bytes()[:-50])
        aged(tmp_path)
        assert maintenance.examine(reopened(tmp_path)).designs == 1

    def test_young_files(self, partial: Path) -> None:
        """What may be committed any moment is no loss yet."""
        for path in partial.rglob("*.parquet"):
            os.utime(path)
        assert maintenance.examine(reopened(partial)).designs == 2
        table = TableInStore(open_store(str(partial)), keys.TABLE)
        assert (
            find_lost_records(table, *maintenance.IDENTITIES[keys.TABLE]) == []
            and timedelta(hours=1) == YOUNG
        )
        # Their pictures are nobody's to remove, however old these are.
        aged(partial / "images")
        assert not [
            one for one in orphans.find_removable(reopened(partial), DAY) if one.key.startswith("images/")
        ]


class TestHowFilesWereWritten:
    """Whatever has written a data file that nobody names, its records come back."""

    @pytest.mark.parametrize("work", ["append", "merge", "delete", "compact"])
    def test_kinds(self, tmp_path: Path, work: str) -> None:
        """Files of appends, merges, deletes and compactions are read alike."""
        catalog = filed(str(tmp_path), "a", "b")
        catalog.file([written(catalog, "c")])
        table = TableInStore(catalog.store, keys.TABLE)
        if work == "merge":
            styles = catalog.read(["style_id"])["style_id"][:1]
            catalog.update(["style_id"], pa.table({"style_id": styles, "style_licence": ["NEW"]}))
        elif work == "delete":
            catalog.remove([(key("a"), str(catalog.records([key("a")])[0]["image_sha256"]))])
        elif work == "compact":
            table.commit(table._compact)
        current, left = set(table.data_files()), {"delete": 2}.get(work, 3)
        shutil.rmtree(tmp_path / "table" / "_delta_log")
        for path in (tmp_path / "table").glob("*.parquet"):
            if f"table/{path.name}" not in current:
                path.unlink()
        aged(tmp_path)
        assert maintenance.file_again(reopened(tmp_path)) == left
        assert maintenance.examine(reopened(tmp_path)).designs == left
        licences = set(reopened(tmp_path).read(["style_licence"])["style_licence"].to_pylist())
        assert licences == ({"NEW"} if work == "merge" else licences)

    def test_the_newest_facts_win(self, tmp_path: Path) -> None:
        """With the whole log gone the last correction holds, and the message says what may come back."""
        catalog = filed(str(tmp_path), "a")
        for number, licence in enumerate(("one", "two", "three")):
            styles = catalog.read(["style_id"])["style_id"][:1]
            catalog.update(["style_id"], pa.table({"style_id": styles, "style_licence": [licence]}))
            for path in (tmp_path / "table").glob("*.parquet"):
                if path.stat().st_mtime > time.time() - 3600:
                    os.utime(path, (time.time() - 90_000 + number,) * 2)
        shutil.rmtree(tmp_path / "table" / "_delta_log")
        with pytest.raises(CatalogError, match="rights were withdrawn"):
            maintenance.examine(reopened(tmp_path))
        maintenance.file_again(reopened(tmp_path))
        assert reopened(tmp_path).read(["style_licence"])["style_licence"].to_pylist() == ["three"]


class TestBehindTheLog:
    """A commit that is missing and only took out, or corrected, is told of by its file."""

    @pytest.mark.parametrize("work", ["remove", "update"])
    def test_told(self, tmp_path: Path, stylemill: Run, work: str) -> None:
        """Doctor names the file, and nothing else is wrong; with the commit there it says nothing."""
        catalog = filed(str(tmp_path), "a", "b")
        aged(tmp_path)
        for path in log_of(tmp_path):
            actions = [json.loads(line) for line in path.read_text().splitlines()]
            for action in actions:
                action.get("commitInfo", {})["timestamp"] = int((time.time() - 2 * 86400) * 1000)
            path.write_text("\n".join(map(json.dumps, actions)))
        aged(tmp_path)
        before = set((tmp_path / "table").glob("*.parquet"))
        if work == "remove":
            catalog.remove([(key("a"), str(catalog.records([key("a")])[0]["image_sha256"]))])
        else:
            styles = catalog.read(["style_id"])["style_id"][:1]
            catalog.update(["style_id"], pa.table({"style_id": styles, "style_licence": ["NEW"]}))
        (late,) = set((tmp_path / "table").glob("*.parquet")) - before
        os.utime(late, (time.time() - 86400,) * 2)
        assert maintenance.behind_the_log(reopened(tmp_path)) == []
        log_of(tmp_path)[-1].unlink()
        told = stylemill("doctor", "--designs", tmp_path)
        assert told.returncode == 0 and late.name in told.stderr and "a commit may be missing" in told.stderr


class TestWords:
    """What people said, and what records said before, come back too."""

    def test_reviews(self, tmp_path: Path) -> None:
        """Acts of a commit that is gone are filed behind those that are there."""
        catalog = filed(str(tmp_path), "a")
        for n in range(3):
            ReviewLog(catalog.store).file([verdict(f"a{n}", key("a"))])
        log_of(tmp_path, "reviews")[-1].unlink()
        ReviewLog(catalog.store).file([verdict("later", key("a"))])
        aged(tmp_path)
        with pytest.raises(CatalogError, match=r"reviews/part-.*doctor --repair"):
            list(orphans.find_removable(reopened(tmp_path), DAY))
        assert maintenance.file_again(reopened(tmp_path)) == 1
        reviews = ReviewLog(catalog.store)
        reviews.catch_up()
        acts = reviews.opinions.acts
        assert sorted(acts) == ["a0", "a1", "a2", "later"]
        assert len({act.seq for act in acts.values()}) == 4
        assert maintenance.examine(reopened(tmp_path)).designs == 1

    def test_corrections(self, tmp_path: Path) -> None:
        """The history of corrected facts likewise, at the times that it had."""
        catalog = DesignCatalog(open_store(str(tmp_path)))
        catalog.file([made(garment, style) for garment in GARMENTS for style in STYLES])
        styles = [replace(style, licence="CC BY 4.0", rights_holder="Berta") for style in STYLES]
        correct(catalog, find_corrections(catalog, GARMENTS, styles), "run-7")
        before = correction_table(catalog).open()
        assert before is not None
        rows = before.to_pyarrow_table().to_pylist()
        log_of(tmp_path, "corrections")[-1].unlink()
        aged(tmp_path)
        with pytest.raises(CatalogError, match="corrections/part-"):
            maintenance.examine(reopened(tmp_path))
        assert maintenance.file_again(reopened(tmp_path)) == len(rows)
        after = correction_table(catalog).open()
        assert after is not None
        assert sorted(map(str, after.to_pyarrow_table().to_pylist())) == sorted(map(str, rows))
        assert maintenance.file_again(reopened(tmp_path)) == 0


class TestCommits:
    """Commits that are cut at the end of a line name fewer files than they count."""

    @pytest.mark.parametrize(
        ("work", "action"),
        [("file", "add"), ("remove", "add"), ("remove", "remove"), ("tidy", "add"), ("tidy", "remove"),
         ("update", "add"), ("update", "remove")],
    )  # fmt: skip
    def test_cut_at_a_line(self, tmp_path: Path, work: str, action: str) -> None:
        """Whichever operation it was, the commit that names fewer than it counts is refused."""
        catalog = filed(str(tmp_path), "a", "b")
        catalog.file([written(catalog, "c")])
        if work == "remove":
            catalog.remove([(key("a"), str(catalog.records([key("a")])[0]["image_sha256"]))])
        elif work == "tidy":
            table = TableInStore(catalog.store, keys.TABLE)
            table.commit(table._compact)
        elif work == "update":
            facts = pa.table(
                {"style_id": catalog.read(["style_id"])["style_id"][:1], "style_licence": ["CC0"]}
            )
            assert catalog.update(["style_id"], facts)
        newest = log_of(tmp_path)[-1]
        kept = [line for line in newest.read_text().splitlines() if action not in json.loads(line)]
        newest.write_text("\n".join(kept))
        with pytest.raises(
            CatalogError, match=rf"cut: it says that it {action.rstrip('e')}ed \d files, and names 0"
        ):
            reopened(tmp_path).existing()

    def test_emptied_long_ago(self, tmp_path: Path) -> None:
        """A commit that was emptied behind others is found by whoever opens the table next: a run does not go on."""
        catalog = filed(str(tmp_path), "a")
        for name in "bcd":
            catalog.file([written(catalog, name)])
        log_of(tmp_path)[-2].write_bytes(b"")
        with pytest.raises(CatalogError, match=r"0002\d*\.json|is empty"):
            reopened(tmp_path).file([written(catalog, "e")])
