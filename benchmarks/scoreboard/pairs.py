"""The pairs that every contestant paints, on the canvas on which all of them are judged."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from benchmarks.embedded_encoder.judge import DOCUMENTED, choose_records
from catalogs.images.codec import MAX_PIXELS, Picture
from catalogs.inputs.content_digests import with_digests
from catalogs.records import Garment, Style
from catalogs.storage.local_store import LocalStore
from catalogs.templates.template import Template
from flows.painting.image_tensors import read_pattern, read_template, to_content, to_style, to_tensor
from stylecore.painting.canvas import Canvas
from stylecore.recipe import Recipe

JUDGED = Recipe(canvas=(320, 256))
"""The recipe whose canvas, margin and size of the style hold for the judge and for the rivals."""


@dataclass(frozen=True)
class JudgedPair:
    """A garment and a style: as they are in the catalogs, and fitted to the canvas that is judged."""

    garment: Garment
    style: Style
    template: Template
    pattern: Picture
    canvas: Canvas
    style_13HW: Tensor

    @property
    def name(self) -> str:
        """What a person calls the pair."""
        return f"{self.garment.garment_id} x {self.style.style_id}"


def read_pairs(assets: Path, count: int, drawing: int = DOCUMENTED) -> list[JudgedPair]:
    """Return the first `count` pairs of a drawing, read from the assets' catalogs.

    `drawing` is the seed that pairs the garments with the styles; DOCUMENTED gives the pairs of
    docs/embedded_encoder.md.
    """
    stores = LocalStore(assets / "garments"), LocalStore(assets / "styles")
    garments, styles = zip(*choose_records(assets, count, drawing), strict=True)
    records = zip(with_digests(stores[0], garments)[0], with_digests(stores[1], styles)[0], strict=True)
    return [
        judged_pair(
            garment,
            style,
            read_template(stores[0], garment, MAX_PIXELS),
            read_pattern(stores[1], style, MAX_PIXELS),
        )
        for garment, style in records
    ]


def judged_pair(garment: Garment, style: Style, template: Template, pattern: Picture) -> JudgedPair:
    """Return the pair of a decoded garment and a decoded style, fitted to the canvas that is judged."""
    canvas = to_content(template, JUDGED)
    return JudgedPair(
        garment, style, template, pattern, canvas, to_style(to_tensor(pattern), JUDGED, canvas)[0]
    )
