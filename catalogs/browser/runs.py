"""The runs of a catalog as a page shows them; the room that knows the runs hands them in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Run:
    """The state of a run, and the command that comes next; the command is empty where none is needed.

    `state` is one word; `what` says more about it. `turned_away` counts rejected records and pairs: the page avoids
    the word "rejected", because there *Reject* is a person's verdict. Of a run whose report cannot be read only `made`
    is known, and `started_at` is None.
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
