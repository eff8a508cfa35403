"""What a level sees of content and style, what it starts from, and what is made of its end."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from stylecore import color
from stylecore.painting.initialization import (
    carried,
    content_at,
    finished,
    recoloured_style,
    start_at,
    style_at,
)
from stylecore.painting.printing import printed
from stylecore.painting.pyramid import SMALLEST, Level, scaled
from stylecore.recipe import Recipe
from stylecore.tensors import resize, size_of
from tests.stylecore.test_stylization import pictures

FINEST, HALF = Level(1.0, (48, 40), 5), Level(0.5, (24, 20), 5)
CONTENT, STYLE = pictures(1, 1), pictures(2, 1, 60, 32)
GUIDE = torch.zeros(1, 1, 48, 40)
GUIDE[..., 5:40, 4:30] = 1
PARTS = torch.cat([GUIDE * (torch.arange(40) < 15), GUIDE * (torch.arange(40) >= 15)], 1)


def recipe(**fields: Any) -> Recipe:
    """The house recipe but for some fields."""
    return dataclasses.replace(Recipe(), **fields)


def start(level: Level = FINEST, guide: Tensor = GUIDE, repeat: str = "mirror", **fields: Any) -> Tensor:
    """The start of the pair here."""
    return start_at(STYLE, CONTENT, guide, recipe(**fields), level, repeat)


class TestContent:
    """What a level sees of the content."""

    def test_finest(self) -> None:
        """At the finest level it is the content itself, and luminance where its colours are kept."""
        assert torch.equal(content_at(CONTENT, recipe(), FINEST), CONTENT)
        torch.testing.assert_close(
            content_at(CONTENT, recipe(color="keep"), FINEST), color.luminance(CONTENT)
        )

    def test_coarser(self) -> None:
        """At a coarser level it is shrunk without aliasing: a chequered pattern becomes grey; never outside [0, 1]."""
        board = ((torch.arange(48)[:, None] + torch.arange(40)) % 2).float().expand(1, 3, -1, -1)
        seen = content_at(board, recipe(), Level(0.25, (12, 10), 1))
        assert seen.shape == (1, 3, 12, 10)
        assert (seen[..., 2:-2, 2:-2] - 0.5).abs().max() < 0.05
        edge = torch.zeros(1, 3, 48, 40)
        edge[..., 20:] = 1
        seen = content_at(edge, recipe(), HALF)
        assert seen.min() == 0 and seen.max() == 1


class TestStyle:
    """What a level sees of the style."""

    def test_shrinks_with_the_canvas(self) -> None:
        """At half the canvas the style is half as large, so that motifs keep their size on the garment."""
        assert torch.equal(style_at(STYLE, CONTENT, GUIDE, recipe(), FINEST), STYLE)
        assert size_of(style_at(STYLE, CONTENT, GUIDE, recipe(), HALF)) == (30, 16)

    @pytest.mark.parametrize("size", [(10, 30), (200, 12), (5, 5), (60, 32)])
    def test_not_below_what_layers_need(self, size: tuple[int, int]) -> None:
        """A small style stays large enough for the deepest layer, and keeps its proportions."""
        level = Level(0.25, (12, 10), 1)
        found = size_of(style_at(torch.rand(1, 3, *size), CONTENT, GUIDE, recipe(), level))
        assert min(found) >= SMALLEST
        # A side of a few pixels is rounded before it grows.
        assert found[0] / found[1] == pytest.approx(size[0] / size[1], rel=0.35)

    @pytest.mark.parametrize(
        ("scale", "enlarged", "wanted"),
        [
            (1.0, 1.0, (120, 64)),
            (0.5, 1.0, (60, 32)),
            (1.0, 4.0, (120, 64)),
            (0.5, 4.0, (120, 64)),
            (0.25, 4.0, (120, 64)),
            (0.25, 2.0, (60, 32)),
            (0.125, 4.0, (60, 32)),
        ],
    )
    def test_too_small_for_the_canvas(self, scale: float, enlarged: float, wanted: tuple[int, int]) -> None:
        """A style that is not given as large as it should be shrinks only where that would still be too large."""
        style, level = pictures(2, 1, 120, 64), Level(scale, scaled((48, 40), scale), 5)
        found = style_at(style, CONTENT, GUIDE, recipe(), level, enlarged)
        assert size_of(found) == wanted
        assert (wanted == (120, 64)) == torch.equal(found, style)

    @pytest.mark.parametrize("guide", [GUIDE, PARTS])
    def test_policies(self, guide: Tensor) -> None:
        """Its colours are its own, or matched under the cloth, or luminance alone, whatever the parts."""
        wanted = {
            "style": STYLE,
            "match": color.match_mean_and_covariance(STYLE, CONTENT, GUIDE),
            "keep": color.match_luminance(STYLE, color.luminance(CONTENT), GUIDE),
        }
        for policy, picture in wanted.items():
            found = recoloured_style(STYLE, CONTENT, guide, recipe(color=policy))
            torch.testing.assert_close(found, picture)
            seen = style_at(STYLE, CONTENT, guide, recipe(color=policy), FINEST)
            torch.testing.assert_close(seen, picture.clamp(0, 1))


class TestStart:
    """What the optimiser starts from."""

    def test_content(self) -> None:
        """With init = content: what the level sees of the content."""
        for level in (FINEST, HALF):
            for policy in ("style", "keep"):
                found = start(level, init="content", color=policy)
                torch.testing.assert_close(found, content_at(CONTENT, recipe(color=policy), level))

    @pytest.mark.parametrize("guide", [GUIDE, PARTS])
    def test_recoloured(self, guide: Tensor) -> None:
        """With init = recoloured: the content in the style's colours, under the cloth of all parts."""
        wanted = color.recolour(CONTENT, STYLE, GUIDE)
        torch.testing.assert_close(start(guide=guide, init="recoloured"), wanted)
        wanted = resize(wanted, (24, 20)).clamp(0, 1)
        torch.testing.assert_close(start(HALF, guide, init="recoloured"), wanted)

    def test_shaded(self) -> None:
        """With init = shaded: the style's mean colour under the garment's folds, whatever is printed on it."""
        folds = 0.7 + 0.3 * torch.linspace(0, 1, 48).view(1, 1, 48, 1).expand(1, 1, 48, 40)
        plain = torch.tensor([0.9, 0.8, 0.7]).view(1, 3, 1, 1) * folds
        printed_on = plain.clone()
        printed_on[..., 10:20, 10:30] *= torch.tensor([0.2, 0.3, 0.9]).view(1, 3, 1, 1)
        ones, style = torch.ones(1, 1, 48, 40), torch.full((1, 3, 20, 20), 0.4)
        style[:, 1] = 0.5
        for content in (plain, printed_on):
            found = start_at(style, content, ones, recipe(init="shaded"), FINEST)
            light = found[:, :1] / 0.4
            torch.testing.assert_close(found[:, 1], found[:, 0] * 0.5 / 0.4)
            # At a print's border its colour and the cloth's are mixed in one pixel.
            difference = (light / light.mean() - folds / folds.mean()).abs()
            assert difference.quantile(0.93) < 0.1

    @pytest.mark.parametrize("policy", ["keep", "match"])
    def test_recoloured_by_policy(self, policy: str) -> None:
        """A start in the style's colours is in those that the policy gives it: grey, or the content's own mean."""
        found = start(init="recoloured", color=policy)
        if policy == "keep":
            assert (found - found[:, :1]).abs().max() < 1e-5
        inside = GUIDE[0, 0] == 1
        wanted = content_at(CONTENT, recipe(color=policy), FINEST)[..., inside].mean(-1)
        torch.testing.assert_close(found[..., inside].mean(-1), wanted, rtol=0, atol=0.02)

    @pytest.mark.parametrize("repeat", ["full-drop", "half-brick", "mirror"])
    def test_print(self, repeat: str) -> None:
        """With init = print: the style printed in its repeat at the finest size, then seen by the level."""
        wanted = printed(STYLE, CONTENT, GUIDE, repeat)
        torch.testing.assert_close(start(repeat=repeat, init="print"), wanted)
        found = start(HALF, repeat=repeat, init="print")
        torch.testing.assert_close(found, resize(wanted, (24, 20)).clamp(0, 1))

    @pytest.mark.parametrize("enlarged", [1.0, 1.5, 2.0])
    def test_print_of_a_style_too_small(self, enlarged: float) -> None:
        """A style that would have to be so many times larger is printed so many times larger, and so repeats."""
        motif, flat = pictures(4, 1, 12, 10), torch.full((1, 3, 48, 40), 0.5)
        found = start_at(motif, flat, GUIDE, recipe(init="print"), FINEST, "full-drop", enlarged)
        down, right = round(12 * enlarged), round(10 * enlarged)
        torch.testing.assert_close(found[..., down:, :], found[..., :-down, :], rtol=0, atol=1e-4)
        torch.testing.assert_close(found[..., right:], found[..., :-right], rtol=0, atol=1e-4)
        bilinear = torch.nn.functional.interpolate(motif, size=(down, right), mode="bilinear")
        # At its rim a tile is mixed with the next one.
        inner = (..., slice(2, down - 2), slice(2, right - 2))
        torch.testing.assert_close(found[inner], bilinear[inner], rtol=0, atol=1e-4)

    def test_repeat_counts(self) -> None:
        """Another repeat is another print."""
        assert (
            start(repeat="full-drop", init="print") - start(repeat="mirror", init="print")
        ).abs().max() > 0.1

    def test_noise(self) -> None:
        """With init = noise: the seed's noise, whatever the pair, and whatever torch was seeded with."""
        first = start(init="noise", seed=3)
        torch.manual_seed(99)
        other = start_at(1 - STYLE, 1 - CONTENT, GUIDE, recipe(init="noise", seed=3), FINEST)
        assert torch.equal(first, other)
        assert (first - start(init="noise", seed=4)).abs().mean() > 0.2
        assert first.mean().item() == pytest.approx(0.5, abs=0.02)
        assert first.std().item() == pytest.approx(12**-0.5, rel=0.05)

    def test_style(self) -> None:
        """With init = style: the style covers the canvas by its middle, not stretched."""
        style = torch.linspace(0, 1, 96).view(1, 1, 96, 1).expand(1, 3, 96, 40)
        found = start_at(style, CONTENT, GUIDE, recipe(init="style"), FINEST)
        torch.testing.assert_close(found, style[..., 24:72, :])

    @pytest.mark.parametrize("init", ["content", "recoloured", "shaded", "print", "noise", "style"])
    @pytest.mark.parametrize("policy", ["style", "keep", "match"])
    def test_range_and_shape(self, init: str, policy: str) -> None:
        """Every start of every policy is a picture of the level's size in [0, 1], also without any cloth."""
        extreme = (torch.rand(1, 3, 48, 40) > 0.5).float()
        for guide in (GUIDE, torch.zeros_like(GUIDE), PARTS):
            for level in (FINEST, HALF):
                found = start_at(STYLE, extreme, guide, recipe(init=init, color=policy), level)
                assert found.shape == (1, 3, *level.size)
                assert found.min() >= 0 and found.max() <= 1


