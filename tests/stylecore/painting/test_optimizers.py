"""Optimisers against numpy, scipy and torch's own, and pairs that do not touch each other."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from stylecore.painting.optimizers import HISTORY, OPTIMIZERS

Loss = Callable[[Tensor], Tensor]


class Minimum(NamedTuple):
    """Where an optimiser ended, and the loss before every step, steps x B."""

    picture_B3HW: Tensor
    history_SB: Tensor


Optimizer = Callable[[Tensor, Loss, int], Minimum]


def run(name: str, start: Tensor, loss: Loss, steps: int, rate: float, final_rate: float) -> Minimum:
    """All pairs put into slots at once, and so many steps."""
    optimizer = OPTIMIZERS[name](len(start), start[:1])
    for slot, one in enumerate(start.split(1)):
        optimizer.put(slot, one, rate, final_rate, steps)
    losses = [optimizer.step(loss) for _ in range(steps)]
    return Minimum(
        optimizer.picture.clamp(0, 1), torch.stack(losses) if losses else start.new_zeros(0, len(start))
    )


def adam(start: Tensor, loss: Loss, steps: int, rate: float, final_rate: float) -> Minimum:
    """Adam from start to end."""
    return run("adam", start, loss, steps, rate, final_rate)


def lbfgs(start: Tensor, loss: Loss, steps: int, rate: float) -> Minimum:
    """L-BFGS from start to end."""
    return run("lbfgs", start, loss, steps, rate, rate)


def by_adam(start: Tensor, loss: Loss, steps: int) -> Minimum:
    """Adam with the house's rates."""
    return adam(start, loss, steps, 0.03, 0.003)


def by_lbfgs(start: Tensor, loss: Loss, steps: int) -> Minimum:
    """L-BFGS with the house's first step."""
    return lbfgs(start, loss, steps, 0.03)


both = pytest.mark.parametrize("optimizer", [by_adam, by_lbfgs])


def uniform(seed: int, *shape: int) -> Tensor:
    """Random pictures in 0.2 to 0.8."""
    return 0.2 + 0.6 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


START, TARGET = uniform(1, 3, 3, 8, 6), uniform(2, 3, 3, 8, 6)
# Curvature of each pair: flat, ill-conditioned, steep.
CURVATURE = torch.stack(
    [torch.full((3, 8, 6), 0.1), torch.logspace(0, 3, 144).view(3, 8, 6), torch.full((3, 8, 6), 1e4)]
)


def quadratic(pairs: slice | Tensor = slice(None)) -> Loss:
    """A quadratic for the chosen pairs, each with its own minimum and curvature."""
    return lambda x: (CURVATURE[pairs] * (x - TARGET[pairs]).square()).sum((1, 2, 3))


def rosenbrock(x: Tensor) -> Tensor:
    """Rosenbrock's valley in every two neighbours, for pictures of two columns, with its minimum at 0.75."""
    a, b = (4 * x - 2).unbind(3)
    return (100 * (b - a.square()).square() + (1 - a).square()).sum((1, 2))


