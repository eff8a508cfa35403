"""Part maps become a mask a part, or are refused with the remedy."""

import numpy as np
import pytest
from PIL import Image

from catalogs.errors import PartMapError
from catalogs.templates.part_maps import decode_parts
from tests.conftest import saved


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

    @pytest.mark.parametrize("mode", ["LA", "I;16", "transparent P"])
    def test_numbers_in_other_modes(self, mode: str) -> None:
        """Numbers name parts in grey of any depth; what is transparent is no part."""
        numbers = np.repeat(np.arange(40) // 10, 40).reshape(40, 40).astype(np.uint8)
        image = Image.fromarray(numbers.astype(np.uint16) if mode == "I;16" else numbers)
        options = {}
        if mode == "LA":
            image.putalpha(Image.fromarray(np.where(numbers == 2, 0, 255).astype(np.uint8)))
        elif mode == "transparent P":
            image.putpalette([0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9])
            options = {"transparency": 2}
        parts = decode_parts(saved(image, **options), (40, 40))
        assert set(parts) == ({"1", "2", "3"} if mode == "I;16" else {"1", "3"})
        assert all(np.array_equal(mask == 255, numbers == int(name)) for name, mask in parts.items())

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
        with pytest.raises(PartMapError, match="40x50 px but its picture is 40x40 px"):
            decode_parts(saved(Image.new("L", (40, 50), 1)), (40, 40))

    @pytest.mark.parametrize("kind", [np.uint8, np.uint16])
    def test_too_many(self, kind: type) -> None:
        """A photograph is refused before a mask is made of each of its levels."""
        with pytest.raises(PartMapError, match="more than 64 numbers"):
            decode_parts(saved(Image.fromarray(np.arange(1600).reshape(40, 40).astype(kind))), (40, 40))

    def test_no_part(self) -> None:
        """A map of zeros is refused with the remedy."""
        with pytest.raises(PartMapError, match="marks no part; give every part an index above 0"):
            decode_parts(saved(Image.new("L", (40, 40), 0)), (40, 40))

    def test_no_picture(self) -> None:
        """A map that cannot be read is the map's fault, and not the picture's."""
        with pytest.raises(PartMapError, match="part map cannot be read: the file is empty"):
            decode_parts(b"", (40, 40))
