"""Commands that show what a design catalog holds: list, status."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command.terminal import (
    Designs,
    StyleSets,
    open_design_catalog,
    report_errors,
    require_designs,
    usage_error,
)
from flows.wording import format_count, format_duration

if TYPE_CHECKING:
    from catalogs.designs.design_catalog import DesignCatalog
    from flows.reports.run_status import RunStatus

LISTED = ["created_at", "garment_id", "style_id", "style_set", "recipe", "loss_style", "image"]
WIDE = 170
"""Columns of a terminal that have room for a picture's key."""
PIPED = 200
"""Columns for a file or another program."""

app = typer.Typer()


@app.command("list", epilog="Example: stylemill list --designs ./designs --style-set heritage")
def list_command(
    designs: Designs = None,
    style_set: StyleSets = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every column of theirs, as CSV.")] = False,
) -> None:
    """List the newest designs of a catalog, with counts a style set and recipe."""
    with report_errors():
        catalog = open_design_catalog(designs)
        frame = catalog.read(None if as_csv else LISTED).to_pandas()
        if style_set:
            _require_style_sets(style_set, set(frame["style_set"]), catalog.store.uri)
            frame = frame[frame["style_set"].isin(style_set)]
        newest = frame.sort_values("created_at", ascending=False).head(limit)
        if as_csv:
            _write_csv(catalog, newest)
        else:
            _show_designs(frame, newest, catalog.store.uri)


@app.command("status", epilog="Example: stylemill status --designs ./designs 20261121T031500-4f2a9c")
def status_command(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="One run, with what comes next.")] = "",
    designs: Designs = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a run.")] = False,
) -> None:
    """Say what became of runs: running, killed, interrupted, stopped or finished, with counts and the next command."""
    with report_errors():
        import json

        from flows.reports.run_status import run_statuses

        catalog = open_design_catalog(designs, may_be_empty=True)
        statuses = run_statuses(catalog, run_id, limit)
        if not statuses:
            require_designs(catalog.store)
            if not as_json:
                typer.echo("No run has left a report here.")
        for status in statuses:
            if as_json:
                typer.echo(json.dumps(vars(status), default=str, ensure_ascii=False))
            else:
                _show_status(status, whole=bool(run_id))


def _show_status(run: "RunStatus", *, whole: bool) -> None:
    from flows.reports.run_status import why_next

    state = f"{run.run}  {run.state.partition(':')[0]:11}"
    if run.started_at is None:
        typer.echo(f"{state}  {format_count(run.made, 'design')} made")
    else:
        made = f"{run.made} of {format_count(run.planned, 'design')}"
        typer.echo(
            f"{state}  {made} made, {run.rejected} rejected, {format_duration(run.seconds)}, recipe {run.recipe}"
        )
    if not whole:
        return
    for reason, count in run.reasons.items():
        typer.echo(f"  {count} x {reason}")
    if ":" in run.state:
        typer.echo(f"  {run.state.partition(': ')[2]}")
    typer.echo(f"Report:        {run.report}")
    if run.next:
        typer.echo(f"{why_next(run)}\n  {run.next}")


def _write_csv(catalog: "DesignCatalog", newest: Any) -> None:
    """Write designs with people's verdicts and stars to standard output."""
    from catalogs.designs.reviews.review_log import ReviewLog
    from catalogs.exports.items import Item
    from catalogs.exports.spreadsheet import write_csv

    reviews = ReviewLog(catalog.store)
    reviews.catch_up()
    opinions = reviews.opinions
    rows = newest.to_dict("records")
    items = (Item(row, opinions.verdict(row["design_id"]), opinions.stars(row["design_id"])) for row in rows)
    write_csv(items, sys.stdout.buffer)


def _require_style_sets(wanted: list[str], present: set[str], uri: str) -> None:
    """Raise SettingsError for a set of which there is no design."""
    from stylecore.errors import nearest

    for name in wanted:
        if name not in present:
            raise usage_error(
                f"There is no design of a style set '{name}' in {uri}: {nearest(name, present)}"
            )


def _show_designs(frame: Any, newest: Any, uri: str) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = frame.groupby(["style_set", "recipe"]).size()
    typer.echo(f"{format_count(len(frame), 'design')} in {uri}")
    for (style_set, recipe), count in counts.items():
        typer.echo(f"  {style_set}, {recipe}: {count}")
    # Names may hold what rich takes for a style, as "loud [v2]".
    console = Console(width=None if sys.stdout.isatty() else PIPED, markup=False, emoji=False)
    names = ["made", "garment", "style", "set", "recipe", "style loss"]
    # A picture's key has 90 letters. Where a column has no room for the key, it gets a line of its own, which a
    # terminal breaks without a sign between, so that a person can copy the key whole.
    beside = console.width >= WIDE
    table = Table(*names, *(["picture"] if beside else []), box=None)
    for row in newest.itertuples():
        cells = [f"{row.created_at:%m-%d %H:%M}", row.garment_id, row.style_id, row.style_set, row.recipe]
        table.add_row(*cells, f"{row.loss_style:.4g}", *([row.image] if beside else []))
    console.print(table)
    if not beside:
        typer.echo("pictures, in the same order:")
        for image in newest["image"]:
            typer.echo(image)
