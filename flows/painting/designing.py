"""Making the designs of a shard: read ahead, paint in the mill, write pictures, file records."""

import json
import logging
import platform
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch
from cachetools import LRUCache

from catalogs import keys
from catalogs.designs.appearance import measure_appearance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.facts import garment_facts, style_facts
from catalogs.errors import CatalogsError
from catalogs.images.codec import Picture, encode_png
from catalogs.inputs.content_digests import RECORD_FAULTS, record_problem
from catalogs.records import Design, Garment, Problem
from catalogs.storage.store_contract import Store
from catalogs.templates.template import Template
from flows.errors import DeviceMemoryError, FlowsError
from flows.painting.conversion import read_pattern, read_template, to_content, to_design, to_pair
from flows.painting.interruption import held_back
from flows.painting.measuring import Measures, changed_outside, measure
from flows.painting.reading_ahead import ahead
from flows.run.devices import device_name
from flows.run.planning import DesignJob
from flows.settings import Settings
from stylecore.canvas import Canvas
from stylecore.encoders import Encoder
from stylecore.errors import StylecoreError
from stylecore.mill import Finished, Pair, mill
from stylecore.recipe import TERMS, Recipe
from stylecore.target_cache import TargetCache

log = logging.getLogger(__name__)

TEMPLATE_BYTES = 2**31
"""Decoded garments kept in memory, bytes; a shard of the next style wants the same ones."""
LARGE_SLOTS = 4
"""Pairs a batch, at most, of a recipe that paints beyond its canvas."""
WRITERS = 4
"""Threads that encode and write pictures beside the device."""

OnAdvance = Callable[[float], None]
"""Told how many designs (a fraction, while one is in work) went forward."""


ATTEMPTS = 3
"""Times that a job is tried whose failure nobody foresaw, before it is put aside."""

FORESEEN = (
    CatalogsError,
    FlowsError,
    StylecoreError,
    OSError,
    torch.OutOfMemoryError,
    torch.AcceleratorError,
)
"""Errors that are no fault of one job: the store's, the settings', the machine's, the device's."""


@dataclass(frozen=True)
class Failure:
    """A pair that could not be made, with the reason."""

    garment_id: str
    style_id: str
    reason: str


@dataclass(frozen=True)
class Effort:
    """Who made a shard, with what, and how long it took.

    `painting_seconds` is the time in which the device took steps; what is left of `seconds` it was idle.
    `target_hit_rate` is the share of style and content targets that were taken from memory, so far.
    """

    worker: str
    device: str
    precision: str
    batch: int
    designs: int
    seconds: float
    painting_seconds: float
    target_hit_rate: float

    def after(self, before: "Effort | None") -> "Effort":
        """The same worker's effort before, and this one."""
        if before is None:
            return self
        return replace(
            self,
            designs=before.designs + self.designs,
            seconds=before.seconds + self.seconds,
            painting_seconds=before.painting_seconds + self.painting_seconds,
        )


@dataclass
class Outcome:
    """What came of a shard: keys of new designs, of designs that were there by now, problems and failures.

    `settled` are the keys of all jobs that need no further try; `elsewhere` those that another run is at
    work on; `alone` those that are to be tried one by one; `remarks` are for the run's
    report.
    """

    made: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)
    painting_seconds: float = 0.0
    effort: Effort | None = None
    remarks: list[str] = field(default_factory=list)


@dataclass
class Bench:
    """Everything that stays between shards of one run in one process."""

    garments: Store
    styles: Store
    designs: DesignCatalog
    recipe: Recipe
    encoder: Encoder
    device: torch.device
    precision: str
    batch: int
    run_id: str
    settings: Settings
    templates: "LRUCache[str, Template]" = field(
        default_factory=lambda: LRUCache(TEMPLATE_BYTES, getsizeof=_bytes)
    )
    targets: TargetCache = field(default_factory=TargetCache)

    def template(self, garment: Garment) -> Template:
        """A decoded garment, from memory if it was used lately."""
        if garment.garment_id not in self.templates:
            template = read_template(self.garments, garment, self.settings.max_pixels)
            self.templates[garment.garment_id] = template
        return self.templates[garment.garment_id]


def _bytes(template: Template) -> int:
    """The room that a template takes; one that is larger than all of it is kept alone."""
    planes = (template.picture.rgb, template.picture.alpha, template.mask)
    return min(TEMPLATE_BYTES, sum(plane.nbytes for plane in planes if plane is not None))


@dataclass(frozen=True)
class _Work:
    """What a pair carries through the mill: its job, and the way back from its canvas."""

    job: DesignJob
    template: Template
    canvas: Canvas


