"""What became of the runs of a design catalog, from the reports that they leave from their start on."""

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
from flows.run.report_files import page_uri, read_report, run_ids
from flows.run.run_command import Asked, retry_command, run_command
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
    """The newest runs of a catalog, newest first, or the one of this id.

    SettingsError where there is no such run.
    """
    ids = run_ids(catalog.store)
    if run_id and run_id not in ids:
        raise SettingsError(f"There is no run '{run_id}' in {catalog.store.uri}: {nearest(run_id, ids)}")
    reports = dict(_reports(catalog.store, [run_id] if run_id else ids[:limit]))
    on = (one for one in reports.values() if not isinstance(one, ReportError) and one["state"] == "running")
    living = _living(catalog.store) if any(on) else set()
    made = Counter(catalog.read(["run_id"])["run_id"].to_pylist())
    return [
        _unreadable(catalog.store, run, one, made[run])
        if isinstance(one, ReportError)
        else _status(catalog.store, one, living, made[run])
        for run, one in reports.items()
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
    """Runs that give signs of life; times are the store's own, where it may be written."""
    claims = Claims(store, f"status-{uuid.uuid4().hex[:12]}")
    try:
        with claims.held():
            return claims.others()
    except NotAllowedError:
        return claims.others()


def _unreadable(store: Store, run: str, error: ReportError, made: int) -> RunStatus:
    """All that is known of a run whose report cannot be read."""
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


def why_next(run: RunStatus) -> str:
    """What the command that comes next does; empty where there is none."""
    if not run.next:
        return ""
    return (
        "What was rejected is tried again by:"
        if run.state in ENDED
        else "It goes on by (what others have made since is not made again):"
    )
