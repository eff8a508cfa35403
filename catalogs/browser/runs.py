"""What a page tells of the runs of a catalog; whoever knows them hands it in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Run:
    """What became of a run, and the command that comes next, empty where none is needed.

    `state` is one word; `what` says more of it. Of records and pairs that a run rejected a page says that they were
    turned away: there, *Reject* is a person's verdict. Of a run whose report cannot be read only `made` is known:
    `started_at` is None then.
    """

    run_id: str
    state: str
    what: str
    started_at: datetime | None
    recipe: str
    planned: int
    made: int
    turned_away: int
    seconds: str
    reasons: Mapping[str, int]
    report: str
    next: str
    why_next: str


Runs = Callable[[], Sequence[Run]]
"""The newest runs, newest first."""
