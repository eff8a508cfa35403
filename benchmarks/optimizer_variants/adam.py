"""Adam with what stylecore's leaves fixed: constants, variables, how its rate falls, averaging and where it begins."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.optimizer_variants.bases import Basis, MakeBasis, Pixels
from stylecore.painting.optimizers import BETAS, Loss, value_and_gradient
from stylecore.tensors import resize, size_of


@dataclass(frozen=True)
class Constants:
    """What a variant of Adam changes; the values here are those of stylecore/painting/optimizers.py."""

    epsilon: float = 1e-8
    betas: tuple[float, float] = (0.9, 0.999)
    cosine: bool = False
    """Whether the rate falls by half a cosine and not linearly."""
    kept: bool = False
    """Whether the rate does not fall at all."""
    basis: MakeBasis = Pixels
    averaged: float = 0.0
    """Share of the steps, from the end, whose pictures are averaged to the result."""


class VariedAdam:
    """Adam over slots of pictures in any basis; pictures are clamped to [0, 1] between steps."""

    def __init__(self, slots: int, like_13HW: Tensor, constants: Constants = Constants()) -> None:
        """Empty slots for pictures of one size."""
        self.picture = like_13HW.new_zeros(slots, *like_13HW.shape[1:])
        self.constants = constants
        self._basis: Basis = constants.basis(size_of(like_13HW))
        self._coefficients_BD = self._basis.to_coefficients(self.picture)
        self._mean_BD, self._square_BD = (torch.zeros_like(self._coefficients_BD) for _ in range(2))
        self._sum_B3HW = torch.zeros_like(self.picture)
        self._done_B, self._squared_B, self._rate_B, self._final_B, self._steps_B = (
            like_13HW.new_zeros(slots) for _ in range(5)
        )

    def put(
        self,
        slot: int,
        start_13HW: Tensor,
        rate: float,
        final_rate: float,
        steps: int,
        betas: tuple[float, float] = BETAS,  # noqa: ARG002 # the variant's own constants
    ) -> None:
        """Begin anew in one slot."""
        self.picture[slot], self._sum_B3HW[slot] = start_13HW[0], 0.0
        self._coefficients_BD[slot] = self._basis.to_coefficients(start_13HW)[0]
        for state in (self._mean_BD, self._square_BD, self._done_B, self._squared_B):
            state[slot] = 0.0
        final = rate if self.constants.kept else final_rate
        self._rate_B[slot], self._final_B[slot], self._steps_B[slot] = rate, final, steps

    def begin_with(self, slot: int, mean_square_13HW: Tensor, steps: int) -> None:
        """Begin a slot with squares of gradients that are known already, as if from so many steps; pixels only."""
        self._squared_B[slot] = steps
        self._square_BD[slot] = mean_square_13HW[0].flatten() * -math.expm1(
            steps * math.log(self.constants.betas[1])
        )

    def mean_squares(self) -> Tensor:
        """Return the means of squared gradients by pixel, B x 3 x H x W; pixels only."""
        warmth_B1 = self._warmth(self.constants.betas[1], self._squared_B).clamp_min(1e-12)
        return (self._square_BD / warmth_B1).unflatten(1, self.picture.shape[1:])

    def loss_changed(self) -> None:
        """Means of gradients stay, as in stylecore's."""

    def step(self, loss: Loss) -> Tensor:
        """One step in every slot; returns the losses before it, B values."""
        loss_B, gradient_B3HW = value_and_gradient(self._point(), loss)
        gradient_BD = self._to_basis(gradient_B3HW)
        rate_B1 = self._rate_now()[:, None]
        self._done_B += 1
        self._squared_B += 1
        first, second = self.constants.betas
        self._mean_BD.lerp_(gradient_BD, 1 - first)
        self._square_BD.mul_(second).addcmul_(gradient_BD, gradient_BD, value=1 - second)
        root_BD = (self._square_BD / self._warmth(second, self._squared_B)).sqrt() + self.constants.epsilon
        step_BD = rate_B1 / self._warmth(first, self._done_B) * self._mean_BD / root_BD
        self._move(self._coefficients_BD - step_BD)
        return loss_B

    def _point(self) -> Tensor:
        """Where gradients are taken: the picture that steps lead to, which an average is not."""
        point = self._basis.to_picture(self._coefficients_BD).clamp(0, 1)
        return point.contiguous(memory_format=torch.channels_last)

    def _to_basis(self, gradient_B3HW: Tensor) -> Tensor:
        """The gradient at the coefficients: the transpose of the basis, by autograd."""
        with torch.enable_grad():
            variable = self._coefficients_BD.detach().requires_grad_(True)
            (gradient_BD,) = torch.autograd.grad(self._basis.to_picture(variable), variable, gradient_B3HW)
        return gradient_BD

    def _rate_now(self) -> Tensor:
        progress_B = self._done_B / (self._steps_B - 1).clamp_min(1)
        if self.constants.cosine:
            progress_B = (1 - torch.cos(math.pi * progress_B.clamp(0, 1))) / 2
        return self._rate_B + (self._final_B - self._rate_B) * progress_B

    def _move(self, ahead_BD: Tensor) -> None:
        """Go to the coefficients, clamped in their picture."""
        ahead_B3HW = self._basis.to_picture(ahead_BD)
        clamped_B3HW = ahead_B3HW.clamp(0, 1)
        self._coefficients_BD = self._basis.correct(ahead_BD, clamped_B3HW - ahead_B3HW)
        self.picture = clamped_B3HW
        if self.constants.averaged:
            self._average()

    def _average(self) -> None:
        """Show the mean of the last pictures instead of the last one."""
        begun_B = self._steps_B * (1 - self.constants.averaged)
        counted_B = (self._done_B > begun_B).view(-1, 1, 1, 1)
        self._sum_B3HW += self.picture * counted_B
        many_B = (self._done_B - begun_B.floor()).clamp_min(1).view(-1, 1, 1, 1)
        self.picture = torch.where(counted_B, self._sum_B3HW / many_B, self.picture)

    @staticmethod
    def _warmth(beta: float, steps_B: Tensor) -> Tensor:
        return -torch.expm1(steps_B * math.log(beta))[:, None]


class CarriedAdam(VariedAdam):
    """Adam whose second moment of one pair begins a level as the level before left it, enlarged.

    Losses are means over positions, so a gradient falls with the number of pixels and its square with that squared.
    """

    def __init__(self, slots: int, like_13HW: Tensor, before: VariedAdam | None, trusted_steps: int) -> None:
        """Empty slots; `before` is the optimiser of the level before, which counts as so many steps."""
        super().__init__(slots, like_13HW)
        self._before, self._trusted_steps = before, trusted_steps

    def put(
        self,
        slot: int,
        start_13HW: Tensor,
        rate: float,
        final_rate: float,
        steps: int,
        betas: tuple[float, float] = BETAS,
    ) -> None:
        """Begin anew in one slot, with what the level before knows."""
        super().put(slot, start_13HW, rate, final_rate, steps, betas)
        if self._before is None:
            return
        squares = self._before.mean_squares()[:1]
        shrunk = (squares.shape[-2] * squares.shape[-1]) / (start_13HW.shape[-2] * start_13HW.shape[-1])
        # Filters that enlarge well ring below nothing.
        enlarged = resize(squares, size_of(start_13HW)).clamp_min(0)
        self.begin_with(slot, enlarged * shrunk**2, self._trusted_steps)
