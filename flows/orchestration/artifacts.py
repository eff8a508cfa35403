"""The artifacts on a run's page in Prefect: plan, progress, result, new designs, rejections, contact sheet."""

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
from flows.painting.outcome import Outcome
from flows.planning.plan import Plan
from flows.reports.report import RunReport
from flows.reports.report_files import page_uri
from flows.wording import format_duration

log = logging.getLogger(__name__)

UPDATE_EVERY = 10.0
"""Seconds between two updates of the progress in Prefect."""
SHOWN_ROWS = 200
"""Rows of an artifact's table; the whole list is in storage."""


def publish_plan(report: RunReport, plan: Plan, seconds_a_design: float | None) -> None:
    """Publish the plan as an artifact before work starts; `seconds_a_design` is expected, None where unknown."""
    sets = Counter(job.style.style_set for job in plan.jobs)
    expected = "unknown" if seconds_a_design is None else format_duration(seconds_a_design * len(plan.jobs))
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
    """The progress artifact of a run; a server that does not answer for a while does not stop the run."""

    def __init__(self, total: int) -> None:
        """Begin at none of `total` designs."""
        self._total, self._settled, self._updated_at = total, 0, -UPDATE_EVERY
        self._id: Any = None

    def add(self, outcome: Outcome) -> None:
        """Add what came of a shard; the artifact is updated every few seconds at most."""
        self._settled += len(outcome.settled)
        if time.monotonic() - self._updated_at < UPDATE_EVERY and self._settled < self._total:
            return
        self._updated_at = time.monotonic()
        try:
            self._update(100 * self._settled / self._total)
        except Exception as error:
            log.warning("Prefect did not hear of the progress: %s", error)

    def _update(self, percent: float) -> None:
        if self._id is None:
            key = "stylemill-progress"
            self._id = create_progress_artifact(percent, key=key, description="Designs settled")
        else:
            update_progress_artifact(self._id, percent)


def publish_result(
    store: Store, report: RunReport, plan: Plan, made: Mapping[str, str], sheet: str | None
) -> None:
    """Publish artifacts of a run's end: the counts, the designs, the rejections, the contact sheet.

    `made` maps design ids to the keys of their pictures in the `store`; `sheet` is the contact sheet's URI.
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
    """Return the run in a few lines of Markdown, with the URIs of its report and its contact sheet."""
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
