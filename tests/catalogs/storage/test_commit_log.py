"""A commit is answered when the disk keeps it; a log that has lost its end is refused, and nothing is removed."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from catalogs.designs import maintenance, orphans
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import CatalogError, StoreError
from catalogs.storage.delta_tables import TableInStore
from catalogs.storage.stores import open_store
from tests.catalogs.designs.reviews.test_review_log import verdict
from tests.catalogs.designs.test_design_catalog import design
from tests.catalogs.designs.test_maintenance import filed, key, written
from tests.conftest import Run

NO_TIME = timedelta(0)


def log_of(where: str | Path, table: str = "table") -> list[Path]:
    """Commits of a table, oldest first."""
    return sorted(Path(where, table, "_delta_log").glob("*.json"))


def emptied(path: Path) -> None:
    """As a file that was named and never written through."""
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """As a file of which a part was written through."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros(path: Path) -> None:
    """As a file whose length was kept and whose blocks were not."""
    path.write_bytes(bytes(path.stat().st_size))


def blank(path: Path) -> None:
    """White space only."""
    path.write_bytes(b"\n\n")


def wordless(path: Path) -> None:
    """A commit without its commitInfo."""
    lines = [line for line in path.read_text().splitlines() if "commitInfo" not in line]
    path.write_text("\n".join(lines))


def no_objects(path: Path) -> None:
    """JSON, but no actions."""
    path.write_text("[1]\n2")


def odd_info(path: Path) -> None:
    """A commitInfo that is no object."""
    path.write_text('{"commitInfo": []}')


DAMAGE = [emptied, cut, zeros, blank, wordless, no_objects, odd_info]


@pytest.mark.parametrize("damage", DAMAGE)
class TestNewestCommit:
    """The newest commit did not outlast a loss of power."""

    def test_designs(self, tmp_path: Path, damage: Callable[[Path], None]) -> None:
        """Reading, filing, doctor and gc all refuse, name the file and the way out; every picture stays."""
        catalog = filed(str(tmp_path), "a", "b")
        late = written(catalog, "c")
        catalog.file([late])
        time.sleep(0.01)
        damage(log_of(tmp_path)[-1])
        again = DesignCatalog(open_store(str(tmp_path)))
        before = sorted(tmp_path.rglob("*"))
        for work in (
            again.existing,
            again.read,
            again.version,
            lambda: again.records([key("a")]),
            lambda: again.file([design("d")]),
            lambda: again.remove([(key("a"), "0")]),
            lambda: maintenance.examine(again),
            lambda: list(orphans.find_removable(again, NO_TIME)),
            lambda: maintenance.tidy(again, NO_TIME),
            lambda: maintenance.give_up_files(again),
        ):
            with pytest.raises(CatalogError, match=r"0000\d\.json: .*copy of the catalog.*move it out"):
                work()
        after = [one for one in sorted(tmp_path.rglob("*")) if "claims" not in one.parts]
        assert after == before

    def test_the_way_out(self, tmp_path: Path, damage: Callable[[Path], None]) -> None:
        """With the file moved away, as the message says, the table is as before that commit, and goes on."""
        catalog = filed(str(tmp_path), "a", "b")
        catalog.file([written(catalog, "c")])
        newest = log_of(tmp_path)[-1]
        damage(newest)
        newest.rename(tmp_path.parent / "away.json")
        again = DesignCatalog(open_store(str(tmp_path)))
        assert again.existing() == {key("a"), key("b")}
        assert again.file([written(again, "c")]) == 1
        assert maintenance.examine(again) == maintenance.Findings(3, (), ())

    def test_reviews(self, tmp_path: Path, damage: Callable[[Path], None]) -> None:
        """The log of what people said refuses too: to read, to file on top, and in doctor and gc."""
        catalog = filed(str(tmp_path), "a")
        for n in range(2):
            ReviewLog(catalog.store).file([verdict(f"a{n}", key("a"))])
        damage(log_of(tmp_path, "reviews")[-1])
        for work in (
            lambda: ReviewLog(catalog.store).catch_up(),
            lambda: ReviewLog(catalog.store).file([verdict("a2", key("a"))]),
            lambda: maintenance.examine(catalog),
            lambda: list(orphans.find_removable(catalog, NO_TIME)),
            lambda: maintenance.tidy(catalog, NO_TIME),
        ):
            with pytest.raises(CatalogError, match="reviews/_delta_log/"):
                work()

    def test_reviews_that_are_open(self, tmp_path: Path, damage: Callable[[Path], None]) -> None:
        """A browser that has the log open refuses what another's machine has left of a commit."""
        store = open_store(str(tmp_path))
        reviews, other = ReviewLog(store), ReviewLog(store)
        reviews.file([verdict("a1", "d")])
        other.file([verdict("a2", "d")])
        damage(log_of(tmp_path, "reviews")[-1])
        with pytest.raises(CatalogError, match="reviews"):
            reviews.catch_up()


