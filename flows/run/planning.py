"""The plan: which designs are to be made, which are there, which cannot be. Pure; loads no torch."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from typing import TypeVar

from catalogs.designs.facts import Corrections
from catalogs.inputs.digest_cache import DigestCache
from catalogs.records import Garment, Problem, Style
from flows.errors import SettingsError
from flows.run.run_command import Asked
from flows.wording import counted
from stylecore.errors import nearest
from stylecore.recipe import Recipe

Chosen = TypeVar("Chosen", Garment, Style)


@dataclass(frozen=True, slots=True)
class DesignJob:
    """One garment in one style by the plan's recipe. The key names the work: same work, same key."""

    key: str
    garment: Garment
    style: Style


@dataclass(frozen=True)
class Plan:
    """What a run will do. `problems` are records that cannot be used, with the reason."""

    recipe: Recipe
    jobs: tuple[DesignJob, ...]
    done: int
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...] = ()
    held_back: int = 0
    """Jobs beyond `--limit`, or all with `--facts-only`: left for another run."""
    asked: Asked = field(default_factory=Asked)
    """What of the catalogs was asked for."""
    corrections: Corrections = field(default_factory=Corrections)
    """Facts that designs carry otherwise than the catalogs say them now."""
    digests: DigestCache | None = field(default=None, compare=False, repr=False)
    """Digests that were read for it, to be kept when the run begins."""

    @property
    def garments(self) -> list[Garment]:
        """Garments with work, each once."""
        return list({job.garment.garment_id: job.garment for job in self.jobs}.values())

    @property
    def styles(self) -> list[Style]:
        """Styles with work, each once."""
        return list({job.style.style_id: job.style for job in self.jobs}.values())

    def without(
        self, problems: Iterable[Problem], garments: Collection[str], styles: Collection[str]
    ) -> "Plan":
        """The plan without the jobs of unusable garments and styles (by id), their problems noted."""
        jobs = tuple(
            job
            for job in self.jobs
            if job.garment.garment_id not in garments and job.style.style_id not in styles
        )
        return replace(self, jobs=jobs, problems=self.problems + tuple(problems))

    def limited(self, limit: int | None) -> "Plan":
        """The plan with `limit` jobs, diagonally over garments and styles; the others are held back.

        So a first look at few designs shows many garments and styles.
        """
        if limit is not None and limit < 1:
            raise SettingsError(
                f"The limit is {limit}, but must be at least 1; leave it out for all designs."
            )
        if limit is None or limit >= len(self.jobs):
            return self
        chosen = sorted(islice(_diagonally(self.jobs), limit))
        return replace(
            self, jobs=tuple(self.jobs[place] for place in chosen), held_back=len(self.jobs) - limit
        )

    def with_remarks(self, remarks: Iterable[str]) -> "Plan":
        """The plan with more remarks."""
        return replace(self, remarks=self.remarks + tuple(remarks))


def _diagonally(jobs: Sequence[DesignJob]) -> Iterator[int]:
    """Places of jobs that are ordered by style: one of each style, each of another garment, then the next ones."""
    by_style: dict[str, list[int]] = {}
    for place, job in enumerate(jobs):
        by_style.setdefault(job.style.style_id, []).append(place)
    rotated = []
    for number, places in enumerate(by_style.values()):
        shift = number % len(places)
        rotated.append(places[shift:] + places[:shift])
    for row in zip_longest(*rotated):
        yield from (place for place in row if place is not None)


