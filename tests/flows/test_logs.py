"""Logs as JSON lines, and a report as a page."""

import json
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.fixture
def arguments(catalog: Path, tmp_path: Path) -> list[str]:
    """A run of three designs."""
    return [
        "run", "--garments", f"{catalog}/garments", "--styles", f"{catalog}/styles",
        "--designs", f"{tmp_path}/designs", "--recipe", f"{catalog}/tiny.toml", "--style-set", "set-1",
    ]  # fmt: skip


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_line_is_json(arguments: list[str], stylemill: Run, workers: str) -> None:
    """Each design's line carries run, shard, garment, style and job, in whatever process it is made."""
    done = stylemill(*arguments, "--workers", workers, STYLEMILL_LOG="json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    written = [line for line in lines if line["event"] == "picture written"]
    assert {(line["garment"], line["style"]) for line in written} == {(f"g{n}", "s1") for n in range(3)}
    for line in written:
        assert line["run"] in done.stdout
        assert line["shard"].startswith("shard 1 of" if workers == "1" else "shard ")
        assert (len(line["job"]), line["level"], line["logger"]) == (64, "info", "flows.designing")
    assert any("3 designs to make" in line["event"] for line in lines), "the plan is in the log"


def test_the_page(arguments: list[str], catalog: Path, tmp_path: Path, stylemill: Run) -> None:
    """The page tells the counts, the workers and why records were rejected; what a catalog holds stays text."""
    rows = catalog / "styles" / "catalog.csv"
    rows.write_text(rows.read_text() + "bad,set-1,<script>alert(1)</script>.png,Bad,CC0\n")
    done = stylemill(*arguments)
    assert done.returncode == 3, done.stderr
    (page,) = (tmp_path / "designs" / "runs").rglob("report.html")
    text = page.read_text()
    assert "3 new designs" in text
    assert "no such file beside the catalog" in text
    assert "device busy" in text
    assert "contact_sheet.png" in text
    assert "<script" not in text
