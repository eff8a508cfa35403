"""Plans say what `check` says of the records that they are made of."""

from pathlib import Path

import pandas as pd
import pytest

from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.settings import Settings
from tests.conftest import Run


@pytest.fixture
def printed(catalog: Path) -> Path:
    """The catalog with widths: cloth of 50 cm, and a first style that repeats every 640 cm."""
    garments, styles = catalog / "garments" / "catalog.csv", catalog / "styles" / "catalog.csv"
    pd.read_csv(garments).assign(print_width_cm=50).to_csv(garments, index=False)
    table = pd.read_csv(styles)
    table["repeat_width_cm"] = [640.0] + [10.0] * (len(table) - 1)
    table.to_csv(styles, index=False)
    return catalog


def remarks(catalog: Path, designs: Path, recipe: str) -> list[str]:
    """What the plan by a recipe remarks of repeats."""
    settings = Settings(
        garments=f"{catalog}/garments",
        styles=f"{catalog}/styles",
        designs=str(designs),
        recipe=recipe,
        device="cpu",
    )
    plan = make_plan(resolve_run_config(settings))
    return [remark for remark in plan.remarks if "one repeat is" in remark]


def test_repeats_are_noted_in_the_plan_of_a_print(printed: Path, tmp_path: Path) -> None:
    """A repeat larger than the cloth is said by the plan of a print, and by no other: only prints repeat."""
    (remark,) = remarks(printed, tmp_path / "designs", "print")
    assert (
        "row 2 (s0), repeat_width_cm '640': one repeat is larger than the cloth of 3 of 3 garments" in remark
    )
    assert not remarks(printed, tmp_path / "designs", str(printed / "tiny.toml"))


def test_repeats_are_noted_by_check(printed: Path, stylemill: Run) -> None:
    """`check` says the same sentence."""
    done = stylemill("check", "--garments", printed / "garments", "--styles", printed / "styles")
    assert done.returncode == 0, done.stderr
    assert (
        "(s0), repeat_width_cm '640': one repeat is larger than the cloth of 3 of 3 garments" in done.stdout
    )
