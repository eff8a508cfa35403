"""Commands that plan and carry out runs: run, retry."""

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flows.command.run_display import (
    show_facts_updated,
    show_newest_sheet,
    show_plan,
    show_result,
    show_stopped_run,
)
from flows.command.terminal import (
    OK,
    REJECTED,
    Designs,
    Device,
    Garments,
    RecipeName,
    Styles,
    StyleSets,
    finish,
    report_errors,
)
from flows.logs import log_as_json, log_event, say

if TYPE_CHECKING:
    from flows.planning.plan import Plan
    from flows.planning.run_config import RunConfig
    from flows.settings import Settings

STARTING = "Starting: settings, recipe and catalogs are read ..."

app = typer.Typer()

NumberOfWorkers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes that make designs at once. [STYLEMILL_WORKERS]"),
]


@app.command(
    "run",
    epilog="Example: stylemill run --garments ./garments --styles s3://looks/styles --designs s3://looks/designs",
)
def run_command(
    garments: Garments = None,
    styles: Styles = None,
    designs: Designs = None,
    recipe: RecipeName = None,
    style_set: StyleSets = None,
    garment: Annotated[
        list[str] | None, typer.Option("--garment", help="Only this garment; may be repeated.")
    ] = None,
    style: Annotated[
        list[str] | None, typer.Option("--style", help="Only this style; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Make at most so many designs.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    facts_only: Annotated[
        bool,
        typer.Option(
            "--facts-only",
            help="Make nothing; bring the facts of designs (titles, licences, ...) up to the catalogs.",
        ),
    ] = False,
    device: Device = None,
    workers: NumberOfWorkers = None,
) -> None:
    """Make the designs that are not there yet: every garment in every style."""
    with report_errors():
        # Before torch is loaded, which takes seconds.
        say(STARTING)
        from flows.planning.make_plan import make_plan
        from flows.planning.run_config import resolve_run_config
        from flows.planning.selection import Selection

        config = resolve_run_config(_settings(workers), garments, styles, designs, recipe, device)
        selection = Selection(
            tuple(style_set or ()), tuple(garment or ()), tuple(style or ()), limit, facts_only=facts_only
        )
        plan = make_plan(config, selection)
        if facts_only:
            _correct(config, plan, dry_run=dry_run)
        _carry_out(config, plan, dry_run=dry_run)


@app.command("retry", epilog="Example: stylemill retry --designs ./designs --run 20261121T031500-4f2a9c")
def retry_command(
    run_id: Annotated[str, typer.Option("--run", help="The run whose rejected are tried again.")],
    designs: Designs = None,
    recipe: RecipeName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    device: Device = None,
    workers: NumberOfWorkers = None,
) -> None:
    """Try exactly what a run rejected once more: its failed pairs, and all designs of records it could not use.

    Catalogs and recipe are those of the run; a recipe from a TOML file must be given again.
    """
    with report_errors():
        say(STARTING)
        from flows.planning.make_plan import make_plan
        from flows.planning.run_config import resolve_run_config
        from flows.planning.selection import Selection
        from flows.reports.rejections import read_rejected, recipe_of_run, require_same_recipe

        settings = _settings(workers)
        rejected = read_rejected(settings, designs, run_id)
        if not rejected.pairs and not rejected.records:
            say(
                f"Run {rejected.run_id} has rejected nothing. What comes next says 'stylemill status --designs"
                f" {rejected.designs} {rejected.run_id}'."
            )
            finish(OK)
        chosen = recipe_of_run(rejected, recipe, settings)
        config = resolve_run_config(
            settings, rejected.garments, rejected.styles, rejected.designs, chosen, device
        )
        require_same_recipe(config, rejected)
        _carry_out(config, make_plan(config, Selection(rejected=rejected)), dry_run=dry_run)


def _correct(config: "RunConfig", plan: "Plan", *, dry_run: bool) -> NoReturn:
    """Show a plan and correct facts, without making designs; ends the command."""
    from flows.planning.make_plan import correct_facts

    show_plan(config, plan, None)
    if not dry_run:
        updated = correct_facts(config, plan)
        if updated:
            show_facts_updated(updated)
        else:
            typer.echo("Nothing to update: all facts are as the catalogs say them.")
    finish(REJECTED if plan.problems else OK)


def _settings(workers: int | None) -> "Settings":
    """Read the settings; logs are JSON from here on where the settings say so."""
    from flows.settings import read_settings

    settings = read_settings(workers)
    if settings.log == "json":
        log_as_json()
    return settings


def _carry_out(config: "RunConfig", plan: "Plan", *, dry_run: bool) -> None:
    """Show a plan and carry it out; ends the command."""
    from flows.planning.estimates import estimate_seconds

    show_plan(config, plan, estimate_seconds(config))
    if dry_run:
        finish(REJECTED if plan.problems else OK)
    if not plan.jobs and not plan.problems:
        _finish_without_work(config, plan)
    from flows.orchestration.prefect_settings import require_prefect

    require_prefect()
    from flows.orchestration.prefect_api import prefect_api
    from flows.orchestration.stylize_catalog import PlannedRun, shown_parameters, stylize_planned

    with prefect_api():
        try:
            result = stylize_planned(shown_parameters(config, plan), PlannedRun(config, plan))
        except KeyboardInterrupt:
            show_stopped_run(config, plan)
            raise
    show_result(result)
    finish(REJECTED if result["rejected"] else OK)


def _finish_without_work(config: "RunConfig", plan: "Plan") -> NoReturn:
    """Correct facts where there is nothing to make; ends the command."""
    from flows.planning.make_plan import correct_facts

    existing = "the 1 design is" if plan.done == 1 else f"all {plan.done} designs are"
    typer.echo(f"Nothing to make: {existing} there." if plan.done else "Nothing to make.")
    if updated := correct_facts(config, plan):
        show_facts_updated(updated)
    show_newest_sheet(config)
    log_event(
        "run finished", run=config.run_id, state="finished", made=0, already_there=plan.done, rejected=0
    )
    finish(OK)
