"""An address is read one way: by our stores and by the Delta library alike, or it is refused before any work."""

import urllib.parse
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from catalogs.designs import maintenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import StoreError
from catalogs.storage import delta_places
from catalogs.storage.stores import open_store
from tests.catalogs.designs.reviews.test_review_log import verdict
from tests.catalogs.designs.test_design_catalog import design
from tests.catalogs.designs.test_maintenance import key, written
from tests.conftest import Run

NO_TIME = timedelta(0)
ALIKE = [
    "plain", "drop#1", "drop?1", "a b", " leading", "trailing ", "100%", "50%zz", "a+b", "a&b=c;d", "a:b", "a@b,c!",
    "it's", 'say "so"', "<b>", "{b}", "a`b", "~x", "$HOME", "*", ".hidden", "...", "a..b", "Größe", "Gro\u0308ße",
    "日本語", "\xa0", "👕",
]  # fmt: skip
"""Read alike in a folder's path and in a prefix."""
PREFIX_ONLY = ["[SS25]", "a^b", "a|b", "a\\b"]
"""In a prefix escaping brings them through; in a path the library panics, or takes them for a separator."""
REFUSED = {
    "My%20Designs": "'%20'",
    "a%2Fb": "'%2F'",
    "tab\there": "a tab",
    "line\nbreak": "a line break",
    "\x7f": "0x7f",
}


def lives(where: str) -> None:
    """A catalog's whole life in one place, and its table is nowhere else."""
    catalog = DesignCatalog(open_store(where))
    catalog.prepare()
    for name in "abc":
        catalog.file([written(catalog, name)])
    ReviewLog(catalog.store).file([verdict("act", key("a"))])
    assert maintenance.examine(catalog) == maintenance.Findings(3, (), ())
    maintenance.tidy(catalog, NO_TIME)
    assert (
        catalog.remove([(one["design_id"], one["image_sha256"]) for one in catalog.records([key("a")])]) == 1
    )
    again = DesignCatalog(open_store(where))
    assert again.existing() == {key("b"), key("c")}
    assert [act.act_id for act in ReviewLog(open_store(where)).catch_up()] == ["act"]
    logs = {
        found.key.partition("/_delta_log/")[0] for found in catalog.store.list() if "_delta_log" in found.key
    }
    assert logs == {"table", "reviews"}


def in_groups(names: list[str]) -> list[str]:
    """Several names below each other as one place: a whole life in each takes its time."""
    return ["/".join(names[n : n + 8]) for n in range(0, len(names), 8)]


