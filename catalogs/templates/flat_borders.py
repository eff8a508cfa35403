"""Flat borders of a style's picture: page margins, passe-partouts, caption strips and other bands of one colour.

A style is painted as it is, so a border would appear on cloth as if it were a motif. The limits were set on drawn
pictures and on 50 real styles; a border becomes a note, and no style is refused for it.

All lengths in this module count lines or pixels of the reduced picture, but for those of FlatBorder.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from catalogs.images.codec import Picture

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

REDUCED, SHORTEST = 512, 24
"""Pixels of the longer side at which a picture is looked at, and of the shorter side under which it has no border."""
GRAIN, NEAR, WHOLE = 4, 16.0, 0.97
"""Pixels along a line that are averaged against grain, levels within one colour, share of a flat line without dust."""
LEAST, MOST = 0.015, 0.4
"""Share of the picture's height or width that a border takes."""
STRAIGHT, EDGE_LINES = 0.7, 0.01
"""Share of a line that leaves the colour at a straight edge, and share of the height or width in which it does so."""
CAPTION = 0.15
"""Share of the height or width that a caption and the ground behind it take."""
WIDER, RECURRING = 1.25, 0.6
"""Times a margin is wider than gaps between motifs; share of a band's depth as which its colour comes again."""
MOST_UNIFORM = 0.95
"""Share of the lines inside that have one colour each, in a picture that is no gradient and no stripes."""
MOTIF, BUSY = 40.0, 10.0
"""Levels by which a motif stands out from its ground, and least spread in levels of what a border surrounds."""
SIDES = ("top", "right", "bottom", "left")


@dataclass(frozen=True)
class FlatBorder:
    """The border of a picture: its depth in pixels of the picture on each side that has one, and the picture's size.

    `depths` are by the names in SIDES, in their order; `size` is height and width in pixels.
    """

    depths: dict[str, int]
    size: tuple[int, int]

    @property
    def crop(self) -> tuple[int, int, int, int]:
        """What remains without the border: left, top, width and height in pixels."""
        top, right, bottom, left = (self.depths.get(side, 0) for side in SIDES)
        return left, top, self.size[1] - left - right, self.size[0] - top - bottom

    @property
    def note(self) -> str:
        """The note on the border: its sides, why it harms, and the crop that removes it."""
        left, top, width, height = self.crop
        sides = ", ".join(
            f"{depth} px ({100 * depth / self.size[index % 2]:.1f} %) at the {side}"
            for index, side in enumerate(SIDES)
            if (depth := self.depths.get(side))
        )
        return (
            f"the picture has a flat border ({sides}), which would be painted as if it were a motif: crop the picture"
            f" to {width} x {height} px from left {left}, top {top}"
        )


