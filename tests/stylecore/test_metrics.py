"""Measures of a design against scipy, scikit-image, numpy and closed forms."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr
from skimage.color import rgb2lab
from torch import Tensor

from stylecore import nearest_patches
from stylecore.encoders.encoder import Encoder, natural_noise
from stylecore.errors import EncoderError, PictureError
from stylecore.metrics import (
    changed_outside,
    checkerboard_peak,
    fold_correlation,
    lightness,
    patch_distance,
    seam_ratio,
    style_distance,
    variation_ratio,
)

LAYERS = ("relu1_1", "relu2_1")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The embedded shape with random weights: what is measured here does not depend on training."""
    torch.manual_seed(1)
    return Encoder("embedded", LAYERS)


def noise(count: int = 1, height: int = 64, width: int = 64, spread: float = 0.05) -> Tensor:
    """Grey 0.5 with white noise."""
    return (0.5 + spread * torch.randn(count, 3, height, width)).clamp(0, 1)


def folds(count: int = 1, height: int = 64, width: int = 48) -> Tensor:
    """Cloth with a few wide folds, another slant a picture."""
    rows, columns = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / height, indexing="ij")
    slants = [torch.sin(9 * columns + (n + 1) * 2 * rows + n) for n in range(count)]
    shade = 0.5 + 0.2 * torch.stack(slants)[:, None]
    return shade * torch.tensor([1.0, 0.8, 0.6]).view(1, 3, 1, 1)


def disc(count: int = 1, height: int = 64, width: int = 48) -> Tensor:
    """A guide: an ellipse of cloth with a soft rim, 0 beyond."""
    rows = (torch.arange(height) - 0.5 * height)[:, None] / height
    columns = (torch.arange(width) - 0.45 * width) / width
    return ((0.42 - torch.hypot(rows, columns)) * 20).clamp(0, 1).expand(count, 1, height, width)


def checkerboard(period: int, height: int = 64, width: int = 64) -> Tensor:
    """-1 and 1 in squares of half a period."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return 1.0 - 2 * ((rows // (period // 2) + columns // (period // 2)) % 2)


def littered(picture: Tensor, guide: Tensor) -> Tensor:
    """The picture with noise wherever the guide is 0."""
    return torch.where(guide > 0, picture, torch.rand_like(picture))


Measure = Callable[[Tensor, Tensor, Tensor], Tensor]
MEASURES: dict[str, Measure] = {
    "fold_correlation": fold_correlation,
    "changed_outside": changed_outside,
    "checkerboard_peak": lambda design, _, guide: checkerboard_peak(design, guide),
    "variation_ratio": variation_ratio,
    "seam_ratio": lambda design, _, __: seam_ratio(design, [20], [12, 30]),
}


@pytest.mark.parametrize("name", MEASURES)
class TestEveryMeasure:
    """What holds for all of them."""

    def test_batch_equals_singles(self, name: str) -> None:
        """A pair's value is its own: B float32 values, as if measured one by one."""
        design, template, guide = noise(3, 96, 82), folds(3, 96, 82), disc(3, 96, 82).clone()
        guide[1], guide[2, :, :20] = 1, 0
        template[1, :, :40] = design[1, :, :40]
        together = MEASURES[name](design, template, guide)
        assert together.shape == (3,) and together.dtype == torch.float32 and together.isfinite().all()
        triples = zip(design.split(1), template.split(1), guide.split(1), strict=True)
        alone = torch.cat([MEASURES[name](*triple) for triple in triples])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
        assert len(set(alone.tolist())) == 3

    def test_inputs_are_kept(self, name: str) -> None:
        """The caller's tensors are never changed."""
        given = noise(1, 64, 50), folds(1, 64, 50), disc(1, 64, 50).clone()
        copies = [tensor.clone() for tensor in given]
        MEASURES[name](*given)
        assert all(torch.equal(a, b) for a, b in zip(given, copies, strict=True))

    def test_bad_picture(self, name: str) -> None:
        """A picture of 0 to 255 is refused."""
        with pytest.raises(PictureError, match="design|picture"):
            MEASURES[name](255 * noise(1, 64, 50), folds(1, 64, 50), disc(1, 64, 50))


@pytest.mark.parametrize("name", ["fold_correlation", "checkerboard_peak", "variation_ratio"])
def test_outside_does_not_matter(name: str) -> None:
    """What lies where the guide is 0 changes no guided measure."""
    guide = disc(1, 96, 80)
    design, template = noise(1, 96, 80, 0.2), folds(1, 96, 80)
    wanted = MEASURES[name](design, template, guide)
    found = MEASURES[name](littered(design, guide), littered(template, guide), guide)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["fold_correlation", "checkerboard_peak", "variation_ratio"])
