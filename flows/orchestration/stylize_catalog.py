"""The flows that make designs: all that a catalog lacks, a plan that was made, and what a run rejected.

Each is a thin shell around `run_plan` (flows/running): shards are Prefect's tasks, which Prefect tries again and shows,
and Prefect hears how far the run is.
"""

import logging
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed
from prefect.tasks import exponential_backoff
from prefect.utilities.annotations import quote

from catalogs.storage.store_contract import Store
from flows.errors import NothingRejectedError
from flows.logs import as_json
from flows.orchestration.artifacts import ProgressArtifact, announce, publish
from flows.painting.designing import Outcome
from flows.reports.progress import Standing
from flows.reports.report import RunReport
from flows.run.planning import Plan
from flows.run.preparing import (
    Place,
    make_plan,
    recipe_again,
    rejected_by,
    require_same_recipe,
    resolve_place,
)
from flows.running.listeners import Listener
from flows.running.run_plan import run_plan
from flows.running.shard_runs import PASSING, RETRIES, MakeShard
from flows.settings import Settings, read_settings
from flows.workers.sharing import Shard

log = logging.getLogger(__name__)


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
    place = resolve_place(settings, garments, styles, designs, recipe, device)
    plan = make_plan(
        place,
        settings,
        _names(style_sets),
        limit,
        garment_ids=garment_ids or (),
        style_ids=style_ids or (),
    )
    return _run(place, plan, settings)


class PlannedRun:
    """A plan that was made already, for the flow that carries it out; Prefect does not look into it."""

    def __init__(self, place: Place, plan: Plan, settings: Settings) -> None:
        """Where, what, and by which settings."""
        self.place, self.plan, self.settings = place, plan, settings


@flow(name="stylize-catalog", flow_run_name="stylize-catalog", validate_parameters=False)
def stylize_planned(planned: PlannedRun) -> dict[str, Any]:
    """Make the designs of a plan that a command has made and shown.

    Returns what `stylize_catalog` returns, whose runs Prefect shows under the same name.
    """
    return _run(planned.place, planned.plan, planned.settings)


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
    return _run(place, make_plan(place, settings, [], rejected=rejected), settings)


def _names(style_sets: list[str] | str | None) -> list[str]:
    listed = style_sets.split(",") if isinstance(style_sets, str) else style_sets or []
    return [name.strip() for name in listed if name.strip()]


def _run(place: Place, plan: Plan, settings: Settings) -> dict[str, Any]:
    get_run_logger().info(
        "%d designs to make, %d there, %d rejected", len(plan.jobs), plan.done, len(plan.problems)
    )
    return run_plan(place, plan, settings, ToldToPrefect(len(plan.jobs)), ShardTasks())


@task(
    name="stylize-shard",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_jitter_factor=0.5,
    retry_condition_fn=lambda _task, _run, state: _worth_another_try(state),
)
def stylize_shard(make: Any, jobs: Any, name: str) -> Outcome:
    """Make the designs of a shard: one style, some garments, minutes of work.

    `make` is a MakeShard and `jobs` a Shard, quoted: Prefect does not look into them.
    """
    made: Outcome = make(jobs, name)
    return made


def _worth_another_try(state: Any) -> bool:
    """Whether another try may go well."""
    try:
        state.result()
    except PASSING:
        return True
    except Exception:
        return False
    return False


class ShardTasks:
    """Shards as tasks of Prefect; see `flows.running.shard_runs.ShardRunner`."""

    def run(self, make: MakeShard, jobs: Shard, name: str) -> Outcome:
        """Run one, in the thread that asks."""
        return stylize_shard(quote(make), quote(jobs), name=name)

    def submit(self, make: MakeShard, jobs: Shard, name: str) -> PrefectFuture[Outcome]:
        """Run one beside others."""
        return stylize_shard.submit(quote(make), quote(jobs), name=name)

    def first_done(self, running: Collection[PrefectFuture[Outcome]]) -> PrefectFuture[Outcome]:
        """Wait for one of these."""
        return next(as_completed(list(running)))

    def __enter__(self) -> Self:
        """Prefect waits for its tasks itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Prefect waits for its tasks itself."""


class ToldToPrefect(Listener):
    """What happens in a run as artifacts and lines of the log of Prefect's flow run."""

    stops = (KeyboardInterrupt, TerminationSignal)

    def __init__(self, total: int) -> None:
        """Of `total` designs."""
        self._log, self._artifact = get_run_logger(), ProgressArtifact(total)

    def planned(self, report: RunReport, plan: Plan, seconds_a_design: float | None) -> None:
        """The plan as an artifact."""
        announce(report, plan, seconds_a_design)

    def stands(self, standing: Standing) -> None:
        """A line of the flow run's log."""
        self._log.info("%s", standing)

    def settled(self, outcome: Outcome) -> None:
        """The progress as an artifact."""
        self._artifact.add(outcome)

    def concluded(
        self, store: Store, report: RunReport, plan: Plan, made: Mapping[str, str], sheet: str | None
    ) -> None:
        """The result as artifacts; a run that is filed does not fail for want of them."""
        try:
            publish(store, report, plan, made, sheet)
        except Exception as error:
            self.warned(f"The run is filed, but its artifacts could not be published: {error}")

    def warned(self, text: str) -> None:
        """The flow run's log, or, where a command has silenced it, the module's: a warning must be seen."""
        heard = self._log if self._log.isEnabledFor(logging.WARNING) else log
        heard.warning(text)
