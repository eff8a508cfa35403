"""What became of the runs of a design catalog, from the reports that they leave from their start on."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalogs import keys
from catalogs.claims import Claims
from catalogs.designs import DesignCatalog
from catalogs.errors import NotAllowedError, NotFoundError
from catalogs.store_contract import Store
from flows.errors import SettingsError
from flows.report import page_uri
from flows.run_command import Asked, retry_command, run_command
from stylecore.errors import nearest

KILLED = "killed"
ENDED = ("finished",)


@dataclass(frozen=True)
class RunStatus:
    """One run: its state, its counts, and the command that comes next, empty where none is needed.

    `state` is running, killed (it gives no sign of life), interrupted, finished, or stopped with the reason.
    """

    run: str
    state: str
    started_at: datetime
    recipe: str
    planned: int
    made: int
    rejected: int
    already_there: int
    held_back: int
    seconds: float
    report: str
    reasons: Mapping[str, int]
    next: str


def run_statuses(catalog: DesignCatalog, run_id: str = "", limit: int = 20) -> list[RunStatus]:
    """The newest runs of a catalog, newest first, or the one of this id.

    SettingsError where there is no such run.
    """
    ids = _ids(catalog.store)
    if run_id and run_id not in ids:
        raise SettingsError(f"There is no run '{run_id}' in {catalog.store.uri}: {nearest(run_id, ids)}")
    reports = list(_reports(catalog.store, [run_id] if run_id else ids[:limit]))
    living = _living(catalog.store) if any(one["state"] == "running" for one in reports) else set()
    made = Counter(catalog.read(["run_id"])["run_id"].to_pylist())
    return [_status(catalog.store, one, living, made[one["run_id"]]) for one in reports]


def _ids(store: Store) -> list[str]:
    """Ids of the runs that left a report, newest first: an id begins with the time."""
    found = (one.key.split("/") for one in store.list(f"{keys.RUNS}/"))
    return sorted({parts[1] for parts in found if parts[-1] == REPORT}, reverse=True)


REPORT = "report.json"


def _reports(store: Store, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    for run_id in ids:
        try:
            yield json.loads(store.read(keys.run_file(run_id, REPORT)))
        except (NotFoundError, ValueError):
            # Removed meanwhile, or cut: the run wrote it as it was killed.
            continue


def _living(store: Store) -> set[str]:
    """Runs that give signs of life; times are the store's own, where it may be written."""
    claims = Claims(store, f"status-{uuid.uuid4().hex[:12]}")
    try:
        with claims.held():
            return claims.others()
    except NotAllowedError:
        return claims.others()


def _status(store: Store, report: Mapping[str, Any], living: set[str], made: int) -> RunStatus:
    run, state = report["run_id"], str(report["state"])
    state = KILLED if state == "running" and run not in living else state
    rejected = len(report["problems"]) + len(report["failures"])
    return RunStatus(
        run=run,
        state=state,
        started_at=datetime.fromisoformat(report["started_at"]),
        recipe=report["recipe"],
        planned=report["planned"],
        made=made,
        rejected=rejected,
        already_there=report["already_there"],
        held_back=report["held_back"],
        seconds=report["seconds"],
        report=page_uri(store, run),
        reasons=report["reasons"],
        next=_next(store, report, state, rejected),
    )


def _next(store: Store, report: Mapping[str, Any], state: str, rejected: int) -> str:
    """What is run after it: the same command after a run that did not end, a retry after one that rejected something."""
    if state == "running":
        return ""
    if state not in ENDED:
        recipe = report.get("recipe_again") or report["recipe"]
        return run_command(report["garments"], report["styles"], store.uri, recipe, _asked(report))
    return retry_command(store.uri, report["run_id"]) if rejected else ""


def _asked(report: Mapping[str, Any]) -> Asked:
    """What a run was asked for; all, where a report is older than that."""
    said = report.get("asked", {})
    sets, garments, styles = (
        tuple(map(str, said.get(name, ()))) for name in ("style_sets", "garment_ids", "style_ids")
    )
    return Asked(sets, garments, styles, said.get("limit"), said.get("retry_of", ""))
