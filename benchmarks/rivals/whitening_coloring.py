"""Whitening and coloring with encoders that were distilled to a sixteenth: five passes, deep layers first.

Sources: Li et al. (2017), "Universal Style Transfer via Feature Transforms" (NeurIPS), and Wang et al. (2020),
"Collaborative Distillation for Ultra-Resolution Universal Style Transfer" (CVPR), whose weights these are
(MingSun-Tse/Collaborative-Distillation, MIT); written from the papers.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = (5, 4, 3, 2, 1)
"""Levels in the order in which they paint: level k transforms the features of relu{k}_1."""
WIDTHS = {1: 16, 2: 32, 3: 64, 4: 128, 5: 128}
"""Channels of each block; the network of level 1 is 24 wide."""
CONVOLUTIONS = ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51")
SMALLEST_EIGENVALUE = 1e-5
"""Share of the largest eigenvalue below which a direction of features is empty, and is neither whitened nor coloured."""


def layer_widths(level: int) -> list[tuple[str, int, int]]:
    """Return name, channels in and channels out of each 3 x 3 convolution up to the first one of block `level`."""
    names = CONVOLUTIONS[: CONVOLUTIONS.index(f"{level}1") + 1]
    widths = [3, *(24 if level == 1 else WIDTHS[int(name[0])] for name in names)]
    return [(name, *pair) for name, pair in zip(names, pairwise(widths), strict=True)]


class DistilledEncoder(nn.Module):
    """A picture to the features of relu{level}_1, on a grid of 2 ** (1 - level) of the picture's size."""

    def __init__(self, level: int) -> None:
        """Build the encoder with random weights."""
        super().__init__()
        self.names = [name for name, _, _ in layer_widths(level)]
        self.conv0 = nn.Conv2d(3, 3, 1)
        for name, channels, filters in layer_widths(level):
            self.add_module(f"conv{name}", nn.Conv2d(channels, filters, 3, padding=1, padding_mode="reflect"))
        self.requires_grad_(False)

    def forward(self, picture_B3HW: Tensor) -> Tensor:
        """Return the features; a block's first convolution sees the block before it pooled."""
        x: Tensor = self.conv0(picture_B3HW)
        for name in self.names:
            if name.endswith("1") and name != "11":
                x = functional.max_pool2d(x, 2)
            x = torch.relu(self.get_submodule(f"conv{name}")(x))
        return x


class DistilledDecoder(nn.Module):
    """The features of relu{level}_1 back to a picture: the encoder's mirror image."""

    def __init__(self, level: int) -> None:
        """Build the decoder with random weights."""
        super().__init__()
        self.names = [name for name, _, _ in reversed(layer_widths(level))]
        for name, filters, channels in layer_widths(level):
            self.add_module(f"conv{name}", nn.Conv2d(channels, filters, 3, padding=1, padding_mode="reflect"))
        self.requires_grad_(False)

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """Return the picture, 0 or more."""
        x = features_BCHW
        for name in self.names:
            x = torch.relu(self.get_submodule(f"conv{name}")(x))
            if name.endswith("1") and name != "11":
                x = functional.interpolate(x, scale_factor=2, mode="nearest")
        return x


class WhiteningColoring(nn.Module):
    """The five pairs of encoder and decoder, frozen."""

    def __init__(self) -> None:
        """Build the networks with random weights."""
        super().__init__()
        for level in LEVELS:
            self.add_module(f"encoder{level}", DistilledEncoder(level))
            self.add_module(f"decoder{level}", DistilledDecoder(level))

    def load(self, states: Mapping[str, Mapping[str, Tensor]]) -> "WhiteningColoring":
        """Load the weights of encoder1 ... decoder5, and return the network; `_aux` tensors only served training.

        RuntimeError where a tensor is missing, left over or of another shape.
        """
        for name, network in self.named_children():
            network.load_state_dict({key: value for key, value in states[name].items() if "_aux" not in key})
        return self

    def forward(self, content_13HW: Tensor, style_13HW: Tensor) -> Tensor:
        """Return the content painted in the style, in [0, 1]; H and W are multiples of 16."""
        picture = content_13HW
        for level in LEVELS:
            encoder, decoder = (self.get_submodule(f"{name}{level}") for name in ("encoder", "decoder"))
            picture = decoder(whiten_and_color(encoder(picture), encoder(style_13HW)))
        return picture.clamp(0, 1)


def whiten_and_color(content_1CHW: Tensor, style_1CHW: Tensor) -> Tensor:
    """Return the content's features with the style's mean and covariance (Li et al. 2017, eq. 2 and 3), float32.

    Computed in float64: the covariance of features that hardly ever fire is nearly singular.
    """
    content_CN, style_CN = (each[0].flatten(1).double() for each in (content_1CHW, style_1CHW))
    content_mean, style_mean = (each.mean(1, keepdim=True) for each in (content_CN, style_CN))
    centred_CN = content_CN - content_mean
    whitened_CN = _covariance_power(centred_CN, -0.5) @ centred_CN
    colored_CN = _covariance_power(style_CN - style_mean, 0.5) @ whitened_CN + style_mean
    return colored_CN.view_as(content_1CHW).float()


def _covariance_power(centred_CN: Tensor, exponent: float) -> Tensor:
    values_C, vectors_CC = torch.linalg.eigh(centred_CN @ centred_CN.T / (centred_CN.shape[1] - 1))
    kept_C = values_C > SMALLEST_EIGENVALUE * values_C[-1]
    powers_C = torch.where(kept_C, values_C.clamp_min(1e-300) ** exponent, 0)
    return (vectors_CC * powers_C) @ vectors_CC.T
