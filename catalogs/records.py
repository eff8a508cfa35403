"""The nouns: garments, styles, designs, and the problems of records that cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

Record = TypeVar("Record")
Repeat = Literal["none", "full-drop", "half-drop", "half-brick", "mirror"]
Further = tuple[tuple[str, str], ...]
"""Columns of a catalog that Stylemill does not know, carried along as text."""


@dataclass(frozen=True)
class Garment:
    """A garment template: a row of the garment catalog.

    `digest` names the contents that shape a design (picture and mask); empty until they are read. `catalog` is
    the key of the table that the row stands in; two garments that differ in it alone are equal.
    """

    garment_id: str
    image: str
    mask: str | None = None
    parts: str | None = None
    part_scheme: str | None = None
    category: str = ""
    title: str = ""
    season: str = ""
    print_width_cm: float | None = None
    licence: str = ""
    tags: tuple[str, ...] = ()
    further: Further = ()
    stated: tuple[str, ...] | None = None
    """Columns that its table has, and so the facts that it states; None: all."""
    row: int = 0
    digest: str = ""
    catalog: str = field(default="", compare=False)

    @property
    def record_id(self) -> str:
        """The garment's id, under the name that both kinds of record have."""
        return self.garment_id

    @property
    def sha256(self) -> str:
        """Always empty: no manifest states the digest of a garment's picture."""
        return ""

    @property
    def object_keys(self) -> tuple[str | None, ...]:
        """Keys of picture, mask and part map; None for one that it does not have."""
        return self.image, self.mask, self.parts


@dataclass(frozen=True)
class Style:
    """A pattern style: a row of the style catalog, or of a style set's own, whose key is then `catalog`.

    `sha256` is the picture's by the set's manifest; empty where there is none.
    """

    style_id: str
    style_set: str
    image: str
    title: str = ""
    repeat: Repeat = "none"
    repeat_width_cm: float | None = None
    repeat_height_cm: float | None = None
    licence: str = ""
    rights_holder: str = ""
    tags: tuple[str, ...] = ()
    further: Further = ()
    stated: tuple[str, ...] | None = None
    """Columns that its table has, and so the facts that it states; None: all."""
    row: int = 0
    catalog: str = ""
    digest: str = ""
    sha256: str = ""

    @property
    def record_id(self) -> str:
        """The style's id, under the name that both kinds of record have."""
        return self.style_id

    @property
    def object_keys(self) -> tuple[str | None, ...]:
        """Key of the picture, as the only element."""
        return (self.image,)


@dataclass(frozen=True)
class Problem:
    """Why a record cannot be used, so that a person can mend it."""

    file: str
    row: int
    record: str
    column: str
    value: str
    what: str

    def __str__(self) -> str:
        """One line for a screen or a log."""
        place = f"{self.file} row {self.row}" if self.row else self.file
        name = f" ({self.record})" if self.record else ""
        column = f", {self.column}" if self.column else ""
        value = f" '{self.value}'" if self.value else ""
        return f"{place}{name}{column}{value}: {self.what}"


LOSS_TERMS = ("content", "style", "variation", "lighting", "saliency", "photorealism")
"""Terms of the loss whose columns every design table has; a later term's column comes with its first design."""


@dataclass(frozen=True)
class Design:
    """A finished design: a row of the design catalog. `image` is relative to the catalog.

    `term_losses` are the weighted terms of `loss` by their names; each becomes a column `loss_NAME` of the table.
    `colors`, their `color_shares` and `phash` are those of `catalogs.designs.appearance.Appearance`.
    """

    design_id: str
    garment_id: str
    style_id: str
    style_set: str
    recipe: str
    recipe_digest: str
    recipe_json: str
    image: str
    image_sha256: str
    width: int
    height: int
    garment_digest: str
    style_digest: str
    loss: float
    term_losses: Mapping[str, float]
    loss_start: float
    style_distance: float
    fold_correlation: float
    checkerboard_peak: float
    variation_ratio: float
    changed_outside: int
    steps: int
    seconds: float
    device: str
    precision: str
    versions: str
    run_id: str
    created_at: datetime
    garment_title: str = ""
    garment_category: str = ""
    garment_season: str = ""
    garment_licence: str = ""
    garment_tags: tuple[str, ...] = ()
    garment_further: Further = ()
    style_title: str = ""
    style_licence: str = ""
    style_tags: tuple[str, ...] = ()
    style_further: Further = ()
    rights_holder: str = ""
    colors: tuple[str, ...] = ()
    color_shares: tuple[float, ...] = ()
    phash: str = ""


@dataclass(frozen=True)
class Reading(Generic[Record]):
    """The result of reading a catalog: usable records, problems of the other records, and remarks."""

    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())
