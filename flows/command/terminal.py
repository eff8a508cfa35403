"""What all commands share: exit codes, options, and how errors and counts are said."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from flows.logs import say

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
    """Every error is one message and an exit code, never a traceback; one that nobody foresaw says where it was.

    The end that a command chose and a reader that went away (`| head`) are left to whoever called.
    """
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
    except (typer.Exit, typer.Abort, SystemExit, GeneratorExit, BrokenPipeError):
        raise
    except MemoryError:
        say(
            "Error: The memory of this machine is not enough: choose a smaller canvas, STYLEMILL_BATCH, STYLEMILL_TILE"
            " or STYLEMILL_MAX_PIXELS, or fewer STYLEMILL_WORKERS."
        )
        finish(FAILED)
    # A panic of a library written in Rust is no Exception.
    except BaseException as error:
        say_unforeseen(error)
        finish(FAILED)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def usage(message: str) -> Exception:
    """A SettingsError: wrong use, exit code 2."""
    from flows.errors import SettingsError

    return SettingsError(message)


def say_unforeseen(error: BaseException) -> None:
    """What a report of a bug needs: the errors, each with the place where it was raised, and the versions.

    Values of variables are not shown: they could hold credentials.
    """
    import platform
    from importlib.metadata import version

    say(f"Error: Stylemill did not foresee this: {_headline(error)}")
    say("If it comes again, it is a fault of Stylemill: report it with these lines.")
    say(
        f"  stylemill {version('stylemill')}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    )
    cause: BaseException | None = error
    told: list[BaseException] = []
    while cause is not None and cause not in told:
        say(f"  {_headline(cause)}")
        for frame in _innermost(cause):
            say(f"    {frame}")
        told.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


SHOWN_FRAMES = 8


def _innermost(error: BaseException) -> list[str]:
    """Where an error was raised, innermost first, as `file.py:12 function`."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)[-SHOWN_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames)]


def _headline(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def finish(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)
