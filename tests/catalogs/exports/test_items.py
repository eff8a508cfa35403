"""File names are safe on every system and one for each design."""

import re

import pytest

from catalogs.exports.items import Item, picture_name
from tests.catalogs.exports.designs import record

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.png")


def test_name_of_a_design() -> None:
    """A name says garment, style, recipe and the beginning of the id."""
    row = record(garment_id="tee", style_id="paisley")
    assert picture_name(Item(row)) == f"tee__paisley__house__{row['design_id'][:12]}.png"


@pytest.mark.parametrize("column", ["design_id", "garment_id", "style_id", "recipe"])
@pytest.mark.parametrize(
    "text", ["../../etc/passwd", "a/b", "C:\\x", "\x00", "", None, "..", "-rf", "é" * 300, "a\nb", "x.", "=1"]
)
def test_hostile_ids(column: str, text: str | None) -> None:
    """Whatever an id holds, the name is letters, digits, '-' and '_', and short enough for any file system."""
    name = picture_name(Item(record(**{column: text})))
    assert SAFE.fullmatch(name)
    assert len(name) < 160


def test_names_differ() -> None:
    """Ids that look alike once they are made safe, or begin alike, still give names of their own."""
    ids = ["a/b", "a-b", "a b", "0" * 12 + "x", "0" * 12 + "y", "A-B"]
    assert len({picture_name(Item(record(design_id=one))).lower() for one in ids}) == len(ids)
