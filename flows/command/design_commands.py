"""Commands over a design catalog: browse, list, doctor, gc."""

import ipaddress
import socket
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command.terminal import OK, REJECTED, Designs, StyleSets, finish, reported, usage
from flows.logs import say
from flows.wording import counted, duration

if TYPE_CHECKING:
    from catalogs.designs.design_catalog import DesignCatalog
    from catalogs.storage.store_contract import ObjectInfo, Store
    from flows.run.run_status import RunStatus

SHOWN_FAULTS = 30
LISTED = ["created_at", "garment_id", "style_id", "style_set", "recipe", "loss_style", "image"]
WIDE = 170
"""Columns of a terminal that have room for a picture's key."""
PIPED = 200
"""Columns for a file or another program."""
PORT = 8420

app = typer.Typer()


@app.command(epilog="Example: stylemill browse --designs ./designs --garments ./garments --styles ./styles")
def browse(
    designs: Designs = None,
    garments: Annotated[
        str | None, typer.Option(help="Garment catalog, for templates beside designs. [STYLEMILL_GARMENTS]")
    ] = None,
    styles: Annotated[str | None, typer.Option(help="Style catalog, likewise. [STYLEMILL_STYLES]")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; other than loopback asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            help="What opens the page; made if it is wanted.", envvar="STYLEMILL_TOKEN", show_envvar=True
        ),
    ] = None,
    who: Annotated[
        str | None, typer.Option(help="Your name in the log of verdicts; your login's if not given.")
    ] = None,
    secure: Annotated[
        bool, typer.Option("--secure", help="Cookies over TLS only: behind a proxy that has it.")
    ] = False,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = False,
) -> None:
    """Open a design catalog as a page to browse, compare, pick and export in. Ctrl-C ends it."""
    with reported():
        import webbrowser

        from catalogs.browser.auth.request_guard import LOOPBACK
        from flows.command.browsing import browser, listening, serve
        from flows.settings import read_settings

        catalog, loopback = _open(designs), _is_loopback(host)
        chosen = token or (None if loopback else _new_token())
        if chosen is not None and len(chosen) < SHORTEST_TOKEN:
            raise usage(
                f"The token has {len(chosen)} letters: give {SHORTEST_TOKEN} at least, or none to have one made."
            )
        page = browser(
            read_settings(), catalog.store, garments=garments or "", styles=styles or "", token=chosen,
            who=who or _login(), names=(*LOOPBACK, host.lower()) if loopback else (), secure=secure,
        )  # fmt: skip
        sock = listening(host, port)
        address = f"http://{_name_of(host)}:{sock.getsockname()[1]}/"
        try:
            typer.echo(f"{catalog.store.uri} is open at {address} (Ctrl-C ends it)")
            if chosen and not token:
                typer.echo(f"Token: {chosen}")
            if show:
                webbrowser.open(address)
            serve(page, sock)
        except KeyboardInterrupt:
            say("Closed. What was said is filed.")


SHORTEST_TOKEN = 16


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name_of(host: str) -> str:
    """What a person calls the machine that listens at an address; of all its addresses, the machine's own name."""
    try:
        every = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        every = False
    if every:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _new_token() -> str:
    import secrets

    return secrets.token_urlsafe(24)


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


@app.command("list", epilog="Example: stylemill list --designs ./designs --style-set heritage")
def list_designs(
    designs: Designs = None,
    style_set: StyleSets = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every column of theirs, as CSV.")] = False,
) -> None:
    """List the newest designs of a catalog, with counts a style set and recipe."""
    with reported():
        catalog = _open(designs)
        frame = catalog.read(None if as_csv else LISTED).to_pandas()
        if style_set:
            _require_style_sets(style_set, set(frame["style_set"]), catalog.store.uri)
            frame = frame[frame["style_set"].isin(style_set)]
        newest = frame.sort_values("created_at", ascending=False).head(limit)
        if as_csv:
            _write_csv(catalog, newest)
        else:
            _show_designs(frame, newest, catalog.store.uri)


@app.command(epilog="Example: stylemill status --designs ./designs 20261121T031500-4f2a9c")
def status(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="One run, with what comes next.")] = "",
    designs: Designs = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a run.")] = False,
) -> None:
    """Say what became of runs: running, killed, interrupted, stopped or finished, with counts and the next command."""
    with reported():
        import json

        from flows.run.run_status import run_statuses

        catalog = _open(designs, empty=True)
        found = run_statuses(catalog, run_id, limit)
        if not found:
            _require_designs(catalog.store)
            if not as_json:
                typer.echo("No run has left a report here.")
        for one in found:
            if as_json:
                typer.echo(json.dumps(vars(one), default=str, ensure_ascii=False))
            else:
                _show_status(one, whole=bool(run_id))


