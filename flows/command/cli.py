"""The command `stylemill`. Heavy parts are loaded by the command that needs them."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from flows.command import design_commands, picture_commands, standard_streams
from flows.command.terminal import (
    FAILED,
    OK,
    REJECTED,
    USAGE,
    Designs,
    Device,
    RecipeName,
    StyleSets,
    finish,
    reported,
    usage,
)
from flows.errors import OutputError
from flows.logs import as_json, event, is_json, say
from flows.orchestration.loopback import spare_loopback
from flows.orchestration.prefect_settings import quiet_prefect
from flows.wording import counted, duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalogs.inputs.repeats import Cloth
    from catalogs.records import Problem
    from catalogs.storage.store_contract import Store
    from flows.run.checking import Checked
    from flows.run.planning import Plan
    from flows.run.preparing import Place
    from flows.settings import Settings

SHOWN_PROBLEMS = 30
START = "some 10 to 40 s to start"
"""Torch, weights and Prefect's temporary server; it does not grow with the designs."""
UNKNOWN = "unknown until the first designs"

STARTING = "Starting: settings, recipe and catalogs are read ..."

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
Styles = Annotated[
    str | None, typer.Option(help="Style catalog: a folder or s3://bucket/prefix. [STYLEMILL_STYLES]")
]
NumberOfWorkers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes that make designs at once. [STYLEMILL_WORKERS]"),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stylemill {version('stylemill')}")
        finish(OK)


