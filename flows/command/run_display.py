"""What a person sees of a run in the terminal: its plan before it starts, and its result."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from flows.command.terminal import show_problems
from flows.logs import is_json, log_event, say
from flows.wording import format_count, format_duration

if TYPE_CHECKING:
    from flows.planning.plan import Plan
    from flows.planning.run_config import RunConfig

SHOWN_PROBLEMS = 30
START = "some 10 to 40 s to start"
"""Torch, weights and Prefect's temporary server; the time does not grow with the designs."""
UNKNOWN = "unknown until the first designs"


def show_plan(config: "RunConfig", plan: "Plan", seconds: float | None) -> None:
    """Show the plan as a table, or log it as an event; then its notes and problems.

    `seconds` are expected a design, None where nothing is known.
    """
    if is_json():
        log_event(
            "plan", to_make=len(plan.jobs), garments=len(plan.garments), styles=len(plan.styles),
            already_there=plan.done, facts_to_update=plan.corrections.designs, rejected=len(plan.problems),
            held_back=plan.held_back,
            expected_seconds=round(seconds * len(plan.jobs), 1) if seconds else None, recipe=config.recipe.name,
            recipe_digest=config.recipe.digest(), device=config.device, run=config.run_id,
        )  # fmt: skip
    else:
        _show_table(config, plan, seconds)
    for remark in plan.remarks[:SHOWN_PROBLEMS]:
        say(f"note: {remark}")
    if len(plan.remarks) > SHOWN_PROBLEMS:
        say(f"  ... and {len(plan.remarks) - SHOWN_PROBLEMS} more notes: 'stylemill check' lists them all.")
    show_problems(plan.problems[:SHOWN_PROBLEMS])
    if len(plan.problems) > SHOWN_PROBLEMS:
        say(f"  ... and {len(plan.problems) - SHOWN_PROBLEMS} more: 'stylemill check' lists them all.")


def _show_table(config: "RunConfig", plan: "Plan", seconds: float | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from flows.reports.progress import screen

    # A Text: a recipe's name may hold what rich takes for a style, as "loud [v2]".
    title = Text(f"Plan with recipe {config.recipe.name} on {config.device}", style="table.title")
    table = Table(title=title, show_header=False)
    garments, styles = format_count(len(plan.garments), "garment"), format_count(len(plan.styles), "style")
    table.add_row("to make", f"{format_count(len(plan.jobs), 'design')} ({garments}, {styles})")
    table.add_row("already there", str(plan.done))
    if plan.corrections.designs:
        columns = ", ".join(sorted({correction.column for correction in plan.corrections.each}))
        table.add_row("facts to update", f"{format_count(plan.corrections.designs, 'design')} ({columns})")
    table.add_row("rejected", format_count(len(plan.problems), "problem"))
    if plan.held_back:
        table.add_row("left for another run", format_count(plan.held_back, "design"))
    if plan.jobs:
        expected = f"about {format_duration(seconds * len(plan.jobs))}, and {START}" if seconds else UNKNOWN
        table.add_row("expected", expected)
    screen.print(table)


def show_result(result: dict[str, Any]) -> None:
    """Print the counts of a run, and where its designs and report are; `result` is that of `run_plan`."""
    typer.echo(
        f"{format_count(result['made'], 'new design')}, {result['already_there']} already there,"
        f" {result['rejected']} rejected ({format_duration(result['seconds'])})."
    )
    if result["corrected"]:
        show_facts_updated(result["corrected"])
    if result["report"]:
        _show_places(result["designs"], result["report"], result["contact_sheet"])


def show_facts_updated(designs: int) -> None:
    """Print of how many designs the facts were updated."""
    typer.echo(f"The facts of {format_count(designs, 'design')} were updated from the catalogs.")


def show_stopped_run(config: "RunConfig", plan: "Plan") -> None:
    """Print how much a run that was stopped has made, and where its report is."""
    from catalogs.errors import CatalogsError
    from flows.planning.run_config import open_catalogs
    from flows.reports.report_files import page_uri

    designs = open_catalogs(config).designs
    with suppress(CatalogsError):
        made, page = len(designs.of_run(config.run_id)), page_uri(designs.store, config.run_id)
        typer.echo(f"{made} of {format_count(len(plan.jobs), 'design')} made.")
        filed = designs.store.exists(page.removeprefix(f"{designs.store.uri}/"))
        _show_places(designs.store.uri, page if filed else None, None)


def _show_places(designs: str, report: str | None, sheet: str | None) -> None:
    for name, place in (("Designs:", designs), ("Report:", report), ("Contact sheet:", sheet)):
        if place:
            typer.echo(f"{name:14} {place}")


def show_newest_sheet(config: "RunConfig") -> None:
    """Print where the designs and the newest contact sheet are; a run's id begins with its time."""
    from catalogs import keys
    from flows.planning.run_config import open_catalogs

    store = open_catalogs(config).designs.store
    entries = store.list(f"{keys.RUNS}/")
    sheets = [entry.key for entry in entries if entry.key.endswith("/contact_sheet.png")]
    _show_places(store.uri, None, f"{store.uri}/{max(sheets)}" if sheets else None)
