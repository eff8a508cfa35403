"""The plan: which designs are to be made, which exist, and which cannot be made. It reads no file and loads no torch."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from typing import TypeVar

from catalogs.designs.facts import Corrections
from catalogs.inputs.digest_cache import DigestCache
from catalogs.records import Garment, Problem, Style
from flows.errors import SettingsError
from flows.planning.selection import Selection
from flows.wording import format_count
from stylecore.errors import nearest
from stylecore.recipe import Recipe

RecordType = TypeVar("RecordType", Garment, Style)


@dataclass(frozen=True, slots=True)
class DesignJob:
    """One garment in one style by the plan's recipe; jobs with the same key make the same design."""

    key: str
    garment: Garment
    style: Style


@dataclass(frozen=True)
class Plan:
    """What a run will do. `done` counts designs that exist; `problems` are records that cannot be used, and why."""

    recipe: Recipe
    jobs: tuple[DesignJob, ...]
    done: int
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...] = ()
    held_back: int = 0
    """Jobs beyond `--limit`, or all with `--facts-only`: left for another run."""
    selection: Selection = field(default_factory=Selection)
    """Which of the catalogs' designs were asked for."""
    corrections: Corrections = field(default_factory=Corrections)
    """Facts that designs carry otherwise than the catalogs say them now."""
    digests: DigestCache | None = field(default=None, compare=False, repr=False)
    """Digests that were read for the plan, to be kept when the run begins."""

    @property
    def garments(self) -> list[Garment]:
        """The garments that some job needs, each once."""
        return list({job.garment.garment_id: job.garment for job in self.jobs}.values())

    @property
    def styles(self) -> list[Style]:
        """The styles that some job needs, each once."""
        return list({job.style.style_id: job.style for job in self.jobs}.values())

    def without(
        self, problems: Iterable[Problem], garments: Collection[str], styles: Collection[str]
    ) -> "Plan":
        """Return the plan without the jobs of these garments and styles, given by id, and with their problems."""
        jobs = tuple(
            job
            for job in self.jobs
            if job.garment.garment_id not in garments and job.style.style_id not in styles
        )
        return replace(self, jobs=jobs, problems=self.problems + tuple(problems))

    def with_limit(self, limit: int | None) -> "Plan":
        """Return the plan with at most `limit` jobs, diagonally over garments and styles; the others are held back.

        So a first look at few designs shows many garments and styles. SettingsError where `limit` is below 1.
        """
        if limit is not None and limit < 1:
            raise SettingsError(
                f"The limit is {limit}, but must be at least 1; leave it out for all designs."
            )
        if limit is None or limit >= len(self.jobs):
            return self
        positions = sorted(islice(_diagonally(self.jobs), limit))
        jobs = tuple(self.jobs[position] for position in positions)
        return replace(self, jobs=jobs, held_back=len(self.jobs) - limit)

    def with_remarks(self, remarks: Iterable[str]) -> "Plan":
        """Return the plan with these remarks after its own."""
        return replace(self, remarks=self.remarks + tuple(remarks))


def _diagonally(jobs: Sequence[DesignJob]) -> Iterator[int]:
    """Positions of jobs that are ordered by style: first one of each style, each of another garment, then the next."""
    by_style: dict[str, list[int]] = {}
    for position, job in enumerate(jobs):
        by_style.setdefault(job.style.style_id, []).append(position)
    rotated = []
    for number, positions in enumerate(by_style.values()):
        shift = number % len(positions)
        rotated.append(positions[shift:] + positions[:shift])
    for row in zip_longest(*rotated):
        yield from (position for position in row if position is not None)


def job_key(garment: Garment, style: Style, recipe_digest: str, *, printed: bool = False) -> str:
    """Return the digest of what a design is made from: 64 hexadecimal digits.

    Ids are part of it, so that two records of one picture get a design each. Titles and tags are not, so correcting
    them makes no design anew. Repeat and widths are part of it for a print only (`printed`), as they shape nothing else.
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
    is_selected: Callable[[Garment, Style], bool] | None = None,
) -> Plan:
    """Return the plan of every garment in every style without what exists, ordered by style, then garment.

    `existing` are the ids of filed designs. Pairs that are not selected are neither planned nor counted.
    """
    digest = recipe.digest()
    jobs: list[DesignJob] = []
    done = 0
    for style in styles:
        for garment in garments:
            if is_selected and not is_selected(garment, style):
                continue
            key = job_key(garment, style, digest, printed=recipe.init == "print")
            if key in existing:
                done += 1
            else:
                jobs.append(DesignJob(key, garment, style))
    return Plan(recipe, tuple(jobs), done, tuple(problems))


def select_style_sets(
    styles: Sequence[Style],
    wanted: Collection[str],
    problems: Sequence[Problem] = (),
    remarks: Sequence[str] = (),
) -> list[Style]:
    """Return the styles of the wanted sets (all, if none is named); SettingsError for a set without usable styles.

    `problems` and `remarks` are those of the style catalog: a set may be missing because its rows are
    rejected, or because it is not complete.
    """
    present = {style.style_set for style in styles}
    many = format_count(len(problems), "problem")
    rejected = f" {many} in the catalog, the first: {problems[0]}" if problems else ""
    for name in wanted:
        if name not in present:
            why = "".join(f" But {remark}." for remark in remarks if f"'{name}'" in remark)
            raise SettingsError(
                f"There is no usable style in a set '{name}': {nearest(name, present)}{why}{rejected}"
            )
    return [style for style in styles if not wanted or style.style_set in wanted]


def select_ids(records: Sequence[RecordType], wanted: Collection[str], noun: str) -> list[RecordType]:
    """Return the garments or styles of the wanted ids (all, if none is named); SettingsError for an unknown id."""
    present = {record.record_id: record for record in records}
    for name in wanted:
        if name not in present:
            raise SettingsError(f"There is no usable {noun} '{name}': {nearest(name, list(present))}")
    return [present[name] for name in present if not wanted or name in wanted]


def cut_shards(jobs: Sequence[DesignJob], designs_a_shard: int) -> list[tuple[DesignJob, ...]]:
    """Cut jobs into shards of one style each, with at most `designs_a_shard` jobs."""
    cut: list[tuple[DesignJob, ...]] = []
    shard: list[DesignJob] = []
    for job in jobs:
        if shard and (len(shard) >= designs_a_shard or shard[0].style.style_id != job.style.style_id):
            cut.append(tuple(shard))
            shard = []
        shard.append(job)
    return [*cut, tuple(shard)] if shard else cut
