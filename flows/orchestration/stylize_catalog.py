"""The main flow: every garment in every style that is not made yet."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed
from prefect.tasks import exponential_backoff
from prefect.utilities.annotations import quote
from structlog.contextvars import bound_contextvars

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import CatalogsError, UnreachableError
from catalogs.storage.claims import Claims
from catalogs.storage.store_contract import Store
from flows.errors import NothingRejectedError, WorkerLostError
from flows.logs import as_json, event
from flows.painting.designing import Failure, Outcome
from flows.recipes.kept import keep_recipe, kept_name
from flows.recipes.named import is_named
from flows.reports import progress
from flows.reports.monitoring import Gauges
from flows.reports.progress import Pace, Standing
from flows.reports.report import (
    ProgressArtifact,
    RunReport,
    announce,
    publish,
    write_contact_sheet,
    write_page,
    write_report,
)
from flows.run.planning import DesignJob, Plan
from flows.run.preparing import (
    Place,
    correct_facts,
    estimate,
    keep_digests,
    make_plan,
    open_catalogs,
    recipe_again,
    rejected_by,
    require_same_recipe,
    resolve_place,
)
from flows.run.report_files import page_uri
from flows.settings import Settings, read_settings
from flows.workers.fan_out import open_workers
from flows.workers.in_process import Workers
from flows.workers.sharing import Shard, rounds

log = logging.getLogger(__name__)

RETRIES = 3
"""Times that a shard is tried again."""

_at_work: ContextVar[tuple[Claims, Workers]] = ContextVar("at_work")
_prepared: ContextVar[tuple[Place, Plan] | None] = ContextVar("prepared", default=None)


@contextmanager
def prepared(place: Place, plan: Plan) -> Iterator[None]:
    """While this lasts, the flow does this plan instead of reading the catalogs once more."""
    token = _prepared.set((place, plan))
    try:
        yield
    finally:
        _prepared.reset(token)


@flow(name="stylize-catalog", flow_run_name="{run_name}", validate_parameters=True)
def stylize_catalog(
    garments: str | None = None,
    styles: str | None = None,
    designs: str | None = None,
    recipe: str | None = None,
    style_sets: list[str] | str | None = None,
    garment_ids: list[str] | None = None,
    style_ids: list[str] | None = None,
    limit: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    run_name: str = "stylize-catalog",  # noqa: ARG001 - Prefect puts it into the run's name
) -> dict[str, Any]:
    """Make the designs that are not there yet; what is not given comes from the settings.

    Args:
        garments: the garment catalog: a folder or s3://bucket/prefix.
        styles: the style catalog, likewise.
        designs: the design catalog, likewise.
        recipe: a recipe's name, or a TOML file.
        style_sets: only styles of these sets; a trigger, which can only fill in text, may give names with
            commas between.
        garment_ids: only these garments.
        style_ids: only these styles.
        limit: make at most so many designs.
        device: auto, cpu, cuda, cuda:1, mps.
        workers: processes that make designs at once.
        run_name: what Prefect calls the run.

    Returns:
        Counts of the run, and where its report is; nothing is written if there is nothing to do.
    """
    settings = read_settings(workers)
    if settings.log == "json":
        as_json()
    if not (ready := _prepared.get()):
        place = resolve_place(settings, garments, styles, designs, recipe, device)
        ready = (
            place,
            make_plan(
                place,
                settings,
                _names(style_sets),
                limit,
                garment_ids=garment_ids or (),
                style_ids=style_ids or (),
            ),
        )
    place, plan = ready
    get_run_logger().info(
        "%d designs to make, %d there, %d rejected", len(plan.jobs), plan.done, len(plan.problems)
    )
    return run_plan(place, plan, settings)


@flow(name="retry-rejected", flow_run_name="retry {run_id}")
def retry_rejected(
    run_id: str = "newest",
    designs: str | None = None,
    recipe: str | None = None,
    device: str | None = None,
) -> dict[str, Any] | State[None]:
    """Try exactly what a run rejected once more, by that run's catalogs and recipe.

    Args:
        run_id: the run; `newest` takes the newest one that rejected anything.
        designs: the design catalog that has its report; the settings' if not given.
        recipe: the TOML file of its recipe, if it was none of the named ones.
        device: auto, cpu, cuda, cuda:1, mps.

    Returns:
        Counts of the run, as `stylize_catalog` does; where no run has rejected anything, a state that says so.
    """
    settings = read_settings()
    try:
        rejected = rejected_by(settings, designs, run_id)
    except NothingRejectedError as error:
        return Completed(message=str(error))
    chosen = recipe_again(rejected, recipe, settings)
    place = resolve_place(settings, rejected.garments, rejected.styles, rejected.designs, chosen, device)
    require_same_recipe(place, rejected)
    return run_plan(place, make_plan(place, settings, [], rejected=rejected), settings)


def _names(style_sets: list[str] | str | None) -> list[str]:
    listed = style_sets.split(",") if isinstance(style_sets, str) else style_sets or []
    return [name.strip() for name in listed if name.strip()]


@task(
    name="stylize-shard",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_jitter_factor=0.5,
    retry_condition_fn=lambda _task, _run, state: _worth_another_try(state),
)
def stylize_shard(jobs: Sequence[DesignJob], name: str) -> Outcome:
    """Make the designs of a shard that no other run is at work on: one style, some garments, minutes of work."""
    claims, workers = _at_work.get()
    wanted = {job.key for job in jobs}
    with claims.taken(wanted) as ours:
        outcome = workers.make([job for job in jobs if job.key in ours], name) if ours else Outcome()
    outcome.elsewhere = wanted - ours
    return outcome


def _worth_another_try(state: Any) -> bool:
    """Only a store that did not answer may answer the next time, and a shard may move to another worker."""
    try:
        state.result()
    except (UnreachableError, WorkerLostError):
        return True
    except Exception:
        return False
    return False


def run_plan(place: Place, plan: Plan, settings: Settings) -> dict[str, Any]:
    """Make a plan's designs, shard by shard, and leave the report; interrupted, it leaves a clean state."""
    report, pace = _report(place, plan), Pace(len(plan.jobs))
    with Gauges(settings.pushgateway, place.run_id, pace) as gauges:
        gauges.count_rejected(report.rejected)
        try:
            done = _carried_out(place, plan, settings, report, pace, gauges)
        except BaseException as error:
            event("run stopped", **_figures(report), reason=_reason(report, error))
            raise
        event("run finished", **_figures(report), report=done["report"])
        return done


