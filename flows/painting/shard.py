"""The designs of a shard are made: pictures are read ahead, painted in the mill, and filed.

A batch that does not fit the device's memory is halved; a job that fails for no known reason is tried alone, and
put aside where it fails again.
"""

import logging
import os
import platform
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from structlog.contextvars import bound_contextvars

from catalogs import keys
from catalogs.errors import CatalogsError
from catalogs.images.codec import Picture
from catalogs.inputs.content_digests import RECORD_FAULTS, record_problem
from flows.errors import DeviceMemoryError, FlowsError
from flows.painting.filing import WRITERS, DesignFiling, PaintedJob
from flows.painting.image_tensors import read_pattern, to_content, to_pair
from flows.painting.interruption import defer_signals
from flows.painting.outcome import Effort, Failure, OnAdvance, Outcome
from flows.painting.reading_ahead import read_ahead
from flows.painting.worker_context import WorkerContext
from flows.planning.devices import device_name
from flows.planning.plan import DesignJob
from stylecore.errors import StylecoreError
from stylecore.painting.mill import mill
from stylecore.painting.pair import Pair

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Times that a job is tried alone which fails for no known reason, before it is put aside."""

FORESEEN = (
    CatalogsError,
    FlowsError,
    StylecoreError,
    OSError,
    torch.OutOfMemoryError,
    torch.AcceleratorError,
)
"""Errors that no single job causes: those of the store, the settings, the machine or the device."""


def make_designs(
    context: WorkerContext, jobs: Sequence[DesignJob], shard: str = "", on_advance: OnAdvance | None = None
) -> Outcome:
    """Make those designs of one style's jobs that are not filed by now.

    A batch that does not fit the device's memory is halved, for the rest of the run. After an error that nobody
    foresaw, jobs are tried alone, and a job that fails `ATTEMPTS` times is put aside with its traceback. What was
    finished is filed, however the shard ends.

    Args:
        context: the worker's device, encoder and catalogs.
        jobs: the jobs of a shard, all of one style.
        shard: the name of the shard, for the logs.
        on_advance: is called with the share of designs that went forward.

    Returns:
        What came of each job, and the worker's effort.

    Raises:
        CatalogsError: a catalog does not answer or refuses.
        DeviceMemoryError: not even one pair fits the device's memory.
        torch.AcceleratorError: the device fails.
    """
    with bound_contextvars(run=context.config.run_id, shard=shard):
        started, progress = time.monotonic(), _ShardProgress(on_advance or (lambda _designs: None))
        styles = {job.style.style_id for job in jobs}
        outcome = Outcome(met=sorted(context.catalogs.designs.existing([job.key for job in jobs], styles)))
        outcome.settled.update(outcome.met)
        progress.advance_to(len(outcome.met))
        try:
            _settle_all(context, jobs, outcome, progress)
        except BaseException:
            # The next try of the shard begins at its beginning.
            progress.advance_to(0)
            raise
    outcome.effort = _effort(context, outcome, time.monotonic() - started)
    return outcome


def _effort(context: WorkerContext, outcome: Outcome, seconds: float) -> Effort:
    return Effort(
        worker=f"{platform.node()} {context.device} {os.getpid()}",
        device=device_name(context.device),
        precision=context.precision,
        batch=context.batch,
        designs=len(outcome.made),
        seconds=seconds,
        painting_seconds=outcome.painting_seconds,
        target_hit_rate=context.targets.hit_rate,
    )


class _ShardProgress:
    """Progress of a shard, which ends where it should: shares of designs in work, and whole ones once settled."""

    def __init__(self, on_advance: OnAdvance) -> None:
        self._on_advance, self._reported = on_advance, 0.0

    def advance_by(self, designs: float) -> None:
        """Report that so many designs more went forward."""
        self._reported += designs
        self._on_advance(designs)

    def advance_to(self, designs: float) -> None:
        """Report so many designs in all; less than before, where work was lost."""
        self.advance_by(designs - self._reported)


def _settle_all(
    context: WorkerContext, jobs: Sequence[DesignJob], outcome: Outcome, progress: _ShardProgress
) -> None:
    """Paint until every job is settled, in smaller batches after each that did not fit the device's memory."""
    while waiting := [job for job in jobs if job.key not in outcome.settled]:
        out_of_memory = False
        try:
            _paint_together(context, waiting, outcome, progress)
        except torch.OutOfMemoryError as error:
            out_of_memory = True
            if context.slots == 1:
                raise DeviceMemoryError(
                    f"One pair of recipe {context.config.recipe.name} does not fit the memory of {context.device}:"
                    " choose a smaller canvas, or a smaller STYLEMILL_TILE."
                ) from error
        # Outside the handler: its traceback holds the tensors that did not fit.
        if out_of_memory:
            _halve_batch(context, outcome)
        progress.advance_to(len(outcome.settled))


