"""MicroAST: one pass through two small encoders, a modulator and a decoder of 0.47 million weights.

Source: Wang et al. (2023), "MicroAST: Towards Super-Fast Ultra-Resolution Arbitrary Style Transfer" (AAAI), written
from the paper; the names of the submodules are those of the published weights (EndyWon/MicroAST, MIT).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

PARTS = ("content_encoder", "style_encoder", "modulator", "decoder")
"""The networks, each in a file of weights of that name."""


def convolution(channels: int, filters: int, side: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution of side x side pixels with reflection padding, that keeps the size where stride is 1."""
    return nn.Conv2d(channels, filters, side, stride, side // 2, groups=groups, padding_mode="reflect")


class ModulatedBlock(nn.Module):
    """A residual block of two convolutions, whose filters a style may scale and shift."""

    def __init__(self) -> None:
        """Build the block over 64 channels."""
        super().__init__()
        self.conv1, self.conv2 = convolution(64, 64, 3), convolution(64, 64, 3)

    def forward(self, x: Tensor, weight: Tensor | float = 1.0, bias: Tensor | float = 0.0) -> Tensor:
        """Return the features after the block; a filter w becomes weight * w + bias * identity."""
        inner = torch.relu(weight * self.conv1(x) + bias * x)
        result: Tensor = x + weight * self.conv2(inner) + bias * inner
        return result


class MicroEncoder(nn.Module):
    """Features at a quarter of the picture's size, before and after the last residual block."""

    def __init__(self) -> None:
        """Build the encoder with random weights."""
        super().__init__()
        self.enc1 = nn.Sequential(
            convolution(3, 16, 9),
            nn.ReLU(),
            convolution(16, 32, 3, stride=2, groups=16),
            nn.ReLU(),
            convolution(32, 32, 1),
            nn.ReLU(),
            convolution(32, 64, 3, stride=2, groups=32),
            nn.ReLU(),
            convolution(64, 64, 1),
            nn.ReLU(),
            ModulatedBlock(),
        )
        self.enc2 = nn.Sequential(ModulatedBlock())

    def forward(self, picture_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """Return both features, B x 64 x H/4 x W/4."""
        shallow = self.enc1(picture_B3HW)
        return shallow, self.enc2(shallow)


class Modulator(nn.Module):
    """A weight and a bias for each channel of the decoder's two residual blocks, from the style's features."""

    def __init__(self) -> None:
        """Build the four networks with random weights."""
        super().__init__()
        for name in ("weight1", "bias1", "weight2", "bias2"):
            self.add_module(
                name, nn.Sequential(convolution(64, 64, 3, groups=64), nn.AdaptiveAvgPool2d((1, 1)))
            )

    def forward(self, shallow: Tensor, deep: Tensor) -> list[Tensor]:
        """Return the deep weight and bias, then the shallow ones, each B x 64 x 1 x 1."""
        order = (("weight2", deep), ("bias2", deep), ("weight1", shallow), ("bias1", shallow))
        return [self.get_submodule(name)(features) for name, features in order]


class MicroDecoder(nn.Module):
    """A picture from the content's features and what the style says of their statistics and filters."""

    def __init__(self) -> None:
        """Build the decoder with random weights."""
        super().__init__()
        self.dec1, self.dec2 = ModulatedBlock(), ModulatedBlock()
        self.dec3 = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            convolution(64, 32, 3, groups=32),
            nn.ReLU(),
            convolution(32, 32, 1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            convolution(32, 16, 3, groups=16),
            nn.ReLU(),
            convolution(16, 16, 1),
            nn.ReLU(),
            convolution(16, 3, 9),
        )

    def forward(self, content: Tensor, style: tuple[Tensor, Tensor], modulation: list[Tensor]) -> Tensor:
        """Return the picture, B x 3 x 4h x 4w, from the content's deep features B x 64 x h x w."""
        shallow, deep = style
        x = self.dec1(instance_statistics(content, deep), *modulation[:2])
        x = self.dec2(instance_statistics(x, shallow), *modulation[2:])
        picture: Tensor = self.dec3(x)
        return picture


class MicroAST(nn.Module):
    """The whole network, frozen."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.content_encoder, self.style_encoder = MicroEncoder(), MicroEncoder()
        self.modulator, self.decoder = Modulator(), MicroDecoder()
        self.requires_grad_(False)

    def load(self, states: Mapping[str, Mapping[str, Tensor]]) -> "MicroAST":
        """Load the weights of each of PARTS under their published names, and return the network.

        RuntimeError where a tensor is missing, left over or of another shape.
        """
        for part in PARTS:
            state = {key.replace("conv_layer.", ""): value for key, value in states[part].items()}
            self.get_submodule(part).load_state_dict(state)
        return self

    def forward(self, content_13HW: Tensor, style_13HW: Tensor) -> Tensor:
        """Return the content painted in the style, in [0, 1]; H and W are multiples of 4."""
        style = self.style_encoder(style_13HW)
        deep = self.content_encoder(content_13HW)[1]
        picture: Tensor = self.decoder(deep, style, self.modulator(*style))
        return picture.clamp(0, 1)


def instance_statistics(content_BCHW: Tensor, style_BCHW: Tensor) -> Tensor:
    """Return the content's features with each channel's mean and deviation of the style's (Huang and Belongie 2017)."""
    spread = [(each.var((2, 3), keepdim=True) + 1e-5).sqrt() for each in (content_BCHW, style_BCHW)]
    mean = [each.mean((2, 3), keepdim=True) for each in (content_BCHW, style_BCHW)]
    return (content_BCHW - mean[0]) / spread[0] * spread[1] + mean[1]
