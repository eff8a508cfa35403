"""The variants by name: what each changes of the recipe, of the optimiser, or of where a pair starts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from torch import Tensor

from benchmarks.optimizer_variants.adam import CarriedAdam, Constants, VariedAdam
from benchmarks.optimizer_variants.bases import Fourier, LaplacianPyramid
from benchmarks.rivals.named import load_microast
from stylecore.painting.lane import Lane
from stylecore.painting.optimizers import OPTIMIZERS, Optimizer
from stylecore.painting.pair import Pair

MakeOptimizer = Callable[[int, Tensor], Optimizer]
Start = Callable[[Path], Callable[[Pair], Pair]]
"""Folder of assets to what gives a pair another start; only the latter's time counts."""


@dataclass(frozen=True)
class Variant:
    """One way to paint the house recipe's pairs; a variant without changes is the house recipe itself."""

    recipe: dict[str, Any] = field(default_factory=dict)
    """Fields of the recipe that differ from the house's."""
    optimizer: Callable[[], MakeOptimizer] | None = None
    """What makes, for one painting, the optimiser of each of its levels; None takes the recipe's own."""
    start: Start | None = None
    assigned_at_finest: bool = True
    """Whether patches are assigned anew within the finest level, too."""

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the mill paint by this variant's optimiser, for one painting."""
        optimizers = {"adam": self.optimizer()} if self.optimizer else {}
        with mock.patch.dict(OPTIMIZERS, optimizers):
            if self.assigned_at_finest:
                yield
                return
            assign = Lane._assign
            with mock.patch.object(Lane, "_assign", lambda lane: lane.level.scale < 1 and assign(lane)):
                yield


def _adam(**constants: Any) -> Callable[[], MakeOptimizer]:
    return lambda: lambda slots, like_13HW: VariedAdam(slots, like_13HW, Constants(**constants))


def _averaged(**constants: Any) -> Callable[[], MakeOptimizer]:
    """Averages the last third of the steps at the finest level alone: the third level that a painting makes."""

    def of_painting() -> MakeOptimizer:
        """Return what makes the optimisers of one painting."""
        shares = iter((0.0, 0.0, 1 / 3))
        return lambda slots, like_13HW: VariedAdam(
            slots, like_13HW, Constants(averaged=next(shares), **constants)
        )

    return of_painting


def _falling_at_finest() -> MakeOptimizer:
    """What makes the optimisers of one painting, whose rate falls in the third and finest level alone."""
    kept = iter((True, True, False))
    return lambda slots, like_13HW: VariedAdam(slots, like_13HW, Constants(kept=next(kept)))


def _carried(trusted_steps: int) -> Callable[[], MakeOptimizer]:
    def of_painting() -> MakeOptimizer:
        """Return what makes the optimisers of one painting; each knows the one before."""
        made: list[VariedAdam] = []

        def make(slots: int, like_13HW: Tensor) -> Optimizer:
            """Return the optimiser of the next level."""
            made.append(CarriedAdam(slots, like_13HW, made[-1] if made else None, trusted_steps))
            return made[-1]

        return make

    return of_painting


def _microast(assets: Path) -> Callable[[Pair], Pair]:
    paint = load_microast(assets)
    return lambda pair: replace(pair, start=paint(pair.content, pair.style).clamp(0, 1))


def _kept(rate: float) -> dict[str, Any]:
    """Fields of a recipe whose rate does not fall."""
    return {"learning_rate": rate, "final_learning_rate": rate}


