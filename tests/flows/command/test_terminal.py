"""Whatever a command raises becomes lines for a person and an exit code; what is none of its business passes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from catalogs.errors import StoreError
from flows.command.terminal import FAILED, INTERRUPTED, USAGE, report_errors
from flows.errors import SettingsError, WeightsError
from stylecore.errors import EncoderError, RecipeError
from tests.conftest import ROOT


class PanicException(BaseException):
    """As a library written in Rust raises it: no Exception, and none of Python's own."""


def ends(error: BaseException) -> int:
    """The exit code of a command that raises this."""
    with pytest.raises(typer.Exit) as caught, report_errors():
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), USAGE),
        (RecipeError("x"), USAGE),
        (StoreError("x"), FAILED),
        (WeightsError("x"), FAILED),
        (EncoderError("x"), FAILED),
        (KeyboardInterrupt(), INTERRUPTED),
        (MemoryError(), FAILED),
        (RecursionError("maximum recursion depth exceeded"), FAILED),
        (PanicException("called `Option::unwrap()` on a `None` value"), FAILED),
        (OSError(28, "No space left on device"), FAILED),
        (ZeroDivisionError(), FAILED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_ends_a_command(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """No error, of Python's or of a library, passes as a traceback; each has its exit code."""
    assert ends(error) == code
    assert "Traceback" not in capsys.readouterr().err


def test_what_nobody_foresaw_can_be_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """The errors, the place of each and the versions are said; values of variables are not."""

    def deep() -> None:
        password = "secret"
        raise PanicException(f"of {len(password)}")

    with pytest.raises(typer.Exit), report_errors():
        try:
            deep()
        except PanicException as error:
            raise ValueError("told wrong") from error
    said = capsys.readouterr().err
    assert said.startswith("Error: Stylemill did not foresee this: ValueError: told wrong\n")
    assert "  stylemill 0." in said
    assert "  PanicException: of 6\n" in said
    assert f"{__file__}:" in said
    assert " deep\n" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "error", [typer.Exit(3), typer.Abort(), SystemExit(4), BrokenPipeError(), GeneratorExit()]
)
def test_ends_that_were_chosen_pass(error: BaseException) -> None:
    """The end that a command chose, and a reader that went away, are the caller's."""
    with pytest.raises(type(error)) as caught, report_errors():
        raise error
    assert caught.value is error


Shell = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A command line that a shell runs; `stylemill` is the command, and its errors go to a file."""

    def run(line: str) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "stylemill"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m flows.command.cli "$@"\n')
        program.chmod(0o755)
        line = line.replace("stylemill", str(program)).replace("ERRORS", str(tmp_path / "errors"))
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, check=False, timeout=120
        )
        said = (tmp_path / "errors").read_text() if (tmp_path / "errors").exists() else ""
        return subprocess.CompletedProcess(line, done.returncode, done.stdout, said)

    return run


@pytest.mark.parametrize("arguments", ["recipes", "recipes house", "--help", "--version"])
class TestStandardOutput:
    """Standard output may be closed, full, or left by its reader."""

    def test_closed(self, arguments: str, shell: Shell) -> None:
        """A command whose output nobody wants does its work."""
        done = shell(f"stylemill {arguments} >&- 2>ERRORS <&-")
        assert (done.returncode, done.stderr) == (0, "")

    def test_full(self, arguments: str, shell: Shell) -> None:
        """Output that cannot be written is a failure, with its reason."""
        done = shell(f"stylemill {arguments} >/dev/full 2>ERRORS")
        assert done.returncode == FAILED
        assert done.stderr == "Error: Standard output cannot be written: No space left on device.\n"

    def test_a_reader_that_went_away(self, arguments: str, shell: Shell) -> None:
        """As with `| head`, nothing is said."""
        assert shell(f"stylemill {arguments} 2>ERRORS | true").stderr == ""


def test_everything_closed(shell: Shell, catalog: Path) -> None:
    """Without any of its streams a command does its work, and writes into no file what it has to say."""
    done = shell(f"stylemill check --garments {catalog}/garments --styles {catalog}/styles >&- 2>&- <&-")
    assert (done.returncode, done.stdout) == (0, "")


def test_closed_error_stream(shell: Shell) -> None:
    """An error that nobody can read still ends the command with its code."""
    assert shell("stylemill recipes nosuch 2>&-").returncode == USAGE


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_the_terminal_lacks(encoding: str, shell: Shell, catalog: Path) -> None:
    """A name that the terminal's encoding lacks is spelled in signs that it has."""
    (catalog / "山").mkdir()
    (catalog / "garments").rename(catalog / "山" / "garments")
    line = f"stylemill check --garments {catalog}/山/garments --styles {catalog}/styles 2>ERRORS"
    done = shell(f"PYTHONIOENCODING={encoding} {line}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 garments can be used" in done.stdout
