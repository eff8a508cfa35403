"""The run report counts every rejection with its reason."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from catalogs.records import Problem
from catalogs.storage.memory_store import MemoryStore
from flows.painting.outcome import Failure, Outcome
from flows.reports.report import RunReport, reasons, write_report


def report() -> RunReport:
    """A report of a run that has begun."""
    return RunReport("id", "house", "d" * 64, "g", "s", "o", started_at=datetime(2026, 11, 21, tzinfo=UTC))


PROBLEM = Problem("s/catalog.csv", 7, "torn", "image", "torn.png", "the picture is damaged; export it again")


def test_a_records_problem_counts_once() -> None:
    """A style that cannot be read is one rejection, however many shards met it."""
    found = report()
    for _ in range(3):
        found.add(Outcome(made=["a"], problems=[PROBLEM]))
    assert (found.made, found.rejected) == (3, 1)


def test_like_reasons_meet() -> None:
    """Reasons that differ only in their figures are one kind."""
    failures = [
        Failure("g", f"s{n}", f"the loss became not a number at level 1 of 3, step {n}") for n in range(1, 4)
    ]
    assert list(reasons([PROBLEM], failures).values()) == [3, 1]


def test_reasons_without_names() -> None:
    """Reasons that differ only in the name or number in quotes are one kind."""
    problems = [
        Problem("s/catalog.csv", n, f"s{n}", "repeat", f"w{n}", f"'w{n}' is not a repeat; use mirror")
        for n in (2, 3)
    ]
    assert reasons(problems, []) == {"'...' is not a repeat": 2}


def test_files_of_a_run() -> None:
    """The report is JSON with every reason; the rejections are rows that a spreadsheet opens."""
    found, store = report(), MemoryStore()
    found.add(Outcome(problems=[PROBLEM], failures=[Failure("g", "s", "the loss became infinite")]))
    write_report(store, found)
    written = json.loads(store.read("runs/id/report.json"))
    assert written["problems"][0]["record"] == "torn"
    assert sum(written["reasons"].values()) == 2
    rows = list(csv.DictReader(io.StringIO(store.read("runs/id/rejections.csv").decode("utf-8-sig"))))
    assert [row["record"] for row in rows] == ["torn", "g x s"]


@pytest.mark.parametrize("text", ["=1+1", "\0=1+1", "\u200b@x", "＝1"])
def test_rejections_compute_nothing(text: str) -> None:
    """A cell of a catalog that a spreadsheet would compute is text in the list of rejections."""
    found = report()
    found.add(Outcome(problems=[Problem("s/catalog.csv", 7, text, "image", text, text)]))
    (row,) = csv.DictReader(io.StringIO(found.rejections_csv().decode("utf-8-sig")))
    assert all(row[name] == "'" + text.replace("\0", "") for name in ("record", "value", "reason"))


def test_no_rejections_no_file() -> None:
    """Without a rejection there is no rejections file."""
    store = MemoryStore()
    write_report(store, report())
    assert [entry.key for entry in store.list()] == ["runs/id/report.html", "runs/id/report.json"]
