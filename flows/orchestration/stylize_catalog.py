"""The flows that make designs: all that a catalog lacks, a plan that was made, and what a run rejected.

Each flow is a thin shell around `run_plan` (flows/runs): shards are Prefect's tasks, which Prefect tries again and
shows, and a listener reports the progress of the run to Prefect.
"""

import logging
from collections.abc import Collection, Mapping
from functools import partial
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
from flows.logs import log_as_json
from flows.orchestration.artifacts import ProgressArtifact, publish_plan, publish_result
from flows.painting.outcome import Outcome
from flows.planning.make_plan import make_plan
from flows.planning.plan import Plan
from flows.planning.run_config import RunConfig, resolve_run_config
from flows.planning.selection import Selection
from flows.reports.progress import RunProgress
from flows.reports.rejections import read_rejected, recipe_of_run, require_same_recipe
from flows.reports.report import RunReport
from flows.runs.listeners import Listener
from flows.runs.run_plan import run_plan
from flows.runs.shard_runs import FIRST_WAIT, RETRIED_ERRORS, RETRIES, MakeShard
from flows.settings import read_settings
from flows.workers.rounds import Shard

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
        log_as_json()
    config = resolve_run_config(settings, garments, styles, designs, recipe, device)
    selection = Selection(_names(style_sets), tuple(garment_ids or ()), tuple(style_ids or ()), limit)
    return _run(config, make_plan(config, selection))


class PlannedRun:
    """A plan that was made already, for the flow that carries it out.

    Prefect sends the parameters of a flow to its server as JSON, if it can. A plan may have a million jobs, and settings
    hold passwords: this object has no attributes that Prefect could look into, so it sends the class's name.
    """

    __slots__ = ("_carry_out",)

    def __init__(self, config: RunConfig, plan: Plan) -> None:
        """Take the plan and the configuration that it was made for."""
        self._carry_out = partial(_run, config, plan)

    def __call__(self) -> dict[str, Any]:
        """Make the designs; returns the counts of the run."""
        return self._carry_out()


@flow(name="stylize-catalog", flow_run_name="stylize-catalog", validate_parameters=False)
def stylize_planned(asked: Mapping[str, Any], planned: PlannedRun) -> dict[str, Any]:  # noqa: ARG001
    """Make the designs of a plan that a command has made and shown.

    Args:
        asked: what the run was asked for, as plain values; Prefect shows it with the run.
        planned: the plan.

    Returns:
        What `stylize_catalog` returns, whose runs Prefect shows under the same name.
    """
    return planned()


def shown_parameters(config: RunConfig, plan: Plan) -> dict[str, Any]:
    """What a run was asked for, as plain values without settings: places, recipe and selection."""
    asked = {name: value for name, value in plan.selection.as_record().items() if value}
    return {
        "garments": config.garments, "styles": config.styles, "designs": config.designs,
        "recipe": config.recipe.name, "device": config.device, **asked,
    }  # fmt: skip


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
        rejected = read_rejected(settings, designs, run_id)
    except NothingRejectedError as error:
        return Completed(message=str(error))
    chosen = recipe_of_run(rejected, recipe, settings)
    config = resolve_run_config(
        settings, rejected.garments, rejected.styles, rejected.designs, chosen, device
    )
    require_same_recipe(config, rejected)
    return _run(config, make_plan(config, Selection(rejected=rejected)))


def _names(style_sets: list[str] | str | None) -> tuple[str, ...]:
    listed = style_sets.split(",") if isinstance(style_sets, str) else style_sets or []
    return tuple(name.strip() for name in listed if name.strip())


def _run(config: RunConfig, plan: Plan) -> dict[str, Any]:
    if config.settings.log == "json":
        # Again in the flow: Prefect sets its loggers up when a flow begins.
        log_as_json()
    get_run_logger().info(
        "%d designs to make, %d there, %d rejected", len(plan.jobs), plan.done, len(plan.problems)
    )
    return run_plan(config, plan, PrefectListener(len(plan.jobs)), ShardTasks())


@task(
    name="stylize-shard",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(backoff_factor=FIRST_WAIT),
    retry_jitter_factor=0.5,
    retry_condition_fn=lambda _task, _run, state: _may_pass(state),
)
def stylize_shard(make: Any, jobs: Any, name: str) -> Outcome:
    """Make the designs of a shard: one style, some garments, minutes of work.

    `make` is a MakeShard and `jobs` a Shard, quoted: Prefect does not look into them.
    """
    made: Outcome = make(jobs, name)
    return made


def _may_pass(state: Any) -> bool:
    """Whether the error of a task may not come again at another try."""
    try:
        state.result()
    except RETRIED_ERRORS:
        return True
    except Exception:
        return False
    return False


class ShardTasks:
    """Runs shards as tasks of Prefect; see `flows.runs.shard_runs.ShardRunner`."""

    def run(self, make: MakeShard, jobs: Shard, name: str) -> Outcome:
        """Run one shard in the calling thread."""
        return stylize_shard(quote(make), quote(jobs), name=name)

    def submit(self, make: MakeShard, jobs: Shard, name: str) -> PrefectFuture[Outcome]:
        """Run one shard beside others; returns its future."""
        return stylize_shard.submit(quote(make), quote(jobs), name=name)

    def first_done(self, running: Collection[PrefectFuture[Outcome]]) -> PrefectFuture[Outcome]:
        """Wait until one of these futures is done; returns it."""
        return next(as_completed(list(running)))

    def __enter__(self) -> Self:
        """Return this runner; Prefect starts and ends its tasks itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: Prefect waits for its tasks itself."""


class PrefectListener(Listener):
    """Shows what happens in a run as artifacts, and as lines of the log of Prefect's flow run."""

    stops = (KeyboardInterrupt, TerminationSignal)

    def __init__(self, total: int) -> None:
        """Begin at none of `total` designs."""
        self._log, self._artifact = get_run_logger(), ProgressArtifact(total)

    def on_plan(self, report: RunReport, plan: Plan, seconds_a_design: float | None) -> None:
        """Publish the plan as an artifact."""
        publish_plan(report, plan, seconds_a_design)

    def on_progress(self, progress: RunProgress) -> None:
        """Write a line into the flow run's log."""
        self._log.info("%s", progress)

    def on_outcome(self, outcome: Outcome) -> None:
        """Update the progress artifact of the run."""
        self._artifact.add(outcome)

    def on_end(
        self, store: Store, report: RunReport, plan: Plan, made: Mapping[str, str], sheet: str | None
    ) -> None:
        """Publish the result as artifacts; a run that is filed does not fail for want of them."""
        try:
            publish_result(store, report, plan, made, sheet)
        except Exception as error:
            self.on_warning(f"The run is filed, but its artifacts could not be published: {error}")

    def on_warning(self, text: str) -> None:
        """Warn in the flow run's log, or, where a command has silenced that, in the module's, so that it is seen."""
        audible = self._log if self._log.isEnabledFor(logging.WARNING) else log
        audible.warning(text)
