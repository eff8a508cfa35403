"""Masks of strewn or hatched black and white are read as the cloth they stand for, or refused."""

import numpy as np
import pytest
from PIL import Image

from catalogs.errors import MaskError
from catalogs.templates import mask_screens
from tests.catalogs.templates.mask_drawings import CLOTH, Levels, blurred, loaded, read, tee, wrong
from tests.conftest import saved

ROWS, COLUMNS = np.indices(CLOTH.shape)
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 16 + 8


def strewn(cloth: int, ground: int = 0) -> Levels:
    """Cloth and ground of even grey, as a program strews it when it saves 1 bit (Floyd and Steinberg)."""
    grey = Image.fromarray(np.where(CLOTH > 0, cloth, ground).astype(np.uint8))
    return np.asarray(grey.convert("1").convert("L"))


def hatched(line: int, gap: int, crossed: bool = False) -> Levels:
    """Cloth of slanting lines, or of crossing ones, of a width and a gap in pixels."""
    white = (ROWS + COLUMNS) % (line + gap) < line
    if crossed:
        white |= (ROWS - COLUMNS) % (line + gap) < line
    return np.where(white, CLOTH, 0).astype(np.uint8)


SCREENS = {
    "strewn 200": strewn(200),
    "strewn 128": strewn(128),
    "strewn 235 over 20": strewn(235, 20),
    "ordered": np.where(np.tile(BAYER, (100, 80)) < CLOTH * 0.7, 255, 0).astype(np.uint8),
    "lines of 1": hatched(1, 1),
    "lines of 2": hatched(2, 2),
    "lines of 3, gaps of 5": hatched(3, 5),
    "crossed lines": hatched(2, 4, crossed=True),
    "salt and pepper": np.where(np.random.default_rng(1).random(CLOTH.shape) < 0.03, 255 - CLOTH, CLOTH),
}


class TestFine:
    """What is finer than the holes of cloth."""

    @pytest.mark.parametrize("kind", SCREENS)
    @pytest.mark.parametrize("as_file", ["PNG", "1-bit PNG", "JPEG"])
    def test_is_whole_cloth(self, kind: str, as_file: str) -> None:
        """The cloth has no holes, its edge is within a pixel or two, and it is said how that was found."""
        levels = SCREENS[kind].astype(np.uint8)
        image = Image.fromarray(levels).convert("1") if as_file == "1-bit PNG" else Image.fromarray(levels)
        options = {"quality": 92} if as_file == "JPEG" else {}
        mask = read(saved(image, as_file.rsplit(maxsplit=1)[-1], **options))
        assert wrong(mask) < 0.03
        assert (mask.coverage[150:300, 110:210] == 255).all()
        assert "is dithered or hatched" in mask.notes[0]
        assert "export it in 8 bits of grey without dithering" in mask.notes[0]

    def test_soft_edges_stay_soft(self) -> None:
        """A wide soft edge that was strewn is read as a soft edge."""
        soft = blurred(CLOTH, 12)
        mask = read(loaded(saved(Image.fromarray(soft).convert("1"))))
        assert np.abs(mask.coverage.astype(int) - soft).mean() < 12
        assert "smoothed to the grey" in mask.notes[0]


@pytest.mark.parametrize(("line", "gap"), [(6, 10), (10, 10), (8, 14)])
def test_coarse_hatching_is_refused(line: int, gap: int) -> None:
    """Gaps that may be a net's are not painted over: the mask is refused with both remedies."""
    with pytest.raises(
        MaskError, match=r"hatched or has a net of gaps \(\d+ % .*fill the cloth white .255., or if"
    ):
        read(hatched(line, gap))


def test_holes_of_cloth_stay() -> None:
    """Eyelets, and a wide stripe that is left out, are no hatching."""
    holed = CLOTH.copy()
    holed[160:320:20, 110:210:20] = holed[161:320:20, 110:210:20] = 0
    holed[330:340] = 0
    mask = read(holed)
    assert np.array_equal(mask.coverage, holed)
    assert not mask.notes


@pytest.mark.parametrize("side", [4_000, 5_000])
def test_large_masks_are_judged_by_tiles(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that no radius smooths is filtered in some tiles alone, however large the mask is."""
    filtered: list[int] = []
    density = mask_screens._density

    def counted(white: np.ndarray, radius: int) -> np.ndarray:
        filtered.append(white.size)
        return density(white, radius)

    monkeypatch.setattr(mask_screens, "_density", counted)
    strewn = np.random.default_rng(1).integers(0, 33, (side, side), np.uint8) == 0
    notes = mask_screens.smooth_screens(strewn.view(np.uint8) * np.uint8(255))[1]
    assert "is cut into many small pieces" in notes[0]
    assert sum(filtered) <= 7 * 1.3 * mask_screens.SAMPLE


def test_large_screens_are_read_as_small_ones() -> None:
    """A large hatched mask is smoothed by the radius of its lines, as a small one is."""
    cloth = tee(3_200, 2_560)
    rows, columns = np.indices(cloth.shape, np.int32)
    hatching = np.where((rows + columns) % 4 < 2, cloth, 0).astype(np.uint8)
    found, notes = mask_screens.smooth_screens(hatching)
    assert np.mean((found >= 128) != (cloth >= 128)) < 0.003
    assert "is dithered or hatched" in notes[0]
