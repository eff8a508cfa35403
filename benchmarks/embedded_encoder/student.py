"""The embedded encoder while it learns: batch norm after every convolution, a linear head a layer."""

import torch
from torch import Tensor, nn

from benchmarks.embedded_encoder.teacher import STYLE_LAYERS, WIDTHS, Projection
from stylecore.encoders.encoder import Encoder, architecture
from stylecore.objective.statistics import gram_matrix

LAST = "relu5_1"


class Student(nn.Module):
    """The embedded architecture up to `relu5_1`, with batch norm and heads to the teacher."""

    def __init__(self) -> None:
        """Random weights; seed torch before."""
        super().__init__()
        self.body = Encoder("embedded", [*WIDTHS, LAST])
        for module in self.body.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        widths = {
            f"conv{b}_{i}": w
            for b, block in enumerate(architecture("embedded").blocks, 1)
            for i, w in enumerate(block, 1)
        }
        self.norms: nn.ModuleDict = nn.ModuleDict(
            {name: nn.BatchNorm2d(width) for name, width in widths.items()}
        )
        self.heads = nn.ModuleDict(
            {
                layer: nn.Conv2d(widths[layer.replace("relu", "conv")], width, 1, bias=False)
                for layer, width in WIDTHS.items()
            }
        )
        self.requires_grad_(True)

    def forward(self, picture_B3HW: Tensor) -> dict[str, Tensor]:
        """The student's estimate of the teacher's projected features."""
        x, found = (picture_B3HW - self.body.mean) / self.body.std, {}
        for step, module in zip(self.body._steps, self.body.features, strict=True):
            x = module(x)
            if step in self.norms:
                x = self.norms[step](x)
            if step in self.heads:
                found[step] = self.heads[step](x)
        return found

    def folded(self) -> Encoder:
        """The same network without batch norm: what the package ships."""
        encoder = Encoder("embedded", self.body.layers)
        for step, source, target in zip(self.body._steps, self.body.features, encoder.features, strict=True):
            if isinstance(source, nn.Conv2d) and isinstance(target, nn.Conv2d):
                norm = self.norms[step]
                assert isinstance(norm, nn.BatchNorm2d)
                assert norm.running_var is not None and norm.running_mean is not None
                assert source.bias is not None and target.bias is not None
                scale = norm.weight.data / (norm.running_var + norm.eps).sqrt()
                target.weight.data = source.weight.data * scale.view(-1, 1, 1, 1)
                target.bias.data = (source.bias.data - norm.running_mean) * scale + norm.bias.data
        return encoder.to(memory_format=torch.channels_last)


def errors(
    found: dict[str, Tensor], wanted: dict[str, Tensor], projections: dict[str, Projection]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Normalised errors a layer: of the features, and of the Gram matrices at the teacher's scale."""
    features = {
        layer: (found[layer] - wanted[layer]).square().sum() / wanted[layer].square().sum().clamp_min(1e-6)
        for layer in WIDTHS
    }
    grams = {
        layer: _gram_error(
            projections[layer].unscaled(found[layer]), projections[layer].unscaled(wanted[layer])
        )
        for layer in STYLE_LAYERS
    }
    return features, grams


def _gram_error(found_BKHW: Tensor, wanted_BKHW: Tensor) -> Tensor:
    found_BKK, wanted_BKK = gram_matrix(found_BKHW), gram_matrix(wanted_BKHW)
    energy_B = wanted_BKK.square().sum((1, 2))
    return (
        (found_BKK - wanted_BKK).square().sum((1, 2)) / energy_B.clamp_min(0.1 * energy_B.mean().item())
    ).mean()
