"""Finished designs are filed: threads write the pictures beside the device, and records follow their pictures."""

import json
import logging
import platform
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from catalogs.designs.appearance import measure_appearance
from catalogs.designs.facts import garment_facts, style_facts
from catalogs.images.codec import encode_png
from catalogs.records import Design
from catalogs.templates.template import Template
from flows.painting.evaluation import Measures, count_changed_outside, measure
from flows.painting.image_tensors import to_design
from flows.painting.interruption import defer_signals
from flows.painting.outcome import Failure, Outcome
from flows.painting.worker_context import WorkerContext
from flows.planning.devices import device_name
from flows.planning.plan import DesignJob
from stylecore.painting.canvas import Canvas
from stylecore.painting.pair import Finished

log = logging.getLogger(__name__)

WRITERS = 4
"""Threads that encode and write pictures beside the device."""


@dataclass(frozen=True)
class PaintedJob:
    """What a pair carries through the mill: its job, and the template and canvas that lead back to a picture."""

    job: DesignJob
    template: Template
    canvas: Canvas


class DesignFiling:
    """Finished designs on their way into the catalog: pictures are written by threads, records filed together."""

    def __init__(self, context: WorkerContext, outcome: Outcome, writers: ThreadPoolExecutor) -> None:
        """Take the outcome that gets the keys of new designs, and the threads that write pictures."""
        self._context, self._outcome, self._writers = context, outcome, writers
        self._writing: deque[Future[Design]] = deque()
        self._waiting: list[Design] = []
        self._since = time.monotonic()

    def file_design(self, finished: Finished) -> None:
        """Write a design's picture beside the device, or note the failure; records follow after `commit_seconds`.

        What a store raises for an earlier picture or record is raised here.
        """
        self._outcome.painting_seconds += finished.seconds
        if finished.failure:
            self._note_failure(finished.pair.tag.job, finished.failure)
            return
        measures = measure(self._context.encoder, finished)
        with defer_signals():
            self._writing.append(self._writers.submit(_write_picture, self._context, finished, measures))
        while len(self._writing) > 2 * WRITERS or (self._writing and self._writing[0].done()):
            self._collect()
        if time.monotonic() - self._since >= self._context.config.settings.commit_seconds:
            with defer_signals():
                self._file_records()

    def finish(self) -> None:
        """Wait for the pictures that are being written and file all records; the first error is raised after that."""
        errors = []
        while self._writing:
            try:
                self._collect()
            except Exception as error:
                errors.append(error)
        self._file_records()
        if errors:
            raise errors[0]

    def _note_failure(self, job: DesignJob, reason: str) -> None:
        ids = job.garment.garment_id, job.style.style_id
        self._outcome.failures.append(Failure(*ids, reason))
        fields = {"job": job.key, "garment": ids[0], "style": ids[1]}
        log.warning("design failed: %s", reason, extra=fields)
        self._outcome.settled.add(job.key)

    def _collect(self) -> None:
        with defer_signals():
            # A design leaves the one queue when the other holds it: a second signal breaks off the wait.
            try:
                design = self._writing[0].result()
            except Exception:
                self._writing.popleft()
                raise
            self._waiting.append(design)
            self._writing.popleft()
        fields = {"job": design.design_id, "garment": design.garment_id, "style": design.style_id}
        log.info("picture written", extra=fields)

    def _file_records(self) -> None:
        if not self._waiting:
            return
        self._context.catalogs.designs.file(self._waiting)
        made = [design.design_id for design in self._waiting]
        self._outcome.made += made
        self._outcome.settled.update(made)
        self._waiting, self._since = [], time.monotonic()


def _write_picture(context: WorkerContext, finished: Finished, measures: Measures) -> Design:
    """Write the picture at the template's own size; returns the design's record, which is not filed yet."""
    painted: PaintedJob = finished.pair.tag
    garment, style, recipe = painted.job.garment, painted.job.style, context.config.recipe
    picture = to_design(finished.largest, painted.canvas, painted.template, recipe)
    image, sha256 = context.catalogs.designs.add_picture(painted.job.key, encode_png(picture))
    appearance = measure_appearance(picture.rgb, painted.template.mask)
    return Design(
        design_id=painted.job.key,
        garment_id=garment.garment_id,
        style_id=style.style_id,
        recipe=recipe.name,
        recipe_digest=recipe.digest(),
        recipe_json=recipe.canonical_json(),
        image=image,
        image_sha256=sha256,
        width=picture.size[1],
        height=picture.size[0],
        garment_digest=garment.digest,
        style_digest=style.digest,
        loss=float(finished.terms.total),
        term_losses={term: float(loss_1) for term, loss_1 in finished.terms.weighted.items()},
        loss_start=float(finished.start_terms.total),
        **asdict(measures),
        changed_outside=count_changed_outside(picture, painted.template),
        steps=finished.steps,
        seconds=finished.seconds,
        device=device_name(context.device),
        precision=context.precision,
        versions=versions(),
        run_id=context.config.run_id,
        created_at=datetime.now(UTC),
        **garment_facts(garment),
        **style_facts(style),
        colors=appearance.colors,
        color_shares=appearance.color_shares,
        phash=appearance.phash,
    )


def versions() -> str:
    """Return the versions of the software that a design's pixels depend on, as JSON."""
    names = ("stylemill", "torch", "pillow")
    return json.dumps({name: version(name) for name in names} | {"python": platform.python_version()})
