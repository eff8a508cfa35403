"""A lane of the mill: one level, with slots for pairs, their targets and their optimiser."""

import time
from collections import deque
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stylecore.objective.targets import StyleTargets, Targets
from stylecore.painting.compiling import level_objective
from stylecore.painting.lane_context import LaneContext
from stylecore.painting.optimizers import OPTIMIZERS, Optimizer
from stylecore.painting.pair import Pair
from stylecore.painting.pyramid import Level


@dataclass
class PairInProgress:
    """A pair on its way through the lanes."""

    pair: Pair
    picture: Tensor | None = None
    failure: str | None = None
    losses: list[tuple[float, ...]] = field(default_factory=list)
    level_losses: list[float] = field(default_factory=list)
    """Losses before every step in the lane it is in."""
    targets: Targets | None = None
    """Its targets in the lane it is in."""
    style: StyleTargets | None = None
    """Its style in the lane it is in."""
    seconds: float = 0.0


class Lane:
    """One level: slots, their targets and their optimiser."""

    def __init__(
        self, level: Level, number: int, count: int, context: LaneContext, slots: int, compiled: bool
    ) -> None:
        """A lane without pairs: level `number` of `count`, with `slots` slots, its objective `compiled` or not."""
        self.level, self.waiting = level, deque[PairInProgress]()
        self._number, self._count, self._context = number, count, context
        self._slots: list[PairInProgress | None] = [None] * slots
        self._targets: Targets | None = None
        self._optimizer: Optimizer | None = None
        # A level that is looked at by windows spends its time in them; nothing is gained by compiling the loop.
        self._objective = level_objective(context, compiled and not self._by_windows())

    def _by_windows(self) -> bool:
        return 0 < self._context.tile < max(self.level.size)

    def has_room(self) -> bool:
        """Whether another pair would find a slot."""
        return len(self.waiting) < sum(progress is None for progress in self._slots)

    def has_pairs(self) -> bool:
        """Whether a pair is in work."""
        return any(self._slots)

    def is_full(self) -> bool:
        """Whether every slot is in work."""
        return all(self._slots)

    def fill(self) -> None:
        """Give free slots to the pairs that wait longest."""
        for slot, progress in enumerate(self._slots):
            if progress is None and self.waiting:
                self._put(slot, self.waiting.popleft())

    def _put(self, slot: int, progress: PairInProgress) -> None:
        recipe, level = progress.pair.recipe, self.level
        style = self._context.style(progress.pair, level)
        start = self._context.start(progress.pair, level, progress.picture)
        targets = self._context.assigned(self._context.targets(progress.pair, level, style), style, start)
        if self._targets is None or self._optimizer is None:
            self._targets = targets.zeros_for(len(self._slots))
            self._optimizer = OPTIMIZERS[recipe.optimizer](len(self._slots), start)
        self._targets.overwrite(slot, targets)
        rates = recipe.learning_rate, recipe.final_learning_rate
        self._optimizer.put(slot, start, *rates, level.steps, (recipe.beta_1, recipe.beta_2))
        self._slots[slot], progress.level_losses = progress, []
        progress.targets, progress.style = targets, style

    def advance(self) -> list[PairInProgress]:
        """Step until a pair may leave; returns those that do, with their picture."""
        began = time.perf_counter()
        steps = min(self._until_stop(progress) for progress in self._slots if progress)
        if steps:
            self._assign()
            self._step(steps)
        busy = [progress for progress in self._slots if progress]
        for progress in busy:
            progress.seconds += (time.perf_counter() - began) / len(busy)
        return self._leaving()

    def _until_stop(self, progress: PairInProgress) -> int:
        """Steps until the pair's own next look at its losses or assignment: no other pair changes when they come."""
        done, structure = len(progress.level_losses), self._context.structure
        periods = [structure.window, *([structure.assignment_steps] if structure.patches else [])]
        return min(self.level.steps - done, *(period - done % period for period in periods))

    def _assign(self) -> None:
        """Assign the style's patches anew in the slots whose turn it is; the first time was when they were filled."""
        assert self._optimizer is not None and self._targets is not None
        structure = self._context.structure
        for slot, progress in enumerate(self._slots):
            done = len(progress.level_losses) if progress else 0
            if not progress or not structure.patches or not done or done % structure.assignment_steps:
                continue
            assert progress.targets is not None and progress.style is not None
            picture = self._optimizer.picture[slot : slot + 1]
            progress.targets = self._context.assigned(progress.targets, progress.style, picture)
            self._targets.overwrite_matches(slot, progress.targets)
            self._optimizer.loss_changed()

    def _step(self, steps: int) -> None:
        assert self._optimizer is not None
        active = [slot for slot, progress in enumerate(self._slots) if progress]
        losses = []
        for _ in range(steps):
            losses.append(self._optimizer.step(lambda picture: self._loss(picture, active)))
            self._context.on_steps(len(active), self._context.share(self.level))
        # Read back once: every reading makes the host wait for the device.
        for slot, values in zip(active, torch.stack(losses)[:, active].T.tolist(), strict=True):
            progress = self._slots[slot]
            assert progress is not None
            progress.level_losses += values

    def _loss(self, picture: Tensor, active: list[int]) -> Tensor:
        assert self._targets is not None
        if picture.is_cuda or len(active) == len(picture):
            return self._objective(self._targets, picture)
        # On a CPU an empty slot would cost as much as a busy one.
        loss_B = picture.sum((1, 2, 3)) * 0
        for slot in active:
            slot_loss_1 = self._objective(self._targets.of_pair(slot), picture[slot : slot + 1])
            loss_B = loss_B.index_add(0, torch.tensor([slot]), slot_loss_1)
        return loss_B

    def _leaving(self) -> list[PairInProgress]:
        assert self._optimizer is not None
        left = []
        # Read back once: every reading makes the host wait for the device.
        finite = self._optimizer.picture.isfinite().flatten(1).all(1).tolist()
        for slot, progress in enumerate(self._slots):
            if progress is None:
                continue
            progress.failure = self._failure(progress, finite[slot])
            if (
                progress.failure
                or len(progress.level_losses) >= self.level.steps
                or self._converged(progress.level_losses)
            ):
                progress.picture = self._optimizer.picture[slot : slot + 1].clamp(0, 1).clone()
                self._slots[slot] = None
                progress.losses.append(tuple(progress.level_losses))
                left.append(progress)
        return left

    def _failure(self, progress: PairInProgress, finite: bool) -> str | None:
        bad = [step for step, loss in enumerate(progress.level_losses, 1) if not abs(loss) < float("inf")]
        if finite and not bad:
            return None
        step = f"step {bad[0]}" if bad else "the last step"
        word = (
            "infinite" if bad and abs(progress.level_losses[bad[0] - 1]) == float("inf") else "not a number"
        )
        where = f"level {self._number} of {self._count}"
        return f"the loss became {word} at {where}, {step}"

    def _converged(self, losses: list[float]) -> bool:
        window, tolerance = self._context.structure.window, self._context.structure.tolerance
        if not tolerance or len(losses) <= window or len(losses) % window:
            return False
        return losses[-1 - window] - losses[-1] < tolerance * losses[-1 - window]
