"""Garment templates: a garment's picture, mask and part map, decoded and brought together.

`stylemill check` and a run both read garments by `decode_template`, so that a garment which passes the check does
not fail in a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from catalogs.errors import ImageError, MaskError
from catalogs.images.codec import MAX_PIXELS, MIN_SIDE, Bytes, Picture, decode
from catalogs.templates.mask_pieces import remove_shadow
from catalogs.templates.masks import Mask, box_of, clean_coverage, decode_mask
from catalogs.templates.part_maps import decode_parts


@dataclass(frozen=True)
class Template:
    """A decoded garment.

    `mask` is H x W of 8 bits: the share of a pixel's visible part that is cloth; None where all of the picture is cloth.
    `parts` are masks by name. `notes` are for a person to look at.
    """

    picture: Picture
    mask: Bytes | None
    parts: Mapping[str, Bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def decode_template(
    picture_data: bytes,
    mask_data: bytes = b"",
    parts_data: bytes = b"",
    *,
    max_pixels: int = MAX_PIXELS,
) -> Template:
    """A garment's bytes as a template; without a mask (no bytes), alpha says what is cloth.

    Raises ImageError or MaskError that says what is wrong with which of them, and what to do.
    """
    picture = decode(picture_data, max_pixels=max_pixels)
    read = decode_mask(mask_data, picture, max_pixels=max_pixels) if mask_data else _from_alpha(picture)
    parts = decode_parts(parts_data, picture.size, max_pixels=max_pixels) if parts_data else {}
    mask = None if read is None else _share_of_visible(read.coverage, picture.alpha)
    return Template(picture, mask, parts, read.notes if read else ())


def _from_alpha(picture: Picture) -> Mask | None:
    """The mask that alpha gives; None where nothing is transparent."""
    if picture.alpha is None:
        return None
    cleaned = clean_coverage(picture.alpha)
    # Cloth that is sheer all over is as opaque as it gets.
    coverage, left = remove_shadow(cleaned, max(1, int(cleaned.max()) // 2))
    if not coverage.any():
        raise ImageError("the picture is transparent everywhere and has no mask; give one of them")
    shown = _share_of_visible(coverage, picture.alpha)
    height, width = box_of(shown)
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            f"only {width}x{height} px of the picture are not transparent; a garment needs at least {MIN_SIDE} px"
            " each way"
        )
    return Mask(coverage, _notes_on(left, coverage))


def _notes_on(left: int, coverage: Bytes) -> tuple[str, ...]:
    """A note on half transparent pixels that were left as they are, where these are more than 1 % of the cloth."""
    if left <= 0.01 * np.count_nonzero(coverage):
        return ()
    return (
        f"is half transparent in {left} px away from its opaque part, which were taken for a shadow and left as they"
        " are; if they are sheer cloth, give a mask",
    )


def _share_of_visible(coverage: Bytes, alpha: Bytes | None) -> Bytes:
    """The share of a pixel's visible part that is cloth, H x W of 8 bits.

    Alpha keeps a soft edge soft by itself. Blending the paint by it as well would leave the old colour in the
    edge: a halo. Where a pixel is half transparent and half covered, all that is seen of it is cloth.
    """
    if alpha is None:
        return coverage
    share = np.minimum(255, np.rint(coverage.astype(np.float32) * 255 / np.maximum(alpha, 1)))
    visible = np.where(alpha > 0, share, 0).astype(np.uint8)
    if not visible.any():
        raise MaskError("the mask marks only what is transparent in the picture; export both anew")
    return visible
