"""The design table as arrays in memory: filtered, counted and sorted in a few milliseconds at 100,000 designs.

An index is of one version of the table and never changes. `Ratings` beside it change when people act.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from catalogs.browser.search.color_columns import HASH, NEAR, build_palette, family_facet
from catalogs.browser.search.facets import (
    VERDICTS,
    Codes,
    Count,
    Facet,
    Mask,
    Rows,
    build_facet,
    number_pairs,
)
from catalogs.browser.search.query import FACETS, Query
from catalogs.browser.search.ratings import Ratings
from catalogs.browser.search.search_text import searchable
from catalogs.browser.search.text_columns import search_texts, sort_key, titles_by_id
from catalogs.designs.appearance import (
    color_distances,
    group_alike,
    to_lab,
)
from catalogs.designs.measures import MEASURES, Measure
from catalogs.errors import NotFoundError

COLUMNS = (
    "design_id", "garment_id", "style_id", "style_set", "recipe", "recipe_digest", "image", "image_sha256", "width",
    "height", "loss", "style_distance", "fold_correlation", "checkerboard_peak", "variation_ratio",
    "changed_outside", "run_id", "created_at", "versions", "garment_title", "garment_category", "garment_licence",
    "garment_tags", "style_title",
    "style_licence", "style_tags", "rights_holder", "colors", "phash",
)  # fmt: skip
OF_TABLE = {"set": "style_set", "style": "style_id", "garment": "garment_id", "category": "garment_category",
            "recipe": "recipe", "licence": "style_licence", "run": "run_id"}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Rows that a query found, in order, and how many of them stand under each heading."""

    rows: Rows
    groups: tuple[Count, ...] = ()
    twins: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    """1 for rows whose garment and style occur more than once in the result; 2 where so does the recipe's name, of
    another recipe; else 0."""


