"""The table of designs over its life: other versions of Stylemill, many writers at once, many commits."""

import multiprocessing
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

import catalogs.designs.design_columns
import catalogs.storage.delta.delta_tables
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import CatalogError
from catalogs.storage.stores import open_store
from tests.catalogs.designs.test_design_catalog import design
from tests.conftest import Run

TEXTS_0_1 = """design_id garment_id style_id style_set recipe recipe_digest recipe_json image image_sha256
width height garment_digest style_digest loss loss_content loss_style loss_variation loss_start steps seconds
device precision versions run_id created_at garment_title garment_category garment_season garment_licence
garment_tags garment_further style_title style_licence style_tags style_further rights_holder"""
TYPES_0_1 = {
    **dict.fromkeys(("width", "height", "steps"), pa.int32()),
    **dict.fromkeys(
        ("loss", "loss_content", "loss_style", "loss_variation", "loss_start", "seconds"), pa.float64()
    ),
    **dict.fromkeys(("garment_tags", "style_tags"), pa.list_(pa.string())),
    "created_at": pa.timestamp("us", tz="UTC"),
}
VERSION_0_1 = pa.schema([(name, TYPES_0_1.get(name, pa.string())) for name in TEXTS_0_1.split()])
"""What the first version of Stylemill filed."""
LATER = ("loss_lighting", "fold_correlation", "changed_outside")
"""Some of the columns that came after it."""

WRITERS, STYLES, BATCHES, OWN, SHARED = 16, 8, 3, 4, 6


