"""The design catalog keeps every design once, whoever writes, and any tool can read it."""

import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pytest
from deltalake import DeltaTable

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.design_columns import SCHEMA
from catalogs.errors import NotAllowedError, StoreError, UnreachableError
from catalogs.records import LOSS_TERMS, Design
from catalogs.storage.store_contract import S3Options
from catalogs.storage.stores import open_store

LOSSES = dict.fromkeys(LOSS_TERMS, 0.0) | {"content": 0.5, "style": 0.25, "variation": 0.25}


def design(key: str, run: str = "run") -> Design:
    """A design with every field set."""
    return Design(
        design_id=key, garment_id="g", style_id="s", style_set="set", recipe="house", recipe_digest="d",
        recipe_json="{}", image=f"images/{key}.png", image_sha256="0", width=4, height=5, garment_digest="g",
        style_digest="s", loss=1.0, term_losses=LOSSES,
        loss_start=3.0, style_distance=0.1, fold_correlation=float("nan"),
        checkerboard_peak=1.0, variation_ratio=2.0, changed_outside=0, steps=7,
        seconds=1.5, device="cpu", precision="float32", versions="{}", run_id=run,
        created_at=datetime(2026, 11, 21, tzinfo=UTC), garment_tags=("a", "b"), garment_further=(("buyer", "Ann"),),
    )  # fmt: skip


class Contract:
    """The same on a folder and on S3."""

    def test_nothing_yet(self, where: str) -> None:
        """A catalog that was never written is empty, and reading it writes nothing."""
        catalog = DesignCatalog(open_store(where))
        assert catalog.existing() == set()
        assert catalog.read().num_rows == 0
        assert list(catalog.store.list()) == []

    def test_filed_once(self, where: str) -> None:
        """A design filed twice is one record, the first one."""
        catalog = DesignCatalog(open_store(where))
        catalog.prepare()
        assert catalog.file([design("a", "one"), design("b", "one")]) == 2
        assert catalog.file([design("b", "two"), design("c", "two")]) == 1
        found = catalog.read().to_pandas().sort_values("design_id")
        assert list(zip(found["design_id"], found["run_id"], strict=True)) == [
            ("a", "one"),
            ("b", "one"),
            ("c", "two"),
        ]
        assert catalog.existing(["b", "x"]) == {"b"}

    def test_values_come_back(self, where: str) -> None:
        """Numbers, times, lists and further columns are read as they were written."""
        catalog = DesignCatalog(open_store(where))
        catalog.file([design("a")])
        row = catalog.read().to_pylist()[0]
        assert row["created_at"] == datetime(2026, 11, 21, tzinfo=UTC)
        assert row["garment_tags"] == ["a", "b"]
        assert row["garment_further"] == '{"buyer": "Ann"}'
        assert (row["width"], row["loss_start"]) == (4, 3.0)

    def test_filing_nothing_commits_nothing(self, where: str) -> None:
        """No designs, no commit."""
        catalog = DesignCatalog(open_store(where))
        assert catalog.file([]) == 0
        assert list(catalog.store.list()) == []


class TestFolder(Contract):
    """A folder."""

    @pytest.fixture
    def where(self, tmp_path: Path) -> str:
        """A folder that is not there yet."""
        return str(tmp_path / "designs")

    def test_other_tools_read_it(self, where: str) -> None:
        """The table is plain Delta: the library alone, pandas and pyarrow read it."""
        DesignCatalog(open_store(where)).file([design("a")])
        table = DeltaTable(f"{where}/table")
        assert pa.schema(table.schema().to_arrow()).names == SCHEMA.names
        assert isinstance(table.to_pandas(), pd.DataFrame)
        assert pyarrow.dataset.dataset(table.file_uris()).count_rows() == 1

    def test_read_only_folder(self, where: str) -> None:
        """A design folder that cannot be made is refused before any work, with what to check."""
        Path(where).parent.joinpath("file").write_text("")
        with pytest.raises(StoreError, match="file"):
            DesignCatalog(open_store(f"{Path(where).parent}/file/designs")).prepare()

    def test_four_writers_at_once(self, where: str) -> None:
        """Four processes that file the same designs leave each once and lose none."""
        _race(where)

    def test_lost_races_end_in_a_clear_error(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Losing every race is told as that, with what to do."""
        from deltalake.exceptions import CommitFailedError

        def lose(_self: object, _rows: object) -> int:
            raise CommitFailedError("someone was first")

        monkeypatch.setattr(DesignCatalog, "_insert", lose)
        monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))
        with pytest.raises(UnreachableError, match="lost the race.*Run the same command again"):
            DesignCatalog(open_store(where)).file([design("a")])


class TestS3(Contract):
    """A prefix of a bucket on a real server."""

    @pytest.fixture
    def where(self, s3: str) -> str:
        """A prefix of a fresh bucket."""
        return f"s3://{s3}/a/designs"

    def test_four_writers_at_once(self, where: str) -> None:
        """Four processes that file the same designs leave each once and lose none."""
        _race(where)

    def test_no_server(self, where: str) -> None:
        """A table on a server that is not there ends in an error that names the table."""
        with pytest.raises(StoreError, match="designs/table"):
            DesignCatalog(open_store(where, S3Options(endpoint_url="http://127.0.0.1:9"))).existing()


def test_permission_is_named(tmp_path: Path) -> None:
    """What the Delta library says of missing rights becomes NotAllowedError."""
    catalog = DesignCatalog(open_store(str(tmp_path)))
    error = catalog._filed._calls.explain(OSError("Permission denied (os error 13)"))
    assert isinstance(error, NotAllowedError)


def _race(where: str) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        new = pool.map(_file_some, [(where, number) for number in range(4)])
    ids = DesignCatalog(open_store(where)).read(["design_id"])["design_id"].to_pylist()
    assert sorted(ids) == sorted({f"{n}" for n in range(18)})
    assert sum(new) == 18


def _file_some(work: tuple[str, int]) -> int:
    where, number = work
    catalog = DesignCatalog(open_store(where))
    return sum(
        catalog.file([replace(design(f"{3 * k + i}"), run_id=str(number)) for i in range(3)])
        for k in range(6)
    )