def flat_border(picture: Picture) -> FlatBorder | None:
    """Return the flat border of a style's picture; None where it has none.

    A border is a band of nearly one colour along a side, at least LEAST of the height or width deep. It ends at a
    straight edge, or it is clearly wider than the gaps between the motifs inside. Bands inside each other are one
    border. A pattern of stripes, a plain picture, and motifs on a ground that reaches the edges have no border.
    Transparent pixels count as white, as a run paints them.
    """
    factor = -(-max(picture.size) // REDUCED)
    pixels = _reduce(picture, factor)
    if min(pixels.shape[:2]) < SHORTEST:
        return None
    depths = {}
    for side, lines in zip(SIDES, _BorderSearch(pixels).depths(), strict=True):
        if lines:
            # A line of the reduced picture that is partly border is not flat, so it follows the flat ones.
            depths[side] = lines * factor + (factor if factor > 1 else 0)
    return FlatBorder(depths, picture.size) if depths else None


def _reduce(picture: Picture, factor: int) -> Floats:
    """The picture over white at 1/factor of its size, as H x W x 3 levels of 0 to 255."""
    rgb = np.asarray(Image.fromarray(picture.rgb).reduce(factor), np.float32)
    if picture.alpha is None:
        return rgb
    alpha = np.asarray(Image.fromarray(picture.alpha).reduce(factor), np.float32)[..., None] / 255
    return (rgb * alpha + 255 * (1 - alpha)).astype(np.float32)


class _BorderSearch:
    """The search for the border of one reduced picture. Sides are counted 0 to 3, in the order of SIDES."""

    def __init__(self, pixels: Floats) -> None:
        """Begin with the whole picture inside; `pixels` is H x W x 3 levels."""
        self._pixels = pixels
        self._outer = [0, 0, 0, 0]
        self._colors: list[Floats] = [pixels[0, 0]] * 4
        self._straight = [False] * 4

    def depths(self) -> list[int]:
        """Depths of the border in lines, for each side."""
        self._take_outer_bands()
        if not any(self._outer):
            return self._outer
        self._take_captions()
        self._straight = [self._outer[side] > 0 and self._is_straight(side) for side in range(4)]
        flags = [self._is_border(side) for side in range(4)]
        flags = [flags[side] or self._is_of_page(side, flags) for side in range(4)]
        nested = self._nested_bands([side for side in range(4) if flags[side]])
        return [
            outer + inner if flag else 0
            for outer, inner, flag in zip(self._outer, nested, flags, strict=True)
        ]

    def _inside(self, side: int) -> Floats:
        """What the bands surround, turned so that this side is at the top."""
        height, width = self._pixels.shape[:2]
        top, right, bottom, left = self._outer
        return np.rot90(self._pixels[top : height - bottom, left : width - right], side)

    def _length(self, side: int) -> int:
        """The picture's height or width, across the lines of a side."""
        return int(self._pixels.shape[side % 2])

    def _edge_lines(self, side: int) -> int:
        """Lines in which a straight edge ends."""
        return max(3, round(EDGE_LINES * self._length(side)))

    def _take_outer_bands(self) -> None:
        """Take the band at each side; twice, as a band of another colour at a neighbour may hide the first."""
        for _ in range(2):
            depths = [0 if self._outer[side] else self._band(side) for side in range(4)]
            for side, depth in enumerate(depths):
                if depth:
                    self._colors[side] = _line_color(self._inside(side))
            self._outer = [outer + depth for outer, depth in zip(self._outer, depths, strict=True)]

    def _band(self, side: int) -> int:
        """Depth of the flat band at a side of what is inside; 0 where it is too deep for a border."""
        lines = self._inside(side)
        depth = _flat_depth(lines, _line_color(lines))
        return depth if depth <= MOST * self._length(side) else 0

    def _take_captions(self) -> None:
        """Add a caption with the ground around it to the band that it lies in."""
        for side in range(4):
            if self._outer[side] and not self._is_straight(side):
                self._outer[side] += self._caption(side)

    def _caption(self, side: int) -> int:
        """Lines of a caption and its ground, up to the straight edge behind it; 0 where there is none."""
        most = int(CAPTION * self._length(side))
        lines = self._inside(side)[: most + self._edge_lines(side)]
        shares = _color_shares(lines, self._colors[side])
        end = int(np.argmin(shares > 1 - STRAIGHT))
        if not end or shares[end] > 1 - STRAIGHT:
            return 0
        flat = np.flatnonzero(_smooth_shares(lines[:end], self._colors[side]) >= WHOLE)
        depth = int(flat[-1]) + 1 if len(flat) else 0
        return depth if end - depth < self._edge_lines(side) else 0

    def _is_straight(self, side: int) -> bool:
        """Whether most of the lines' pixels leave the colour of the band's last line at once; a sky does so slowly."""
        last = np.rot90(self._pixels, side)[self._outer[side] - 1 :]
        return _leaves(self._inside(side)[: self._edge_lines(side)], _line_color(last))

    def _is_border(self, side: int) -> bool:
        """Whether the band of a side is deep enough, surrounds something, and is no part of the pattern."""
        depth = self._outer[side]
        if not self._is_deep(side) or not self._is_busy(side):
            return False
        lines, color = self._inside(side), self._colors[side]
        if self._straight[side]:
            return _longest_run(_smooth_shares(lines, color) >= WHOLE) < RECURRING * depth
        motifs = np.abs(_average_along(lines[: self._edge_lines(side)]) - color).max() > MOTIF
        return bool(motifs) and depth > WIDER * _widest_gap(lines, color)

    def _is_deep(self, side: int) -> bool:
        """Whether the band of a side is deep enough for a border."""
        return self._outer[side] >= max(2, LEAST * self._length(side))

    def _is_busy(self, side: int) -> bool:
        """Whether what is inside is no plain colour, no gradient, and no pattern of stripes along the side.

        Stripes inside a border on all sides are a pattern on a page.
        """
        if self._inside(0)[::2, ::2].std((0, 1)).max() < BUSY:
            return False
        axes = (side, side + 1) if all(self._outer) else (side,)
        return any(_uniform_share(self._inside(axis % 4)) < MOST_UNIFORM for axis in axes)

    def _is_of_page(self, side: int, flags: list[bool]) -> bool:
        """Whether the straight borders at both neighbours of a side show that its band is of the same page.

        What lies inside may have the page's colour at one side, as a print on white ground on a white page.
        """
        neighbours = [(side + 1) % 4, (side + 3) % 4]
        near = all(np.abs(self._colors[other] - self._colors[side]).max() <= NEAR for other in neighbours)
        return (
            near
            and self._is_deep(side)
            and all(flags[other] and self._straight[other] for other in neighbours)
        )

    def _nested_bands(self, sides: list[int]) -> list[int]:
        """Depths of bands inside the outer ones, as lines and passe-partouts: on all sides with a border, or on none.

        A band on some of these sides only is a part of the pattern.
        """
        depths = [self._nested_depth(side) if side in sides else 0 for side in range(4)]
        whole = len(sides) >= 2 and all(depths[side] for side in sides)
        return depths if whole else [0, 0, 0, 0]

    def _nested_depth(self, side: int) -> int:
        """Depth of all bands inside the outer one, up to the last straight edge.

        The ends of the lines are left out, as there the bands of the neighbours are.
        """
        lines = self._inside(side)[: int(MOST * self._length(side)) - self._outer[side]]
        lines = lines[:, lines.shape[1] // 6 : -lines.shape[1] // 6]
        edge, depth, end = self._edge_lines(side), 0, 0
        while run := _next_band(lines, end, edge):
            start, end = run
            if _leaves(lines[end : end + edge], _line_color(lines[start:])):
                depth = end
        return depth


def _average_along(lines: Floats) -> Floats:
    """Lines whose neighbouring pixels are averaged by GRAIN."""
    count, length = lines.shape[:2]
    whole = lines[:, : length // GRAIN * GRAIN]
    return np.asarray(whole.reshape(count, -1, GRAIN, 3).mean(2), np.float32)


def _line_color(lines: Floats) -> Floats:
    """The colour of the first line."""
    return np.asarray(np.median(lines[0], axis=0), np.float32)


def _color_shares(lines: Floats, color: Floats) -> Floats:
    """Share of each line's pixels that have a colour."""
    return np.asarray(np.mean(np.abs(lines - color).max(-1) <= NEAR, axis=1), np.float32)


def _smooth_shares(lines: Floats, color: Floats) -> Floats:
    """Share of each line that has a colour, whatever the grain."""
    return _color_shares(_average_along(lines), color)


def _leaves(edge: Floats, color: Floats) -> bool:
    """Whether most pixels of one of these lines have left a colour."""
    return bool(len(edge)) and bool(_color_shares(edge, color).min() <= 1 - STRAIGHT)


def _flat_depth(lines: Floats, color: Floats) -> int:
    """Lines at the top that have a colour as a whole."""
    if _smooth_shares(lines[:1], color)[0] < WHOLE:
        return 0
    flat = _smooth_shares(lines, color) >= WHOLE
    return len(flat) if flat.all() else int(np.argmin(flat))


def _next_band(lines: Floats, after: int, edge: int) -> tuple[int, int] | None:
    """Start and end of the next flat band that begins at most an edge's lines after a line; None where there is none."""
    for start in range(after, min(after + edge, len(lines))):
        depth = _flat_depth(lines[start:], _line_color(lines[start:]))
        if depth:
            return start, start + depth
    return None


def _uniform_share(lines: Floats) -> float:
    """Share of the lines that have one colour each, whatever it is."""
    blocks = _average_along(lines)
    off = np.abs(blocks - np.median(blocks, axis=1, keepdims=True)).max(-1)
    return float(np.mean(np.mean(off <= NEAR, axis=1) >= WHOLE))


def _longest_run(flags: Flags) -> int:
    """Length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _widest_gap(inside: Floats, color: Floats) -> float:
    """Diameter of the largest empty circle of the ground's colour between motifs; what is outside is no gap."""
    ground = np.abs(inside - color).max(-1) <= NEAR
    distances = ndimage.distance_transform_edt(np.pad(ground, 1))
    return 2 * float(distances.max()) - 1
