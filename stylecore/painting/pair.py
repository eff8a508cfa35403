"""Pairs as they go into the mill, and as they come out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylecore.objective.terms import TermValues
from stylecore.painting.enlarging import Enlargement
from stylecore.painting.printing import UNTOLD
from stylecore.recipe import Recipe

OnSteps = Callable[[int, float], None]
"""Called after every step with the number of pairs that made it, and its share of all steps of a pair (by pixels)."""

MakeEnlargement = Callable[[torch.device], Enlargement]
"""Called when a design is finished: hundreds of pairs are under way, and styles in their garments' size are large."""


@dataclass(frozen=True)
class Pair:
    """A content and a style that are to be a design, prepared: sRGB in [0, 1], on any device.

    `content` and `guide` are 1 x 3 x H x W and 1 x P x H x W at the finest size, with a channel a part;
    `style` is 1 x 3 x h x w and `style_guide`, if parts are matched, 1 x P x h x w. Keys name contents:
    pairs with equal keys share targets; without one, nothing is shared. `tag` is the caller's.
    """

    content: Tensor
    style: Tensor
    guide: Tensor
    recipe: Recipe
    style_guide: Tensor | None = None
    repeat: str = UNTOLD
    """How the style repeats where it is printed; see stylecore/painting/printing.py."""
    enlarged: float = 1.0
    """How many times larger the style would have to be than it is given, to fit the content's size."""
    content_key: str = ""
    style_key: str = ""
    enlargement: MakeEnlargement | None = None
    """How much larger than its canvas the design is finished, and the style as large, on the device that it is called
    with; None leaves the design on its canvas."""
    start: Tensor | None = None
    """What to start from instead of the recipe's `init`: 1 x 3 x H x W."""
    tag: Any = None


@dataclass(frozen=True)
class Finished:
    """What came of a pair: the design (the content, where it failed), or why it failed.

    `picture_13HW` is on the canvas; `large_13HW` is the same design larger, where the pair has an enlargement.

    `terms` and `start_terms` are the weighted terms at the finest level, of the design and of the content;
    `losses` has the loss before every step of every level.
    """

    pair: Pair
    picture_13HW: Tensor
    failure: str | None
    terms: TermValues
    start_terms: TermValues
    losses: tuple[tuple[float, ...], ...]
    seconds: float
    share_done: float
    """Share of all its steps, by their pixels, that was made; below 1 where it failed or converged early."""
    large_13HW: Tensor | None = None

    @property
    def largest(self) -> Tensor:
        """The design as large as there is one."""
        return self.picture_13HW if self.large_13HW is None else self.large_13HW

    @property
    def steps(self) -> int:
        """Steps that were made, of all levels."""
        return sum(map(len, self.losses))
