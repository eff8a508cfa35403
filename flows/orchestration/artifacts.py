"""What a run shows on its page in Prefect: plan, progress, result, new designs, rejections, contact sheet."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from catalogs.storage.store_contract import Store
from flows.painting.designing import Outcome
from flows.reports.report import RunReport
from flows.run.planning import Plan
from flows.run.report_files import page_uri
from flows.wording import duration

log = logging.getLogger(__name__)

TOLD_EVERY = 10.0
"""Seconds between two updates of the progress in Prefect."""
SHOWN_ROWS = 200
"""Rows of an artifact's table; the whole list is in storage."""


def announce(report: RunReport, plan: Plan, seconds_a_design: float | None) -> None:
    """A Prefect artifact of the plan, before work starts."""
    sets = Counter(job.style.style_set for job in plan.jobs)
    expected = "unknown" if seconds_a_design is None else duration(seconds_a_design * len(plan.jobs))
    lines = [
        f"# {len(plan.jobs)} designs to make",
        "",
        "| | |",
        "|---|---|",
        f"| recipe | {report.recipe} `{report.recipe_digest[:12]}` |",
        *(f"| style set {name} | {count} |" for name, count in sets.most_common(SHOWN_ROWS)),
        f"| already there | {plan.done} |",
        f"| facts to update of | {plan.corrections.designs} |",
        f"| rejected | {len(plan.problems)} |",
        f"| held back by the limit | {plan.held_back} |",
        f"| expected on one device | {expected} |",
    ]
    create_markdown_artifact(
        key="stylemill-plan", markdown="\n".join(lines), description="What the run is to do"
    )


class ProgressArtifact:
    """How far the run is, on its page in Prefect; a server that is away for a while does not stop the run."""

    def __init__(self, total: int) -> None:
        """Of `total` designs."""
        self._total, self._settled, self._told = total, 0, -TOLD_EVERY
        self._id: Any = None

    def add(self, outcome: Outcome) -> None:
        """What came of a shard; the page hears of it every few seconds at most."""
        self._settled += len(outcome.settled)
        if time.monotonic() - self._told < TOLD_EVERY and self._settled < self._total:
            return
        self._told = time.monotonic()
        try:
            self._tell(100 * self._settled / self._total)
        except Exception as error:
            log.warning("Prefect did not hear of the progress: %s", error)

    def _tell(self, percent: float) -> None:
        if self._id is None:
            key = "stylemill-progress"
            self._id = create_progress_artifact(percent, key=key, description="Designs settled")
        else:
            update_progress_artifact(self._id, percent)


def publish(store: Store, report: RunReport, plan: Plan, made: Mapping[str, str], sheet: str | None) -> None:
    """Prefect artifacts: the result in a sentence, the designs, the rejections, the contact sheet.

    `made` maps design ids to the keys of their pictures in the `store`.
    """
    create_markdown_artifact(
        key="stylemill-run",
        markdown=summary(report, page_uri(store, report.run_id), sheet),
        description="What the run did",
    )
    designs = [job for job in plan.jobs if job.key in made][:SHOWN_ROWS]
    if designs:
        table = [
            {
                "garment": j.garment.garment_id,
                "style": j.style.style_id,
                "style set": j.style.style_set,
                "image": f"{store.uri}/{made[j.key]}",
                "design": j.key,
            }
            for j in designs
        ]
        create_table_artifact(key="stylemill-designs", table=table, description="New designs")
    if report.rejected:
        rows = [
            {"file": p.file, "row": p.row, "record": p.record, "column": p.column, "reason": p.what}
            for p in report.problems[:SHOWN_ROWS]
        ] + [
            {"record": f"{f.garment_id} x {f.style_id}", "reason": f.reason}
            for f in report.failures[:SHOWN_ROWS]
        ]
        create_table_artifact(key="stylemill-rejections", table=rows, description="Rejected, and why")
    if sheet:
        link = sheet if "://" in sheet else f"file://{sheet}"
        create_link_artifact(key="stylemill-contact-sheet", link=link, description="Contact sheet")


def summary(report: RunReport, page: str, sheet: str | None) -> str:
    """The run in a few lines of Markdown; `page` and `sheet` are where the report and the contact sheet are."""
    lines = [
        f"# {report.made} new designs",
        "",
        "| | |",
        "|---|---|",
        f"| recipe | {report.recipe} `{report.recipe_digest[:12]}` |",
        f"| planned | {report.planned} |",
        f"| made | {report.made} |",
        f"| already there | {report.already_there} |",
        f"| facts updated of | {report.corrected} |",
        f"| rejected | {report.rejected} |",
        f"| time | {report.seconds:.0f} s |",
    ]
    for effort in report.workers.values():
        busy = 100 * effort.painting_seconds / max(report.seconds, 1e-9)
        lines.append(
            f"| worker | {effort.worker}: {effort.designs} designs; {effort.device} busy {busy:.0f} % of the time,"
            f" {effort.precision}, batches of {effort.batch} |"
        )
    lines += ["", f"Report: `{page}`"]
    if sheet:
        lines += ["", f"Contact sheet: `{sheet}`"]
    return "\n".join(lines)