class Index:
    """One version of the design table, as arrays."""

    def __init__(self, table: pa.Table) -> None:
        """Take the columns in `COLUMNS` of a table; null texts count as empty, null numbers as NaN."""
        self._table = table.combine_chunks()
        self.ids: list[str] = table["design_id"].to_pylist()
        self.row = {design_id: row for row, design_id in enumerate(self.ids)}
        self.facets = {name: build_facet(table[column]) for name, column in OF_TABLE.items()}
        self.facets["color"] = family_facet(table["colors"])
        # Rows that a person should look at twice, by the flag's name.
        self.flags = {measure.flag: self._doubtful(measure) for measure in MEASURES if measure.flag}
        self._haystack = search_texts(table)
        self._palette, self._colors = build_palette(table["colors"])
        self._last_swatch: tuple[str, NDArray[np.float64]] = "", np.empty(0)

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, column: str) -> NDArray[np.float64]:
        """A column of numbers as floats; NaN for null."""
        numbers: NDArray[np.float64] = pc.cast(self._table[column], pa.float64()).to_numpy()
        return numbers

    def _doubtful(self, measure: Measure) -> Mask:
        beyond = np.greater if measure.doubtful == "above" else np.less
        mask: Mask = beyond(self.number(measure.column), measure.limit)
        return mask

    def record(self, row: int) -> dict[str, Any]:
        """A row of the table, by column."""
        return {name: self._table[name][row].as_py() for name in self._table.column_names}

    def of_id(self, design_id: str) -> dict[str, Any]:
        """The row of a design, by column; NotFoundError where the table does not have it.

        The number of a row is not kept: a newer index may have the design elsewhere.
        """
        row = self.row.get(design_id)
        if row is None:
            raise NotFoundError(f"There is no design '{design_id[:80]}' in this catalog.")
        return self.record(row)

    def records(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Rows of the table, each by column."""
        records: list[dict[str, Any]] = self._table.take(pa.array(rows, pa.int64())).to_pylist()
        return records

    @cached_property
    def titles(self) -> dict[str, dict[str, str]]:
        """Titles of the values of some facets, by the facet's name; other values are their own titles."""
        return {
            "garment": titles_by_id(self._table, "garment_id", "garment_title"),
            "style": titles_by_id(self._table, "style_id", "style_title"),
            "verdict": VERDICTS,
        }

    @cached_property
    def near_duplicates(self) -> Rows:
        """For every row the first row of its near-duplicates: one garment, one pattern, one family of colours.

        A pattern in other colours is a colourway, which is no duplicate.
        """
        hashes = [
            int(text, 16) if HASH.fullmatch(text or "") else None for text in self._table["phash"].to_pylist()
        ]
        families = len(self.facets["color"].labels)
        place = self.facets["garment"].codes.astype(np.int64) * families + self.facets["color"].codes
        first = np.arange(len(self))
        for rows in _runs(place):
            known = np.array([row for row in rows if hashes[row] is not None], np.int64)
            if len(known) > 1:
                first[known] = known[group_alike([hashes[row] or 0 for row in known], NEAR)]
        return first

    def find(self, query: Query, ratings: Ratings, among: Sequence[str] | None = None) -> Result:
        """The rows that fit a query. `among` are the designs of its shortlist, in order, if the query has one."""
        rows = np.flatnonzero(self._fitting(query, ratings, among))
        rows = self._ordered(rows, query, ratings, among)
        if query.stacked:
            _, kept = np.unique(self.near_duplicates[rows], return_index=True)
            rows = rows[np.sort(kept)]
        rows, groups = self._grouped(rows, query.group)
        return Result(rows, groups, self._twins(rows))

    def counts(
        self, query: Query, ratings: Ratings, among: Sequence[str] | None = None
    ) -> dict[str, list[Count]]:
        """The values of every facet, with the number of designs that each would find.

        The filters of the other facets apply; the filter of the value's own facet does not.
        """
        everywhere = self._where(query, among)
        masks = {name: self._facet_mask(name, values, ratings) for name, values in query.facets.items()}
        counts = {}
        for name in FACETS:
            others = everywhere.copy()
            for other, mask in masks.items():
                if other != name:
                    others &= mask
            counts[name] = self._count(name, others, ratings, query.facets.get(name, ()))
        return counts

    def stacks(self, rows: Rows) -> list[int]:
        """How many near-duplicates each row has, itself included."""
        first = self.near_duplicates
        sizes = np.bincount(first, minlength=len(self))
        return [int(size) for size in sizes[first[rows]]]

    def _fitting(self, query: Query, ratings: Ratings, among: Sequence[str] | None) -> Mask:
        mask = self._where(query, among)
        for name, values in query.facets.items():
            mask &= self._facet_mask(name, values, ratings)
        return mask

    def _where(self, query: Query, among: Sequence[str] | None) -> Mask:
        """Rows that fit every filter but the facets."""
        mask = np.ones(len(self), bool)
        if among is not None:
            mask = np.zeros(len(self), bool)
            mask[[self.row[design_id] for design_id in among if design_id in self.row]] = True
        for word in dict.fromkeys(searchable(query.search).split()):
            mask &= pc.match_substring(self._haystack, word).to_numpy(zero_copy_only=False)
        if query.swatch:
            mask &= self._swatch_distance(query.swatch) <= query.within
        if query.like:
            row = self.row.get(query.like)
            mask &= False if row is None else self.near_duplicates == self.near_duplicates[row]
        return mask

    def _facet_mask(self, name: str, values: Sequence[str], ratings: Ratings) -> Mask:
        if name == "flag":
            chosen = [self.flags[value] for value in values if value in self.flags]
            return np.logical_or.reduce(chosen) if chosen else np.zeros(len(self), bool)
        return self._facet(name, ratings).where(values)

    def _facet(self, name: str, ratings: Ratings) -> Facet:
        return self.facets[name] if name in self.facets else ratings.facets()[name]

    def _count(self, name: str, mask: Mask, ratings: Ratings, chosen: Sequence[str]) -> list[Count]:
        """Values with their counts, the most frequent first; a chosen value stays even where it finds nothing."""
        if name == "flag":
            values = [(flag, int((self.flags[flag] & mask).sum())) for flag in self.flags]
        else:
            facet = self._facet(name, ratings)
            numbers = np.bincount(facet.codes[mask], minlength=len(facet.labels))
            values = list(zip(facet.labels, map(int, numbers), strict=True))
        titles = self.titles.get(name, {})
        shown = [Count(value, titles.get(value) or value, n) for value, n in values if n or value in chosen]
        return (
            shown
            if name in ("verdict", "stars")
            else sorted(shown, key=lambda count: (-count.count, sort_key(count.title)))
        )

    def _swatch_distance(self, swatch: str) -> NDArray[np.float64]:
        """dE2000 from a colour to the nearest of each design's colours; infinite where none is known."""
        if self._last_swatch[0] != swatch:
            # The last element stands for "no colour": place -1 finds it.
            distances = np.append(color_distances(self._palette, to_lab(swatch)), np.inf)
            self._last_swatch = swatch, distances[self._colors].min(axis=1)
        return self._last_swatch[1]

    def _ordered(self, rows: Rows, query: Query, ratings: Ratings, among: Sequence[str] | None) -> Rows:
        if among is not None and not query.sort:
            place = {self.row[design_id]: n for n, design_id in enumerate(among) if design_id in self.row}
            return np.array(sorted(rows, key=lambda row: place[row]), np.int64)
        return rows[np.argsort(self._sort_key(query, ratings)[rows], kind="stable")]

    def _sort_key(self, query: Query, ratings: Ratings) -> NDArray[Any]:
        """The numbers to sort by, the smallest first; rows without a number come last."""
        by: dict[str, Callable[[], NDArray[Any]]] = {
            "new": lambda: -self._created, "old": lambda: self._created,
            "style": lambda: self.number("style_distance"), "folds": lambda: -self.number("fold_correlation"),
            "loss": lambda: self.number("loss"), "stars": lambda: -ratings.stars.astype(np.int64),
            "garment": lambda: self._alphabetical("garment"), "pattern": lambda: self._alphabetical("style"),
            "swatch": lambda: self._swatch_distance(query.swatch or "#808080"),
        }  # fmt: skip
        return by[query.order]()

    @cached_property
    def _created(self) -> NDArray[np.int64]:
        times: NDArray[np.int64] = pc.fill_null(self._table["created_at"].cast(pa.int64()), 0).to_numpy()
        return times

    def _alphabetical(self, name: str) -> Codes:
        """For every row the place of its title among all titles."""
        facet, titles = self.facets[name], self.titles[name]
        order = sorted(
            range(len(facet.labels)),
            key=lambda n: sort_key(titles.get(facet.labels[n], ""), facet.labels[n]),
        )
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return place[facet.codes]

    @cached_property
    def _likenesses(self) -> tuple[Rows, Rows, Rows]:
        """For every row the number of its garment and style; with its recipe's name; with the recipe's digest, too."""
        pairs = number_pairs(self.facets["garment"].codes, self.facets["style"].codes)
        named = number_pairs(pairs, self.facets["recipe"].codes)
        return pairs, named, number_pairs(named, build_facet(self._table["recipe_digest"]).codes)

    def _twins(self, rows: Rows) -> Rows:
        pairs, named, same = (
            np.bincount(codes[rows], minlength=1)[codes[rows]] for codes in self._likenesses
        )
        twins: Rows = np.where(named > same, 2, np.where(pairs > 1, 1, 0))
        return twins

    def _grouped(self, rows: Rows, group: str) -> tuple[Rows, tuple[Count, ...]]:
        if not group:
            return rows, ()
        facet, place = self.facets[group], self._alphabetical(group)
        rows = rows[np.argsort(place[rows], kind="stable")]
        codes = facet.codes[rows]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        sizes = np.diff(starts, append=len(rows))
        return rows, tuple(self._headings(group, [facet.labels[codes[s]] for s in starts], sizes))

    def _headings(self, group: str, labels: Sequence[str], sizes: Iterable[int]) -> Iterator[Count]:
        for label, size in zip(labels, sizes, strict=True):
            yield Count(label, self.titles[group].get(label) or label, int(size))


def _runs(place: Rows) -> list[Rows]:
    """Rows of one place, for every place."""
    order = np.argsort(place, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(place[order])) + 1) if len(order) else []
