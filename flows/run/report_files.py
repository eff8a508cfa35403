"""Where reports of runs lie, and those of earlier runs read back.

What `status` and `retry` rely on in them is held against its type.
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
"""Fields of what is listed, which are texts."""
LISTS = ("style_sets", "garment_ids", "style_ids")
"""Fields of what a run was asked for."""


def run_ids(store: Store) -> list[str]:
    """Ids of the runs that left a report, newest first: an id begins with the time."""
    found = (one.key.split("/") for one in store.list(f"{keys.RUNS}/"))
    return sorted({parts[1] for parts in found if parts[-1] == REPORT}, reverse=True)


def page_uri(store: Store, run_id: str) -> str:
    """Where the page of a run's report is."""
    return f"{store.uri}/{keys.run_file(run_id, PAGE)}"


def read_report(store: Store, run_id: str) -> dict[str, Any]:
    """The report of a run. NotFoundError where it left none, ReportError where it cannot be read."""
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
    return {**_shown(report), "run_id": run_id}


def _shown(value: Any) -> Any:
    """A value of JSON whose texts hold no control characters: they end in terminals."""
    if isinstance(value, str):
        return CONTROLS.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_shown(name): _shown(one) for name, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list) else value


def _check(report: Any) -> None:
    """ValueError that names a field which is not there, or is of another type."""
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
    if not isinstance(asked, dict) or not all(_is_texts(asked.get(name, ())) for name in LISTS):
        raise ValueError("its field 'asked' is of a wrong type")


def _is_texts(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(one, str) for one in value)
    )