def make_designs(bench: Bench, jobs: Sequence[DesignJob], on_advance: OnAdvance | None = None) -> Outcome:
    """Make the designs of one style's jobs that are not filed by now.

    A batch that does not fit the device's memory is halved, for the rest of the run. An error that nobody
    foresaw is hunted down: jobs are tried alone, and one that fails `ATTEMPTS` times is put aside with its
    traceback. Errors of the store or the settings end the shard; what was finished is filed.
    """
    advance = _Advance(on_advance or (lambda _designs: None))
    styles = {job.style.style_id for job in jobs}
    outcome = Outcome(met=sorted(bench.designs.existing([job.key for job in jobs], styles)))
    outcome.settled.update(outcome.met)
    advance.to(len(outcome.met))
    try:
        _until_settled(bench, jobs, outcome, advance)
    except BaseException:
        # Whoever tries the shard again begins at its beginning.
        advance.to(0)
        raise
    return outcome


def _until_settled(bench: Bench, jobs: Sequence[DesignJob], outcome: Outcome, advance: "_Advance") -> None:
    while waiting := [job for job in jobs if job.key not in outcome.settled]:
        short = False
        try:
            _paint_all(bench, waiting, outcome, advance)
        except torch.OutOfMemoryError as error:
            short = True
            if _slots(bench) == 1:
                raise DeviceMemoryError(
                    f"One pair of recipe {bench.recipe.name} does not fit the memory of {bench.device}: choose a"
                    " smaller canvas, or a smaller STYLEMILL_TILE."
                ) from error
        # Outside the handler: its traceback holds the tensors that did not fit.
        if short:
            _halve(bench, outcome)
        advance.to(len(outcome.settled))


def _slots(bench: Bench) -> int:
    """Pairs a batch; a pair in its garment's own size holds hundreds of megabytes, also while it waits."""
    return min(bench.batch, LARGE_SLOTS) if bench.recipe.large_steps else bench.batch


def _halve(bench: Bench, outcome: Outcome) -> None:
    tried = _slots(bench)
    bench.batch = tried // 2
    bench.targets.clear()
    if bench.device.type == "cuda":
        torch.cuda.empty_cache()
    remark = f"batches of {tried} did not fit the memory of {bench.device}: they are {bench.batch} now"
    outcome.remarks.append(remark)
    log.warning("%s", remark)


def _paint_all(bench: Bench, jobs: Sequence[DesignJob], outcome: Outcome, advance: "_Advance") -> None:
    try:
        _paint(bench, jobs, outcome, advance, _slots(bench))
    except FORESEEN:
        raise
    except Exception as error:
        log.warning("%s: %s; the shard's jobs are tried one by one", type(error).__name__, error)
        _paint_alone(bench, jobs, outcome, advance)


def _paint_alone(bench: Bench, jobs: Sequence[DesignJob], outcome: Outcome, advance: "_Advance") -> None:
    """One job after the other, so that only the one that fails does."""
    for job in jobs:
        for attempt in range(1, ATTEMPTS + 1):
            if job.key in outcome.settled:
                break
            try:
                _paint(bench, [job], outcome, advance, 1)
            except FORESEEN:
                raise
            except Exception as error:
                if attempt == ATTEMPTS:
                    _put_aside(bench, job, outcome, error)
        advance.to(len(outcome.settled))


def _put_aside(bench: Bench, job: DesignJob, outcome: Outcome, error: Exception) -> None:
    """A failure with its traceback in the run's folder."""
    key = keys.run_file(bench.run_id, f"quarantine/{job.key}.txt")
    bench.designs.store.write(key, "".join(traceback.format_exception(error)).encode())
    ids = job.garment.garment_id, job.style.style_id
    what = str(error).splitlines()[0] if str(error) else ""
    reason = f"{type(error).__name__}: {what}; {ATTEMPTS} times; its traceback is in {key}"
    outcome.failures.append(Failure(*ids, reason))
    outcome.settled.add(job.key)


class _Advance:
    """Progress that ends where it should: shares of designs on the way, whole ones when they are settled."""

    def __init__(self, tell: OnAdvance) -> None:
        self._tell, self._told = tell, 0.0

    def by(self, designs: float) -> None:
        """So much further."""
        self._told += designs
        self._tell(designs)

    def to(self, designs: float) -> None:
        """To so many in all; back, where work was lost."""
        self.by(designs - self._told)


def _paint(bench: Bench, jobs: Sequence[DesignJob], outcome: Outcome, advance: _Advance, slots: int) -> None:
    """Reading runs ahead of the device and writing behind it.

    Records follow their pictures at the end, or after `commit_seconds`, whichever comes first. What is
    finished is filed even if the work is interrupted.
    """
    wide = bench.device.type == "cuda" and not bench.recipe.large_steps
    pairs = ahead(_pairs(bench, jobs, outcome), 2 * slots)
    finished = mill(
        pairs,
        bench.encoder,
        slots=slots,
        device=bench.device,
        cache=bench.targets,
        on_steps=lambda count, share: advance.by(count * share),
        widen=4 if wide else 1,
        compiled=bench.settings.compile and bench.device.type == "cuda",
        tile=bench.settings.tile,
    )
    with ThreadPoolExecutor(WRITERS, thread_name_prefix="writing") as writers:
        filing = _Filing(bench, outcome, writers)
        try:
            for one in finished:
                advance.by(1 - one.work)
                filing.take(one)
        finally:
            # Pictures that are being written get their records, whatever ended the work.
            with held_back():
                pairs.close()
                filing.finish()


