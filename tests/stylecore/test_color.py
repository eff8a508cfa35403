"""Colour policies against scikit-image, scipy and closed forms."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from skimage.color import rgb2yiq, yiq2rgb

from stylecore.color import (
    from_yiq,
    luminance,
    match_luminance,
    match_mean_and_covariance,
    recolour,
    to_yiq,
    with_chroma_of,
)


def coloured(
    seed: int, mean: tuple[float, float, float], spread: float = 0.05, size: int = 40
) -> torch.Tensor:
    """A picture of correlated noise about a mean, that stays well inside [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(3, 3, generator=generator)
    mixing = mixing / mixing.norm(dim=1, keepdim=True)
    noise = torch.randn(1, 3, size, size, generator=generator).clamp(-2.5, 2.5)
    picture = torch.tensor(mean).view(1, 3, 1, 1) + spread * torch.einsum("kc,bchw->bkhw", mixing, noise)
    assert picture.min() > 0 and picture.max() < 1
    return picture


def moments(picture: torch.Tensor, guide: torch.Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of a picture's colours (or of those where the guide is 1), by numpy."""
    pixels = picture[0].flatten(1).double().numpy()
    if guide is not None:
        pixels = pixels[:, guide.flatten().numpy() == 1]
    return pixels.mean(1), np.cov(pixels, bias=True)


class TestYiq:
    """Luminance and chroma."""

    def test_equals_skimage(self) -> None:
        """Both ways are scikit-image's, but for the rounding of its coefficients."""
        picture = torch.rand(1, 3, 9, 7)
        wanted = rgb2yiq(picture[0].permute(1, 2, 0).numpy())
        yiq = to_yiq(picture)
        np.testing.assert_allclose(yiq[0].permute(1, 2, 0).numpy(), wanted, atol=2e-4)
        back = yiq2rgb(yiq[0].permute(1, 2, 0).double().numpy())
        np.testing.assert_allclose(from_yiq(yiq)[0].permute(1, 2, 0).numpy(), back, atol=5e-4)

    def test_round_trip(self) -> None:
        """There and back gives the picture, for every pair of a batch."""
        picture = torch.rand(3, 3, 9, 7)
        torch.testing.assert_close(from_yiq(to_yiq(picture)), picture, rtol=0, atol=2e-6)

    def test_grey_has_no_chroma(self) -> None:
        """Grey has its own value as luminance and no chroma."""
        yiq = to_yiq(torch.full((1, 3, 2, 2), 0.3))
        torch.testing.assert_close(yiq[:, 0], torch.full((1, 2, 2), 0.3))
        assert yiq[:, 1:].abs().max() < 1e-6

    def test_luminance(self) -> None:
        """Luminance is a picture of three equal channels with the NTSC weights."""
        grey = luminance(torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1))
        assert grey.shape == (1, 3, 1, 1)
        torch.testing.assert_close(grey.flatten(), torch.full((3,), 0.299 + 0.587 / 2 + 0.114 / 4))


class TestWithChromaOf:
    """Whose luminance, whose chroma."""

    def test_known_parts(self) -> None:
        """The luminance is the design's, the chroma the content's."""
        design, content = coloured(1, (0.5, 0.45, 0.55)), coloured(2, (0.6, 0.5, 0.4))
        mixed = to_yiq(with_chroma_of(design, content))
        torch.testing.assert_close(mixed[:, :1], to_yiq(design)[:, :1], rtol=0, atol=1e-5)
        torch.testing.assert_close(mixed[:, 1:], to_yiq(content)[:, 1:], rtol=0, atol=1e-5)

    def test_content_keeps_itself(self) -> None:
        """A content with its own chroma is itself."""
        content = torch.rand(2, 3, 8, 8)
        torch.testing.assert_close(with_chroma_of(content, content), content, rtol=0, atol=2e-6)

    def test_range(self) -> None:
        """White luminance on saturated chroma stays in [0, 1]."""
        content = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
        mixed = with_chroma_of(torch.ones(1, 3, 1, 1), content)
        assert mixed.min() >= 0 and mixed.max() <= 1


class TestMatchLuminance:
    """The style's luminance at the content's level."""

    @pytest.mark.parametrize(("spread", "gain"), [(0.06, 1.5), (0.04, 1.0), (0.004, 0.5), (0.12, 2.0)])
    def test_mean_and_spread(self, spread: float, gain: float) -> None:
        """The mean becomes the content's; the spread as well, but the gain stays in 0.5 to 2."""
        noise = torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)).clamp(-2.5, 2.5)
        noise = (noise - noise.mean()) / noise.std(correction=0)
        style = (0.5 + 0.04 * noise).expand(1, 3, -1, -1)
        content = (0.6 + spread * noise.flip(2)).expand(1, 3, -1, -1)
        matched = match_luminance(style, content, torch.ones(1, 1, 40, 40))
        assert matched.shape == style.shape
        torch.testing.assert_close(
            matched, (0.6 + 0.04 * gain * noise).expand(1, 3, -1, -1), rtol=0, atol=1e-4
        )

    def test_guide(self) -> None:
        """Only the content under the guide counts."""
        content, guide = torch.full((1, 3, 8, 8), 0.9), torch.zeros(1, 1, 8, 8)
        content[..., :4], guide[..., :4] = 0.3, 1
        assert match_luminance(coloured(0, (0.5, 0.5, 0.5)), content, guide).mean().item() == pytest.approx(
            0.3, abs=1e-4
        )

    def test_one_colour_style(self) -> None:
        """A style of one colour becomes the content's mean luminance, not NaN."""
        matched = match_luminance(
            torch.full((1, 3, 8, 8), 0.2), torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
        )
        assert matched.isfinite().all() and matched.std() < 1e-3