class TestBoth:
    """What holds for either optimiser."""

    @both
    @pytest.mark.parametrize("pair", [0, 1, 2])
    def test_batch_equals_singles(self, optimizer: Optimizer, pair: int) -> None:
        """A pair goes the same way alone as beside pairs of other curvature."""
        one = slice(pair, pair + 1)
        together, alone = optimizer(START, quadratic(), 25), optimizer(START[one], quadratic(one), 25)
        torch.testing.assert_close(together.picture_B3HW[one], alone.picture_B3HW, rtol=0, atol=1e-6)
        torch.testing.assert_close(together.history_SB[:, one], alone.history_SB, rtol=1e-3, atol=1e-8)

    @both
    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_bad_pair_fails_alone(self, optimizer: Optimizer, bad: float) -> None:
        """A pair whose loss is not finite shows that in its history and changes no other pair at all."""
        factor = torch.tensor([1.0, bad, 1.0])
        harmed = optimizer(START, lambda x: quadratic()(x) * factor, 12)
        healthy = optimizer(START, quadratic(), 12)
        assert not harmed.history_SB[:, 1].isfinite().any()
        for pair in (0, 2):
            assert torch.equal(harmed.picture_B3HW[pair], healthy.picture_B3HW[pair])
            assert torch.equal(harmed.history_SB[:, pair], healthy.history_SB[:, pair])

    @both
    def test_pair_that_turns_bad(self, optimizer: Optimizer) -> None:
        """A pair whose loss becomes NaN on its way changes no other pair."""

        def loss(x: Tensor) -> Tensor:
            left_box = (x - START).abs().amax((1, 2, 3)) > 0.1
            spoilt = torch.where(left_box, torch.nan, 1.0) if len(x) == 3 else torch.ones(2)
            return quadratic()(x) * torch.where(torch.arange(3) == 0, spoilt, 1.0)

        healthy = optimizer(START[1:], quadratic(slice(1, 3)), 12)
        torch.testing.assert_close(
            optimizer(START, loss, 12).picture_B3HW[1:], healthy.picture_B3HW, rtol=0, atol=1e-6
        )

    @both
    def test_no_step(self, optimizer: Optimizer) -> None:
        """Without steps the start comes back, and a history of no step for each pair."""
        minimum = optimizer(START, quadratic(), 0)
        assert torch.equal(minimum.picture_B3HW, START)
        assert minimum.history_SB.shape == (0, 3)

    @both
    def test_history(self, optimizer: Optimizer) -> None:
        """The history has the loss before every step: the first is the start's."""
        minimum = optimizer(START, quadratic(), 5)
        assert minimum.history_SB.shape == (5, 3)
        torch.testing.assert_close(minimum.history_SB[0], quadratic()(START))

    @both
    def test_start_is_not_changed(self, optimizer: Optimizer) -> None:
        """The caller's tensor stays as it was, and nothing in the result asks for a gradient."""
        start = START.clone()
        minimum = optimizer(start, quadratic(), 3)
        assert torch.equal(start, START)
        assert not minimum.picture_B3HW.requires_grad and not minimum.history_SB.requires_grad

    @both
    def test_range(self, optimizer: Optimizer) -> None:
        """A minimum outside [0, 1] ends at the nearer end."""
        wanted = torch.where(torch.rand(1, 3, 4, 4) > 0.5, 1.5, -0.5)
        picture = optimizer(
            torch.full((1, 3, 4, 4), 0.5), lambda x: (x - wanted).square().sum((1, 2, 3)), 60
        ).picture_B3HW
        assert torch.equal(picture, wanted.clamp(0, 1))

    @pytest.mark.parametrize("name", list(OPTIMIZERS))
    def test_a_pair_that_comes_later(self, name: str) -> None:
        """A pair put into a slot in mid-run goes as it goes alone, and its neighbours do not notice."""
        optimizer = OPTIMIZERS[name](2, START[:1])
        pairs, last = torch.tensor([0, 1]), torch.tensor([2, 1])
        for slot in range(2):
            optimizer.put(slot, START[slot : slot + 1], 0.03, 0.003, 30)
        for step in range(30):
            if step == 12:
                optimizer.put(0, START[2:], 0.03, 0.003, 18)
            optimizer.step(quadratic(last if step >= 12 else pairs))
        alone, neighbour = (
            run(name, START[2:], quadratic(slice(2, 3)), 18, 0.03, 0.003),
            run(name, START[1:2], quadratic(slice(1, 2)), 30, 0.03, 0.003),
        )
        found = optimizer.picture.clamp(0, 1)
        torch.testing.assert_close(found[:1], alone.picture_B3HW, rtol=0, atol=1e-6)
        torch.testing.assert_close(found[1:], neighbour.picture_B3HW, rtol=0, atol=1e-6)


