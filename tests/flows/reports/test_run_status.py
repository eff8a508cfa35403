"""What became of a run can be asked while it is on, after it was killed, and after its end."""

import json
import os
import shlex
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.command.cli import app
from flows.planning.selection import Selection
from flows.reports.command_lines import run_command_line
from tests.catalogs.browser.shop import shop
from tests.conftest import Run, Start, StartRun
from tests.flows.test_killed_runs import arguments, records, wait_for_pictures

__all__ = ["arguments"]


def statuses(designs: Path, *more: str) -> list[dict[str, object]]:
    """What `stylemill status --json` says."""
    done = CliRunner().invoke(app, ["status", "--designs", str(designs), "--json", *more])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed(arguments: list[str], tmp_path: Path, stylemill: Run, start_run: StartRun) -> None:
    """A run is told as running while it lives; after SIGKILL as killed, with what it made and the command to go on."""
    designs = tmp_path / "designs"
    run = start_run(arguments, tmp_path / "log")
    wait_for_pictures(designs, 3, run)
    (told,) = statuses(designs)
    assert (told["state"], told["planned"], told["next"]) == ("running", 16, "")
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait(60)
    made = len(records(designs))
    (told,) = statuses(designs)
    assert (told["state"], told["made"], told["rejected"]) == ("killed", made, 0) and 0 < made < 16
    (folder,) = (designs / "runs").iterdir()
    assert told["run"] == folder.name and (folder / "report.html").exists()
    # The file of its recipe may be gone: the catalog keeps it.
    Path(arguments[-1]).unlink()
    words = shlex.split(str(told["next"]))
    done = stylemill(*words[1:])
    assert done.returncode == 0, done.stderr
    assert len(records(designs)) == 16
    newest, before = statuses(designs)
    assert (newest["state"], newest["made"], newest["next"]) == ("finished", 16 - made, "")
    assert before == told
    shown = stylemill("status", "--designs", designs, told["run"])
    assert (
        shown.returncode == 0
        and "It goes on by (what others" in shown.stdout
        and str(told["next"]) in shown.stdout
    )


def test_stopped(arguments: list[str], tmp_path: Path, start_run: StartRun) -> None:
    """A run that was stopped in order is interrupted; the same command goes on, with all that it was asked for."""
    designs = tmp_path / "designs"
    run = start_run(
        [*arguments, "--style-set", "set-1", "--garment", "g1", "--garment", "g0"], tmp_path / "log"
    )
    wait_for_pictures(designs, 1, run)
    run.process.send_signal(signal.SIGTERM)
    run.wait()
    (told,) = statuses(designs)
    if told["state"] == "finished":
        pytest.skip("the run was quicker than the signal")
    assert told["state"] == "interrupted"
    words = shlex.split(str(told["next"]))
    assert words[words.index("--style-set") + 1] == "set-1"
    assert [words[place + 1] for place, word in enumerate(words) if word == "--garment"] == ["g1", "g0"]


def test_rejected(arguments: list[str], tmp_path: Path, stylemill: Run) -> None:
    """What follows a run that rejected something is a retry of it; the reasons are listed."""
    folder, designs = tmp_path / "in", tmp_path / "designs"
    (folder / "garments" / "g1.png").write_bytes(b"no picture")
    assert stylemill(*arguments, "--style", "s0").returncode == 3
    (told,) = statuses(designs)
    assert (told["state"], told["made"], told["rejected"]) == ("finished", 3, 1)
    assert shlex.split(str(told["next"])) == [
        "stylemill", "retry", "--designs", str(designs), "--run", str(told["run"])
    ]  # fmt: skip
    shown = stylemill("status", "--designs", designs, told["run"])
    assert "What was rejected is tried again by" in shown.stdout and "1 x " in shown.stdout


def test_no_runs(tmp_path: Path) -> None:
    """A place without designs is refused, as doctor refuses it; a run that is not there, with the nearest."""
    done = CliRunner().invoke(app, ["status", "--designs", str(tmp_path / "nowhere")])
    assert done.exit_code == 1 and "holds no design catalog: check the path" in done.output
    shop(tmp_path / "designs")
    assert statuses(tmp_path / "designs") == []
    done = CliRunner().invoke(app, ["status", "--designs", str(tmp_path / "designs"), "x"])
    assert done.exit_code == 2 and "There is no run 'x'" in done.output


def test_commands_can_be_copied() -> None:
    """Blanks and quotes in places and ids arrive in a shell as they are."""
    selection = Selection(("set 1",), ("g'1", "g2"), (), 5)
    words = shlex.split(run_command_line("a b", "s3://x/$y", "d", "house", selection))
    assert words == [
        "stylemill", "run", "--garments", "a b", "--styles", "s3://x/$y", "--designs", "d", "--recipe", "house",
        "--style-set", "set 1", "--garment", "g'1", "--garment", "g2", "--limit", "5",
    ]  # fmt: skip


