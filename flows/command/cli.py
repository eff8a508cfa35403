"""The command `stylemill`: its options, its subcommands, and its exit codes."""

import os
import sys
from typing import Annotated

import typer

from flows.command import (
    browse_command,
    catalog_commands,
    design_commands,
    maintenance_commands,
    picture_commands,
    run_commands,
    standard_streams,
)
from flows.command.terminal import FAILED, OK, REJECTED, USAGE, finish
from flows.errors import OutputError
from flows.logs import log_as_json, say
from flows.orchestration.loopback import bypass_proxy_for_loopback
from flows.orchestration.prefect_settings import quiet_prefect

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


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stylemill {version('stylemill')}")
        finish(OK)


# This declares the option only; the option's own callback, which is eager, does the work.
@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


# Each module loads its heavy parts when one of its commands runs.
for commands in (
    run_commands,
    catalog_commands,
    picture_commands,
    browse_command,
    design_commands,
    maintenance_commands,
):
    app.add_typer(commands.app)


def main() -> None:
    """Run the command: prepare streams, proxies and Prefect's settings, then end with the exit code."""
    standard_streams.prepare_streams()
    bypass_proxy_for_loopback()
    quiet_prefect()
    code = OK
    try:
        code = _exit_code()
        standard_streams.flush_streams()
    except OutputError as error:
        # A command that failed has reported its error already.
        if code in (OK, REJECTED):
            say(f"Error: {error}")
        code = FAILED
    if "prefect" in sys.modules:
        sys.exit(code)
    # Now and then Arrow's threads abort a process that is taken down around them
    # (apache/arrow#34314), after all was done and said. Prefect has a server to stop; nothing else has.
    os._exit(code)


def _exit_code() -> int:
    """Run the command; returns its exit code."""
    if os.environ.get("STYLEMILL_LOG", "").strip().lower() == "json":
        log_as_json()
    try:
        _require_typed_options(sys.argv[1:])
        app()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else FAILED
    return OK


def _require_typed_options(arguments: list[str]) -> None:
    """End with exit code 2 where an option begins with a dash that a word processor has made of two hyphens."""
    for argument in arguments:
        if argument[:1] in DASHES and argument[1:2].isalpha():
            name = argument.lstrip("".join(DASHES))
            say(f"Error: '{argument}' begins with a dash of a word processor: type two hyphens, --{name}.")
            sys.exit(USAGE)


DASHES = ("\u2013", "\u2014", "\u2212", "\u2010", "\u2011")
"""Characters that look like hyphens."""


if __name__ == "__main__":
    main()
