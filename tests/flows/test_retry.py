"""What a run rejected is tried again, and nothing else."""

import json
from pathlib import Path

import pytest
from PIL import Image

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from flows.planning.make_plan import make_plan
from flows.planning.plan import Plan
from flows.planning.run_config import resolve_run_config
from flows.planning.selection import Selection
from flows.reports.rejections import read_rejected
from flows.settings import Settings
from tests.conftest import Run, picture
from tests.flows.reports.test_run_status import REPORT


def test_retry_makes_exactly_the_rejected(stylemill: Run, catalog: Path, tmp_path: Path) -> None:
    """A garment that was cut short is mended: retrying its run makes its designs, not those of a new garment."""
    designs, recipe = tmp_path / "designs", catalog / "tiny.toml"
    whole = (catalog / "garments" / "g1.png").read_bytes()
    (catalog / "garments" / "g1.png").write_bytes(whole[: len(whole) // 2])
    places = ("--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", designs)
    first = stylemill("run", *places, "--recipe", recipe)
    assert first.returncode == 3 and "6 new designs" in first.stdout
    (report,) = designs.glob("runs/*/report.json")
    run_id = json.loads(report.read_text())["run_id"]

    (catalog / "garments" / "g1.png").write_bytes(whole)
    Image.fromarray(picture(9)).save(catalog / "garments" / "g9.png")
    with (catalog / "garments" / "catalog.csv").open("a") as rows:
        rows.write("g9,g9.png,g1_mask.png,New,Ann\n")
    again = stylemill("retry", "--designs", designs, "--run", run_id, "--recipe", recipe)
    assert again.returncode == 0, again.stderr
    assert "3 new designs" in again.stdout
    made = DesignCatalog(open_store(str(designs))).read(["garment_id"])["garment_id"].to_pylist()
    assert sorted(made) == sorted(3 * ["g0", "g1", "g2"])
    third = stylemill("retry", "--designs", designs, "--run", run_id, "--recipe", recipe)
    assert third.returncode == 0
    assert "Nothing to make: all 3 designs are there." in third.stdout, "only the retry's own are counted"


def test_failed_pairs_are_tried_again(catalog: Path, tmp_path: Path) -> None:
    """Of a run with one failed pair exactly that pair is planned."""
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), device="cpu",
    )  # fmt: skip
    config = resolve_run_config(settings)
    report = REPORT | {
        "garments": config.garments, "styles": config.styles, "recipe": "tiny",
        "recipe_digest": config.recipe.digest(), "problems": [],
        "failures": [{"garment_id": "g2", "style_id": "s1", "reason": "the loss became infinite"}],
    }  # fmt: skip
    open_store(config.designs).write("runs/r1/report.json", json.dumps(report).encode())
    plan = make_plan(config, Selection(rejected=read_rejected(settings, None, "r1")))
    assert [(job.garment.garment_id, job.style.style_id) for job in plan.jobs] == [("g2", "s1")]


def _rejected(catalog: Path, designs: Path, *records: str) -> Plan:
    """The plan of a retry, after a run that rejected these records."""
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(designs),
        recipe=str(catalog / "tiny.toml"), device="cpu",
    )  # fmt: skip
    config = resolve_run_config(settings)
    report = REPORT | {
        "garments": config.garments, "styles": config.styles, "recipe": "tiny", "failures": [],
        "recipe_digest": config.recipe.digest(), "problems": [{"record": record} for record in records],
    }  # fmt: skip
    open_store(config.designs).write("runs/r1/report.json", json.dumps(report).encode())
    return make_plan(config, Selection(rejected=read_rejected(settings, None, "r1")))


def test_a_renamed_record_is_named(catalog: Path, tmp_path: Path) -> None:
    """A rejected record that the catalog does not have any more is named, with what to do instead."""
    plan = _rejected(catalog, tmp_path / "designs", "g 1", "g1")
    assert len(plan.jobs) == 3
    assert plan.remarks == (
        "'g 1' is not in the catalog any more; run the whole command to make what replaced it",
    )


def test_a_record_without_an_id_is_not_forgotten(catalog: Path, tmp_path: Path) -> None:
    """A record that had no id cannot be found again: what makes it is said."""
    (remark,) = _rejected(catalog, tmp_path / "designs", "").remarks
    assert remark == "a record without an id was rejected; run the whole command to make it"


def test_a_renamed_record_alone_is_told_on_the_terminal(
    stylemill: Run, catalog: Path, tmp_path: Path
) -> None:
    """A retry that finds nothing of what was rejected says so, and does not speak of designs that are there."""
    _rejected(catalog, tmp_path / "designs", "g 1")
    done = stylemill(
        "retry", "--designs", tmp_path / "designs", "--run", "r1", "--recipe", catalog / "tiny.toml"
    )
    assert done.returncode == 0, done.stderr
    assert "note: 'g 1' is not in the catalog any more" in done.stderr
    assert done.stdout.splitlines()[0] == "Nothing to make."


@pytest.mark.usefixtures("shared_prefect")
def test_a_deployment_with_nothing_to_retry_completes(tmp_path: Path) -> None:
    """The flow ends well, with the sentence, where no run has rejected anything."""
    from flows.orchestration.stylize_catalog import retry_rejected

    state = retry_rejected(designs=str(tmp_path), return_state=True)
    assert state.is_completed()
    assert state.message == f"No run in {tmp_path} has rejected anything."


@pytest.mark.parametrize("run_id", ["r1-of-nobody", "../secret"])
def test_an_unknown_run_is_said(stylemill: Run, tmp_path: Path, run_id: str) -> None:
    """A run that is not there ends with its name and the nearest one."""
    (tmp_path / "runs" / "r1").mkdir(parents=True)
    (tmp_path / "runs" / "r1" / "report.json").write_text("{}")
    found = stylemill("retry", "--designs", tmp_path, "--run", run_id)
    assert found.returncode == 2
    assert f"There is no run '{run_id}'" in found.stderr and "r1" in found.stderr


def test_another_recipe_is_refused(stylemill: Run, catalog: Path, tmp_path: Path) -> None:
    """A recipe that changed since the run is no second try of it, and the message says what to do."""
    report = REPORT | {
        "garments": f"{catalog}/garments", "styles": f"{catalog}/styles", "recipe": "tiny",
        "recipe_digest": "0" * 64,
    }  # fmt: skip
    (tmp_path / "designs" / "runs" / "r1").mkdir(parents=True)
    (tmp_path / "designs" / "runs" / "r1" / "report.json").write_text(json.dumps(report))
    found = stylemill(
        "retry", "--designs", tmp_path / "designs", "--run", "r1", "--recipe", catalog / "tiny.toml"
    )
    assert found.returncode == 2
    assert "The run worked by recipe tiny 000000000000" in found.stderr and "stylemill run" in found.stderr
