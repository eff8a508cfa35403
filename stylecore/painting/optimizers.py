"""Optimisers over slots: a batch of independent pairs that come and go.

A loss maps pictures B3HW to one value a pair, B. Nothing here mixes pairs: sums over the batch, never
means; dot products, steps and curvature are each pair's own, and so is the count of steps. So a batch
gives what single runs give, whoever the company is and whenever it came.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]

HISTORY = 20
"""Curvature pairs that L-BFGS keeps: 126 MB at 512 px, where 100 would take 629 MB."""
TRIALS = 8
ARMIJO = 1e-4
BETAS = 0.9, 0.999
"""How much of the mean of gradients and of their squares Adam keeps each step, as in Kingma and Ba (2015)."""
EPSILON = 1e-8
"""As in Kingma and Ba (2015)."""


class Optimizer(Protocol):
    """Slots with a picture each."""

    picture: Tensor

    def put(
        self,
        slot: int,
        start_13HW: Tensor,
        rate: float,
        final_rate: float,
        steps: int,
        betas: tuple[float, float] = BETAS,
    ) -> None:
        """Begin anew in one slot."""

    def loss_changed(self) -> None:
        """From now on losses are others than before: forget what was measured of them."""

    def step(self, loss: Loss) -> Tensor:
        """One step in every slot; returns the losses before it, B values."""


class Adam:
    """Adam (Kingma and Ba 2015) with a rate that changes linearly; pictures are clamped to [0, 1] between steps."""

    def __init__(self, slots: int, like_13HW: Tensor) -> None:
        """Empty slots for pictures of one size."""
        shape = (slots, *like_13HW.shape[1:])
        self.picture, self._mean, self._square = (
            like_13HW.new_zeros(shape).contiguous(memory_format=torch.channels_last) for _ in range(3)
        )
        self._done, self._rate, self._fall = (like_13HW.new_zeros(slots, 1, 1, 1) for _ in range(3))
        # What is new each step, 1 - beta, and log beta: from doubles, as 0.999 is no float32.
        self._new, self._log = ([like_13HW.new_ones(slots, 1, 1, 1) for _ in BETAS] for _ in range(2))

    def put(
        self,
        slot: int,
        start_13HW: Tensor,
        rate: float,
        final_rate: float,
        steps: int,
        betas: tuple[float, float] = BETAS,
    ) -> None:
        """Begin anew in one slot."""
        self.picture[slot] = start_13HW[0]
        for moment, beta in enumerate(betas):
            self._new[moment][slot], self._log[moment][slot] = 1 - beta, math.log(beta)
        self._mean[slot], self._square[slot], self._done[slot] = 0.0, 0.0, 0.0
        self._rate[slot], self._fall[slot] = rate, (rate - final_rate) / max(1, steps - 1)

    def loss_changed(self) -> None:
        """Means of gradients stay: they follow in a few steps."""

    def step(self, loss: Loss) -> Tensor:
        """One step in every slot; returns the losses before it, B values."""
        loss_B, gradient = value_and_gradient(self.picture, loss)
        rate = self._rate - self._fall * self._done
        self._done += 1
        self._mean.lerp_(gradient, self._new[0])
        self._square.lerp_(gradient.square(), self._new[1])
        root = (self._square / _warmth(self._log[1], self._done)).sqrt_().add_(EPSILON)
        self.picture.sub_(rate / _warmth(self._log[0], self._done) * self._mean / root).clamp_(0, 1)
        return loss_B


class Lbfgs:
    """L-BFGS with every pair's own curvature and step length, inside [0, 1].

    Projected (Bertsekas 1982): a pixel at its bound that the gradient pushes outward is left out of the
    direction and of the curvature, and trial points are clamped. Clamping inside the loss instead makes the
    curvature that was measured untrue, and the run diverge; clamping only what is taken out loses what was
    won (at 512 px a loss of 0.091 became 0.104). `rate` is the largest change of a pixel in the first step. A
    step is halved until it lowers the pair's loss enough (Armijo); a pair that finds no such step drops its
    curvature, so that its next step is a gradient step, or stays where it is.
    """

    def __init__(self, slots: int, like_13HW: Tensor) -> None:
        """Empty slots for pictures of one size."""
        self.picture = like_13HW.new_zeros(slots, *like_13HW.shape[1:])
        self._rate = like_13HW.new_zeros(slots, 1, 1, 1)
        self._entries: list[tuple[Tensor, Tensor, Tensor]] = []
        self._known: tuple[Tensor, Tensor] | None = None

    def put(
        self,
        slot: int,
        start_13HW: Tensor,
        rate: float,
        final_rate: float,  # noqa: ARG002
        steps: int,  # noqa: ARG002
        betas: tuple[float, float] = BETAS,  # noqa: ARG002
    ) -> None:
        """Begin anew in one slot; the others keep their curvature. Final rate, steps and betas are Adam's affair."""
        self.picture = self.picture.clone()
        self.picture[slot], self._rate[slot], self._known = start_13HW[0].clamp(0, 1), rate, None
        for entry in self._entries:
            for tensor in entry:
                # The steps as well: a pair that failed leaves NaN there, and 0 times NaN is NaN.
                tensor[slot] = 0

    def loss_changed(self) -> None:
        """Curvature stays, as one loss measured both ends of each of its steps; the last end is measured anew."""
        self._known = None

    def step(self, loss: Loss) -> Tensor:
        """One step in every slot; returns the losses before it, B values."""
        loss_B, gradient = self._known or value_and_gradient(self.picture, loss)
        outward = ((self.picture <= 0) & (gradient > 0)) | ((self.picture >= 1) & (gradient < 0))
        moved, moved_B, moved_gradient = _line_search(
            self.picture, loss, loss_B, gradient, self._direction(gradient, ~outward)
        )
        self._remember(moved - self.picture, moved_gradient - gradient)
        self.picture, self._known = moved, (moved_B, moved_gradient)
        return loss_B

    def _remember(self, step: Tensor, change: Tensor) -> None:
        """Keep a step; where the curvature is not positive, the pair's entry counts for nothing."""
        curvature = _dot(step, change)
        good = curvature > 1e-10 * _dot(change, change).sqrt() * _dot(step, step).sqrt()
        stuck = _dot(step, step) == 0
        inverse = torch.where(good, 1 / torch.where(good, curvature, 1), torch.zeros_like(curvature))
        for _, _, known in self._entries:
            known.masked_fill_(stuck, 0)
        self._entries = [*self._entries[-(HISTORY - 1) :], (step, change, inverse)]

    def _direction(self, gradient: Tensor, free: Tensor) -> Tensor:
        """The two-loop recursion (Nocedal and Wright, algorithm 7.4), batched, over the free pixels."""
        descent, alphas = gradient * free, []
        for step, change, inverse in reversed(self._entries):
            alpha = inverse * _dot(step, descent)
            descent = descent - alpha * change * free
            alphas.append(alpha)
        descent = descent * self._scale(gradient)
        for (step, change, inverse), alpha in zip(self._entries, reversed(alphas), strict=True):
            descent = descent + step * free * (alpha - inverse * _dot(change, descent))
        return -descent

    def _scale(self, gradient: Tensor) -> Tensor:
        """The first guess of the inverse curvature; without any, a step of `rate` at the largest pixel."""
        scale = self._rate / gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-30)
        for step, change, inverse in self._entries:
            known = _dot(step, change) / _dot(change, change).clamp_min(1e-30)
            scale = torch.where(inverse > 0, known, scale)
        return scale


