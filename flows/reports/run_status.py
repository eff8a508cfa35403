"""What became of the runs of a design catalog, by the reports that runs write from their start on."""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import NotAllowedError, NotFoundError
from catalogs.storage.claims import Claims
from catalogs.storage.store_contract import Store
from flows.errors import ReportError, SettingsError
from flows.planning.selection import Selection
from flows.reports.command_lines import retry_command_line, run_command_line
from flows.reports.report_files import page_uri, read_report, run_ids
from stylecore.errors import nearest

KILLED, UNREADABLE = "killed", "unreadable"
ENDED = ("finished",)


@dataclass(frozen=True)
class RunStatus:
    """One run: its state, its counts, and the command that comes next, empty where none is needed.

    `state` is running, killed (it gives no sign of life), interrupted, finished, stopped with the reason, or
    unreadable with what is wrong with its report: then only `made` is known.
    """

    run: str
    state: str
    started_at: datetime | None
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
    """Return the newest `limit` runs of a catalog, newest first, or the one of this id.

    SettingsError where there is no such run.
    """
    ids = run_ids(catalog.store)
    if run_id and run_id not in ids:
        raise SettingsError(f"There is no run '{run_id}' in {catalog.store.uri}: {nearest(run_id, ids)}")
    reports = dict(_reports(catalog.store, [run_id] if run_id else ids[:limit]))
    running = (
        report
        for report in reports.values()
        if not isinstance(report, ReportError) and report["state"] == "running"
    )
    living = _living(catalog.store) if any(running) else set()
    made = Counter(catalog.read(["run_id"])["run_id"].to_pylist())
    return [
        _unreadable(catalog.store, run, report, made[run])
        if isinstance(report, ReportError)
        else _status(catalog.store, report, living, made[run])
        for run, report in reports.items()
    ]


def _reports(store: Store, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | ReportError]]:
    for run_id in ids:
        try:
            yield run_id, read_report(store, run_id)
        except ReportError as error:
            yield run_id, error
        except NotFoundError:
            # Removed meanwhile.
            continue


def _living(store: Store) -> set[str]:
    """Ids of runs that still send heartbeats; times are the store's own, where the store may be written."""
    claims = Claims(store, f"status-{uuid.uuid4().hex[:12]}")
    try:
        with claims.held():
            return claims.others()
    except NotAllowedError:
        return claims.others()


def _unreadable(store: Store, run: str, error: ReportError, made: int) -> RunStatus:
    """The status of a run whose report cannot be read: only the number of its designs is known."""
    return RunStatus(
        run, f"{UNREADABLE}: {error}", None, "", 0, made, 0, 0, 0, 0.0, page_uri(store, run), {}, ""
    )


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
    """The command that comes next: the same one after a run that did not end, a retry after one that rejected."""
    if state == "running":
        return ""
    asked = report.get("asked", {})
    if state not in ENDED and (retry_of := asked.get("retry_of")):
        return retry_command_line(store.uri, retry_of)
    if state not in ENDED:
        recipe = report.get("recipe_again") or report["recipe"]
        return run_command_line(report["garments"], report["styles"], store.uri, recipe, _selection(asked))
    return retry_command_line(store.uri, report["run_id"]) if rejected else ""


def _selection(asked: Mapping[str, Any]) -> Selection:
    """What a run was asked for; everything, where the report of an older version does not say it."""
    style_sets, garments, styles = (
        tuple(map(str, asked.get(name, ()))) for name in ("style_sets", "garment_ids", "style_ids")
    )
    return Selection(style_sets, garments, styles, asked.get("limit"))


def why_next(run: RunStatus) -> str:
    """Return a sentence on what the command that comes next does; an empty text where there is none."""
    if not run.next:
        return ""
    return (
        "What was rejected is tried again by:"
        if run.state in ENDED
        else "It goes on by (what others have made since is not made again):"
    )
