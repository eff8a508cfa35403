"""Encoders against torchvision's networks, and what they refuse."""

import math
from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from stylecore.encoders.encoder import (
    ARCHITECTURES,
    Encoder,
    architecture,
    encoder_with_weights,
    natural_noise,
    normalise_weights,
)
from stylecore.errors import EncoderError
from stylecore.objective.guides import bounding_box

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
BLOCKS = tuple(f"relu{block}_1" for block in range(1, 6))
# Where layers lie in torchvision's `features`.
INDEX = {
    "vgg19": {
        "conv1_1": 0,
        "relu1_1": 1,
        "relu2_1": 6,
        "pool2": 9,
        "relu3_1": 11,
        "relu4_2": 22,
        "conv5_1": 28,
    },
    "vgg16": {
        "conv1_1": 0,
        "relu1_1": 1,
        "relu2_1": 6,
        "pool2": 9,
        "relu3_1": 11,
        "relu4_2": 20,
        "conv5_1": 24,
    },
}


def small(layers: tuple[str, ...] = ("relu5_1",), seed: int = 0) -> Encoder:
    """The embedded architecture with random weights."""
    torch.manual_seed(seed)
    return Encoder("embedded", layers)


@pytest.fixture(scope="module", params=["vgg19", "vgg16"])
def reference(request: pytest.FixtureRequest) -> tuple[str, nn.Sequential]:
    """Torchvision's network with random weights."""
    torch.manual_seed(1)
    build: Callable[..., nn.Module] = getattr(torchvision.models, request.param)
    with torch.device("meta"):
        # Its classifier has 120 million weights that nobody needs here.
        features = build(weights=None).features
    features = features.to_empty(device="cpu").eval()
    for parameter in features.parameters():
        nn.init.kaiming_normal_(parameter) if parameter.ndim == 4 else nn.init.normal_(parameter, std=0.1)
    return request.param, features


class TestAgainstTorchvision:
    """The same network as torchvision's, layer by layer."""

    @pytest.mark.parametrize("pooling", ["max", "average"])
    def test_same_features(self, reference: tuple[str, nn.Sequential], pooling: str) -> None:
        """Every layer asked for equals torchvision's at its index, for both kinds of pooling."""
        name, theirs = reference
        state = {f"features.{key}": value for key, value in theirs.state_dict().items()}
        ours = encoder_with_weights(name, state, INDEX[name], pooling=pooling)  # type: ignore[arg-type]
        picture = torch.rand(2, 3, 37, 32)
        found = ours(picture)
        assert set(found) == set(INDEX[name])
        x = (picture - MEAN) / STD
        with torch.no_grad():
            for index, module in enumerate(theirs[:29]):
                if isinstance(module, nn.MaxPool2d) and pooling == "average":
                    x = nn.functional.avg_pool2d(x, 2)
                elif isinstance(module, nn.ReLU):
                    x = x.relu()  # torchvision's own works in place and would overwrite conv layers
                else:
                    x = module(x)
                for layer in (layer for layer, place in INDEX[name].items() if place == index):
                    torch.testing.assert_close(found[layer], x, rtol=1e-4, atol=1e-5 * x.abs().max().item())

    def test_same_keys(self, reference: tuple[str, nn.Sequential]) -> None:
        """The whole network has torchvision's keys and shapes."""
        name, theirs = reference
        ours = {key: tuple(value.shape) for key, value in Encoder(name, ["pool5"]).state_dict().items()}
        assert ours == {f"features.{key}": tuple(value.shape) for key, value in theirs.state_dict().items()}