class TestFolder:
    """On a disk."""

    @pytest.mark.parametrize("name", in_groups(ALIKE))
    def test_read_alike(self, tmp_path: Path, name: str) -> None:
        """A folder of that name holds its own tables, beside pictures, and nothing appears beside it."""
        lives(str(tmp_path / "in" / name))
        for folder, inner in zip(["", *name.split("/")], name.split("/"), strict=False):
            tmp_path = tmp_path / (folder or "in")
            assert [found.name for found in tmp_path.iterdir()] == [inner]

    @pytest.mark.parametrize("name", ALIKE)
    def test_as_an_uri(self, tmp_path: Path, name: str) -> None:
        """The same folder is reached by its path, and by its percent-encoded file: URI."""
        path = str(tmp_path / name)
        encoded = urllib.parse.quote(path)
        for uri in (f"file://{encoded}", f"file://localhost{encoded}", f"file:{encoded}"):
            assert open_store(uri).uri == path

    @pytest.mark.parametrize("name", [*REFUSED, *PREFIX_ONLY, "\udcff", "%5BSS25%5D", "in [SS25]/deeper"])
    def test_refused(self, tmp_path: Path, name: str) -> None:
        """What the Delta library would read otherwise is refused with its letters, and nothing is written."""
        catalog = DesignCatalog(open_store(str(tmp_path / name)))
        letters = REFUSED.get(name, "")
        for work in (catalog.existing, lambda: catalog.file([design("a")]), catalog.read):
            with pytest.raises(StoreError, match="cannot hold designs") as caught:
                work()
            assert letters in str(caught.value) and "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_lies_in_its_target(self, tmp_path: Path) -> None:
        """A link with a plain name to a folder with brackets does not help, and is refused as that."""
        (tmp_path / "[real]").mkdir()
        (tmp_path / "plain").symlink_to(tmp_path / "[real]")
        with pytest.raises(StoreError, match=r"'\[', '\]'"):
            DesignCatalog(open_store(str(tmp_path / "plain"))).existing()

    def test_run_ends_before_painting(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """The command says it in one line, before any picture is painted."""
        designs = tmp_path / "Designs [SS25]"
        done = stylemill(
            "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", designs,
            "--recipe", catalog / "tiny.toml",
        )  # fmt: skip
        assert done.returncode != 0
        assert "cannot hold designs" in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr and not designs.exists()

    def test_garments_and_styles_may_lie_anywhere(
        self, catalog: Path, tmp_path: Path, stylemill: Run
    ) -> None:
        """Catalogs that are only read take letters that a design catalog does not."""
        odd = tmp_path / "in %20 [SS25] a|b^c\\d"
        catalog.rename(odd)
        done = stylemill("check", "--garments", odd / "garments", "--styles", odd / "styles")
        assert done.returncode == 0, done.stderr


class TestS3:
    """On a real S3 server."""

    @pytest.mark.parametrize("name", in_groups([*ALIKE, *PREFIX_ONLY]))
    def test_read_alike(self, s3: str, name: str) -> None:
        """Tables lie below the very prefix that pictures lie below, and nothing lies beside it."""
        lives(f"s3://{s3}/in/{name}")
        answer = boto3.client("s3").list_objects_v2(Bucket=s3)
        assert all(found["Key"].startswith(f"in/{name}/") for found in answer["Contents"])

    def test_prefixes_share_nothing(self, s3: str) -> None:
        """Two prefixes that differ behind a '#' are two catalogs."""
        one, other = (DesignCatalog(open_store(f"s3://{s3}/drop#{n}")) for n in (1, 2))
        one.file([design("a")])
        assert other.existing() == set()
        assert other.file([design("a")]) == 1

    @pytest.mark.parametrize("name", [*REFUSED, "a//b", "a/./b", "a/../b", "..", "x" * 900])
    def test_refused(self, s3: str, name: str) -> None:
        """What the Delta library would read otherwise, or S3 does not take, is refused, and nothing is written."""
        catalog = DesignCatalog(open_store(f"s3://{s3}/in/{name}"))
        letters = REFUSED.get(name, "")
        for work in (catalog.existing, lambda: catalog.file([design("a")])):
            with pytest.raises(StoreError, match="cannot hold designs") as caught:
                work()
            assert letters in str(caught.value) and len(str(caught.value)) < 600
        assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=s3)

    def test_odd_bucket(self) -> None:
        """A bucket's name that would end at a '#' is none."""
        with pytest.raises(StoreError, match="no bucket's name"):
            delta_places.of_prefix("looks#1", "x", "table")


@pytest.mark.parametrize("uri", ["file://server/share", "file://", "file:", "file://relative/x"])
def test_uris_of_no_folder_here(uri: str) -> None:
    """A file: URI that names another machine, or nothing, is refused with how to write it."""
    with pytest.raises(StoreError, match="file:///folder"):
        open_store(uri)


@pytest.mark.parametrize("folder", ["x" * 300, "a\x00b", "/".join(["y" * 200] * 30)])
def test_names_that_no_disk_takes(folder: str, tmp_path: Path) -> None:
    """A name too long for the disk, or with a zero in it, is a StoreError and no traceback."""
    with pytest.raises(StoreError):
        DesignCatalog(open_store(f"{tmp_path}/{folder}")).prepare()
