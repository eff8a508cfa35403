"""A plan carried out, shard by shard, and its report: a plain function.

Prefect's flows call it with a runner of their own for shards, and a listener that tells Prefect (flows/orchestration).
"""

import logging
import math
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from structlog.contextvars import bound_contextvars

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import CatalogsError
from catalogs.storage.claims import Claims
from catalogs.storage.store_contract import Store
from flows.logs import event
from flows.recipes.kept import keep_recipe, kept_name
from flows.recipes.named import is_named
from flows.reports import progress
from flows.reports.monitoring import Gauges
from flows.reports.progress import Pace
from flows.reports.report import RunReport, write_contact_sheet, write_page, write_report
from flows.run.planning import Plan
from flows.run.preparing import Place, correct_facts, estimate, keep_digests, open_catalogs
from flows.run.report_files import page_uri
from flows.running.listeners import Listener
from flows.running.shard_runs import ShardRunner, ThreadedShards, make_unclaimed, run_shards
from flows.settings import Settings
from flows.workers.fan_out import open_workers
from flows.workers.in_process import Workers
from flows.workers.sharing import rounds

log = logging.getLogger(__name__)

COUNTED = ("state", "planned", "made", "already_there", "rejected", "held_back", "corrected", "seconds")
"""What of a report a run's last words count."""


def run_plan(
    place: Place,
    plan: Plan,
    settings: Settings,
    listener: Listener | None = None,
    runner: ShardRunner | None = None,
) -> dict[str, Any]:
    """Make a plan's designs, and leave the report; interrupted, it leaves a clean state.

    Args:
        place: where catalogs and designs lie, the recipe and the device.
        plan: what is to be made.
        settings: the settings.
        listener: who is told; the log, if nobody.
        runner: how shards are run; in threads of this process, if not said.

    Returns:
        Counts of the run, and where its report and contact sheet are; nothing is written if there is nothing to do.

    Raises what stopped the run, after its report is filed.
    """
    told, run = listener or Listener(), _Run(place, plan, settings)
    with Gauges(settings.pushgateway, place.run_id, run.pace) as gauges:
        gauges.count_rejected(run.report.rejected)
        try:
            done = _carried_out(run, told, runner or ThreadedShards(), gauges)
        except BaseException as error:
            event("run stopped", **_figures(run.report), reason=_reason(run.report, error))
            raise
        event("run finished", **_figures(run.report), report=done["report"])
        return done


class _Run:
    """What a run carries along: what it was asked for, its report and its pace."""

    def __init__(self, place: Place, plan: Plan, settings: Settings) -> None:
        self.place, self.plan, self.settings = place, plan, settings
        self.report, self.pace = _report(place, plan), Pace(len(plan.jobs))
        self.garments, self.styles, self.designs = open_catalogs(place, settings)
        self.began = time.monotonic()


def _carried_out(run: _Run, told: Listener, runner: ShardRunner, gauges: Gauges) -> dict[str, Any]:
    report, plan, designs = run.report, run.plan, run.designs
    report.corrected = correct_facts(run.place, plan, run.settings)
    report.corrections = plan.corrections.found
    if not plan.jobs and not report.rejected:
        return _counts(report, designs.store, None)
    designs.prepare()
    keep_digests(plan)
    keep_recipe(designs.store, run.place.recipe)
    expected = estimate(run.place, run.settings)
    told.planned(report, plan, expected)
    run.began = time.monotonic()
    # Whoever comes to look at a run that was killed finds what it had to do and what it had done.
    write_report(designs.store, report)
    try:
        if plan.jobs:
            _make(run, told, runner, gauges, expected)
        report.state = "finished"
    except BaseException as error:
        report.state = "interrupted" if isinstance(error, told.stops) else f"stopped: {error}"
        with suppress(CatalogsError):
            _conclude(designs, report, run.began)
        raise
    made = _conclude(designs, report, run.began)
    sheet = _contact_sheet(run, made, told)
    told.concluded(designs.store, report, plan, made, sheet)
    return _counts(report, designs.store, sheet)


