"""Masks of garments: bytes to the share of cloth in each pixel, and what is refused or worth a look.

People give many things as masks: matting results with haze, JPEGs with ringing, label maps, cut-outs, the
picture itself. What is surely meant is read. What is not sure is refused with the remedy. What is read but may
not be meant is noted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from catalogs.errors import ImageError, MaskError
from catalogs.images import MAX_PIXELS, MIN_SIDE, Bytes, Picture, open_upright, to_8_bit

BLACK, WHITE = 8, 247
"""Levels under BLACK are haze or compression, and are 0; levels over WHITE are 255."""
CLEARLY = 128
"""Level from which a pixel is clearly cloth."""
FLAT_SHARE = 0.005
"""Share of the mask that a level needs to be a flat area of its own, and no soft edge."""
FLAT_COVER = 0.9
"""Share of the mask that flat levels must cover together to be read as such."""
FEW_LEVELS = 24
"""A mask with more different levels than this is soft or compressed: near levels are one level."""
NEAR_LEVELS = 6
WIDEST = 32
"""Levels that a flat area may spread over by noise; wider, it is the shading of a photograph."""
LABELS = 40
"""Levels up to this one are numbers of label maps where there are several: no person paints so dark."""
CHROMA = 40
"""Difference of a pixel's largest and smallest channel from which it has a colour; JPEG gives grey up to 30."""
SPECK = 0.0002
"""Share of the largest piece of cloth under which a piece is a speck."""
ALIKE = 0.97
"""Correlation from which a mask was made of its picture's light."""
SAMPLED = 250_000
"""Pixels by which a mask and its picture are compared."""
LABELLED = 1_000_000
"""Pixels of the grid on which pieces are counted, at most."""
REMEDY = "paint the garment white (255) and everything else black (0)"


@dataclass(frozen=True)
class Mask:
    """A mask as it was read. `coverage` is H x W of 8 bits: 0 = no cloth, 255 = cloth, between = soft edge.

    `notes` say how it was read where that was not plain, and what may not be meant.
    """

    coverage: Bytes
    notes: tuple[str, ...] = ()


