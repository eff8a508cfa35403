"""Painting by patches: whatever the slots, the company, the cache and the windows, every pair comes out as alone."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from stylecore.objective import evaluation
from stylecore.objective.assignment import Grid, choose_in_balance
from stylecore.objective.patches import ASSIGNMENTS, Assignment
from stylecore.objective.target_cache import TargetCache
from stylecore.painting import lane_context
from stylecore.painting.lane import Lane
from stylecore.painting.mill import mill
from stylecore.painting.optimizers import Lbfgs
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe, recipe_from
from tests.stylecore.test_stylization import network, pictures

RECIPE = recipe_from(
    {
        "pooling": "average",
        "content_layers": ["relu3_1"],
        "statistics": {"gram": {"layers": ["relu1_1"]}, "patches": {"layers": ["relu2_1", "relu3_1"]}},
        "assignment_steps": 3,
        "levels": [[0.5, 7], [1.0, 8]],
    }
)
# In double: a rounding that moves one place to another patch would show.
ENCODER = network(RECIPE).double()
CONTENT, STYLE = pictures(31, 6).double(), pictures(32, 6, 36, 52).double()
GUIDE = torch.ones(6, 1, 48, 40, dtype=torch.float64)
GUIDE[1, :, :, :20], GUIDE[2, :, 10:] = 0, 0.5


def pairs(count: int = 6, **fields: Any) -> list[Pair]:
    """Pairs of different contents, styles, guides, learning rates and sizes of style."""
    chosen = []
    for number in range(count):
        recipe = dataclasses.replace(RECIPE, learning_rate=0.02 + 0.005 * number, **fields)
        style = STYLE[number : number + 1, :, : 36 - 2 * number]
        content = CONTENT[number : number + 1]
        chosen.append(Pair(content, style, GUIDE[number : number + 1], recipe, tag=number))
    return chosen


def finish(given: list[Pair], slots: int, **how: Any) -> list[Finished]:
    """What comes of pairs, in the order of their tags; none failed."""
    finished = sorted(mill(given, ENCODER, slots=slots, **how), key=lambda each: int(each.pair.tag))
    assert [each.failure for each in finished] == [None] * len(given)
    return finished


def require_same(found: list[Finished], wanted: list[Finished]) -> None:
    """Pictures, losses and terms are the same."""
    for each, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(each.picture_13HW, other.picture_13HW, atol=1e-9, rtol=0)
        torch.testing.assert_close(each.terms.total, other.terms.total, atol=1e-9, rtol=0)
        for losses, others in zip(each.losses, other.losses, strict=True):
            assert losses == pytest.approx(others)


@pytest.fixture(scope="module")
def singles() -> list[Finished]:
    """Every pair in a mill of its own."""
    return [finish([pair], 1)[0] for pair in pairs()]


def test_batch_equals_singles(singles: list[Finished]) -> None:
    """Pairs that share batches come out as alone, with styles of different sizes."""
    require_same(finish(pairs(), 6), singles)


def test_one_pass_equals_singles(singles: list[Finished], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where a batch is one pass through the network, as on a GPU, with a slot that stays empty."""
    monkeypatch.setattr(lane_context, "evaluate_terms", evaluation._evaluate)
    monkeypatch.setattr(Lane, "_loss", lambda lane, picture, _active: lane._objective(lane._targets, picture))
    require_same(finish(pairs(), 4, widen=1), singles)


@pytest.mark.parametrize("slots", [2, 4])
def test_refill_equals_singles(slots: int, singles: list[Finished]) -> None:
    """Pairs that take the slots of others get their assignments at their own steps."""
    require_same(finish(pairs(), slots, widen=1), singles)


def test_pairs_that_leave_early() -> None:
    """Pairs that converge leave the others' assignments alone."""
    early = {"tolerance": 0.04, "window": 2, "levels": ((0.5, 12), (1.0, 12))}
    alone = [finish([pair], 1)[0] for pair in pairs(**early)]
    assert len({each.steps for each in alone}) > 1
    require_same(finish(pairs(**early), 3, widen=1), alone)


def test_cached_equals_uncached(singles: list[Finished]) -> None:
    """With targets from the cache designs are the same, and styles are taken once."""
    keyed = [
        dataclasses.replace(pair, content_key=f"c{pair.tag}", style_key=f"s{pair.tag}") for pair in pairs()
    ]
    cache = TargetCache()
    require_same(finish(keyed, 2, cache=cache), singles)
    misses = cache.misses
    require_same(finish(keyed, 2, cache=cache), singles)
    assert cache.misses == misses


