"""The command `stylemill`. Heavy parts are loaded by the command that needs them."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from catalogs.records import Problem
    from flows.planning import Plan
    from flows.preparing import Place

SHOWN_PROBLEMS = 30
OK, FAILED, USAGE, REJECTED, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # Locals of a traceback could hold credentials.
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A mill for apparel designs: garment templates x pattern styles -> design variants."
    "\n\nExit codes: 0 done; 1 could not go on; 2 wrong use or settings; 3 done, but some records were rejected;"
    " 130 interrupted (run the same command to go on).",
)

Garments = Annotated[
    str | None, typer.Option(help="Garment catalog: a folder or s3://bucket/prefix. [STYLEMILL_GARMENTS]")
]
Styles = Annotated[str | None, typer.Option(help="Style catalog, likewise. [STYLEMILL_STYLES]")]
Designs = Annotated[str | None, typer.Option(help="Design catalog, likewise. [STYLEMILL_DESIGNS]")]
RecipeName = Annotated[
    str | None, typer.Option(help="A recipe's name (see 'stylemill recipes') or a TOML file.")
]
StyleSets = Annotated[
    list[str] | None, typer.Option("--style-set", help="Only this style set; may be repeated.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]


@app.command(
    epilog="Example: stylemill run --garments ./garments --styles s3://looks/styles --designs s3://looks/designs"
)
def run(
    garments: Garments = None,
    styles: Styles = None,
    designs: Designs = None,
    recipe: RecipeName = None,
    style_set: StyleSets = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Make at most so many designs.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    device: Device = None,
) -> None:
    """Make the designs that are not there yet: every garment in every style."""
    with _reported():
        from flows.preparing import estimate, make_plan, resolve_place
        from flows.settings import read_settings

        settings = read_settings()
        place = resolve_place(settings, garments, styles, designs, recipe, device)
        plan = make_plan(place, settings, style_set or [], limit)
        _show_plan(place, plan, estimate(place, settings))
        if dry_run:
            _finish(REJECTED if plan.problems else OK)
        if not plan.jobs and not plan.problems:
            typer.echo(f"Nothing to make: all {plan.done} designs are there.")
            _finish(OK)
        from flows.stylize_catalog import prepared, server_named, stylize_catalog

        with prepared(place, plan), server_named():
            # The arguments are what Prefect shows of the run; what is done is the plan.
            done = stylize_catalog(
                garments=place.garments, styles=place.styles, designs=place.designs, recipe=recipe,
                style_sets=style_set, limit=limit, device=place.device,
            )  # fmt: skip
        _show_result(done)
        _finish(REJECTED if done["rejected"] else OK)


@app.command(epilog="Example: stylemill one tee.jpg batik.png out.png --mask tee_mask.png")
def one(
    content: Annotated[str, typer.Argument(help="The picture to paint on: a file or s3:// object.")],
    style: Annotated[str, typer.Argument(help="The picture whose style is taken.")],
    out: Annotated[str, typer.Argument(help="The PNG to write.")],
    mask: Annotated[str | None, typer.Option(help="White where the content is cloth.")] = None,
    recipe: RecipeName = None,
    device: Device = None,
) -> None:
    """Paint one picture in one style."""
    with _reported():
        from flows.stylize_one import stylize_one

        # The plain function: one picture wants no flow run and no server.
        typer.echo(stylize_one.fn(content, style, out, mask, recipe, device))


@app.command(epilog="Example: stylemill check --garments ./garments --styles ./styles")
def check(garments: Garments = None, styles: Styles = None) -> None:
    """Look at every row and picture of both catalogs and list all problems."""
    with _reported():
        from catalogs.contents import usable
        from catalogs.garments import read_garments
        from catalogs.stores import open_store
        from catalogs.styles import read_styles
        from flows.settings import read_settings

        settings = read_settings()
        problems: list[Problem] = []
        for name, uri, read in (
            ("garments", garments or settings.garments, read_garments),
            ("styles", styles or settings.styles, read_styles),
        ):
            if not uri:
                raise _usage(f"No {name} catalog: give --{name} URI or set STYLEMILL_{name.upper()}.")
            store = open_store(uri, settings.s3)
            reading: Any = read(store)
            good, bad = usable(store, reading.records, settings.max_pixels)
            problems += [*reading.problems, *bad]
            rows = len({p.row for p in reading.problems}) + len(bad)
            typer.echo(f"{store.uri}: {len(good)} {name} can be used, {rows} cannot.")
            for remark in reading.remarks:
                typer.echo(f"  note: {remark}")
        _show_problems(problems)
        _finish(REJECTED if problems else OK)


@app.command(epilog="Example: stylemill recipes studio > mine.toml")
def recipes(name: Annotated[str | None, typer.Argument(help="Show this recipe as TOML.")] = None) -> None:
    """List the named recipes, or show one as TOML to begin your own with."""
    with _reported():
        from flows.recipes import NAMED, as_toml, find_recipe

        if name:
            typer.echo(as_toml(find_recipe(name)), nl=False)
            return
        for known, function in NAMED.items():
            typer.echo(f"{known:12} {(function.__doc__ or '').strip()}")


@app.command(epilog="Example: stylemill sample ./sample")
def sample(
    folder: Annotated[str, typer.Argument(help="Folder to draw into; made if it is not there.")],
) -> None:
    """Draw a sample catalog of garments and styles, to try everything with."""
    with _reported():
        from catalogs.samples.catalog import write_sample
        from catalogs.stores import open_store

        store = open_store(folder)
        garments, styles = write_sample(store)
        typer.echo(f"{garments} garments in {store.uri}/garments, {styles} styles in {store.uri}/styles")


@app.command("list", epilog="Example: stylemill list --designs ./designs --style-set batik")
def list_designs(
    designs: Designs = None,
    style_set: StyleSets = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
) -> None:
    """List the newest designs of a catalog, with counts a style set and recipe."""
    with _reported():
        from catalogs.designs import DesignCatalog
        from catalogs.stores import open_store
        from flows.settings import read_settings

        settings = read_settings()
        uri = designs or settings.designs
        if not uri:
            raise _usage("No design catalog: give --designs URI or set STYLEMILL_DESIGNS.")
        store = open_store(uri, settings.s3)
        columns = ["created_at", "garment_id", "style_id", "style_set", "recipe", "loss_style", "image"]
        frame = DesignCatalog(store).read(columns).to_pandas()
        if style_set:
            frame = frame[frame["style_set"].isin(style_set)]
        _show_designs(frame, limit, store.uri)


@app.command(epilog="Example: stylemill landed autumn-26")
def landed(style_set: Annotated[str, typer.Argument(help="The style set that is complete.")]) -> None:
    """Tell the Prefect server that a style set has landed, which starts a run for it."""
    with _reported():
        from catalogs.errors import InvalidKeyError
        from catalogs.keys import check_id
        from flows.events import emit_landed

        try:
            check_id(style_set)
        except InvalidKeyError as error:
            raise _usage(str(error)) from error
        typer.echo(f"Told the server that '{style_set}' has landed (event {emit_landed(style_set)}).")


def main() -> None:
    """Entry point: quiet Prefect, then the command."""
    quiet_prefect()
    app()


def quiet_prefect() -> None:
    """Defaults for Prefect without a server: no telemetry, no chatter. What the user set stays."""
    defaults = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        "DO_NOT_TRACK": "1",
    }
    if not os.environ.get("PREFECT_API_URL"):
        # What goes wrong is said by the command itself, once and without a traceback.
        defaults["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
        defaults["PREFECT_SERVER_LOGGING_LEVEL"] = "CRITICAL"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


@contextmanager
def _reported() -> Iterator[None]:
    """Every error that we raise on purpose is one message and an exit code, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    from catalogs.errors import CatalogsError
    from flows.errors import FlowsError, SettingsError
    from stylecore.errors import RecipeError, StylecoreError

    try:
        yield
    except KeyboardInterrupt:
        _say("Stopped. Finished designs are filed; run the same command to go on.")
        _finish(INTERRUPTED)
    except (SettingsError, RecipeError) as error:
        _say(f"Error: {error}")
        _finish(USAGE)
    except (CatalogsError, FlowsError, StylecoreError) as error:
        _say(f"Error: {error}")
        _finish(FAILED)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _usage(message: str) -> Exception:
    from flows.errors import SettingsError

    return SettingsError(message)


