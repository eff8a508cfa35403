"""Designs in words: measures with what they mean, where a design comes from, how recipes differ."""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalogs import provenance
from catalogs.browser.again import Order
from catalogs.browser.index import CHECKERBOARD, FOLDS, GRAIN, OUTSIDE
from catalogs.designs import DesignCatalog
from catalogs.errors import NotFoundError

AT_ONCE = 500
"""Designs of which one question to the table asks."""


@dataclass(frozen=True)
class Measure:
    """A measure of a design: its name, its value as people read it, what it means, whether to look twice."""

    name: str
    value: str
    meaning: str
    doubtful: bool = False


MEASURES: tuple[tuple[str, str, str, Callable[[float], bool] | None], ...] = (
    ("fold_correlation", "folds kept",
     f"1 keeps every fold of the cloth's light and shade; below {FOLDS:g} they are lost", lambda value: value < FOLDS),
    ("style_distance", "distance to the style", "0 has the style's own statistics; smaller is closer", None),
    ("loss", "loss", "what the engine made small; compare it within one recipe only", None),
    ("checkerboard_peak", "checkerboard",
     f"how far a pattern of single pixels stands out; above {CHECKERBOARD:g} look closely",
     lambda value: value > CHECKERBOARD),
    ("variation_ratio", "grain", f"grain against the style's own; usual are 1.5 to {GRAIN:g}",
     lambda value: value > GRAIN),
    ("changed_outside", "pixels changed outside",
     "pixels that differ from the template outside the cloth; must be 0", lambda value: value > OUTSIDE),
)  # fmt: skip


def measures(record: Mapping[str, Any]) -> list[Measure]:
    """A design's measures; one that was not taken says so."""
    found = []
    for column, name, meaning, doubtful in MEASURES:
        value = record.get(column)
        if value is None or not math.isfinite(value):
            found.append(Measure(name, "not measured", meaning))
        else:
            found.append(Measure(name, f"{value:.3g}", meaning, bool(doubtful and doubtful(value))))
    return found


def whole_record(catalog: DesignCatalog, design_id: str) -> dict[str, Any]:
    """Every column of one design."""
    found = whole_records(catalog, [design_id])
    if design_id not in found:
        raise NotFoundError(f"The design '{design_id[:80]}' was taken out of the catalog.")
    return found[design_id]


def whole_records(catalog: DesignCatalog, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every column of some designs, by id."""
    rows: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), AT_ONCE):
        for row in catalog.records(ids[start : start + AT_ONCE]):
            rows[row["design_id"]] = row
    return rows


def credit(record: Mapping[str, Any]) -> str:
    """The credit line."""
    return provenance.credit(record)


def lineage(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where a design comes from: names and values, in the order of its making."""
    versions = ", ".join(f"{name} {version}" for name, version in _json(record.get("versions")).items())
    when, seconds = record["created_at"], record["seconds"]
    made = f"{when:%Y-%m-%d %H:%M} UTC" if when else "not known when"
    made += f" in {seconds:.1f} s, {record['steps']} steps" if seconds is not None else ""
    device = f"{record['device']} ({record['precision']})"
    return [
        ("garment", f"{record['garment_id']} ({str(record['garment_digest'])[:12]})"),
        ("style", f"{record['style_id']} of {record['style_set']} ({str(record['style_digest'])[:12]})"),
        ("recipe", f"{record['recipe']} ({str(record['recipe_digest'])[:12]})"),
        ("run", str(record["run_id"])),
        ("made", f"{made}, on {device}"),
        ("size", f"{record['width']} x {record['height']} px"),
        ("versions", versions),
        ("design", str(record["design_id"])),
    ]  # fmt: skip


def recipe(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The recipe that made a design, field by field."""
    return sorted((name, _spelled(value)) for name, value in _json(record.get("recipe_json")).items())


def differences(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Fields of recipes, and what else designs are made from, in which they are not all the same."""
    columns = [
        {"garment": one["garment_id"], "style": one["style_id"]} | _json(one["recipe_json"])
        for one in records
    ]
    names: Collection[str] = dict.fromkeys(name for column in columns for name in column)
    found = [(name, [_spelled(column.get(name, "")) for column in columns]) for name in names]
    return [(name, values) for name, values in found if len(set(values)) > 1]


def order_of(record: Mapping[str, Any]) -> Order:
    """What would make this design again."""
    return Order(record["recipe"], (record["garment_id"],), (record["style_id"],), (record["style_set"],))


def _json(text: Any) -> dict[str, Any]:
    """What a column of JSON holds; nothing where it cannot be read."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
