"""From a mask's picture of any kind to one level a pixel."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.errors import MaskError
from catalogs.images.codec import Bytes, Picture, to_8_bit
from catalogs.templates.flat_levels import FLAT_SHARE, REMEDY, WHITE, flat_levels, row_blocks
from catalogs.templates.mask_likeness import SAMPLED, correlation, shared_detail
from catalogs.templates.mask_pieces import CLEARLY

CHROMA = 40
"""Difference of a pixel's largest and smallest channel from which it has a colour; JPEG gives grey up to 30."""
MOSTLY, SOME_OTHER = 0.98, 0.001
"""Share of what is opaque that is white or black in a silhouette; share of the other one from which it is none."""
RING = 0.02
"""Share of the longer side that is the border of a mask where it is asked whether it is inverted."""
ALIKE = 0.97
"""Correlation with its picture's light from which a mask was made of it."""


# From a picture of any kind to one level a pixel


def mask_levels(image: Image.Image, picture: Picture) -> tuple[Bytes, tuple[str, ...]]:
    """One level a pixel, and notes on how it was found where the mask is not a plain grey picture.

    Raises MaskError for a coloured picture, and for the garment's picture itself.
    """
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        if (rgba[..., 3] <= WHITE).any():
            return _of_transparent(rgba[..., :3], rgba[..., 3])
    if image.mode.startswith("I;16"):
        image = _of_16_bits(image)
    # By way of RGB: Pillow has no straight way from Lab and others to grey.
    flat = image.convert("RGB")
    grey = np.asarray(flat.convert("L"))
    _refuse_the_picture(grey, picture)
    rgb = np.asarray(flat)
    return _of_one_hue(rgb) if _colored_share(rgb) > 0.001 else (grey, ())


def _of_16_bits(image: Image.Image) -> Image.Image:
    """8 bits of 16; levels that are numbers, as 0 and 1, stay what they are."""
    return (
        Image.fromarray(np.asarray(image).astype(np.uint8))
        if np.asarray(image).max() < 256
        else to_8_bit(image)
    )


def _colored_share(rgb: Bytes) -> float:
    colored = sum(int(np.count_nonzero(_chroma(block) > CHROMA)) for block in row_blocks(rgb))
    return float(colored / (rgb.shape[0] * rgb.shape[1]))


