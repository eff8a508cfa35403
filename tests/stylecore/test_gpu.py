"""The path of production: features in bfloat16, a batch in one pass, on a CUDA device; against float32 on the CPU.

Run them with `pytest -m gpu tests/stylecore/test_gpu.py`.
"""

import dataclasses

import pytest
import torch

from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import TERM_NAMES, Recipe
from stylecore.stylization import in_precision
from tests.stylecore.test_stylization import pictures

pytestmark = pytest.mark.gpu

RECIPE = Recipe(levels=((0.5, 40), (1.0, 30)), canvas=(128, 112), lighting_weight=0.5, saliency_weight=0.5)
CONTENT, STYLE = pictures(21, 5, 128, 112), pictures(22, 5, 96, 96)


@pytest.fixture
def cuda() -> torch.device:
    """The device; the test is skipped where there is none."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device("cuda")


@pytest.fixture
def plain() -> Encoder:
    """The packaged encoder in float32, on the CPU."""
    return embedded_encoder(RECIPE.layers)


def made(encoder: Encoder, device: torch.device, slots: int, *, compiled: bool = False) -> list[Finished]:
    """Five designs, in the order of their pairs."""
    guide = torch.ones(1, 1, 128, 112)
    pairs = [Pair(CONTENT[n : n + 1], STYLE[n : n + 1], guide, RECIPE, tag=n) for n in range(5)]
    found = mill(pairs, encoder, slots=slots, device=device, compiled=compiled)
    return sorted(found, key=lambda one: int(one.pair.tag))


def judged(found: Finished, encoder: Encoder) -> float:
    """The objective of a design, in float32 on the CPU."""
    still = dataclasses.replace(RECIPE, levels=((1.0, 0),))
    again = dataclasses.replace(found.pair, recipe=still, start=found.picture_13HW.float().cpu())
    (one,) = mill([again], encoder, slots=1)
    return float(one.terms.total)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("slots", [1, 4], ids=["one by one", "a batch that ends with empty slots"])
def test_a_gpu_ends_where_the_cpu_does(
    slots: int, compiled: bool, cuda: torch.device, plain: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    """Designs made in bfloat16 on the GPU have the objective that float32 reaches on the CPU, within 5 %."""
    quick = in_precision(embedded_encoder(RECIPE.layers, device=cuda), "bfloat16")
    found = made(quick, cuda, slots, compiled=compiled)
    assert "is not compiled" not in caplog.text
    for one, other in zip(found, made(plain, torch.device("cpu"), 1), strict=True):
        assert one.failure is None
        assert one.steps == other.steps
        assert judged(one, plain) == pytest.approx(judged(other, plain), rel=0.05)


def test_one_step_is_the_same(cuda: torch.device, plain: Encoder) -> None:
    """Before the first step both have the same terms, to bfloat16's precision."""
    quick = in_precision(embedded_encoder(RECIPE.layers, device=cuda), "bfloat16")
    for one, other in zip(made(quick, cuda, 4), made(plain, torch.device("cpu"), 1), strict=True):
        for term in TERM_NAMES:
            here, there = (float(end.start_terms[term]) for end in (one, other))
            assert here == pytest.approx(there, rel=0.02, abs=1e-4), term
