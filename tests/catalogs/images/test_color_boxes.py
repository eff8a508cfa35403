"""AVIF is read, with the colours that its boxes say."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from catalogs.errors import ImageError
from catalogs.images.codec import decode
from catalogs.images.color_boxes import code_points
from catalogs.images.color_spaces import PRIMARIES
from tests.catalogs.images.test_color_spaces import in_srgb, srgb_curve
from tests.conftest import saved

QUARTERS = np.kron(
    np.array([[(200, 60, 70), (40, 150, 90)], [(30, 60, 180), (230, 225, 215)]], np.uint8),
    np.ones((24, 32, 1), np.uint8),
)
SRGB_BOX, P3_BOX, PQ_BOX = b"nclx\0\1\0\x0d", b"nclx\0\x0c\0\x0d", b"nclx\0\x09\0\x10"


class TestAvif:
    """AVIF, in which shops keep pictures."""

    DATA = saved(Image.fromarray(QUARTERS), "AVIF", quality=100, subsampling="4:4:4")

    def test_samples(self) -> None:
        """An AVIF gives nearly the samples that were saved."""
        assert np.abs(decode(self.DATA).rgb.astype(int) - QUARTERS).max() <= 3

    def test_display_p3(self) -> None:
        """Colours said by numbers are converted."""
        assert self.DATA.count(SRGB_BOX) == 1
        expected = in_srgb(QUARTERS, PRIMARIES[12], srgb_curve)
        assert np.abs(decode(self.DATA.replace(SRGB_BOX, P3_BOX)).rgb - expected).max() <= 6

    def test_high_dynamic_range(self) -> None:
        """PQ is refused by name."""
        with pytest.raises(ImageError, match=r"high dynamic range \(PQ\); export it in sRGB"):
            decode(self.DATA.replace(SRGB_BOX, PQ_BOX))

    def test_profile_goes_first(self) -> None:
        """Where there is a profile, it is used and not the numbers."""
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        data = saved(Image.fromarray(QUARTERS), "AVIF", quality=100, subsampling="4:4:4", icc_profile=srgb)
        assert np.abs(decode(data.replace(SRGB_BOX, PQ_BOX)).rgb.astype(int) - QUARTERS).max() <= 3

    def test_alpha(self) -> None:
        """Alpha comes out."""
        alpha = np.full(QUARTERS.shape[:2], 255, np.uint8)
        alpha[:24] = 0
        found = decode(saved(Image.fromarray(np.dstack([QUARTERS, alpha])), "AVIF", quality=100)).alpha
        assert found is not None
        assert np.abs(found.astype(int) - alpha).max() <= 4

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_orientation(self, orientation: int) -> None:
        """An AVIF says by boxes of its own which way up it is."""
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = saved(Image.fromarray(QUARTERS), "AVIF", quality=100, subsampling="4:4:4", exif=exif.tobytes())
        found = decode(data).rgb
        expected = np.rot90(QUARTERS, {3: 2, 6: -1, 8: 1}[orientation])
        assert np.abs(found.astype(int) - expected).max() <= 6


class TestNumbers:
    """The boxes are followed, and what cannot be followed says nothing."""

    def test_said(self) -> None:
        """The numbers are those of the file, and of its picture, not of its alpha."""
        assert code_points(TestAvif.DATA) == (1, 13)
        assert code_points(TestAvif.DATA.replace(SRGB_BOX, P3_BOX)) == (12, 13)
        both = np.dstack([QUARTERS, QUARTERS[..., 0]])
        assert code_points(saved(Image.fromarray(both), "AVIF")) == (1, 13)

    def test_not_said(self) -> None:
        """No boxes, cut boxes and unspecified ones say nothing."""
        assert code_points(b"") is None
        assert code_points(saved(Image.fromarray(QUARTERS))) is None
        assert code_points(TestAvif.DATA.replace(SRGB_BOX, b"nclx\0\2\0\2")) is None
        whole = code_points(TestAvif.DATA)
        assert all(code_points(TestAvif.DATA[:end]) in (None, whole) for end in range(len(TestAvif.DATA)))