def _pairs(bench: Bench, jobs: Sequence[DesignJob], outcome: Outcome) -> Iterator[Pair]:
    """Prepared pairs; a record that cannot be read is a problem, and the rest go on."""
    patterns: dict[str, Picture | None] = {}
    for job in jobs:
        if job.style.style_id not in patterns:
            patterns = {job.style.style_id: _pattern(bench, job, outcome)}
        pattern = patterns[job.style.style_id]
        if pattern is None:
            outcome.settled.add(job.key)
            continue
        try:
            template = bench.template(job.garment)
        except RECORD_FAULTS as error:
            outcome.problems.append(record_problem(bench.garments, job.garment, error))
            outcome.settled.add(job.key)
            continue
        canvas = to_content(template, bench.recipe)
        yield to_pair(job, canvas, pattern, bench.recipe, _Work(job, template, canvas))


def _pattern(bench: Bench, job: DesignJob, outcome: Outcome) -> Picture | None:
    try:
        return read_pattern(bench.styles, job.style, bench.settings.max_pixels)
    except RECORD_FAULTS as error:
        outcome.problems.append(record_problem(bench.styles, job.style, error))
        return None


class _Filing:
    """Finished designs on their way into the catalog: written by threads, recorded together."""

    def __init__(self, bench: Bench, outcome: Outcome, writers: ThreadPoolExecutor) -> None:
        self._bench, self._outcome, self._writers = bench, outcome, writers
        self._writing: deque[Future[Design]] = deque()
        self._waiting: list[Design] = []
        self._since = time.monotonic()

    def take(self, finished: Finished) -> None:
        """Write a design's picture beside the device, or note why there is none."""
        work: _Work = finished.pair.tag
        self._outcome.painting_seconds += finished.seconds
        if finished.failure:
            ids = work.job.garment.garment_id, work.job.style.style_id
            self._outcome.failures.append(Failure(*ids, finished.failure))
            job = {"job": work.job.key, "garment": ids[0], "style": ids[1]}
            log.warning("design failed: %s", finished.failure, extra=job)
            self._outcome.settled.add(work.job.key)
            return
        measures = measure(self._bench.encoder, finished)
        with held_back():
            self._writing.append(self._writers.submit(_write, self._bench, finished, measures))
        while len(self._writing) > 2 * WRITERS or (self._writing and self._writing[0].done()):
            self._collect()
        if time.monotonic() - self._since >= self._bench.settings.commit_seconds:
            with held_back():
                self._flush()

    def finish(self) -> None:
        """Wait for what is being written, and record all of it; the first error comes after that."""
        errors = []
        while self._writing:
            try:
                self._collect()
            except Exception as error:
                errors.append(error)
        self._flush()
        if errors:
            raise errors[0]

    def _collect(self) -> None:
        with held_back():
            # It leaves the queue when it is safe in the other: a second signal breaks off the wait.
            try:
                design = self._writing[0].result()
            except Exception:
                self._writing.popleft()
                raise
            self._waiting.append(design)
            self._writing.popleft()
        job = {"job": design.design_id, "garment": design.garment_id, "style": design.style_id}
        log.info("picture written", extra=job)

    def _flush(self) -> None:
        if not self._waiting:
            return
        self._bench.designs.file(self._waiting)
        made = [design.design_id for design in self._waiting]
        self._outcome.made += made
        self._outcome.settled.update(made)
        self._waiting, self._since = [], time.monotonic()


def _write(bench: Bench, finished: Finished, measures: Measures) -> Design:
    """Write the picture at the template's own size, then describe it."""
    work: _Work = finished.pair.tag
    garment, style, recipe = work.job.garment, work.job.style, bench.recipe
    picture = to_design(finished.picture_13HW, work.canvas, work.template, recipe)
    image, sha256 = bench.designs.add_picture(work.job.key, encode_png(picture))
    seen = measure_appearance(picture.rgb, work.template.mask)
    return Design(
        design_id=work.job.key,
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
        **_losses(finished),
        **asdict(measures),
        changed_outside=changed_outside(picture, work.template),
        steps=finished.steps,
        seconds=finished.seconds,
        device=device_name(bench.device),
        precision=bench.precision,
        versions=versions(),
        run_id=bench.run_id,
        created_at=datetime.now(UTC),
        **garment_facts(garment),
        **style_facts(style),
        colors=seen.colors,
        color_shares=seen.color_shares,
        phash=seen.phash,
    )


def _losses(finished: Finished) -> dict[str, Any]:
    """The objective and its weighted terms at the end, and the objective at the start."""
    losses = {f"loss_{term}": float(getattr(finished.terms, term)) for term in TERMS}
    return {
        **losses,
        "loss": float(finished.terms.total),
        "loss_start": float(finished.start_terms.total),
    }


def versions() -> str:
    """Versions that a design's pixels depend on, as JSON."""
    names = ("stylemill", "torch", "pillow")
    return json.dumps({name: version(name) for name in names} | {"python": platform.python_version()})
