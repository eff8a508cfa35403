"""Frames, marks, dust and shadows are left out of the cloth and noted; what belongs to a garment stays."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from catalogs.templates.mask_pieces import find_strays, remove_frame
from tests.catalogs.templates.mask_drawings import CLOTH, HEIGHT, WIDTH, Levels, blurred, read, tee

LARGE = tee(1600, 1280)


def drawn(cloth: Levels, *boxes: tuple[int, int, int, int]) -> Levels:
    """A mask with further white boxes (rows and columns, from and to)."""
    found = cloth.copy()
    for top, bottom, left, right in boxes:
        found[top:bottom, left:right] = 255
    return found


def crop_marks(cloth: Levels, width: int) -> Levels:
    """Crossing lines in the four corners."""
    height, across = cloth.shape
    boxes = []
    for row in (8, height - 8 - width):
        for column in (8, across - 8 - width):
            boxes += [
                (row, row + width, column - 8, column + 12),
                (row - 8, row + 12, column, column + width),
            ]
    return drawn(cloth, *boxes)


def registration_mark(cloth: Levels) -> Levels:
    """A ring with a cross, beside the hem."""
    image = Image.fromarray(cloth)
    pen = ImageDraw.Draw(image)
    pen.ellipse((22, 330, 38, 346), outline=255)
    pen.line((18, 338, 42, 338), 255)
    pen.line((30, 326, 30, 350), 255)
    return np.asarray(image)


MARKS = {
    "crop marks of 1": crop_marks(CLOTH, 1),
    "crop marks of 2": crop_marks(CLOTH, 2),
    "registration mark": registration_mark(CLOTH),
    "part of an edge line": drawn(CLOTH, (60, 260, 0, 2)),
    "line below": drawn(CLOTH, (390, 391, 40, 250)),
    "dust": drawn(CLOTH, *((row, row + 4, column, column + 4) for row in (10, 380) for column in (40, 280))),
}


@pytest.mark.parametrize("kind", MARKS)
def test_marks_are_left_out(kind: str) -> None:
    """Thin lines and dust away from the cloth are no cloth; how much and where is noted."""
    mask = read(MARKS[kind])
    assert np.array_equal(mask.coverage, CLOTH)
    assert "has lines, marks or dust away from the cloth (" in mask.notes[0]
    assert "px in all, the uppermost at column" in mask.notes[0]


FRAMES = {
    "frame of 1": (
        (0, 1, 0, WIDTH),
        (HEIGHT - 1, HEIGHT, 0, WIDTH),
        (0, HEIGHT, 0, 1),
        (0, HEIGHT, WIDTH - 1, WIDTH),
    ),
    "frame of 2": (
        (0, 2, 0, WIDTH),
        (HEIGHT - 2, HEIGHT, 0, WIDTH),
        (0, HEIGHT, 0, 2),
        (0, HEIGHT, WIDTH - 2, WIDTH),
    ),
    "line on the right": ((0, HEIGHT, WIDTH - 3, WIDTH),),
    "line above, nearly whole": ((0, 2, 0, WIDTH - 12),),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("as_file", ["PNG", "JPEG"])
@pytest.mark.parametrize("cut_off", [False, True])
def test_frames_are_left_out(kind: str, as_file: str, cut_off: bool) -> None:
    """A line along a whole side is no cloth, also where cloth runs out of the picture below; that stays."""
    cloth = drawn(CLOTH, (330, HEIGHT, 100, 220)) if cut_off else CLOTH
    options = {"quality": 85} if as_file == "JPEG" else {}
    mask = read(drawn(cloth, *FRAMES[kind]), kind=as_file, **options)
    assert np.array_equal(mask.coverage >= 128, cloth >= 128)
    assert "has a white line along the border of the picture" in mask.notes[0]


def test_cloth_that_fills_a_side_stays() -> None:
    """Cloth that runs along a whole side is no frame, and neither is a mask that is inverted."""
    for levels in (drawn(CLOTH, (300, HEIGHT, 0, WIDTH)), (255 - CLOTH).astype(np.uint8)):
        assert remove_frame(levels) == (levels, ())


STRAPS = {
    "strap": ((30, 70, 130, 132),),
    "strap of 1": ((20, 62, 140, 141),),
    "drawstring out of the hem": ((340, 395, 150, 152),),
    "drawstring to the border": ((340, HEIGHT, 150, 152),),
    "strap with a gap": ((20, 48, 130, 132), (54, 70, 130, 132)),
    "bow beside the strap": ((44, 52, 126, 140),),
    "button": ((180, 186, 232, 238),),
}


@pytest.mark.parametrize("kind", STRAPS)
def test_straps_stay(kind: str) -> None:
    """What hangs on the cloth, or lies near to it, is cloth."""
    strapped = drawn(CLOTH, *STRAPS[kind])
    assert np.array_equal(read(strapped).coverage, strapped)


def test_doubtful_pieces_are_painted_and_noted() -> None:
    """A piece that is too large for dust and too far for a button stays, and is said with its place."""
    with_tag = drawn(CLOTH, (370, 384, 20, 34))
    mask = read(with_tag)
    assert np.array_equal(mask.coverage, with_tag)
    assert (
        "small pieces away from the cloth (1 of 196 px in all, the uppermost at column 20, row 370)"
        in mask.notes[0]
    )
    assert "if they are no cloth, paint them black" in mask.notes[0]


@pytest.mark.parametrize("side", [40, 60, 70])
def test_another_object_is_noted(side: int) -> None:
    """A white object that is far from the garment and much smaller is painted, and said with its place."""
    two = drawn(np.roll(CLOTH, 20, 1), (320, 320 + side, 5, 5 + side))
    mask = read(two)
    assert np.array_equal(mask.coverage, two)
    assert any(
        f"(1 of {side * side} px in all, the uppermost at column 5, row 320)" in note for note in mask.notes
    )


def test_two_garments_stay() -> None:
    """A pair lies apart, and both are cloth without a word."""
    pair = np.zeros_like(CLOTH)
    pair[60:340, 20:90] = pair[60:340, 220:290] = 255
    mask = read(pair)
    assert np.array_equal(mask.coverage, pair)
    assert not mask.notes


def test_large_masks_alike() -> None:
    """On the coarser grid of a large mask marks are left out and straps stay, too."""
    strap = (60, 280, 520, 526)
    marked = crop_marks(drawn(LARGE, strap), 2)
    found = find_strays(marked)
    assert found.where is not None
    assert not found.where[drawn(LARGE, strap) > 0].any()
    assert found.where[marked > drawn(LARGE, strap)].all()


def shadowed(level: int, shift: int = 14) -> Levels:
    """The tee with a soft shadow below it, as dark as a level."""
    shadow = np.roll(blurred(CLOTH, 10).astype(float) * level / 255, (shift, 6), (0, 1))
    return np.maximum(CLOTH, shadow.astype(np.uint8))


class TestShadows:
    """A soft shadow that was marked with the cloth."""

    @pytest.mark.parametrize("level", [80, 100, 115])
    def test_is_left_out(self, level: int) -> None:
        """Away from the cloth it is not painted; that is noted with what to do for sheer cloth."""
        mask = read(shadowed(level))
        away = np.asarray(Image.fromarray(CLOTH)) * 0 + (blurred(CLOTH, 5) == 0)
        assert not mask.coverage[away > 0].any()
        assert (mask.coverage[CLOTH > 0] == 255).all()
        assert any(
            "taken for a shadow" in note and "give them a level over 120" in note for note in mask.notes
        )

    @pytest.mark.parametrize("radius", [2, 6, 12])
    def test_soft_edges_are_none(self, radius: int) -> None:
        """A soft edge, narrow or wide, is painted as it is."""
        soft = blurred(CLOTH, radius)
        mask = read(soft)
        assert np.abs(mask.coverage.astype(int) - soft).max() <= 8
        assert not any("shadow" in note for note in mask.notes)

    def test_sheer_cloth_is_none(self) -> None:
        """A flat level below 120 is painted in part, and noted as sheer cloth."""
        sheer = CLOTH.copy()
        sheer[290:][CLOTH[290:] > 0] = 100
        mask = read(sheer)
        assert np.array_equal(mask.coverage, sheer)
        assert "has a flat level 100: it was taken for sheer cloth" in mask.notes[0]
