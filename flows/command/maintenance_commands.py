"""Commands that keep a design catalog sound: doctor, gc."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from flows.command.terminal import OK, REJECTED, Designs, finish, open_design_catalog, report_errors
from flows.logs import say
from flows.wording import format_count

if TYPE_CHECKING:
    from catalogs.storage.store_contract import ObjectInfo

SHOWN_FAULTS = 30

app = typer.Typer()


@app.command("doctor", epilog="Example: stylemill doctor --designs ./designs --repair")
def doctor_command(
    designs: Designs = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="File lost records again, take out faulty ones; the next run makes these again."
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only check whether pictures exist; do not read them.")
    ] = False,
) -> None:
    """Verify that every record has its picture, with the contents that were filed, and count orphans.

    Exit code 3 if records are faulty (and were not repaired).
    """
    with report_errors():
        from catalogs.designs import maintenance

        catalog = open_design_catalog(designs)
        for key, kept in maintenance.give_up_files(catalog).items() if repair else ():
            fate = (
                f"cut; what is left of it lies in {catalog.store.uri}/{kept}. It is" if kept else "gone, and"
            )
            say(f"  {key}: {fate} taken out of its table with the records in it")
        if repair and (again := maintenance.file_again(catalog)):
            say(f"  {format_count(again, 'record')} that no commit of a table named: filed again")
        examined = maintenance.examine(catalog, contents=not quick)
        for fault in examined.faults[:SHOWN_FAULTS]:
            say(f"  {fault.what_of} {fault.design_id[:12]} {fault.image}: {fault.what}")
        if len(examined.faults) > SHOWN_FAULTS:
            say(f"  ... and {len(examined.faults) - SHOWN_FAULTS} more")
        for key in maintenance.behind_the_log(catalog):
            say(
                f"  {key}: no commit names this file, which is newer than the newest commit. If this is a copy of a"
                " catalog, compare the newest file in table/_delta_log: a commit may be missing that took designs out or"
                " corrected them. If a run was killed at its commit, nothing is missing."
            )
        size = sum(orphan.size for orphan in examined.orphans) / 1e6
        typer.echo(
            f"{format_count(examined.designs, 'design')}, {format_count(len(examined.faults), 'faulty record')},"
            f" {format_count(len(examined.orphans), 'picture')} without a record ({size:.1f} MB; see 'stylemill gc')."
        )
        if examined.faults and repair:
            removed = maintenance.repair(catalog, examined.faults)
            typer.echo(
                f"{format_count(removed, 'record')} taken out: a run makes those designs again, if their garment, style"
                " and recipe are still there."
            )
        finish(REJECTED if examined.faults and not repair else OK)


@app.command("gc", epilog="Example: stylemill gc --designs ./designs --older-than 48 --delete")
def gc_command(
    designs: Designs = None,
    older_than: Annotated[
        float, typer.Option(min=0, help="Hours; longer than any run keeps a picture without its record.")
    ] = 24.0,
    retention: Annotated[
        float, typer.Option(min=1, help="Days for which old versions of the table stay readable.")
    ] = 7.0,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove them; without it, only list what would be removed.")
    ] = False,
) -> None:
    """Remove what killed and raced runs left, and merge the table's small files. Dry unless --delete is given."""
    with report_errors():
        from catalogs.designs import maintenance
        from catalogs.designs.orphans import discard, find_removable

        catalog = open_design_catalog(designs)
        orphans = list(find_removable(catalog, timedelta(hours=older_than)))
        if not delete:
            for orphan in orphans[:SHOWN_FAULTS]:
                say(f"  {orphan.modified:%Y-%m-%d %H:%M} {orphan.key}")
            typer.echo(f"{_orphans_in_words(orphans, older_than)} would be removed: run it with --delete.")
            return
        orphans = discard(catalog, orphans)
        merged, removed = maintenance.tidy(catalog, timedelta(days=retention))
        typer.echo(
            f"{_orphans_in_words(orphans, older_than)} removed. {format_count(merged, 'file')} of the table merged,"
            f" {format_count(removed, 'file')} older than {retention:g} days removed."
        )


def _orphans_in_words(orphans: "list[ObjectInfo]", older_than: float) -> str:
    size = sum(orphan.size for orphan in orphans) / 1e6
    return f"{format_count(len(orphans), 'orphan')} ({size:.1f} MB) older than {older_than:g} hours"
