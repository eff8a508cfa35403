"""Masks that lie otherwise than their picture: drawn on the picture as it is stored, before its EXIF turns it.

A quarter turn shows in the size. Half turns, mirrors and square pictures show in the edges, where these are clear.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from catalogs.images.codec import Bytes, Picture
from catalogs.images.exif_tags import TURNS
from catalogs.templates.mask_likeness import edge_fit, mask_edges, picture_edges, slope_fit

CLEARER, CLEAR = 1.4, 2.0
"""How many times better the edges must fit for a mask to be turned, and how well.

Of 46 real garments none fits so turned by half or mirrored; two white ones on pale ground fit no way.
"""
NAMES = {
    1: "not at all",
    2: "by mirroring it left to right",
    3: "by 180 degrees",
    4: "by mirroring it top to bottom",
    5: "by mirroring it along its diagonal",
    6: "by 90 degrees to the right",
    7: "by mirroring it along its other diagonal",
    8: "by 90 degrees to the left",
}
INVERSE = {6: 8, 8: 6}
"""Which orientation undoes another; the others undo themselves."""
REMEDY = "save the picture upright, without EXIF's turn, and export both anew"


@dataclass(frozen=True)
class PlacedMask:
    """A mask as it lies on its picture, and notes on how it lies."""

    image: Image.Image
    notes: tuple[str, ...] = ()


def place_mask(mask: Image.Image, orientation: int, picture: Picture) -> PlacedMask:
    """A mask as it lies on its picture.

    `mask` is turned as its own EXIF says, which is `orientation`. Where the picture's EXIF says the same, the mask lies
    right.
    """
    if orientation == picture.orientation:
        return PlacedMask(mask)
    size = picture.size[::-1]
    alternative = _turned(_turned(mask, INVERSE.get(orientation, orientation)), picture.orientation)
    if alternative.size != size:
        return PlacedMask(mask, (_unturned_remark(orientation, picture),) if mask.size == size else ())
    if mask.size != size:
        return PlacedMask(alternative, (_turned_remark(orientation, picture, "its size says so"),))
    here, fit_turned = (edge_fit(_outline(outline), picture.rgb) for outline in (mask, alternative))
    if fit_turned > max(CLEAR, CLEARER * here):
        return PlacedMask(
            alternative, (_turned_remark(orientation, picture, "its edges fit so, and not otherwise"),)
        )
    return PlacedMask(mask, (_unturned_remark(orientation, picture),))


def turn_notes(coverage: Bytes, picture: Picture) -> tuple[str, ...]:
    """A note on a mask whose edges fit its picture's clearly better mirrored or turned; nothing where they do not."""
    slopes, edges = picture_edges(picture.rgb), mask_edges(coverage)
    as_image = Image.fromarray(edges)
    turned = {number: np.asarray(as_image.transpose(turn)) for number, turn in TURNS.items()}
    fits = {
        number: slope_fit(turned_edges, slopes)
        for number, turned_edges in turned.items()
        if turned_edges.shape == slopes.shape
    }
    best = max(fits, key=lambda number: fits[number])
    as_it_is = slope_fit(edges, slopes)
    if fits[best] <= max(CLEAR, CLEARER * as_it_is):
        return ()
    return (
        f"lies otherwise than its picture: its edges fit the picture's {fits[best]:.1f} times as well as chance if it is"
        f" turned {NAMES[best]}, and {as_it_is:.1f} times as it is; look at both, and if so export it anew",
    )


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _turned_remark(orientation: int, picture: Picture, why: str) -> str:
    if picture.orientation == 1:
        return (
            f"says by its EXIF to turn it {NAMES[orientation]}, and the picture does not: it was not turned, as"
            f" {why}; if that is not meant, save the mask without EXIF's turn"
        )
    return (
        f"was drawn on the picture as it is stored, before EXIF turns that {NAMES[picture.orientation]}: it was"
        f" turned likewise, as {why}; if that is not meant, {REMEDY}"
    )


def _unturned_remark(orientation: int, picture: Picture) -> str:
    if picture.orientation == 1:
        return (
            f"says by its EXIF to turn it {NAMES[orientation]}, and the picture does not: it was turned; if it lies"
            " wrong, save the mask without EXIF's turn"
        )
    return (
        f"lies over a picture that its EXIF turns {NAMES[picture.orientation]}, and was not turned likewise: look"
        f" whether it lies right; if not, {REMEDY}"
    )


def _outline(image: Image.Image) -> Bytes:
    """A rough outline of the marked area: alpha where it marks anything, else the light."""
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < 128:
            return alpha
    levels = np.asarray(image)
    if levels.ndim == 2 and levels.dtype != np.uint8 and levels.max() > 0:
        spread: Bytes = (levels.astype(np.float32) * (255 / levels.max())).astype(np.uint8)
        return spread
    return np.asarray(image.convert("RGB").convert("L"))
