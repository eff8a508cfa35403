"""Logs as JSON lines, and a report as a page."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, StartRun, write_catalog
from tests.flows.test_killed_runs import SLOW, wait_for_pictures


@pytest.fixture
def arguments(catalog: Path, tmp_path: Path) -> list[str]:
    """A run of three designs."""
    return [
        "run", "--garments", f"{catalog}/garments", "--styles", f"{catalog}/styles",
        "--designs", f"{tmp_path}/designs", "--recipe", f"{catalog}/tiny.toml", "--style-set", "set-1",
    ]  # fmt: skip


def told(stderr: str) -> list[dict[str, Any]]:
    """The lines of a log, every one of which must be a JSON object."""
    lines = [json.loads(line) for line in stderr.splitlines()]
    assert all(isinstance(line, dict) and line["event"] and line["level"] for line in lines)
    return lines


@pytest.mark.parametrize(("server", "workers"), [("temporary server", "1"), ("server", "2")])
def test_every_line_is_json(
    arguments: list[str], stylemill: Run, stylemill_alone: Run, prefect_url: str, server: str, workers: str
) -> None:
    """All of standard error is JSON: each event once, designs with where they are made, the counts in the last line.

    Without a server in a new Python, whose libraries say what they have to say; else with the logging that a user with
    a server has.
    """
    if server == "server":
        done = stylemill(*arguments, "--workers", workers, STYLEMILL_LOG="json", PREFECT_API_URL=prefect_url)
    else:
        done = stylemill_alone(*arguments, "--workers", workers, STYLEMILL_LOG="json")
    assert done.returncode == 0, done.stderr
    lines = told(done.stderr)
    written = [line for line in lines if line["event"] == "picture written"]
    assert sorted((line["garment"], line["style"]) for line in written) == [(f"g{n}", "s1") for n in range(3)]
    for line in written:
        assert line["run"] in done.stdout
        assert line["shard"].startswith("shard 1 of" if workers == "1" else "shard ")
        assert (len(line["job"]), line["level"], line["logger"]) == (64, "info", "flows.painting.filing")
    # Prefect's loggers, which the flow says its own lines to, write here whether there is a server or not.
    assert [line["logger"] for line in lines if "3 designs to make" in line["event"]] == ["prefect.flow_runs"]
    (plan,) = (line for line in lines if line["event"] == "plan")
    assert (plan["to_make"], plan["already_there"], plan["rejected"]) == (3, 0, 0)
    last = lines[-1]
    assert (last["event"], last["made"], last["rejected"], last["state"]) == (
        "run finished",
        3,
        0,
        "finished",
    )
    assert last["report"].endswith("report.html") and last["run"] == written[0]["run"]


def test_other_ends(arguments: list[str], catalog: Path, stylemill: Run) -> None:
    """Nothing to make, rejections, and what ends before a run begins are JSON to the last line as well."""
    rows = catalog / "styles" / "catalog.csv"
    rows.write_text(rows.read_text() + "bad,set-1,gone.png,Bad,CC0\n")
    done = stylemill(*arguments, STYLEMILL_LOG="json")
    assert done.returncode == 3
    assert (told(done.stderr)[-1]["event"], told(done.stderr)[-1]["rejected"]) == ("run finished", 1)
    assert any("gone.png" in line["event"] for line in told(done.stderr))
    rows.write_text("\n".join(rows.read_text().splitlines()[:-1]) + "\n")
    done = stylemill(*arguments, STYLEMILL_LOG="json")
    last = told(done.stderr)[-1]
    assert (done.returncode, last["event"], last["made"], last["already_there"]) == (0, "run finished", 0, 3)
    done = stylemill(*arguments[:-1], "set-7", STYLEMILL_LOG="json")
    last = told(done.stderr)[-1]
    assert (done.returncode, last["level"]) == (2, "error") and "set-7" in last["event"]


def test_a_run_that_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_run: StartRun) -> None:
    """SIGTERM ends the log with how far the run came, and with what to do."""
    folder, designs = write_catalog(tmp_path / "in", garments=4, styles=4), tmp_path / "designs"
    (folder / "slow.toml").write_text(SLOW)
    monkeypatch.setenv("STYLEMILL_LOG", "json")
    places = ("--garments", f"{folder}/garments", "--styles", f"{folder}/styles", "--designs", str(designs))
    run = start_run(["run", *places, "--recipe", f"{folder}/slow.toml"], tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    run.process.send_signal(signal.SIGTERM)
    assert run.wait() == 130
    # The command's words on standard output are in this file, too.
    lines = told("\n".join(line for line in run.log.read_text().splitlines() if line.startswith("{")))
    (stopped,) = (line for line in lines if line["event"] == "run stopped")
    assert (stopped["state"], stopped["planned"]) == ("interrupted", 16) and 0 < stopped["made"] < 16
    assert stopped["reason"] == "stopped by a signal"
    assert not [line for line in lines if line["level"] == "error"], "an ordered stop is no error"
    assert "run the same command to go on" in lines[-1]["event"]


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