class TestMatchMeanAndCovariance:
    """The style recoloured."""

    STYLE, CONTENT = coloured(1, (0.3, 0.5, 0.6)), coloured(2, (0.6, 0.5, 0.4))

    def test_moments(self) -> None:
        """The recoloured style has the content's mean and covariance."""
        mean, covariance = moments(match_mean_and_covariance(self.STYLE, self.CONTENT))
        wanted_mean, wanted_covariance = moments(self.CONTENT)
        np.testing.assert_allclose(mean, wanted_mean, atol=1e-4)
        np.testing.assert_allclose(covariance, wanted_covariance, atol=2e-5)

    def test_formula(self) -> None:
        """It is A x + b with A = Sc^1/2 Ss^-1/2, as scipy computes it."""
        (mean_s, covariance_s), (mean_c, covariance_c) = moments(self.STYLE), moments(self.CONTENT)
        a = sqrtm(covariance_c) @ np.linalg.inv(sqrtm(covariance_s))
        wanted = a @ (self.STYLE[0].flatten(1).numpy() - mean_s[:, None]) + mean_c[:, None]
        ours = match_mean_and_covariance(self.STYLE, self.CONTENT)[0].flatten(1).numpy()
        assert wanted.min() > 0 and wanted.max() < 1
        np.testing.assert_allclose(ours, wanted, atol=5e-4)

    def test_guide(self) -> None:
        """With a guide, mean and covariance are those of the content under it."""
        content, guide = self.CONTENT.clone(), torch.zeros(1, 1, 40, 40)
        guide[..., 5:30, 8:33] = 1
        content[:, 0] = torch.where(guide[:, 0] == 1, content[:, 0], torch.rand(1, 40, 40))
        mean, covariance = moments(match_mean_and_covariance(self.STYLE, content, guide))
        wanted_mean, wanted_covariance = moments(content, guide)
        np.testing.assert_allclose(mean, wanted_mean, atol=1e-4)
        np.testing.assert_allclose(covariance, wanted_covariance, atol=2e-5)

    def test_own_colours(self) -> None:
        """Matched to itself, a style stays as it is."""
        torch.testing.assert_close(
            match_mean_and_covariance(self.STYLE, self.STYLE), self.STYLE, rtol=0, atol=1e-4
        )

    def test_batch_equals_singles(self) -> None:
        """Each pair of a batch is matched by itself."""
        styles, contents = torch.cat([self.STYLE, self.CONTENT]), torch.cat([self.CONTENT, self.STYLE])
        both = match_mean_and_covariance(styles, contents)
        for pair in range(2):
            single = match_mean_and_covariance(styles[pair : pair + 1], contents[pair : pair + 1])
            torch.testing.assert_close(both[pair : pair + 1], single, rtol=0, atol=1e-5)

    def test_nearly_one_colour_style(self) -> None:
        """The noise of a style of nearly one colour is amplified by 8 at most."""
        noise = 1e-3 * torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
        matched = match_mean_and_covariance(0.5 + noise, coloured(4, (0.5, 0.5, 0.5), 0.09))
        _, covariance = moments(matched)
        assert np.sqrt(np.linalg.eigvalsh(covariance)[-1]) < 8 * 1e-3 * 1.1

    @pytest.mark.parametrize("one", ["style", "content", "both"])
    def test_exactly_one_colour(self, one: str) -> None:
        """A single colour on either side gives numbers, and the content's mean."""
        style = torch.full((1, 3, 8, 8), 0.4) if one in ("style", "both") else self.STYLE
        content = torch.full((1, 3, 8, 8), 0.7) if one in ("content", "both") else self.CONTENT
        mean, _ = moments(match_mean_and_covariance(style, content))
        np.testing.assert_allclose(mean, moments(content)[0], atol=1e-3)

    def test_range(self) -> None:
        """Colours that would leave [0, 1] are cut there."""
        matched = match_mean_and_covariance(
            torch.rand(1, 3, 20, 20), (torch.rand(1, 3, 20, 20) > 0.5).float()
        )
        assert matched.min() == 0 and matched.max() == 1


