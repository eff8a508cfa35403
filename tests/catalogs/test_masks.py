"""Masks and part maps become arrays, or are refused with the remedy."""

import numpy as np
import pytest
from PIL import Image

from catalogs.errors import MaskError
from catalogs.masks import decode_mask, decode_parts
from tests.conftest import saved


class TestMask:
    """Masks fit their pictures or are refused."""

    SIZE = (60, 48)

    def mask(self, array: np.ndarray) -> bytes:
        """An array as PNG."""
        return saved(Image.fromarray(array))

    def test_soft_edges_are_kept(self) -> None:
        """Values between 0 and 255 come out as they are."""
        soft = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (60, 1))
        assert np.array_equal(decode_mask(self.mask(soft), self.SIZE), soft)

    def test_other_size(self) -> None:
        """A mask of another size names both sizes."""
        with pytest.raises(MaskError, match=r"40x40 px but its picture is 48x60 px; export both at one size"):
            decode_mask(self.mask(np.full((40, 40), 255, np.uint8)), self.SIZE)

    def test_empty(self) -> None:
        """A black mask marks nothing."""
        with pytest.raises(MaskError, match="empty.*paint the garment white"):
            decode_mask(self.mask(np.zeros(self.SIZE, np.uint8)), self.SIZE)

    def test_all_white(self) -> None:
        """A white mask keeps nothing; the remedy for whole-cloth pictures is told."""
        with pytest.raises(MaskError, match="white everywhere.*leave the mask cell empty"):
            decode_mask(self.mask(np.full(self.SIZE, 255, np.uint8)), self.SIZE)

    def test_soft_everywhere(self) -> None:
        """A mask that is nowhere opaque is refused with its maximum."""
        faint = np.zeros(self.SIZE, np.uint8)
        faint[10:50, 5:40] = 90
        with pytest.raises(MaskError, match="nowhere opaque.*90 of 255"):
            decode_mask(self.mask(faint), self.SIZE)

    def test_speck(self) -> None:
        """A garment of a few pixels is refused."""
        speck = np.zeros(self.SIZE, np.uint8)
        speck[3:8, 4:7] = 255
        with pytest.raises(MaskError, match="marks only 3x5 px"):
            decode_mask(self.mask(speck), self.SIZE)

    def test_16_bit_mask(self) -> None:
        """A 16-bit mask is scaled like a 16-bit picture."""
        deep = np.zeros(self.SIZE, np.uint16)
        deep[5:55, 5:43] = 65535
        assert decode_mask(self.mask(deep), self.SIZE).max() == 255


class TestParts:
    """Part maps."""

    def test_indexed(self) -> None:
        """Indices name parts, and 0 is none."""
        indices = np.zeros((40, 40), np.uint8)
        indices[:10], indices[30:] = 3, 1
        image = Image.fromarray(indices)
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        parts = decode_parts(saved(image), (40, 40))
        assert set(parts) == {"1", "3"}
        assert (parts["3"] == np.where(indices == 3, 255, 0)).all()

    def test_colored(self) -> None:
        """Colours name parts; blurred edges and specks go to the part of the nearest colour."""
        rgb = np.zeros((60, 60, 3), np.uint8)
        rgb[:, 30:] = (250, 3, 255)
        rgb[:, 29:31] = (120, 2, 130)
        rgb[5, 5] = (0, 255, 0)
        parts = decode_parts(saved(Image.fromarray(rgb)), (60, 60))
        assert {"#000000", "#ff00ff"} <= set(parts) <= {"#000000", "#ff00ff", "#800080"}
        assert sum((part > 0).astype(int) for part in parts.values()).min() == 1
        assert sum((part > 0).astype(int) for part in parts.values()).max() == 1

    def test_another_size(self) -> None:
        """A map of another size than its picture is refused with both sizes."""
        with pytest.raises(MaskError, match="40x50 px but its picture is 40x40 px"):
            decode_parts(saved(Image.new("L", (40, 50), 1)), (40, 40))

    def test_no_part(self) -> None:
        """A map of zeros is refused with the remedy."""
        with pytest.raises(MaskError, match="marks no part; give every part an index above 0"):
            decode_parts(saved(Image.new("L", (40, 40), 0)), (40, 40))
