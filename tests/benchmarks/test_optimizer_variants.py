"""Variants of the optimiser: bases give pictures back, steps go downhill, slots are independent, costs interpolate."""

import pytest
import torch
from torch import Tensor

from benchmarks.optimizer_variants.__main__ import Painted, cost_to_loss, scale_levels, summarise, to_recipe
from benchmarks.optimizer_variants.adam import CarriedAdam, Constants, VariedAdam
from benchmarks.optimizer_variants.bases import Fourier, LaplacianPyramid, MakeBasis, Pixels
from benchmarks.optimizer_variants.variants import VARIANTS
from flows.recipes.named import house
from stylecore.painting.lane import Lane
from stylecore.painting.optimizers import OPTIMIZERS, Adam, Loss, Optimizer

BASES = [Pixels, LaplacianPyramid, Fourier]
SIZES = [(16, 16), (20, 24), (33, 21)]
CONSTANTS = [
    Constants(),
    Constants(epsilon=1e-5, betas=(0.8, 0.99)),
    Constants(cosine=True),
    Constants(averaged=1 / 3),
    Constants(basis=LaplacianPyramid),
    # Its steps change low frequencies most, so noise takes it many more.
    Constants(basis=Fourier),
]


def random_pictures(many: int, size: tuple[int, int] = (20, 24), seed: int = 0) -> Tensor:
    """Noise in [0, 1]."""
    return torch.rand(many, 3, *size, generator=torch.Generator().manual_seed(seed))


def smooth_pictures(many: int, size: tuple[int, int] = (20, 24), seed: int = 0) -> Tensor:
    """Blobs, as natural pictures have most of their energy in low frequencies."""
    coarse = random_pictures(many, (4, 4), seed)
    return torch.nn.functional.interpolate(coarse, size, mode="bilinear")


def squared_distance_from(target_B3HW: Tensor) -> Loss:
    """A quadratic of each picture."""
    return lambda picture: (picture - target_B3HW).square().mean((1, 2, 3))