class TestStructure:
    """What an encoder is made of."""

    def test_architecture_steps(self) -> None:
        """The embedded network's layers have the papers' names, in the order of computation."""
        steps = architecture("embedded").steps()
        assert steps[:6] == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1"]
        assert steps[-3:] == ["conv5_1", "relu5_1", "pool5"]

    @pytest.mark.parametrize(
        ("layer", "modules"), [("conv1_1", 1), ("relu1_1", 2), ("pool1", 5), ("relu2_1", 7)]
    )
    def test_cut_after_the_deepest_layer(self, layer: str, modules: int) -> None:
        """Nothing behind the deepest layer is built."""
        assert len(Encoder("embedded", [layer, "conv1_1"]).features) == modules

    def test_layers_are_named_once(self) -> None:
        """A layer asked for twice is given once, and the order asked for is kept."""
        assert Encoder("embedded", ["relu2_1", "relu1_1", "relu2_1"]).layers == ("relu2_1", "relu1_1")

    def test_shapes(self) -> None:
        """Each pooling halves the grid, rounding down."""
        found = small(("relu1_1", "relu3_1", "pool5"))(torch.rand(2, 3, 47, 65))
        assert found["relu1_1"].shape == (2, 16, 47, 65)
        assert found["relu3_1"].shape == (2, 64, 11, 16)
        assert found["pool5"].shape == (2, 256, 1, 2)

    @pytest.mark.parametrize(
        ("name", "layers", "strides", "reach"),
        [
            ("vgg19", BLOCKS, (1, 2, 4, 8, 16), 70),
            ("vgg16", BLOCKS, (1, 2, 4, 8, 16), 58),
            ("embedded", BLOCKS, (1, 2, 4, 8, 16), 58),
            ("vgg19", ("relu4_2", "relu1_1"), (8, 1), 38),
            ("embedded", ("conv1_1",), (1,), 1),
            ("embedded", ("pool2",), (4,), 6),
        ],
    )
    def test_strides_and_reach(
        self, name: str, layers: tuple[str, ...], strides: tuple[int, ...], reach: int
    ) -> None:
        """Every pooling doubles the stride; every 3 x 3 convolution up to the deepest layer reaches one further."""
        with torch.device("meta"):
            encoder = Encoder(name, layers)
        assert encoder.strides == dict(zip(layers, strides, strict=True))
        assert encoder.reach == reach

    @pytest.mark.parametrize("layer", ["relu1_2", "pool2", "conv3_2", "relu5_1"])
    def test_reach_is_what_gradients_reach(self, layer: str) -> None:
        """A position depends on its own cell and on `reach` pixels around it, and on none besides."""
        encoder = Encoder("embedded", [layer], "average")
        for parameter in encoder.parameters():
            parameter.abs_()
        stride, picture = encoder.strides[layer], torch.ones(1, 3, 192, 176).requires_grad_(True)
        position = (96 // stride, 80 // stride)
        encoder(picture)[layer][0, :, position[0], position[1]].sum().backward()
        assert picture.grad is not None
        begin = tuple(place * stride - encoder.reach for place in position)
        end = tuple((place + 1) * stride + encoder.reach for place in position)
        assert bounding_box(picture.grad[0].abs().sum(0, keepdim=True)) == (*begin, *end)

    def test_weights_are_frozen(self) -> None:
        """No weight asks for a gradient, but a picture gets one, and the encoder is in evaluation mode."""
        encoder = small()
        assert not encoder.training
        assert not any(parameter.requires_grad for parameter in encoder.parameters())
        picture = torch.rand(1, 3, 16, 16, requires_grad=True)
        encoder(picture)["relu5_1"].sum().backward()
        assert picture.grad is not None and picture.grad.abs().sum() > 0

    def test_conv_layers_keep_negative_values(self) -> None:
        """A `conv` layer is what rectification makes its `relu` layer from."""
        found = small(("conv2_1", "relu2_1"))(torch.rand(1, 3, 16, 16))
        assert found["conv2_1"].min() < 0
        assert torch.equal(found["conv2_1"].relu(), found["relu2_1"])

    def test_pairs_do_not_mix(self) -> None:
        """A picture's features are the same alone and in a batch."""
        encoder, pictures = small(), torch.rand(3, 3, 32, 32)
        together = encoder(pictures)["relu5_1"]
        for pair in range(3):
            torch.testing.assert_close(
                encoder(pictures[pair : pair + 1])["relu5_1"], together[pair : pair + 1]
            )

    def test_gradient(self) -> None:
        """The gradient with respect to the picture passes gradcheck in float64."""
        encoder = small(("relu1_2", "conv2_1")).double()

        def both(picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(encoder(picture).values())

        picture = torch.rand(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(both, picture, fast_mode=True)


class TestBadInput:
    """What an encoder refuses, and the words it finds for it."""

    def test_unknown_encoder(self) -> None:
        """A misspelt encoder is refused with the nearest one."""
        with pytest.raises(EncoderError, match="no encoder 'vgg91': did you mean 'vgg19'"):
            Encoder("vgg91", ["relu1_1"])

    @pytest.mark.parametrize(
        ("name", "layer", "meant"),
        [("vgg19", "relu42", "relu4_2"), ("vgg16", "conv3_4", "conv3_"), ("embedded", "relu5_2", "relu")],
    )
    def test_unknown_layer(self, name: str, layer: str, meant: str) -> None:
        """A layer that the network lacks is refused with the nearest one."""
        with pytest.raises(
            EncoderError, match=f"Encoder '{name}' has no layer '{layer}': did you mean '{meant}"
        ):
            Encoder(name, [layer])

    def test_no_layer(self) -> None:
        """An encoder asked for nothing is refused."""
        with pytest.raises(EncoderError, match="name at least one"):
            Encoder("embedded", [])

    @pytest.mark.parametrize(("layer", "side"), [("relu5_1", 16), ("pool5", 32), ("relu1_2", 1)])
    def test_too_small_picture(self, layer: str, side: int) -> None:
        """A picture of the smallest side passes; one pixel less is refused with the side it takes."""
        encoder = Encoder("embedded", [layer])
        assert min(encoder(torch.rand(1, 3, side, side + 9))[layer].shape[2:]) == 1
        if side > 1:
            with pytest.raises(EncoderError, match=f"too small for layer '{layer}'.*at least {side} px"):
                encoder(torch.rand(1, 3, side + 9, side - 1))

    def test_missing_tensor(self) -> None:
        """Weights that lack a tensor are refused with its key and what is there instead."""
        state = {f"module.{key}": value for key, value in small().state_dict().items()}
        with pytest.raises(EncoderError, match=r"lack 'features\.0\.weight'.*module\.features"):
            encoder_with_weights("embedded", state, ["relu5_1"])

    def test_other_networks_weights(self) -> None:
        """Weights of another network are refused with both shapes."""
        with pytest.raises(EncoderError, match=r"\(16, 3, 3, 3\), but it must be \(64, 3, 3, 3\)"):
            encoder_with_weights("vgg16", small().state_dict(), ["relu1_1"])


class TestWithWeights:
    """An encoder that holds given weights."""

    def test_further_tensors_are_ignored(self) -> None:
        """A deeper network's weights serve a shallow cut, and a classifier's do not disturb."""
        state = {**small().state_dict(), "classifier.0.weight": torch.zeros(1)}
        picture = torch.rand(1, 3, 16, 16)
        cut = encoder_with_weights("embedded", state, ["relu2_1"])
        whole = small(("relu2_1", "relu5_1"))
        torch.testing.assert_close(cut(picture)["relu2_1"], whole(picture)["relu2_1"])

    def test_half_precision_is_cast(self) -> None:
        """Weights stored in half precision become float32."""
        state = {key: value.half() for key, value in small().state_dict().items()}
        encoder = encoder_with_weights("embedded", state, ["relu5_1"])
        assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}

    def test_given_weights_are_not_shared(self) -> None:
        """Normalising an encoder's weights leaves the state dict it was made from as it was."""
        state = small().state_dict()
        before = {key: value.clone() for key, value in state.items()}
        normalise_weights(encoder_with_weights("embedded", state, ["relu5_1"]), [torch.rand(1, 3, 32, 32)])
        assert all(torch.equal(state[key], before[key]) for key in state)


class TestNormaliseWeights:
    """A mean activation of one, by scaling alone."""

    ALL = tuple(step for step in ARCHITECTURES["embedded"].steps() if step.startswith("relu"))
    PICTURES = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(3))

    @pytest.mark.parametrize("pooling", ["max", "average"])
    def test_mean_activation_is_one(self, pooling: str) -> None:
        """Every channel that fires at all has a mean of one on the pictures, after every convolution."""
        torch.manual_seed(0)
        encoder = Encoder("embedded", self.ALL, pooling)  # type: ignore[arg-type]
        before = encoder(self.PICTURES)
        after = normalise_weights(encoder, [self.PICTURES])(self.PICTURES)
        for layer in self.ALL:
            fires = before[layer].mean((0, 2, 3)) > 1e-5
            assert fires.float().mean() > 0.5
            mean = after[layer].mean((0, 2, 3))[fires]
            torch.testing.assert_close(mean, torch.ones_like(mean), rtol=1e-3, atol=0)

    def test_features_are_only_rescaled(self) -> None:
        """On other pictures every channel is the old one times one positive factor."""
        encoder, other = small(self.ALL), torch.rand(1, 3, 32, 32)
        before = encoder(other)
        after = normalise_weights(encoder, [self.PICTURES])(other)
        for layer in self.ALL:
            old, new = before[layer][0].flatten(1), after[layer][0].flatten(1)
            factor = new.sum(1, keepdim=True) / old.sum(1, keepdim=True).clamp_min(1e-12)
            torch.testing.assert_close(new, factor * old, rtol=1e-3, atol=1e-4)

    def test_again_changes_nothing(self) -> None:
        """Normalised weights stay as they are when normalised again on the same pictures."""
        encoder = normalise_weights(small(), [self.PICTURES])
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        for key, value in normalise_weights(encoder, [self.PICTURES]).state_dict().items():
            torch.testing.assert_close(value, before[key], rtol=1e-3, atol=1e-5)

    def test_silent_filter_keeps_its_scale(self) -> None:
        """A filter that never fires is not divided by zero."""
        encoder = small()
        convolution = encoder.features[0]
        assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
        convolution.bias[0], weight = -1000.0, convolution.weight[0].clone()
        normalise_weights(encoder, [self.PICTURES])
        assert torch.equal(convolution.weight[0], weight)
        assert all(parameter.isfinite().all() for parameter in encoder.parameters())

    def test_pictures_count_the_same_in_any_batches(self) -> None:
        """The mean is over pictures, however they are cut into batches."""
        pictures = torch.rand(4, 3, 32, 32) * torch.tensor([1.0, 0.2, 0.2, 0.2]).view(4, 1, 1, 1)
        whole = normalise_weights(small(), [pictures]).state_dict()
        cut = normalise_weights(small(), [pictures[:1], pictures[1:]]).state_dict()
        for key in whole:
            torch.testing.assert_close(cut[key], whole[key], rtol=1e-3, atol=1e-4)


class TestNaturalNoise:
    """Pictures with the spectrum of natural ones."""

    def test_shape_and_range(self) -> None:
        """Pictures lie in [0, 1], fill it, and are coloured."""
        noise = natural_noise(3, 64)
        assert noise.shape == (3, 3, 64, 64)
        assert noise.min() >= 0 and noise.max() <= 1
        assert 0.15 < noise.std() < 0.25
        assert (noise[:, 0] - noise[:, 1]).abs().mean() > 0.01

    def test_always_the_same(self) -> None:
        """It does not depend on torch's seed, nor disturb it."""
        torch.manual_seed(1)
        first, after = natural_noise(2, 32), torch.rand(1)
        torch.manual_seed(1)
        assert torch.equal(after, torch.rand(1))
        torch.manual_seed(2)
        assert torch.equal(natural_noise(2, 32), first)

    def test_spectrum(self) -> None:
        """Power falls with the square of the frequency: the slope of its logarithm is -2."""
        noise = natural_noise(8, 128)
        power = torch.fft.fft2(noise - noise.mean((2, 3), keepdim=True)).abs().square().mean((0, 1))
        frequency = torch.hypot(torch.fft.fftfreq(128)[:, None], torch.fft.fftfreq(128)[None])
        rings = [(frequency >= radius / 128) & (frequency < (radius + 1) / 128) for radius in range(2, 48)]
        x = torch.stack([frequency[ring].mean().log() for ring in rings])
        y = torch.stack([power[ring].mean().log() for ring in rings])
        slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
        assert math.isclose(slope.item(), -2, abs_tol=0.15)
