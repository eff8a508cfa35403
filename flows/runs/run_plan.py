"""A plan is carried out, shard by shard, and its report is written: a plain function.

Prefect's flows call it with a runner that makes shards Prefect's tasks, and a listener that tells Prefect what happens
(flows/orchestration).
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
from flows.logs import log_event
from flows.planning.estimates import estimate_seconds
from flows.planning.make_plan import correct_facts, keep_digests
from flows.planning.plan import Plan
from flows.planning.run_config import RunConfig, open_catalogs
from flows.recipes.kept import keep_recipe, kept_name
from flows.recipes.named import is_named
from flows.reports import progress
from flows.reports.monitoring import Gauges
from flows.reports.progress import Pace
from flows.reports.report import RunReport, write_contact_sheet, write_page, write_report
from flows.reports.report_files import page_uri
from flows.runs.listeners import Listener
from flows.runs.shard_runs import ShardRunner, ThreadedShards, make_unclaimed, run_shards
from flows.workers.fan_out import open_workers
from flows.workers.in_process import Workers
from flows.workers.rounds import settle_jobs

log = logging.getLogger(__name__)

COUNTED = ("state", "planned", "made", "already_there", "rejected", "held_back", "corrected", "seconds")
"""Fields of a report that the result of a run repeats."""


def run_plan(
    config: RunConfig, plan: Plan, listener: Listener | None = None, runner: ShardRunner | None = None
) -> dict[str, Any]:
    """Make a plan's designs and write the report; a run that is interrupted files what is finished.

    Args:
        config: the catalogs, the recipe and the device.
        plan: what is to be made.
        listener: is told what happens; the log is, if not given.
        runner: how shards are run; in threads of this process, if not given.

    Returns:
        Counts of the run, and where its report and contact sheet are; nothing is written if there is nothing to do.

    Raises:
        CatalogsError, FlowsError, StylecoreError or KeyboardInterrupt: what stopped the run, after its report is filed.
    """
    run = _Run(config, plan, listener or Listener())
    with Gauges(config.settings.pushgateway, config.run_id, run.pace) as gauges:
        gauges.count_rejected(run.report.rejected)
        try:
            result = _carry_out(run, runner or ThreadedShards(), gauges)
        except BaseException as error:
            log_event("run stopped", **_figures(run.report), reason=_reason(run.report, error))
            raise
        log_event("run finished", **_figures(run.report), report=result["report"])
        return result


class _Run:
    """What a run carries along: what it was asked for, its catalogs, its listener, its report and its pace."""

    def __init__(self, config: RunConfig, plan: Plan, listener: Listener) -> None:
        self.config, self.plan, self.listener = config, plan, listener
        self.report, self.pace = _new_report(config, plan), Pace(len(plan.jobs))
        self.catalogs = open_catalogs(config)
        self.designs = self.catalogs.designs
        self.began = time.monotonic()


def _carry_out(run: _Run, runner: ShardRunner, gauges: Gauges) -> dict[str, Any]:
    """Correct facts, prepare the catalog, make the designs and conclude."""
    report, plan, store = run.report, run.plan, run.designs.store
    report.corrected = correct_facts(run.config, plan)
    report.corrections = plan.corrections.each
    if not plan.jobs and not report.rejected:
        return _result(report, store, None)
    run.designs.prepare()
    keep_digests(plan)
    keep_recipe(store, run.config.recipe)
    expected = estimate_seconds(run.config)
    run.listener.on_plan(report, plan, expected)
    run.began = time.monotonic()
    # After a run that was killed, its report says what it had to do and what it had done.
    write_report(store, report)
    try:
        if plan.jobs:
            _settle_plan(run, runner, gauges, expected)
        report.state = "finished"
    except BaseException as error:
        report.state = "interrupted" if isinstance(error, run.listener.stops) else f"stopped: {error}"
        with suppress(CatalogsError):
            _file_report(run.designs, report, run.began)
        raise
    made = _file_report(run.designs, report, run.began)
    sheet = _write_contact_sheet(run, made)
    run.listener.on_end(store, report, plan, made, sheet)
    return _result(report, store, sheet)


def _settle_plan(run: _Run, runner: ShardRunner, gauges: Gauges, expected: float | None) -> None:
    """Open the workers, and have the plan's jobs settled; `expected` seconds a design give the size of shards."""
    config, jobs, designs = run.config, run.plan.jobs, run.designs
    claims, began = Claims(designs.store, config.run_id), time.monotonic()
    with (
        bound_contextvars(run=config.run_id),
        progress.show_progress(run.pace, "designs", run.listener.on_progress) as advance,
        claims.held(),
        open_workers(config, advance) as workers,
        runner,
    ):
        try:
            make = partial(make_unclaimed, claims, workers)
            run_all = partial(run_shards, runner, make, workers.concurrent_shards, designs)
            size = _designs_a_shard(expected, config.settings.shard_seconds, workers, len(jobs))
            for outcome in settle_jobs(jobs, size, designs, claims, run_all):
                run.report.add(outcome)
                run.report.seconds = round(time.monotonic() - began, 3)
                gauges.count_rejected(run.report.rejected)
                _write_running_report(designs.store, run.report)
                run.listener.on_outcome(outcome)
                if outcome.effort is None:
                    advance(len(outcome.settled))
        except BaseException:
            workers.stop()
            raise


