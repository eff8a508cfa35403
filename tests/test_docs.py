"""What the documents say is run, and what they point to is there."""

import importlib
import inspect
import os
import re
import shlex
import shutil
import string
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from catalogs.errors import InvalidKeyError
from catalogs.keys import check_id
from tests.conftest import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deployments/*.md")]


def blocks(language: str) -> list[str]:
    """Code blocks of the README in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_readme_runs_from_top_to_bottom(tmp_path: Path) -> None:
    """Every command, the recipe and both Python pieces of the README work as written, in order."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "STYLEMILL_RECIPE": str(tmp_path / "quick.toml")}
    # The README's commands use the default recipe; a small canvas keeps this test short.
    (tmp_path / "quick.toml").write_text("canvas = [96, 80]\nlevels = [[0.5, 3], [1.0, 3]]\n")
    for block in blocks("bash"):
        for line in block.splitlines():
            command = shlex.split(line, comments=True)
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (line, done.stderr)
    (toml,) = blocks("toml")
    (tmp_path / "loud.toml").write_text(toml)
    from flows.recipes.named import find_recipe

    assert find_recipe(str(tmp_path / "loud.toml")).style_scale == 0.5
    for block in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", block],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (block, done.stderr)
        assert done.stdout
    shown = subprocess.run(
        [sys.executable, "-c", blocks("python")[0]], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert shown[0].split() == ["garment_id", "style_id", "recipe", "loss_style", "image"], (
        "no column is left out"
    )
    assert (tmp_path / "designs" / shown[1].split()[-1]).exists(), "image is relative to the design catalog"
    for path in sorted(set(tmp_path.iterdir()) - {tmp_path / "quick.toml"}):
        name = path.name + "/" * path.is_dir()
        ignored = subprocess.run(["git", "check-ignore", "-q", "--no-index", name], cwd=ROOT, check=False)
        assert ignored.returncode != 1, f"git would add {name}"


def test_demo_is_drawn_once(tmp_path: Path) -> None:
    """`make demo` draws the sample catalog the first time, and runs every time."""
    if not shutil.which("make"):
        pytest.skip("there is no make here")
    called = tmp_path / "called"
    stand_in = tmp_path / "venv" / "bin" / "stylemill"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(
        f"#!/bin/sh\necho $1 >> {called}\n"
        'test $1 = sample || exit 0\nmkdir -p "$2/styles" && touch "$2/styles/catalog.csv"\n'
    )
    stand_in.chmod(0o755)
    (tmp_path / "venv" / ".installed").touch()
    for _ in range(2):
        command = ["make", "demo", f"VENV={tmp_path / 'venv'}", f"DEMO={tmp_path / 'demo'}"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert called.read_text().split() == ["sample", "run", "run"]


def _demo_picture(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.demo_picture", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_demo_picture(tmp_path: Path) -> None:
    """The README's picture is the newest contact sheet; its program has help, and tells a wrong folder in a sentence."""
    for run, color in (("20260101T000000-ab", "red"), ("20260102T000000-aa", "blue")):
        (tmp_path / "runs" / run).mkdir(parents=True)
        Image.new("RGB", (64, 64), color).save(tmp_path / "runs" / run / "contact_sheet.png")
    assert _demo_picture(tmp_path, tmp_path / "out.jpg").returncode == 0
    with Image.open(tmp_path / "out.jpg") as made:
        assert made.getpixel((32, 32))[2] > 200, "the newest is blue"
    shown = _demo_picture("--help")
    assert shown.returncode == 0
    assert "contact sheet" in shown.stdout
    wrong = _demo_picture(tmp_path / "nosuch")
    assert wrong.returncode == 1
    assert wrong.stderr == (
        f"{tmp_path}/nosuch holds no runs/*/contact_sheet.png: give the folder of a design catalog.\n"
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link and picture of a document exists."""
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def _table(document: Path, heading: str) -> list[list[str]]:
    """Cells of the one table below a heading, without its first two lines."""
    section = document.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in row] for row in rows[2:]]


def _shown(default: object) -> str:
    """A default as a person would set it; empty where nothing is set."""
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def test_settings_are_those_of_the_code() -> None:
    """docs/settings.md has every setting with its default and its meaning, and no other."""
    from flows.settings import Settings

    wanted = [
        [f"STYLEMILL_{name.upper()}", _shown(field.default), field.description]
        for name, field in Settings.model_fields.items()
    ]
    assert _table(ROOT / "docs" / "settings.md", "Settings") == wanted


def test_parameters_are_those_of_the_flows() -> None:
    """docs/settings.md has every deployment with its flow's parameters and their defaults, and no other."""
    wanted = set()
    for one in yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]:
        path, _, name = one["entrypoint"].partition(":")
        flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
        for parameter in inspect.signature(flow.fn).parameters.values():
            wanted.add((f"{flow.name}/{one['name']}", parameter.name, _shown(parameter.default)))
    rows = _table(ROOT / "docs" / "settings.md", "Parameters of deployments")
    said = {(name.strip(" `"), row[1], row[2]) for row in rows for name in row[0].split(",")}
    assert said == wanted


