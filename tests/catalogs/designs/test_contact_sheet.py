"""The contact sheet shows every design in its place and says when it shows only the first."""

import io

import numpy as np
import pytest
from PIL import Image

from catalogs.designs.contact_sheet import GAP, INK, MOST, PAPER, Label, contact_sheet
from catalogs.typesetting.fonts import SANS
from catalogs.typesetting.raster import draw_line


def plain(color: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 80), color).save(buffer, "PNG")
    return buffer.getvalue()


def labels(count: int) -> list[Label]:
    """Names without pictures."""
    return [Label(f"id{n}", f"Title {n}") for n in range(count)]


def test_every_cell_in_its_place() -> None:
    """The design of row r and column c stands where its row and column meet."""
    png = contact_sheet("t", labels(2), labels(3), lambda r, c: lambda: plain((100 * r, 80 * c, 7)), side=100)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    for r in range(2):
        for c in range(3):
            x = GAP + (c + 1) * (100 + GAP) + 50
            y = 54 + (r + 1) * (125 + 40 + GAP) + 62
            assert sheet[y, x].tolist() == [100 * r, 80 * c, 7]


def test_missing_designs_leave_room() -> None:
    """A pair without a design leaves its cell empty."""
    png = contact_sheet("t", labels(1), labels(1), lambda _r, _c: None, side=100)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    assert (sheet[54 + 179 + 20 : 54 + 179 + 100, 2 * GAP + 100 + 5 : 2 * GAP + 195] == (250, 249, 247)).all()


def test_large_runs_show_the_first() -> None:
    """More rows and columns than fit make a sheet of the first ones only."""
    small = contact_sheet("t", labels(MOST), labels(MOST), lambda _r, _c: None, side=40)
    large = contact_sheet("t", labels(40), labels(50), lambda _r, _c: None, side=40)
    assert Image.open(io.BytesIO(small)).size == Image.open(io.BytesIO(large)).size
    assert small != large, "the title of the large one says that it is a part"


def test_titles_of_several_lines_and_spoiled_pictures() -> None:
    """A title with a line break is drawn in one line, and a picture that is none leaves its cell empty."""
    png = contact_sheet(
        "t", [Label("a", "Tee\nblue")], labels(1), lambda _r, _c: lambda: b"spoiled", side=100
    )
    assert Image.open(io.BytesIO(png)).width > 100


@pytest.mark.parametrize(
    "title", ["חולצה", "قميص", "T恤 夏季", "夏のシャツ", "티셔츠", "เสื้อยืด", "सूती", "🌸", "Żółć"]
)
def test_titles_of_every_script(title: str) -> None:
    """A label is drawn as the line that typesetting makes of it: nothing is left out or drawn as a box."""
    png = contact_sheet("t", [Label("a", title)], [], lambda _r, _c: None, side=100)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    alone = Image.new("RGB", (100, 30), PAPER)
    draw_line(alone, (0, 20), title, SANS, 14, INK)
    top = 54 + (125 + 40 + GAP) + 125 + 5 + 14 - 20
    assert (sheet[top : top + 22, GAP : GAP + 100] == np.asarray(alone)[:22]).all()
    assert (np.asarray(alone) != PAPER).any()


def test_long_titles_are_cut() -> None:
    """A label keeps to its column, and its cut shows."""
    png = contact_sheet("t", [Label("a", "חולצה כחולה " * 9)], labels(1), lambda _r, _c: None, side=100)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    assert (sheet[-40:, GAP + 101 : 2 * GAP + 100] == PAPER).all()
