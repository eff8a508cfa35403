"""What measures are said to mean is what is computed, and what the docs say."""

from pathlib import Path

import pytest

from catalogs.designs.design_columns import SCHEMA
from catalogs.designs.measures import MEASURES, Measure

DOCS = Path(__file__).parents[3] / "docs" / "browsing.md"
AGAINST = {
    "fold_correlation": "garment",
    "style_distance": "style",
    "variation_ratio": "garment",
    "changed_outside": "template",
}


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: one.column)
def test_in_the_docs(measure: Measure) -> None:
    """The table of the docs has the measure's own words, limit and flag."""
    when = f"{measure.flag}, {measure.doubtful} {measure.limit:g} " if measure.flag else ""
    assert f"| {measure.name} | {measure.meaning} | {when}|" in DOCS.read_text()


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: one.column)
def test_is_a_column(measure: Measure) -> None:
    """Every measure is a column of the design table."""
    assert measure.column in SCHEMA.names


@pytest.mark.parametrize(("column", "reference"), AGAINST.items())
def test_names_what_it_is_against(column: str, reference: str) -> None:
    """A measure against a garment, template or style names that one, as its definition does, and no other."""
    source = (Path(__file__).parents[3] / "stylecore" / "metrics.py").read_text()
    (meaning,) = (one.meaning for one in MEASURES if one.column == column)
    other = "style" if reference != "style" else "garment"
    assert reference in meaning
    assert other not in meaning
    if column != "changed_outside":
        arguments = source.partition(f"def {column}(")[2].partition(")")[0]
        assert ("template_B3HW" in arguments) == (reference == "garment")


@pytest.mark.parametrize(
    ("column", "value", "doubtful"),
    [("fold_correlation", 0.59, True), ("fold_correlation", 0.6, False), ("variation_ratio", 8.1, True),
     ("variation_ratio", float("nan"), False), ("changed_outside", 1, True), ("changed_outside", 0, False),
     ("loss", 1e9, False)],
)  # fmt: skip
def test_doubtful(column: str, value: float, doubtful: bool) -> None:
    """A value beyond its limit is doubtful; at it, without a number or a flag, it is not."""
    (measure,) = (one for one in MEASURES if one.column == column)
    assert measure.is_doubtful(value) is doubtful
