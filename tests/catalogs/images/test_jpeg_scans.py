"""A JPEG that paints over its picture without end is refused before it is decoded."""

import numpy as np
import pytest
from PIL import Image

from catalogs.errors import ImageError
from catalogs.images.codec import decode
from catalogs.images.jpeg_scans import check_scans
from tests.conftest import picture, saved

RGB = picture(1, 60, 48)
PROGRESSIVE = saved(Image.fromarray(RGB), "JPEG", progressive=True)


def scanned(times: int) -> bytes:
    """A progressive JPEG whose last scan is there so many times more."""
    start, end = PROGRESSIVE.rindex(b"\xff\xda"), PROGRESSIVE.rindex(b"\xff\xd9")
    return PROGRESSIVE[:end] + PROGRESSIVE[start:end] * times + PROGRESSIVE[end:]


def test_many_scans() -> None:
    """Over a hundred scans are refused, with the remedy."""
    with pytest.raises(ImageError, match="more than 100 scans; export it as a JPEG that is not progressive"):
        decode(scanned(100))


def test_usual_scans() -> None:
    """A progressive JPEG as programs write it is read."""
    assert np.abs(decode(PROGRESSIVE).rgb.astype(int) - RGB).mean() < 12
    check_scans(scanned(80))


@pytest.mark.parametrize("place", ["behind", "in a segment"])
def test_markers_that_are_no_scans(place: str) -> None:
    """Bytes like a scan's marker count neither behind the picture (a phone's film) nor within a segment."""
    film = b"\xff\xda\0\2" * 500
    segment = b"\xff\xe5" + (len(film) + 2).to_bytes(2, "big") + film
    data = PROGRESSIVE + film if place == "behind" else PROGRESSIVE[:2] + segment + PROGRESSIVE[2:]
    assert np.array_equal(decode(data).rgb, decode(PROGRESSIVE).rgb)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8\xff", b"\xff\xda\xff", b"\xff" * 1000, b"\xff\xda\0\0" * 50]
)
def test_cut_short(data: bytes) -> None:
    """What ends within a marker is left to the decoder."""
    check_scans(data)