def _make(run: _Run, told: Listener, runner: ShardRunner, gauges: Gauges, expected: float | None) -> None:
    plan, designs = run.plan, run.designs
    claims, began = Claims(designs.store, run.place.run_id), time.monotonic()
    with (
        bound_contextvars(run=run.place.run_id),
        progress.shown(run.pace, "designs", told.stands) as advance,
        claims.held(),
        open_workers(run.place, run.settings, advance) as workers,
        runner,
    ):
        try:
            make = partial(make_unclaimed, claims, workers)
            size = _designs_a_shard(expected, run.settings, workers, len(plan.jobs))
            work = partial(run_shards, runner, make, workers.seats, designs)
            for outcome in rounds(plan.jobs, size, designs, claims, work):
                run.report.add(outcome)
                run.report.seconds = round(time.monotonic() - began, 3)
                gauges.count_rejected(run.report.rejected)
                _write_meanwhile(designs.store, run.report)
                told.settled(outcome)
                if outcome.effort is None:
                    advance(len(outcome.settled))
        except BaseException:
            workers.stop()
            raise


def _write_meanwhile(designs: Store, report: RunReport) -> None:
    """Write the report of a run that is on; a store that fails here is met again where it matters."""
    try:
        write_report(designs, report)
    except CatalogsError as error:
        log.warning("The report of the run that is on could not be written: %s", error)


def _designs_a_shard(expected: float | None, settings: Settings, workers: Workers, jobs: int) -> int:
    """As many as take `shard_seconds`; fewer where some workers would have none."""
    share = math.ceil(jobs / (2 * workers.seats)) if workers.seats > 1 else jobs
    lasting = int(settings.shard_seconds / expected) if expected else 64
    return max(1, min(share, max(workers.batch, lasting)))


def _conclude(designs: DesignCatalog, report: RunReport, began: float) -> dict[str, str]:
    """File the report; what was made is what the catalog says of this run, also after a retry or a stop."""
    made = designs.of_run(report.run_id)
    report.made = len(made)
    report.finished_at, report.seconds = datetime.now(UTC), round(time.monotonic() - began, 3)
    write_report(designs.store, report)
    return made


def _contact_sheet(run: _Run, made: dict[str, str], told: Listener) -> str | None:
    """The sheet's URI; a run whose designs and report are filed does not fail for want of a sheet."""
    store = run.designs.store
    try:
        sheet = write_contact_sheet(
            run.garments, run.styles, store, run.report, run.plan.jobs, made, run.settings.max_pixels
        )
        write_page(store, run.report, sheet=bool(sheet))
    except Exception as error:
        told.warned(f"The run is filed, but its contact sheet could not be made: {error}")
        return None
    return sheet


def _report(place: Place, plan: Plan) -> RunReport:
    return RunReport(
        run_id=place.run_id,
        recipe=place.recipe.name,
        recipe_digest=place.recipe.digest(),
        garments=place.garments,
        styles=place.styles,
        designs=place.designs,
        started_at=datetime.now(UTC),
        planned=len(plan.jobs),
        already_there=plan.done,
        held_back=plan.held_back,
        asked=plan.asked,
        recipe_again=place.recipe.name if is_named(place.recipe) else kept_name(place.recipe),
        problems=list(plan.problems),
        remarks=plan.remarks,
    )


def _reason(report: RunReport, error: BaseException) -> str:
    """Why a run stopped, in words; Prefect's own error of a signal has none."""
    return "stopped by a signal" if report.state == "interrupted" else str(error) or type(error).__name__


def _figures(report: RunReport) -> dict[str, Any]:
    """What a log's last event says of a run."""
    return {"run": report.run_id} | {name: getattr(report, name) for name in COUNTED}


def _counts(report: RunReport, designs: Store, sheet: str | None) -> dict[str, Any]:
    page = page_uri(designs, report.run_id) if report.finished_at else None
    places = {"designs": designs.uri, "contact_sheet": sheet, "report": page}
    return {"run_id": report.run_id} | {name: getattr(report, name) for name in COUNTED} | places
