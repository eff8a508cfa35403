"""Colours of designs as arrays: the family of the largest one, and all of them as places in a palette."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from catalogs.browser.search.facets import (
    Codes,
    Facet,
    build_facet,
)
from catalogs.browser.search.query import SWATCH
from catalogs.designs.appearance import (
    MOST_COLORS,
    color_family,
    to_labs,
)

HASH = re.compile(r"[0-9a-f]{16}")
NEAR = 8
"""Bits of 64 in which the pattern hashes of near-duplicates on one garment differ at most."""


def family_facet(colors: pa.ChunkedArray) -> Facet:
    """The family of each design's largest colour; empty where none is known."""
    first = build_facet(
        pa.chunked_array(
            [
                pa.array(
                    [next(_usable_colors(design_colors), "") for design_colors in colors.to_pylist()],
                    pa.string(),
                )
            ]
        )
    )
    names = [color_family(color) if color else "" for color in first.labels]
    labels = tuple(dict.fromkeys(names))
    place = np.array([labels.index(name) for name in names], np.int32)
    return Facet(place[first.codes] if len(place) else first.codes, labels)


def _usable_colors(colors: Sequence[str] | None) -> Iterator[str]:
    """The colours that are spelled as `#rrggbb`: another program may have written the table."""
    return (color for color in colors or () if SWATCH.fullmatch(color or ""))


def build_palette(colors: pa.ChunkedArray) -> tuple[NDArray[np.float64], Codes]:
    """Every colour of the table in L*a*b*, and the places of each design's colours in it, N x MOST_COLORS (-1: none)."""
    known: dict[str, int] = {}
    places = np.full((len(colors), MOST_COLORS), -1, np.int32)
    for row, design_colors in enumerate(colors.to_pylist()):
        for n, color in enumerate(islice(_usable_colors(design_colors), MOST_COLORS)):
            places[row, n] = known.setdefault(color, len(known))
    return to_labs(list(known)), places
