"""What the student must learn: the teacher's features in their principal coordinates.

The teacher (VGG-19) is run once for every crop; its features are projected on the leading principal
directions of their uncentred second moment and kept in half precision.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stylecore.encoders.encoder import Encoder

WIDTHS = {"relu1_1": 16, "relu2_1": 32, "relu3_1": 64, "relu4_1": 160, "relu4_2": 96, "relu5_1": 192}
"""How many principal directions of each layer the student learns."""

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class Projection:
    """Principal directions of one layer: C x K, with the second moment along each, K."""

    directions_CK: Tensor
    moments_K: Tensor

    def __call__(self, features_BCHW: Tensor) -> Tensor:
        """B x K x H x W; coordinates scaled by moment^-0.25, so that weak directions count too."""
        scaled_CK = self.directions_CK * self.moments_K.clamp_min(1e-6) ** -0.25
        return torch.einsum("bchw,ck->bkhw", features_BCHW, scaled_CK)

    def unscaled(self, projected_BKHW: Tensor) -> Tensor:
        """Undo the scaling: coordinates whose Gram matrix is the teacher's, up to one factor."""
        return projected_BKHW * self.moments_K.clamp_min(1e-6).view(1, -1, 1, 1) ** 0.25


def fit_projections(teacher: Encoder, pictures: Tensor, batch: int = 16) -> dict[str, Projection]:
    """Principal directions of every layer in `WIDTHS` over the pictures, B3HW in [0, 1]."""
    moments: dict[str, Tensor] = {}
    for part in pictures.split(batch):
        for layer, features_BCHW in _features(teacher, part).items():
            features_CN = features_BCHW.transpose(0, 1).flatten(1).double()
            moment = features_CN @ features_CN.T / features_CN.shape[1] * len(part) / len(pictures)
            moments[layer] = moments.get(layer, 0) + moment
    return {layer: _principal(moments[layer], width) for layer, width in WIDTHS.items()}


def targets(
    teacher: Encoder, projections: dict[str, Projection], pictures: Tensor, batch: int = 16
) -> dict[str, Tensor]:
    """Projected features of every picture and layer, as bfloat16."""
    parts = [
        {
            layer: projections[layer](features).bfloat16()
            for layer, features in _features(teacher, part).items()
        }
        for part in pictures.split(batch)
    ]
    return {layer: torch.cat([part[layer] for part in parts]) for layer in WIDTHS}


def _principal(moment_CC: Tensor, width: int) -> Projection:
    values, vectors = torch.linalg.eigh(moment_CC)
    directions_CK, moments_K = vectors.flip(1)[:, :width].float(), values.flip(0)[:width].float()
    # Coordinates of unit size on average: VGG-19's own reach thousands, where a head learns slowly.
    return Projection(directions_CK * moments_K.sqrt().mean() ** -0.5, moments_K)


def _features(teacher: Encoder, pictures: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode():
        found = teacher(pictures.to(memory_format=torch.channels_last))
    return {layer: found[layer].clone() for layer in WIDTHS}
