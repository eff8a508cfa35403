"""Masks of garments: bytes to the share of cloth in each pixel, and masks that are refused or need a look.

People give many things as masks: matting results with haze, JPEGs with ringing, label maps, cut-outs, the
picture itself. A mask with one sure meaning is read. An unsure one is refused, with the remedy. One that was read
but may be meant otherwise gets a note.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from catalogs.errors import ImageError, MaskError
from catalogs.images.codec import MAX_PIXELS, MIN_SIDE, Bytes, Picture, open_turned
from catalogs.templates.flat_levels import (
    BLACK,
    LABELS,
    REMEDY,
    WHITE,
    level_counts,
    sheer_note,
    stretch_levels,
)
from catalogs.templates.mask_levels import mask_levels, white_border, white_corners
from catalogs.templates.mask_pieces import CLEARLY, LABELLED, Strays, find_strays, remove_frame, remove_shadow
from catalogs.templates.mask_screens import smooth_screens
from catalogs.templates.mask_turns import place_mask, turn_notes

SHADOW = 120
"""Level up to which what is marked away from clear cloth may be a shadow."""
DARKER = 2
"""How many times more dark levels than light ones there are with a shadow."""
SOME = 0.01
"""Share of what is marked from which a shadow is left out; a level of so many pixels is flat."""


@dataclass(frozen=True)
class Mask:
    """A mask as it was read. `coverage` is H x W of 8 bits: 0 = no cloth, 255 = cloth, between = soft edge.

    `notes` say how it was read where that was not plain, and what may be meant otherwise.
    """

    coverage: Bytes
    notes: tuple[str, ...] = ()


def decode_mask(data: bytes, picture: Picture, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """Decode the mask of a garment picture.

    A transparent mask is read by its transparency, one of a single hue on black by its strength, one of two flat
    levels by these levels, a dithered one by the grey that it stands for, one drawn before EXIF turned its picture
    as that lies; each is noted. Haze, compression noise, specks, frames, marks and shadows are cleaned away.

    Raises:
        MaskError: the bytes are no usable picture, or the mask cannot be meant: another size than the picture,
            empty, everywhere full, nowhere opaque, a label map, coarsely hatched, or the picture itself.
    """
    try:
        image, orientation = open_turned(data, max_pixels)
    except ImageError as error:
        raise MaskError(f"the mask cannot be read: {error}") from error
    lying = place_mask(image, orientation, picture)
    if other := other_size(lying.image, picture.size):
        raise MaskError(f"the mask is {other}")
    levels, found_notes = mask_levels(lying.image, picture)
    notes = [*lying.notes, *found_notes]
    for step in (smooth_screens, stretch_levels, remove_frame, _unshaded):
        levels, found_notes = step(levels)
        notes += [note for note in found_notes if note not in notes]
    cleaned, removed = _cleaned(levels)
    check_coverage(cleaned)
    # A mask that was turned, or whose EXIF turns it, has a note about that already.
    otherwise = () if lying.notes else turn_notes(cleaned, picture)
    return Mask(cleaned, (*notes, *removed.notes, *_doubts(cleaned), *otherwise))


def other_size(image: Image.Image, size: tuple[int, int]) -> str:
    """The message for an image that does not have a picture's height and width; empty where it has."""
    (width, height), (wanted_height, wanted_width) = image.size, size
    if (width, height) == (wanted_width, wanted_height):
        return ""
    remedy = "export both at one size"
    if (width, height) == (wanted_height, wanted_width):
        remedy = "one of them is turned (the picture by its EXIF?): save the picture upright, then export both anew"
    return f"{width}x{height} px but its picture is {wanted_width}x{wanted_height} px; {remedy}"


def clean_coverage(coverage: Bytes) -> Bytes:
    """Coverage without haze, compression noise and pieces that are clearly no cloth (mask_pieces.py)."""
    return _cleaned(coverage)[0]


def _cleaned(coverage: Bytes) -> tuple[Bytes, Strays]:
    table = np.arange(256, dtype=np.uint8)
    table[:BLACK], table[WHITE + 1 :] = 0, 255
    cleaned = table[coverage]
    removed = find_strays(cleaned)
    if removed.where is not None:
        cleaned[removed.where] = 0
    return cleaned, removed


def _unshaded(coverage: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """Coverage without a soft shadow, where nearly all marked pixels are white.

    An edge has as many light levels as dark ones, a shadow has dark ones only. A flat level is not surely a shadow: it
    may be sheer cloth.
    """
    counts = level_counts(coverage)
    marked, white = counts[BLACK:].sum(), counts[WHITE + 1 :].sum()
    # Levels just over black are noise of the backdrop.
    dark, light = counts[2 * BLACK : SHADOW + 1], counts[SHADOW + 1 : WHITE + 1]
    if dark.sum() <= max(SOME * marked, DARKER * light.sum()) or white < 0.5 * marked:
        return coverage, ()
    flat = dark[LABELS - 2 * BLACK :]
    if flat.max() > SOME * marked:
        return coverage, (sheer_note(LABELS + int(flat.argmax())),)
    left, pixels = remove_shadow(coverage, SHADOW + 1)
    if pixels <= SOME * marked:
        return coverage, ()
    return left, (
        f"is marked up to level {SHADOW} in {pixels} px away from clear cloth, which were taken for a shadow and left"
        f" out; if they are sheer cloth, give them a level over {SHADOW}",
    )


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


def _is_outline(coverage: Bytes) -> bool:
    """Whether the marked pixels enclose more than twice their own area."""
    step = max(1, int(np.ceil(np.sqrt(coverage.size / LABELLED))))
    marked = coverage[::step, ::step] >= CLEARLY
    filled = np.count_nonzero(ndimage.binary_fill_holes(marked))
    return bool(filled > 3 * np.count_nonzero(marked))


def _doubts(cleaned: Bytes) -> tuple[str, ...]:
    """Notes on masks that may be meant otherwise: a white backdrop, an outline, cloth that is only half marked."""
    notes: list[str] = []
    if white_corners(cleaned):
        notes.append("is white in all four corners: if that is the backdrop, invert it")
    elif white_border(cleaned):
        notes.append("is white along over half of its border: if that is the backdrop, invert it")
    if _is_outline(cleaned):
        notes.append("marks an outline, and what is inside is left as it is: if that is cloth, fill it white")
    marked = np.count_nonzero(cleaned)
    white = np.count_nonzero(cleaned == 255)
    if white < 0.5 * marked:
        notes.append(
            f"is white in only {100 * white // marked} % of what it marks: the rest is painted in part; if that"
            f" is not meant, {REMEDY}"
        )
    return tuple(notes)
