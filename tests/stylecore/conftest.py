"""What stylecore's tests share: a fixed seed, and a small network."""

from collections.abc import Iterable

import pytest
import torch

from stylecore.encoders.encoder import Encoder, Pooling


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """Random pictures are the same in every run."""
    torch.manual_seed(0)


def random_encoder(layers: Iterable[str], pooling: Pooling = "max") -> Encoder:
    """The embedded encoder's shape with random weights, as large at every layer; the same at every call."""
    torch.manual_seed(0)
    encoder = Encoder("embedded", layers, pooling)
    for parameter in encoder.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    return encoder
