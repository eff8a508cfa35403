"""The engine against a plain, textbook implementation of Gatys et al. (2016), on real pictures and weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from stylecore import Recipe, stylize
from stylecore.encoders.encoder import encoder_with_weights
from stylecore.recipe_values import StyleStatistic

STEPS, RATE = 100, 0.02
CONTENT_WEIGHT, STYLE_WEIGHT = 1.0, 100.0
CONTENT_INDEX = 21
"""conv4_2 in torchvision's vgg19().features"""
STYLE_INDICES = (0, 5, 10, 19, 28)
"""conv1_1, conv2_1, conv3_1, conv4_1, conv5_1"""


def read(path: Path) -> Tensor:
    """A picture of 64 x 56 px as 1 x 3 x H x W in [0, 1]."""
    picture = Image.open(path).convert("RGB").resize((56, 64), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)[None]


def textbook(weights: dict[str, Tensor], content: Tensor, style: Tensor) -> list[tuple[float, float]]:
    """Content and style loss before each step and after the last."""
    with torch.device("meta"):
        # Its classifier has 120 million weights that nobody needs here.
        network = torchvision.models.vgg19(weights=None).features[:29]
    network = network.to_empty(device="cpu").requires_grad_(False)
    network.load_state_dict(
        {key.removeprefix("features."): value.float() for key, value in weights.items()}, strict=False
    )
    seen: dict[int, Tensor] = {}
    for index, module in enumerate(network):
        if isinstance(module, nn.ReLU):
            module.inplace = False
        if index == CONTENT_INDEX or index in STYLE_INDICES:
            module.register_forward_hook(
                lambda _module, _inputs, output, index=index: seen.update({index: output})
            )
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

    def look(x: Tensor) -> tuple[Tensor, list[Tensor]]:
        network((x - mean) / std)
        flat = [seen[index][0].flatten(1) for index in STYLE_INDICES]
        return seen[CONTENT_INDEX], [f @ f.T for f in flat]

    target, target_grams = look(content)[0], look(style)[1]
    sizes = [(seen[index].shape[1], seen[index][0, 0].numel()) for index in STYLE_INDICES]
    x = content.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([x], lr=RATE)
    history = []
    for step in range(STEPS + 1):
        features, grams = look(x)
        content_loss = CONTENT_WEIGHT * 0.5 * (features - target).square().sum()
        style_loss = STYLE_WEIGHT * sum(
            1 / 5 * (g - a).square().sum() / (4 * n**2 * m**2)
            for g, a, (n, m) in zip(grams, target_grams, sizes, strict=True)
        )
        history.append((content_loss.item(), style_loss.item()))
        if step < STEPS:
            optimizer.zero_grad()
            (content_loss + style_loss).backward()
            optimizer.step()
            with torch.no_grad():
                x.clamp_(0, 1)
    return history


def test_same_losses(assets: Path) -> None:
    """From the same start the loss is the textbook's, and after 100 steps of Adam not above it by 1 %."""
    weights = load_file(assets / "weights" / "vgg19_features.safetensors")
    content, style = read(assets / "garments" / "g01.jpg"), read(assets / "styles" / "s01.jpg")
    history = textbook(weights, content, style)
    recipe = Recipe(
        encoder="vgg19",
        normalisation="gatys",
        content_layers=(("conv4_2", 1.0),),
        statistics=(StyleStatistic("gram", layers=tuple((f"conv{block}_1", 0.2) for block in range(1, 6))),),
        start_noise=0.0,
        lighting_weight=0.0,
        shading=0.0,
        beta_1=0.9,
        beta_2=0.999,
        content_weight=CONTENT_WEIGHT,
        style_weight=STYLE_WEIGHT,
        variation_weight=0.0,
        init="content",
        learning_rate=RATE,
        final_learning_rate=RATE,
        levels=((1.0, STEPS),),
    )
    ours = stylize(content, style, recipe, encoder=encoder_with_weights("vgg19", weights, recipe.layers))
    assert ours.failures == (None,)
    assert ours.history_SB[0].item() == pytest.approx(sum(history[0]), rel=1e-4)
    assert ours.history_SB[1].item() == pytest.approx(sum(history[1]), rel=1e-3)
    assert history[-1][0] > 0.1 * history[-1][1] and history[-1][1] > 0.1 * history[-1][0], (
        "one term rules alone"
    )
    assert ours.terms.total.item() < 1.01 * sum(history[-1])
    assert sum(history[-1]) < 0.5 * sum(history[0])
