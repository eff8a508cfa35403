"""Optimisers over a batch of independent pairs.

A loss maps pictures B3HW to one value a pair, B. Nothing here mixes pairs: sums over the batch, never
means; dot products, steps and curvature are each pair's own. So a batch gives what single runs give.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]
OnStep = Callable[[], None]

HISTORY = 10
"""Curvature pairs that L-BFGS keeps: 63 MB at 512 px, where 100 would take 629 MB."""
TRIALS = 8
ARMIJO = 1e-4


@dataclass(frozen=True)
class Minimum:
    """Where an optimiser ended: pictures B3HW, and the loss before every step, steps x B."""

    picture_B3HW: Tensor
    history_SB: Tensor


def adam(
    start_B3HW: Tensor, loss: Loss, steps: int, rate: float, final_rate: float, on_step: OnStep | None = None
) -> Minimum:
    """Adam with a rate that falls linearly; pictures are clamped to [0, 1] between steps."""
    picture = start_B3HW.detach().clone().contiguous(memory_format=torch.channels_last).requires_grad_(True)
    optimizer = torch.optim.Adam([picture], lr=rate)
    history = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate + (final_rate - rate) * step / max(1, steps - 1)
        loss_B, picture.grad = _gradient(picture, loss)
        optimizer.step()
        with torch.no_grad():
            picture.clamp_(0, 1)
        history.append(loss_B)
        if on_step:
            on_step()
    return Minimum(picture.detach(), _stack(history, start_B3HW))


def lbfgs(start_B3HW: Tensor, loss: Loss, steps: int, rate: float, on_step: OnStep | None = None) -> Minimum:
    """L-BFGS with every pair's own curvature and step length.

    Pictures move freely and are clamped to [0, 1] once, at the end: clamping inside makes the curvature
    that was measured untrue, and the run diverge. `rate` is the largest change of a pixel in the first
    step. A step is halved until it lowers the pair's loss enough (Armijo); a pair that finds no such
    step drops its curvature, so that its next step is a gradient step, or stays where it is.
    """
    picture = start_B3HW.detach().clone()
    memory = _Curvature()
    loss_B, gradient = _gradient(picture, loss)
    history = []
    for _ in range(steps):
        history.append(loss_B)
        direction = memory.direction(gradient, rate)
        moved, loss_B, moved_gradient = _line_search(picture, loss, loss_B, gradient, direction)
        memory.add(moved - picture, moved_gradient - gradient)
        picture, gradient = moved, moved_gradient
        if on_step:
            on_step()
    return Minimum(picture.clamp(0, 1), _stack(history, start_B3HW))


def _gradient(picture: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    variable = picture.detach().requires_grad_(True)
    loss_B = loss(variable)
    # The sum: a mean would divide every pair's gradient by the size of the batch.
    (gradient,) = torch.autograd.grad(loss_B.sum(), variable)
    return loss_B.detach(), gradient


def _stack(history: list[Tensor], start: Tensor) -> Tensor:
    return torch.stack(history) if history else start.new_zeros(0, len(start))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    # In double: a sum over pixels rounds differently in a batch, and line searches tell the difference.
    products: Tensor = torch.linalg.vecdot(a.flatten(1).double(), b.flatten(1).double())
    return products.to(a.dtype).view(-1, 1, 1, 1)


class _Curvature:
    """The last pairs of steps and gradient changes, for every pair of the batch by itself."""

    def __init__(self) -> None:
        self._entries: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, step: Tensor, change: Tensor) -> None:
        """Remember a step; where the curvature is not positive, the pair's entry counts for nothing."""
        curvature = _dot(step, change)
        good = curvature > 1e-10 * _dot(change, change).sqrt() * _dot(step, step).sqrt()
        stuck = _dot(step, step) == 0
        inverse = torch.where(good, 1 / torch.where(good, curvature, 1), torch.zeros_like(curvature))
        self._entries = [(s, c, torch.where(stuck, torch.zeros_like(i), i)) for s, c, i in self._entries]
        self._entries = [*self._entries[-(HISTORY - 1) :], (step, change, inverse)]

    def direction(self, gradient: Tensor, rate: float) -> Tensor:
        """The two-loop recursion (Nocedal and Wright, algorithm 7.4), batched."""
        descent, alphas = gradient.clone(), []
        for step, change, inverse in reversed(self._entries):
            alpha = inverse * _dot(step, descent)
            descent = descent - alpha * change
            alphas.append(alpha)
        descent = descent * self._scale(gradient, rate)
        for (step, change, inverse), alpha in zip(self._entries, reversed(alphas), strict=True):
            descent = descent + step * (alpha - inverse * _dot(change, descent))
        return -descent

    def _scale(self, gradient: Tensor, rate: float) -> Tensor:
        """The first guess of the inverse curvature; without any, a step of `rate` at the largest pixel."""
        scale = rate / gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-30)
        for step, change, inverse in self._entries:
            known = _dot(step, change) / _dot(change, change).clamp_min(1e-30)
            scale = torch.where(inverse > 0, known, scale)
        return scale


def _line_search(
    picture: Tensor, loss: Loss, loss_B: Tensor, gradient: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    slope_B = _dot(gradient, direction).flatten()
    length = torch.ones_like(slope_B)
    best, best_loss, best_gradient = picture, loss_B, gradient
    waiting = slope_B < 0
    for _ in range(TRIALS):
        trial = torch.where(waiting.view(-1, 1, 1, 1), picture + length.view(-1, 1, 1, 1) * direction, best)
        trial_loss, trial_gradient = _gradient(trial, loss)
        good = waiting & (trial_loss <= loss_B + ARMIJO * length * slope_B)
        chosen = good.view(-1, 1, 1, 1)
        best, best_gradient = (
            torch.where(chosen, trial, best),
            torch.where(chosen, trial_gradient, best_gradient),
        )
        best_loss = torch.where(good, trial_loss, best_loss)
        waiting = waiting & ~good
        if not bool(waiting.any()):
            break
        length = torch.where(waiting, length / 2, length)
    return best, best_loss, best_gradient
