"""The import contracts of pyproject.toml hold, and every import that a contract forbids breaks it.

Forbidden imports are added to import-linter's graph of the packages and not to their files: so a contract is checked
in a millisecond. That a line of code comes into the graph is shown on a copy of the packages, by the command that
`make check` runs.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

from tests.conftest import ROOT

LINT = str(Path(sys.executable).with_name("lint-imports"))
CONFIGURATION = read_configuration(str(ROOT / "pyproject.toml"))
SESSION: dict[str, Any] = CONFIGURATION["session_options"]
OPTIONS: dict[str, dict[str, Any]] = {
    options["id"]: options for options in CONFIGURATION["contracts_options"]
}
"""The contracts as pyproject.toml holds them, by their ids."""
TYPES: dict[str, type[Contract]] = {"layers": LayersContract, "forbidden": ForbiddenContract}
CONTAINERS = [
    (contract_id, container)
    for contract_id, options in OPTIONS.items()
    if options.get("exhaustive")
    for container in options["containers"]
]

Import = tuple[str, str]
"""The module that imports, and the module that is imported."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The imports of all packages, as `lint-imports` sees them."""
    return grimp.build_graph(*SESSION["root_packages"], include_external_packages=True, cache_dir=None)


@pytest.fixture(scope="module")
def contracts() -> dict[str, Contract]:
    """The contracts as import-linter's own objects, by their ids."""
    return {
        contract_id: TYPES[options["type"]](options["name"], SESSION, options)
        for contract_id, options in OPTIONS.items()
    }


def forbidden_imports(options: dict[str, Any]) -> Iterator[Import]:
    """Every import that a contract forbids by its own words, the farthest from its direction first."""
    if options["type"] == "forbidden":
        yield from product(options["source_modules"], options["forbidden_modules"])
        return
    layers = [[name.strip() for name in layer.split("|")] for layer in options["layers"]]
    downwards = sorted(combinations(range(len(layers)), 2), key=lambda pair: pair[0] - pair[1])
    for container in options.get("containers", [""]):
        prefix = f"{container}." if container else ""
        for higher, lower in downwards:
            for importer, imported in product(layers[lower], layers[higher]):
                yield prefix + importer, prefix + imported
        for layer in layers:
            for importer, imported in permutations(layer, 2):
                yield prefix + importer, prefix + imported


def with_import(graph: grimp.ImportGraph, importer: str, imported: str) -> grimp.ImportGraph:
    """A copy of the graph with one import more; a library that nothing imports yet comes into it."""
    changed = deepcopy(graph)
    if imported not in changed.modules:
        changed.add_module(imported, is_squashed=True)
    changed.add_import(
        importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}"
    )
    return changed


def broken(graph: grimp.ImportGraph, contracts: dict[str, Contract]) -> list[str]:
    """The ids of the contracts that a graph breaks."""
    return [
        contract_id
        for contract_id, contract in contracts.items()
        if not contract.check(deepcopy(graph), verbose=False).kept
    ]


def message_of(graph: grimp.ImportGraph, contract: Contract, capsys: pytest.CaptureFixture[str]) -> str:
    """What import-linter prints about a contract that a graph breaks; empty where the graph keeps it."""
    check = contract.check(deepcopy(graph), verbose=False)
    capsys.readouterr()
    if not check.kept:
        contract.render_broken_contract(check)
    return " ".join(capsys.readouterr().out.split())


def test_contracts_hold(graph: grimp.ImportGraph, contracts: dict[str, Contract]) -> None:
    """As the code stands, no contract is broken."""
    assert broken(graph, contracts) == []


@pytest.mark.parametrize("contract_id", OPTIONS)
def test_every_forbidden_import_breaks_its_contract(
    contract_id: str,
    graph: grimp.ImportGraph,
    contracts: dict[str, Contract],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each import that a contract forbids breaks it, and the message names both modules."""
    imports = list(forbidden_imports(OPTIONS[contract_id]))
    assert imports
    for importer, imported in imports:
        message = message_of(with_import(graph, importer, imported), contracts[contract_id], capsys)
        assert f"{importer} -> {imported} (l.1)" in message, f"{importer} may import {imported}"


@pytest.mark.parametrize("contract_id", OPTIONS)
def test_each_contract_forbids_what_no_other_does(
    contract_id: str, graph: grimp.ImportGraph, contracts: dict[str, Contract]
) -> None:
    """For each contract some import breaks it and no other: none could be left out."""
    assert any(
        broken(with_import(graph, *forbidden), contracts) == [contract_id]
        for forbidden in forbidden_imports(OPTIONS[contract_id])
    )


@pytest.mark.parametrize("package", ["stylecore", "catalogs", "flows"])
def test_every_room_has_a_contract(package: str) -> None:
    """Every folder with two modules or more has one contract that says the order of all its modules."""
    rooms = {
        ".".join(folder.relative_to(ROOT).parts)
        for folder in (ROOT / package, *(ROOT / package).rglob("*/"))
        if len(list(folder.glob("*.py"))) > 2
    }
    placed = sorted(container for _, container in CONTAINERS if container.split(".")[0] == package)
    assert placed == sorted(rooms)


@pytest.mark.parametrize(("contract_id", "container"), CONTAINERS)
def test_a_module_that_nobody_placed_breaks_its_contract(
    contract_id: str,
    container: str,
    graph: grimp.ImportGraph,
    contracts: dict[str, Contract],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A new module that no layer names breaks the contract of its room alone, and the message names it."""
    changed = deepcopy(graph)
    changed.add_module(f"{container}.unplaced")
    assert broken(changed, contracts) == [contract_id]
    assert f"- {container}.unplaced" in message_of(changed, contracts[contract_id], capsys)


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run what `make check` runs."""
    command = [LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "line", "contract_id"),
    [
        ("catalogs/keys.py", "", None),
        ("catalogs/keys.py", "import stylecore.recipe", "rooms"),
        ("stylecore/tensors.py", "def late() -> None:\n    import PIL", "no-files-in-stylecore"),
        ("flows/unplaced.py", "", "flows"),
    ],
    ids=["nothing", "a line", "an import within a function", "a file"],
)
def test_a_line_of_code_breaks_a_contract(
    tmp_path: Path, module: str, line: str, contract_id: str | None
) -> None:
    """The command that `make check` runs sees a line in a file and reports the contract that it breaks."""
    for package in SESSION["root_packages"]:
        ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == int(contract_id is not None), done.stdout
    reported = [
        name for name in OPTIONS if f"{OPTIONS[name]['name']} BROKEN" in " ".join(done.stdout.split())
    ]
    assert reported == ([contract_id] if contract_id else [])