def test_empty_guide(name: str) -> None:
    """A pair without cloth is NaN, and the other pair is unharmed."""
    design, template, guide = noise(2), folds(2, 64, 64), torch.ones(2, 1, 64, 64)
    guide[0] = 0
    values = MEASURES[name](design, template, guide)
    assert values[0].isnan()
    torch.testing.assert_close(values[1:], MEASURES[name](design[1:], template[1:], guide[1:]))


@pytest.mark.parametrize("name", ["fold_correlation", "checkerboard_peak", "variation_ratio"])
def test_no_guide_is_a_full_one(name: str) -> None:
    """Without a guide everything is cloth."""
    design, template, guide = noise(2), folds(2, 64, 64), torch.ones(2, 1, 64, 64)
    none: Measure = {
        "fold_correlation": lambda x, y, _: fold_correlation(x, y),
        "checkerboard_peak": lambda x, _, __: checkerboard_peak(x),
        "variation_ratio": lambda x, y, _: variation_ratio(x, y),
    }[name]
    torch.testing.assert_close(none(design, template, guide), MEASURES[name](design, template, guide))


@pytest.mark.parametrize(
    "sizes", [((64, 48), (64, 50), (64, 48)), ((64, 48), (64, 48), (48, 64))], ids=["template", "guide"]
)
def test_sizes_that_do_not_fit(sizes: tuple[tuple[int, int], ...]) -> None:
    """A template or guide of another size is refused by name, with both shapes."""
    design, template, guide = noise(1, *sizes[0]), noise(1, *sizes[1]), torch.ones(1, 1, *sizes[2])
    with pytest.raises(PictureError, match=r"(template|guide) is .* must fit design"):
        variation_ratio(design, template, guide)


class TestStyleDistance:
    """How far the Gram matrices are."""

    def test_formula(self, encoder: Encoder) -> None:
        """It is the mean over layers of ||G - A||^2 / ||A||^2, in numpy and double precision."""
        design, styles = noise(2, 24, 20, 0.2), [folds(1, 40, 30), noise(1, 16, 16)]
        found = encoder(design)
        wanted = []
        for pair, style in enumerate(styles):
            ratios = []
            for layer, features in encoder(style).items():
                f, a = found[layer][pair].flatten(1).double().numpy(), features[0].flatten(1).double().numpy()
                gram, target = f @ f.T / f.shape[1], a @ a.T / a.shape[1]
                ratios.append(np.linalg.norm(gram - target) ** 2 / np.linalg.norm(target) ** 2)
            wanted.append(np.mean(ratios))
        np.testing.assert_allclose(style_distance(encoder, design, styles, LAYERS), wanted, rtol=1e-4)

    def test_identity(self, encoder: Encoder) -> None:
        """A style has no distance from itself, and hardly any from itself tiled."""
        style = noise(1, 32, 32, 0.2)
        assert style_distance(encoder, style, [style], LAYERS).item() == pytest.approx(0, abs=1e-10)
        tiled = torch.cat([style, style], 3)
        assert style_distance(encoder, tiled, [style], LAYERS).item() < 5e-3

    def test_ranks(self, encoder: Encoder) -> None:
        """The more of the style is blended in, the smaller the distance."""
        style, template = noise(1, 32, 32, 0.2), folds(1, 32, 32)
        blends = [
            style_distance(encoder, torch.lerp(template, style, t), [style], LAYERS) for t in (0, 0.5, 0.9)
        ]
        assert blends[0] > blends[1] > blends[2] > 0

    def test_guide_is_a_crop(self, encoder: Encoder) -> None:
        """Under a guide only its own features count: beyond the receptive field nothing matters."""
        design, styles, guide = noise(1, 32, 48), [folds(1, 32, 32)], torch.zeros(1, 1, 32, 48)
        guide[..., :16] = 1
        other = design.clone()
        # relu2_1 sees 5 pixels past a cell of 2: three 3 x 3 convolutions and one pooling.
        other[..., 24:] = torch.rand(1, 3, 32, 24)
        wanted = style_distance(encoder, design, styles, LAYERS, guide)
        torch.testing.assert_close(style_distance(encoder, other, styles, LAYERS, guide), wanted)
        other[..., :16] = torch.rand(1, 3, 32, 16)
        assert (style_distance(encoder, other, styles, LAYERS, guide) - wanted).abs() > 1e-3

    def test_batch_equals_singles(self, encoder: Encoder) -> None:
        """A batch is measured pair by pair, to the last bit, without a gradient."""
        design, styles = noise(2, 32, 32).requires_grad_(), [folds(1, 32, 32), noise(1, 20, 24)]
        together = style_distance(encoder, design, styles, LAYERS, disc(2, 32, 32))
        alone = [
            style_distance(encoder, design[n : n + 1], styles[n : n + 1], LAYERS, disc(1, 32, 32))
            for n in range(2)
        ]
        assert torch.equal(together, torch.cat(alone))
        assert together.dtype == torch.float32 and not together.requires_grad

    def test_not_defined(self, encoder: Encoder) -> None:
        """An empty guide, and a style that no filter answers to, are NaN."""
        design, style, guide = noise(2, 32, 32), noise(1, 32, 32), torch.ones(2, 1, 32, 32)
        guide[0] = 0
        values = style_distance(encoder, design, [style, style], LAYERS, guide)
        assert values[0].isnan() and values[1].isfinite()
        dead = Encoder("embedded", LAYERS)
        dead.load_state_dict({name: torch.zeros_like(value) for name, value in dead.state_dict().items()})
        assert style_distance(dead, design, [style, style], LAYERS).isnan().all()

    def test_bad_input(self, encoder: Encoder) -> None:
        """A layer that the encoder does not give, none at all, and too few styles are refused."""
        design, style = noise(1, 32, 32), noise(1, 32, 32)
        with pytest.raises(EncoderError, match=r"'relu3_1'.*relu1_1, relu2_1"):
            style_distance(encoder, design, [style], ("relu1_1", "relu3_1"))
        with pytest.raises(EncoderError, match="valid are relu1_1, relu2_1"):
            style_distance(encoder, design, [style], ())
        with pytest.raises(PictureError, match="1 designs but 2 styles"):
            style_distance(encoder, design, [style, style], LAYERS)


