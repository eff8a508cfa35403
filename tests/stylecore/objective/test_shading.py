"""Shading against shadows that were painted on."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from stylecore.objective.shading import FOLDS_SIDE, SHADING_RANGE, folds, shading

HEIGHT, WIDTH = 96, 80
ONES = torch.ones(1, 1, HEIGHT, WIDTH)


def cloth(colour: tuple[float, float, float], light: Tensor | float = 1.0) -> Tensor:
    """Plain cloth under a light."""
    return torch.tensor(colour).view(1, 3, 1, 1) * (light * ONES)


def shadow(darkest: float) -> Tensor:
    """A shadow that falls smoothly across the cloth, from 1 to `darkest`."""
    across = torch.arange(WIDTH) / WIDTH
    return (darkest + (1 - darkest) * (0.5 + 0.5 * torch.cos(3 * torch.pi * across))).expand(
        1, 1, HEIGHT, WIDTH
    )


class TestShading:
    """Light and shadow of the cloth."""

    @pytest.mark.parametrize("darkest", [0.45, 0.6, 0.9])
    @pytest.mark.parametrize("colour", [(0.8, 0.75, 0.7), (0.7, 0.2, 0.2), (0.3, 0.5, 0.8), (0.2, 0.2, 0.25)])
    def test_painted_shadow(self, darkest: float, colour: tuple[float, float, float]) -> None:
        """On plain cloth the shadow that was painted on comes back, relative to its median, whatever the colour."""
        light = shadow(darkest)
        wanted = (light / light.median()).clamp(*SHADING_RANGE)
        torch.testing.assert_close(shading(cloth(colour, light), ONES), wanted, rtol=0, atol=1e-5)

    def test_plain_cloth(self) -> None:
        """Plain cloth in even light has none, with noise or without."""
        torch.testing.assert_close(shading(cloth((0.4, 0.6, 0.3)), ONES), ONES)
        noisy = cloth((0.4, 0.6, 0.3)) + 0.01 * torch.randn(1, 3, HEIGHT, WIDTH)
        assert (shading(noisy, ONES) - 1).abs().max() < 0.1

    def test_brightness_does_not_matter(self) -> None:
        """The same cloth in a darker picture has the same shading."""
        light = shadow(0.6)
        bright, dark = (shading(cloth((0.9, 0.8, 0.8), light * each), ONES) for each in (1.0, 0.4))
        torch.testing.assert_close(bright, dark, rtol=0, atol=1e-4)

    @pytest.mark.parametrize("width", [8, 24, 40])
    @pytest.mark.parametrize("panel", [(0.2, 0.2, 0.2), (0.1, 0.1, 0.4), (0.5, 0.1, 0.1), (0.1, 0.4, 0.1)])
    def test_dark_panel(self, width: int, panel: tuple[float, float, float]) -> None:
        """A dark panel on light cloth is no shadow: within both the shading is 1."""
        picture = cloth((0.85, 0.85, 0.85))
        picture[..., :width] = torch.tensor(panel).view(1, 3, 1, 1)
        picture = picture + 0.01 * torch.randn(
            1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1)
        )
        found = shading(picture, ONES)
        for inside in (found[..., : width - 2], found[..., width + 2 :]):
            assert inside.mean().item() == pytest.approx(1, abs=0.02)
            assert (inside - 1).abs().max() < 0.3

    @pytest.mark.parametrize("luminance", [0.02, 0.04, 0.06])
    def test_noise_of_black_cloth(self, luminance: float) -> None:
        """The noise of black cloth, 5 of 255, is no fold: a print stays evenly lit."""
        noise = torch.randn(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3))
        shade = shading((luminance + 0.02 * noise).clamp(0, 1), ONES)
        assert float(shade.std()) < 0.15
        assert float((shade < 0.6).float().mean()) < 0.01

    def test_border_of_a_panel(self) -> None:
        """A panel's border as a camera sees it, three pixels wide, is no line of light or shadow."""
        picture = cloth((0.85, 0.85, 0.85))
        picture[..., :30] = 0.2
        soft = functional.avg_pool2d(functional.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        torch.testing.assert_close(shading(soft, ONES), ONES, rtol=0, atol=0.02)

    def test_shadow_on_a_panel(self) -> None:
        """A fold over light cloth and dark panel is read on both."""
        light = shadow(0.7)
        picture = cloth((0.9, 0.9, 0.9), light)
        picture[..., :40, :] *= 0.2
        found = shading(picture, ONES)
        # Each panel's median is the fold's own.
        wanted = (light / light.median()).clamp(*SHADING_RANGE)
        for rows in (slice(0, 36), slice(44, HEIGHT)):
            assert (found - wanted)[..., rows, :].abs().max() < 0.02

    def test_only_cloth_counts(self) -> None:
        """What lies around the cloth, black or bright, does not change how its light is read."""
        light, guide = shadow(0.6), torch.zeros(1, 1, HEIGHT, WIDTH)
        guide[..., 10:70] = 1
        inside = guide[0, 0] == 1
        found = []
        for around in (0.0, 0.5, 1.0):
            picture = torch.where(guide > 0, cloth((0.5, 0.6, 0.7), light), around)
            found.append(shading(picture, guide)[..., 2:-2][..., inside[:, 2:-2]])
        wanted = (light / light[..., inside].median()).clamp(*SHADING_RANGE)[..., 2:-2][..., inside[:, 2:-2]]
        for each in found:
            # The rim's outer pixels belong to a soft region with what is around.
            assert ((each - wanted).abs() < 1e-4).float().mean() > 0.95

    @pytest.mark.parametrize(
        "guide", [torch.zeros_like(ONES), functional.pad(torch.ones(1, 1, 1, 2), (0, 78, 0, 95))]
    )
    def test_hardly_any_cloth(self, guide: Tensor) -> None:
        """Without cloth, or with two pixels of it, it is finite and within its range."""
        found = shading(torch.rand(1, 3, HEIGHT, WIDTH), guide)
        assert found.min() >= SHADING_RANGE[0] and found.max() <= SHADING_RANGE[1]

    def test_same_again(self) -> None:
        """The same picture gives the same shading, whatever torch was seeded with."""
        picture = torch.rand(1, 3, HEIGHT, WIDTH)
        first = shading(picture, ONES)
        torch.manual_seed(77)
        assert torch.equal(shading(picture, ONES), first)


class TestFolds:
    """The wide and smooth part of shading."""

    @pytest.mark.parametrize("colour", [(0.8, 0.75, 0.7), (0.7, 0.2, 0.2), (0.3, 0.5, 0.8)])
    def test_a_shadow_comes_back(self, colour: tuple[float, float, float]) -> None:
        """A shadow that falls smoothly across plain cloth is read, whatever the cloth's colour."""
        light = shadow(0.7)
        found = folds(cloth(colour, light), ONES)
        difference = (found - (light / light.median()).clamp(*SHADING_RANGE)).abs()
        assert difference.mean() < 0.02 and difference.max() < 0.1

    @pytest.mark.parametrize("ink", [(0.1, 0.1, 0.1), (0.2, 0.1, 0.5), (0.95, 0.9, 0.2)])
    def test_no_print_is_left(self, ink: tuple[float, float, float]) -> None:
        """Thin lines and a button's disc of any colour leave less than 0.15 in the folds, and less than half."""
        large = torch.ones(1, 1, 288, 240)
        plain = functional.interpolate(
            cloth((0.85, 0.8, 0.75), shadow(0.7)), size=(288, 240), mode="bilinear"
        )
        printed = plain.clone()
        colour = torch.tensor(ink).view(1, 3, 1, 1)
        printed[..., 60:63, 30:210] = colour
        printed[..., 120:270:15, 90:94] = colour
        rows, columns = torch.arange(288)[:, None], torch.arange(240)
        button = ((rows - 180) ** 2 + (columns - 165) ** 2 < 6**2).expand(1, 3, -1, -1)
        printed = torch.where(button, colour, printed)
        left = (shading(printed, large) - shading(plain, large)).abs().max()
        assert left > 0.3
        assert (folds(printed, large) - folds(plain, large)).abs().max() < min(0.15, 0.5 * left)

    def test_panels_are_one_cloth(self) -> None:
        """A dark sleeve on light cloth is no shadow."""
        picture = cloth((0.85, 0.8, 0.9))
        picture[..., :30] = torch.tensor([0.15, 0.1, 0.2]).view(1, 3, 1, 1)
        torch.testing.assert_close(folds(picture, ONES), ONES, rtol=0, atol=0.03)

    def test_at_most_so_large(self) -> None:
        """Folds of a large picture are read small, with its own proportion."""
        found = folds(torch.rand(1, 3, 700, 350), torch.ones(1, 1, 700, 350))
        assert found.shape == (1, 1, FOLDS_SIDE, FOLDS_SIDE // 2)

    def test_large_equals_small(self) -> None:
        """The same garment photographed larger has the same folds."""
        picture = cloth((0.7, 0.6, 0.5), shadow(0.6))
        large = functional.interpolate(picture, scale_factor=3.0, mode="bilinear")
        found = folds(large, torch.ones_like(large[:, :1]))
        small = functional.interpolate(found, size=(HEIGHT, WIDTH), mode="area")
        torch.testing.assert_close(small, folds(picture, ONES), rtol=0, atol=0.03)

    @pytest.mark.parametrize(
        "guide", [torch.zeros_like(ONES), functional.pad(torch.ones(1, 1, 1, 2), (0, 78, 0, 95))]
    )
    def test_hardly_any_cloth(self, guide: Tensor) -> None:
        """Without cloth, or with two pixels of it, folds are finite and within their range."""
        found = folds(torch.rand(1, 3, HEIGHT, WIDTH), guide)
        assert found.min() >= SHADING_RANGE[0] and found.max() <= SHADING_RANGE[1]