REPORT = {
    "run_id": "r", "state": "interrupted", "started_at": "2026-11-28T10:00:00+00:00", "garments": "g", "styles": "s",
    "recipe": "house", "recipe_digest": "ab", "planned": 4, "already_there": 0, "held_back": 0, "seconds": 1.5,
    "reasons": {}, "problems": [], "failures": [{"garment_id": "g1", "style_id": "s1"}],
}  # fmt: skip


def filed(folder: Path, run: str, report: object) -> None:
    """A report of a run, of any contents."""
    (folder / "runs" / run).mkdir(parents=True)
    (folder / "runs" / run / "report.json").write_text(
        report if isinstance(report, str) else json.dumps(report)
    )
    (folder / "runs" / run / "rejections.csv").write_text("")


@pytest.mark.parametrize(
    ("damaged", "what"),
    [
        ("[]", "it is no JSON object"),
        ("[" * 100_000, "recursion"),
        ('{"run_id": "b", "state": "fin', "Unterminated string"),
        ('{"state": "finished"}', "its field 'started_at' is missing or of a wrong type"),
        (REPORT | {"started_at": "yesterday"}, "Invalid isoformat"),
        (REPORT | {"failures": ["x"]}, "its field 'failures' lists what has no garment_id and style_id"),
        (REPORT | {"asked": {"garment_ids": 5}}, "its field 'asked' is of a wrong type"),
    ],
)
def test_damaged_reports(damaged: object, what: str, tmp_path: Path) -> None:
    """A report that cannot be read is told as that, beside those of the other runs; a retry of it is refused."""
    filed(tmp_path, "a", REPORT)
    filed(tmp_path, "b", damaged)
    broken, whole = statuses(tmp_path)
    assert (whole["run"], whole["state"], whole["rejected"]) == ("a", "interrupted", 1)
    assert broken["run"] == "b"
    assert str(broken["state"]).startswith("unreadable: ") and what in str(broken["state"])
    shown = CliRunner().invoke(app, ["status", "--designs", str(tmp_path), "b"])
    assert shown.exit_code == 0 and "b  unreadable   0 designs made" in shown.output and what in shown.output
    retried = CliRunner().invoke(app, ["retry", "--designs", str(tmp_path), "--run", "b"])
    assert retried.exit_code == 1, retried.output
    assert "runs/b/report.json cannot be read" in retried.output


def test_terminals_get_no_commands_from_reports(tmp_path: Path) -> None:
    """Control characters of a report are not sent to a terminal."""
    filed(tmp_path, "a", REPORT | {"state": "x\x1b[31m\x07", "reasons": {"y\x1b[0m": 1}})
    shown = CliRunner().invoke(app, ["status", "--designs", str(tmp_path), "a"])
    assert shown.exit_code == 0 and "\x1b" not in shown.output and "\x07" not in shown.output


def test_an_interrupted_retry_is_retried(tmp_path: Path) -> None:
    """After a retry that did not end comes the same retry, not a run of everything."""
    filed(tmp_path, "b", REPORT | {"asked": {"retry_of": "a"}})
    (status,) = statuses(tmp_path)
    assert status["next"] == f"stylemill retry --designs {tmp_path} --run a"


def test_nothing_to_retry(tmp_path: Path) -> None:
    """A retry of a run that rejected nothing says so, and where to look for what comes next."""
    filed(tmp_path, "a", REPORT | {"failures": [], "state": "running"})
    done = CliRunner().invoke(app, ["retry", "--designs", str(tmp_path), "--run", "a"])
    assert done.exit_code == 0
    assert (
        f"Run a has rejected nothing. What comes next says 'stylemill status --designs {tmp_path} a'"
        in done.output
    )


def test_places_are_whole(catalog: Path, tmp_path: Path, start: Start) -> None:
    """Places that were given from a folder are kept whole: the next command is run from any other."""
    arguments = [
        "--garments",
        "garments",
        "--styles",
        "./styles",
        "--designs",
        "../designs",
        "--recipe",
        "tiny.toml",
    ]
    with (tmp_path / "log").open("wb") as log:
        assert start("run", *arguments, out=log, folder=catalog).wait(240) == 0
    (folder,) = (tmp_path / "designs" / "runs").iterdir()
    report = json.loads((folder / "report.json").read_text())
    assert (report["garments"], report["styles"]) == (f"{catalog}/garments", f"{catalog}/styles")
