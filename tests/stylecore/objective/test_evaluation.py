"""The objective: targets taken once, every term a pair's own."""

import dataclasses

import pytest
import torch
from torch import Tensor

from stylecore.encoders.encoder import Encoder
from stylecore.objective.evaluation import (
    content_targets,
    evaluate_terms,
    pair_targets,
    style_targets,
    term_weights,
)
from stylecore.objective.guides import layer_guide
from stylecore.objective.losses import ENERGY_FLOOR, content_loss, style_loss, variation_loss
from stylecore.objective.statistics import gram_matrix
from stylecore.objective.targets import Targets, named_tensors
from stylecore.objective.terms import TermValues
from stylecore.recipe import Recipe
from stylecore.recipe_values import StyleStatistic
from tests.stylecore.conftest import random_encoder

RECIPE = Recipe(
    content_layers=(("relu3_1", 0.7), ("relu2_1", 0.3)),
    statistics=(StyleStatistic("gram", layers=(("relu1_1", 0.4), ("relu2_1", 0.6))),),
    content_weight=0.3,
    style_weight=2.0,
    variation_weight=0.5,
    lighting_weight=0.0,
)


ENCODER = random_encoder(RECIPE.layers)
CONTENT, PICTURE = torch.rand(2, 3, 24, 20), torch.rand(2, 3, 24, 20)
STYLES = [torch.rand(1, 3, 32, 16), torch.rand(1, 3, 18, 30) ** 2]
GUIDE = torch.rand(2, 1, 24, 20)


def take_targets(
    encoder: Encoder, recipe: Recipe, content: Tensor, styles: list[Tensor], guide: Tensor
) -> Targets:
    """Targets of a batch, pair by pair."""
    each = [
        pair_targets(
            content_targets(encoder, recipe.structure(), picture, cloth),
            style_targets(encoder, recipe.structure(), style, None, guide.shape[1]),
            term_weights(recipe, picture.device),
        )
        for picture, style, cloth in zip(content.split(1), styles, guide.split(1), strict=True)
    ]
    batch = each[0].zeros_for(len(each))
    for pair, targets in enumerate(each):
        batch.overwrite(pair, targets)
    return batch


def terms(encoder: Encoder, recipe: Recipe, targets: Targets, picture: Tensor) -> TermValues:
    """The recipe's terms of pictures."""
    return evaluate_terms(encoder, recipe.structure(), targets, picture)


@pytest.mark.parametrize("normalisation", ["balanced", "gatys", "johnson", "luan"])
def test_terms_written_out(normalisation: str) -> None:
    """Each term is its weight times the layers' weighted losses, with the guide on each layer's grid."""
    recipe = dataclasses.replace(RECIPE, normalisation=normalisation)
    found = terms(ENCODER, recipe, take_targets(ENCODER, recipe, CONTENT, STYLES, GUIDE), PICTURE)
    own, content = ENCODER(PICTURE), ENCODER(CONTENT)
    wanted_content, wanted_style = torch.zeros(2), torch.zeros(2)
    for layer, weight in recipe.content_layers:
        guide = layer_guide(GUIDE, tuple(own[layer].shape[2:]))
        wanted_content += weight * content_loss(own[layer], content[layer], guide, normalisation)  # type: ignore[arg-type]
    for layer, weight in recipe.statistics[0].layers:
        guide = layer_guide(GUIDE, tuple(own[layer].shape[2:]))
        wanted_style += weight * style_loss(
            gram_matrix(own[layer], guide),
            torch.cat([gram_matrix(ENCODER(style)[layer]) for style in STYLES]),
            normalisation,  # type: ignore[arg-type]
            positions=own[layer].shape[2] * own[layer].shape[3],
            floor_B=ENERGY_FLOOR * gram_matrix(content[layer], guide).square().sum((1, 2)),
        )
    torch.testing.assert_close(found["content"], 0.3 * wanted_content)
    torch.testing.assert_close(found["style"], 2.0 * wanted_style)
    wanted_variation = 0.5 * variation_loss(PICTURE, 2, GUIDE, normalisation)  # type: ignore[arg-type]
    torch.testing.assert_close(found["variation"], wanted_variation)
    torch.testing.assert_close(found.total, found["content"] + found["style"] + found["variation"])


