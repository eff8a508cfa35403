"""Bad input never stops a run: it is rejected by name, with the remedy, and the rest is made."""

import csv
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from tests.conftest import Run, picture

GOOD = {"g0", "g1", "g2"}


def png(array: np.ndarray) -> bytes:
    """An array as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def jpeg(array: np.ndarray) -> bytes:
    """An array as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG")
    return buffer.getvalue()


def gif() -> bytes:
    """An animated GIF."""
    frames = [Image.new("RGB", (64, 64), color) for color in ("red", "green")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def bomb() -> bytes:
    """30000 x 30000 pixels in a small file."""
    buffer = io.BytesIO()
    Image.new("1", (30000, 30000)).save(buffer, "PNG")
    return buffer.getvalue()


MASK = np.zeros((120, 96), np.uint8)
MASK[15:110, 12:84] = 255
FAINT = np.where(MASK > 0, np.linspace(10, 90, 96)[None], 0).astype(np.uint8)
LABELS = np.where(MASK > 0, np.where(np.arange(120)[:, None] < 20, 255, 1), 0).astype(np.uint8)

BAD_PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: jpeg(picture(1))[:900], "damaged or cut short"),
    "empty": (lambda: b"", "empty (0 bytes)"),
    "text": (lambda: b"hello, I am text\n" * 20, "is text, not PNG"),
    "bomb": (bomb, "scale it down"),
    "onepixel": (lambda: png(np.zeros((1, 1, 3), np.uint8)), "1x1 px; it needs at least 32 px"),
    "thread": (lambda: png(np.zeros((5000, 8, 3), np.uint8)), "8x5000 px; it needs at least 32 px"),
    "animated": (gif, "is a GIF"),
}
BAD_MASKS = {
    "othersize": (np.full((40, 40), 255, np.uint8), "40x40 px but its picture is 96x120"),
    "emptymask": (np.zeros_like(MASK), "mask is empty"),
    "whitemask": (np.full_like(MASK, 255), "white everywhere"),
    "faintmask": (FAINT, "nowhere opaque"),
    "labelmask": (LABELS, "3 flat levels"),
}
BAD_ROWS = {
    "a/b": "use 1 to 64 letters",
    "a..b": "use 1 to 64 letters",
    "two words": "use 1 to 64 letters",
    "blüse": "use 1 to 64 letters",
    "": "the id is empty",
}


