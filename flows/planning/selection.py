"""Which garments and styles a run was asked for, and what an earlier run rejected, where a run tries that again."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalogs.records import Garment, Problem, Style


@dataclass(frozen=True)
class Rejected:
    """Pairs and records that an earlier run rejected, with the catalogs and the recipe of that run.

    `pairs` holds (garment id, style id); `records` holds ids of garments, of styles and of style sets.
    """

    run_id: str
    garments: str
    styles: str
    designs: str
    recipe: str
    recipe_digest: str
    pairs: frozenset[tuple[str, str]]
    records: frozenset[str]

    def includes(self, garment: Garment, style: Style) -> bool:
        """Return whether the pair was rejected, or its garment, its style or its style set."""
        return (garment.garment_id, style.style_id) in self.pairs or not self.records.isdisjoint(
            (garment.garment_id, style.style_id, style.style_set)
        )

    def remarks_on_missing(
        self, garments: Sequence[Garment], styles: Sequence[Style], problems: Sequence[Problem]
    ) -> tuple[str, ...]:
        """Return a remark for each rejected name that the catalogs do not hold any more, as it cannot be tried again."""
        present = {garment.garment_id for garment in garments} | {problem.record for problem in problems}
        for style in styles:
            present |= {style.style_id, style.style_set}
        missing = self.records.union(*self.pairs) - present
        remarks = [
            f"'{name}' is not in the catalog any more; run the whole command to make what replaced it"
            for name in sorted(missing - {""})
        ]
        if "" in missing:
            remarks.append("a record without an id was rejected; run the whole command to make it")
        return tuple(remarks)


@dataclass(frozen=True)
class Selection:
    """Which designs a run was asked for; an empty field selects everything.

    `limit` is the largest number of designs to make. With `facts_only` no design is made, and only the facts of
    filed designs are corrected. With `rejected` only what an earlier run rejected is planned.
    """

    style_sets: tuple[str, ...] = ()
    garment_ids: tuple[str, ...] = ()
    style_ids: tuple[str, ...] = ()
    limit: int | None = None
    facts_only: bool = False
    rejected: Rejected | None = None

    @property
    def names_styles(self) -> bool:
        """Whether only some styles are selected, by style set or by id."""
        return bool(self.style_sets or self.style_ids)

    def as_record(self) -> dict[str, object]:
        """Return the selection in the types of JSON, as a run's report keeps it."""
        return {
            "style_sets": self.style_sets,
            "garment_ids": self.garment_ids,
            "style_ids": self.style_ids,
            "limit": self.limit,
            "retry_of": self.rejected.run_id if self.rejected else "",
        }
