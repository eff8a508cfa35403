"""How a run shows itself on a terminal: a bar with rate and time left, or plain lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from flows.designing import OnAdvance

screen = Console(stderr=True)
_advance: ContextVar[OnAdvance | None] = ContextVar("advance", default=None)


class _Rate(ProgressColumn):
    """Designs a minute."""

    def render(self, task: Task) -> Text:
        """The rate so far, or dashes before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed * 60:.1f} designs/min" if speed else "-- designs/min", style="cyan")


class _Count(MofNCompleteColumn):
    """Whole designs done, of all."""

    def render(self, task: Task) -> Text:
        """As '7/12'."""
        return Text(f"{int(task.completed + 1e-6)}/{int(task.total or 0)}", style="green")


@contextmanager
def shown(total: int, title: str) -> Iterator[None]:
    """While this lasts, `advance` moves a bar of `total` designs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        _Count(),
        _Rate(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, speed_estimate_period=600) as progress:
        task = progress.add_task(title, total=total)
        token = _advance.set(lambda designs: progress.advance(task, designs))
        try:
            yield
        finally:
            _advance.reset(token)


def advance(designs: float) -> None:
    """Move the bar, if one is shown."""
    if callback := _advance.get():
        callback(designs)
