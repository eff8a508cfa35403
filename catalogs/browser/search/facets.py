"""Columns of few different values as arrays: facets and their counts."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from catalogs.designs.reviews.review_events import VERDICT_WORDS

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Codes = NDArray[np.int32]
VERDICTS = {word.lower(): word for word in VERDICT_WORDS.values()}
"""Verdicts by their word in addresses; the values are the words that people read."""


@dataclass(frozen=True)
class Facet:
    """A column of few different values: for every row the number of its label."""

    codes: Codes
    labels: tuple[str, ...]

    def where(self, wanted: Iterable[str]) -> Mask:
        """Rows that have one of the labels."""
        chosen = set(wanted)
        return np.array([label in chosen for label in self.labels], bool)[self.codes]


@dataclass(frozen=True)
class Count:
    """A value of a facet, what it is called, and how many designs of the result have or would have it."""

    value: str
    title: str
    count: int


def build_facet(column: pa.ChunkedArray) -> Facet:
    """A column as a facet; null is an empty label."""
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    codes: Codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return Facet(codes, tuple(encoded.dictionary.to_pylist()))


def number_pairs(codes: Rows | Codes, others: Codes) -> Rows:
    """For every row the number of its pair of values in two columns of codes."""
    together = codes.astype(np.int64) * (int(others.max(initial=0)) + 1) + others
    numbers: Rows = np.unique(together, return_inverse=True)[1]
    return numbers
