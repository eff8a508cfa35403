"""Commands over catalogs of garments and styles, and recipes: check, recipes, sample, seal, landed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.command.terminal import (
    FAILED,
    OK,
    REJECTED,
    Garments,
    Styles,
    finish,
    report_errors,
    show_problems,
    usage_error,
)
from flows.logs import say
from flows.wording import format_count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalogs.inputs.repeats import Cloth
    from flows.planning.checking import CatalogCheck

app = typer.Typer()


@app.command("check", epilog="Example: stylemill check --garments ./garments --styles ./styles")
def check_command(garments: Garments = None, styles: Styles = None) -> None:
    """Look at every row and picture of both catalogs and list all problems."""
    with report_errors():
        from catalogs.errors import CatalogsError
        from catalogs.storage.stores import open_store
        from flows.planning.checking import check_garments, check_styles, check_unsealed, check_widths
        from flows.settings import read_settings, require_catalog

        settings = read_settings()
        given = {"garment": garments, "style": styles}
        uris = {noun: require_catalog(noun, uri, settings) for noun, uri in given.items()}
        checks = {"garment": check_garments, "style": check_styles}
        cloths: dict[str, Cloth] = {}
        done: dict[str, CatalogCheck] = {}
        code = OK
        for noun, uri in uris.items():
            try:
                store = open_store(uri, settings.s3)
                done[noun] = checks[noun](store, settings.max_pixels, cloths)
            except CatalogsError as error:
                # The other catalog is checked all the same.
                say(f"Error: {error}")
                code = FAILED
                continue
            more = check_unsealed(store, settings.s3, settings.max_pixels) if noun == "style" else ()
            _show_checked(noun, store.uri, done[noun], more)
        if len(done) == len(uris):
            _show_notes(check_widths(done["garment"], done["style"]))
        problems = [problem for check in done.values() for problem in check.problems]
        show_problems(problems)
        unusable = [uris[noun] for noun, check in done.items() if not check.usable]
        for uri in unusable:
            say(
                f"Error: {uri} has nothing that can be used, so nothing can be made: add a row, mend those above, or"
                " seal a style set."
            )
        finish(code or (FAILED if unusable else REJECTED if problems else OK))


def _show_checked(noun: str, uri: str, check: "CatalogCheck", more: "Iterable[str]") -> None:
    typer.echo(f"{uri}: {format_count(len(check.usable), noun)} can be used, {check.unusable} cannot.")
    _show_notes((*check.notes, *more))


def _show_notes(notes: "Iterable[str]") -> None:
    for note in notes:
        typer.echo(f"  note: {note}")


@app.command("recipes", epilog="Example: stylemill recipes studio > mine.toml")
def recipes_command(
    name: Annotated[str | None, typer.Argument(help="Show this recipe as TOML.")] = None,
) -> None:
    """List the named recipes, or show one as TOML to begin your own with."""
    with report_errors():
        from flows.recipes.named import NAMED, find_recipe
        from flows.recipes.text import as_toml

        if name:
            typer.echo(as_toml(find_recipe(name)), nl=False)
            return
        for known, function in NAMED.items():
            sentence = (function.__doc__ or "").strip().split("\n")[0]
            typer.echo(f"{known:12} {sentence}")


@app.command("sample", epilog="Example: stylemill sample ./sample")
def sample_command(
    folder: Annotated[str, typer.Argument(help="Folder to draw into; made if it is not there.")],
    force: Annotated[bool, typer.Option("--force", help="Draw all anew, over what is there.")] = False,
) -> None:
    """Draw a sample catalog of garments and styles, to try everything with. What is there stays as it is."""
    with report_errors():
        from catalogs.samples.catalog import STYLES, edited_tables, write_sample
        from catalogs.samples.garments import GARMENTS
        from catalogs.storage.addresses import trim_address
        from catalogs.storage.stores import open_store

        store = open_store(trim_address(folder))
        if Path(store.uri).is_file():
            raise usage_error(f"{store.uri} is a file: give a folder to draw into.")
        if not force and (mine := edited_tables(store)):
            raise usage_error(
                f"{store.uri}/{mine[0]} was edited and would be lost: give another folder, or --force to draw the"
                " sample over it."
            )
        drawn = sum(write_sample(store, anew=force, told=say))
        existing = "" if drawn else "The sample is there already: "
        typer.echo(
            f"{existing}{format_count(len(GARMENTS), 'garment')} in {store.uri}/garments,"
            f" {format_count(len(STYLES), 'style')} in {store.uri}/styles"
        )


@app.command("seal", epilog="Example: stylemill seal ./autumn-26")
def seal_command(
    folder: Annotated[str, typer.Argument(help="The style set: a folder or s3://bucket/prefix.")],
) -> None:
    """Write the manifest of a style set, without which its folder is not processed.

    Exit code 3, and no manifest, if rows or pictures of the set cannot be used.
    """
    with report_errors():
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
            raise usage_error(
                f"A style set cannot be called '{EVERY}', which means every set: rename the folder."
            )
        reading = read_set(store)
        good, bad, notes = usable_records(store, reading.records, settings.max_pixels)
        if problems := [*reading.problems, *bad]:
            show_problems(problems)
            say(f"Style set '{name}' is not sealed: mend these, then seal it again.")
            finish(REJECTED)
        for note in notes:
            say(f"note: {note}")
        files = seal(store)
        sealed = f"{format_count(len(good), 'style')}; {MANIFEST} names {format_count(files, 'file')}"
        typer.echo(f"Style set '{name}' is sealed: {sealed}.")


@app.command("landed", epilog="Example: stylemill landed autumn-26")
def landed_command(style_set: Annotated[str, typer.Argument(help="The style set that is complete.")]) -> None:
    """Tell the Prefect server that a style set has landed, which starts a run for it."""
    with report_errors():
        from catalogs.errors import InvalidKeyError
        from catalogs.keys import check_id
        from flows.orchestration.events import emit_landed, require_set
        from flows.settings import read_settings

        try:
            check_id(style_set)
        except InvalidKeyError as error:
            raise usage_error(str(error)) from error
        require_set(read_settings(), style_set)
        typer.echo(f"Told the server that '{style_set}' has landed (event {emit_landed(style_set)}).")
