"""From a mask's picture to one level a pixel, and from levels to coverage: what black, white and colours are meant."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from catalogs.errors import MaskError
from catalogs.images.codec import Bytes, Picture, to_8_bit
from catalogs.templates.mask_likeness import SAMPLED, correlation, shared_detail
from catalogs.templates.mask_pieces import CLEARLY, EDGE, LABELLED

BLACK, WHITE = 8, 247
"""Levels under BLACK are haze or compression, and are 0; levels over WHITE are 255."""
FLAT_SHARE = 0.005
"""Share of the mask that a level needs to be a flat area of its own, and no soft edge."""
FLAT_COVER = 0.8
"""Share of the mask that flat levels must cover together to be read as such."""
FEW_LEVELS = 24
"""A mask with more different levels than this is soft or compressed: near levels are one level."""
SMALLEST_LABEL = 16
"""Pixels that a level needs to be a label, where there are few levels."""
NEAR_LEVELS, NEAR_COMPRESSED = 6, 12
"""Levels that are one, where there are few levels and where there are many."""
WIDEST = 32
"""Levels that a flat area may spread over by noise; wider, it is the shading of a photograph."""
LABELS = 40
"""Levels up to this one are numbers of label maps where there are several: no person paints so dark."""
CHROMA = 40
"""Difference of a pixel's largest and smallest channel from which it has a colour; JPEG gives grey up to 30."""
MOSTLY, SOME_OTHER = 0.98, 0.001
"""Share of what is opaque that is white or black in a silhouette; share of the other one from which it is none."""
RING = 0.02
"""Share of the longer side that is the border of a mask where it is asked whether it is inverted."""
ALIKE = 0.97
"""Correlation with its picture's light from which a mask was made of it."""
AROUND = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
REMEDY = "paint the garment white (255) and everything else black (0)"


# From a picture of any kind to one level a pixel


def mask_levels(image: Image.Image, picture: Picture) -> tuple[Bytes, tuple[str, ...]]:
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


def level_counts(levels: Bytes) -> NDArray[np.intp]:
    """How many pixels each of the 256 levels has."""
    # In blocks: numpy counts in numbers of 8 bytes.
    counts = np.zeros(256, np.intp)
    for block in _blocks(levels):
        counts += np.bincount(block.ravel(), minlength=256)
    return counts


def _blocks(pixels: Bytes) -> Iterator[Bytes]:
    """Rows of a picture, as many at once as keep what is counted of them small."""
    rows = max(1, LABELLED // pixels.shape[1])
    for at in range(0, len(pixels), rows):
        yield pixels[at : at + rows]


def _on_grid(pixels: Bytes) -> Bytes:
    """A picture on the coarser grid on which large ones are judged: every so many pixels, as they are."""
    step = max(1, int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / LABELLED))))
    return pixels[::step, ::step]


def _colored_share(rgb: Bytes) -> float:
    colored = sum(int(np.count_nonzero(_chroma(block) > CHROMA)) for block in _blocks(rgb))
    return float(colored / (rgb.shape[0] * rgb.shape[1]))


def _chroma(rgb: Bytes) -> Bytes:
    """Largest less smallest channel; channel by channel, which is ten times as fast as along the last axis."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    largest = np.maximum(np.maximum(red, green), blue)
    difference: Bytes = largest - np.minimum(np.minimum(red, green), blue)
    return difference


def _of_transparent(rgb: Bytes, alpha: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """A silhouette of one level is its alpha, white and black are their level times alpha, a cut-out its alpha."""
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
    for block in _blocks(rgb):
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
    least = max(CHROMA, max(int(_chroma(block).max()) for block in _blocks(rgb)) // 2)
    counts = np.zeros((3, 256), np.intp)
    for block in _blocks(rgb):
        chosen = block[_chroma(block) >= least]
        counts += [np.bincount(chosen[:, channel], minlength=256) for channel in range(3)]
    total = int(counts[0].sum())
    middles = ((total - 1) // 2, total // 2)
    return np.array([np.searchsorted(row.cumsum(), middles, side="right").mean() for row in counts])


def _refuse_the_picture(grey: Bytes, picture: Picture) -> None:
    """MaskError where a mask was made of its picture: it has the picture's detail, or its light and shade.

    The mask of a white garment on black goes up and down with its picture, and that of a black one on white the
    other way round; but these have no detail, little between black and white, and no white corners.
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
    if correlation(mask, light) <= ALIKE or len(_flat_levels(grey)) == 2:
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


