"""What all commands share: exit codes, options, how errors are reported, and how design catalogs are opened."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from flows.logs import say

if TYPE_CHECKING:
    from catalogs.designs.design_catalog import DesignCatalog
    from catalogs.records import Problem
    from catalogs.storage.store_contract import Store

OK, FAILED, USAGE, REJECTED, INTERRUPTED = 0, 1, 2, 3, 130

Garments = Annotated[
    str | None, typer.Option(help="Garment catalog: a folder or s3://bucket/prefix. [STYLEMILL_GARMENTS]")
]
Styles = Annotated[
    str | None, typer.Option(help="Style catalog: a folder or s3://bucket/prefix. [STYLEMILL_STYLES]")
]
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
def report_errors() -> Iterator[None]:
    """Report every error of the block as one message and an exit code, never a traceback.

    An error that nobody foresaw is reported with the lines of code that raised it. The end that a command chose, and a
    reader that went away (`| head`), are raised as they are.
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


def usage_error(message: str) -> Exception:
    """Return a SettingsError, which ends a command with the exit code of wrong use (2)."""
    from flows.errors import SettingsError

    return SettingsError(message)


def say_unforeseen(error: BaseException) -> None:
    """Print what a report of a bug needs: the errors, each with the code that raised it, and the versions.

    Values of variables are not printed, as they could hold credentials.
    """
    import platform
    from importlib.metadata import version

    say(f"Error: Stylemill did not foresee this: {_headline(error)}")
    say("If it comes again, it is a fault of Stylemill: report it with these lines.")
    say(
        f"  stylemill {version('stylemill')}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    )
    cause: BaseException | None = error
    printed: list[BaseException] = []
    while cause is not None and cause not in printed:
        say(f"  {_headline(cause)}")
        for frame in _innermost(cause):
            say(f"    {frame}")
        printed.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


SHOWN_FRAMES = 8


def _innermost(error: BaseException) -> list[str]:
    """The frames that raised an error, innermost first, as `file.py:12 function`."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)[-SHOWN_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames)]


def _headline(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def finish(code: int) -> NoReturn:
    """End the command with an exit code, by raising typer.Exit."""
    raise typer.Exit(code)


def show_problems(problems: Iterable["Problem"]) -> None:
    """Print a line for each problem."""
    for problem in problems:
        say(f"  {problem}")


def open_design_catalog(designs: str | None, *, may_be_empty: bool = False) -> "DesignCatalog":
    """Open the design catalog that is given here or in the settings.

    NotFoundError where there is none, unless it `may_be_empty`; SettingsError where none is named.
    """
    from catalogs.designs.design_catalog import DesignCatalog
    from catalogs.storage.stores import open_store
    from flows.settings import read_settings, require_catalog

    settings = read_settings()
    store = open_store(require_catalog("design", designs, settings), settings.s3)
    if not may_be_empty:
        require_designs(store)
    return DesignCatalog(store)


def require_designs(store: "Store") -> None:
    """Raise NotFoundError unless the store holds a design catalog."""
    from catalogs import keys
    from catalogs.errors import NotFoundError

    if next(iter(store.list(f"{keys.TABLE}/_delta_log/")), None) is None:
        raise NotFoundError(
            f"{store.uri} holds no design catalog: check the path, or make one with"
            f" 'stylemill run --designs {store.uri}'."
        )