class Contract:
    """The same on a folder and on S3."""

    def test_an_older_table_is_read(self, where: str) -> None:
        """A table of version 0.1 is read as it is, with nulls in the columns that came later."""
        catalog = _filed_by_0_1(where, "a", "b")
        row = min(catalog.read().to_pylist(), key=lambda row: row["design_id"])
        assert (row["design_id"], row["loss"], row["garment_tags"]) == ("a", 0.5, ["x"])
        assert [row[name] for name in LATER] == [None] * len(LATER)
        assert catalog.read(["changed_outside", "seconds"]).to_pylist() == 2 * [
            {"changed_outside": None, "seconds": 1.5}
        ]
        assert catalog.read(["changed_outside"])["changed_outside"].to_pylist() == [None, None]
        assert catalog.existing() == {"a", "b"}
        assert catalog.existing(["b", "c"], ["s"]) == {"b"}
        assert catalog.of_run("first") == {"a": "images/a.png", "b": "images/b.png"}

    def test_an_older_table_is_extended(self, where: str) -> None:
        """A new run adds its columns to a table of version 0.1 in the commit of its rows, and nothing is lost."""
        catalog = _filed_by_0_1(where, "a", "b")
        old, version = _by_id(catalog), _table(catalog).version()
        assert catalog.file([design("b"), design("c")]) == 1
        assert _table(catalog).version() == version + 1
        new = _by_id(catalog)
        assert [new["c"][name] for name in ("loss_start", "changed_outside", "loss_lighting")] == [
            3.0,
            0,
            0.0,
        ]
        assert new["a"] | new["b"] == old["a"] | old["b"]
        assert set(new) == {"a", "b", "c"}
        assert [new["a"][name] for name in LATER] == [None] * len(LATER)

    def test_a_newer_table_keeps_its_columns(self, where: str) -> None:
        """Columns of a later version are read, and stay when this version files: null in its rows."""
        catalog = DesignCatalog(open_store(where))
        catalog.file([design("a")])
        uri, options = catalog.store.delta_location()
        newer = catalog.read().append_column("warp", pa.array([0.25])).to_pylist()[0] | {"design_id": "b"}
        schema = pa.schema([*catalogs.designs.design_columns.SCHEMA, ("warp", pa.float64())])
        rows = pa.Table.from_pylist([newer], schema)
        write_deltalake(uri, rows, mode="append", schema_mode="merge", storage_options=options)
        assert catalog.file([design("b"), design("c")]) == 1
        assert {key: row["warp"] for key, row in _by_id(catalog).items()} == {"a": None, "b": 0.25, "c": None}
        assert catalog.existing() == {"a", "b", "c"}

    def test_a_further_term_of_the_loss_gets_its_column(self, where: str) -> None:
        """The loss of a term that the table does not know becomes a column: null in older rows, there in records."""
        catalog = DesignCatalog(open_store(where))
        catalog.file([design("a")])
        losses = {**design("b").term_losses, "symmetry": 0.125}
        assert catalog.file([replace(design("b"), term_losses=losses), design("c")]) == 2
        column = {key: row["loss_symmetry"] for key, row in _by_id(catalog).items()}
        assert column == {"a": None, "b": 0.125, "c": None}
        by_id = {record["design_id"]: record["loss_symmetry"] for record in catalog.records(["a", "b"])}
        assert by_id == {"a": None, "b": 0.125}

    def test_a_foreign_column_is_no_loss(self, where: str) -> None:
        """A column of somebody else's that is called loss_... and holds text is passed over in records."""
        catalog = DesignCatalog(open_store(where))
        catalog.file([design("a")])
        uri, options = catalog.store.delta_location()
        schema = pa.schema([*catalogs.designs.design_columns.SCHEMA, ("loss_note", pa.string())])
        foreign = catalog.read().to_pylist()[0] | {"design_id": "b", "loss_note": "torn"}
        write_deltalake(
            uri,
            pa.Table.from_pylist([foreign], schema),
            mode="append",
            schema_mode="merge",
            storage_options=options,
        )
        assert {record["design_id"] for record in catalog.records(["a", "b"])} == {"a", "b"}
        assert "loss_note" not in catalog.records(["b"])[0]

    def test_a_column_of_another_type_is_refused(self, where: str) -> None:
        """A column whose type differs is named with both types and a way out, before anything is made or filed."""
        catalog = DesignCatalog(open_store(where))
        uri, options = catalog.store.delta_location()
        odd = pa.schema([("design_id", pa.string()), ("width", pa.string())])
        DeltaTable.create(uri, odd, storage_options=options)
        told = "column 'width' is of type string, but .* files int32. Use the version"
        for act in (catalog.existing, catalog.read, lambda: catalog.file([design("a")])):
            with pytest.raises(CatalogError, match=told):
                act()
        assert _table(catalog).version() == 0

    def test_somebody_elses_table_is_refused(self, where: str) -> None:
        """A Delta table without design_id is told to be no design catalog."""
        catalog = DesignCatalog(open_store(where))
        uri, options = catalog.store.delta_location()
        DeltaTable.create(uri, pa.schema([("price", pa.float64())]), storage_options=options)
        with pytest.raises(CatalogError, match="no column 'design_id'"):
            catalog.existing()

    @pytest.mark.parametrize("between", ["rows", "columns"])
    def test_a_commit_between_question_and_answer(
        self, where: str, between: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What another run files, or the columns it adds, after we looked and before we append, are seen."""
        catalog = _filed_by_0_1(where, "a")
        if between == "rows":  # else these would come with columns too, which is a conflict by itself
            catalog.file([design("c")])
        honest, others = DesignCatalog._ids, [[design("b" if between == "rows" else "c")]]

        def late(*arguments: Any) -> set[str]:
            found = honest(*arguments)
            if others:
                DesignCatalog(open_store(where)).file(others.pop())
            return found

        monkeypatch.setattr(DesignCatalog, "_ids", late)
        assert catalog.file([replace(design("b"), run_id="ours")]) == (0 if between == "rows" else 1)
        ids = catalog.read(["design_id"])["design_id"].to_pylist()
        assert sorted(ids) == ["a", "b", "c"]

    def test_twice_in_one_batch(self, where: str) -> None:
        """A design that is twice in one batch is filed once, the first one."""
        catalog = DesignCatalog(open_store(where))
        assert catalog.file([design("a", "one"), design("a", "two")]) == 1
        assert catalog.read(["run_id"])["run_id"].to_pylist() == ["one"]

    def test_nothing_new_commits_nothing(self, where: str) -> None:
        """Filing what is there leaves the table's version as it was."""
        catalog = DesignCatalog(open_store(where))
        catalog.file([design("a")])
        version = _table(catalog).version()
        assert catalog.file([design("a")]) == 0
        assert _table(catalog).version() == version

    def test_merged_while_others_file(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows that are filed while small files are merged stay; the merge is tried again."""
        catalog = DesignCatalog(open_store(where))
        for one in ("a", "b"):
            catalog.file([design(one)])
        others = [[design("c")]]

        class Opened(DeltaTable):
            """A table that changes right after it was opened."""

            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                if others:
                    DesignCatalog(open_store(where)).file(others.pop())

        monkeypatch.setattr(catalogs.storage.delta.delta_tables, "DeltaTable", Opened)
        assert catalog._filed.commit(catalog._filed._compact) == 3
        assert catalog.existing() == {"a", "b", "c"}

    def test_checkpoints(self, where: str) -> None:
        """Tidying writes a checkpoint that the table opens by; versions before it can still be opened."""
        catalog = DesignCatalog(open_store(where))
        for number in range(6):
            catalog.file([design(f"{number}")])
        catalog.tidy(timedelta(days=7))
        log = [found.key for found in catalog.store.list("table/_delta_log/")]
        assert any(key.endswith(f"{catalog.version():020}.checkpoint.parquet") for key in log)
        uri, options = catalog.store.delta_location()
        past = DeltaTable(uri, version=3, storage_options=options)
        assert past.to_pyarrow_table().num_rows == 3
        assert [one["operation"] for one in _table(catalog).history()][-1] == "CREATE TABLE"
        for key in log:
            if key.endswith(".json") and "last" not in key:
                catalog.store.delete(key)
        assert catalog.existing() == {f"{number}" for number in range(6)}


class TestFolder(Contract):
    """A folder."""

    @pytest.fixture
    def where(self, tmp_path: Path) -> str:
        """A folder that is not there yet."""
        return str(tmp_path / "designs")

    def test_sixteen_writers_at_once(self, where: str) -> None:
        """Sixteen processes that file overlapping batches leave each design once, and none gives up."""
        _require_each_once(where)

    def test_commands_on_an_older_table(self, where: str, stylemill: Run) -> None:
        """`stylemill list` and `stylemill doctor` work on a table of version 0.1."""
        catalog = _filed_by_0_1(where, "a")
        listed = stylemill("list", "--designs", where)
        assert (listed.returncode, "images/a.png" in listed.stdout) == (0, True), listed.stderr
        looked = stylemill("doctor", "--designs", where)
        assert (looked.returncode, "no such picture" in looked.stderr) == (3, True), looked.stderr
        assert catalog.existing() == {"a"}


class TestS3(Contract):
    """A prefix of a bucket on a real server."""

    @pytest.fixture
    def where(self, s3: str) -> str:
        """A prefix of a fresh bucket."""
        return f"s3://{s3}/a/designs"

    @pytest.mark.slow
    def test_sixteen_writers_at_once(self, where: str) -> None:
        """Sixteen processes that file overlapping batches leave each design once, and none gives up."""
        _require_each_once(where)


def _require_each_once(where: str) -> None:
    filed = _race(where)
    ids = DesignCatalog(open_store(where)).read(["design_id"])["design_id"].to_pylist()
    every = {one for writer in range(WRITERS) for batch in range(BATCHES) for one in _ids(writer, batch)}
    assert sorted(ids) == sorted(every)
    assert sum(filed) == len(ids)


def _filed_by_0_1(where: str, *ids: str) -> DesignCatalog:
    """A catalog with designs as version 0.1 filed them."""
    catalog = DesignCatalog(open_store(where))
    uri, options = catalog.store.delta_location()
    DeltaTable.create(uri, VERSION_0_1, storage_options=options)
    text = {name: "t" for name in VERSION_0_1.names if VERSION_0_1.field(name).type == pa.string()}
    numbers = dict.fromkeys(("width", "height", "steps"), 2)
    losses = dict.fromkeys(("loss", "loss_content", "loss_style", "loss_variation", "loss_start"), 0.5)
    same = text | numbers | losses | {"style_id": "s", "run_id": "first", "seconds": 1.5}
    same |= {"created_at": datetime(2026, 1, 1, tzinfo=UTC), "garment_tags": ["x"], "style_tags": []}
    rows = [same | {"design_id": one, "image": f"images/{one}.png"} for one in ids]
    table = pa.Table.from_pylist(rows, VERSION_0_1)
    write_deltalake(uri, table, mode="append", storage_options=options)
    return catalog


def _by_id(catalog: DesignCatalog) -> dict[str, dict[str, Any]]:
    return {row["design_id"]: row for row in catalog.read().to_pylist()}


def _table(catalog: DesignCatalog) -> DeltaTable:
    uri, options = catalog.store.delta_location()
    return DeltaTable(uri, storage_options=options)


def _race(where: str) -> list[int]:
    """How many designs each of the writers was told to have filed.

    They are forked from a process that has only imported: sixteen imports would take longer than the race.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with context.Pool(WRITERS) as pool:
        work = [(where, settings, writer) for writer in range(WRITERS)]
        return pool.map(_file_some, work, chunksize=1)


def _file_some(work: tuple[str, dict[str, str], int]) -> int:
    where, settings, writer = work
    os.environ.update(settings)
    catalog, filed = DesignCatalog(open_store(where)), 0
    for batch in range(BATCHES):
        designs = [design(one, str(writer)) for one in _ids(writer, batch)]
        filed += catalog.file([replace(one, style_id=f"s{writer % STYLES}") for one in designs])
    return filed


def _ids(writer: int, batch: int) -> list[str]:
    """Designs of a writer's batch: its own, and some that all writers of its style file."""
    own = [f"{writer}-{batch}-{number}" for number in range(OWN)]
    return own + [f"shared-{writer % STYLES}-{batch}-{number}" for number in range(SHARED)]