class TestRecolour:
    """A content in a style's colours."""

    CONTENT, STYLE = coloured(1, (0.45, 0.5, 0.5)), coloured(2, (0.6, 0.45, 0.35))
    ONES = torch.ones(1, 1, 40, 40)

    def test_mean(self) -> None:
        """Under the guide the mean colour is the style's."""
        guide = torch.zeros(1, 1, 40, 40)
        guide[..., 5:30, 8:33] = 1
        content = torch.where(guide > 0, self.CONTENT, torch.rand(1, 3, 40, 40))
        mean, _ = moments(recolour(content, self.STYLE, guide), guide)
        np.testing.assert_allclose(mean, moments(self.STYLE)[0], atol=1e-4)

    def test_soft_guide(self) -> None:
        """A soft guide counts by its weights."""
        guide = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(4))
        found = recolour(self.CONTENT, self.STYLE, guide)
        mean = np.average(
            found[0].flatten(1).double().numpy(), axis=1, weights=guide.flatten().double().numpy()
        )
        np.testing.assert_allclose(mean, moments(self.STYLE)[0], atol=1e-4)

    def spreads(self, picture: torch.Tensor) -> np.ndarray:
        """Standard deviations of luminance and chroma."""
        return np.sqrt(np.diag(moments(to_yiq(picture))[1]))

    def test_spread(self) -> None:
        """Where the style spreads a little more or less, luminance takes its spread, and chroma if it is less."""
        style = 0.5 + 0.8 * (self.CONTENT.flip(2) - 0.5)
        np.testing.assert_allclose(
            self.spreads(recolour(self.CONTENT, style, self.ONES)),
            0.8 * self.spreads(self.CONTENT),
            rtol=1e-3,
        )

    @pytest.mark.parametrize(
        ("ratio", "light", "chroma"), [(0.1, 0.5, 0.1), (0.5, 0.5, 0.5), (1.2, 1.2, 1.0), (4.0, 1.5, 1.0)]
    )
    def test_gains(self, ratio: float, light: float, chroma: float) -> None:
        """Luminance spreads by 0.5 to 1.5, so that folds stay; chroma never more than it did."""
        content = 0.5 + 0.4 * (self.CONTENT - 0.5)
        style = 0.5 + ratio * (content.flip(2) - 0.5)
        gains = self.spreads(recolour(content, style, self.ONES)) / self.spreads(content)
        np.testing.assert_allclose(gains, [light, chroma, chroma], rtol=2e-2)

    @pytest.mark.parametrize("noise", [1e-4, 1e-3, 1e-2])
    def test_noise_of_plain_cloth(self, noise: float) -> None:
        """A plain garment's noise grows by 1.5 at most in luminance, and not at all in chroma."""
        grain = noise * torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
        plain = torch.tensor([0.5, 0.45, 0.5]).view(1, 3, 1, 1) + grain
        lively = torch.rand(1, 3, 50, 30, generator=torch.Generator().manual_seed(5))
        gains = self.spreads(recolour(plain, lively, self.ONES)) / self.spreads(plain)
        assert gains[0] <= 1.501
        assert (gains[1:] <= 1.001).all()

    def test_empty_guide(self) -> None:
        """Without cloth the content stays as it is, and the other pair of the batch does not notice."""
        content, style = torch.cat([self.CONTENT] * 2), torch.cat([self.STYLE] * 2)
        guide = torch.cat([0 * self.ONES, self.ONES])
        found = recolour(content, style, guide)
        assert torch.equal(found[:1], self.CONTENT)
        torch.testing.assert_close(
            found[1:], recolour(self.CONTENT, self.STYLE, self.ONES), rtol=0, atol=1e-6
        )

    def test_to_itself(self) -> None:
        """In its own colours a content is itself."""
        torch.testing.assert_close(
            recolour(self.CONTENT, self.CONTENT, self.ONES), self.CONTENT, rtol=0, atol=1e-5
        )

    def test_edges_stay_where_they_are(self) -> None:
        """Every pixel's luminance is one rising function of what it was: no fold or seam is lost or moved."""
        before = to_yiq(self.CONTENT)[:, 0].flatten()
        after = to_yiq(recolour(self.CONTENT, self.STYLE, self.ONES))[:, 0].flatten()
        assert torch.corrcoef(torch.stack([before, after]))[0, 1] > 0.9999

    @pytest.mark.parametrize("one", ["style", "content"])
    def test_range_and_single_colours(self, one: str) -> None:
        """Extreme pictures and single colours give numbers in [0, 1]."""
        black_and_white = (torch.rand(1, 3, 20, 20) > 0.5).float()
        plain = torch.full((1, 3, 20, 20), 0.98)
        pictures = (black_and_white, plain) if one == "style" else (plain, black_and_white)
        found = recolour(*pictures, torch.ones(1, 1, 20, 20))
        assert found.min() >= 0 and found.max() <= 1
