"""The embedded encoder: a small network of the VGG family, trained by `benchmarks.embedded_encoder`.

Its weights are the one file that stylecore reads, and they are part of the package.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources

import torch
from safetensors.torch import load
from torch import Tensor

from stylecore.encoders.encoder import Encoder, Pooling, encoder_with_weights

WEIGHTS = "weights/embedded.safetensors"


def embedded_encoder(
    layers: Iterable[str], *, pooling: Pooling = "max", device: torch.device | str = "cpu"
) -> Encoder:
    """The embedded encoder, cut after the deepest of `layers`."""
    return encoder_with_weights("embedded", _state(), layers, pooling=pooling, device=device)


@cache
def embedded_sha256() -> str:
    """Digest of the packaged weights: which embedded encoder this is."""
    return hashlib.sha256(_data()).hexdigest()


def _state() -> dict[str, Tensor]:
    return load(_data())


def _data() -> bytes:
    return (resources.files("stylecore.encoders") / WEIGHTS).read_bytes()
