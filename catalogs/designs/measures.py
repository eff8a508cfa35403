"""The meaning of a design's measures, and the values from which they are doubtful: for pages, filters and docs.

`flows.painting.evaluation` takes the figures; each compares with the garment or the style that its meaning names.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """A column of the design table that judges a design: what people call it and what it means.

    Beyond `limit`, above or below it, a design bears `flag`: a person should look twice. Limits are starting values.
    """

    column: str
    name: str
    meaning: str
    flag: str = ""
    limit: float = 0.0
    doubtful: Literal["above", "below"] = "above"

    def is_doubtful(self, value: float) -> bool:
        """Whether to look twice at a design of this value; never where the measure has no flag or the value is NaN."""
        beyond = value > self.limit if self.doubtful == "above" else value < self.limit
        return bool(self.flag) and beyond


MEASURES = (
    Measure("fold_correlation", "folds kept",
            "how closely the cloth's light and shade follow the garment's: 1 keeps every fold",
            "folds lost", 0.6, "below"),
    Measure("style_distance", "distance to the style",
            "0 has the style's own statistics; smaller is closer"),
    Measure("loss", "loss",
            "what the engine made small; compare it within one recipe only"),
    Measure("checkerboard_peak", "checkerboard",
            "how far patterns of 2 or 4 pixels stand out: about 1 is none",
            "checkerboard", 6.0),
    Measure("variation_ratio", "grain",
            "differences between neighbouring pixels, against the garment's own: 1 is as busy as the garment",
            "grainy", 8.0),
    Measure("changed_outside", "pixels changed outside",
            "pixels outside the cloth that differ from the garment's template: must be 0",
            "changed outside", 0.0),
)  # fmt: skip