class TestCarried:
    """A level's picture in the next one's size."""

    PICTURE = 0.2 + 0.6 * resize(torch.rand(1, 3, 5, 4, generator=torch.Generator().manual_seed(5)), (24, 20))

    def test_its_own_start_again(self) -> None:
        """A start that went through a smaller size unpainted comes out as itself, every thread of it."""
        torch.testing.assert_close(carried(resize(CONTENT, (24, 20)), CONTENT), CONTENT, rtol=0, atol=1e-6)

    @pytest.mark.parametrize("size", [(48, 40), (43, 36), (30, 25)])
    def test_shrinks_to_the_picture(self, size: tuple[int, int]) -> None:
        """What is added is finer than the picture: shrunk again, it is the picture."""
        found = carried(self.PICTURE, resize(CONTENT, size).clamp(0, 1))
        assert size_of(found) == size
        again = resize(found, (24, 20))
        assert (again - self.PICTURE).abs().max() < 0.05
        assert (again - self.PICTURE).abs().mean() < 0.01

    def test_seams_come_along(self) -> None:
        """A line one pixel wide, of which a smaller picture knows nothing, keeps more than half its contrast."""
        start = torch.full((1, 3, 48, 40), 0.5)
        start[..., 17] = 0.2
        found = carried(torch.full((1, 3, 24, 20), 0.6), start)
        contrast = found[..., 25:].mean() - found[..., 17].mean()
        assert 0.5 * 0.3 < contrast.item() <= 0.3
        assert found[..., 25:].mean().item() == pytest.approx(0.6, abs=0.01)

    @pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
    def test_nothing_finer(self, value: float) -> None:
        """A start without detail adds nothing."""
        found = carried(self.PICTURE, torch.full((1, 3, 48, 40), value))
        torch.testing.assert_close(found, resize(self.PICTURE, (48, 40)).clamp(0, 1), rtol=0, atol=1e-6)

    def test_range(self) -> None:
        """Black and white grain on black and white stays in [0, 1]."""
        picture, start = ((torch.rand(1, 3, *size) > 0.5).float() for size in ((24, 20), (48, 40)))
        found = carried(picture, start)
        assert found.min() == 0 and found.max() == 1


class TestFinished:
    """What is made of the last picture."""

    def test_failed(self) -> None:
        """A pair that failed has its content, in its own colours."""
        for policy in ("style", "keep", "match"):
            assert torch.equal(finished(STYLE, CONTENT, recipe(color=policy), "why"), CONTENT)

    def test_keep(self) -> None:
        """Kept colours: the picture's luminance and the content's chroma; else the picture as it is."""
        design = pictures(3, 1)
        kept = color.to_yiq(finished(design, CONTENT, recipe(color="keep"), None))
        inside = (color.from_yiq(kept) > 0.001).all(1) & (color.from_yiq(kept) < 0.999).all(1)
        assert inside.float().mean() > 0.8
        assert (kept[:, 0] - color.to_yiq(design)[:, 0])[inside].abs().max() < 1e-4
        assert (kept[:, 1:] - color.to_yiq(CONTENT)[:, 1:]).abs().amax(1)[inside].max() < 1e-4
        for policy in ("style", "match"):
            assert torch.equal(finished(design, CONTENT, recipe(color=policy), None), design)