OPTIMIZERS: dict[str, Callable[[int, Tensor], Optimizer]] = {"adam": Adam, "lbfgs": Lbfgs}


def value_and_gradient(picture: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """Losses, B values, and every pair's gradient at its own pixels."""
    variable = picture.detach().requires_grad_(True)
    with torch.enable_grad():
        loss_B = loss(variable)
        # The sum: a mean would divide every pair's gradient by the size of the batch.
        (gradient,) = torch.autograd.grad(loss_B.sum(), variable)
    # Copies: what a CUDA graph returns is overwritten by its next run.
    return loss_B.detach().clone(), gradient.clone()


def _warmth(log_beta: Tensor, steps: Tensor) -> Tensor:
    """1 - beta^steps, without the cancellation that a float32 difference would have in the first steps."""
    return -torch.expm1(steps * log_beta)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    # In double: a sum over pixels rounds differently in a batch, and line searches tell the difference.
    products: Tensor = torch.linalg.vecdot(a.flatten(1).double(), b.flatten(1).double())
    return products.to(a.dtype).view(-1, 1, 1, 1)


def _line_search(
    picture: Tensor, loss: Loss, loss_B: Tensor, gradient: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    length = torch.ones_like(loss_B)
    best, best_loss, best_gradient = picture, loss_B, gradient
    waiting = _dot(gradient, direction).flatten() < 0
    for _ in range(TRIALS):
        ahead = (picture + length.view(-1, 1, 1, 1) * direction).clamp(0, 1)
        trial = torch.where(waiting.view(-1, 1, 1, 1), ahead, best)
        trial_loss, trial_gradient = value_and_gradient(trial, loss)
        expected_B = _dot(gradient, trial - picture).flatten()
        good = waiting & (trial_loss <= loss_B + ARMIJO * expected_B)
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