def job_key(garment: Garment, style: Style, recipe_digest: str, *, printed: bool = False) -> str:
    """Digest of what a design is made from: 64 hexadecimal digits.

    Ids are part of it, so that two records of one picture get a design each; titles and tags are not,
    so correcting them makes nothing anew. Repeat and widths shape a print, and only that.
    """
    parts = [garment.garment_id, garment.digest, style.style_id, style.digest, recipe_digest]
    if printed:
        parts += map(str, (style.repeat, style.repeat_width_cm, garment.print_width_cm))
        # Designs of styles without a height keep the keys that they have had.
        parts += [str(style.repeat_height_cm)] if style.repeat_height_cm else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def plan_designs(
    garments: Sequence[Garment],
    styles: Sequence[Style],
    recipe: Recipe,
    existing: Collection[str],
    problems: Iterable[Problem] = (),
    among: Callable[[Garment, Style], bool] = lambda _garment, _style: True,
) -> Plan:
    """Every garment in every style, less what exists; ordered by style, then garment.

    Pairs that are not `among` what is wanted are neither made nor counted.
    """
    digest = recipe.digest()
    jobs: list[DesignJob] = []
    done = 0
    for style in styles:
        for garment in garments:
            if not among(garment, style):
                continue
            key = job_key(garment, style, digest, printed=recipe.init == "print")
            if key in existing:
                done += 1
            else:
                jobs.append(DesignJob(key, garment, style))
    return Plan(recipe, tuple(jobs), done, tuple(problems))


def of_style_sets(
    styles: Sequence[Style],
    wanted: Collection[str],
    problems: Sequence[Problem] = (),
    remarks: Sequence[str] = (),
) -> list[Style]:
    """Styles of the wanted sets (all, if none is named); SettingsError for a set that is not there.

    `problems` and `remarks` are those of the style catalog: a set may be missing because its rows are
    rejected, or because it is not complete.
    """
    present = {style.style_set for style in styles}
    many = counted(len(problems), "problem")
    rejected = f" {many} in the catalog, the first: {problems[0]}" if problems else ""
    for name in wanted:
        if name not in present:
            why = "".join(f" But {remark}." for remark in remarks if f"'{name}'" in remark)
            raise SettingsError(
                f"There is no usable style in a set '{name}': {nearest(name, present)}{why}{rejected}"
            )
    return [style for style in styles if not wanted or style.style_set in wanted]


def of_ids(records: Sequence[Chosen], wanted: Collection[str], noun: str) -> list[Chosen]:
    """Garments or styles of the wanted ids (all, if none is named); SettingsError for one that is not there."""
    present = {record.record_id: record for record in records}
    for name in wanted:
        if name not in present:
            raise SettingsError(f"There is no usable {noun} '{name}': {nearest(name, list(present))}")
    return [present[name] for name in present if not wanted or name in wanted]


def shards(jobs: Sequence[DesignJob], designs_a_shard: int) -> list[tuple[DesignJob, ...]]:
    """Cut jobs into shards of one style each."""
    found: list[tuple[DesignJob, ...]] = []
    run: list[DesignJob] = []
    for job in jobs:
        if run and (len(run) >= designs_a_shard or run[0].style.style_id != job.style.style_id):
            found.append(tuple(run))
            run = []
        run.append(job)
    return [*found, tuple(run)] if run else found


def seconds_a_design(recipe: Recipe, device: str, measured: Sequence[float] = ()) -> float | None:
    """Expected device time of a design: the median of those measured, else a model for CPUs, else None.

    The model is steps x pixels x a constant measured on 2 cores
    (benchmarks/results/embedded_judge_house.json).
    """
    if measured:
        return sorted(measured)[len(measured) // 2]
    if device != "cpu":
        return None
    height, width = recipe.canvas
    # How large garments are is not known before they are read; halved sizes add up to a third.
    growth = LARGE_SIDE / max(recipe.canvas)
    large = recipe.large_steps * growth**2 * 4 / 3 if growth > 1 else 0.0
    pixel_steps = (sum(steps * scale**2 for scale, steps in recipe.levels) + large) * height * width
    evaluations = 1.2 if recipe.optimizer == "lbfgs" else 1.0
    return pixel_steps * evaluations * CPU_SECONDS[recipe.encoder]


LARGE_SIDE = 1024
"""Longer side, px, that garments are thought to have where a recipe paints them in their own size."""

CPU_SECONDS = {"embedded": 0.9e-6, "vgg16": 5e-6, "vgg19": 6.5e-6}
"""Seconds a pixel and step on 2 CPU cores in float32."""
