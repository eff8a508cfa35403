"""What all commands share: exit codes, options, and how errors and counts are said."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

OK, FAILED, USAGE, REJECTED, INTERRUPTED = 0, 1, 2, 3, 130

Designs = Annotated[
    str | None, typer.Option(help="Design catalog: a folder or s3://bucket/prefix. [STYLEMILL_DESIGNS]")
]
RecipeName = Annotated[
    str | None, typer.Option(help="A recipe's name (see 'stylemill recipes') or a TOML file.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
StyleSets = Annotated[
    list[str] | None, typer.Option("--style-set", help="Only this style set; may be repeated.")
]


@contextmanager
def reported() -> Iterator[None]:
    """Every error that we raise on purpose is one message and an exit code, never a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    from catalogs.errors import CatalogsError
    from flows.errors import FlowsError, SettingsError
    from stylecore.errors import RecipeError, StylecoreError

    try:
        yield
    except KeyboardInterrupt:
        say("Stopped. Finished designs are filed; run the same command to go on.")
        finish(INTERRUPTED)
    except (SettingsError, RecipeError) as error:
        say(f"Error: {error}")
        finish(USAGE)
    except (CatalogsError, FlowsError, StylecoreError) as error:
        say(f"Error: {error}")
        finish(FAILED)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def usage(message: str) -> Exception:
    """A SettingsError: wrong use, exit code 2."""
    from flows.errors import SettingsError

    return SettingsError(message)


def say(message: str) -> None:
    """A line for the person, on standard error."""
    typer.echo(message, err=True)


def finish(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)


def counted(number: int, noun: str) -> str:
    """As '1 design', '2 designs'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """As a person would say it."""
    minutes = seconds / 60
    return (
        f"{seconds:.0f} s"
        if minutes < 2
        else f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.1f} h"
    )
