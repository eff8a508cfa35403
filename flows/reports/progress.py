"""The progress of a run while it is on: a bar with rate and time left on a terminal, and lines in a log."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from flows.logs import is_json
from flows.painting.outcome import OnAdvance
from flows.wording import format_duration

screen = Console(stderr=True)

EVERY = 60.0
"""Seconds between two lines in the log."""


@dataclass(frozen=True)
class RunProgress:
    """How far a run is: designs done (shares of those in work included), their rate, and the time left."""

    done: float
    total: int
    a_minute: float | None
    seconds_left: float | None

    @property
    def whole(self) -> int:
        """The number of whole designs that are done."""
        return int(self.done + 1e-6)

    def __str__(self) -> str:
        """Return a line as '120 of 4000 designs, 12.3 a minute, 5.3 h left'."""
        text = f"{self.whole} of {self.total} designs"
        if self.a_minute is None or self.seconds_left is None:
            return text
        return f"{text}, {self.a_minute:.1f} a minute, {format_duration(self.seconds_left)} left"


class Pace:
    """Counts designs and measures their rate, which is that of all the work so far without the start.

    Designs of a run cost about the same, so that all the work is a better guess of the rest than its last
    minutes are (tests/flows/reports/test_progress.py). Several threads may use a pace.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`total` designs are to be done; `clock` gives seconds."""
        self.total, self._clock = total, clock
        self._done, self._first = 0.0, 0.0
        self._began: float | None = None
        self._lock = threading.Lock()

    def advance(self, designs: float) -> RunProgress:
        """Add designs that went forward: a share, while one is in work; below 0 where work was lost."""
        with self._lock:
            if self._began is None:
                # What came before (encoders loaded, workers started) will not come again.
                self._began, self._first = self._clock(), designs
            self._done += designs
        return self.progress()

    def progress(self) -> RunProgress:
        """Return how far the run is, with the rate and the time left by now."""
        seconds = 0.0 if self._began is None else self._clock() - self._began
        rate = (self._done - self._first) / seconds if seconds > 0 else 0.0
        if rate <= 0:
            return RunProgress(self._done, self.total, None, None)
        return RunProgress(self._done, self.total, 60 * rate, max(0.0, self.total - self._done) / rate)


class _Rate(ProgressColumn):
    """Designs a minute, and the time left."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def render(self, task: Task) -> Text:  # noqa: ARG002
        """Return the rate so far, or dashes before there is one."""
        now = self._pace.progress()
        if now.a_minute is None or now.seconds_left is None:
            return Text("-- designs/min", style="cyan")
        return Text(f"{now.a_minute:.1f} designs/min, {format_duration(now.seconds_left)} left", style="cyan")


class _Count(MofNCompleteColumn):
    """Whole designs done, of all."""

    def render(self, task: Task) -> Text:
        """Return whole designs of all designs, as '7/12'."""
        return Text(f"{int(task.completed + 1e-6)}/{int(task.total or 0)}", style="green")


@contextmanager
def show_progress(
    pace: Pace, title: str, on_progress: Callable[[RunProgress], None] = lambda _progress: None
) -> Iterator[OnAdvance]:
    """Show a bar until the block ends; calls of the yielded function move the bar and the `pace`.

    `on_progress` is called once in `EVERY` seconds at most, by the thread that moves the bar.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), _Count(), _Rate(pace))
    with Progress(*columns, console=screen, disable=is_json()) as bar:
        task, reported_at = bar.add_task(title, total=pace.total), time.monotonic()

        def advance(designs: float) -> None:
            """Move the bar by so many designs, or shares of them."""
            nonlocal reported_at
            run_progress = pace.advance(designs)
            bar.advance(task, designs)
            if time.monotonic() - reported_at >= EVERY:
                reported_at = time.monotonic()
                on_progress(run_progress)

        yield advance
