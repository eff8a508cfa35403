"""The walks of ARCHITECTURE.md: every station is there, and a real run and a real act pass through them in order."""

import ast
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from fastapi.testclient import TestClient

from catalogs.browser.app import create_app
from catalogs.browser.auth.sessions import Sessions
from catalogs.browser.context import BrowserContext
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import Pictures
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.runs.run_plan import run_plan
from flows.settings import Settings
from tests.catalogs.browser.shop import shop
from tests.catalogs.browser.test_app import csrf
from tests.conftest import ROOT

Station = tuple[str, str]


def walks() -> dict[str, list[Station]]:
    """Stations (file, function or method) of every walk by its heading."""
    text = (ROOT / "ARCHITECTURE.md").read_text().partition("## Five walks")[2].partition("Beside them:")[0]
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^\d+\. `(\S+): (\S+)`", body, re.MULTILINE)
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }


WALKS = walks()
EVERY = [station for stations in WALKS.values() for station in stations]


def functions(path: Path) -> set[str]:
    """Functions of a module, also those inside others, and methods as `Class.method`."""
    if path.suffix == ".js":
        return set(re.findall(r"function (\w+)\(", path.read_text()))
    tree, names = ast.parse(path.read_text()), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{m.name}" for m in node.body if isinstance(m, ast.FunctionDef)}
    return names


def test_there_are_five() -> None:
    """Five walks, none of more than eight stations."""
    assert len(WALKS) == 5
    assert all(5 <= len(stations) <= 8 for stations in WALKS.values())


@pytest.mark.parametrize(("file", "name"), EVERY)
def test_a_station_is_there(file: str, name: str) -> None:
    """The file holds a function of that name."""
    assert name in functions(ROOT / file)


@contextmanager
def passed(stations: list[Station]) -> Iterator[list[Station]]:
    """Stations in the order in which this process enters them first, in any thread that starts in the block."""
    wanted = {(str(ROOT / file), name.rpartition(".")[2]): (file, name) for file, name in stations}
    seen: list[Station] = []

    def enter(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            station = wanted.get((frame.f_code.co_filename, frame.f_code.co_name))
            if station and station not in seen:
                seen.append(station)

    threading.setprofile(enter)
    sys.setprofile(enter)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def of_walk(word: str, file: Callable[[str], bool] = lambda _file: True) -> list[Station]:
    """The stations of the walk whose heading has the word, in files that are asked for."""
    (stations,) = (stations for heading, stations in WALKS.items() if word in heading)
    return [station for station in stations if file(station[0])]


def test_a_row_passes_all_stations(catalog: Path, tmp_path: Path) -> None:
    """A run of one garment in one style enters every station once the one before was entered."""
    stations = of_walk("garment catalog")
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), device="cpu",
    )  # fmt: skip
    config = resolve_run_config(settings)
    with passed(stations) as seen:
        run_plan(config, make_plan(config))
    # Planning reads the rows.
    assert seen == [stations[1], stations[0], *stations[2:]]


def test_an_act_passes_all_stations(tmp_path: Path) -> None:
    """A pick that a page sends enters every station of the server once the one before was entered."""
    (design, *_) = shop(tmp_path)
    stations = of_walk("press on P", lambda file: file.endswith(".py"))
    with passed(stations) as seen:
        context = BrowserContext(
            ReviewState(DesignCatalog(open_store(str(tmp_path)))),
            Pictures(open_store(str(tmp_path)), None, None),
            Sessions(None, "ann"),
            "a catalog",
        )
        with TestClient(create_app(context), base_url="http://127.0.0.1:8420") as client:
            act = {"what": "verdict", "value": "pick", "target": {"ids": [design.design_id]}}
            assert client.post("/api/acts", json=act, headers=csrf(client)).status_code == 200
    assert seen == stations


def test_the_weight_is_named_where_it_is_read() -> None:
    """`content_weight` stands in the module that has the field, and in the one that has the term."""
    for file in ("stylecore/recipe.py", "stylecore/objective/terms.py"):
        assert "content_weight" in (ROOT / file).read_text()
