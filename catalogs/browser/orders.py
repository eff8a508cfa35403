"""Orders: more designs from chosen ones, as a page asks whoever can make designs.

The browser makes no designs. The room that starts it hands it a `Mill`, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Order:
    """Garments by styles by a recipe; empty `garments` or `styles` mean all of the style sets."""

    recipe: str
    garments: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    style_sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """The size of an order: designs to make, designs that exist already, seconds if known, and remarks."""

    to_make: int
    there: int
    seconds: float | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repetition:
    """How a design is made again: a command, and the recipe as a file where the recipe is somebody's own.

    The command reads the file, unless the recipe is `kept` with the designs.
    """

    command: str
    file: str = ""
    toml: str = ""
    kept: bool = False


class Mill(Protocol):
    """Plans and starts runs. Failures raise `catalogs.errors.CatalogsError`."""

    def recipes(self) -> Sequence[str]:
        """Names of the recipes that an order may name."""
        ...

    def plan(self, order: Order) -> Estimate:
        """The estimate of an order; nothing is started."""
        ...

    def command(self, order: Order) -> str:
        """The command that carries the order out, for people to copy."""
        ...

    def repetition(self, order: Order, recipe_json: str) -> Repetition:
        """How to repeat an order by exactly the recipe in a design's record.

        The recipe's name may mean another recipe by now.
        """
        ...

    @property
    def can_start(self) -> bool:
        """Whether `start` can start a run somewhere."""
        ...

    def start(self, order: Order) -> str:
        """Start a run; returns the address where people can watch it."""
        ...