@pytest.mark.parametrize("statistic", ASSIGNMENTS)
def test_windows_equal_the_whole(statistic: str) -> None:
    """Looked at by windows, designs are the same: assignments are global."""
    layers = {"layers": ["relu2_1", "relu3_1"]}
    recipe = recipe_from({"statistics": {statistic: layers}, "levels": [[1.0, 7]]}, RECIPE)
    content, style = pictures(33, 1, 96, 131).double(), pictures(34, 1, 90, 70).double()
    guide = torch.ones(1, 1, 96, 131, dtype=torch.float64)
    guide[..., :50, :60] = 0
    whole, tiled = (finish([Pair(content, style, guide, recipe, tag=0)], 1, tile=tile) for tile in (0, 48))
    require_same(tiled, whole)


def test_assigned_every_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches are assigned where a level begins and after every `assignment_steps` steps, once a layer."""
    times = []

    def choose(design: Grid, style: Grid) -> tuple[Tensor, Tensor]:
        times.append(design.size)
        return choose_in_balance(design, style)

    monkeypatch.setitem(ASSIGNMENTS, "patches", Assignment(choose))
    finish(pairs(1), 1)
    # Levels of 7 and 8 steps, renewed after 3 and 6, in two layers.
    assert len(times) == 2 * (3 + 3)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_losses_fall(optimizer: str) -> None:
    """The loss falls, also across assignments, with either optimiser."""
    (finished,) = finish(pairs(1, optimizer=optimizer, levels=((1.0, 24),), content_weight=0.0), 1)
    (losses,) = finished.losses
    assert losses[-1] < 0.7 * losses[0]


def test_lbfgs_measures_anew() -> None:
    """After an assignment L-BFGS measures the loss and the gradient where it stands before it steps."""
    optimizer = Lbfgs(1, torch.zeros(1, 3, 8, 8))
    optimizer.put(0, torch.full((1, 3, 8, 8), 0.5), 0.1, 0.1, 10)
    goal = torch.tensor(0.2)

    def loss(picture: Tensor) -> Tensor:
        return (picture - goal).square().sum((1, 2, 3))

    optimizer.step(loss)
    goal.fill_(0.8)
    optimizer.loss_changed()
    before = loss(optimizer.picture)
    torch.testing.assert_close(optimizer.step(loss), before)
    assert loss(optimizer.picture) < before


def test_an_empty_guide() -> None:
    """A garment without cloth keeps its picture."""
    (pair, *_) = pairs(1, init="content", levels=((1.0, 8),))
    blank = dataclasses.replace(pair, guide=torch.zeros_like(pair.guide))
    (finished,) = finish([blank], 1)
    torch.testing.assert_close(finished.picture_13HW, blank.content, atol=1e-6, rtol=0)


def test_a_style_of_one_colour() -> None:
    """A plain style paints without failing, and the cloth takes its colour."""
    (pair, *_) = pairs(1, content_weight=0.0, lighting_weight=0.0, levels=((1.0, 40),))
    colour = torch.tensor([0.7, 0.3, 0.2], dtype=torch.float64).view(1, 3, 1, 1)
    (finished,) = finish([dataclasses.replace(pair, style=colour.expand(1, 3, 40, 40).clone())], 1)
    assert (finished.picture_13HW.mean((2, 3)) - colour.flatten()).abs().max() < 0.1


@pytest.mark.parametrize("statistic", ASSIGNMENTS)
def test_a_part_of_one_place(statistic: str) -> None:
    """A part of one place in garment and style has no variance; its loss does not drown that of all others."""
    recipe = recipe_from({"statistics": {statistic: {"layers": ["relu3_1"]}}}, RECIPE)
    guide = torch.zeros(1, 2, 48, 40, dtype=torch.float64)
    guide[:, 1, 20:24, 20:24] = 1
    guide[:, 0] = 1 - guide[:, 1]
    style_guide = torch.zeros(1, 2, 36, 52, dtype=torch.float64)
    style_guide[:, 1, 4:8, 8:12] = 1
    style_guide[:, 0] = 1 - style_guide[:, 1]
    (finished,) = finish([Pair(CONTENT[:1], STYLE[:1], guide, recipe, style_guide, tag=0)], 1)
    assert max(losses[0] for losses in finished.losses) < 100


def test_recipes_of_one_statistic() -> None:
    """Patches alone are an objective too, and so is each of the family."""
    for statistic in ASSIGNMENTS:
        (pair, *_) = pairs(1)
        recipe: Recipe = recipe_from({"statistics": {statistic: {"layers": ["relu2_1"]}}}, pair.recipe)
        (finished,) = finish([dataclasses.replace(pair, recipe=recipe)], 1)
        assert float(finished.terms["style"]) > 0
