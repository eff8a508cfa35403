"""Commands over a design catalog, as a person runs them."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.storage.stores import open_store
from tests.catalogs.browser.shop import shop
from tests.catalogs.designs.test_maintenance import filed, key
from tests.conftest import Run


def test_list_as_csv(stylemill: Run, tmp_path: Path) -> None:
    """`list --csv` gives every column, and what was said of the designs."""
    designs = shop(tmp_path / "designs")
    now = datetime.now(UTC)
    newest = designs[-1].design_id
    ReviewLog(open_store(str(tmp_path / "designs"))).file(
        [Act("a", "ann", now, What.VERDICT, (newest,), "pick")]
    )
    done = stylemill("list", "--designs", tmp_path / "designs", "--csv", "--limit", 3)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(io.StringIO(done.stdout.removeprefix("\ufeff")))
    assert table["design_id"].tolist() == [one.design_id for one in designs[:-4:-1]]
    assert table["verdict"].fillna("").tolist() == ["pick", "", ""]
    assert {"recipe_json", "colors", "fold_correlation"} <= set(table.columns)
    assert not table["garment_tags"].fillna("").str.contains(r"[\[\]]").any(), (
        "tags are joined, no Python list"
    )
    assert not table["credit"].str.contains("nan").any()


def test_doctor_tells_repairs_and_is_content(stylemill: Run, tmp_path: Path) -> None:
    """A lost picture is named with exit code 3, --repair takes its record out, and then all is well."""
    where = str(tmp_path / "designs")
    catalog = filed(where, "a", "b")
    lost = catalog.read(["image"])["image"][0].as_py()
    catalog.store.delete(lost)
    found = stylemill("doctor", "--designs", where)
    assert "g in s by house:" in found.stderr
    assert found.returncode == 3
    assert f"{lost}: there is no such picture" in found.stderr
    assert "2 designs, 1 faulty record, 0 pictures without a record" in found.stdout
    repaired = stylemill("doctor", "--designs", where, "--repair")
    assert repaired.returncode == 0
    assert "1 record taken out" in repaired.stdout
    again = stylemill("doctor", "--designs", where, "--quick")
    assert again.returncode == 0
    assert "1 design, 0 faulty records" in again.stdout


def test_gc_is_dry_unless_asked(stylemill: Run, tmp_path: Path) -> None:
    """Without --delete orphans are named and stay; with it they go, and records stay."""
    where = str(tmp_path / "designs")
    catalog = filed(where, "a")
    orphan, _ = catalog.add_picture(key("b"), b"nobody's")
    dry = stylemill("gc", "--designs", where, "--older-than", 0)
    assert dry.returncode == 0
    assert orphan in dry.stderr and "1 orphan" in dry.stdout and "would be removed" in dry.stdout
    assert catalog.store.exists(orphan)
    assert "0 orphans" in stylemill("gc", "--designs", where).stdout, "a day of grace is the default"
    done = stylemill("gc", "--designs", where, "--older-than", 0, "--delete")
    assert done.returncode == 0 and "1 orphan" in done.stdout and "removed" in done.stdout
    assert not catalog.store.exists(orphan)
    assert DesignCatalog(open_store(where)).existing() == {key("a")}


def test_no_catalog_is_said(stylemill: Run, tmp_path: Path) -> None:
    """A place without designs is one clear message, not a clean bill."""
    for command in ("doctor", "gc"):
        found = stylemill(command, "--designs", tmp_path)
        assert found.returncode == 1
        assert "holds no design catalog" in found.stderr