def _reason(report: RunReport, error: BaseException) -> str:
    """Why a run stopped, in words; Prefect's own error of a signal has none."""
    return "stopped by a signal" if report.state == "interrupted" else str(error) or type(error).__name__


def _figures(report: RunReport) -> dict[str, Any]:
    """What a log's last event says of a run."""
    names = ("state", "planned", "made", "already_there", "rejected", "held_back", "corrected", "seconds")
    return {"run": report.run_id} | {name: getattr(report, name) for name in names}


def _carried_out(
    place: Place, plan: Plan, settings: Settings, report: RunReport, pace: Pace, gauges: Gauges
) -> dict[str, Any]:
    report.corrected, report.corrections = correct_facts(place, plan, settings), plan.corrections.found
    if not plan.jobs and not report.rejected:
        return _counts(report, open_catalogs(place, settings)[2].store, None)
    garments, styles, designs = open_catalogs(place, settings)
    designs.prepare()
    keep_digests(plan)
    keep_recipe(designs.store, place.recipe)
    expected = estimate(place, settings)
    announce(report, plan, expected)
    started = time.monotonic()
    # Whoever comes to look at a run that was killed finds what it had to do and what it had done.
    write_report(designs.store, report)
    try:
        if plan.jobs:
            _make(place, plan, settings, report, expected, pace, gauges)
        report.state = "finished"
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | TerminationSignal)
        report.state = "interrupted" if stopped else f"stopped: {error}"
        with suppress(CatalogsError):
            _conclude(designs, report, started)
        raise
    made = _conclude(designs, report, started)
    sheet = _contact_sheet(garments, styles, designs.store, report, plan, made, settings)
    try:
        publish(designs.store, report, plan, made, sheet)
    except Exception as error:
        _heard().warning("The run is filed, but its artifacts could not be published: %s", error)
    return _counts(report, designs.store, sheet)


def _conclude(designs: DesignCatalog, report: RunReport, started: float) -> dict[str, str]:
    """File the report; what was made is what the catalog says of this run, also after a retry or a stop."""
    made = designs.of_run(report.run_id)
    report.made = len(made)
    report.finished_at, report.seconds = datetime.now(UTC), round(time.monotonic() - started, 3)
    write_report(designs.store, report)
    return made


