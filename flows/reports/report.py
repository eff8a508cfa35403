"""What a run leaves for people: its report, a list of the rejections, and a contact sheet."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from catalogs import keys
from catalogs.designs.contact_sheet import MOST, Cell, Label, contact_sheet
from catalogs.designs.facts import Correction
from catalogs.exports.spreadsheet import table_bytes
from catalogs.records import Problem
from catalogs.storage.store_contract import Store
from flows.painting.outcome import Effort, Failure, Outcome
from flows.planning.plan import DesignJob
from flows.planning.run_config import RunCatalogs
from flows.planning.selection import Selection
from flows.reports.report_files import PAGE, REPORT
from flows.reports.report_page import report_page

log = logging.getLogger(__name__)

REJECTION_COLUMNS = ("file", "row", "record", "column", "value", "reason")


@dataclass
class RunReport:
    """Counts and reasons of one run, as they are written to `runs/RUN_ID/report.json`."""

    run_id: str
    recipe: str
    recipe_digest: str
    garments: str
    styles: str
    designs: str
    started_at: datetime
    finished_at: datetime | None = None
    state: str = "running"
    planned: int = 0
    made: int = 0
    already_there: int = 0
    held_back: int = 0
    asked: Selection = field(default_factory=Selection)
    """Which designs the run was asked for."""
    recipe_again: str = ""
    """The value of `--recipe` that names the recipe of this run again."""
    corrected: int = 0
    """Designs of earlier runs whose facts the catalogs have corrected since."""
    corrections: tuple[Correction, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    remarks: tuple[str, ...] = ()
    workers: dict[str, Effort] = field(default_factory=dict)
    """The effort of each worker, by machine, device and process."""
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Add what came of a shard; a record's problem is listed once, however many designs it prevented."""
        self.made += len(outcome.made)
        self.failures += outcome.failures
        self.remarks += tuple(outcome.remarks)
        if outcome.effort:
            before = self.workers.get(outcome.effort.worker)
            self.workers[outcome.effort.worker] = outcome.effort.after(before)
        self.problems += [problem for problem in outcome.problems if problem not in self.problems]

    @property
    def rejected(self) -> int:
        """How many records and pairs were rejected."""
        return len(self.problems) + len(self.failures)

    def as_dict(self) -> dict[str, Any]:
        """Return the report in the types of JSON, with every reason and how often it occurs."""
        return {
            **self.__dict__,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "asked": self.asked.as_record(),
            "corrections": [vars(correction) for correction in self.corrections],
            "problems": [problem.__dict__ for problem in self.problems],
            "failures": [failure.__dict__ for failure in self.failures],
            "workers": [self._effort_as_dict(effort) for effort in self.workers.values()],
            "reasons": reasons(self.problems, self.failures),
        }

    def as_json(self) -> str:
        """Return the report as the text of its JSON file."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False)

    def _effort_as_dict(self, effort: Effort) -> dict[str, object]:
        """The effort of a worker, its rate, and for what share of the run its device was busy."""
        run = max(self.seconds, effort.seconds, 1e-9)
        return {
            **effort.__dict__,
            "seconds": round(effort.seconds, 3),
            "painting_seconds": round(effort.painting_seconds, 3),
            "target_hit_rate": round(effort.target_hit_rate, 3),
            "designs_a_minute": round(60 * effort.designs / run, 3),
            "busy_share": round(effort.painting_seconds / run, 3),
        }

    def rejections_csv(self) -> bytes:
        """Return every rejection as a row of CSV; spreadsheets show its texts and evaluate no formula in them."""
        rejected = [(p.file, p.row or "", p.record, p.column, p.value, p.what) for p in self.problems]
        failed = [("", "", f"{f.garment_id} x {f.style_id}", "", "", f.reason) for f in self.failures]
        return table_bytes(REJECTION_COLUMNS, [*rejected, *failed])


def reasons(problems: Iterable[Problem], failures: Iterable[Failure]) -> dict[str, int]:
    """Return how often each kind of reason occurs; reasons that differ in figures and quoted names are of one kind."""
    texts = [p.what for p in problems] + [f.reason for f in failures]
    return dict(Counter(_kind(text) for text in texts).most_common())


def _kind(reason: str) -> str:
    """A reason without its figures, its names in quotes, and what follows a semicolon."""
    return re.sub(r"\d", "#", re.sub(r"'[^']*'", "'...'", reason)).split(";")[0]


def write_report(store: Store, report: RunReport) -> None:
    """File the report as JSON and as a page, and the rejections if there are any."""
    store.write(keys.run_file(report.run_id, REPORT), report.as_json().encode())
    write_page(store, report, sheet=False)
    if report.rejected:
        store.write(keys.run_file(report.run_id, keys.REJECTIONS), report.rejections_csv())


def write_page(store: Store, report: RunReport, *, sheet: bool) -> None:
    """File the report's page; `sheet` says whether a contact sheet lies beside it."""
    page = report_page(report.as_dict(), sheet=sheet)
    store.write(keys.run_file(report.run_id, PAGE), page.encode())


def write_contact_sheet(
    catalogs: RunCatalogs,
    report: RunReport,
    jobs: Sequence[DesignJob],
    made: Mapping[str, str],
    max_pixels: int,
) -> str | None:
    """File a sheet of the run's first designs, a garment a row; returns its URI, or None if nothing was made.

    `made` maps design ids to the keys of their pictures.
    """
    jobs = [job for job in jobs if job.key in made]
    if not jobs:
        return None
    rows = list({job.garment.garment_id: job.garment for job in jobs}.values())
    columns = list({job.style.style_id: job.style for job in jobs}.values())
    key_of = {(job.garment.garment_id, job.style.style_id): job.key for job in jobs}
    designs = catalogs.designs.store

    def cell(row: int, column: int) -> Cell:
        """Return what reads the picture of a row and column; None where no design was made."""
        key = key_of.get((rows[row].garment_id, columns[column].style_id))
        return partial(designs.read, made[key]) if key else None

    png = contact_sheet(
        f"Stylemill, recipe {report.recipe}, {report.started_at:%Y-%m-%d %H:%M}",
        [
            Label(garment.garment_id, garment.title, partial(catalogs.garments.read, garment.image))
            for garment in rows
        ],
        [Label(style.style_id, style.title, partial(catalogs.styles.read, style.image)) for style in columns],
        cell,
        side=220 if max(len(rows), len(columns)) <= MOST // 2 else 150,
        max_pixels=max_pixels,
    )
    key = keys.run_file(report.run_id, "contact_sheet.png")
    designs.write(key, png)
    return f"{designs.uri}/{key}"