FINER = ((0.5, 50), (1.0, 20))
"""The house's levels without the coarsest."""
VARIANTS = {
    "house": Variant(),
    "epsilon 1e-6": Variant(optimizer=_adam(epsilon=1e-6)),
    "epsilon 1e-5": Variant(optimizer=_adam(epsilon=1e-5)),
    "epsilon 1e-4": Variant(optimizer=_adam(epsilon=1e-4)),
    "epsilon 1e-3": Variant(optimizer=_adam(epsilon=1e-3)),
    "betas 0.9, 0.99": Variant(optimizer=_adam(betas=(0.9, 0.99))),
    "betas 0.9, 0.95": Variant(optimizer=_adam(betas=(0.9, 0.95))),
    "betas 0.8, 0.99": Variant(optimizer=_adam(betas=(0.8, 0.99))),
    "rate 0.02": Variant({"learning_rate": 0.02}),
    "rate 0.045": Variant({"learning_rate": 0.045}),
    "rate 0.06": Variant({"learning_rate": 0.06}),
    "cosine fall": Variant(optimizer=_adam(cosine=True)),
    "Laplacian": Variant(optimizer=_adam(basis=LaplacianPyramid)),
    "Laplacian, rate 0.015": Variant({"learning_rate": 0.015}, _adam(basis=LaplacianPyramid)),
    "Fourier": Variant(optimizer=_adam(basis=Fourier)),
    "Fourier, rate 0.06": Variant({"learning_rate": 0.06}, _adam(basis=Fourier)),
    "average": Variant(optimizer=_averaged()),
    "rate kept": Variant(_kept(0.03)),
    "rate kept, average": Variant(_kept(0.03), _averaged()),
    "rate 0.045 kept": Variant(_kept(0.045)),
    "rate 0.06 kept": Variant(_kept(0.06)),
    "rate 0.09 kept": Variant(_kept(0.09)),
    "rate 0.045, falling at finest alone": Variant({"learning_rate": 0.045}, _falling_at_finest),
    "rate 0.045 kept, betas 0.8, 0.99": Variant(_kept(0.045), _adam(betas=(0.8, 0.99))),
    "rate 0.045 kept, betas 0.7, 0.99": Variant(_kept(0.045), _adam(betas=(0.7, 0.99))),
    "rate 0.045 kept, betas 0.5, 0.9": Variant(_kept(0.045), _adam(betas=(0.5, 0.9))),
    "rate 0.045 kept, betas 0.8, 0.9": Variant(_kept(0.045), _adam(betas=(0.8, 0.9))),
    "rate 0.06 kept, betas 0.8, 0.99": Variant(_kept(0.06), _adam(betas=(0.8, 0.99))),
    "rate 0.045 kept, average": Variant(_kept(0.045), _averaged()),
    "rate 0.06 to 0.02": Variant({"learning_rate": 0.06, "final_learning_rate": 0.02}),
    "rate 0.06 to 0.02, average": Variant({"learning_rate": 0.06, "final_learning_rate": 0.02}, _averaged()),
    "betas 0.8, 0.99, rate kept, average": Variant(_kept(0.03), _averaged(betas=(0.8, 0.99))),
    "Laplacian, rate 0.03 kept": Variant(_kept(0.03), _adam(basis=LaplacianPyramid)),
    "Laplacian, rate 0.03 kept, betas 0.8, 0.99": Variant(
        _kept(0.03), _adam(betas=(0.8, 0.99), basis=LaplacianPyramid)
    ),
    "Laplacian, rate 0.015 kept": Variant(_kept(0.015), _adam(basis=LaplacianPyramid)),
    "Laplacian, rate 0.015 kept, average": Variant(_kept(0.015), _averaged(basis=LaplacianPyramid)),
    "Laplacian, rate 0.03 kept, average": Variant(_kept(0.03), _averaged(basis=LaplacianPyramid)),
    "second moment carried": Variant(optimizer=_carried(1)),
    "second moment carried as 5 steps": Variant(optimizer=_carried(5)),
    "print start": Variant({"init": "print"}),
    "print start, no noise": Variant({"init": "print", "start_noise": 0.0}),
    "print start, two levels": Variant({"init": "print", "levels": FINER}),
    "one-pass start": Variant(start=_microast),
    "one-pass start, two levels": Variant({"levels": FINER}, start=_microast),
    "L-BFGS": Variant(
        {"optimizer": "lbfgs", "learning_rate": 0.1, "levels": ((0.25, 10), (0.5, 10), (1.0, 10))}
    ),
    "assigned every 3 steps": Variant({"assignment_steps": 3}),
    "assigned every 10 steps": Variant({"assignment_steps": 10}),
    "assigned in coarse levels alone": Variant(assigned_at_finest=False),
    "levels 40, 50, 20": Variant({"levels": ((0.25, 40), (0.5, 50), (1.0, 20))}),
    "levels 80, 25, 20": Variant({"levels": ((0.25, 80), (0.5, 25), (1.0, 20))}),
}
"""Betas, epsilon and rates are Adam's; every variant paints by the house's objective."""
