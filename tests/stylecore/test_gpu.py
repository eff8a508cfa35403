"""What production does on a CUDA device, held against float32 on the CPU or against the plain way on the device.

Production takes features in bfloat16 and statistics in float32, paints a batch of pairs in one pass with empty slots
among them, puts the next pair into a used slot in place, compiles the objective to CUDA graphs, and looks at large
pictures by tiles. Run these tests with `pytest -m gpu tests/stylecore/test_gpu.py tests/flows/painting/test_gpu.py`;
they need neither Prefect nor a network.
"""

import dataclasses
from typing import Any

import pytest
import torch

from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder
from stylecore.objective.statistics import STATISTICS
from stylecore.objective.target_cache import TargetCache
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import STATISTIC_NAMES, TERM_NAMES, Recipe
from stylecore.recipe_values import style_statistic
from stylecore.stylization import in_precision
from tests.stylecore.test_stylization import pictures

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
RECIPE = Recipe(levels=((0.5, 40), (1.0, 30)), canvas=(128, 112), lighting_weight=0.5, saliency_weight=0.5)
SHORT = dataclasses.replace(RECIPE, levels=((0.5, 6), (1.0, 6)))
"""A recipe of few steps, for tests that compile often."""
CONTENT, STYLE = pictures(21, 5, 128, 112), pictures(22, 5, 96, 96)

compiled_or_not = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
every_statistic = pytest.mark.parametrize("statistic", STATISTIC_NAMES)


def cuda_encoder(recipe: Recipe = RECIPE) -> Encoder:
    """The packaged encoder as production has it: in bfloat16 on the CUDA device."""
    return in_precision(embedded_encoder(recipe.layers, device=CUDA), "bfloat16")


def five_pairs(recipe: Recipe = RECIPE, content: torch.Tensor = CONTENT) -> list[Pair]:
    """Five pairs of different contents and styles, numbered by their tags."""
    guide = torch.ones(1, 1, *content.shape[2:])
    return [Pair(content[n : n + 1], STYLE[n : n + 1], guide, recipe, tag=n) for n in range(5)]


def paint(
    pairs: list[Pair], encoder: Encoder, device: torch.device, slots: int, **how: Any
) -> list[Finished]:
    """Designs of the pairs, in the order of their tags; none of them failed."""
    torch._dynamo.reset()
    designs = list(mill(pairs, encoder, slots=slots, device=device, **how))
    assert [design.failure for design in designs] == [None] * len(pairs)
    return sorted(designs, key=lambda design: int(design.pair.tag))


def paint_on_cpu(pairs: list[Pair]) -> list[Finished]:
    """Designs of the pairs as float32 makes them on the CPU, one by one."""
    return paint(pairs, embedded_encoder(pairs[0].recipe.layers), CPU, 1)


def objective(design: Finished) -> float:
    """The objective of a design, in float32 on the CPU, however the design was made."""
    still = dataclasses.replace(design.pair.recipe, levels=((1.0, 0),))
    start = design.picture_13HW.float().cpu()
    (judged,) = paint_on_cpu([dataclasses.replace(design.pair, recipe=still, start=start)])
    return float(judged.terms.total)


def require_equal_objectives(designs: list[Finished], wanted: list[Finished], within: float = 0.05) -> None:
    """Designs made as many steps as those that are wanted, and have their objectives within a share of them."""
    for design, other in zip(designs, wanted, strict=True):
        assert design.steps == other.steps
        assert objective(design) == pytest.approx(objective(other), rel=within)


