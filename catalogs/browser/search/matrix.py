"""A result as a matrix: garments down, styles across."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from catalogs.browser.search.facets import Count, Rows
from catalogs.browser.search.index import Index
from catalogs.browser.search.text_columns import sort_key
from catalogs.errors import QueryError

MOST_CELLS = 20_000


@dataclass(frozen=True)
class Matrix:
    """Garments by styles of a result; `cells` maps (garment, style) to the first row and the number of designs."""

    garments: tuple[Count, ...]
    styles: tuple[Count, ...]
    cells: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


def matrix(index: Index, rows: Rows) -> Matrix:
    """A result as a matrix, garments down and styles across, sorted by title.

    Raises QueryError where the matrix has more than MOST_CELLS cells.
    """
    garments, styles = (_axis(index, rows, name) for name in ("garment", "style"))
    if len(garments) * len(styles) > MOST_CELLS:
        raise QueryError(
            f"{len(garments)} garments by {len(styles)} styles are more than a matrix shows: choose a style set or a"
            " category."
        )
    down, across = ({count.value: n for n, count in enumerate(axis)} for axis in (garments, styles))
    cells: dict[tuple[int, int], tuple[int, int]] = {}
    garment, style = index.facets["garment"], index.facets["style"]
    for row in rows:
        at = down[garment.labels[garment.codes[row]]], across[style.labels[style.codes[row]]]
        first, count = cells.get(at, (int(row), 0))
        cells[at] = first, count + 1
    return Matrix(garments, styles, cells)


def _axis(index: Index, rows: Rows, name: str) -> tuple[Count, ...]:
    facet, titles = index.facets[name], index.titles[name]
    numbers = np.bincount(facet.codes[rows], minlength=len(facet.labels))
    counts = [
        Count(facet.labels[n], titles.get(facet.labels[n]) or facet.labels[n], int(numbers[n]))
        for n in np.flatnonzero(numbers)
    ]
    return tuple(sorted(counts, key=lambda count: sort_key(count.title, count.value)))
