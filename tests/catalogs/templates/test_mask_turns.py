"""Masks that were drawn on a picture as it is stored are turned as EXIF turns that; what is not sure is noted."""

import numpy as np
import pytest
from PIL import Image

from catalogs.errors import MaskError
from catalogs.templates.mask_turns import NAMES
from catalogs.templates.template import Template, decode_template
from tests.catalogs.templates.mask_drawings import CLOTH, Levels, tee, worn
from tests.conftest import saved

STORED = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: np.swapaxes(upright, 0, 1),
    6: np.rot90,
    7: lambda upright: np.swapaxes(upright[::-1, ::-1], 0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""How pixels are stored that an orientation turns upright, by Exif 3.0's table."""
SQUARE = tee(360, 360)


def file(upright: Levels, orientation: int = 1, *, stored: int = 1, kind: str = "PNG") -> bytes:
    """A picture whose pixels lie as `stored` has them, with EXIF that says an orientation."""
    tags = Image.Exif()
    if orientation != 1:
        tags[274] = orientation
    pixels = STORED[stored](upright) if stored != 1 else upright
    return saved(Image.fromarray(np.ascontiguousarray(pixels)), kind, exif=tags)


def read(mask: bytes, orientation: int, cloth: Levels = CLOTH, kind: str = "PNG") -> Template:
    """A garment whose picture EXIF turns."""
    return decode_template(file(worn(cloth).rgb, orientation, stored=orientation, kind=kind), mask)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_drawn_before_the_turn(orientation: int, kind: str) -> None:
    """A mask of the stored pixels is turned as the picture is; that is said with the remedy."""
    template = read(file(CLOTH, stored=orientation), orientation, kind=kind)
    assert np.array_equal(template.mask, CLOTH)
    assert "was drawn on the picture as it is stored" in template.notes[0]
    assert "save the picture upright, without EXIF's turn, and export both anew" in template.notes[0]


@pytest.mark.parametrize("orientation", STORED)
def test_square_pictures(orientation: int) -> None:
    """Of square pictures the edges say how the mask lies."""
    before, upright = (read(file(SQUARE, stored=stored), orientation, SQUARE) for stored in (orientation, 1))
    assert np.array_equal(before.mask, SQUARE)
    assert np.array_equal(upright.mask, SQUARE)


@pytest.mark.parametrize("orientation", STORED)
def test_drawn_upright(orientation: int) -> None:
    """A mask of the upright picture stays, and asks to be looked at."""
    template = read(file(CLOTH), orientation)
    assert np.array_equal(template.mask, CLOTH)
    assert "lies over a picture that its EXIF turns" in template.notes[0]


@pytest.mark.parametrize("orientation", STORED)
def test_both_turned(orientation: int) -> None:
    """Where both say the same turn there is nothing to ask."""
    template = read(file(CLOTH, orientation, stored=orientation), orientation)
    assert np.array_equal(template.mask, CLOTH)
    assert not template.notes


@pytest.mark.parametrize("orientation", STORED)
def test_stale_turn_of_the_mask(orientation: int) -> None:
    """A mask that kept EXIF's turn of a picture that was saved upright is not turned."""
    template = decode_template(file(worn().rgb), file(CLOTH, orientation))
    assert np.array_equal(template.mask, CLOTH)
    assert "says by its EXIF to turn it" in template.notes[0]
    assert "it was not turned" in template.notes[0]


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_not_sure(orientation: int) -> None:
    """Where the picture has no clear edges the mask stays as it is, with the note."""
    flat = np.random.default_rng(2).integers(120, 130, (*CLOTH.shape, 3)).astype(np.uint8)
    mask = STORED[orientation](CLOTH)
    template = decode_template(file(flat, orientation, stored=orientation), saved(Image.fromarray(mask)))
    assert np.array_equal(template.mask, mask)
    assert "look whether it lies right" in template.notes[0]


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_mask_lies_otherwise(orientation: int) -> None:
    """A mask that is mirrored or upside down stays as it is, with a note of how it would fit."""
    template = decode_template(file(worn().rgb), file(CLOTH, stored=orientation))
    assert np.array_equal(template.mask, STORED[orientation](CLOTH))
    assert "lies otherwise than its picture" in template.notes[-1]
    assert f"turned {NAMES[orientation]}," in template.notes[-1]


@pytest.mark.parametrize("orientation", STORED)
def test_square_mask_lies_otherwise(orientation: int) -> None:
    """Of a square mask quarter turns are known too; the note names the turn that brings it upright."""
    template = decode_template(file(worn(SQUARE).rgb), file(SQUARE, stored=orientation))
    assert f"turned {NAMES[orientation]}," in template.notes[-1]


def test_masks_that_fit_are_not_asked_about() -> None:
    """A mask that lies on its cloth, one of even cloth, and one beside flat pictures have no such note."""
    even = np.zeros_like(CLOTH)
    even[60:340, 60:260] = 255
    flat = np.full((*CLOTH.shape, 3), 120, np.uint8)
    for photo, mask in ((worn().rgb, CLOTH), (worn(even).rgb, even), (flat, CLOTH), (flat, CLOTH[::-1])):
        assert not decode_template(file(photo), saved(Image.fromarray(mask))).notes


def test_other_sizes_are_refused_as_ever() -> None:
    """A turn makes no mask of another size fit."""
    with pytest.raises(MaskError, match="export both at one size"):
        read(saved(Image.fromarray(CLOTH[:-1])), 6)
