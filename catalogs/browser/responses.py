"""Designs and results as the JSON that pages' scripts get."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from catalogs import keys
from catalogs.browser.search.facets import Count
from catalogs.browser.search.index import Index
from catalogs.browser.search.matrix import matrix
from catalogs.browser.search.query import FACETS, Query
from catalogs.browser.state.result_cache import ResultSnapshot
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.suggestions import color_suggestions, filter_to_remove
from catalogs.designs import provenance

FIRST_ROWS = 60
"""Designs that the first answer brings along."""


def result_answer(state: ReviewState, query: Query) -> dict[str, Any]:
    """The answer to a query: how many designs, facets with counts, headings, and the first designs."""
    kept = state.find(query)
    return {
        "result": kept.token,
        "total": len(kept.ids),
        "all": len(state.index),
        "address": query.address(),
        "facets": facet_counts(state, query),
        "chosen": {name: list(query.facets.get(name, ())) for name in FACETS},
        "groups": [_value(group) for group in kept.groups],
        "designs": page_cells(state, kept, 0, FIRST_ROWS),
        "nothing": None if kept.ids else _nothing(state, query),
    }


def _nothing(state: ReviewState, query: Query) -> dict[str, Any]:
    """Suggestions for an empty result."""
    way = filter_to_remove(state, query)
    return {
        "colors": [vars(suggestion) for suggestion in color_suggestions(state, query)],
        "removal": vars(way) if way else None,
        "narrowed": bool(query.facets or query.search or query.swatch or query.shortlist or query.like),
    }


def page_cells(state: ReviewState, kept: ResultSnapshot, start: int, count: int) -> list[dict[str, Any]]:
    """Designs `start` to `start + count` of a result as a grid shows them; twins get the names of their recipes."""
    part = slice(start, start + count)
    shown = design_cells(state, kept.ids[part], stacked=kept.query.stacked)
    return [
        {**cell, "twin": ("", cell["recipe"], cell.get("kept", ""))[twin]}
        for cell, twin in zip(shown, kept.twins[part], strict=True)
    ]


def facet_counts(state: ReviewState, query: Query) -> dict[str, list[list[Any]]]:
    """The facets of a query by name: for each value the value, its title and its count."""
    return {name: [_value(count) for count in counts] for name, counts in state.counts(query).items()}


def _value(count: Count) -> list[Any]:
    return [count.value, count.title, count.count]


def design_cells(state: ReviewState, ids: Sequence[str], *, stacked: bool = False) -> list[dict[str, Any]]:
    """Designs as a grid shows them; a design that is no longer in the catalog keeps only its id."""
    index = state.index
    rows = [index.row.get(design_id) for design_id in ids]
    present = [row for row in rows if row is not None]
    records = iter(index.records(present))
    stacks = iter(index.stacks(np.asarray(present, np.int64)) if stacked and present else [1] * len(present))
    return [
        _gone(design_id) if row is None else _cell(index, row, next(records), rating, next(stacks))
        for design_id, row, rating in zip(ids, rows, state.ratings(ids), strict=True)
    ]


def _cell(
    index: Index, row: int, record: dict[str, Any], rating: tuple[str, int], stack: int
) -> dict[str, Any]:
    return {
        "id": record["design_id"],
        "garment": record["garment_title"] or record["garment_id"],
        "style": record["style_title"] or record["style_id"],
        "garmentId": record["garment_id"],
        "styleId": record["style_id"],
        "set": record["style_set"],
        "recipe": record["recipe"],
        "kept": keys.kept_recipe(record["recipe"], record["recipe_digest"] or ""),
        "version": provenance.version(record),
        "width": record["width"],
        "height": record["height"],
        "colors": record["colors"] or [],
        "flags": [name for name, mask in index.flags.items() if mask[row]],
        "verdict": rating[0],
        "stars": rating[1],
        "stack": stack,
    }


def _gone(design_id: str) -> dict[str, Any]:
    """A design that was taken out of the catalog since its result was found."""
    texts = dict.fromkeys(
        ("garment", "style", "garmentId", "styleId", "set", "recipe", "version", "verdict"), ""
    )
    return {**texts, "id": design_id, "garment": "no longer in the catalog", "width": 0, "height": 0, "colors": [],
            "flags": [], "stars": 0, "stack": 1}  # fmt: skip


def matrix_cells(state: ReviewState, ids: Sequence[str]) -> dict[str, Any]:
    """A result as a matrix of garments and styles."""
    index = state.index
    rows = np.asarray([index.row[design_id] for design_id in ids if design_id in index.row], np.int64)
    laid_out = matrix(index, rows)
    designs = design_cells(state, [index.ids[row] for row, _ in laid_out.cells.values()])
    return {
        "garments": [vars(garment) for garment in laid_out.garments],
        "styles": [vars(style) for style in laid_out.styles],
        "cells": [
            {"at": list(at), "count": count, "design": design}
            for (at, (_, count)), design in zip(laid_out.cells.items(), designs, strict=True)
        ],
    }