def _halve_batch(context: WorkerContext, outcome: Outcome) -> None:
    tried = context.slots
    context.batch = tried // 2
    context.targets.clear()
    if context.device.type == "cuda":
        torch.cuda.empty_cache()
    remark = f"batches of {tried} did not fit the memory of {context.device}: they are {context.batch} now"
    outcome.remarks.append(remark)
    log.warning("%s", remark)


def _paint_together(
    context: WorkerContext, jobs: Sequence[DesignJob], outcome: Outcome, progress: _ShardProgress
) -> None:
    try:
        _paint(context, jobs, outcome, progress, context.slots)
    except FORESEEN:
        raise
    except Exception as error:
        log.warning("%s: %s; the shard's jobs are tried one by one", type(error).__name__, error)
        _paint_alone(context, jobs, outcome, progress)


def _paint_alone(
    context: WorkerContext, jobs: Sequence[DesignJob], outcome: Outcome, progress: _ShardProgress
) -> None:
    """Paint one job after the other, so that only the job that fails is lost."""
    for job in jobs:
        for attempt in range(1, ATTEMPTS + 1):
            if job.key in outcome.settled:
                break
            try:
                _paint(context, [job], outcome, progress, 1)
            except FORESEEN:
                raise
            except Exception as error:
                if attempt == ATTEMPTS:
                    _put_aside(context, job, outcome, error)
        progress.advance_to(len(outcome.settled))


def _put_aside(context: WorkerContext, job: DesignJob, outcome: Outcome, error: Exception) -> None:
    """Note a failure, and write its traceback into the run's folder."""
    key = keys.run_file(context.config.run_id, f"quarantine/{job.key}.txt")
    text = "".join(traceback.format_exception(error))
    context.catalogs.designs.store.write(key, text.encode())
    first_line = str(error).splitlines()[0] if str(error) else ""
    reason = f"{type(error).__name__}: {first_line}; {ATTEMPTS} times; its traceback is in {key}"
    outcome.failures.append(Failure(job.garment.garment_id, job.style.style_id, reason))
    outcome.settled.add(job.key)


def _paint(
    context: WorkerContext,
    jobs: Sequence[DesignJob],
    outcome: Outcome,
    progress: _ShardProgress,
    slots: int,
) -> None:
    """Paint jobs in batches of `slots`; reading runs ahead of the device and filing behind it.

    What is finished is filed even if the work is interrupted.
    """
    on_gpu, settings = context.device.type == "cuda", context.config.settings
    pairs = read_ahead(_pairs(context, jobs, outcome), 2 * slots)
    finished_pairs = mill(
        pairs,
        context.encoder,
        slots=slots,
        device=context.device,
        cache=context.targets,
        on_steps=lambda count, share: progress.advance_by(count * share),
        widen=4 if on_gpu and not context.config.recipe.large_steps else 1,
        compiled=settings.compile and on_gpu,
        tile=settings.tile,
    )
    with ThreadPoolExecutor(WRITERS, thread_name_prefix="writing") as writers:
        filing = DesignFiling(context, outcome, writers)
        try:
            for finished in finished_pairs:
                progress.advance_by(1 - finished.share_done)
                filing.file_design(finished)
        finally:
            # Pictures that are being written get their records, whatever ended the work.
            with defer_signals():
                pairs.close()
                filing.finish()


def _pairs(context: WorkerContext, jobs: Sequence[DesignJob], outcome: Outcome) -> Iterator[Pair]:
    """Prepared pairs; a record that cannot be read becomes a problem, and the other jobs go on."""
    recipe = context.config.recipe
    patterns: dict[str, Picture | None] = {}
    for job in jobs:
        if job.style.style_id not in patterns:
            patterns = {job.style.style_id: _read_pattern(context, job, outcome)}
        pattern = patterns[job.style.style_id]
        if pattern is None:
            outcome.settled.add(job.key)
            continue
        try:
            template = context.template(job.garment)
        except RECORD_FAULTS as error:
            outcome.problems.append(record_problem(context.catalogs.garments, job.garment, error))
            outcome.settled.add(job.key)
            continue
        canvas = to_content(template, recipe)
        yield to_pair(job, canvas, pattern, recipe, PaintedJob(job, template, canvas))


def _read_pattern(context: WorkerContext, job: DesignJob, outcome: Outcome) -> Picture | None:
    try:
        return read_pattern(context.catalogs.styles, job.style, context.config.settings.max_pixels)
    except RECORD_FAULTS as error:
        outcome.problems.append(record_problem(context.catalogs.styles, job.style, error))
        return None