def _chroma(rgb: Bytes) -> Bytes:
    """Largest less smallest channel; channel by channel, which is ten times as fast as along the last axis."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    largest = np.maximum(np.maximum(red, green), blue)
    difference: Bytes = largest - np.minimum(np.minimum(red, green), blue)
    return difference


def _of_transparent(rgb: Bytes, alpha: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """The levels of a mask with transparency: a silhouette's or cut-out's alpha, else white and black times alpha."""
    shown = alpha >= (CLEARLY if (alpha >= CLEARLY).any() else 1)
    total = np.count_nonzero(shown)
    if not total:
        return alpha, ()
    white, black = (float(np.count_nonzero(shown & where) / total) for where in _white_and_black(rgb))
    if max(white, black) > MOSTLY and min(white, black) < SOME_OTHER:
        return alpha, ()
    if white + black > MOSTLY:
        levels = (rgb.max(-1).astype(np.uint16) * alpha // 255).astype(np.uint8)
        # A black silhouette with a white label looks the same.
        is_unsure = black > MOSTLY and total < MOSTLY * alpha.size
        return levels, (
            (
                "has a little white on black and is transparent elsewhere: the white was taken for cloth, the black"
                f" not; if that is not meant, {REMEDY}",
            )
            if is_unsure
            else ()
        )
    return alpha, (
        "is a picture with transparency: what is not transparent was taken for cloth; if that is not meant,"
        f" {REMEDY}",
    )


def _white_and_black(rgb: Bytes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    return (red > 239) & (green > 239) & (blue > 239), (red < 16) & (green < 16) & (blue < 16)


def _of_one_hue(rgb: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """The strength of the one colour that stands on black; MaskError where there are several."""
    color = _median_color(rgb)
    whole, scale = color.astype(np.float32), (color / (color @ color)).astype(np.float32)
    levels, strange, strong, marked, at = np.empty(rgb.shape[:2], np.uint8), 0, 0, 0, 0
    for block in row_blocks(rgb):
        channels = [block[..., n].astype(np.float32) for n in range(3)]
        strength = np.clip(sum(channel * by for channel, by in zip(channels, scale, strict=True)), 0, 1)
        away = [np.abs(channel - strength * by) > 48 for channel, by in zip(channels, whole, strict=True)]
        strange += int(np.count_nonzero(away[0] | away[1] | away[2]))
        strong += int(np.count_nonzero(strength > 0.9))
        marked += int(np.count_nonzero(strength > 0.1))
        levels[at : at + len(block)] = np.rint(strength * 255)
        at += len(block)
    if strong < 0.5 * marked or strange > FLAT_SHARE * levels.size:
        raise MaskError(
            "the mask is a coloured picture, as label maps and overlays are, and does not say which colour is"
            f" cloth; {REMEDY} (a colour for each part belongs into the column 'parts')"
        )
    name = "#" + bytes(np.rint(color).astype(np.uint8)).hex()
    return levels, (
        f"is coloured: {name} was taken for cloth and black for the backdrop; if that is not meant, {REMEDY}",
    )


def _median_color(rgb: Bytes) -> NDArray[np.float64]:
    """The middle, channel by channel, of the pixels that have a colour."""
    least = max(CHROMA, max(int(_chroma(block).max()) for block in row_blocks(rgb)) // 2)
    counts = np.zeros((3, 256), np.intp)
    for block in row_blocks(rgb):
        chosen = block[_chroma(block) >= least]
        counts += [np.bincount(chosen[:, channel], minlength=256) for channel in range(3)]
    total = int(counts[0].sum())
    middles = ((total - 1) // 2, total // 2)
    return np.array([np.searchsorted(row.cumsum(), middles, side="right").mean() for row in counts])


def _refuse_the_picture(grey: Bytes, picture: Picture) -> None:
    """Raise MaskError for a mask that was made of its picture: it has the picture's detail, or its light and shade.

    The mask of a white garment on black goes up and down with its picture, and that of a black one on white the
    other way round; but these have no detail, few levels between black and white, and no white corners.
    """
    shared = shared_detail(grey, picture.rgb)
    if shared < 0:
        raise MaskError(f"the mask is a negative of the picture, and not of its cloth; {REMEDY}")
    if shared > 0 or _is_alike(grey, picture):
        raise MaskError(
            "the mask is the picture itself, or shows it (as cut-outs on a ground and screenshots of overlays do);"
            f" {REMEDY}"
        )


def _is_alike(grey: Bytes, picture: Picture) -> bool:
    """Whether a mask goes up and down with its picture, and cannot be the mask of a light garment."""
    step = max(1, int(np.sqrt(grey.size / SAMPLED)))
    mask = grey[::step, ::step].astype(np.float32)
    light = picture.rgb[::step, ::step].astype(np.float32).mean(-1)
    if correlation(mask, light) <= ALIKE or len(flat_levels(grey)) == 2:
        return False
    between = np.count_nonzero((mask > 16) & (mask < 239)) > 0.5 * np.count_nonzero(mask > 16)
    return bool(between or white_corners(grey))


def white_corners(levels: Bytes) -> bool:
    """Whether all four corners are white, as those of a backdrop that was marked are."""
    return all(levels[row, column] > WHITE for row in (0, -1) for column in (0, -1))


def white_border(levels: Bytes) -> bool:
    """Whether over half of a ring along the border is white, also where a line, a label or a corner is not."""
    width = max(2, round(max(levels.shape) * RING))
    inside = levels[width:-width, width:-width]
    white = np.count_nonzero(levels > WHITE) - np.count_nonzero(inside > WHITE)
    return bool(white > 0.5 * (levels.size - inside.size))


# From levels to coverage
