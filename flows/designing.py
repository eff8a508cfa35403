"""Making the designs of a shard: read, stylize in batches, write pictures, file records."""

import json
import platform
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from catalogs.contents import RECORD_FAULTS, problem
from catalogs.designs import DesignCatalog
from catalogs.images import encode_png
from catalogs.records import Design, Garment, Problem
from catalogs.store_contract import Store
from flows.conversion import Template, read_pattern, read_template, to_content, to_design, to_style
from flows.devices import device_name
from flows.interruption import held_back
from flows.planning import DesignJob
from flows.settings import Settings
from stylecore.encoders import Encoder
from stylecore.recipe import Recipe
from stylecore.stylization import Stylization, stylize

TEMPLATE_BYTES = 2**31
"""Decoded garments kept in memory, bytes; a shard of the next style wants the same ones."""

OnAdvance = Callable[[float], None]
"""Told how many designs (a fraction, while one is in work) went forward."""


@dataclass(frozen=True)
class Failure:
    """A pair that could not be made, with the reason."""

    garment_id: str
    style_id: str
    reason: str


@dataclass
class Outcome:
    """What came of a shard: keys of new designs, of designs that were there by now, problems and failures."""

    made: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


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
    templates: "OrderedDict[str, Template]" = field(default_factory=OrderedDict)

    def template(self, garment: Garment) -> Template:
        """A decoded garment, from memory if it was used lately."""
        if garment.garment_id not in self.templates:
            self.templates[garment.garment_id] = read_template(
                self.garments, garment, self.settings.max_pixels
            )
        self.templates.move_to_end(garment.garment_id)
        while len(self.templates) > 1 and sum(map(_bytes, self.templates.values())) > TEMPLATE_BYTES:
            self.templates.popitem(last=False)
        return self.templates[garment.garment_id]


def _bytes(template: Template) -> int:
    planes = (template.picture.rgb, template.picture.alpha, template.mask)
    return sum(plane.nbytes for plane in planes if plane is not None)


def make_designs(bench: Bench, jobs: Sequence[DesignJob], on_advance: OnAdvance | None = None) -> Outcome:
    """Make the designs of one style's jobs that are not filed by now.

    Pictures are written as they are finished; records follow at the end, or after `commit_seconds`,
    whichever comes first. What is finished is filed even if the work is interrupted.
    """
    advance = on_advance or (lambda _designs: None)
    outcome = Outcome(met=sorted(bench.designs.existing([job.key for job in jobs])))
    waiting = [job for job in jobs if job.key not in set(outcome.met)]
    advance(len(outcome.met))
    filing = _Filing(bench, outcome)
    try:
        for ready in _batches(_readable(bench, waiting, outcome, advance), bench.batch):
            _paint(bench, ready, outcome, advance, filing)
    finally:
        with held_back():
            filing.flush()
    return outcome


class _Filing:
    """Finished designs on their way into the catalog."""

    def __init__(self, bench: Bench, outcome: Outcome) -> None:
        self._bench, self._outcome = bench, outcome
        self._waiting: list[Design] = []
        self._since = time.monotonic()

    def add(self, design: Design) -> None:
        self._waiting.append(design)
        if time.monotonic() - self._since >= self._bench.settings.commit_seconds:
            self.flush()

    def flush(self) -> None:
        self._bench.designs.file(self._waiting)
        self._outcome.made += [design.design_id for design in self._waiting]
        self._waiting, self._since = [], time.monotonic()


Ready = tuple[DesignJob, Template]


def _readable(
    bench: Bench, jobs: Sequence[DesignJob], outcome: Outcome, advance: OnAdvance
) -> Iterator[Ready]:
    """Jobs with their decoded garment; a garment that cannot be read is a problem, and the rest go on."""
    for job in jobs:
        try:
            yield job, bench.template(job.garment)
        except RECORD_FAULTS as error:
            outcome.problems.append(problem(bench.garments, job.garment, error))
            advance(1)


def _batches(ready: Iterator[Ready], size: int) -> Iterator[list[Ready]]:
    batch: list[Ready] = []
    for each in ready:
        batch.append(each)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _paint(bench: Bench, ready: list[Ready], outcome: Outcome, advance: OnAdvance, filing: _Filing) -> None:
    """Stylize one batch; the pictures that worked are written and filed."""
    job = ready[0][0]
    try:
        style = to_style(read_pattern(bench.styles, job.style, bench.settings.max_pixels), bench.recipe)
    except RECORD_FAULTS as error:
        outcome.problems.append(problem(bench.styles, job.style, error))
        advance(len(ready))
        return
    canvases = [to_content(template, bench.recipe) for _, template in ready]
    step = len(ready) / max(1, bench.recipe.steps)
    result = stylize(
        torch.cat([canvas.content for canvas in canvases]).to(bench.device),
        [style.to(bench.device)] * len(ready),
        bench.recipe,
        guide=torch.cat([canvas.guide for canvas in canvases]).to(bench.device),
        encoder=bench.encoder,
        precision=bench.precision,
        on_progress=lambda _done, _of: advance(step),
    )
    for index, ((job, template), canvas) in enumerate(zip(ready, canvases, strict=True)):
        reason = result.failures[index]
        if reason:
            outcome.failures.append(Failure(job.garment.garment_id, job.style.style_id, reason))
            continue
        picture = to_design(result.picture_B3HW[index : index + 1], canvas, template, bench.recipe)
        png = encode_png(picture)
        # Together, so that an interrupted run leaves no picture without a record.
        with held_back():
            filing.add(_record(bench, job, result, index, png, picture.size))


def _record(
    bench: Bench, job: DesignJob, result: Stylization, index: int, png: bytes, size: tuple[int, int]
) -> Design:
    """Write the picture, then describe it."""
    garment, style, recipe = job.garment, job.style, bench.recipe
    image, sha256 = bench.designs.add_picture(job.key, png)
    return Design(
        design_id=job.key,
        garment_id=garment.garment_id,
        style_id=style.style_id,
        style_set=style.style_set,
        recipe=recipe.name,
        recipe_digest=recipe.digest(),
        recipe_json=recipe.canonical_json(),
        image=image,
        image_sha256=sha256,
        width=size[1],
        height=size[0],
        garment_digest=garment.digest,
        style_digest=style.digest,
        loss=float(result.terms.total[index]),
        loss_content=float(result.terms.content[index]),
        loss_style=float(result.terms.style[index]),
        loss_variation=float(result.terms.variation[index]),
        loss_start=float(result.start_terms.total[index]),
        steps=result.steps,
        seconds=result.seconds / len(result.failures),
        device=device_name(bench.device),
        precision=bench.precision,
        versions=versions(),
        run_id=bench.run_id,
        created_at=datetime.now(UTC),
        garment_title=garment.title,
        garment_category=garment.category,
        garment_season=garment.season,
        garment_licence=garment.licence,
        garment_tags=garment.tags,
        garment_further=garment.further,
        style_title=style.title,
        style_licence=style.licence,
        style_tags=style.tags,
        style_further=style.further,
        rights_holder=style.rights_holder,
    )


def versions() -> str:
    """Versions that a design's pixels depend on, as JSON."""
    names = ("stylemill", "torch", "pillow")
    return json.dumps({name: version(name) for name in names} | {"python": platform.python_version()})
