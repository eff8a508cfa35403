"""Details of a design in words: measures and their meaning, lineage, and differences of recipes."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalogs.browser.orders import Order
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.measures import MEASURES, Measure
from catalogs.errors import NotFoundError

AT_ONCE = 500
"""Designs of which one question to the table asks."""


@dataclass(frozen=True)
class MeasureRow:
    """A measure of a design: its name, its value as people read it, its meaning, and whether to look twice."""

    name: str
    value: str
    meaning: str
    doubtful: bool = False


def measure_rows(record: Mapping[str, Any]) -> list[MeasureRow]:
    """The measures of a design; a measure that was not taken is "not measured"."""
    rows = []
    for measure in MEASURES:
        value = record.get(measure.column)
        if value is None or not math.isfinite(value):
            rows.append(MeasureRow(measure.name, "not measured", _meaning(measure)))
        else:
            doubtful = measure.is_doubtful(value)
            rows.append(MeasureRow(measure.name, f"{value:.3g}", _meaning(measure), doubtful))
    return rows


def _meaning(measure: Measure) -> str:
    limit = f"; look twice {measure.doubtful} {measure.limit:g}" if measure.flag else ""
    return measure.meaning + limit


def whole_record(catalog: DesignCatalog, design_id: str) -> dict[str, Any]:
    """Every column of one design; NotFoundError where it was taken out of the catalog."""
    records = whole_records(catalog, [design_id])
    if design_id not in records:
        raise NotFoundError(f"The design '{design_id[:80]}' was taken out of the catalog.")
    return records[design_id]


def whole_records(catalog: DesignCatalog, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every column of some designs, by id; designs that are not in the table are left out."""
    rows: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), AT_ONCE):
        for row in catalog.records(ids[start : start + AT_ONCE]):
            rows[row["design_id"]] = row
    return rows


def lineage_rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The origin of a design: names and values, in the order of its making."""
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


def recipe_rows(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The recipe that made a design, field by field."""
    return sorted((name, _spelled(value)) for name, value in _json(record.get("recipe_json")).items())


def recipe_differences(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Fields of recipes, and garment and style, in which designs are not all the same; with the value of each design."""
    columns = [
        {"garment": record["garment_id"], "style": record["style_id"]} | _json(record["recipe_json"])
        for record in records
    ]
    names: Collection[str] = dict.fromkeys(name for column in columns for name in column)
    values_by_name = [(name, [_spelled(column.get(name, "")) for column in columns]) for name in names]
    return [(name, values) for name, values in values_by_name if len(set(values)) > 1]


def repeat_order(record: Mapping[str, Any]) -> Order:
    """The order that would make this design again."""
    return Order(record["recipe"], (record["garment_id"],), (record["style_id"],), (record["style_set"],))


def _json(text: Any) -> dict[str, Any]:
    """The object in a column of JSON; empty where the text cannot be read."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
