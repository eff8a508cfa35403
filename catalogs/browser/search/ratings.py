"""Verdicts and stars of designs, row by row of an index; changed in place when people act."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalogs.browser.search.facets import (
    VERDICTS,
    Facet,
)
from catalogs.designs.reviews.opinions import Opinions
from catalogs.designs.reviews.review_events import Verdict


@dataclass
class Ratings:
    """Verdicts and stars, row by row of an index; changed in place when people act."""

    verdict: NDArray[np.int8]
    stars: NDArray[np.int8]

    @classmethod
    def of(cls, row_by_id: Mapping[str, int], opinions: Opinions) -> "Ratings":
        """The ratings of every design of an index, whose rows by design_id are given."""
        ratings = cls(np.zeros(len(row_by_id), np.int8), np.zeros(len(row_by_id), np.int8))
        ratings.update(row_by_id, opinions, opinions.reviewed())
        return ratings

    def update(self, row_by_id: Mapping[str, int], opinions: Opinions, designs: Iterable[str]) -> None:
        """Take the verdicts and stars of these designs from the opinions; designs without a row are passed over."""
        order = list(Verdict)
        for design_id in designs:
            row = row_by_id.get(design_id)
            if row is not None:
                self.verdict[row] = order.index(Verdict(opinions.verdict(design_id)))
                self.stars[row] = opinions.stars(design_id)

    def facets(self) -> dict[str, Facet]:
        """Verdicts and stars as facets, by the names of these."""
        return {
            "verdict": Facet(self.verdict.astype(np.int32), tuple(VERDICTS)),
            "stars": Facet(self.stars.astype(np.int32), ("0", "1", "2", "3", "4", "5")),
        }