def patches_by_loop(features_CHW: Tensor) -> np.ndarray:
    """Every 3 x 3 neighbourhood as a row, value by value, 0 beyond the rim."""
    channels, height, width = features_CHW.shape
    rows = []
    for r in range(height):
        for c in range(width):
            patch = np.zeros((channels, 3, 3))
            for i in range(3):
                for j in range(3):
                    if 0 <= r + i - 1 < height and 0 <= c + j - 1 < width:
                        patch[:, i, j] = features_CHW[:, r + i - 1, c + j - 1].numpy()
            rows.append(patch.ravel())
    return np.array(rows)


def patch_distance_by_loop(design_CHW: Tensor, style_CHW: Tensor, guide_HW: Tensor) -> float:
    """The definition, patch by patch, in float64."""
    design, style = patches_by_loop(design_CHW), patches_by_loop(style_CHW)
    mean = style.mean(0)
    weights = guide_HW.flatten().numpy()
    apart = np.array(
        [
            [1 - (x - mean) @ (y - mean) / np.linalg.norm(x - mean) / np.linalg.norm(y - mean) for y in style]
            for x in design
        ]
    )
    forward = sum(w * row.min() for w, row in zip(weights, apart, strict=True)) / weights.sum()
    backward = np.mean([column[weights > 0].min() for column in apart.T])
    return float(forward + backward) / 2