def _show_status(run: "RunStatus", *, whole: bool) -> None:
    from flows.run.run_status import why_next

    state = f"{run.run}  {run.state.partition(':')[0]:11}"
    if run.started_at is None:
        typer.echo(f"{state}  {counted(run.made, 'design')} made")
    else:
        made = f"{run.made} of {counted(run.planned, 'design')}"
        typer.echo(
            f"{state}  {made} made, {run.rejected} rejected, {duration(run.seconds)}, recipe {run.recipe}"
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


@app.command(epilog="Example: stylemill doctor --designs ./designs --repair")
def doctor(
    designs: Designs = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="File lost records again, take out faulty ones; the next run makes these again."
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only look whether pictures are there; do not read them.")
    ] = False,
) -> None:
    """Verify that every record has its picture, with the contents that were filed, and count orphans.

    Exit code 3 if records are faulty (and were not repaired).
    """
    with reported():
        from catalogs.designs import maintenance

        catalog = _open(designs)
        for key, kept in maintenance.give_up_files(catalog).items() if repair else ():
            what = (
                f"cut; what is left of it lies in {catalog.store.uri}/{kept}. It is" if kept else "gone, and"
            )
            say(f"  {key}: {what} taken out of its table with the records in it")
        if repair and (again := maintenance.file_again(catalog)):
            say(f"  {counted(again, 'record')} that no commit of a table named: filed again")
        found = maintenance.examine(catalog, contents=not quick)
        for fault in found.faults[:SHOWN_FAULTS]:
            say(f"  {fault.what_of} {fault.design_id[:12]} {fault.image}: {fault.what}")
        if len(found.faults) > SHOWN_FAULTS:
            say(f"  ... and {len(found.faults) - SHOWN_FAULTS} more")
        for key in maintenance.behind_the_log(catalog):
            say(
                f"  {key}: no commit names this file, which is newer than the newest commit. If this is a copy of a"
                " catalog, compare the newest file in table/_delta_log: a commit may be missing that took designs out or"
                " corrected them. If a run was killed at its commit, nothing is missing."
            )
        size = sum(orphan.size for orphan in found.orphans) / 1e6
        typer.echo(
            f"{counted(found.designs, 'design')}, {counted(len(found.faults), 'faulty record')},"
            f" {counted(len(found.orphans), 'picture')} without a record ({size:.1f} MB; see 'stylemill gc')."
        )
        if found.faults and repair:
            removed = maintenance.repair(catalog, found.faults)
            typer.echo(
                f"{counted(removed, 'record')} taken out: a run makes those designs again, if their garment, style"
                " and recipe are still there."
            )
        finish(REJECTED if found.faults and not repair else OK)


@app.command(epilog="Example: stylemill gc --designs ./designs --older-than 48 --delete")
def gc(
    designs: Designs = None,
    older_than: Annotated[
        float, typer.Option(min=0, help="Hours; longer than any run keeps a picture without its record.")
    ] = 24.0,
    retention: Annotated[
        float, typer.Option(min=1, help="Days for which old versions of the table stay readable.")
    ] = 7.0,
    delete: Annotated[bool, typer.Option("--delete", help="Remove; without it only what would be.")] = False,
) -> None:
    """Remove what killed and raced runs left, and merge the table's small files. Dry unless --delete is given."""
    with reported():
        from catalogs.designs import maintenance, orphans

        catalog = _open(designs)
        found = list(orphans.find_removable(catalog, timedelta(hours=older_than)))
        if not delete:
            for one in found[:SHOWN_FAULTS]:
                say(f"  {one.modified:%Y-%m-%d %H:%M} {one.key}")
            typer.echo(f"{_orphans(found, older_than)} would be removed: run it with --delete.")
            return
        found = orphans.discard(catalog, found)
        merged, removed = maintenance.tidy(catalog, timedelta(days=retention))
        typer.echo(
            f"{_orphans(found, older_than)} removed. {counted(merged, 'file')} of the table merged,"
            f" {counted(removed, 'file')} older than {retention:g} days removed."
        )


def _orphans(found: "list[ObjectInfo]", older_than: float) -> str:
    size = sum(one.size for one in found) / 1e6
    return f"{counted(len(found), 'orphan')} ({size:.1f} MB) older than {older_than:g} hours"


def _open(designs: str | None, *, empty: bool = False) -> "DesignCatalog":
    """The design catalog that is named here or in the settings; it must be there, though `empty` it may be."""
    from catalogs.designs.design_catalog import DesignCatalog
    from catalogs.storage.stores import open_store
    from flows.settings import read_settings, require_catalog

    settings = read_settings()
    store = open_store(require_catalog("design", designs, settings), settings.s3)
    if not empty:
        _require_designs(store)
    return DesignCatalog(store)


def _write_csv(catalog: "DesignCatalog", newest: Any) -> None:
    """Designs with what was said of them, on standard output."""
    from catalogs.designs.reviews.review_log import ReviewLog
    from catalogs.exports.items import Item
    from catalogs.exports.spreadsheet import write_csv

    reviews = ReviewLog(catalog.store)
    reviews.catch_up()
    said = reviews.opinions
    rows = newest.to_dict("records")
    items = (Item(row, said.verdict(row["design_id"]), said.stars(row["design_id"])) for row in rows)
    write_csv(items, sys.stdout.buffer)


def _require_designs(store: "Store") -> None:
    """NotFoundError unless the store holds a design catalog."""
    from catalogs import keys
    from catalogs.errors import NotFoundError

    if next(iter(store.list(f"{keys.TABLE}/_delta_log/")), None) is None:
        raise NotFoundError(
            f"{store.uri} holds no design catalog: check the path, or make one with"
            f" 'stylemill run --designs {store.uri}'."
        )


def _require_style_sets(wanted: list[str], present: set[str], uri: str) -> None:
    """SettingsError for a set of which there is no design."""
    from stylecore.errors import nearest

    for name in wanted:
        if name not in present:
            raise usage(f"There is no design of a style set '{name}' in {uri}: {nearest(name, present)}")


def _show_designs(frame: Any, newest: Any, uri: str) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = frame.groupby(["style_set", "recipe"]).size()
    typer.echo(f"{counted(len(frame), 'design')} in {uri}")
    for (style_set, recipe), count in counts.items():
        typer.echo(f"  {style_set}, {recipe}: {count}")
    # Names may hold what rich takes for a style, as "loud [v2]".
    console = Console(width=None if sys.stdout.isatty() else PIPED, markup=False, emoji=False)
    names = ["made", "garment", "style", "set", "recipe", "style loss"]
    # A picture's key has 90 letters. Where a column has no room for it, it has a line of its own, which a
    # terminal breaks without a sign between: it can be copied whole.
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
