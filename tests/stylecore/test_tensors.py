"""The picture convention, and resizing without aliasing."""

import numpy as np
import pytest
import torch
from PIL import Image

from stylecore.errors import PictureError
from stylecore.tensors import check_picture, resize, resize_guide


def test_good_picture_passes_unchanged() -> None:
    """A picture that follows the convention comes back as it is."""
    picture = torch.rand(2, 3, 5, 7)
    assert check_picture(picture, "content") is picture


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_become_float32(dtype: torch.dtype) -> None:
    """Other floating types are cast to float32."""
    picture = torch.full((1, 3, 4, 4), 0.25, dtype=dtype)
    checked = check_picture(picture, "content")
    assert checked.dtype == torch.float32
    assert (checked == 0.25).all()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (torch.rand(3, 4, 4), r"content has shape \(3, 4, 4\), but must be B x 3 x H x W.*x\[None\]"),
        (torch.rand(1, 4, 4, 4), r"must be B x 3 x H x W"),
        (torch.rand(4, 4), r"must be B x 3 x H x W"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), r"uint8.*divide 8-bit values by 255"),
        (torch.full((1, 3, 4, 4), 255.0), r"spans 255 to 255, but must lie in \[0, 1\]"),
        (torch.full((1, 3, 4, 4), -0.01), r"must lie in \[0, 1\]"),
        (torch.full((1, 3, 4, 4), float("nan")), r"spans nan to nan"),
        (torch.full((1, 3, 4, 4), float("inf")), r"must lie in \[0, 1\]"),
    ],
)
def test_bad_picture(picture: torch.Tensor, message: str) -> None:
    """A tensor that breaks the convention is refused with what it is and what it must be."""
    with pytest.raises(PictureError, match=message):
        check_picture(picture, "content")


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (1, 3, 0, 4)])
def test_empty_picture(shape: tuple[int, ...]) -> None:
    """A picture without pixels, or a batch without pictures, is refused as any other bad picture."""
    with pytest.raises(PictureError):
        check_picture(torch.zeros(shape), "content")


def test_guide_has_one_channel() -> None:
    """A guide is checked for one channel, under its own name."""
    check_picture(torch.ones(1, 1, 4, 4), "guide", channels=1)
    with pytest.raises(PictureError, match="guide has shape .* B x 1 x H x W"):
        check_picture(torch.ones(1, 3, 4, 4), "guide", channels=1)


@pytest.mark.parametrize("function", [resize, resize_guide])
def test_same_size_is_untouched(function: object) -> None:
    """Resizing to the size a picture has gives the very same tensor."""
    picture = torch.rand(1, 3, 9, 7)
    assert callable(function)
    assert function(picture, (9, 7)) is picture


@pytest.mark.parametrize("size", [(20, 30), (7, 11), (50, 33)])
def test_resize_is_pillows(size: tuple[int, int]) -> None:
    """Resizing equals Pillow's bicubic, an independent implementation that does not alias."""
    picture = np.random.default_rng(0).random((40, 30), dtype=np.float32)
    wanted = np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC))
    ours = resize(torch.from_numpy(picture)[None, None].expand(1, 3, -1, -1), size)
    assert ours.shape == (1, 3, *size)
    np.testing.assert_allclose(ours[0, 1].numpy(), wanted, atol=2e-6)


def test_resize_does_not_alias() -> None:
    """A checkerboard finer than the new grid becomes grey, not a pattern of its own."""
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    small = resize(board.float().expand(1, 3, -1, -1), (13, 13))
    assert (small[..., 1:-1, 1:-1] - 0.5).abs().max() < 0.02


def test_resize_guide_stays_in_range() -> None:
    """A guide with hard edges stays in [0, 1] at any size, and keeps its share of the picture."""
    guide = torch.zeros(1, 1, 60, 48)
    guide[..., 11:47, 5:39] = 1
    for size in [(30, 24), (17, 13), (90, 72), (120, 96)]:
        resized = resize_guide(guide, size)
        assert resized.min() >= 0 and resized.max() <= 1
        assert resized.mean().item() == pytest.approx(guide.mean().item(), abs=0.005)
