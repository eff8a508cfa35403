"""Repeats that cannot be meant on the garments that there are: said by `check` and by the plan of a print alike."""

import re

import numpy as np
import pytest
from PIL import Image

from catalogs.errors import RepeatError
from catalogs.images.codec import MAX_PIXELS, Picture
from catalogs.inputs.content_digests import usable_records
from catalogs.inputs.repeats import Cloth, check_proportion, cloth_size, repeat_remarks
from catalogs.records import Garment, Style
from catalogs.storage.memory_store import MemoryStore
from catalogs.templates.template import Template
from tests.catalogs.templates.mask_drawings import CLOTH, worn
from tests.conftest import picture, saved

CLOTHS = {"tee": Cloth((60.0, 50.0), (600, 500)), "scarf": Cloth((180.0, 30.0), (900, 150))}


def said(width: float | None, height: float | None = None) -> list[tuple[str, str]]:
    """Column and words of what is said of a repeat."""
    style = Style("s", "set", "s.png", repeat_width_cm=width, repeat_height_cm=height)
    return [(column, what) for _, column, what in repeat_remarks([style], CLOTHS)]


@pytest.mark.parametrize(
    ("width", "height", "column", "words"),
    [
        (0.05, None, "repeat_width_cm", "under a pixel wide on 2 of 2 garments (0.25 px on 'scarf')"),
        (0.15, None, "repeat_width_cm", "under a pixel wide on 1 of 2 garments (0.75 px on 'scarf')"),
        (None, 0.15, "repeat_height_cm", "under a pixel high on 1 of 2 garments (0.75 px on 'scarf')"),
        (40.0, None, "repeat_width_cm", "larger than the cloth of 1 of 2 garments ('scarf' is 30 cm wide)"),
        (640.0, None, "repeat_width_cm", "larger than the cloth of 2 of 2 garments ('scarf' is 30 cm wide)"),
        (None, 100.0, "repeat_height_cm", "larger than the cloth of 1 of 2 garments ('tee' is 60 cm high)"),
    ],
)
def test_said(width: float | None, height: float | None, column: str, words: str) -> None:
    """Which column, how much, on which garment, and what to ask oneself."""
    ((found, what),) = said(width, height)
    assert found == column
    assert words in what
    assert "is it in cm" in what


@pytest.mark.parametrize(("width", "height"), [(None, None), (0.2, 0.2), (30.0, 60.0), (8.0, None)])
def test_plain_repeats(width: float | None, height: float | None) -> None:
    """Of repeats from a pixel to the whole cloth nothing is said."""
    assert not said(width, height)


def test_measured() -> None:
    """The print width is that of the cloth; without it, or with all of the picture as cloth, that is told apart."""
    garment = Garment("g", "g.png", print_width_cm=64.0)
    rows, columns = np.flatnonzero(CLOTH.any(1)), np.flatnonzero(CLOTH.any(0))
    box = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    masked = cloth_size(garment, Template(worn(), CLOTH))
    assert masked is not None
    assert masked.pixels == box
    assert masked.cm == pytest.approx((64.0 * box[0] / box[1], 64.0))
    assert cloth_size(garment, Template(Picture(picture(1)), None)) == Cloth((80.0, 64.0), (120, 96))
    assert cloth_size(Garment("g", "g.png"), Template(worn(), CLOTH)) is None


def test_notes_of_a_catalog() -> None:
    """A look at the garments and then at the styles gives notes with place, row and value."""
    store = MemoryStore()
    store.write("g.png", saved(Image.fromarray(worn().rgb)))
    store.write("m.png", saved(Image.fromarray(CLOTH)))
    store.write("s.png", saved(Image.fromarray(picture(2, 64, 64))))
    cloths: dict[str, Cloth] = {}
    usable_records(store, [Garment("g", "g.png", "m.png", print_width_cm=50.0)], MAX_PIXELS, cloths)
    style = Style("s", "set", "s.png", repeat_width_cm=640.0, row=7)
    good, problems, (note,) = usable_records(store, [style], MAX_PIXELS, cloths)
    assert good == [style]
    assert not problems
    assert (note.row, note.record, note.column, note.value) == (7, "s", "repeat_width_cm", "640")
    assert "row 7 (s), repeat_width_cm '640': one repeat is larger than the cloth" in str(note)
    assert not usable_records(store, [style], MAX_PIXELS)[2]


@pytest.mark.parametrize(
    ("width", "height", "size", "refused"),
    [
        (0.1, 500.0, (512, 512), "500 cm high, but its picture is 512 x 512 px, which is 5,000 times wider"),
        (2.4, 100.0, (2048, 2048), "42 times wider for its height"),
        (64.0, 0.64, (100, 50), "200 times narrower for its height"),
        (64.0, 32.0, (512, 512), ""),
        (32.0, 64.0, (400, 300), ""),
        (64.0, None, (10, 5000), ""),
        (None, 64.0, (10, 5000), ""),
        (1.0, 100.0, (5000, 50), ""),
    ],
)
def test_proportion(width: float | None, height: float | None, size: tuple[int, int], refused: str) -> None:
    """A repeat of quite another shape than its picture is refused with both; of about the same, it is taken."""
    style = Style("s", "set", "s.png", repeat_width_cm=width, repeat_height_cm=height)
    if not refused:
        check_proportion(style, size)
        return
    with pytest.raises(RepeatError, match=re.escape(refused)):
        check_proportion(style, size)


def test_a_catalog_names_the_repeat() -> None:
    """`check` rejects such a style by its row and column, and keeps the others."""
    store = MemoryStore()
    store.write("s.png", saved(Image.fromarray(picture(2, 64, 64))))
    slip = Style("slip", "set", "s.png", repeat_width_cm=0.1, repeat_height_cm=500.0, row=7)
    fine = Style("fine", "set", "s.png", repeat_width_cm=8.0, repeat_height_cm=10.0)
    good, (problem,), _ = usable_records(store, [slip, fine], MAX_PIXELS)
    assert good == [fine]
    assert (problem.row, problem.record, problem.column, problem.value) == (
        7,
        "slip",
        "repeat_height_cm",
        "500",
    )
