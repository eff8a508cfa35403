"""The import contracts hold, and a change of direction fails them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LINT = str(Path(sys.executable).with_name("lint-imports"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The rooms and their contracts in a folder of their own."""
    for room in ("stylecore", "catalogs", "flows", "benchmarks"):
        shutil.copytree(
            ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What `make check` runs."""
    command = [LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_contracts_hold(copy: Path) -> None:
    """As the code stands, no contract is broken."""
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("catalogs/keys.py", "import stylecore.recipe"),
        ("stylecore/recipe.py", "import catalogs.keys"),
        ("stylecore/errors.py", "import flows.settings"),
        ("catalogs/images/codec.py", "import torch"),
        ("stylecore/tensors.py", "import PIL"),
        ("flows/planning/plan.py", "import torch"),
        ("flows/utils.py", ""),
    ],
)
def test_a_change_of_direction_fails(copy: Path, module: str, line: str) -> None:
    """An import against the direction, or a module that nobody placed, breaks a contract."""
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")
    assert lint(copy).returncode != 0
