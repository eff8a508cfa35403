"""More designs from those that were chosen: what a page asks of whoever can make designs.

The browser makes none itself. It is handed a `Mill` by the room that can, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Order:
    """Garments by styles by a recipe; empty `garments` or `styles` are all there are of the style sets."""

    recipe: str
    garments: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    style_sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """What an order comes to: designs to make and there already, seconds if known, what else should be known."""

    to_make: int
    there: int
    seconds: float | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repetition:
    """What makes a design again: a command, and where its recipe is somebody's own, that as a file.

    The command reads the file, unless the recipe is `kept` with the designs.
    """

    command: str
    file: str = ""
    toml: str = ""
    kept: bool = False


class Mill(Protocol):
    """Plans and starts runs. Failures raise `catalogs.errors.CatalogsError`."""

    def recipes(self) -> Sequence[str]:
        """Names of recipes."""
        ...

    def plan(self, order: Order) -> Estimate:
        """What an order would come to; nothing is started."""
        ...

    def command(self, order: Order) -> str:
        """The command that carries the order out, to copy."""
        ...

    def repetition(self, order: Order, recipe_json: str) -> Repetition:
        """What carries an order out by the very recipe that a design's record holds, whatever is called so now."""
        ...

    @property
    def can_start(self) -> bool:
        """Whether `start` has somewhere to start a run."""
        ...

    def start(self, order: Order) -> str:
        """Start a run; returns where to watch it."""
        ...
