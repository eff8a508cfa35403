"""Flat levels of a mask: which are backdrop, cloth or labels, and masks stretched to backdrop 0 and cloth 255."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalogs.errors import MaskError
from catalogs.images.codec import Bytes
from catalogs.templates.mask_likeness import SAMPLED
from catalogs.templates.mask_pieces import EDGE, LABELLED

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
AROUND = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
REMEDY = "paint the garment white (255) and everything else black (0)"


def level_counts(levels: Bytes) -> NDArray[np.intp]:
    """How many pixels each of the 256 levels has."""
    # In blocks: numpy converts to numbers of 8 bytes to count.
    counts = np.zeros(256, np.intp)
    for block in row_blocks(levels):
        counts += np.bincount(block.ravel(), minlength=256)
    return counts


def row_blocks(pixels: Bytes) -> Iterator[Bytes]:
    """Blocks of rows of a picture, so large that counting their pixels needs little memory."""
    rows = max(1, LABELLED // pixels.shape[1])
    for at in range(0, len(pixels), rows):
        yield pixels[at : at + rows]


def _on_grid(pixels: Bytes) -> Bytes:
    """A picture on the coarser grid on which large ones are judged: every so many pixels, as they are."""
    step = max(1, int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / LABELLED))))
    return pixels[::step, ::step]


def stretch_levels(levels: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """Levels from backdrop 0 to cloth 255, where flat levels say which they are; and notes on what was changed.

    Raises MaskError for a mask without black, and for a label map.
    """
    flats = flat_levels(levels)
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
    """The note on a flat level that may be sheer cloth."""
    return (
        f"has a flat level {level}: it was taken for sheer cloth and is painted in part; if it is cloth paint it white,"
        " if it is a shadow or an unsure edge black"
    )


def flat_levels(levels: Bytes) -> list[int]:
    """Levels of flat areas, ascending, if these cover nearly all of the mask; else none.

    Near levels count as one, the one that covers most: unless the mask has few levels and each lies in areas of its
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
    peaks = [int(group[counts[group].argmax()]) for group in groups]
    areas = [level for level in peaks[2:] if _is_area(levels, level)]
    return sorted([*peaks[:2], *areas])


def _groups(flats: NDArray[np.intp], near: int) -> list[NDArray[np.intp]]:
    return list(np.split(flats, np.flatnonzero(np.diff(flats) > near) + 1))


def _labels(levels: Bytes, counts: NDArray[np.intp]) -> list[int]:
    """Flat levels where there are few: those that lie in areas, however small, and no bands of soft edges."""
    candidates = np.flatnonzero(counts >= SMALLEST_LABEL)
    labels: list[int] = []
    for group in _groups(candidates, NEAR_LEVELS):
        if counts[group].sum() < FLAT_SHARE * levels.size and not any(
            _compact(levels, level, counts[level]) for level in group
        ):
            continue
        apart = [int(level) for level in group if _compact(levels, level, counts[level])]
        labels += apart or [int(group[counts[group].argmax()])]
    largest = sorted(labels, key=lambda level: -counts[level])[:2]
    return [level for level in labels if level in largest or not _is_band(levels, level, counts)]


def _is_area(levels: Bytes, level: int) -> bool:
    """Whether a level, with what is near to it, lies in areas that are wider than a soft edge."""
    near = np.abs(_on_grid(levels).astype(np.int16) - level) <= NEAR_LEVELS
    return _wide_share(near) > 0.3


def _wide_share(where: NDArray[np.bool_]) -> float:
    """Share of the marked pixels that is left after as much as a soft edge is removed all round."""
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
    """8 x N: the levels around pixels of a level, at most some SAMPLED of these; -1 is outside."""
    step = max(1, int(np.sqrt(count / SAMPLED)))
    rows, columns = (at * step for at in np.nonzero(levels[::step, ::step] == level))
    height, width = levels.shape
    neighbours = np.empty((8, len(rows)), np.int16)
    for n, (down, across) in enumerate(AROUND):
        row, column = rows + down, columns + across
        outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
        neighbours[n] = np.where(outside, -1, levels[row.clip(0, height - 1), column.clip(0, width - 1)])
    return neighbours
