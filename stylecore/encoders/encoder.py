"""Encoders: convolutional networks of the VGG family whose layers have names.

A layer is named as in the papers: `conv4_2` is the second convolution of the fourth block, `relu4_2`
its rectified output, `pool4` the pooling that ends the block.

Shape suffixes: B pairs, C channels, H rows, W columns.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import EncoderError, nearest

Pooling = Literal["max", "average"]
Features = dict[str, Tensor]


@dataclass(frozen=True)
class Architecture:
    """The output channels of every 3x3 convolution, block by block, and the input normalisation."""

    blocks: tuple[tuple[int, ...], ...]
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def steps(self) -> list[str]:
        """Every layer name in the order of computation."""
        names = []
        for block, channels in enumerate(self.blocks, 1):
            for index in range(1, len(channels) + 1):
                names += [f"conv{block}_{index}", f"relu{block}_{index}"]
            names.append(f"pool{block}")
        return names


ARCHITECTURES = {
    "vgg19": Architecture(((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)),
    "vgg16": Architecture(((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)),
    "embedded": Architecture(((16,) * 2, (32,) * 2, (64,) * 3, (160,) * 3, (256,))),
}


def architecture(name: str) -> Architecture:
    """The architecture called `name`; EncoderError for an unknown name, with the nearest one."""
    if name not in ARCHITECTURES:
        raise EncoderError(f"There is no encoder '{name}': {nearest(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]


class Encoder(nn.Module):
    """A network of the VGG family, frozen and cut after the deepest layer that is asked for.

    Keys of its state dict are torchvision's (`features.N.weight`), for every architecture.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, layers: Iterable[str], pooling: Pooling = "max") -> None:
        """Build the network with random weights; `encoder_with_weights` gives one to work with."""
        super().__init__()
        plan = architecture(name)
        self.name = name
        self.pooling = pooling
        self.layers = tuple(dict.fromkeys(layers))
        self._steps = _cut(name, plan.steps(), self.layers)
        self.features = _modules(plan, self._steps, pooling, self.layers)
        self.register_buffer("mean", torch.tensor(plan.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(plan.std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its features."""
        return next(self.features.parameters()).dtype

    @property
    def strides(self) -> dict[str, int]:
        """Pixels between two positions of every wanted layer."""
        strides, stride = {}, 1
        for step in self._steps:
            stride *= 2 if step.startswith("pool") else 1
            if step in self.layers:
                strides[step] = stride
        return strides

    @property
    def reach(self) -> int:
        """Pixels around a position's own cell that its features depend on, in the deepest layer."""
        reach, stride = 0, 1
        for step in self._steps:
            if step.startswith("conv"):
                reach += stride
            elif step.startswith("pool"):
                stride *= 2
        return reach

    def in_precision(self, dtype: torch.dtype) -> "Encoder":
        """The encoder with weights and features in `dtype`: a copy, unless it is there already.

        Not autocast: that would cast frozen weights again in every step.
        """
        if dtype == self.dtype:
            return self
        other = copy.deepcopy(self)
        other.features.to(dtype)
        return other

    def forward(self, picture_B3HW: Tensor) -> Features:
        """Features of the wanted layers, each B x C x h x w.

        `picture_B3HW` is sRGB in [0, 1]; values outside are let through, since an optimiser may step
        there. A picture too small for the deepest layer is refused.
        """
        self._check_size(picture_B3HW)
        # Normalised in the picture's own precision: 0.485 is no bfloat16.
        x = ((picture_B3HW - self.mean) / self.std).to(self.dtype)
        features: Features = {}
        for step, module in zip(self._steps, self.features, strict=True):
            x = module(x)
            if step in self.layers:
                features[step] = x
        return features

    def _check_size(self, picture_B3HW: Tensor) -> None:
        smallest = 2 ** sum(step.startswith("pool") for step in self._steps)
        height, width = picture_B3HW.shape[-2:]
        if min(height, width) < smallest:
            raise EncoderError(
                f"A picture of {height} x {width} px is too small for layer '{self._steps[-1]}' of"
                f" '{self.name}': give at least {smallest} px a side, or use shallower layers."
            )


def encoder_with_weights(
    name: str,
    state: Mapping[str, Tensor],
    layers: Iterable[str],
    *,
    pooling: Pooling = "max",
    device: torch.device | str = "cpu",
) -> Encoder:
    """An encoder that holds `state` (torchvision's keys, `features.N.weight`; others are ignored).

    Weights are cast to float32. Raises EncoderError where a tensor is missing or of another shape.
    """
    encoder = Encoder(name, layers, pooling)
    own = encoder.state_dict()
    encoder.load_state_dict({key: _fitting(name, key, own[key], state) for key in own})
    return encoder.to(device).to(memory_format=torch.channels_last)


def normalise_weights(encoder: Encoder, pictures: Iterable[Tensor]) -> Encoder:
    """Scale every filter so that its mean activation over pictures and positions is one.

    Source: Gatys et al. (2016), section 2. `pictures` are B3HW in [0, 1]. Works in place and returns
    the encoder. Rectification and pooling commute with positive scaling, so what the network computes
    only changes by one factor a channel. A filter that never fires keeps its scale.
    """
    batches = list(pictures)
    convolutions = [module for module in encoder.features if isinstance(module, nn.Conv2d)]
    for index, convolution in enumerate(convolutions):
        scale_C = _mean_activation(encoder, convolution, batches)
        convolution.weight.div_(scale_C.view(-1, 1, 1, 1))
        if convolution.bias is not None:
            convolution.bias.div_(scale_C)
        if index + 1 < len(convolutions):
            convolutions[index + 1].weight.mul_(scale_C.view(1, -1, 1, 1))
    return encoder


def natural_noise(count: int = 8, side: int = 128) -> Tensor:
    """Pictures with the spectrum of natural ones (1/f), coloured, always the same: count x 3 x side x side.

    Differs from Gatys et al. (2016), who average activations over ImageNet: those pictures cannot be
    shipped. Only the channels' relative scales depend on the choice.
    """
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    frequency = torch.hypot(rows, columns)
    frequency[0, 0] = torch.inf
    spectrum = torch.fft.rfft2(torch.randn(count, 3, side, side, generator=generator)) / frequency
    field = torch.fft.irfft2(spectrum, s=(side, side))
    # Channels of natural pictures go together; a third of the contrast is colour.
    field = field.mean(1, keepdim=True) * 1.5 + field / 3
    scaled: Tensor = field / field.std((2, 3), keepdim=True) * 0.2 + 0.45
    return scaled.clamp(0, 1)


def _mean_activation(encoder: Encoder, convolution: nn.Conv2d, batches: list[Tensor]) -> Tensor:
    sums: list[Tensor] = []
    hook = convolution.register_forward_hook(
        lambda _module, _inputs, output: sums.append(functional.relu(output).mean((2, 3)))
    )
    try:
        for batch in batches:
            encoder(batch)
    finally:
        hook.remove()
    mean_C = torch.cat(sums).mean(0)
    return torch.where(mean_C > 1e-6, mean_C, torch.ones_like(mean_C))


def _cut(name: str, steps: list[str], layers: tuple[str, ...]) -> list[str]:
    if not layers:
        raise EncoderError(f"Encoder '{name}' was asked for no layer: name at least one, as relu4_2.")
    for layer in layers:
        if layer not in steps:
            raise EncoderError(f"Encoder '{name}' has no layer '{layer}': {nearest(layer, steps)}")
    return steps[: max(steps.index(layer) for layer in layers) + 1]


def _modules(
    plan: Architecture, steps: list[str], pooling: Pooling, layers: tuple[str, ...]
) -> nn.ModuleList:
    channels = iter([width for block in plan.blocks for width in block])
    inputs = 3
    modules: list[nn.Module] = []
    for step in steps:
        if step.startswith("conv"):
            outputs = next(channels)
            modules.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            inputs = outputs
        elif step.startswith("relu"):
            # In place, but where the `conv` layer is wanted and must keep its negative values.
            modules.append(nn.ReLU(inplace=step.replace("relu", "conv") not in layers))
        else:
            modules.append(nn.MaxPool2d(2) if pooling == "max" else nn.AvgPool2d(2))
    return nn.ModuleList(modules)


def _fitting(name: str, key: str, own: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    if key not in state:
        raise EncoderError(
            f"The weights for encoder '{name}' lack '{key}' (they hold {len(state)} tensors, the first"
            f" called {sorted(state)[:3]}): give a state dict with torchvision's names for '{name}'."
        )
    if state[key].shape != own.shape:
        raise EncoderError(
            f"The weights for encoder '{name}' hold '{key}' as {tuple(state[key].shape)}, but it must be"
            f" {tuple(own.shape)}: these are another network's weights."
        )
    return state[key].to(own.dtype)
