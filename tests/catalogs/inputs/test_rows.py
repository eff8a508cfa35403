"""Cells of a row become words, whatever wrote them."""

import pytest

from catalogs.inputs.catalog_rows import CatalogTable
from catalogs.inputs.file_names import FileNames
from catalogs.inputs.rows import RowReader


@pytest.mark.parametrize(
    "cell",
    [
        "linen|summer", "linen; summer", "linen, summer", '["linen", "summer"]', "['linen', 'summer']",
        "{linen,summer}", "linen，summer", "linen、summer", "linen；summer", "linen / summer", "• linen • summer",
        "linen،summer", "linen |summer|", '["linen","summer",""]',
    ],
)  # fmt: skip
def test_tags(cell: str) -> None:
    """Tags are told apart by the signs of any script, and lists as Python, JSON and PostgreSQL write them are read."""
    table = CatalogTable("catalog.csv", ("tags",), ({"tags": cell},), numbers=(2,))
    assert RowReader(table, 0, "garment_id", FileNames(())).tags() == ("linen", "summer")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('["red, bright", "a|b"]', ("red, bright", "a|b")),
        ("1/2 sleeve", ("1/2 sleeve",)),
        ("w/ pockets, linen", ("w/ pockets", "linen")),
        ("[" * 100_000, ("[" * 100_000,)),
        ('["a", 1]', ("a", "1")),
        ('["a"', ('["a"',)),
    ],
)
def test_tags_that_hold_such_signs(cell: str, words: tuple[str, ...]) -> None:
    """In quotes in a list of JSON a sign is a sign; a slash parts words only with blanks around it."""
    table = CatalogTable("catalog.csv", ("tags",), ({"tags": cell},), numbers=(2,))
    reader = RowReader(table, 0, "garment_id", FileNames(()))
    assert reader.tags() == words
    assert bool(reader.problems) == (len(cell) > 200)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("x" * 201, "a tag of 201 letters, over 200"),
        ("|".join(["x"] * 201), "has 201 tags, over 200"),
        ("#REF!", "an error"),
    ],
)
def test_tags_without_measure(cell: str, words: str) -> None:
    """Tags that are no words, and too many of them, reject the row."""
    reader = RowReader(
        CatalogTable("catalog.csv", ("tags",), ({"tags": cell},), numbers=(2,)), 0, "", FileNames(())
    )
    reader.tags()
    assert words in reader.problems[0].what