# Declares the option only; the option's own callback, which is eager, does the work.
@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Example: stylemill run --garments ./garments --styles s3://looks/styles --designs s3://looks/designs"
)
def run(
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
    with reported():
        # Before torch is loaded, which takes seconds.
        say(STARTING)
        from flows.run.preparing import make_plan, resolve_place

        settings = _settings(workers)
        place = resolve_place(settings, garments, styles, designs, recipe, device)
        plan = make_plan(
            place,
            settings,
            style_set or [],
            limit,
            garment_ids=garment or (),
            style_ids=style or (),
            facts_only=facts_only,
        )
        if facts_only:
            _correct(settings, place, plan, dry_run=dry_run)
        _carry_out(settings, place, plan, dry_run=dry_run)


@app.command(epilog="Example: stylemill retry --designs ./designs --run 20261121T031500-4f2a9c")
def retry(
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
    with reported():
        say(STARTING)
        from flows.run.preparing import (
            make_plan,
            recipe_again,
            rejected_by,
            require_same_recipe,
            resolve_place,
        )

        settings = _settings(workers)
        rejected = rejected_by(settings, designs, run_id)
        if not rejected.pairs and not rejected.records:
            say(
                f"Run {rejected.run_id} has rejected nothing. What comes next says 'stylemill status --designs"
                f" {rejected.designs} {rejected.run_id}'."
            )
            finish(OK)
        chosen = recipe_again(rejected, recipe, settings)
        place = resolve_place(settings, rejected.garments, rejected.styles, rejected.designs, chosen, device)
        require_same_recipe(place, rejected)
        plan = make_plan(place, settings, [], rejected=rejected)
        _carry_out(settings, place, plan, dry_run=dry_run)


def _correct(settings: "Settings", place: "Place", plan: "Plan", *, dry_run: bool) -> NoReturn:
    """Show a plan and correct facts, and no more; ends the command."""
    from flows.run.preparing import correct_facts

    _show_plan(place, plan, None)
    if not dry_run:
        updated = correct_facts(place, plan, settings)
        typer.echo(
            f"The facts of {counted(updated, 'design')} were updated from the catalogs."
            if updated
            else "Nothing to update: all facts are as the catalogs say them."
        )
    finish(REJECTED if plan.problems else OK)


def _settings(workers: int | None) -> "Settings":
    """The settings, with logs as they say from here on."""
    from flows.settings import read_settings

    settings = read_settings(workers)
    if settings.log == "json":
        as_json()
    return settings


def _carry_out(settings: "Settings", place: "Place", plan: "Plan", *, dry_run: bool) -> None:
    """Show a plan and do it; ends the command."""
    from flows.run.preparing import correct_facts, estimate, open_catalogs

    _show_plan(place, plan, estimate(place, settings))
    if dry_run:
        finish(REJECTED if plan.problems else OK)
    if not plan.jobs and not plan.problems:
        there = "the 1 design is" if plan.done == 1 else f"all {plan.done} designs are"
        typer.echo(f"Nothing to make: {there} there." if plan.done else "Nothing to make.")
        if updated := correct_facts(place, plan, settings):
            typer.echo(f"The facts of {counted(updated, 'design')} were updated from the catalogs.")
        designs = open_catalogs(place, settings)[2].store
        _show_places(designs.uri, None, _newest_sheet(designs))
        event("run finished", run=place.run_id, state="finished", made=0, already_there=plan.done, rejected=0)
        finish(OK)
    from flows.orchestration.prefect_settings import require_prefect

    require_prefect()
    from flows.orchestration.prefect_api import prefect_api
    from flows.orchestration.stylize_catalog import PlannedRun, stylize_planned

    with prefect_api():
        try:
            done = stylize_planned(PlannedRun(place, plan, settings))
        except KeyboardInterrupt:
            _show_stopped(place, plan, settings)
            raise
    _show_result(done)
    finish(REJECTED if done["rejected"] else OK)


@app.command(epilog="Example: stylemill check --garments ./garments --styles ./styles")
def check(garments: Garments = None, styles: Styles = None) -> None:
    """Look at every row and picture of both catalogs and list all problems."""
    with reported():
        from catalogs.errors import CatalogsError
        from catalogs.storage.stores import open_store
        from flows.run.checking import check_garments, check_styles, check_together, check_unsealed
        from flows.settings import read_settings, require_catalog

        settings = read_settings()
        given = {"garment": garments, "style": styles}
        uris = {noun: require_catalog(noun, uri, settings) for noun, uri in given.items()}
        looks = {"garment": check_garments, "style": check_styles}
        cloths: dict[str, Cloth] = {}
        done: dict[str, Checked] = {}
        code = OK
        for noun, uri in uris.items():
            try:
                store = open_store(uri, settings.s3)
                done[noun] = looks[noun](store, settings.max_pixels, cloths)
            except CatalogsError as error:
                # The other catalog is looked at all the same.
                say(f"Error: {error}")
                code = FAILED
                continue
            more = check_unsealed(store, settings.s3, settings.max_pixels) if noun == "style" else ()
            _show_checked(noun, store.uri, done[noun], more)
        if len(done) == len(uris):
            _show_notes(check_together(done["garment"], done["style"]))
        problems = [problem for one in done.values() for problem in one.problems]
        _show_problems(problems)
        barren = [uris[noun] for noun, one in done.items() if not one.usable]
        for uri in barren:
            say(
                f"Error: {uri} has nothing that can be used, so nothing can be made: add a row, mend those above, or"
                " seal a style set."
            )
        finish(code or (FAILED if barren else REJECTED if problems else OK))


def _show_checked(noun: str, uri: str, found: "Checked", more: "Iterable[str]") -> None:
    typer.echo(f"{uri}: {counted(len(found.usable), noun)} can be used, {found.unusable} cannot.")
    _show_notes((*found.notes, *more))


def _show_notes(notes: "Iterable[str]") -> None:
    for note in notes:
        typer.echo(f"  note: {note}")


@app.command(epilog="Example: stylemill recipes studio > mine.toml")
def recipes(name: Annotated[str | None, typer.Argument(help="Show this recipe as TOML.")] = None) -> None:
    """List the named recipes, or show one as TOML to begin your own with."""
    with reported():
        from flows.recipes.named import NAMED, find_recipe
        from flows.recipes.text import as_toml

        if name:
            typer.echo(as_toml(find_recipe(name)), nl=False)
            return
        for known, function in NAMED.items():
            sentence = (function.__doc__ or "").strip().split("\n")[0]
            typer.echo(f"{known:12} {sentence}")


@app.command(epilog="Example: stylemill sample ./sample")
def sample(
    folder: Annotated[str, typer.Argument(help="Folder to draw into; made if it is not there.")],
    force: Annotated[bool, typer.Option("--force", help="Draw all anew, over what is there.")] = False,
) -> None:
    """Draw a sample catalog of garments and styles, to try everything with. What is there stays as it is."""
    with reported():
        from catalogs.samples.catalog import STYLES, edited_tables, write_sample
        from catalogs.samples.garments import GARMENTS
        from catalogs.storage.addresses import trim_address
        from catalogs.storage.stores import open_store

        store = open_store(trim_address(folder))
        if Path(store.uri).is_file():
            raise usage(f"{store.uri} is a file: give a folder to draw into.")
        if not force and (mine := edited_tables(store)):
            raise usage(
                f"{store.uri}/{mine[0]} was edited and would be lost: give another folder, or --force to draw the"
                " sample over it."
            )
        drawn = sum(write_sample(store, anew=force, told=say))
        there = "" if drawn else "The sample is there already: "
        typer.echo(
            f"{there}{counted(len(GARMENTS), 'garment')} in {store.uri}/garments,"
            f" {counted(len(STYLES), 'style')} in {store.uri}/styles"
        )


@app.command(epilog="Example: stylemill seal ./autumn-26")
def seal(
    folder: Annotated[str, typer.Argument(help="The style set: a folder or s3://bucket/prefix.")],
) -> None:
    """Write the manifest of a style set, without which its folder is not processed.

    Exit code 3, and no manifest, if rows or pictures of the set cannot be used.
    """
    with reported():
        from catalogs.inputs.content_digests import usable_records
        from catalogs.inputs.style_sets import EVERY, MANIFEST, seal
        from catalogs.inputs.styles import read_set
        from catalogs.keys import check_id
        from catalogs.storage.addresses import trim_address
        from catalogs.storage.stores import open_store
        from flows.settings import read_settings

        settings = read_settings()
        store = open_store(trim_address(folder), settings.s3)
        name = check_id(store.uri.rpartition("/")[2])
        if name == EVERY:
            raise usage(f"A style set cannot be called '{EVERY}', which means every set: rename the folder.")
        reading = read_set(store)
        good, bad, notes = usable_records(store, reading.records, settings.max_pixels)
        if problems := [*reading.problems, *bad]:
            _show_problems(problems)
            say(f"Style set '{name}' is not sealed: mend these, then seal it again.")
            finish(REJECTED)
        for note in notes:
            say(f"note: {note}")
        files = seal(store)
        typer.echo(
            f"Style set '{name}' is sealed: {counted(len(good), 'style')}; {MANIFEST} names {counted(files, 'file')}."
        )


@app.command(epilog="Example: stylemill landed autumn-26")
def landed(style_set: Annotated[str, typer.Argument(help="The style set that is complete.")]) -> None:
    """Tell the Prefect server that a style set has landed, which starts a run for it."""
    with reported():
        from catalogs.errors import InvalidKeyError
        from catalogs.keys import check_id
        from flows.orchestration.events import emit_landed, require_set
        from flows.settings import read_settings

        try:
            check_id(style_set)
        except InvalidKeyError as error:
            raise usage(str(error)) from error
        require_set(read_settings(), style_set)
        typer.echo(f"Told the server that '{style_set}' has landed (event {emit_landed(style_set)}).")


app.add_typer(picture_commands.app)
app.add_typer(design_commands.app)


def main() -> None:
    """Entry point: streams, proxies and Prefect as we need them, then the command."""
    standard_streams.make_ready()
    spare_loopback()
    quiet_prefect()
    code = OK
    try:
        code = _exit_code()
        standard_streams.hand_over()
    except OutputError as error:
        # A command that failed has said it already.
        if code in (OK, REJECTED):
            say(f"Error: {error}")
        code = FAILED
    if "prefect" in sys.modules:
        sys.exit(code)
    # Now and then Arrow's threads abort a process that is taken down around them
    # (apache/arrow#34314), after all was done and said. Prefect has a server to stop; nothing else has.
    os._exit(code)


def _exit_code() -> int:
    """That of the command, which ends here."""
    if os.environ.get("STYLEMILL_LOG", "").strip().lower() == "json":
        as_json()
    try:
        _require_typed_options(sys.argv[1:])
        app()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else FAILED
    return OK


def _require_typed_options(arguments: list[str]) -> None:
    """End with exit code 2 where an option begins with a dash that a word processor has made of two."""
    for one in arguments:
        if one[:1] in DASHES and one[1:2].isalpha():
            name = one.lstrip("".join(DASHES))
            say(f"Error: '{one}' begins with a dash of a word processor: type two hyphens, --{name}.")
            sys.exit(USAGE)


DASHES = ("\u2013", "\u2014", "\u2212", "\u2010", "\u2011")
"""Signs that look like hyphens."""


def _show_plan(place: "Place", plan: "Plan", seconds: float | None) -> None:
    """The plan as a table, or as an event; then its notes and problems."""
    if is_json():
        event(
            "plan", to_make=len(plan.jobs), garments=len(plan.garments), styles=len(plan.styles),
            already_there=plan.done, facts_to_update=plan.corrections.designs, rejected=len(plan.problems),
            held_back=plan.held_back,
            expected_seconds=round(seconds * len(plan.jobs), 1) if seconds else None, recipe=place.recipe.name,
            recipe_digest=place.recipe.digest(), device=place.device, run=place.run_id,
        )  # fmt: skip
    else:
        _show_table(place, plan, seconds)
    for remark in plan.remarks[:SHOWN_PROBLEMS]:
        say(f"note: {remark}")
    if len(plan.remarks) > SHOWN_PROBLEMS:
        say(f"  ... and {len(plan.remarks) - SHOWN_PROBLEMS} more notes: 'stylemill check' lists them all.")
    _show_problems(plan.problems[:SHOWN_PROBLEMS])
    if len(plan.problems) > SHOWN_PROBLEMS:
        say(f"  ... and {len(plan.problems) - SHOWN_PROBLEMS} more: 'stylemill check' lists them all.")


def _show_table(place: "Place", plan: "Plan", seconds: float | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from flows.reports.progress import screen

    # A Text: a recipe's name may hold what rich takes for a style, as "loud [v2]".
    title = Text(f"Plan with recipe {place.recipe.name} on {place.device}", style="table.title")
    table = Table(title=title, show_header=False)
    garments, styles = counted(len(plan.garments), "garment"), counted(len(plan.styles), "style")
    table.add_row("to make", f"{counted(len(plan.jobs), 'design')} ({garments}, {styles})")
    table.add_row("already there", str(plan.done))
    if plan.corrections.designs:
        columns = ", ".join(sorted({one.column for one in plan.corrections.found}))
        table.add_row("facts to update", f"{counted(plan.corrections.designs, 'design')} ({columns})")
    table.add_row("rejected", counted(len(plan.problems), "problem"))
    if plan.held_back:
        table.add_row("left for another run", counted(plan.held_back, "design"))
    if plan.jobs:
        expected = f"about {duration(seconds * len(plan.jobs))}, and {START}" if seconds else UNKNOWN
        table.add_row("expected", expected)
    screen.print(table)


def _show_problems(problems: "list[Problem] | tuple[Problem, ...]") -> None:
    for problem in problems:
        say(f"  {problem}")


def _show_result(done: dict[str, Any]) -> None:
    typer.echo(
        f"{counted(done['made'], 'new design')}, {done['already_there']} already there, {done['rejected']} rejected"
        f" ({duration(done['seconds'])})."
    )
    if done["corrected"]:
        typer.echo(f"The facts of {counted(done['corrected'], 'design')} were updated from the catalogs.")
    if done["report"]:
        _show_places(done["designs"], done["report"], done["contact_sheet"])


def _show_stopped(place: "Place", plan: "Plan", settings: "Settings") -> None:
    """What a run that was stopped has made, and where its report is."""
    from catalogs.errors import CatalogsError
    from flows.run.preparing import open_catalogs
    from flows.run.report_files import page_uri

    designs = open_catalogs(place, settings)[2]
    with suppress(CatalogsError):
        made, page = len(designs.of_run(place.run_id)), page_uri(designs.store, place.run_id)
        typer.echo(f"{made} of {counted(len(plan.jobs), 'design')} made.")
        filed = designs.store.exists(page.removeprefix(f"{designs.store.uri}/"))
        _show_places(designs.store.uri, page if filed else None, None)


def _show_places(designs: str, report: str | None, sheet: str | None) -> None:
    for name, place in (("Designs:", designs), ("Report:", report), ("Contact sheet:", sheet)):
        if place:
            typer.echo(f"{name:14} {place}")


def _newest_sheet(designs: "Store") -> str | None:
    """URI of the newest contact sheet; a run's id begins with its time."""
    from catalogs import keys

    found = [e.key for e in designs.list(f"{keys.RUNS}/") if e.key.endswith("/contact_sheet.png")]
    return f"{designs.uri}/{max(found)}" if found else None


if __name__ == "__main__":
    main()
