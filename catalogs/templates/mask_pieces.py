"""Marked pieces of a mask that are no cloth: frames, specks, marks, dust, soft shadows.

A mask is drawn in programs that add crop marks and edge lines, and made by scans and matting that add dust and
shadows. Pieces that clearly do not belong to the garment are left out, with a note. A strap or a drawstring hangs
on the garment, or lies near to it: it stays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Bytes = NDArray[np.uint8]
Marks = NDArray[np.bool_]
Spread = Callable[[Marks], Marks]
"""From chosen pieces to the pixels that they cover."""

CLEARLY = 128
"""Level from which a pixel is clearly cloth."""
SPECK, DUST, BODY = 0.0002, 0.001, 0.02
"""Shares of the largest piece of cloth: under the first a piece is a speck, under the second it is dust where it
lies apart, from the third it is a garment's part."""
OTHER = 0.15
"""Share of the largest piece under which a part that lies far from the cloth may be another object: of a real set of
top and trousers the top has 0.2."""
LINE = 1 / 250
"""Share of the longer side up to which a piece is a line, and no cloth if it is far."""
CLOSE, NEAR, FAR = 0.01, 0.02, 0.04
"""Shares of the longer side: how far from the cloth lines at the border, dust and other lines are no part of it."""
MARGIN = 0.08
"""Share of the longer side that is the picture's margin, where printers' marks are: lines there count from NEAR."""
FRAME, FULL = 1 / 200, 0.9
"""Share of the longer side up to which a line along the whole border is a frame's; share of it that is white."""
LABELLED = 1_000_000
"""Pixels of the grid on which pieces are counted, at most."""
EDGE = 1 / 100
"""Share of the longer side up to which a soft edge is wide."""


@dataclass(frozen=True)
class Strays:
    """Pieces that are no cloth, H x W where they are (None = nowhere), and notes on pieces."""

    where: Marks | None = None
    notes: tuple[str, ...] = ()


