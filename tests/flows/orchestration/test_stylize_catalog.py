"""The main flow does what is new, files it, and does nothing twice; on a folder and on S3."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from flows.orchestration.stylize_catalog import PlannedRun, shown_parameters, stylize_planned
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.planning.selection import Selection
from flows.runs.run_plan import run_plan
from flows.settings import Settings
from tests.conftest import ROOT, picture, write_catalog

pytestmark = pytest.mark.usefixtures("shared_prefect")
Change = Callable[[str, bytes], None]


def everything(store: Store) -> dict[str, str]:
    """Every object with its etag."""
    return {entry.key: entry.etag for entry in store.list()}


def table(uri: str) -> pd.DataFrame:
    """The design catalog as a frame."""
    return DesignCatalog(open_store(uri)).read().to_pandas()


def run(catalog: str, designs: str, recipe: Path, **arguments: Any) -> dict[str, Any]:
    """The flow, as the command calls it."""
    from flows.orchestration.stylize_catalog import stylize_catalog

    counts: dict[str, Any] = stylize_catalog(
        garments=f"{catalog}/garments",
        styles=f"{catalog}/styles",
        designs=designs,
        recipe=str(recipe),
        **arguments,
    )
    return counts


def run_plainly(catalog: str, designs: str, recipe: Path, style_sets: Sequence[str] = ()) -> dict[str, Any]:
    """The same run without Prefect."""
    config = resolve_run_config(
        Settings(
            garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=designs, recipe=str(recipe)
        )
    )
    return run_plan(config, make_plan(config, Selection(style_sets=tuple(style_sets))))


class Contract:
    """A life of a catalog: made, unchanged, extended, changed, another recipe."""

    run: Callable[..., dict[str, Any]]

    def test_a_catalogs_life(self, place: tuple[str, str, Path]) -> None:
        """Only what is new is made, exactly that, and every record has its picture."""
        catalog, designs, recipe = place
        inputs = open_store(catalog)

        first = self.run(catalog, designs, recipe)
        assert (first["made"], first["already_there"], first["rejected"]) == (9, 0, 0)
        self._every_record_has_its_picture(catalog, designs)
        before = everything(open_store(designs))

        second = self.run(catalog, designs, recipe)
        assert (second["made"], second["already_there"], second["report"]) == (0, 9, None)
        assert everything(open_store(designs)) == before, "a run without work must write nothing"

        rows = inputs.read("styles/catalog.csv").decode()
        inputs.write("styles/new.png", _png(picture(777, 80, 80)))
        inputs.write("styles/catalog.csv", f"{rows}new,set-9,new.png,New,CC0\n".encode())
        column = self.run(catalog, designs, recipe, style_sets=["set-9"])
        assert (column["made"], column["already_there"]) == (3, 0)
        assert set(table(designs).query("run_id == @column['run_id']")["style_id"]) == {"new"}

        inputs.write("garments/g1.png", _png(picture(888)))
        row = self.run(catalog, designs, recipe)
        assert (row["made"], row["already_there"]) == (4, 8)
        assert set(table(designs).query("run_id == @row['run_id']")["garment_id"]) == {"g1"}

        other = recipe.with_name("other.toml")
        other.write_text(recipe.read_text() + "content_weight = 0.2\n")
        again = self.run(catalog, designs, other)
        assert (again["made"], again["already_there"]) == (12, 0)
        assert len(table(designs)) == 9 + 3 + 4 + 12, "old designs are kept"
        self._every_record_has_its_picture(catalog, designs, changed={"g1"})

    def _every_record_has_its_picture(
        self, catalog: str, designs: str, changed: frozenset[str] | set[str] = frozenset()
    ) -> None:
        import hashlib

        store, inputs = open_store(designs), open_store(catalog)
        for row in table(designs).itertuples():
            data = store.read(row.image)
            assert hashlib.sha256(data).hexdigest() == row.image_sha256
            if row.garment_id in changed:
                continue
            made = np.asarray(Image.open(io.BytesIO(data)))
            template = np.asarray(Image.open(io.BytesIO(inputs.read(f"garments/{row.garment_id}.png"))))
            mask = np.asarray(Image.open(io.BytesIO(inputs.read(f"garments/{row.garment_id}_mask.png"))))
            assert made.shape == template.shape
            assert np.array_equal(made[mask == 0], template[mask == 0])
            assert (made[mask == 255] != template[mask == 255]).mean() > 0.5


class TestFolder(Contract):
    """Folders, by the flow."""

    run = staticmethod(run)

    @pytest.fixture
    def place(self, catalog: Path, tmp_path: Path) -> tuple[str, str, Path]:
        """Catalog, designs and recipe."""
        return str(catalog), str(tmp_path / "designs"), catalog / "tiny.toml"

    def test_the_record_tells_everything(self, place: tuple[str, str, Path]) -> None:
        """A record holds where the design came from, what it was made with, and the columns nobody knew."""
        run(*place, limit=1)
        row = table(place[1]).iloc[0]
        assert (row["garment_title"], row["style_title"], row["style_licence"]) == (
            "Garment 0",
            "Style 0",
            "CC0",
        )
        assert json.loads(row["garment_further"]) == {"buyer": "Ann 0"}
        assert json.loads(row["recipe_json"])["canvas"] == [96, 80]
        assert "torch" in json.loads(row["versions"])
        assert (row["width"], row["height"], row["steps"]) == (96, 120, 6)
        terms = ("content", "style", "variation", "lighting")
        assert row["loss"] == pytest.approx(sum(row[f"loss_{term}"] for term in terms))
        assert row["loss"] < row["loss_start"]

    def test_limit_then_the_rest(self, place: tuple[str, str, Path]) -> None:
        """A limited run holds the rest back, and the next run makes exactly that."""
        first = run(*place, limit=4)
        assert (first["made"], first["held_back"]) == (4, 5)
        rest = run(*place)
        assert (rest["made"], rest["already_there"]) == (5, 4)

    def test_report_and_contact_sheet_are_filed(self, place: tuple[str, str, Path]) -> None:
        """A run leaves its report, and a sheet whose size fits its rows and columns."""
        done = run(*place)
        report = json.loads(Path(done["report"]).with_suffix(".json").read_text())
        assert (report["made"], report["state"], report["planned"]) == (9, "finished", 9)
        with Image.open(done["contact_sheet"]) as sheet:
            assert sheet.width > 4 * 200
            assert sheet.height > 4 * 200

    def test_transparent_garment(self, place: tuple[str, str, Path]) -> None:
        """A garment with alpha and no mask is painted where it shows, and keeps its alpha."""
        catalog, designs, recipe = place
        alpha = np.zeros((120, 96), np.uint8)
        alpha[20:100, 20:80] = 255
        Image.fromarray(np.dstack([picture(5), alpha])).save(Path(catalog) / "garments" / "clear.png")
        (Path(catalog) / "garments" / "catalog.csv").write_text("garment_id,image\nclear,clear.png\n")
        run(catalog, designs, recipe, limit=1)
        made = np.asarray(Image.open(Path(designs) / table(designs).iloc[0]["image"]))
        assert made.shape == (120, 96, 4)
        assert np.array_equal(made[..., 3], alpha)
        assert np.array_equal(made[alpha == 0][:, :3], picture(5)[alpha == 0])
        assert (made[alpha == 255][:, :3] != picture(5)[alpha == 255]).any(1).mean() > 0.5


class TestS3(Contract):
    """A bucket on a real server, from it and to it, by the plain function."""

    run = staticmethod(run_plainly)

    @pytest.fixture
    def place(self, s3: str, tmp_path: Path) -> tuple[str, str, Path]:
        """The same catalog uploaded."""
        folder = write_catalog(tmp_path / "in")
        client = boto3.client("s3")
        for path in folder.rglob("*.*"):
            client.upload_file(str(path), s3, f"in/{path.relative_to(folder)}")
        recipe = tmp_path / "tiny.toml"
        recipe.write_text("canvas = [96, 80]\nlevels = [[0.5, 3], [1.0, 3]]\n")
        shutil.rmtree(folder)
        return f"s3://{s3}/in", f"s3://{s3}/out/designs", recipe


def _png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_warnings_are_on_the_screen(catalog: Path, tmp_path: Path, prefect_url: str) -> None:
    """What a run could not do beside its designs is said on standard error, though Prefect is silenced."""
    program = (
        "from flows.command.cli import main, quiet_prefect\nquiet_prefect()\n"
        "import flows.runs.run_plan, flows.orchestration.stylize_catalog\n"
        "def broken(*_, **__): raise OSError('no room')\n"
        "flows.runs.run_plan.write_contact_sheet = broken\n"
        "flows.orchestration.stylize_catalog.publish_result = broken\nmain()"
    )
    done = subprocess.run(
        [
            sys.executable, "-c", program, "run", "--garments", catalog / "garments", "--styles", catalog / "styles",
            "--designs", tmp_path / "d", "--recipe", catalog / "tiny.toml", "--limit", "1", "--device", "cpu",
        ],
        capture_output=True, text=True, cwd=ROOT, check=False,
        # The level that the command sets where there is no server.
        env={**os.environ, "PREFECT_API_URL": prefect_url, "PREFECT_LOGGING_LEVEL": "CRITICAL"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("The run is filed, but its") == 2
    assert done.stderr.count("no room") == 2


def test_prefect_sees_what_was_asked_and_nothing_of_the_plan(catalog: Path, tmp_path: Path) -> None:
    """Of a command's run Prefect gets places, recipe and selection; jobs and settings stay in the process."""
    config = resolve_run_config(
        Settings(
            garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "d"),
            recipe=str(catalog / "tiny.toml"), pushgateway="http://me:secret@gateway",
        )
    )  # fmt: skip
    plan = make_plan(config, Selection(garment_ids=("g0",), limit=2))
    sent = stylize_planned.serialize_parameters(
        {"asked": shown_parameters(config, plan), "planned": PlannedRun(config, plan)}
    )
    assert sent["asked"]["garment_ids"] == ["g0"] and sent["asked"]["limit"] == 2
    assert sent["asked"]["designs"] == str(tmp_path / "d")
    assert sent["planned"] == "<PlannedRun>"
    assert "secret" not in json.dumps(sent)
