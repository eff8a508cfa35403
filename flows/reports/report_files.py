"""The files of runs' reports: where they lie, and how reports of earlier runs are read back and checked.

Each field that `status` and `retry` rely on is checked for its type.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from catalogs import keys
from catalogs.storage.store_contract import Store
from catalogs.tables.lines import CONTROLS
from flows.errors import ReportError

REPORT, PAGE = "report.json", "report.html"

FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "state": str,
    "started_at": str,
    "garments": str,
    "styles": str,
    "recipe": str,
    "recipe_digest": str,
    "planned": int,
    "already_there": int,
    "held_back": int,
    "seconds": (int, float),
    "reasons": dict,
    "problems": list,
    "failures": list,
}
NAMES = {"problems": ("record",), "failures": ("garment_id", "style_id")}
"""Lists of a report, and the fields of each entry that must be texts."""
LISTS = ("style_sets", "garment_ids", "style_ids")
"""Fields of `asked` (what a run was asked for) that are lists of texts."""


def run_ids(store: Store) -> list[str]:
    """Return the ids of the runs that left a report, newest first: an id begins with the time."""
    paths = (entry.key.split("/") for entry in store.list(f"{keys.RUNS}/"))
    return sorted({parts[1] for parts in paths if parts[-1] == REPORT}, reverse=True)


def page_uri(store: Store, run_id: str) -> str:
    """Return the URI of the page of a run's report."""
    return f"{store.uri}/{keys.run_file(run_id, PAGE)}"


def read_report(store: Store, run_id: str) -> dict[str, Any]:
    """Return the report of a run: NotFoundError where there is none, ReportError where it cannot be read."""
    key = keys.run_file(run_id, REPORT)
    data = store.read(key)
    try:
        report = json.loads(data)
        _check(report)
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"{store.uri}/{key} cannot be read ({error}): it was cut as its run was killed, or changed since."
            " Remove its folder; the designs of the run stay."
        ) from error
    return {**_without_controls(report), "run_id": run_id}


def _without_controls(value: Any) -> Any:
    """A value of JSON without control characters in its texts, as they are printed to terminals."""
    if isinstance(value, str):
        return CONTROLS.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_controls(name): _without_controls(inner) for name, inner in value.items()}
    return [_without_controls(inner) for inner in value] if isinstance(value, list) else value


def _check(report: Any) -> None:
    """Raise ValueError that names a field which is missing or of another type."""
    if not isinstance(report, dict):
        raise ValueError("it is no JSON object")
    for name, kind in FIELDS.items():
        if not isinstance(report.get(name), kind):
            raise ValueError(f"its field '{name}' is missing or of a wrong type")
    datetime.fromisoformat(report["started_at"])
    for name, columns in NAMES.items():
        for row in report[name]:
            if not isinstance(row, dict) or not all(isinstance(row.get(column), str) for column in columns):
                raise ValueError(f"its field '{name}' lists what has no {' and '.join(columns)}")
    asked = report.get("asked", {})
    if not isinstance(asked, dict) or not all(_are_texts(asked.get(name, ())) for name in LISTS):
        raise ValueError("its field 'asked' is of a wrong type")


def _are_texts(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(text, str) for text in value)
    )
