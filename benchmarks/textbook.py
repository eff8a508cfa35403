"""The textbook loop that the engine is measured against: Gatys et al. as everybody writes it.

float32, NCHW, torchvision's module list, frozen weights, hooks, Gram matrices, Adam on the pixels. Its loss
is the balanced one of `stylecore.objective.losses` written out, so that both loops can be compared at equal loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor, nn

CONTENT_INDEX = 22
"""relu4_2 in torchvision's list."""
STYLE_INDICES = (1, 6, 11, 20, 29)
"""relu1_1, relu2_1, relu3_1, relu4_1, relu5_1"""
CONTENT_WEIGHT = 0.05
ENERGY_FLOOR = 0.1


@dataclass
class Textbook:
    """A content and a style with their targets, and the picture between them."""

    network: nn.Sequential
    content: Tensor
    targets: tuple[Tensor, list[Tensor], list[Tensor]]
    picture: Tensor
    optimizer: torch.optim.Adam

    def loss(self) -> Tensor:
        """Distance over energy: content, plus the mean of five Gram matrices."""
        features, grams = look(self.network, self.picture)
        target, wanted, floors = self.targets
        content = (features - target).square().sum() / target.square().sum()
        style = torch.stack(
            [
                (g - a).square().sum() / torch.maximum(a.square().sum(), floor)
                for g, a, floor in zip(grams, wanted, floors, strict=True)
            ]
        )
        return CONTENT_WEIGHT * content + style.mean()

    def step(self) -> float:
        """One step; returns the loss before it."""
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.picture.clamp_(0, 1)
        return loss.item()


def textbook(network: nn.Sequential, content: Tensor, style: Tensor, rate: float = 0.02) -> Textbook:
    """Ready to step from the content; the rate is that of the papers (001, 003)."""
    with torch.no_grad():
        target, own = look(network, content)
        wanted = look(network, style)[1]
    floors = [ENERGY_FLOOR * gram.square().sum() for gram in own]
    picture = content.clone().requires_grad_(True)
    return Textbook(network, content, (target, wanted, floors), picture, torch.optim.Adam([picture], lr=rate))


def look(network: nn.Sequential, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The content layer's features and five Gram matrices over positions."""
    mean = torch.tensor([0.485, 0.456, 0.406], device=picture.device).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225], device=picture.device).view(1, 3, 1, 1)
    x = (picture - mean) / std
    content, grams = picture, []
    for index, module in enumerate(network):
        x = module(x)
        if index == CONTENT_INDEX:
            content = x
        if index in STYLE_INDICES:
            flat = x[0].flatten(1)
            grams.append(flat @ flat.T / flat.shape[1])
    return content, grams


def network_with(weights: dict[str, Tensor], indices: Sequence[int] = STYLE_INDICES) -> nn.Sequential:
    """VGG-19 to relu5_1 in float32, frozen."""
    with torch.device("meta"):
        # Its classifier has 120 million weights that nobody needs here.
        network = torchvision.models.vgg19(weights=None).features[: max(indices) + 1]
    network = network.to_empty(device="cpu").requires_grad_(False)
    own = {key.removeprefix("features."): value.float() for key, value in weights.items()}
    network.load_state_dict(own, strict=False)
    for module in network:
        if isinstance(module, nn.ReLU):
            module.inplace = False
    assert isinstance(network, nn.Sequential)
    return network
