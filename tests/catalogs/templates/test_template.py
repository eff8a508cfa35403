"""A garment's picture, mask and alpha come together as check and run both see them."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from catalogs.errors import ImageError, MaskError
from catalogs.images.codec import composite
from catalogs.templates.template import Template, decode_template
from tests.catalogs.templates.test_masks import CLOTH, HEIGHT, PICTURE, SOFT, WIDTH
from tests.conftest import saved

BLACK = np.zeros_like(PICTURE.rgb)
ROWS = np.arange(HEIGHT)[:, None]


def cut_out(alpha: np.ndarray) -> bytes:
    """The picture with this alpha, as PNG."""
    return saved(Image.fromarray(np.dstack([PICTURE.rgb, alpha.astype(np.uint8)])))


def rim(template: Template) -> np.ndarray:
    """Black paint in what is seen of the soft edge: the largest sample that is left of the old colour."""
    painted = composite(template.picture, BLACK, template.mask)
    return painted.rgb[SOFT >= 8]


def test_alpha_is_counted_once() -> None:
    """A cut-out's soft edge is painted in full and stays soft by its alpha: no rim of the old colour is left."""
    assert rim(decode_template(cut_out(SOFT))).max() == 0


def test_mask_and_alpha_are_counted_once() -> None:
    """So it is where the same edge is given as a mask, too."""
    assert rim(decode_template(cut_out(SOFT), saved(Image.fromarray(SOFT)))).max() <= 2


def test_mask_over_opaque_picture_blends() -> None:
    """Without alpha a soft mask blends paint and template."""
    template = decode_template(saved(Image.fromarray(PICTURE.rgb)), saved(Image.fromarray(SOFT)))
    assert template.mask is not None
    assert ((template.mask > 0) & (template.mask < 255)).any()


@pytest.mark.parametrize("level", [30, 90, 200])
def test_sheer_cloth_is_painted_in_full(level: int) -> None:
    """Cloth that is sheer all over is cloth all over; its alpha keeps it sheer."""
    template = decode_template(cut_out(np.where(CLOTH > 0, level, 0)))
    assert template.mask is not None
    assert np.array_equal(template.mask == 255, CLOTH > 0)


@pytest.mark.parametrize("level", [30, 60, 110])
def test_soft_shadow_is_no_cloth(level: int) -> None:
    """The half transparent shadow of a cut-out is left as it is, but for its seam to the cloth; that is noted."""
    shadow = np.maximum(CLOTH, np.where((ROWS > 70) & (ROWS < 118), level, 0))
    template = decode_template(cut_out(shadow))
    assert template.mask is not None
    away = np.asarray(Image.fromarray(CLOTH).filter(ImageFilter.MaxFilter(17))) == 0
    assert not template.mask[away].any()
    assert (template.mask[CLOTH > 0] == 255).all()
    assert "were taken for a shadow and left as they are" in template.notes[0]


def test_haze_in_alpha_is_no_cloth() -> None:
    """A backdrop that is nearly transparent is no cloth."""
    template = decode_template(cut_out(np.maximum(CLOTH, 2)))
    assert template.mask is not None
    assert np.array_equal(template.mask > 0, CLOTH > 0)


def test_parts_of_a_cut_out_that_the_mask_leaves_out() -> None:
    """Where the mask is black, a cut-out stays as it is."""
    half = np.where(np.arange(WIDTH)[None] < WIDTH // 2, CLOTH, 0).astype(np.uint8)
    template = decode_template(cut_out(CLOTH), saved(Image.fromarray(half)))
    assert template.mask is not None
    assert np.array_equal(template.mask, half)


def test_nothing_of_it_is_seen() -> None:
    """Pictures that are transparent, wholly or where the mask is white, are refused before they are painted."""
    with pytest.raises(ImageError, match="transparent everywhere"):
        decode_template(cut_out(CLOTH * 0))
    with pytest.raises(ImageError, match="only 4x3 px of the picture are not transparent"):
        decode_template(cut_out(np.pad(np.full((3, 4), 255), ((9, HEIGHT - 12), (9, WIDTH - 13)))))
    upper, lower = (np.where(where, CLOTH, 0).astype(np.uint8) for where in (ROWS < 55, ROWS > 65))
    with pytest.raises(MaskError, match="marks only what is transparent"):
        decode_template(cut_out(upper), saved(Image.fromarray(lower)))
