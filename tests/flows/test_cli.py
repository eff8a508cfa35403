"""The command: help with examples, what it says, and with which code it ends."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalogs.images import decode
from flows.cli import app
from tests.conftest import Run

COMMANDS = ("run", "one", "check", "recipes", "sample", "list", "landed")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str) -> None:
    """The help of every command shows how it is called."""
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert f"Example: stylemill {command} " in shown


def test_exit_codes_are_documented() -> None:
    """The help says what every exit code means."""
    shown = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    for code in ("0 done", "1 could not go on", "2 wrong use", "3 done, but", "130 interrupted"):
        assert code in shown


def test_run_says_where_everything_is(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A run shows its plan, ends with counts and places, and a second run has nothing to make."""
    arguments = [
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles",
        "--designs", tmp_path / "designs", "--recipe", catalog / "tiny.toml",
    ]  # fmt: skip
    dry = stylemill(*arguments, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "9 designs (3 garments, 3 styles)" in dry.stderr
    assert not (tmp_path / "designs").exists(), "a dry run writes nothing"
    done = stylemill(*arguments)
    assert done.returncode == 0, done.stderr
    assert "9 new designs, 0 already there, 0 rejected" in done.stdout
    for line in done.stdout.splitlines()[1:]:
        assert Path(line.split(":", 1)[1].strip()).exists(), line
    again = stylemill(*arguments)
    assert "Nothing to make: all 9 designs are there." in again.stdout
    listed = stylemill("list", "--designs", tmp_path / "designs", "--style-set", "set-1", "--limit", 2)
    assert "3 designs in" in listed.stdout
    assert listed.stdout.count("images/") == 2


def test_settings_stand_in_for_options(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """Catalogs and recipe may come from the environment."""
    done = stylemill(
        "run",
        "--dry-run",
        STYLEMILL_GARMENTS=str(catalog / "garments"),
        STYLEMILL_STYLES=str(catalog / "styles"),
        STYLEMILL_DESIGNS=str(tmp_path / "designs"),
        STYLEMILL_RECIPE=str(catalog / "tiny.toml"),
    )
    assert done.returncode == 0, done.stderr
    assert "recipe tiny" in done.stderr


def test_one_writes_a_picture_of_the_same_size(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """`stylemill one` writes a PNG as large as its content, making the folder."""
    out = tmp_path / "new" / "design.png"
    done = stylemill(
        "one",
        catalog / "garments" / "g0.png",
        catalog / "styles" / "s0.png",
        out,
        "--recipe",
        catalog / "tiny.toml",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    assert decode(out.read_bytes()).size == (120, 96)


def test_one_writes_only_png(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A name that promises another format is refused before any work."""
    content, style = catalog / "garments" / "g0.png", catalog / "styles" / "s0.png"
    done = stylemill("one", content, style, tmp_path / "o.jpg")
    assert done.returncode == 2
    assert "ends in .png" in done.stderr


def test_a_silent_prefect_server_is_named(catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """A run with a server configured that is not there says which, and what to do."""
    done = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", tmp_path / "d",
        "--recipe", catalog / "tiny.toml", PREFECT_API_URL="http://127.0.0.1:9/api",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "http://127.0.0.1:9/api does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_recipes_are_listed(stylemill: Run) -> None:
    """Every named recipe is listed with a sentence."""
    shown = stylemill("recipes").stdout
    for name in ("house", "studio", "gatys2016"):
        assert any(line.startswith(name) and len(line) > 40 for line in shown.splitlines())


def test_landed_without_a_server(stylemill: Run) -> None:
    """Without a server nobody would hear the event: that is said, with what to do."""
    done = stylemill("landed", "autumn")
    assert done.returncode == 2
    assert "PREFECT_API_URL" in done.stderr


def test_landed_with_a_silent_server(stylemill: Run) -> None:
    """A server that does not answer is named."""
    done = stylemill("landed", "autumn", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 2
    assert "http://127.0.0.1:9/api" in done.stderr
    assert "Traceback" not in done.stderr


def test_landed_refuses_a_set_that_cannot_be(stylemill: Run) -> None:
    """A style set that is no id is refused before anything is told."""
    assert stylemill("landed", "autumn 26").returncode == 2