class TestAdam:
    """Adam."""

    def test_equals_numpy(self) -> None:
        """It is Kingma and Ba's algorithm with a rate that falls linearly from first to last step, clamped."""
        x, target, curvature = (t.double().numpy() for t in (START, TARGET, CURVATURE))
        m, v = np.zeros_like(x), np.zeros_like(x)
        for t in range(1, 31):
            gradient = 2 * curvature * (x - target)
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            rate = 0.1 + (0.01 - 0.1) * (t - 1) / 29
            x = (x - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)).clip(0, 1)
        ours = adam(START, quadratic(), 30, 0.1, 0.01).picture_B3HW
        np.testing.assert_allclose(ours.numpy(), x, atol=1e-5)

    def test_first_step(self) -> None:
        """The first step moves every pixel by the rate, against the gradient's sign."""
        picture = adam(START, quadratic(), 1, 0.05, 0.001).picture_B3HW
        torch.testing.assert_close(picture, START - 0.05 * (START - TARGET).sign(), rtol=0, atol=1e-6)


class TestLbfgs:
    """L-BFGS."""

    def test_first_step(self) -> None:
        """The first step goes down the gradient, and its largest change of a pixel is the rate."""
        flat = slice(0, 1)
        change = lbfgs(START[flat], quadratic(flat), 1, 0.02).picture_B3HW - START[flat]
        assert change.abs().max().item() == pytest.approx(0.02, rel=1e-4)
        gradient = START[flat] - TARGET[flat]
        torch.testing.assert_close(change / change.norm(), -gradient / gradient.norm(), rtol=0, atol=1e-4)

    @pytest.mark.parametrize(("pair", "steps"), [(0, 12), (1, 150), (2, 12)])
    def test_converges(self, pair: int, steps: int) -> None:
        """Flat or steep, a round bowl falls by 8 orders of magnitude in 12 steps; one of condition 1000 in 150."""
        one = slice(pair, pair + 1)
        minimum = lbfgs(START[one], quadratic(one), steps, 0.03)
        end = quadratic(one)(minimum.picture_B3HW)
        assert (end / minimum.history_SB[0]).item() < 1e-8

    @pytest.mark.parametrize("steps", [20, 60, 100])
    def test_as_fast_as_scipy(self, steps: int) -> None:
        """On a bowl of condition 1000 it is after any number of steps where scipy's L-BFGS of the same memory is."""
        start, target, curvature = (t[1].double().flatten().numpy() for t in (START, TARGET, CURVATURE))
        scipys = minimize(
            lambda x: ((curvature * (x - target) ** 2).sum(), 2 * curvature * (x - target)),
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": steps, "maxcor": HISTORY, "ftol": 0, "gtol": 0},
        ).fun
        ours = quadratic(slice(1, 2))(lbfgs(START[1:2], quadratic(slice(1, 2)), steps, 0.03).picture_B3HW)
        assert ours.item() < 1.5 * scipys

    @pytest.mark.parametrize("loss", [quadratic(), rosenbrock, lambda x: (x - TARGET).abs().sum((1, 2, 3))])
    def test_loss_never_rises(self, loss: Loss) -> None:
        """Step by step no pair's loss rises: in a bowl, in a curved valley, or with kinks."""
        start = uniform(3, 3, 3, 8, 2) if loss is rosenbrock else START
        history = lbfgs(start, loss, 40, 0.03).history_SB
        assert (history.diff(dim=0) <= 0).all()
        assert (history[-1] < 0.5 * history[0]).all()

    def test_as_good_as_scipy(self) -> None:
        """On Rosenbrock's valley it gets as far in 80 steps as scipy's and torch's L-BFGS."""
        start = uniform(4, 1, 3, 4, 2)

        def of_numpy(x: np.ndarray) -> tuple[float, np.ndarray]:
            variable = torch.from_numpy(x).view(1, 3, 4, 2).requires_grad_(True)
            loss = rosenbrock(variable).sum()
            (gradient,) = torch.autograd.grad(loss, variable)
            return loss.item(), gradient.flatten().numpy()

        scipys = minimize(
            of_numpy,
            start.double().flatten().numpy(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 80, "maxcor": HISTORY},
        ).fun
        variable = start.clone().requires_grad_(True)
        torchs = torch.optim.LBFGS(
            [variable], max_iter=80, history_size=HISTORY, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            torchs.zero_grad()
            loss = rosenbrock(variable).sum()
            loss.backward()
            return loss

        torchs.step(closure)
        ours = rosenbrock(lbfgs(start, rosenbrock, 80, 0.03).picture_B3HW).item()
        assert ours <= 1.1 * max(scipys, rosenbrock(variable.detach()).item(), 1e-6)

    def test_equals_torchs_on_a_bowl(self) -> None:
        """Batched, every pair ends where torch.optim.LBFGS ends alone on its convex bowl, to 1e-6."""
        curvature = torch.logspace(0, 1, 144).view(1, 3, 8, 6) * torch.tensor([0.5, 1.0, 5.0]).view(
            3, 1, 1, 1
        )

        def bowl(pairs: slice) -> Loss:
            return lambda x: (curvature[pairs] * (x - TARGET[pairs]).square()).sum((1, 2, 3))

        ours = lbfgs(START, bowl(slice(None)), 60, 0.03).picture_B3HW
        for pair in range(3):
            variable = START[pair : pair + 1].clone().requires_grad_(True)
            torchs = torch.optim.LBFGS(
                [variable],
                max_iter=60,
                history_size=HISTORY,
                line_search_fn="strong_wolfe",
                tolerance_change=0,
            )

            def closure(variable: Tensor = variable, pair: int = pair) -> Tensor:
                variable.grad = None
                loss = bowl(slice(pair, pair + 1))(variable).sum()
                loss.backward()  # type: ignore[no-untyped-call]
                return loss

            torchs.step(closure)
            torch.testing.assert_close(ours[pair], variable.detach()[0], rtol=0, atol=1e-6)

    def test_bounds_equal_scipy(self) -> None:
        """Where minima lie outside [0, 1] it ends on the bounds, where scipy's bounded L-BFGS-B does."""
        generator = torch.Generator().manual_seed(5)
        mixing = torch.randn(48, 48, generator=generator, dtype=torch.float64) / 7
        form = mixing @ mixing.T + 0.1 * torch.eye(48, dtype=torch.float64)
        wanted = 1.5 * torch.randn(48, generator=generator, dtype=torch.float64) + 0.5

        def of_numpy(x: np.ndarray) -> tuple[float, np.ndarray]:
            apart = x - wanted.numpy()
            return apart @ form.numpy() @ apart / 2, form.numpy() @ apart

        scipys = minimize(
            of_numpy,
            np.full(48, 0.5),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, 1)] * 48,
            options={"ftol": 0, "gtol": 1e-10, "maxiter": 1000},
        )

        def loss(x: Tensor) -> Tensor:
            apart = x.flatten(1) - wanted
            return ((apart @ form) * apart).sum(1) / 2

        ours = lbfgs(
            torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64), loss, 150, 0.03
        ).picture_B3HW.flatten()
        assert 10 < int(((ours == 0) | (ours == 1)).sum()) < 48
        np.testing.assert_allclose(ours.numpy(), scipys.x, atol=1e-4)

    def test_never_outside(self) -> None:
        """No trial leaves [0, 1], so the loss that was reached is that of the picture that is handed out."""
        seen: list[tuple[float, float]] = []

        def loss(x: Tensor) -> Tensor:
            seen.append((x.min().item(), x.max().item()))
            return (x - 1.5).square().sum((1, 2, 3))

        minimum = lbfgs(torch.full((1, 3, 2, 2), 0.5), loss, 10, 0.03)
        assert min(low for low, _ in seen) >= 0 and max(high for _, high in seen) <= 1
        assert minimum.history_SB[-1].item() == pytest.approx(12 * 0.25)
