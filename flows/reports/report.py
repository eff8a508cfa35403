"""What a run leaves for people: a report, the rejections, a contact sheet."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalogs import keys
from catalogs.designs.contact_sheet import MOST, Cell, Label, contact_sheet
from catalogs.designs.facts import Correction
from catalogs.exports.spreadsheet import table_bytes
from catalogs.records import Problem
from catalogs.storage.store_contract import Store
from flows.painting.designing import Effort, Failure, Outcome
from flows.reports.report_page import report_page
from flows.run.planning import DesignJob
from flows.run.report_files import PAGE, REPORT
from flows.run.run_command import Asked

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
    asked: Asked = field(default_factory=Asked)
    """What of the catalogs it was asked for."""
    recipe_again: str = ""
    """What `--recipe` takes to name the recipe once more."""
    corrected: int = 0
    """Designs of earlier runs whose facts the catalogs have corrected since."""
    corrections: tuple[Correction, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    remarks: tuple[str, ...] = ()
    workers: dict[str, Effort] = field(default_factory=dict)
    """Who made the designs, by machine, device and process; see flows/painting/designing.py."""
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count what came of a shard; a record's problem is listed once, however many designs it cost."""
        self.made += len(outcome.made)
        self.failures += outcome.failures
        self.remarks += tuple(outcome.remarks)
        if outcome.effort:
            before = self.workers.get(outcome.effort.worker)
            self.workers[outcome.effort.worker] = outcome.effort.after(before)
        self.problems += [problem for problem in outcome.problems if problem not in self.problems]

    @property
    def rejected(self) -> int:
        """Records and pairs that were turned away."""
        return len(self.problems) + len(self.failures)

    def as_plain(self) -> dict[str, Any]:
        """The report in plain types; reasons counted, every one listed."""
        return {
            **self.__dict__,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "asked": vars(self.asked),
            "corrections": [vars(one) for one in self.corrections],
            "problems": [problem.__dict__ for problem in self.problems],
            "failures": [failure.__dict__ for failure in self.failures],
            "workers": [self._share(effort) for effort in self.workers.values()],
            "reasons": reasons(self.problems, self.failures),
        }

    def as_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.as_plain(), indent=1, ensure_ascii=False)

    def _share(self, effort: Effort) -> dict[str, object]:
        """What a worker did, its rate, and for what share of the run its device was busy."""
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
        """Every rejection as a row that a spreadsheet opens and computes nothing of."""
        rejected = [(p.file, p.row or "", p.record, p.column, p.value, p.what) for p in self.problems]
        failed = [("", "", f"{f.garment_id} x {f.style_id}", "", "", f.reason) for f in self.failures]
        return table_bytes(REJECTION_COLUMNS, [*rejected, *failed])


def reasons(problems: Iterable[Problem], failures: Iterable[Failure]) -> dict[str, int]:
    """How often each kind of reason occurs; figures and what stands in quotes are taken out so that like meets like."""
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
    """File the report's page; `sheet` says that a contact sheet lies beside it."""
    page = report_page(report.as_plain(), sheet=sheet)
    store.write(keys.run_file(report.run_id, PAGE), page.encode())


def write_contact_sheet(
    garments: Store,
    styles: Store,
    designs: Store,
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

    def reader(store: Store, key: str) -> Cell:
        return lambda: store.read(key)

    def cell(r: int, c: int) -> Cell:
        key = key_of.get((rows[r].garment_id, columns[c].style_id))
        return reader(designs, made[key]) if key else None

    png = contact_sheet(
        f"Stylemill, recipe {report.recipe}, {report.started_at:%Y-%m-%d %H:%M}",
        [Label(g.garment_id, g.title, reader(garments, g.image)) for g in rows],
        [Label(s.style_id, s.title, reader(styles, s.image)) for s in columns],
        cell,
        side=220 if max(len(rows), len(columns)) <= MOST // 2 else 150,
        max_pixels=max_pixels,
    )
    key = keys.run_file(report.run_id, "contact_sheet.png")
    designs.write(key, png)
    return f"{designs.uri}/{key}"