def test_every_module_has_its_line() -> None:
    """ARCHITECTURE.md names every module of the three rooms; one of a package inside a room in the package's line."""
    lines = (ROOT / "ARCHITECTURE.md").read_text().splitlines()
    for room in ("stylecore", "catalogs", "flows"):
        for module in (ROOT / room).rglob("*.py"):
            inside = module.parent.relative_to(ROOT / room)
            own = [line for line in lines if str(inside) == "." or line.startswith(f"| `{inside}/`")]
            assert module.stem == "__init__" or any(f"`{module.stem}`" in line for line in own), module


def test_runbook_names_real_commands() -> None:
    """Every stylemill command and Prefect file of the runbook exists."""
    from typer.main import get_command

    from flows.command.cli import app

    text = (ROOT / "deployments" / "runbook.md").read_text()
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"`?\bstylemill ([a-z]+)\b", text)) <= known | {"--help"}
    for path in re.findall(r"deployments/[a-z.]+", text):
        assert (ROOT / path).exists()


def test_runbook_servers_have_a_terminal_of_their_own() -> None:
    """What never returns ends its block, and every block that talks to the server says where it is."""
    text = (ROOT / "deployments" / "runbook.md").read_text()
    found = [re.findall(r"\$ (.*)", block) for block in re.findall(r"(?:^ +\$ .*\n)+", text, re.MULTILINE)]
    servers = [block for block in found if re.search(r"(server|worker) start", " ".join(block))]
    assert len(servers) == 2
    for block in servers:
        assert not any(re.search(r"(server|worker) start", line) for line in block[:-1]), block
    for block in found:
        if any(re.match(r"prefect (?!server)|stylemill landed", line) for line in block):
            assert block[0].startswith("export PREFECT_API_URL="), block


def test_ids_are_spelled_as_the_conventions_say() -> None:
    """The letters that docs/conventions.md allows in an id are those that `check_id` allows, there and no other."""
    text = (ROOT / "docs" / "conventions.md").read_text()
    (said,) = re.findall(r"Ids: 1 to 64 of `([^`]*)`,\s+beginning with a letter or digit, no two dots", text)
    ranges = {"A-Z": string.ascii_uppercase, "a-z": string.ascii_lowercase, "0-9": string.digits}
    letters = set("".join(ranges.get(word, word) for word in said.split()))
    assert {letter for letter in string.printable if _is_id(f"a{letter}a")} == letters
    assert {letter for letter in string.printable if _is_id(letter)} == letters - set("-_.")
    assert (_is_id("a" * 64), _is_id("a" * 65), _is_id("a..a")) == (True, False, False)


def _is_id(text: str) -> bool:
    try:
        check_id(text)
    except InvalidKeyError:
        return False
    return True


@pytest.mark.slow
def test_the_summary_is_the_last_word() -> None:
    """Tests that run flows end Prefect's temporary server themselves: nothing is printed after pytest's summary."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "finite or report"]
    done = subprocess.run(
        [*command, "tests/flows/reports/test_report.py", "tests/flows/test_bad_input.py"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert re.match(r"\d+ passed", done.stdout.splitlines()[-1]), done.stdout