@compiled_or_not
@pytest.mark.parametrize("slots", [1, 4], ids=["one slot", "a batch that ends with empty slots"])
def test_a_gpu_ends_where_the_cpu_does(slots: int, compiled: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Designs made in bfloat16 on the GPU have the objective that float32 reaches on the CPU, within 5 %."""
    designs = paint(five_pairs(), cuda_encoder(), CUDA, slots, compiled=compiled)
    assert "is not compiled" not in caplog.text
    require_equal_objectives(designs, paint_on_cpu(five_pairs()))


@compiled_or_not
def test_lbfgs_ends_where_the_cpu_does(compiled: bool) -> None:
    """L-BFGS, whose line search looks at a batch several times a step, ends where it does on the CPU, within 15 %.

    A step that rounding makes longer or shorter changes all that follow, so the way differs more than Adam's.
    """
    recipe = dataclasses.replace(RECIPE, optimizer="lbfgs", levels=((0.5, 15), (1.0, 10)))
    designs = paint(five_pairs(recipe), cuda_encoder(), CUDA, 4, compiled=compiled)
    require_equal_objectives(designs, paint_on_cpu(five_pairs(recipe)), within=0.15)


@compiled_or_not
def test_a_used_slot_holds_nothing_of_the_pair_before(compiled: bool) -> None:
    """A pair that takes a used slot, its targets written over the former ones, begins with the loss it has alone."""
    weights = [
        {},
        {"style_weight": 4.0},
        {"content_weight": 0.4},
        {"lighting_weight": 2.0},
        {"init": "noise"},
    ]
    pairs = [
        dataclasses.replace(pair, recipe=dataclasses.replace(SHORT, **fields))
        for pair, fields in zip(five_pairs(), weights, strict=True)
    ]
    encoder = cuda_encoder()
    designs = paint(pairs, encoder, CUDA, 2, widen=1, compiled=compiled)
    for pair, design in zip(pairs, designs, strict=True):
        (alone,) = paint([pair], encoder, CUDA, 1, widen=1)
        assert design.losses[0][0] == pytest.approx(alone.losses[0][0], rel=0.005)
        assert design.losses[1][-1] == pytest.approx(alone.losses[1][-1], rel=0.05)


def test_the_objective_runs_as_cuda_graphs() -> None:
    """The compiler makes CUDA graphs of the house recipe's objective and leaves none of it out."""
    from torch._dynamo.utils import counters

    counters.clear()
    paint(five_pairs(SHORT), cuda_encoder(), CUDA, 4, compiled=True)
    assert counters["inductor"]["cudagraph_skips"] == 0


@every_statistic
def test_features_are_bfloat16_and_statistics_float32(statistic: str) -> None:
    """Statistics of bfloat16 features are those that float64 takes of the same features, to 0.1 %."""
    features = cuda_encoder()(STYLE.to(CUDA))
    assert {layer.dtype for layer in features.values()} == {torch.bfloat16}
    for layer_BCHW in features.values():
        taken, wanted = (STATISTICS[statistic].take(each, None) for each in (layer_BCHW, layer_BCHW.double()))
        assert taken.dtype == torch.float32
        assert (taken - wanted).norm() < 1e-3 * wanted.norm()


@every_statistic
def test_terms_of_the_start_are_the_same(statistic: str) -> None:
    """Before the first step GPU and CPU have the same terms, to bfloat16's precision."""
    recipe = dataclasses.replace(RECIPE, statistics=(style_statistic(statistic),), levels=((1.0, 0),))
    designs = paint(five_pairs(recipe), cuda_encoder(), CUDA, 4)
    for design, other in zip(designs, paint_on_cpu(five_pairs(recipe)), strict=True):
        for term in TERM_NAMES:
            here, there = (float(end.start_terms[term]) for end in (design, other))
            assert here == pytest.approx(there, rel=0.02, abs=1e-4), term


@compiled_or_not
@every_statistic
def test_every_statistic_paints(statistic: str, compiled: bool, caplog: pytest.LogCaptureFixture) -> None:
    """By every statistic a batch with empty slots ends where the CPU does, and the compiler takes it."""
    recipe = dataclasses.replace(
        SHORT, statistics=(style_statistic(statistic, layers=(("relu1_1", 0.5), ("relu2_1", 0.5))),)
    )
    designs = paint(five_pairs(recipe), cuda_encoder(recipe), CUDA, 4, compiled=compiled)
    assert "is not compiled" not in caplog.text
    require_equal_objectives(designs, paint_on_cpu(five_pairs(recipe)))


def test_tiles_are_the_whole() -> None:
    """A picture larger than its canvas, looked at by tiles, ends where it does as a whole, and on the CPU."""
    recipe = dataclasses.replace(SHORT, large_steps=4)
    pairs = five_pairs(recipe, pictures(23, 5, 256, 224))[:2]
    whole, by_tiles = (paint(pairs, cuda_encoder(), CUDA, 2, tile=tile, compiled=True) for tile in (0, 96))
    assert {tuple(design.picture_13HW.shape) for design in by_tiles} == {(1, 3, 256, 224)}
    for design, other in zip(by_tiles, whole, strict=True):
        assert design.losses[2] == pytest.approx(other.losses[2], rel=0.02)
    require_equal_objectives(by_tiles, paint_on_cpu(pairs))


def test_targets_are_kept_between_calls() -> None:
    """Targets that stay on the device from one call to the next give the design that new targets give."""
    pairs = [
        dataclasses.replace(pair, content_key=f"content {pair.tag}", style_key=f"style {pair.tag}")
        for pair in five_pairs(SHORT)
    ]
    encoder, cache = cuda_encoder(), TargetCache()
    made = paint(pairs, encoder, CUDA, 4, cache=cache, compiled=True)
    misses = cache.misses
    again = paint(pairs, encoder, CUDA, 4, cache=cache, compiled=True)
    assert (cache.misses, cache.hits) == (misses, misses)
    require_equal_objectives(again, made)
