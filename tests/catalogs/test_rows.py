"""Cells of a row become words, whatever wrote them."""

import pytest

from catalogs.file_names import FileNames
from catalogs.rows import RowReader
from catalogs.tables import Table


@pytest.mark.parametrize(
    "cell",
    [
        "linen|summer", "linen; summer", "linen, summer", '["linen", "summer"]', "['linen', 'summer']",
        "{linen,summer}",
    ],
)  # fmt: skip
def test_tags(cell: str) -> None:
    """Tags are told apart by any of three signs, and lists as Python, JSON and PostgreSQL write them are read."""
    table = Table("catalog.csv", ("tags",), ({"tags": cell},), numbers=(2,))
    assert RowReader(table, 0, "garment_id", FileNames(())).tags() == ("linen", "summer")
