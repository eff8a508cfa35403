"""The embedded encoder and its packaged weights."""

import hashlib
from importlib import resources

import pytest
import torch
from safetensors.torch import load_file

from stylecore.encoders.embedded import embedded_encoder, embedded_sha256
from stylecore.encoders.encoder import Encoder
from stylecore.errors import EncoderError

WEIGHTS = resources.files("stylecore.encoders") / "weights" / "embedded.safetensors"


def test_digest_is_the_files() -> None:
    """The digest is the SHA-256 of the packaged file."""
    assert embedded_sha256() == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def test_holds_the_packaged_weights() -> None:
    """Every tensor of the encoder is the file's, and the file holds every tensor of the network."""
    with resources.as_file(WEIGHTS) as path:
        stored = load_file(path)
    own = embedded_encoder(["pool5"]).state_dict()
    assert own.keys() == Encoder("embedded", ["pool5"]).state_dict().keys()
    for key, value in own.items():
        torch.testing.assert_close(value, stored[key].float(), rtol=0, atol=0)


def test_features_are_alive() -> None:
    """On a picture, every layer that recipes use fires and is finite."""
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]
    found = embedded_encoder(layers)(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    for layer in layers:
        assert found[layer].isfinite().all()
        assert (found[layer].amax((0, 2, 3)) > 0).float().mean() > 0.25


def test_encoders_are_independent() -> None:
    """Changing one embedded encoder's weights leaves the next one as packaged."""
    first = embedded_encoder(["relu1_1"])
    before = first.state_dict()["features.0.weight"].clone()
    first.features[0].weight.zero_()  # type: ignore[operator, union-attr]
    assert torch.equal(embedded_encoder(["relu1_1"]).state_dict()["features.0.weight"], before)


def test_pooling_is_passed_on() -> None:
    """Average pooling gives other features than max pooling, from the same weights."""
    picture = torch.rand(1, 3, 16, 16)
    by_max = embedded_encoder(["relu1_2", "pool1"])(picture)
    by_mean = embedded_encoder(["relu1_2", "pool1"], pooling="average")(picture)
    assert torch.equal(by_max["relu1_2"], by_mean["relu1_2"])
    torch.testing.assert_close(by_mean["pool1"], torch.nn.functional.avg_pool2d(by_max["relu1_2"], 2))
    assert (by_max["pool1"] > by_mean["pool1"]).any()


def test_bad_layer() -> None:
    """A layer of a deeper network is refused with the nearest one."""
    with pytest.raises(EncoderError, match="'embedded' has no layer 'relu5_4': did you mean"):
        embedded_encoder(["relu5_4"])