def run(optimizer: Optimizer, loss: Loss, starts: Tensor, steps: int) -> Tensor:
    """Put a start into every slot and make all steps; returns the pictures."""
    for slot in range(len(starts)):
        optimizer.put(slot, starts[slot : slot + 1], 0.03, 0.003, steps)
    for _ in range(steps):
        optimizer.step(loss)
    return optimizer.picture


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", BASES)
def test_a_basis_gives_pictures_back(make: MakeBasis, size: tuple[int, int]) -> None:
    """Coefficients of a picture make that very picture, up to rounding."""
    picture = random_pictures(2, size)
    basis = make(size)
    torch.testing.assert_close(basis.to_picture(basis.to_coefficients(picture)), picture, atol=2e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", BASES)
def test_corrected_coefficients_make_the_corrected_picture(make: MakeBasis, size: tuple[int, int]) -> None:
    """A change of the pictures is met exactly, so pictures can be clamped in any basis."""
    picture, change = random_pictures(2, size), random_pictures(2, size, 1) - 0.5
    basis = make(size)
    corrected = basis.correct(basis.to_coefficients(picture), change)
    torch.testing.assert_close(basis.to_picture(corrected), picture + change, atol=3e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_a_step_in_fourier_coefficients_is_as_long_as_one_in_pixels(size: tuple[int, int]) -> None:
    """Changing every coefficient by 1 changes pixels by 1 in the root of the mean square, whatever the signs."""
    basis = Fourier(size)
    many = basis.to_coefficients(torch.zeros(1, 3, *size)).shape[1]
    generator = torch.Generator().manual_seed(0)
    steps_BD = torch.randint(0, 2, (64, many), generator=generator) * 2.0 - 1
    assert basis.to_picture(steps_BD).square().mean().sqrt() == pytest.approx(1, abs=0.15)


def test_unchanged_constants_are_stylecores_adam() -> None:
    """Without a change the variant steps where the product's Adam steps, so that differences are the variants' own."""
    loss, starts = squared_distance_from(random_pictures(2)), random_pictures(2, seed=1)
    own = run(VariedAdam(2, starts[:1]), loss, starts, 30)
    torch.testing.assert_close(own, run(Adam(2, starts[:1]), loss, starts, 30), atol=1e-5, rtol=0)


@pytest.mark.parametrize("constants", CONSTANTS, ids=str)
def test_a_quadratic_is_minimised(constants: Constants) -> None:
    """Every variant comes down to a small share of the loss that it starts with, and stays in [0, 1]."""
    loss, starts = squared_distance_from(smooth_pictures(2)), torch.full((2, 3, 20, 24), 0.5)
    picture = run(VariedAdam(2, starts[:1], constants), loss, starts, 150)
    assert bool((loss(picture) < 0.05 * loss(starts)).all())
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1


@pytest.mark.parametrize("constants", CONSTANTS, ids=str)
def test_slots_are_independent(constants: Constants) -> None:
    """A pair's picture does not depend on its company, nor on who was in its slot before."""
    targets, starts = smooth_pictures(2), random_pictures(2, seed=1)
    together = VariedAdam(2, starts[:1], constants)
    run(together, squared_distance_from(targets.flip(0)), starts.flip(0), 7)
    both = run(together, squared_distance_from(targets), starts, 20)
    alone = run(VariedAdam(1, starts[:1], constants), squared_distance_from(targets[1:]), starts[1:], 20)
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=0)


def test_the_average_is_that_of_the_last_pictures() -> None:
    """With a third averaged, 9 steps end with the mean of the last three pictures of the steps without averaging."""
    loss, starts = squared_distance_from(smooth_pictures(1)), random_pictures(1, seed=1)
    plain = VariedAdam(1, starts)
    plain.put(0, starts, 0.03, 0.003, 9)
    pictures = []
    for _ in range(9):
        plain.step(loss)
        pictures.append(plain.picture)
    averaged = run(VariedAdam(1, starts, Constants(averaged=1 / 3)), loss, starts, 9)
    torch.testing.assert_close(averaged, torch.stack(pictures[-3:]).mean(0), atol=1e-6, rtol=0)


def test_carried_squares_scale_the_first_step() -> None:
    """Where gradients are a quarter of what the coarser level's were, the carried moment expects just that."""
    coarse, fine = VariedAdam(1, torch.zeros(1, 3, 8, 8)), torch.full((1, 3, 16, 16), 0.5)
    run(coarse, lambda picture: 4 * picture.sum((1, 2, 3)), torch.full((1, 3, 8, 8), 1.0), 3)
    carried = CarriedAdam(1, fine, coarse, trusted_steps=5)
    carried.put(0, fine, 0.03, 0.03, 10)
    torch.testing.assert_close(carried.mean_squares(), torch.ones_like(fine), atol=1e-3, rtol=0)
    carried.step(lambda picture: picture.sum((1, 2, 3)))
    torch.testing.assert_close(carried.picture, fine - 0.03, atol=1e-4, rtol=0)


def test_every_variant_is_a_recipe_and_leaves_the_mill_as_it_was() -> None:
    """All of them paint by levels of at least a step, and the registry and the lane are their own again."""
    before, assign = dict(OPTIMIZERS), Lane._assign
    for variant in VARIANTS.values():
        assert to_recipe(variant, house(), 0.5).levels[-1][0] == 1
        with variant.in_place():
            pass
    assert before == OPTIMIZERS
    assert Lane._assign is assign


def test_levels_keep_a_step() -> None:
    """A share of the steps is rounded, and no level is left without any."""
    assert scale_levels(((0.25, 80), (0.5, 1), (1.0, 5)), 0.5) == ((0.25, 40), (0.5, 1), (1.0, 2))


@pytest.mark.parametrize(
    ("losses", "target", "cost"),
    [
        ((4.0, 3.0, 2.0), 3.0, 2.0),
        ((4.0, 3.0, 2.0), 2.5, 2**1.5),
        ((4.0, 3.0, 2.0), 5.0, 1.0),
        ((4.0, 3.0, 2.0), 1.0, None),
        ((4.0, 5.0, 2.0), 4.5, 1.0),
    ],
)
def test_costs_are_interpolated(losses: tuple[float, ...], target: float, cost: float | None) -> None:
    """Between two paintings the cost's logarithm goes with the loss; nothing is said beyond the last one."""
    found = cost_to_loss((1.0, 2.0, 4.0), losses, target)
    assert found == (None if cost is None else pytest.approx(cost))


def test_the_summary_counts_the_pairs_that_reached_the_loss() -> None:
    """Ratios are geometric means over the pairs that did, against the house's painting with all its steps."""

    def painted(variant: str, pair: str, share: float, loss: float, cost: float) -> Painted:
        """A painting whose costs are all one number."""
        return Painted(variant, pair, share, loss, cost, cost, cost)

    rows = [
        *(
            painted("house", pair, share, loss, 8 * share)
            for pair in "ab"
            for share, loss in ((0.5, 0.8), (1.0, 0.5))
        ),
        painted("quick", "a", 0.5, 0.6, 2.0),
        painted("quick", "a", 1.0, 0.5, 4.0),
        painted("quick", "b", 1.0, 0.6, 4.0),
    ]
    summary = {str(row["variant"]): row for row in summarise(rows)}
    assert summary["quick"]["reached"] == 1
    assert summary["quick"]["pairs"] == 2
    assert summary["quick"]["work_to_loss"] == 0.5
    assert summary["quick"]["loss_with_half_the_steps"] == 0.75
    assert summary["house"]["cpu_seconds_to_loss"] == 1