def decode_mask(data: bytes, picture: Picture, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """Decode the mask of a garment picture.

    A transparent mask is read by its transparency, one of a single hue on black by its strength, and one of
    two flat levels by these levels; each is noted. Haze, compression noise and specks are cleaned away.

    Raises:
        MaskError: the bytes are no usable picture, or the mask cannot be meant: another size than the picture,
            empty, everywhere full, nowhere opaque, a label map, or the picture itself.
    """
    try:
        image = open_upright(data, max_pixels)
    except ImageError as error:
        raise MaskError(f"the mask cannot be read: {error}") from error
    if other := other_size(image, picture.size):
        raise MaskError(f"the mask is {other}")
    levels, notes = _levels(image, picture)
    coverage, stretched = _stretched(levels)
    cleaned = clean(coverage)
    check_coverage(cleaned)
    return Mask(cleaned, (*notes, *stretched, *_doubts(coverage, cleaned)))


def other_size(image: Image.Image, size: tuple[int, int]) -> str:
    """What to say where an image is not of a picture's height and width; empty where it is."""
    (width, height), (wanted_height, wanted_width) = image.size, size
    if (width, height) == (wanted_width, wanted_height):
        return ""
    remedy = "export both at one size"
    if (width, height) == (wanted_height, wanted_width):
        remedy = "one of them is turned (the picture by its EXIF?): save the picture upright, then export both anew"
    return f"{width}x{height} px but its picture is {wanted_width}x{wanted_height} px; {remedy}"


def clean(coverage: Bytes) -> Bytes:
    """Coverage without haze, compression noise and specks. A speck is under 1/5000 of the largest piece."""
    cleaned = np.where(coverage < BLACK, 0, np.where(coverage > WHITE, 255, coverage)).astype(np.uint8)
    specks = _specks(cleaned)
    return cleaned if specks is None else np.where(specks, 0, cleaned).astype(np.uint8)


def check_coverage(coverage: Bytes) -> None:
    """Raise MaskError where coverage marks nothing, everything, nothing for sure, or too little."""
    if not coverage.any():
        raise MaskError(f"the mask is empty (all 0); {REMEDY}")
    if (coverage == 255).all():
        raise MaskError(
            "the mask is white everywhere, so nothing of the picture would be kept; paint the backdrop black,"
            " or leave the mask cell empty if the whole picture is cloth"
        )
    if coverage.max() < CLEARLY:
        raise MaskError(f"the mask is nowhere opaque (its maximum is {coverage.max()} of 255); {REMEDY}")
    height, width = box_of(coverage)
    if min(height, width) < MIN_SIDE:
        raise MaskError(
            f"the mask marks only {width}x{height} px; a garment needs at least {MIN_SIDE} px each way"
        )


def box_of(coverage: Bytes) -> tuple[int, int]:
    """Height and width, px, of the box around what is clearly cloth; (0, 0) where nothing is."""
    clearly = coverage >= CLEARLY
    rows, columns = np.flatnonzero(clearly.any(1)), np.flatnonzero(clearly.any(0))
    return (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if len(rows) else (0, 0)


# From a picture of any kind to one level a pixel


def _levels(image: Image.Image, picture: Picture) -> tuple[Bytes, tuple[str, ...]]:
    """One level a pixel, and how it was found where the mask is no plain grey picture."""
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
    return float(np.mean(_chroma(rgb) > CHROMA))


def _chroma(rgb: Bytes) -> Bytes:
    """Largest less smallest channel; channel by channel, which is ten times as fast as along the last axis."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    largest = np.maximum(np.maximum(red, green), blue)
    difference: Bytes = largest - np.minimum(np.minimum(red, green), blue)
    return difference


def _of_transparent(rgb: Bytes, alpha: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """A white or black silhouette is its alpha, a mask on nothing its level times alpha, a cut-out its alpha."""
    shown = rgb[alpha >= (CLEARLY if (alpha >= CLEARLY).any() else 1)]
    if not len(shown):
        return alpha, ()
    white, black = float(np.mean(shown.min(-1) > 239)), float(np.mean(shown.max(-1) < 16))
    if max(white, black) > 0.98:
        return alpha, ()
    if white + black > 0.98:
        return (rgb.max(-1).astype(np.uint16) * alpha // 255).astype(np.uint8), ()
    return alpha, (
        "is a picture with transparency: what is not transparent was taken for cloth; if that is not meant,"
        f" {REMEDY}",
    )


def _of_one_hue(rgb: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """The strength of the one colour that stands on black; MaskError where there are several."""
    chroma = _chroma(rgb)
    color = np.median(rgb[chroma >= max(CHROMA, chroma.max() // 2)], axis=0)
    strength = np.clip(rgb.astype(np.float32) @ (color / (color @ color)).astype(np.float32), 0, 1)
    strange = np.abs(rgb - strength[..., None] * color.astype(np.float32)).max(-1) > 48
    half = np.count_nonzero(strength > 0.9) < 0.5 * np.count_nonzero(strength > 0.1)
    if half or np.mean(strange) > FLAT_SHARE:
        raise MaskError(
            "the mask is a coloured picture, as label maps and overlays are, and does not say which colour is"
            f" cloth; {REMEDY} (a colour for each part belongs into the column 'parts')"
        )
    name = "#" + bytes(np.rint(color).astype(np.uint8)).hex()
    return np.rint(strength * 255).astype(np.uint8), (
        f"is coloured: {name} was taken for cloth and black for the backdrop; if that is not meant, {REMEDY}",
    )


def _refuse_the_picture(grey: Bytes, picture: Picture) -> None:
    """MaskError where a mask goes up and down with its picture.

    The mask of a white garment on black does so too, and that of a black one on white the other way round; but
    these have little between black and white, and no white corners.
    """
    step = max(1, int(np.sqrt(grey.size / SAMPLED)))
    mask = grey[::step, ::step].astype(np.float32).ravel()
    light = picture.rgb[::step, ::step].astype(np.float32).mean(-1).ravel()
    if not mask.std() or not light.std() or len(_flat_levels(grey)) == 2:
        return
    alike = float(np.corrcoef(mask, light)[0, 1])
    between = np.count_nonzero((mask > 16) & (mask < 239)) > 0.5 * np.count_nonzero(mask > 16)
    if (between and abs(alike) > ALIKE) or (_white_corners(grey) and alike > ALIKE):
        raise MaskError(f"the mask is the picture itself, or made of its light and shade; {REMEDY}")


def _white_corners(levels: Bytes) -> bool:
    return all(levels[row, column] > WHITE for row in (0, -1) for column in (0, -1))


# From levels to coverage


def _stretched(levels: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """Levels such that the backdrop is 0 and cloth 255, where flat levels say which they are."""
    flats = _flat_levels(levels)
    if len(flats) < 2:
        return levels, ()
    backdrop, *marks = flats
    if len(marks) > 1:
        _refuse_labels(flats)
        return levels, (f"has a flat level {flats[1]}: it was taken for sheer cloth and is painted in part",)
    (mark,) = marks
    if backdrop < BLACK and mark > WHITE:
        return levels, ()
    if backdrop > 64:
        raise MaskError(f"the mask has no black (its backdrop is {backdrop} of 255); {REMEDY}")
    wide = (levels.astype(np.float32) - backdrop) * (255 / (mark - backdrop))
    return np.rint(wide.clip(0, 255)).astype(np.uint8), (
        f"has the levels {backdrop} and {mark} instead of 0 and 255: they were taken for backdrop and cloth",
    )


def _flat_levels(levels: Bytes) -> list[int]:
    """Levels of flat areas, ascending, if these cover nearly all of the mask; else none.

    Near levels are one, the one that covers most: unless the mask has few levels and each lies in areas of its
    own, as those of label maps do.
    """
    counts = np.bincount(levels.ravel(), minlength=256)
    flats = np.flatnonzero(counts >= FLAT_SHARE * levels.size)
    if counts[flats].sum() < FLAT_COVER * levels.size:
        return []
    groups = np.split(flats, np.flatnonzero(np.diff(flats) > NEAR_LEVELS) + 1)
    if any(np.ptp(group) > WIDEST for group in groups):
        return []
    few = np.count_nonzero(counts) <= FEW_LEVELS
    found: list[int] = []
    for group in groups:
        apart = few and all(_compact(levels == level) for level in group)
        found += map(int, group if apart else [group[counts[group].argmax()]])
    return found


def _refuse_labels(flats: list[int]) -> None:
    """MaskError where three or more flat levels are labels; not where one of three is sheer cloth."""
    if len(flats) == 3 and flats[0] < BLACK and flats[1] > LABELS and flats[2] > WHITE:
        return
    shown = ", ".join(map(str, flats[:8])) + (", ..." if len(flats) > 8 else "")
    raise MaskError(
        f"the mask has {len(flats)} flat levels ({shown}), as label maps have, and does not say which is cloth;"
        f" {REMEDY} (a number for each part belongs into the column 'parts')"
    )


def _compact(where: NDArray[np.bool_]) -> bool:
    """Whether pixels lie in areas, and are not strewn as noise is."""
    inner = ndimage.binary_erosion(where)
    return bool(np.count_nonzero(inner) > 0.5 * np.count_nonzero(where))


def _is_outline(coverage: Bytes) -> bool:
    """Whether what the marked pixels enclose is more than twice what they are."""
    step = max(1, int(np.ceil(np.sqrt(coverage.size / LABELLED))))
    marked = coverage[::step, ::step] >= CLEARLY
    filled = np.count_nonzero(ndimage.binary_fill_holes(marked))
    return bool(filled > 3 * np.count_nonzero(marked))


def _specks(coverage: Bytes) -> NDArray[np.bool_] | None:
    """Where specks are, H x W; None where there is none. Large masks are looked at on a coarser grid."""
    step = max(1, int(np.ceil(np.sqrt(coverage.size / LABELLED))))
    rows, columns = (range(0, side, step) for side in coverage.shape)
    coarse = np.maximum.reduceat(np.maximum.reduceat(coverage, rows, 0), columns, 1)
    pieces, count = ndimage.label(coarse, np.ones((3, 3)))
    if count < 2:
        return None
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    small = (sizes > 0) & (sizes < SPECK * sizes.max())
    if not small.any():
        return None
    specks: NDArray[np.bool_] = small[pieces].repeat(step, 0).repeat(step, 1)
    return specks[: coverage.shape[0], : coverage.shape[1]]


def _doubts(levels: Bytes, cleaned: Bytes) -> tuple[str, ...]:
    """What may not be meant: specks, a white backdrop, cloth that is only half marked."""
    found: list[str] = []
    lost = np.count_nonzero((levels >= CLEARLY) & (cleaned == 0))
    if lost:
        found.append(f"has specks away from the cloth ({lost} px in all): they were left out")
    if _white_corners(cleaned):
        found.append("is white in all four corners: if that is the backdrop, invert it")
    if _is_outline(cleaned):
        found.append("marks an outline, and what is inside is left as it is: if that is cloth, fill it white")
    marked = np.count_nonzero(cleaned)
    white = np.count_nonzero(cleaned == 255)
    if white < 0.5 * marked:
        found.append(
            f"is white in only {100 * white // marked} % of what it marks: the rest is painted in part; if that"
            f" is not meant, {REMEDY}"
        )
    return tuple(found)