def _say(message: str) -> None:
    typer.echo(message, err=True)


def _finish(code: int) -> NoReturn:
    raise typer.Exit(code)


def _show_plan(place: "Place", plan: "Plan", seconds: float | None) -> None:
    from rich.table import Table

    from flows.progress import screen

    table = Table(title=f"Plan with recipe {place.recipe.name} on {place.device}", show_header=False)
    table.add_row(
        "to make", f"{len(plan.jobs)} designs ({len(plan.garments)} garments, {len(plan.styles)} styles)"
    )
    table.add_row("already there", str(plan.done))
    table.add_row("rejected", f"{len(plan.problems)} problems")
    if plan.held_back:
        table.add_row("held back by --limit", str(plan.held_back))
    table.add_row(
        "expected", _duration(seconds * len(plan.jobs)) if seconds else "unknown until the first designs"
    )
    screen.print(table)
    for remark in plan.remarks:
        _say(f"note: {remark}")
    _show_problems(plan.problems[:SHOWN_PROBLEMS])
    if len(plan.problems) > SHOWN_PROBLEMS:
        _say(f"  ... and {len(plan.problems) - SHOWN_PROBLEMS} more: 'stylemill check' lists them all.")


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return (
        f"{seconds:.0f} s"
        if minutes < 2
        else f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.1f} h"
    )


def _show_problems(problems: "list[Problem] | tuple[Problem, ...]") -> None:
    for problem in problems:
        _say(f"  {problem}")


def _show_result(done: dict[str, Any]) -> None:
    typer.echo(
        f"{done['made']} new designs, {done['already_there']} already there, {done['rejected']} rejected"
        f" ({_duration(done['seconds'])})."
    )
    if done["report"]:
        typer.echo(f"Designs:       {done['designs']}")
        typer.echo(f"Report:        {done['report']}")
    if done["contact_sheet"]:
        typer.echo(f"Contact sheet: {done['contact_sheet']}")


def _show_designs(frame: Any, limit: int, uri: str) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = frame.groupby(["style_set", "recipe"]).size()
    typer.echo(f"{len(frame)} designs in {uri}")
    for (style_set, recipe), count in counts.items():
        typer.echo(f"  {style_set}, {recipe}: {count}")
    table = Table("made", "garment", "style", "set", "recipe", "style loss", "picture", box=None)
    for row in frame.sort_values("created_at", ascending=False).head(limit).itertuples():
        when = f"{row.created_at:%Y-%m-%d %H:%M}"
        table.add_row(
            when, row.garment_id, row.style_id, row.style_set, row.recipe, f"{row.loss_style:.4g}", row.image
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


if __name__ == "__main__":
    main()
