"""What a run shows on its page in Prefect."""

import pytest

from catalogs.records import Garment, Style
from catalogs.storage.memory_store import MemoryStore
from flows.orchestration import artifacts
from flows.orchestration.artifacts import publish_result, summary
from flows.planning.plan import DesignJob, Plan
from stylecore.recipe import Recipe
from tests.flows.reports.test_report import report


def test_summary_says_the_numbers() -> None:
    """The Markdown artifact holds what a person asks first."""
    found = report()
    found.planned, found.made, found.already_there = 5, 4, 2
    text = summary(found, "s3://b/report.html", "s3://b/sheet.png")
    for words in ("4 new designs", "| planned | 5 |", "| already there | 2 |"):
        assert words in text


def test_summary_says_where_to_look() -> None:
    """The Markdown artifact names the report's page and the contact sheet."""
    text = summary(report(), "s3://b/report.html", "s3://b/sheet.png")
    assert "Report: `s3://b/report.html`" in text
    assert "Contact sheet: `s3://b/sheet.png`" in text


def test_the_table_of_designs_names_their_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of the artifact of new designs says where its picture is."""
    tables: dict[str, list[dict[str, str]]] = {}
    monkeypatch.setattr(artifacts, "create_markdown_artifact", lambda **_artifact: None)
    monkeypatch.setattr(
        artifacts, "create_table_artifact", lambda key, table, **_: tables.update({key: table})
    )
    job = DesignJob("k" * 64, Garment("g", "g.png"), Style("s", "set", "s.png"))
    store = MemoryStore()
    publish_result(store, report(), Plan(Recipe(), (job,), 0, ()), {job.key: "images/k.png"}, None)
    (row,) = tables["stylemill-designs"]
    assert row["image"] == f"{store.uri}/images/k.png"
