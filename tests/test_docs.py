"""What the documents say is run, and what they point to is there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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
    from flows.recipes import find_recipe

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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link and picture of a document exists."""
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_every_module_has_its_line() -> None:
    """ARCHITECTURE.md names every module of the three rooms."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for room in ("stylecore", "catalogs", "flows"):
        for module in (ROOT / room).glob("*.py"):
            assert module.stem == "__init__" or f"`{module.stem}`" in text, module


def test_runbook_names_real_commands() -> None:
    """Every stylemill command and Prefect file of the runbook exists."""
    from typer.main import get_command

    from flows.cli import app

    text = (ROOT / "deployments" / "runbook.md").read_text()
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"`?\bstylemill ([a-z]+)\b", text)) <= known | {"--help"}
    for path in re.findall(r"deployments/[a-z.]+", text):
        assert (ROOT / path).exists()