class TestOtherGaps:
    """Other parts of the log are gone."""

    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_missing_commit(self, tmp_path: Path, which: int) -> None:
        """A commit that is not there is named with what to do; the newest alone can be missed by nobody."""
        catalog = filed(str(tmp_path), "a")
        for name in "bcd":
            catalog.file([written(catalog, name)])
        log_of(tmp_path)[which].unlink()
        with pytest.raises(CatalogError, match=f"{which:020}.json: .*is not there.*copy of the catalog"):
            maintenance.examine(DesignCatalog(open_store(str(tmp_path))))

    def test_emptied_commit_in_the_middle(self, tmp_path: Path) -> None:
        """Where two commits were lost at once, or one was filed on top, doctor and gc say so."""
        catalog = filed(str(tmp_path), "a")
        for name in "bc":
            catalog.file([written(catalog, name)])
        emptied(log_of(tmp_path)[-2])
        for work in (
            lambda: maintenance.examine(catalog),
            lambda: list(orphans.find_removable(catalog, NO_TIME)),
        ):
            with pytest.raises(CatalogError, match="is empty"):
                work()

    def test_all_emptied(self, tmp_path: Path) -> None:
        """A log of nothing but empty files is no new catalog."""
        catalog = filed(str(tmp_path), "a")
        for path in log_of(tmp_path):
            emptied(path)
        with pytest.raises(CatalogError, match="is empty"):
            DesignCatalog(open_store(str(tmp_path))).file([design("b")])
        assert maintenance.TABLES and catalog.store.exists("table/_delta_log/00000000000000000000.json")

    def test_old_commits_behind_a_checkpoint_may_go(self, tmp_path: Path) -> None:
        """Commits before a checkpoint are not needed, as other programs clean them away."""
        catalog = filed(str(tmp_path), "a", "b")
        catalog.file([written(catalog, "c")])
        maintenance.tidy(catalog, timedelta(days=7))
        for path in log_of(tmp_path)[:-1]:
            path.unlink()
        again = DesignCatalog(open_store(str(tmp_path)))
        assert maintenance.examine(again) == maintenance.Findings(3, (), ())
        assert again.file([design("d")]) == 1

    def test_hint_without_its_checkpoint(self, tmp_path: Path) -> None:
        """A checkpoint that is named and gone is told with the remedy, and by that all is there again."""
        catalog = filed(str(tmp_path), "a", "b")
        catalog.tidy(timedelta(days=7))
        (checkpoint,) = (tmp_path / "table" / "_delta_log").glob("*.checkpoint.parquet")
        checkpoint.unlink()
        with pytest.raises(CatalogError, match="checkpoint that is not there.*_delta_log/_last_checkpoint"):
            DesignCatalog(open_store(str(tmp_path))).existing()
        (tmp_path / "table" / "_delta_log" / "_last_checkpoint").unlink()
        assert DesignCatalog(open_store(str(tmp_path))).existing() == {key("a"), key("b")}

    @pytest.mark.parametrize("metrics", ["x", {"num_added_files": "many"}, {"num_added_files": None}, [], 3])
    def test_odd_metrics(self, tmp_path: Path, metrics: object) -> None:
        """Counts that are none say nothing."""
        filed(str(tmp_path), "a")
        newest = log_of(tmp_path)[-1]
        actions = [json.loads(line) for line in newest.read_text().splitlines()]
        for action in actions:
            if "commitInfo" in action:
                action["commitInfo"]["operationMetrics"] = metrics
        newest.write_text("\n".join(map(json.dumps, actions)))
        assert DesignCatalog(open_store(str(tmp_path))).existing() == {key("a")}

    def test_unseen_table(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A table that the Delta library makes elsewhere is found out at its first commit."""
        store = open_store(str(tmp_path / "here"))
        there = str(tmp_path / "there" / "table")
        monkeypatch.setattr(type(store), "delta_location", lambda *_: (there, {}))
        with pytest.raises(StoreError, match="not here"):
            DesignCatalog(store).file([design("a")])


class TestDataFiles:
    """Files that the log names are cut or gone."""

    @pytest.fixture(params=[lambda path: path.unlink(), cut, emptied], ids=["gone", "cut", "emptied"])
    def broken(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
        """A catalog of three designs in two files, of which one is broken."""
        catalog = filed(str(tmp_path / "d"), "a", "b")
        before = set((tmp_path / "d" / "table").glob("*.parquet"))
        catalog.file([written(catalog, "c")])
        (late,) = set((tmp_path / "d" / "table").glob("*.parquet")) - before
        request.param(late)
        yield str(tmp_path / "d")

    def test_refused_everywhere(self, broken: str) -> None:
        """Reading and upkeep say which table it is and what to do, and raise nothing else."""
        catalog = DesignCatalog(open_store(broken))
        for work in (
            catalog.read,
            lambda: maintenance.examine(catalog),
            lambda: list(orphans.find_removable(catalog, NO_TIME)),
        ):
            with pytest.raises(CatalogError, match="damaged or gone.*doctor --repair"):
                work()

    def test_doctor_mends_it(self, broken: str, stylemill: Run) -> None:
        """Doctor says it in a line without a traceback; --repair gives up the file's records alone."""
        told = stylemill("doctor", "--designs", broken)
        assert told.returncode == 1 and "Traceback" not in told.stderr
        assert "doctor --repair" in told.stderr.strip().splitlines()[-1]
        mended = stylemill("doctor", "--designs", broken, "--repair")
        assert mended.returncode == 0, mended.stderr
        assert (
            "taken out of its table with the records in it" in mended.stderr
            and "2 designs, 0 faulty records" in mended.stdout
        )
        catalog = DesignCatalog(open_store(broken))
        assert catalog.existing() == {key("a"), key("b")}
        assert catalog.file([written(catalog, "c")]) == 1
        assert maintenance.examine(catalog) == maintenance.Findings(3, (), ())


class Disk:
    """What the system was asked to keep, in order, as names."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.kept: list[str] = []
        self._real = os.fsync

    def fsync(self, handle: int) -> None:
        """Note it and do it."""
        self.kept.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        self._real(handle)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Listens to fsync."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not tell the names of open files")
    found = Disk()
    monkeypatch.setattr(os, "fsync", found.fsync)
    return found


def _publish(catalog: DesignCatalog) -> None:
    reviews = ReviewLog(catalog.store)
    reviews.catch_up()
    reviews.publish_verdicts()


def _say(catalog: DesignCatalog) -> None:
    ReviewLog(catalog.store).file([verdict("late", key("a"))])


WORK: dict[str, tuple[str, Callable[[DesignCatalog], object]]] = {
    "file": ("table", lambda catalog: catalog.file([written(catalog, "z")])),
    "remove": (
        "table",
        lambda catalog: maintenance.repair(catalog, [maintenance.Fault(key("a"), "none", _sha(catalog), "")]),
    ),
    "tidy": ("table", lambda catalog: catalog.tidy(timedelta(days=7))),
    "say": ("reviews", _say),
    "publish": ("verdicts", _publish),
}


def _sha(catalog: DesignCatalog) -> str:
    return str(catalog.records([key("a")])[0]["image_sha256"])


@pytest.mark.parametrize("work", WORK)
def test_answered_when_it_is_kept(tmp_path: Path, disk: Disk, work: str) -> None:
    """Before a commit is answered its data files, its entry in the log and all folders on the way are synced."""
    catalog = filed(str(tmp_path), "a")
    catalog.file([written(catalog, "b")])
    ReviewLog(catalog.store).file([verdict("first", key("a"))])
    table, do = WORK[work]
    before = {path for path in (tmp_path / table).rglob("*") if path.is_file()}
    disk.kept.clear()
    do(DesignCatalog(open_store(str(tmp_path))))
    new = {path for path in (tmp_path / table).rglob("*") if path.is_file()} - before
    commits = [path for path in new if path.suffix == ".json"]
    assert commits
    added = [json.loads(line).get("add") for path in commits for line in path.read_text().splitlines()]
    data = {str(tmp_path / table / action["path"]) for action in added if action}
    kept = set(disk.kept)
    assert {str(path) for path in new} | data <= kept
    assert {str(tmp_path / table), str(tmp_path / table / "_delta_log"), str(tmp_path)} <= kept
    last = max(disk.kept.index(str(path)) for path in commits)
    assert disk.kept.index(str(tmp_path / table / "_delta_log"), last) > last


def test_commits_of_others_that_ours_stands_on(tmp_path: Path, disk: Disk) -> None:
    """What another process has filed since is kept before our commit behind it is answered."""
    ours, other = filed(str(tmp_path), "a"), DesignCatalog(open_store(str(tmp_path)))
    ours.existing()
    other.file([written(other, "b")])
    theirs = log_of(tmp_path)[-1]
    disk.kept.clear()
    ours.file([written(ours, "c")])
    assert str(theirs) in disk.kept


def test_pictures_are_kept_with_their_names(tmp_path: Path, disk: Disk) -> None:
    """A picture's folder, and the folders made for it, are synced as well as its bytes."""
    catalog = DesignCatalog(open_store(str(tmp_path / "new" / "designs")))
    image, _ = catalog.add_picture(key("a"), b"png")
    kept = set(disk.kept)
    folder = (tmp_path / "new" / "designs" / image).parent
    assert {str(folder), str(folder.parent), str(folder.parent.parent)} <= kept


def test_a_disk_that_cannot_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that the disk reports as not kept is no success."""
    catalog = filed(str(tmp_path), "a")

    def failing(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreError, match="Input/output error"):
        catalog.file([design("b")])


def test_panics_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A panic of the Delta library becomes a StoreError that is chained to it, wherever it is called."""

    class PanicException(BaseException):
        """As pyo3's: no Exception."""

    def panics(*_args: object, **_options: object) -> None:
        raise PanicException("called `Option::unwrap()` on a `None` value")

    table = TableInStore(open_store(str(tmp_path)), "table")
    filed(str(tmp_path), "a")
    for work in (lambda: table.ask_table(panics), lambda: table.commit(panics)):  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="Delta library broke down.*unwrap") as caught:
            work()
        assert isinstance(caught.value.__cause__, PanicException)
    monkeypatch.setattr("catalogs.storage.delta_tables.DeltaTable", type("Panics", (), {"__new__": panics}))
    with pytest.raises(StoreError, match="broke down"):
        table.open()
    with pytest.raises(KeyboardInterrupt):
        table.ask_table(_interrupted)


def _interrupted() -> None:
    raise KeyboardInterrupt


def test_a_real_panic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own panic, at brackets in a path, is caught where our refusal is taken away."""
    monkeypatch.setattr("catalogs.storage.delta_places.LOCAL", re.compile(r"(?!)"))
    with pytest.raises(StoreError, match="broke down"):
        DesignCatalog(open_store(str(tmp_path / "[x]"))).file([design("a")])