def remove_frame(levels: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """Levels without thin white lines along whole sides of the picture; cloth that runs out of it stays."""
    cleaned = levels
    for turns in range(4):
        depth = _frame_depth(np.rot90(cleaned, turns))
        if depth:
            cleaned = cleaned.copy() if cleaned is levels else cleaned
            # One line more, which compression has smeared.
            side = np.rot90(cleaned, turns)
            side[: depth + 1] = side[depth + 1]
    if cleaned is levels:
        return levels, ()
    return cleaned, (
        "has a white line along the border of the picture, as frames and scans have: it was left out; if that is"
        " cloth, paint it wider",
    )


def _frame_depth(view: Bytes) -> int:
    """How many of the uppermost rows are a line of their own; 0 where none is."""
    deepest = max(4, int(max(view.shape) * FRAME))
    shares = np.count_nonzero(view[: deepest + 2] >= CLEARLY, axis=1) / view.shape[1]
    depth = int(np.argmin(shares >= FULL))
    return depth if 0 < depth <= deepest and shares[depth] < 0.7 * FULL else 0


def find_strays(coverage: Bytes) -> Strays:
    """Pieces that are no cloth, and those that may be none. Large masks are looked at on a coarser grid."""
    step = max(1, int(np.ceil(np.sqrt(coverage.size / LABELLED))))
    rows, columns = (range(0, side, step) for side in coverage.shape)
    coarse = np.maximum.reduceat(np.maximum.reduceat(coverage, rows, 0), columns, 1)
    pieces, count = ndimage.label(coarse, np.ones((3, 3)))
    if count < 2:
        return Strays()
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    specks = (sizes > 0) & (sizes < SPECK * sizes.max())
    others = (sizes > 0) & ~specks & (sizes < BODY * sizes.max())
    marks, doubtful = _marks(pieces, sizes, others)

    def spread(chosen: Marks) -> Marks:
        """The pixels of the chosen pieces, in the mask's size."""
        where: Marks = chosen[pieces].repeat(step, 0).repeat(step, 1)
        return where[: coverage.shape[0], : coverage.shape[1]]

    # Pieces without a clear pixel are a compression's ringing, which needs no note.
    clear = _numbers(pieces[coarse >= CLEARLY], len(sizes))
    notes = _notes(coverage, spread, specks, marks & clear, doubtful & clear)
    out = specks | marks
    return Strays(spread(out) if out.any() else None, notes)


def _marks(pieces: NDArray[np.int32], sizes: NDArray[np.int64], others: Marks) -> tuple[Marks, Marks]:
    """Which of the `others` are clearly no cloth, and which may be none; by number of piece."""
    longer = max(pieces.shape)
    body = (sizes >= BODY * sizes.max())[pieces].astype(np.uint8)
    main = (sizes >= OTHER * sizes.max())[pieces].astype(np.uint8)

    def touched(share: float, by: Bytes = body) -> Marks:
        """The pieces within a distance of the cloth, given as a share of the longer side."""
        reach = _dilated(by, 2 * max(1, round(share * longer)) + 1) > 0
        return _numbers(pieces[reach], len(sizes))

    near, far = touched(NEAR), touched(FAR)
    line = max(2, round(longer * LINE))
    marked = (pieces > 0).astype(np.uint8)
    thick = ndimage.minimum_filter(marked, line + 1, mode="constant") > 0
    thin = ~_numbers(pieces[thick], len(sizes))
    edge, margin = (_at_border(pieces, max(3, round(longer * share))) for share in (CLOSE, MARGIN))
    dust = (sizes < DUST * sizes.max()) & ~near
    marks: Marks = others & (dust | (thin & ~far) | (thin & margin & ~near) | (thin & edge & ~touched(CLOSE)))
    objects = (sizes >= BODY * sizes.max()) & ~touched(FAR, main)
    return marks, (others & ~marks & ~far) | objects


def _dilated(levels: Bytes, side: int) -> Bytes:
    widened: Bytes = ndimage.maximum_filter1d(ndimage.maximum_filter1d(levels, side, 0), side, 1)
    return widened


def _numbers(pieces: NDArray[np.int32], count: int) -> Marks:
    """Which numbers occur."""
    occurs: Marks = np.bincount(pieces.ravel(), minlength=count) > 0
    return occurs


def _at_border(pieces: NDArray[np.int32], margin: int) -> Marks:
    """Which pieces lie wholly along one border of the picture."""
    height, width = pieces.shape
    at_border = [False]
    for down, across in ndimage.find_objects(pieces):
        at_border.append(
            down.stop <= margin
            or across.stop <= margin
            or down.start >= height - margin
            or across.start >= width - margin
        )
    return np.array(at_border)


def _notes(coverage: Bytes, spread: Spread, specks: Marks, marks: Marks, doubtful: Marks) -> tuple[str, ...]:
    notes: list[str] = []
    if specks.any() and (lost := np.count_nonzero((coverage >= CLEARLY) & spread(specks))):
        notes.append(f"has specks away from the cloth ({lost} px in all): they were left out")
    if marks.any():
        what = _count(coverage, spread(marks), marks)
        notes.append(
            f"has lines, marks or dust away from the cloth ({what}): they were left out; if that is cloth, join it to"
            " the garment or paint it wider"
        )
    if doubtful.any():
        what = _count(coverage, spread(doubtful), doubtful)
        notes.append(
            f"has small pieces away from the cloth ({what}): they are painted; if they are no cloth, paint them black"
        )
    return tuple(notes)


def _count(coverage: Bytes, where: Marks, chosen: Marks) -> str:
    """How many pieces, of how many pixels, and where the first is."""
    row, column = np.unravel_index(int(where.argmax()), where.shape)
    pixels = np.count_nonzero(where & (coverage > 0))
    return f"{np.count_nonzero(chosen)} of {pixels} px in all, the uppermost at column {column}, row {row}"


def remove_shadow(levels: Bytes, opaque: int) -> tuple[Bytes, int]:
    """Levels without pixels under `opaque` that lie away from opaque cloth, as a soft shadow does; and their number.

    Cloth that is sheer all over has no opaque part: so the caller says by `opaque` which levels are opaque.
    """
    marked = (levels >= opaque).astype(np.uint8)
    near = _dilated(marked, 2 * max(6, int(max(levels.shape) * EDGE)) + 1)
    away = (levels > 0) & (near == 0)
    return np.where(away, 0, levels).astype(np.uint8), int(np.count_nonzero(away))