def stretch_levels(levels: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """Levels such that the backdrop is 0 and cloth 255, where flat levels say which they are."""
    flats = _flat_levels(levels)
    if len(flats) < 2:
        return levels, ()
    backdrop, *marks = flats
    if len(marks) > 1:
        _refuse_labels(flats)
        return levels, (sheer_note(flats[1]),)
    (mark,) = marks
    if backdrop < BLACK and mark > WHITE:
        return levels, ()
    if backdrop > 64:
        raise MaskError(f"the mask has no black (its backdrop is {backdrop} of 255); {REMEDY}")
    wide = (np.arange(256, dtype=np.float32) - backdrop) * (255 / (mark - backdrop))
    return np.rint(wide.clip(0, 255)).astype(np.uint8)[levels], (
        f"has the levels {backdrop} and {mark} instead of 0 and 255: they were taken for backdrop and cloth",
    )


def sheer_note(level: int) -> str:
    """What to say of a flat level that may be sheer cloth."""
    return (
        f"has a flat level {level}: it was taken for sheer cloth and is painted in part; if it is cloth paint it white,"
        " if it is a shadow or an unsure edge black"
    )


def _flat_levels(levels: Bytes) -> list[int]:
    """Levels of flat areas, ascending, if these cover nearly all of the mask; else none.

    Near levels are one, the one that covers most: unless the mask has few levels and each lies in areas of its
    own, as those of label maps do. Bands between a darker and a lighter level are soft edges.
    """
    counts = level_counts(levels)
    flats = np.flatnonzero(counts >= FLAT_SHARE * levels.size)
    if counts[flats].sum() < FLAT_COVER * levels.size:
        return []
    if np.count_nonzero(counts) <= FEW_LEVELS:
        return _labels(levels, counts)
    groups = _groups(flats, NEAR_COMPRESSED)
    if any(np.ptp(group) > WIDEST for group in groups):
        return []
    groups.sort(key=lambda group: -int(counts[group].sum()))
    found = [int(group[counts[group].argmax()]) for group in groups]
    areas = [level for level in found[2:] if _is_area(levels, level)]
    return sorted([*found[:2], *areas])


def _groups(flats: NDArray[np.intp], near: int) -> list[NDArray[np.intp]]:
    return list(np.split(flats, np.flatnonzero(np.diff(flats) > near) + 1))


def _labels(levels: Bytes, counts: NDArray[np.intp]) -> list[int]:
    """Flat levels where there are few: those that lie in areas, however small, and no bands of soft edges."""
    candidates = np.flatnonzero(counts >= SMALLEST_LABEL)
    found: list[int] = []
    for group in _groups(candidates, NEAR_LEVELS):
        if counts[group].sum() < FLAT_SHARE * levels.size and not any(
            _compact(levels, level, counts[level]) for level in group
        ):
            continue
        apart = [int(level) for level in group if _compact(levels, level, counts[level])]
        found += apart or [int(group[counts[group].argmax()])]
    largest = sorted(found, key=lambda level: -counts[level])[:2]
    return [level for level in found if level in largest or not _is_band(levels, level, counts)]


def _is_area(levels: Bytes, level: int) -> bool:
    """Whether a level, with what is near to it, lies in areas that are wider than a soft edge."""
    near = np.abs(_on_grid(levels).astype(np.int16) - level) <= NEAR_LEVELS
    return _wide_share(near) > 0.3


def _wide_share(where: NDArray[np.bool_]) -> float:
    """Share of what is marked that is left once as much as a soft edge is taken off all round."""
    side = 2 * max(2, int(max(where.shape) * EDGE / 2)) + 1
    inner = ndimage.minimum_filter1d(ndimage.minimum_filter1d(where.view(np.uint8), side, 0), side, 1)
    return float(np.mean(inner[where])) if where.any() else 0.0


def _is_band(levels: Bytes, level: int, counts: NDArray[np.intp]) -> bool:
    """Whether a level lies narrow between darker and lighter ones, as the steps of an edge do."""
    if (
        not counts[:level].any()
        or not counts[level + 1 :].any()
        or _wide_share(_on_grid(levels) == level) > 0.3
    ):
        return False
    around = _around(levels, level, counts[level])
    other = int(np.count_nonzero((around != level) & (around >= 0)))
    darker = int(np.count_nonzero((around < level) & (around >= 0)))
    return bool(min(darker, int(np.count_nonzero(around > level))) > 0.2 * max(1, other))


def _refuse_labels(flats: list[int]) -> None:
    """MaskError where three or more flat levels are labels; not where one of three is sheer cloth."""
    if len(flats) == 3 and flats[0] < BLACK and flats[1] > LABELS and flats[2] > WHITE:
        return
    shown = ", ".join(map(str, flats[:8])) + (", ..." if len(flats) > 8 else "")
    raise MaskError(
        f"the mask has {len(flats)} flat levels ({shown}), as label maps have, and does not say which is cloth;"
        f" {REMEDY} (a number for each part belongs into the column 'parts')"
    )


def _compact(levels: Bytes, level: int, count: int) -> bool:
    """Whether pixels of a level lie in areas, and are not strewn as noise is."""
    inner = (_around(levels, level, count) == level).all(0)
    return bool(np.count_nonzero(inner) > 0.3 * len(inner))


def _around(levels: Bytes, level: int, count: int) -> NDArray[np.int16]:
    """8 x N: what lies around pixels of a level, at most some SAMPLED of these; -1 is outside."""
    step = max(1, int(np.sqrt(count / SAMPLED)))
    rows, columns = (at * step for at in np.nonzero(levels[::step, ::step] == level))
    height, width = levels.shape
    found = np.empty((8, len(rows)), np.int16)
    for n, (down, across) in enumerate(AROUND):
        row, column = rows + down, columns + across
        outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
        found[n] = np.where(outside, -1, levels[row.clip(0, height - 1), column.clip(0, width - 1)])
    return found