def _contact_sheet(
    garments: Store,
    styles: Store,
    designs: Store,
    report: RunReport,
    plan: Plan,
    made: dict[str, str],
    settings: Settings,
) -> str | None:
    """The sheet's URI; a run whose designs and report are filed does not fail for want of a sheet."""
    try:
        sheet = write_contact_sheet(garments, styles, designs, report, plan.jobs, made, settings.max_pixels)
        write_page(designs, report, sheet=bool(sheet))
        return sheet
    except Exception as error:
        _heard().warning("The run is filed, but its contact sheet could not be made: %s", error)
        return None


def _heard() -> logging.Logger | logging.LoggerAdapter[Any]:
    """Prefect's logger of the run, or, where a command has silenced it, the module's: a warning must be seen."""
    prefects = get_run_logger()
    return prefects if prefects.isEnabledFor(logging.WARNING) else log


def _make(
    place: Place,
    plan: Plan,
    settings: Settings,
    report: RunReport,
    expected: float | None,
    pace: Pace,
    gauges: Gauges,
) -> None:
    designs = open_catalogs(place, settings)[2]
    claims, prefects = Claims(designs.store, place.run_id), get_run_logger()
    artifact, began = ProgressArtifact(len(plan.jobs)), time.monotonic()

    def tell(standing: Standing) -> None:
        prefects.info("%s", standing)

    with (
        bound_contextvars(run=place.run_id),
        progress.shown(pace, "designs", tell) as advance,
        claims.held(),
        open_workers(place, settings, advance) as workers,
    ):
        token = _at_work.set((claims, workers))
        try:
            size = _designs_a_shard(expected, settings, workers, len(plan.jobs))
            for outcome in rounds(plan.jobs, size, designs, claims, partial(_make_all, workers, designs)):
                report.add(outcome)
                report.seconds = round(time.monotonic() - began, 3)
                gauges.count_rejected(report.rejected)
                _write_meanwhile(designs.store, report)
                artifact.add(outcome)
                if outcome.effort is None:
                    advance(len(outcome.settled))
        except BaseException:
            workers.stop()
            raise
        finally:
            _at_work.reset(token)


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


def _make_all(
    workers: Workers, designs: DesignCatalog, cut: Sequence[Shard]
) -> Iterator[tuple[Shard, Outcome]]:
    """Shards one after the other; with several workers, one for each at any time."""
    named = {
        f"shard {number} of {len(cut)}: {jobs[0].style.style_id}": jobs for number, jobs in enumerate(cut, 1)
    }
    if workers.seats == 1:
        for name, jobs in named.items():
            yield jobs, _outcome(designs, jobs, partial(stylize_shard, quote(jobs), name=name))
        return
    running: dict[PrefectFuture[Outcome], Shard] = {}
    for name, jobs in named.items():
        if len(running) == workers.seats:
            yield _next(designs, running)
        running[stylize_shard.submit(quote(jobs), name=name)] = jobs
    while running:
        yield _next(designs, running)


def _next(designs: DesignCatalog, running: dict[PrefectFuture[Outcome], Shard]) -> tuple[Shard, Outcome]:
    done = next(as_completed(list(running)))
    jobs = running.pop(done)
    return jobs, _outcome(designs, jobs, done.result)


def _outcome(designs: DesignCatalog, jobs: Shard, result: Callable[[], Outcome]) -> Outcome:
    """What came of a shard.

    The designs of one that loses every worker that takes it up are tried alone, and one that does so alone
    is put aside: a design that kills its worker must not end a night.
    """
    try:
        return result()
    except WorkerLostError as error:
        made = designs.existing([job.key for job in jobs], [jobs[0].style.style_id])
        lost = [job for job in jobs if job.key not in made]
        if len(jobs) > 1:
            return Outcome(met=sorted(made), settled=made, alone={job.key for job in lost})
        reason = f"its worker was lost {RETRIES + 1} times while it was in work; {error}"
        failures = [Failure(job.garment.garment_id, job.style.style_id, reason) for job in lost]
        return Outcome(met=sorted(made), failures=failures, settled={job.key for job in jobs})


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


def _counts(report: RunReport, designs: Store, sheet: str | None) -> dict[str, Any]:
    names = (
        "run_id",
        "state",
        "planned",
        "made",
        "already_there",
        "rejected",
        "held_back",
        "corrected",
        "seconds",
    )
    page = page_uri(designs, report.run_id) if report.finished_at else None
    places = {"designs": designs.uri, "contact_sheet": sheet, "report": page}
    return {name: getattr(report, name) for name in names} | places