def _write_running_report(designs: Store, report: RunReport) -> None:
    """Write the report of a run that goes on; a store that does not answer fails the next design all the same."""
    try:
        write_report(designs, report)
    except CatalogsError as error:
        log.warning("The report of the run that is on could not be written: %s", error)


def _designs_a_shard(expected: float | None, shard_seconds: float, workers: Workers, jobs: int) -> int:
    """As many designs as take `shard_seconds`; fewer where some workers would get none."""
    at_once = workers.concurrent_shards
    share = math.ceil(jobs / (2 * at_once)) if at_once > 1 else jobs
    lasting = int(shard_seconds / expected) if expected else 64
    return max(1, min(share, max(workers.batch, lasting)))


def _file_report(designs: DesignCatalog, report: RunReport, began: float) -> dict[str, str]:
    """File the report; the catalog says what this run has made, also after a retry or a stop."""
    made = designs.of_run(report.run_id)
    report.made = len(made)
    report.finished_at, report.seconds = datetime.now(UTC), round(time.monotonic() - began, 3)
    write_report(designs.store, report)
    return made


def _write_contact_sheet(run: _Run, made: dict[str, str]) -> str | None:
    """The sheet's URI; a run whose designs and report are filed does not fail for want of a sheet."""
    try:
        sheet = write_contact_sheet(
            run.catalogs, run.report, run.plan.jobs, made, run.config.settings.max_pixels
        )
        write_page(run.designs.store, run.report, sheet=bool(sheet))
    except Exception as error:
        run.listener.on_warning(f"The run is filed, but its contact sheet could not be made: {error}")
        return None
    return sheet


def _new_report(config: RunConfig, plan: Plan) -> RunReport:
    recipe = config.recipe
    return RunReport(
        run_id=config.run_id,
        recipe=recipe.name,
        recipe_digest=recipe.digest(),
        garments=config.garments,
        styles=config.styles,
        designs=config.designs,
        started_at=datetime.now(UTC),
        planned=len(plan.jobs),
        already_there=plan.done,
        held_back=plan.held_back,
        asked=plan.selection,
        recipe_again=recipe.name if is_named(recipe) else kept_name(recipe),
        problems=list(plan.problems),
        remarks=plan.remarks,
    )


def _reason(report: RunReport, error: BaseException) -> str:
    """Why a run stopped, in words; Prefect's own error of a signal has none."""
    return "stopped by a signal" if report.state == "interrupted" else str(error) or type(error).__name__


def _figures(report: RunReport) -> dict[str, Any]:
    """The fields of a log's last event on a run."""
    return {"run": report.run_id} | {name: getattr(report, name) for name in COUNTED}


def _result(report: RunReport, designs: Store, sheet: str | None) -> dict[str, Any]:
    page = page_uri(designs, report.run_id) if report.finished_at else None
    places = {"designs": designs.uri, "contact_sheet": sheet, "report": page}
    return {"run_id": report.run_id} | {name: getattr(report, name) for name in COUNTED} | places
