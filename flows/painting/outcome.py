"""What came of a shard: new designs, failures, problems, and the effort of the worker that made them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from catalogs.records import Problem

OnAdvance = Callable[[float], None]
"""Takes the number of designs that went forward: a fraction while one is in work, below 0 where work is lost."""


@dataclass(frozen=True)
class Failure:
    """A pair of garment and style that could not be made, with the reason."""

    garment_id: str
    style_id: str
    reason: str


@dataclass(frozen=True)
class Effort:
    """Which worker made a shard, with what device and batch, and how long it took.

    `painting_seconds` is the time in which the device took steps; for the rest of `seconds` the device was idle.
    `target_hit_rate` is the share of style and content targets that were taken from memory, from 0 to 1.
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
        """Return this effort with an earlier one of the same worker added."""
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
    """What came of a shard.

    `made` are keys of new designs, `met` keys of designs that others had filed by then. `settled` are the keys of all
    jobs that need no further try; `elsewhere` those that another run works on; `alone` those that are to be tried one
    by one. `remarks` are for the run's report. `effort` is None where no worker was at work.
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
