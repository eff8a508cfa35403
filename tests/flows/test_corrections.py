"""A corrected licence, holder or title reaches records and exports by the next run, and nothing is painted again."""

import csv
import io
from pathlib import Path

import pandas as pd
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from flows.command.cli import app
from tests.conftest import picture
from tests.flows.orchestration.test_stylize_catalog import run


def restate(folder: Path, **columns: str) -> None:
    """Write the same value into columns of every row of a catalog."""
    path = folder / "catalog.csv"
    pd.read_csv(path).assign(**columns).to_csv(path, index=False)


def stylemill(*arguments: object) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})


def test_corrections_arrive(catalog: Path, tmp_path: Path) -> None:
    """The plan says how many designs, dry too; the run updates them; another run finds nothing."""
    designs, recipe = tmp_path / "designs", catalog / "tiny.toml"
    assert run(str(catalog), str(designs), recipe)["corrected"] == 0
    before = DesignCatalog(open_store(str(designs))).read().to_pandas().set_index("design_id")
    places = ["--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", designs]
    restate(catalog / "styles", licence="CC BY 4.0", rights_holder="山田太郎")

    dry = stylemill("run", *places, "--recipe", recipe, "--dry-run")
    assert "facts to update" in dry.stderr
    assert "9 designs" in dry.stderr.split("facts to update")[1].splitlines()[0]
    assert set(
        DesignCatalog(open_store(str(designs))).read(["rights_holder"])["rights_holder"].to_pylist()
    ) == {""}

    done = stylemill("run", *places, "--recipe", recipe)
    assert "The facts of 9 designs were updated from the catalogs." in done.stdout
    after = (
        DesignCatalog(open_store(str(designs))).read().to_pandas().set_index("design_id").loc[before.index]
    )
    assert set(after.columns[(after.astype(str) != before.astype(str)).any()]) == {
        "style_licence",
        "rights_holder",
    }
    listed = csv.DictReader(
        io.StringIO(stylemill("list", "--designs", designs, "--csv").stdout.lstrip("\ufeff"))
    )
    assert {row["credit"].partition(" · ")[2] for row in listed} == {"山田太郎 · CC BY 4.0"}
    assert "facts" not in stylemill("run", *places, "--recipe", recipe).stderr


def test_corrections_come_with_new_work(catalog: Path, tmp_path: Path) -> None:
    """A run that makes new designs updates the old ones too, and its report counts them."""
    designs, recipe = tmp_path / "designs", catalog / "tiny.toml"
    run(str(catalog), str(designs), recipe, style_ids=["s0"])
    restate(catalog / "garments", title="Corrected")
    Image.fromarray(picture(9, 80, 80)).save(catalog / "styles" / "s1.png")
    counts = run(str(catalog), str(designs), recipe, style_ids=["s1"])
    assert (counts["made"], counts["corrected"]) == (3, 0)
    counts = run(str(catalog), str(designs), recipe)
    assert (counts["made"], counts["corrected"]) == (3, 3)
    assert "had facts updated" in Path(counts["report"]).read_text()
    titles = DesignCatalog(open_store(str(designs))).read(["garment_title"])["garment_title"].to_pylist()
    assert titles == ["Corrected"] * 9


def test_facts_alone(catalog: Path, tmp_path: Path) -> None:
    """What a run for chosen styles leaves uncorrected is told; --facts-only corrects it, and makes nothing."""
    designs, recipe = tmp_path / "designs", catalog / "tiny.toml"
    run(str(catalog), str(designs), recipe, style_ids=["s0"])
    restate(catalog / "garments", title="Corrected")
    restate(catalog / "styles", licence="CC BY 4.0")
    places = ["--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", designs]
    both = [*places, "--recipe", recipe]

    for chosen in (["--style-set", "set-1"], ["--style", "s1"], ["--style", "s1", "--garment", "g0"]):
        left = stylemill("run", *both, *chosen, "--dry-run")
        assert "note: 3 designs say other facts" in left.stderr
        assert "--facts-only" in left.stderr

    dry = stylemill("run", *both, "--facts-only", "--dry-run")
    assert "facts to update" in dry.stderr
    assert set(
        DesignCatalog(open_store(str(designs))).read(["garment_title"])["garment_title"].to_pylist()
    ) != {"Corrected"}
    done = stylemill("run", *both, "--facts-only")
    assert done.exit_code == 0
    assert "The facts of 3 designs were updated from the catalogs." in done.stdout
    filed = DesignCatalog(open_store(str(designs))).read(["garment_title", "style_licence"]).to_pylist()
    assert filed == [{"garment_title": "Corrected", "style_licence": "CC BY 4.0"}] * 3
    assert "Nothing to update" in stylemill("run", *both, "--facts-only").stdout
    assert "other facts" not in stylemill("run", *both, "--style-set", "set-1", "--dry-run").stderr