@pytest.fixture
def spoiled(catalog: Path) -> tuple[Path, dict[str, str]]:
    """The good catalog with every kind of bad garment, and two bad styles; reasons by record."""
    folder, reasons = catalog / "garments", {}
    rows = []
    for name, (make, reason) in BAD_PICTURES.items():
        (folder / f"{name}.png").write_bytes(make())
        rows.append((name, f"{name}.png", ""))
        reasons[name] = reason
    for name, (mask, reason) in BAD_MASKS.items():
        (folder / f"{name}.png").write_bytes(png(mask))
        rows.append((name, "g0.png", f"{name}.png"))
        reasons[name] = reason
    for name, reason in BAD_ROWS.items():
        rows.append((name, "g0.png", ""))
        reasons[name] = reason
    rows += [("gone", "gone.png", ""), ("escaping", "../../secret.png", ""), ("g0", "g1.png", "")]
    reasons |= {"gone": "no such file", "escaping": "leaves the catalog", "g0": "is taken by row 2"}
    with (folder / "catalog.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((name, image, mask, "", "") for name, image, mask in rows)
    (catalog / "styles" / "torn.png").write_bytes(jpeg(picture(3))[:700])
    with (catalog / "styles" / "catalog.csv").open("a") as file:
        file.write("torn,set-0,torn.png,Torn,CC0\n")
    return catalog, reasons | {"torn": "damaged or cut short"}


def test_everything_bad_at_once(spoiled: tuple[Path, dict[str, str]], tmp_path: Path, stylemill: Run) -> None:
    """Twenty bad records are each rejected with their own reason; the nine good designs are made."""
    catalog, reasons = spoiled
    designs = tmp_path / "designs"
    done = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", designs,
        "--recipe", catalog / "tiny.toml",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    made = DesignCatalog(open_store(str(designs))).read().to_pandas()
    assert set(zip(made["garment_id"], made["style_id"], strict=True)) == {
        (g, f"s{n}") for g in GOOD for n in range(3)
    }
    (run,) = (designs / "runs").iterdir()
    report = json.loads((run / "report.json").read_text())
    found = {problem["record"]: problem for problem in report["problems"]}
    assert set(found) == set(reasons)
    for name, reason in reasons.items():
        assert reason in found[name]["what"], name
        assert found[name]["row"] > 1
    with (run / "rejections.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["record"] for row in csv.DictReader(file)} == set(reasons)


def test_check_lists_them_all(spoiled: tuple[Path, dict[str, str]], stylemill: Run) -> None:
    """`stylemill check` finds the same records without making anything."""
    catalog, reasons = spoiled
    done = stylemill("check", "--garments", catalog / "garments", "--styles", catalog / "styles")
    assert done.returncode == 3
    assert "3 garments can be used" in done.stdout
    for name, reason in reasons.items():
        assert any(name in line and reason in line for line in done.stderr.splitlines()), (name, reason)


def test_soft_mask_is_welcome(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A mask with soft edges is no mistake: the design is made, and untouched where the mask is 0."""
    rows, columns = np.mgrid[:120, :96]
    soft = np.clip(400 - 9 * np.hypot(rows - 60, columns - 48), 0, 255).astype(np.uint8)
    Image.fromarray(soft).save(catalog / "garments" / "g0_mask.png")
    done = stylemill(
        "one", catalog / "garments" / "g0.png", catalog / "styles" / "s0.png", tmp_path / "o.png",
        "--mask", catalog / "garments" / "g0_mask.png", "--recipe", catalog / "tiny.toml",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made, template = (
        np.asarray(Image.open(p)) for p in (tmp_path / "o.png", catalog / "garments" / "g0.png")
    )
    assert np.array_equal(made[soft == 0], template[soft == 0])
    assert (made[soft == 255] != template[soft == 255]).any()


@pytest.mark.usefixtures("shared_prefect")
def test_a_loss_that_is_not_finite_fails_alone(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair whose loss is not a number is a failure with its reason, and the others are made."""
    import flows.orchestration.stylize_catalog as flow
    from flows.painting.worker_context import open_worker_context
    from stylecore.objective.evaluation import evaluate_terms
    from stylecore.objective.terms import TermValues
    from stylecore.painting import lane_context

    def poisoned(*arguments: Any, **named: Any) -> TermValues:
        values = evaluate_terms(*arguments, **named)
        spoil = values["style"].new_ones(len(values["style"]))
        if len(spoil) == 3:
            spoil[0] = float("nan")
        return TermValues({**values.weighted, "style": values["style"] * spoil})

    monkeypatch.setattr(lane_context, "evaluate_terms", poisoned)
    monkeypatch.setenv("STYLEMILL_BATCH", "3")
    open_worker_context.cache_clear()
    done = flow.stylize_catalog(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), style_sets=["set-1"],
    )  # fmt: skip
    assert (done["made"], done["rejected"]) == (2, 1)
    report = json.loads(Path(done["report"]).with_suffix(".json").read_text())
    assert report["failures"] == [
        {
            "garment_id": "g0",
            "style_id": "s1",
            "reason": "the loss became not a number at level 1 of 2, step 1",
        }
    ]


class TestClearErrors:
    """What stops a run does so with one message and an exit code, never a traceback."""

    def refused(self, done: Any, code: int, *words: str) -> None:
        """The command ended with the code and said the words."""
        assert done.returncode == code, (done.returncode, done.stderr)
        assert "Traceback" not in done.stderr
        assert done.stderr.count("Error:") == 1
        for word in words:
            assert word in done.stderr, done.stderr

    def arguments(self, catalog: Path, designs: object, **other: object) -> list[object]:
        """A run's arguments."""
        found = {
            "garments": catalog / "garments",
            "styles": catalog / "styles",
            "recipe": catalog / "tiny.toml",
        }
        return ["run", *(x for k, v in {**found, "designs": designs, **other}.items() for x in (f"--{k}", v))]

    def test_unknown_recipe(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A recipe that is not there is told the nearest."""
        self.refused(
            stylemill(*self.arguments(catalog, tmp_path / "d", recipe="huose")), 2, "'huose'", "'house'"
        )

    def test_recipe_without_its_suffix(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A recipe's file without .toml is asked about."""
        loud = catalog / "tiny"
        done = stylemill(*self.arguments(catalog, tmp_path / "d", recipe=loud))
        self.refused(done, 2, f"did you mean {loud}.toml?")

    def test_toml_typo(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A misspelt field names file and field."""
        (catalog / "tiny.toml").write_text("style_wieght = 2\n")
        self.refused(stylemill(*self.arguments(catalog, tmp_path / "d")), 2, "tiny.toml", "'style_weight'")

    def test_unknown_style_set(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A style set that is not there is told the nearest."""
        self.refused(
            stylemill(*self.arguments(catalog, tmp_path / "d"), "--style-set", "set-7"), 2, "'set-7'", "set-0"
        )

    def test_empty_catalog(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A catalog without rows is named."""
        (catalog / "styles" / "catalog.csv").write_text("style_id,style_set,image\n")
        self.refused(stylemill(*self.arguments(catalog, tmp_path / "d")), 1, "styles/catalog.csv", "no rows")

    def test_missing_column(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A misspelt required column is named with what it probably is."""
        (catalog / "garments" / "catalog.csv").write_text("garment_id,imgae\na,a.png\n")
        self.refused(stylemill(*self.arguments(catalog, tmp_path / "d")), 1, "'image' (is 'imgae' meant?)")

    def test_folder_that_is_not_there(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A catalog's folder that does not exist is said not to."""
        done = stylemill(*self.arguments(catalog, tmp_path / "d", styles=catalog / "nosuch"))
        self.refused(done, 1, f"{catalog}/nosuch does not exist")

    @pytest.mark.parametrize("name", ["garments", "styles"])
    def test_designs_among_the_inputs(self, name: str, catalog: Path, stylemill: Run) -> None:
        """Designs in the folder of garments or styles are refused, however it is spelled, also in a dry run."""
        before = sorted(catalog.rglob("*"))
        done = stylemill(*self.arguments(catalog, f"{catalog}/./{name}/"), "--dry-run")
        self.refused(done, 2, f"the {name} catalog are one place")
        assert sorted(catalog.rglob("*")) == before

    def test_designs_among_the_inputs_of_a_bucket(self, catalog: Path, stylemill: Run) -> None:
        """The same prefix twice is refused before the store is asked."""
        done = stylemill(*self.arguments(catalog, "s3://looks/all/", garments="s3://looks/all"))
        self.refused(done, 2, "the garments catalog are one place (s3://looks/all)")

    def test_designs_in_a_file(self, catalog: Path, stylemill: Run) -> None:
        """A file as the design catalog is refused, also in a dry run."""
        done = stylemill(*self.arguments(catalog, catalog / "tiny.toml"), "--dry-run")
        self.refused(done, 2, "tiny.toml is a file")

    def test_check_looks_at_both_catalogs(self, catalog: Path, stylemill: Run) -> None:
        """A catalog that cannot be used does not hide what is wrong with the other."""
        with (catalog / "styles" / "catalog.csv").open("a") as file:
            file.write("gone,set-0,gone.png,Gone,CC0\n")
        done = stylemill("check", "--garments", catalog / "nosuch", "--styles", catalog / "styles")
        self.refused(done, 1, f"{catalog}/nosuch does not exist", "(gone)", "no such file")
        assert "3 styles can be used, 1 cannot" in done.stdout

    def test_check_names_both_catalogs(self, catalog: Path, stylemill: Run) -> None:
        """Of two catalogs that cannot be used, both are named."""
        done = stylemill("check", "--garments", catalog / "no-g", "--styles", catalog / "no-s")
        assert done.returncode == 1
        for name in ("no-g", "no-s"):
            assert f"Error: {catalog}/{name} does not exist" in done.stderr

    def test_no_catalog_given(self, catalog: Path, stylemill: Run) -> None:
        """A catalog that neither option nor setting gives is named with both."""
        done = stylemill("run", "--garments", catalog / "garments")
        self.refused(done, 2, "--styles", "STYLEMILL_STYLES")

    def test_read_only_designs(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A design folder that cannot be written is refused before any design is made."""
        if os.geteuid() == 0:
            # Root may write anywhere, so a place that nobody can write stands in.
            self.refused(stylemill(*self.arguments(catalog, "/proc/designs")), 1, "/proc/designs")
            return
        (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        self.refused(stylemill(*self.arguments(catalog, tmp_path / "locked" / "d")), 1, "permission denied")

    def test_device_that_is_not_there(self, catalog: Path, tmp_path: Path, stylemill: Run) -> None:
        """A GPU that torch does not see is named."""
        done = stylemill(*self.arguments(catalog, tmp_path / "d", device="cuda:7"))
        self.refused(done, 2, "'cuda:7' is not there")

    def test_no_such_bucket(self, catalog: Path, s3: str, stylemill: Run) -> None:
        """A bucket that is not there is named."""
        done = stylemill(*self.arguments(catalog, f"s3://{s3}/d", garments=f"s3://{s3}-not/g"))
        self.refused(done, 1, f"{s3}-not", "no such bucket")

    def test_missing_catalog_in_bucket(self, catalog: Path, s3: str, stylemill: Run) -> None:
        """A prefix without a catalog says which file is missing."""
        done = stylemill(*self.arguments(catalog, f"s3://{s3}/d", garments=f"s3://{s3}/nothing"))
        self.refused(done, 1, "no catalog.csv, catalog.xlsx or catalog.parquet")

    def test_no_credentials(
        self, catalog: Path, s3: str, stylemill: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Missing credentials say where to put them."""
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        done = stylemill(*self.arguments(catalog, f"s3://{s3}/d"))
        self.refused(done, 1, "AWS_ACCESS_KEY_ID")

    def test_connection_refused(self, catalog: Path, s3: str, stylemill: Run) -> None:
        """A server that is not there is named, and what to check."""
        done = stylemill(
            *self.arguments(catalog, f"s3://{s3}/d", garments=f"s3://{s3}/g"),
            AWS_ENDPOINT_URL="http://127.0.0.1:9",
        )
        self.refused(done, 1, "no answer from the store", "AWS_ENDPOINT_URL")

    def test_forbidden(self, catalog: Path, s3: str, s3_endpoint: str, stylemill: Run) -> None:
        """A bucket that refuses the credentials is named, with the rights to check."""
        with _authenticating(s3_endpoint):
            done = stylemill(*self.arguments(catalog, f"s3://{s3}/d", garments=f"s3://{s3}/g"))
        self.refused(done, 1, "the store refused", "AWS_ACCESS_KEY_ID")

    def test_full_disk(self, catalog: Path, stylemill: Run) -> None:
        """A disk that fills up in the middle stops the run with what to do, and the next run goes on."""
        if os.geteuid() != 0 or not Path("/proc/self/mounts").exists():
            pytest.skip("mounting a small disk needs root")
        small = catalog.parent / "small"
        small.mkdir()
        if os.system(f"mount -t tmpfs -o size=220k tmpfs {small} 2>/dev/null") != 0:
            pytest.skip("this machine lets nobody mount")
        try:
            self.refused(
                stylemill(*self.arguments(catalog, small / "d")),
                1,
                "disk is full",
                "run the same command again",
            )
            made = DesignCatalog(open_store(str(small / "d"))).read(["image"]).to_pandas()
            assert all((small / "d" / image).stat().st_size > 100 for image in made["image"])
            os.system(f"mount -o remount,size=40m {small}")
            again = stylemill(*self.arguments(catalog, small / "d"))
            assert again.returncode == 0, again.stderr
            assert DesignCatalog(open_store(str(small / "d"))).read(["image"]).num_rows == 9
        finally:
            os.system(f"umount {small}")


class _authenticating:  # noqa: N801 - a context manager
    """While this lasts, the test server checks rights."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def _after(self, calls: int) -> None:
        import urllib.request

        url = f"{self._endpoint}/moto-api/reset-auth"
        headers = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(url, str(calls).encode(), headers, method="POST"))

    def __enter__(self) -> None:
        self._after(0)

    def __exit__(self, *_: object) -> None:
        self._after(10**9)