def test_zero_at_the_targets() -> None:
    """The content costs no content, and a style that is the content costs no style."""
    ones = torch.ones(2, 1, 24, 20)
    targets = take_targets(ENCODER, RECIPE, CONTENT, list(CONTENT.split(1)), ones)
    found = terms(ENCODER, RECIPE, targets, CONTENT)
    assert found["content"].abs().max() < 1e-9
    assert found["style"].abs().max() < 1e-9
    assert (found["variation"] > 0).all()


def test_batch_equals_singles() -> None:
    """Each pair's terms are the same alone, with styles of different sizes in the batch."""
    together = terms(ENCODER, RECIPE, take_targets(ENCODER, RECIPE, CONTENT, STYLES, GUIDE), PICTURE)
    for pair in range(2):
        one = slice(pair, pair + 1)
        targets = take_targets(ENCODER, RECIPE, CONTENT[one], STYLES[one], GUIDE[one])
        alone = terms(ENCODER, RECIPE, targets, PICTURE[one])
        torch.testing.assert_close(together.total[one], alone.total, rtol=1e-5, atol=1e-7)


def test_pairs_have_no_gradient_on_each_other() -> None:
    """One pair's loss has no gradient at another pair's pixels."""
    targets = take_targets(ENCODER, RECIPE, CONTENT, STYLES, GUIDE)
    picture = PICTURE.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(terms(ENCODER, RECIPE, targets, picture).total[0], picture)
    assert gradient[0].abs().max() > 0
    assert (gradient[1] == 0).all()


def test_gradient() -> None:
    """Along a random direction the gradient is the difference quotient."""
    targets = take_targets(ENCODER, RECIPE, CONTENT, STYLES, GUIDE)
    picture = PICTURE.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(terms(ENCODER, RECIPE, targets, picture).total.sum(), picture)
    direction = gradient / gradient.norm() + 0.3 * torch.randn_like(picture) / picture.numel() ** 0.5
    step = 1e-2 * direction
    ahead, behind = (terms(ENCODER, RECIPE, targets, x).total.sum() for x in (PICTURE + step, PICTURE - step))
    assert ((ahead - behind) / 2).item() == pytest.approx((gradient * step).sum().item(), rel=0.01)


def test_targets_hold_no_graph() -> None:
    """Targets are constants, even where the content asks for a gradient."""
    targets = take_targets(ENCODER, RECIPE, CONTENT.clone().requires_grad_(True), STYLES, GUIDE)
    tensors = dict(named_tensors(targets))
    assert len(tensors) > 10
    assert not any(tensor.requires_grad for tensor in tensors.values())


def test_pale_style_is_held_by_the_floor() -> None:
    """A black style's term stays within the floor's reach, where its own energy alone would drown the rest."""
    biasless = random_encoder(RECIPE.layers)
    for name, parameter in biasless.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
    grey = biasless.mean.expand(1, 3, 24, 20)  # features of this are zero without biases
    ones = torch.ones(1, 1, 24, 20)
    targets = take_targets(biasless, RECIPE, CONTENT[:1], [grey + 1e-3], ones)
    found = terms(biasless, RECIPE, targets, CONTENT[:1])
    assert found["style"].item() == pytest.approx(RECIPE.style_weight / ENERGY_FLOOR, rel=0.01)


@pytest.mark.parametrize("normalisation", ["balanced", "gatys", "johnson", "luan"])
def test_empty_guide(normalisation: str) -> None:
    """A pair whose guide is empty costs nothing that moves it, and its gradient is zero, not NaN."""
    recipe, guide = dataclasses.replace(RECIPE, normalisation=normalisation), GUIDE.clone()
    guide[0] = 0
    targets = take_targets(ENCODER, recipe, CONTENT, STYLES, guide)
    picture = PICTURE.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(terms(ENCODER, recipe, targets, picture).total.sum(), picture)
    assert (gradient[0] == 0).all()
    assert gradient[1].abs().max() > 0


def test_bfloat16() -> None:
    """In bfloat16 only features are coarser: terms are float32 and near the exact ones."""
    exact = terms(ENCODER, RECIPE, take_targets(ENCODER, RECIPE, CONTENT, STYLES, GUIDE), PICTURE)
    coarser = ENCODER.in_precision(torch.bfloat16)
    coarse = terms(coarser, RECIPE, take_targets(coarser, RECIPE, CONTENT, STYLES, GUIDE), PICTURE)
    assert coarser(PICTURE)["relu2_1"].dtype == torch.bfloat16
    assert ENCODER(PICTURE)["relu2_1"].dtype == torch.float32
    assert coarse.total.dtype == torch.float32
    torch.testing.assert_close(coarse.total, exact.total, rtol=0.02, atol=0)