def dots(values_K3: Tensor, places: Tensor) -> Tensor:
    """Coloured pixels, four apart, on black: no 3 x 3 patch holds two."""
    picture = torch.zeros(1, 3, 26, 26)
    for value, place in zip(values_K3, places.tolist(), strict=True):
        picture[0, :, 2 + place // 6 * 4, 2 + place % 6 * 4] = value
    return picture


class PixelsAsFeatures(Encoder):
    """An encoder whose one layer is the picture itself."""

    def forward(self, picture_B3HW: Tensor) -> dict[str, Tensor]:
        """The picture."""
        return {"relu1_1": picture_B3HW}


class TestPatchDistance:
    """How far patches of features are from their nearest ones."""

    def test_formula(self, encoder: Encoder) -> None:
        """It is what a plain loop over all pairs of patches gives, layer by layer, styles in their own size."""
        design, styles = noise(2, 16, 20, 0.2), [folds(1, 18, 12), noise(1, 10, 22, 0.3)]
        guide = disc(2, 16, 20).clone()
        guide[1, :, :6] = 0
        wanted = []
        for pair, style in enumerate(styles):
            layers = encoder(design[pair : pair + 1]), encoder(style)
            guides = {
                layer: torch.nn.functional.adaptive_avg_pool2d(guide[pair], layers[0][layer].shape[2:])[0]
                for layer in LAYERS
            }
            wanted.append(
                np.mean([patch_distance_by_loop(layers[0][k][0], layers[1][k][0], guides[k]) for k in LAYERS])
            )
        found = patch_distance(encoder, design, styles, LAYERS, guide)
        np.testing.assert_allclose(found, wanted, rtol=1e-4)

    @pytest.mark.parametrize("largest", [1, 500, 2000, 2**24])
    def test_chunks(self, encoder: Encoder, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """How large a matrix may be changes nothing."""
        design, styles, guide = noise(1, 8, 12, 0.2), [folds(1, 10, 6)], disc(1, 8, 12)
        wanted = patch_distance(encoder, design, styles, LAYERS, guide)
        monkeypatch.setattr(nearest_patches, "LARGEST_MATRIX", largest)
        torch.testing.assert_close(patch_distance(encoder, design, styles, LAYERS, guide), wanted)

    def test_no_matrix_is_larger(self, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither a chunk's patches nor two chunks' cosines have more values than stated."""
        sizes = []

        class Watch(torch.utils._python_dispatch.TorchDispatchMode):
            def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                if function is torch.ops.aten.mm.default:
                    sizes.extend([*(each.numel() for each in args), args[0].shape[0] * args[1].shape[1]])
                return function(*args, **(kwargs or {}))

        monkeypatch.setattr(nearest_patches, "LARGEST_MATRIX", 5000)
        with Watch():
            patch_distance(encoder, noise(1, 32, 32), [noise(1, 24, 32)], LAYERS)
        assert sizes and max(sizes) <= 5000

    def test_identity(self, encoder: Encoder) -> None:
        """A style has no distance from itself; its negative and other pictures have one, at most 2."""
        style = noise(1, 24, 32, 0.2)
        assert patch_distance(encoder, style, [style], LAYERS).item() == pytest.approx(0, abs=1e-5)
        for other in (1 - style, folds(1, 24, 32), noise(1, 24, 32, 0.2)):
            assert 0.05 < patch_distance(encoder, other, [style], LAYERS).item() <= 2

    def test_order_of_patches(self) -> None:
        """Where the style's patches are does not matter; whether they are all there does."""
        encoder = PixelsAsFeatures("embedded", ["relu1_1"])
        values = torch.rand(36, 3)
        style, moved = dots(values, torch.arange(36)), dots(values, torch.randperm(36))
        assert not torch.equal(style, moved)
        assert patch_distance(encoder, moved, [style], ["relu1_1"]).item() == pytest.approx(0, abs=1e-5)
        fewer = dots(values[:4].repeat(9, 1), torch.arange(36))
        forward, backward = nearest_patches.nearest_cosines(fewer, style)
        assert (1 - forward).mean().item() == pytest.approx(0, abs=1e-5)
        assert (1 - backward).mean() > 0.001

    def test_ranks(self, encoder: Encoder) -> None:
        """The more of the style is blended in, the smaller the distance."""
        style, template = noise(1, 32, 32, 0.2), folds(1, 32, 32)
        blends = [
            patch_distance(encoder, torch.lerp(template, style, t), [style], LAYERS) for t in (0, 0.5, 0.9)
        ]
        assert blends[0] > blends[1] > blends[2] > 0

    def test_outside_does_not_count(self, encoder: Encoder) -> None:
        """Beyond the reach of the guided patches nothing matters, in either direction."""
        design, style, guide = noise(1, 32, 48), folds(1, 32, 32), torch.zeros(1, 1, 32, 48)
        guide[..., :16] = 1
        other = design.clone()
        # relu2_1 sees 5 pixels past a cell of 2, and a patch one cell further.
        other[..., 24:] = style[..., 8:]
        wanted = patch_distance(encoder, design, [style], LAYERS, guide)
        torch.testing.assert_close(patch_distance(encoder, other, [style], LAYERS, guide), wanted)
        other[..., :16] = style[..., :16]
        assert patch_distance(encoder, other, [style], LAYERS, guide) < wanted - 0.05

    def test_guide_weighs(self, encoder: Encoder) -> None:
        """A design patch counts by its guide: half the style's own, half not, by their shares."""
        style = noise(1, 32, 32, 0.2)
        design, guide = torch.cat([style, folds(1, 32, 32)], 3), torch.full((1, 1, 32, 64), 0.1)
        guide[..., :32] = 1
        values = [patch_distance(encoder, design, [style], LAYERS, g) for g in (guide, guide.flip(3))]
        assert values[0] < values[1] / 3

    def test_batch_equals_singles(self, encoder: Encoder) -> None:
        """A batch is measured pair by pair, to the last bit, in float32, without a gradient."""
        design, styles = noise(2, 32, 32).requires_grad_(), [folds(1, 32, 32), noise(1, 20, 24)]
        together = patch_distance(encoder, design, styles, LAYERS, disc(2, 32, 32))
        alone = [
            patch_distance(encoder, design[n : n + 1], styles[n : n + 1], LAYERS, disc(1, 32, 32))
            for n in range(2)
        ]
        assert torch.equal(together, torch.cat(alone))
        assert together.shape == (2,) and together.dtype == torch.float32 and not together.requires_grad

    def test_half_precision(self, encoder: Encoder) -> None:
        """An encoder in bfloat16 gives float32 values, near the exact ones."""
        design, style = noise(1, 32, 32, 0.2), folds(1, 32, 32)
        rough = patch_distance(encoder.in_precision(torch.bfloat16), design, [style], LAYERS)
        assert rough.dtype == torch.float32
        torch.testing.assert_close(rough, patch_distance(encoder, design, [style], LAYERS), rtol=0.02, atol=0)

    def test_not_defined(self, encoder: Encoder) -> None:
        """An empty guide, a style that no filter answers to and a style of one position are NaN."""
        design, style, guide = noise(2, 32, 32), noise(1, 32, 32), torch.ones(2, 1, 32, 32)
        guide[0] = 0
        values = patch_distance(encoder, design, [style, style], LAYERS, guide)
        assert values[0].isnan() and values[1].isfinite()
        assert patch_distance(encoder, design[:1], [style[..., :2, :2]], LAYERS).isnan()
        dead = Encoder("embedded", LAYERS)
        dead.load_state_dict({name: torch.zeros_like(value) for name, value in dead.state_dict().items()})
        assert patch_distance(dead, design, [style, style], LAYERS).isnan().all()

    def test_bad_input(self, encoder: Encoder) -> None:
        """A layer that the encoder does not give, none at all, and too few styles are refused."""
        design, style = noise(1, 32, 32), noise(1, 32, 32)
        with pytest.raises(EncoderError, match=r"'relu3_1'.*relu1_1, relu2_1"):
            patch_distance(encoder, design, [style], ("relu1_1", "relu3_1"))
        with pytest.raises(EncoderError, match="valid are relu1_1, relu2_1"):
            patch_distance(encoder, design, [style], ())
        with pytest.raises(PictureError, match="1 designs but 2 styles"):
            patch_distance(encoder, design, [style, style], LAYERS)


class TestFoldCorrelation:
    """Folds and shading."""

    def test_lightness(self) -> None:
        """L* is scikit-image's, from black to white, but for the rounding of its matrix."""
        picture = torch.cat([torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 20) / 20], 2)
        wanted = rgb2lab(picture[0].permute(1, 2, 0).double().numpy())[..., 0]
        np.testing.assert_allclose(lightness(picture)[0, 0].numpy(), wanted, atol=0.01)
        ends = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
        np.testing.assert_allclose(lightness(ends).flatten(), [0, 100], atol=1e-4)

    @pytest.mark.parametrize("wavelength", [0.03, 0.06])
    def test_equals_scipy(self, wavelength: float) -> None:
        """Under a hard guide it is scipy's correlation of normalized convolutions by scipy's Gaussian."""
        guide = (disc() > 0).float()
        design, template = noise(1, 64, 48, 0.2), folds()
        inside, low = guide[0, 0].double().numpy(), []
        for picture in (design, template):
            star = rgb2lab(picture[0].permute(1, 2, 0).double().numpy())[..., 0]
            blurred, area = (
                gaussian_filter(values, wavelength * 64, mode="constant", truncate=8)
                for values in (star * inside, inside)
            )
            low.append((blurred / np.where(inside, area, 1))[inside == 1])
        wanted = pearsonr(*low).statistic
        assert fold_correlation(design, template, guide, wavelength).item() == pytest.approx(wanted, abs=2e-4)

    def test_soft_guide(self) -> None:
        """Positions count by their guide: a guide of 0.5 all over is one of 1."""
        design, template, half = noise(1, 64, 48, 0.2), folds(), torch.full((1, 1, 64, 48), 0.5)
        torch.testing.assert_close(
            fold_correlation(design, template, half), fold_correlation(design, template)
        )

    def test_identity(self) -> None:
        """A template keeps its own folds: 1; inverted, they are -1 or nearly."""
        template = folds(2)
        torch.testing.assert_close(fold_correlation(template, template, disc(2)), torch.ones(2))
        assert (fold_correlation(1 - template, template, disc(2)) < -0.9).all()

    def test_print_and_dye(self) -> None:
        """A fine print and another colour over the same folds leave it near 1; the print alone does not."""
        template, grain = folds(), 1 + 0.4 * checkerboard(4, 64, 48)
        dyed = 0.8 * template * torch.tensor([0.3, 0.6, 0.9]).view(1, 3, 1, 1)
        assert fold_correlation(dyed * grain, template, disc()).item() > 0.95
        assert abs(fold_correlation(noise(1, 64, 48), template, disc()).item()) < 0.6

    @pytest.mark.parametrize("value", [0.0, 0.31, 1.0])
    def test_constant(self, value: float) -> None:
        """A correlation with one colour is not defined, on either side: NaN."""
        flat = torch.full((1, 3, 64, 48), value)
        assert fold_correlation(flat, folds(), disc()).isnan()
        assert fold_correlation(folds(), flat).isnan()
        faint = (flat + 1e-5 * torch.randn(1, 3, 64, 48)).clamp(0, 1)
        assert fold_correlation(faint, folds()).isnan() and fold_correlation(folds(), faint).isnan()


class TestChangedOutside:
    """What must not change."""

    def test_known_count(self) -> None:
        """Pixels count once whatever their channels, only where the guide is 0, only above half a level."""
        template, guide = torch.full((1, 3, 6, 8), 0.5), torch.ones(1, 1, 6, 8)
        guide[..., :3] = 0
        guide[..., 3] = 1e-6
        design = template.clone()
        design[..., 4:] = 0.1
        design[..., 3] = 0.1
        design[:, :, 0, 0] += 0.3
        design[:, 1, 2, 1] -= 1 / 255
        design[:, 2, 3, 2] += 0.4 / 255
        assert changed_outside(design, template, guide).tolist() == [2.0]

    def test_identity(self) -> None:
        """A template is unchanged, and nothing can change outside a full guide."""
        template = noise(2)
        assert changed_outside(template, template, torch.zeros(2, 1, 64, 64)).tolist() == [0, 0]
        assert changed_outside(1 - template, template, torch.ones(2, 1, 64, 64)).tolist() == [0, 0]


def peak_by_numpy(picture: np.ndarray, guide: np.ndarray) -> float:
    """The definition in loops, for a picture H x W x 3 in whole multiples of 4, all spanned by the guide."""
    height, width, _ = picture.shape
    window = guide * np.outer(np.hanning(height + 1)[:-1], np.hanning(width + 1)[:-1])
    energy = np.zeros((height, width))
    for channel in range(3):
        centred = picture[..., channel] - np.average(picture[..., channel], weights=window)
        energy += np.abs(np.fft.fft2(window * centred)) ** 2 / 3
    floor = (0.5 / 255 * window.sum()) ** 2 / 4

    def at(row: int, column: int) -> float:
        near = [energy[(row + i) % height, (column + j) % width] for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return float(np.mean(near) + floor)

    offsets = [d for d in range(-8, 9) if abs(d) >= 3]
    ratios = []
    for row in range(0, height, height // 4):
        for column in range(0, width, width // 4):
            along = [at(row, column + d) for d in offsets] if column else []
            across = [at(row + d, column) for d in offsets] if row else []
            if row or column:
                ratios.append(at(row, column) / np.median(along + across))
    return max(ratios)


class TestCheckerboardPeak:
    """Periods of 2 and 4 pixels."""

    @pytest.mark.parametrize("contrast", [0.0, 0.05, 0.4])
    @pytest.mark.parametrize("kind", ["edge", "board"])
    def test_equals_numpy(self, kind: str, contrast: float) -> None:
        """It is what loops over numpy's transform give, under a guide with holes."""
        board = checkerboard(4, 64, 52)
        edge = torch.where(torch.arange(52) < 21, 0.1, 1.0)
        picture = (noise(6, 64, 52) + contrast * (board if kind == "board" else edge)).clamp(0, 1)
        guide = torch.ones(6, 1, 64, 52)
        guide[3:, :, 20:40, 13:30] = 0
        wanted = [
            peak_by_numpy(pixels.permute(1, 2, 0).double().numpy(), cloth[0].double().numpy())
            for pixels, cloth in zip(picture, guide, strict=True)
        ]
        np.testing.assert_allclose(checkerboard_peak(picture, guide), wanted, rtol=1e-4)

    def test_odd_size(self) -> None:
        """Up to three rows and columns are left off, so that periods of 4 pixels fall on one frequency."""
        picture = (noise(1, 67, 99) + 0.05 * checkerboard(4, 67, 99)).clamp(0, 1)
        torch.testing.assert_close(checkerboard_peak(picture), checkerboard_peak(picture[..., :64, :96]))

    @pytest.mark.parametrize("period", [2, 4])
    @pytest.mark.parametrize("size", [(128, 128), (131, 97)])
    def test_checkerboard(self, period: int, size: tuple[int, int]) -> None:
        """A checkerboard of 2 or 4 pixels over noise stands far out, at any size and place."""
        for shift in range(period):
            board = checkerboard(period, *size).roll(shift, 1)
            assert checkerboard_peak((noise(1, *size) + 0.05 * board).clamp(0, 1)).item() > 40

    @pytest.mark.parametrize("step", [2, 4])
    def test_stripes(self, step: int) -> None:
        """So do columns that alternate, which is what a stride in one axis leaves."""
        stripes = (torch.arange(128) % step < step // 2) * 0.1
        assert checkerboard_peak(noise(1, 128, 128) + stripes).item() > 40

    def test_bare_checkerboard(self) -> None:
        """Over one colour, with nothing else to compare with, it is large and finite."""
        value = checkerboard_peak((0.5 + 0.1 * checkerboard(2)).expand(1, 3, 64, 64))
        assert 100 < value.item() < 1e6

    def test_transposed_convolution(self) -> None:
        """A transposed convolution whose kernel its stride does not divide is found out; resizing is not."""
        small = natural_noise(2, 96)
        kernel = torch.full((3, 1, 3, 3), 1 / 2.25)
        uneven = torch.nn.functional.conv_transpose2d(small, kernel, stride=2, groups=3) / 2
        even = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
        assert (checkerboard_peak(uneven.clamp(0, 1)) > 100).all()
        assert (checkerboard_peak(even) < 3).all()

    def test_without(self) -> None:
        """Noise, pictures with a natural spectrum and smooth ones, of 8 bits too, stay near 1."""
        smooth = torch.linspace(0, 1, 256).expand(1, 3, 256, 256)
        for picture in (noise(8, 128, 128), natural_noise(8), smooth, (smooth * 255).round() / 255):
            assert (checkerboard_peak(picture) < 3).all() and (checkerboard_peak(picture) > 0.5).all()
        assert checkerboard_peak(torch.full((1, 3, 64, 64), 0.3)).item() == pytest.approx(1)

    def test_edges(self) -> None:
        """A hard edge along an axis, which raises a ridge of all frequencies, is no peak."""
        edge = noise(1, 128, 128, 0.01)
        edge[..., 51:] += 0.3
        edge[..., 77:, :] -= 0.15
        assert checkerboard_peak(edge).item() < 3

    def test_invisible(self) -> None:
        """A checkerboard fainter than half an 8-bit level does not count."""
        assert checkerboard_peak((0.5 + 0.2 / 255 * checkerboard(2)).expand(1, 3, 64, 64)).item() < 2

    def test_guide(self) -> None:
        """A checkerboard counts inside the guide, even of a small garment, and not outside."""
        guide, board = disc(1, 160, 160), 0.1 * checkerboard(2, 160, 160)
        inside, outside = noise(1, 160, 160) + board * guide, noise(1, 160, 160) + board * (guide == 0)
        assert checkerboard_peak(inside.clamp(0, 1), guide).item() > 40
        assert checkerboard_peak(outside.clamp(0, 1), guide).item() < 3
        small, picture = torch.zeros(1, 1, 320, 320), noise(1, 320, 320)
        small[..., 30:94, 200:270], picture[..., 30:94, 200:270] = 1, inside[..., 40:104, 40:110].clamp(0, 1)
        assert checkerboard_peak(picture, small).item() > 40

    def test_too_small(self) -> None:
        """Less than 48 pixels of cloth a side have no neighbourhoods: NaN; 48 have."""
        assert checkerboard_peak(noise(1, 47, 99)).isnan()
        assert checkerboard_peak(noise(1, 48, 99)).isfinite()


class TestVariationRatio:
    """How busy a design is."""

    def test_known_value(self) -> None:
        """Stripes of three times the contrast have three times the variation."""
        template = torch.zeros(1, 3, 6, 8)
        template[..., ::2] = 0.2
        assert variation_ratio(3 * template, template).item() == pytest.approx(3, rel=1e-6)

    def test_equals_numpy(self) -> None:
        """Under a guide it is the ratio of numpy's differences where both neighbours are cloth."""
        design, template, guide = noise(1, 20, 16), folds(1, 20, 16), torch.zeros(1, 1, 20, 16)
        guide[..., 3:15, 4:14] = 1
        sums = []
        for picture in (design, template):
            cloth = picture[0, :, 3:15, 4:14].double().numpy()
            sums.append(np.abs(np.diff(cloth, axis=1)).sum() + np.abs(np.diff(cloth, axis=2)).sum())
        assert variation_ratio(design, template, guide).item() == pytest.approx(sums[0] / sums[1], rel=1e-5)

    def test_identity_and_flat(self) -> None:
        """1 for itself, 0 for a flat design, infinity for a flat template, NaN where both are flat."""
        template, flat = noise(), torch.full((1, 3, 64, 64), 0.4)
        assert variation_ratio(template, template).item() == 1
        assert variation_ratio(flat, template).item() == 0
        assert variation_ratio(template, flat).isposinf()
        assert variation_ratio(flat, flat).isnan()


class TestSeamRatio:
    """Tile borders."""

    def test_known_value(self) -> None:
        """A step of 0.3 at the borders where all others are 0.05 is a ratio of 6, for both directions."""
        ramp = torch.cumsum(torch.tensor([0.05, 0.05, 0.05, 0.3, 0.05, 0.05]), 0)
        picture = ramp.view(1, 1, 1, 6).expand(1, 3, 5, 6)
        assert seam_ratio(picture, [], [3]).item() == pytest.approx(6, rel=1e-5)
        assert seam_ratio(picture.mT, [3], []).item() == pytest.approx(6, rel=1e-5)

    def test_equals_numpy(self) -> None:
        """It is numpy's mean across over its mean elsewhere, directions weighted by their borders."""
        picture, rows, columns = torch.rand(1, 3, 20, 30), [5, 12], [7]
        pixels = picture[0].double().numpy()
        down, right = (np.abs(np.diff(pixels, axis=axis)) for axis in (1, 2))
        across = down[:, [4, 11]].sum() + right[:, :, [6]].sum()
        elsewhere = np.delete(down, [4, 11], 1).mean() * 3 * 2 * 30 + np.delete(right, [6], 2).mean() * 3 * 20
        found = seam_ratio(picture, rows, columns).item()
        assert found == pytest.approx(across / elsewhere, rel=1e-5)

    def test_no_seam(self) -> None:
        """Borders in an even texture give about 1, and stripes along a border are no seam."""
        assert (seam_ratio(noise(4), [32], [20, 40]) - 1).abs().max() < 0.1
        stripes = noise(1, 64, 64, 0.02) + 0.2 * (torch.arange(64)[:, None] % 2)
        assert seam_ratio(stripes.clamp(0, 1), [32], [20, 40]).item() == pytest.approx(1, abs=0.15)

    def test_seam(self) -> None:
        """A seam drawn into a texture gives more than 3, but only where it is asked for."""
        picture = noise(1, 64, 64, 0.02)
        picture[..., 24:] += 0.2
        assert seam_ratio(picture, [], [24]).item() > 3
        assert seam_ratio(picture, [24], [40]).item() < 1.5

    def test_not_defined(self) -> None:
        """Flat: NaN; no border: NaN; nothing but a seam: infinity."""
        flat = torch.full((1, 3, 8, 8), 0.4)
        assert seam_ratio(flat, [4], [4]).isnan()
        assert seam_ratio(noise(1, 8, 8), [], []).isnan()
        assert seam_ratio(noise(1, 2, 8), [1], []).isnan()
        flat[..., 4:] = 0.9
        assert seam_ratio(flat, [], [4]).isposinf()

    @pytest.mark.parametrize("border", [0, 8, -1])
    def test_bad_border(self, border: int) -> None:
        """A border outside the picture is refused, and the valid ones are named."""
        with pytest.raises(PictureError, match=f"before column {border}: give columns from 1 to 7"):
            seam_ratio(noise(1, 9, 8), [1], [border])
