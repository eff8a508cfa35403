"""`stylize` as a whole: pairs that do not touch each other, failures that stay alone, and what it refuses."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylecore.color import match_mean_and_covariance, to_yiq
from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder
from stylecore.errors import EncoderError, PictureError, StylecoreError
from stylecore.objective.evaluation import evaluate_terms
from stylecore.objective.terms import TermValues
from stylecore.painting import lane_context
from stylecore.recipe import Recipe, recipe_from
from stylecore.recipe_values import StyleStatistic
from stylecore.stylization import stylize
from stylecore.tensors import resize

SHALLOW = Recipe(
    pooling="average",
    content_layers=(("relu3_1", 1.0),),
    statistics=(StyleStatistic("gram", layers=(("relu1_1", 0.5), ("relu2_1", 0.5))),),
    content_weight=0.05,
    lighting_weight=0.0,
    shading=0.0,
    start_noise=0.0,
    learning_rate=0.03,
    final_learning_rate=0.003,
    beta_1=0.9,
    beta_2=0.999,
    init="content",
    levels=((0.5, 4), (1.0, 4)),
)
"""A recipe of little work."""


def network(recipe: Recipe, seed: int = 0) -> Encoder:
    """A small network with random weights for a recipe, and without kinks: there, rounding would decide."""
    torch.manual_seed(seed)
    encoder = Encoder("embedded", recipe.layers, "average")
    for index, module in enumerate(encoder.features):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.ReLU):
            encoder.features[index] = nn.Softplus()
    return encoder


def pictures(seed: int, count: int = 4, height: int = 48, width: int = 40) -> Tensor:
    """Smooth pictures with some grain, within 0.1 to 0.9."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 5, generator=generator)
    grain = torch.rand(count, 3, height, width, generator=generator)
    return (0.1 + 0.6 * resize(coarse, (height, width)) + 0.2 * grain).clamp(0.1, 0.9)


ENCODER = network(SHALLOW)
CONTENT, STYLE = pictures(1), pictures(2)
GUIDE = torch.ones(4, 1, 48, 40)
GUIDE[1, :, :, :20] = 0
GUIDE[2, :, 10:] = 0.5


def recipe_with(**fields: Any) -> Recipe:
    """The recipe of little work, but for some fields."""
    return dataclasses.replace(SHALLOW, **fields)


class TestBatch:
    """A batch gives what single runs give."""

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"optimizer": "lbfgs", "levels": ((0.5, 6), (1.0, 6))},
            {"normalisation": "gatys", "content_weight": 1e-5, "style_weight": 100.0},
            {"color": "match", "init": "noise"},
            {"color": "keep", "init": "style"},
            {"variation_exponent": 1, "style_scale": 0.5},
        ],
    )
    def test_batch_equals_singles(self, fields: dict[str, Any]) -> None:
        """Four different pairs come out of one batch as out of four runs, to less than 1e-4 of a pixel's range."""
        recipe = recipe_with(**fields)
        together = stylize(CONTENT, STYLE, recipe, guide=GUIDE, encoder=ENCODER)
        for pair in range(4):
            one = slice(pair, pair + 1)
            alone = stylize(CONTENT[one], STYLE[one], recipe, guide=GUIDE[one], encoder=ENCODER)
            assert (together.picture_B3HW[one] - alone.picture_B3HW).abs().max() < 1e-4
            torch.testing.assert_close(together.history_SB[:, one], alone.history_SB, rtol=1e-3, atol=1e-6)

    @pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
    def test_with_the_packaged_weights(self, optimizer: str) -> None:
        """The same holds for the house recipe's layers and the packaged network, whose kinks round off."""
        recipe = Recipe(levels=((0.5, 20), (1.0, 20)), optimizer=optimizer)
        content, style = pictures(3, 4, 64, 48), pictures(4, 4, 40, 56)
        together = stylize(content, style, recipe)
        for pair in range(4):
            alone = stylize(content[pair : pair + 1], style[pair : pair + 1], recipe)
            assert (together.picture_B3HW[pair] - alone.picture_B3HW[0]).abs().max() < 1e-4

    @pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
    def test_with_the_packaged_weights_in_double(
        self, monkeypatch: pytest.MonkeyPatch, optimizer: str
    ) -> None:
        """Without rounding, through three levels and 40 steps, batch and single runs agree to 1e-7."""
        monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
        # The deepest layer has 2 x 2 values at least; see test_company_does_not_matter.
        recipe = Recipe(levels=((0.5, 16), (0.75, 16), (1.0, 8)), optimizer=optimizer)
        encoder = embedded_encoder(recipe.layers).double()
        content, style = pictures(3, 4, 64, 64), pictures(4, 4, 40, 56)
        together = stylize(content, style, recipe, encoder=encoder)
        assert together.picture_B3HW.dtype == torch.float64
        for pair in range(4):
            alone = stylize(content[pair : pair + 1], style[pair : pair + 1], recipe, encoder=encoder)
            assert (together.picture_B3HW[pair] - alone.picture_B3HW[0]).abs().max() < 1e-7

    @pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
    def test_company_does_not_matter(self, optimizer: str) -> None:
        """Beside three quite different pairs a pair comes out the same, bit for bit."""
        recipe = Recipe(levels=((0.5, 8), (1.0, 8)), optimizer=optimizer)
        encoder, one = embedded_encoder(recipe.layers), slice(2, 3)
        # 96 x 80 pixels leave more than one value of the deepest layer at the first level: oneDNN's backward pass
        # through a convolution of a 1 x 1 map is not the same twice on two threads (torch 2.15, AVX-512).
        first_content, first_style = pictures(1, 4, 96, 80), pictures(2, 4, 96, 80)
        second_content, second_style = 1 - first_content.roll(1, 0), first_style.flip(3) ** 3
        second_content[one], second_style[one] = first_content[one], first_style[one]
        guide = torch.ones(4, 1, 96, 80)
        guide[1, :, :, :40], guide[2, :, 20:] = 0, 0.5
        first = stylize(first_content, first_style, recipe, encoder=encoder, guide=guide)
        second = stylize(
            second_content, second_style, recipe, encoder=encoder, guide=guide[one].expand(4, -1, -1, -1)
        )
        assert torch.equal(first.picture_B3HW[one], second.picture_B3HW[one])
        assert torch.equal(first.history_SB[:, one], second.history_SB[:, one])

    def test_styles_of_different_sizes(self) -> None:
        """Styles may be a list of pictures that differ in size."""
        styles = [pictures(5, 1, 30, 60), pictures(6, 1, 70, 24)]
        together = stylize(CONTENT[:2], styles, SHALLOW, encoder=ENCODER)
        for pair in range(2):
            alone = stylize(CONTENT[pair : pair + 1], styles[pair], SHALLOW, encoder=ENCODER)
            assert (together.picture_B3HW[pair] - alone.picture_B3HW[0]).abs().max() < 1e-4

    def test_order_does_not_matter(self) -> None:
        """The pairs of a batch may come in any order."""
        forth = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER).picture_B3HW
        back = stylize(CONTENT.flip(0), STYLE.flip(0), SHALLOW, encoder=ENCODER).picture_B3HW
        assert (forth - back.flip(0)).abs().max() < 1e-4

    def test_same_again(self) -> None:
        """The same call gives the same pixels."""
        first = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER).picture_B3HW
        assert torch.equal(stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER).picture_B3HW, first)


class TestFailure:
    """A pair that fails, fails alone."""

    def spoil(self, monkeypatch: pytest.MonkeyPatch, call: int, bad: float) -> None:
        """Multiply the loss of pair 1, in a batch of 4, by `bad` at one call and after."""
        calls = 0

        def spoilt(*arguments: Any, **named: Any) -> TermValues:
            nonlocal calls
            calls += 1
            found = evaluate_terms(*arguments, **named)
            if calls < call or len(found["content"]) != 4:
                return found
            factor = torch.tensor([1.0, bad, 1.0, 1.0])
            return TermValues({**found.weighted, "content": found["content"] * factor})

        monkeypatch.setattr(lane_context, "evaluate_terms", spoilt)

    @pytest.mark.parametrize(
        ("call", "reason"),
        [
            (1, "the loss became not a number at level 1 of 2, step 1"),
            (3, "the loss became not a number at level 1 of 2, step 3"),
            (6, "the loss became not a number at level 2 of 2, step 2"),
        ],
    )
    def test_nan_with_adam(self, monkeypatch: pytest.MonkeyPatch, call: int, reason: str) -> None:
        """A loss that becomes NaN is reported with its level and step; the other pairs do not notice."""
        healthy = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER)
        rest = torch.tensor([0, 2, 3])
        without = stylize(CONTENT[rest], STYLE[rest], SHALLOW, encoder=ENCODER)
        self.spoil(monkeypatch, call, float("nan"))
        harmed = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER)
        assert healthy.failures == (None,) * 4
        assert harmed.failures == (None, reason, None, None)
        assert torch.equal(harmed.picture_B3HW[rest], healthy.picture_B3HW[rest])
        assert (harmed.picture_B3HW[rest] - without.picture_B3HW).abs().max() < 1e-4

    def test_nan_with_lbfgs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same for L-BFGS, whose line search would refuse to step there."""
        recipe = recipe_with(optimizer="lbfgs")
        healthy = stylize(CONTENT, STYLE, recipe, encoder=ENCODER)
        self.spoil(monkeypatch, 1, float("nan"))
        harmed = stylize(CONTENT, STYLE, recipe, encoder=ENCODER)
        assert harmed.failures == (None, "the loss became not a number at level 1 of 2, step 1", None, None)
        rest = torch.tensor([0, 2, 3])
        assert (harmed.picture_B3HW[rest] - healthy.picture_B3HW[rest]).abs().max() < 1e-4

    def test_infinite_loss(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A loss that overflows is called infinite."""
        self.spoil(monkeypatch, 8, float("inf"))
        harmed = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER)
        assert harmed.failures[1] == "the loss became infinite at level 2 of 2, step 4"

    def test_first_reason_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A loss that is infinite first and NaN later is called what it was at the step that is named."""
        self.spoil(monkeypatch, 7, float("inf"))
        harmed = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER)
        assert harmed.failures[1] == "the loss became infinite at level 2 of 2, step 3"

    def test_gradient_of_the_last_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A finite loss whose last gradient is NaN is a failure as well."""

        def kinked(*arguments: Any, **named: Any) -> TermValues:
            found, picture = evaluate_terms(*arguments, **named), arguments[3]
            if len(picture) < 4:
                return found
            root = (picture[1] - picture[1].detach()).square().sum().sqrt()
            values = found["content"]
            content = torch.cat([values[:1], values[1:2] + root, values[2:]])
            return TermValues({**found.weighted, "content": content})

        monkeypatch.setattr(lane_context, "evaluate_terms", kinked)
        harmed = stylize(CONTENT, STYLE, recipe_with(levels=((1.0, 1),)), encoder=ENCODER)
        assert [reason is None for reason in harmed.failures] == [True, False, True, True]
        assert "level 1 of 1, the last step" in (harmed.failures[1] or "")

    def test_content_in_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pair that failed has its content as picture, and every picture is in [0, 1]."""
        self.spoil(monkeypatch, 2, float("nan"))
        harmed = stylize(CONTENT, STYLE, recipe_with(color="keep"), encoder=ENCODER)
        assert torch.equal(harmed.picture_B3HW[1], CONTENT[1])
        assert harmed.picture_B3HW.min() >= 0 and harmed.picture_B3HW.max() <= 1

    def test_all_fail(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A batch whose every pair fails still returns, with every reason."""
        monkeypatch.setattr(
            lane_context,
            "evaluate_terms",
            lambda *a, **k: TermValues(
                {name: value * torch.nan for name, value in evaluate_terms(*a, **k).weighted.items()}
            ),
        )
        harmed = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER)
        assert all(reason and "not a number" in reason for reason in harmed.failures)
        assert torch.equal(harmed.picture_B3HW, CONTENT)


class TestInit:
    """What the optimiser starts from."""

    STILL = recipe_with(levels=((1.0, 0),))

    def test_content(self) -> None:
        """Without steps, a start from the content gives the content."""
        assert torch.equal(stylize(CONTENT, STYLE, self.STILL, encoder=ENCODER).picture_B3HW, CONTENT)

    def test_style(self) -> None:
        """A start from a style of the content's size is the style itself."""
        recipe = dataclasses.replace(self.STILL, init="style")
        assert torch.equal(stylize(CONTENT, STYLE, recipe, encoder=ENCODER).picture_B3HW, STYLE)

    @pytest.mark.parametrize("size", [(30, 60), (100, 20), (49, 41), (8, 8)])
    def test_style_of_any_size_covers(self, size: tuple[int, int]) -> None:
        """A style of another size covers the canvas by its middle, not stretched."""
        ramp = torch.linspace(0, 1, size[0]).view(1, 1, -1, 1).expand(1, 3, *size)
        recipe = dataclasses.replace(self.STILL, init="style")
        start = stylize(CONTENT[:1], ramp, recipe, encoder=ENCODER).picture_B3HW
        scale = max(48 / size[0], 40 / size[1])
        slope = (start[0, 0, 30, 20] - start[0, 0, 18, 20]).item() / 12
        assert start.shape == (1, 3, 48, 40)
        assert slope == pytest.approx(1 / ((size[0] - 1) * scale), rel=0.1)
        assert start[0, 0, 23:25].mean().item() == pytest.approx(0.5, abs=0.02)

    def test_noise(self) -> None:
        """Noise is white, the same for every pair and run, and another for another seed."""
        recipe = dataclasses.replace(self.STILL, init="noise", seed=3)
        start = stylize(CONTENT, STYLE, recipe, encoder=ENCODER).picture_B3HW
        assert start.std().item() == pytest.approx(12**-0.5, rel=0.03)
        assert torch.equal(start, start[:1].expand(4, -1, -1, -1))
        torch.manual_seed(99)
        assert torch.equal(stylize(CONTENT[:1], STYLE[:1], recipe, encoder=ENCODER).picture_B3HW, start[:1])
        other = dataclasses.replace(recipe, seed=4)
        assert not torch.equal(stylize(CONTENT, STYLE, other, encoder=ENCODER).picture_B3HW, start)


class TestColor:
    """Whose colours."""

    def test_keep(self) -> None:
        """The design has the content's chroma, and a luminance that is neither's."""
        kept = stylize(CONTENT, STYLE, recipe_with(color="keep"), encoder=ENCODER).picture_B3HW
        inside = ((kept > 0) & (kept < 1)).all(1)
        assert inside.float().mean() > 0.9
        chroma = (to_yiq(kept) - to_yiq(CONTENT))[:, 1:].abs().amax(1)
        assert chroma[inside].max() < 1e-5
        assert (to_yiq(kept) - to_yiq(CONTENT))[:, 0].abs().mean() > 0.01

    def test_match(self) -> None:
        """Matching is stylizing with the style recoloured beforehand."""
        ours = stylize(CONTENT, STYLE, recipe_with(color="match"), guide=GUIDE, encoder=ENCODER)
        recoloured = match_mean_and_covariance(STYLE, CONTENT, GUIDE)
        wanted = stylize(CONTENT, recoloured, SHALLOW, guide=GUIDE, encoder=ENCODER)
        assert (ours.picture_B3HW - wanted.picture_B3HW).abs().max() < 1e-4

    def test_style(self) -> None:
        """A plain red style draws a grey content towards red."""
        grey = torch.full((1, 3, 48, 40), 0.5)
        red = torch.tensor([0.8, 0.2, 0.2]).view(1, 3, 1, 1).expand(1, 3, 48, 40)
        recipe = recipe_with(levels=((1.0, 25),), content_weight=0.0)
        design = stylize(grey, red, recipe, encoder=ENCODER).picture_B3HW.mean((0, 2, 3))
        assert design[0] > 0.55 and design[1] < 0.45 and design[2] < 0.45


class TestGuide:
    """Where it paints."""

    def test_far_outside_nothing_changes(self) -> None:
        """Pixels farther from the guide than any layer sees keep their value; those under it do not."""
        guide = torch.zeros(4, 1, 48, 40)
        guide[..., :12] = 1
        recipe = recipe_with(
            content_layers=(),
            statistics=(StyleStatistic("gram", layers=(("relu1_1", 1.0),)),),
            levels=((1.0, 5),),
        )
        design = stylize(CONTENT, STYLE, recipe, guide=guide, encoder=ENCODER).picture_B3HW
        assert torch.equal(design[..., 13:], CONTENT[..., 13:])
        assert (design[..., :12] - CONTENT[..., :12]).abs().mean() > 0.01

    def test_content_outside_does_not_matter(self) -> None:
        """What stands on the template beyond the guide has no influence on what is under it."""
        guide = torch.zeros(4, 1, 48, 40)
        guide[..., :8] = 1
        other = CONTENT.clone()
        other[..., 32:] = 1 - other[..., 32:]
        recipe = recipe_with(levels=((1.0, 6),))
        one, two = (
            stylize(c, STYLE, recipe, guide=guide, encoder=ENCODER).picture_B3HW for c in (CONTENT, other)
        )
        assert (one[..., :8] - two[..., :8]).abs().max() < 1e-4

    def test_full_guide_is_no_guide(self) -> None:
        """A guide of ones gives what no guide gives."""
        ones = torch.ones(4, 1, 48, 40)
        guided = stylize(CONTENT, STYLE, SHALLOW, guide=ones, encoder=ENCODER).picture_B3HW
        assert torch.equal(guided, stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER).picture_B3HW)

    @pytest.mark.parametrize(
        ("normalisation", "statistics"), [("balanced", ["gram", "patches"]), ("luan", ["gram"])]
    )
    def test_empty_guide(self, normalisation: str, statistics: list[str]) -> None:
        """A pair with an empty guide keeps its content and does not fail, nor disturb the others."""
        guide = torch.ones(4, 1, 48, 40)
        guide[1] = 0
        recipe = recipe_from({"levels": [[1.0, 4]], "normalisation": normalisation, "statistics": statistics})
        result = stylize(CONTENT, STYLE, recipe, guide=guide)
        assert result.failures == (None,) * 4
        assert torch.equal(result.picture_B3HW[1], CONTENT[1])


class TestResult:
    """What comes back."""

    @pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
    def test_shape_and_range(self, optimizer: str) -> None:
        """Pictures of odd sizes come back in their size, in [0, 1], as float32, without a graph."""
        content, style = pictures(7, 2, 65, 63), pictures(8, 2, 33, 47)
        recipe = recipe_with(optimizer=optimizer, levels=((0.25, 3), (0.5, 3), (1.0, 3)))
        picture = stylize(content, style, recipe, encoder=ENCODER).picture_B3HW
        assert picture.shape == content.shape and picture.dtype == torch.float32
        assert picture.min() >= 0 and picture.max() <= 1
        assert not picture.requires_grad

    @pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
    def test_history(self, optimizer: str) -> None:
        """The history has one row for every step of all levels; the loss at the finest level falls."""
        recipe = recipe_with(optimizer=optimizer, levels=((0.5, 5), (1.0, 9)))
        result = stylize(CONTENT, STYLE, recipe, encoder=ENCODER)
        assert result.history_SB.shape == (14, 4)
        assert result.steps == 14 and result.seconds > 0
        assert (result.history_SB[-1] < result.history_SB[5]).all()
        assert (result.terms.total < result.history_SB[5]).all()

    def test_terms(self) -> None:
        """Start terms are the content's own: no content term; the design's total is lower, its style nearer."""
        result = stylize(CONTENT, STYLE, recipe_with(levels=((1.0, 12),)), encoder=ENCODER)
        assert result.start_terms["content"].abs().max() < 1e-9
        torch.testing.assert_close(result.start_terms.total, result.history_SB[0])
        assert (result.terms.total < result.start_terms.total).all()
        assert (result.terms["style"] < result.start_terms["style"]).all()

    @pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
    def test_progress(self, optimizer: str) -> None:
        """The callback counts every step up to the total."""
        calls: list[tuple[int, int]] = []
        recipe = recipe_with(optimizer=optimizer, levels=((0.5, 3), (0.75, 0), (1.0, 2)))
        stylize(
            CONTENT,
            STYLE,
            recipe,
            encoder=ENCODER,
            on_progress=lambda done, total: calls.append((done, total)),
        )
        assert calls == [(n, 5) for n in range(1, 6)]

    def test_beyond_the_canvas(self) -> None:
        """Steps beyond the canvas are counted, told and kept in the history as the others are."""
        calls: list[tuple[int, int]] = []
        recipe = recipe_with(canvas=(48, 40), levels=((0.5, 2), (1.0, 3)), large_steps=4)
        result = stylize(
            pictures(3, 2, 96, 80),
            STYLE[:2],
            recipe,
            encoder=ENCODER,
            on_progress=lambda done, total: calls.append((done, total)),
        )
        assert sorted(set(calls)) == [(n, 9) for n in range(1, 10)]
        assert result.steps == 9 and result.history_SB.shape == (9, 2)
        assert result.history_SB.isfinite().all()
        assert result.picture_B3HW.shape == (2, 3, 96, 80)

    @pytest.mark.parametrize("color", ["style", "keep", "match"])
    def test_callers_tensors_are_not_changed(self, color: str) -> None:
        """Content, style and guide are afterwards what they were."""
        given = CONTENT.clone(), STYLE.clone(), GUIDE.clone()
        result = stylize(given[0], given[1], recipe_with(color=color), guide=given[2], encoder=ENCODER)
        result.picture_B3HW.zero_()
        for ours, before in zip(given, (CONTENT, STYLE, GUIDE), strict=True):
            assert torch.equal(ours, before)

    def test_bfloat16(self) -> None:
        """Features in bfloat16 give nearly the same design, in float32."""
        exact = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER)
        coarse = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER, precision="bfloat16")
        assert coarse.failures == (None,) * 4
        assert coarse.picture_B3HW.dtype == torch.float32
        assert (coarse.picture_B3HW - exact.picture_B3HW).abs().mean() < 0.02

    def test_under_no_grad(self) -> None:
        """It works where the caller has switched gradients off, as one does around inference."""
        wanted = stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER).picture_B3HW
        with torch.no_grad():
            assert torch.equal(stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER).picture_B3HW, wanted)


class TestBadInput:
    """What it refuses, and the remedy it names."""

    @pytest.mark.parametrize(
        ("content", "style", "message"),
        [
            (CONTENT[0], STYLE[:1], r"content has shape \(3, 48, 40\).*x\[None\]"),
            (CONTENT[:1], STYLE[0], r"style 0 has shape \(3, 48, 40\).*x\[None\]"),
            (CONTENT[:, :1], STYLE, r"content has shape .* must be B x 3 x H x W"),
            (CONTENT * 255, STYLE, r"content spans .* must lie in \[0, 1\]"),
            (CONTENT, STYLE - 0.5, r"style 0 spans -.* must lie in \[0, 1\]"),
            ((CONTENT * 255).byte(), STYLE, r"content is torch.uint8.*divide 8-bit values by 255"),
            (CONTENT, [*STYLE[:3].split(1), STYLE[3:].int()], r"style 3 is torch.int32"),
            (CONTENT * torch.nan, STYLE, r"content spans nan"),
            (CONTENT, STYLE[:3], r"4 contents but 3 styles; give one style a content"),
            (CONTENT[:1], [STYLE[:1], STYLE[:1]], r"1 contents but 2 styles"),
            (
                CONTENT[..., :20, :20],
                STYLE,
                r"20 x 20 px is 10 x 10 px at the coarsest level.*drop that level",
            ),
        ],
    )
    def test_bad_pictures(self, content: Tensor, style: Any, message: str) -> None:
        """Wrong shapes, ranges, types and counts are refused with what they are and what to do."""
        with pytest.raises(PictureError, match=message):
            stylize(content, style, SHALLOW, encoder=ENCODER)

    @pytest.mark.parametrize(
        ("guide", "message"),
        [
            (torch.ones(4, 3, 48, 40), r"guide has shape .* must be B x 1 x H x W"),
            (torch.ones(4, 1, 40, 48), r"guide is \(4, 1, 40, 48\), but must be 4 x 1 x 48 x 40"),
            (torch.ones(1, 1, 48, 40), r"guide is \(1, 1, 48, 40\), but must be 4 x 1 x 48 x 40"),
            (torch.ones(4, 1, 48, 40) * 255, r"guide spans 255"),
            (torch.ones(4, 1, 48, 40, dtype=torch.bool), r"guide is torch.bool"),
        ],
    )
    def test_bad_guide(self, guide: Tensor, message: str) -> None:
        """A guide must be one channel of the content's size for every pair."""
        with pytest.raises(PictureError, match=message):
            stylize(CONTENT, STYLE, SHALLOW, guide=guide, encoder=ENCODER)

    def test_two_styles_in_one_tensor_of_a_list(self) -> None:
        """In a list each style is one picture: two in one tensor would be blended unasked."""
        with pytest.raises(PictureError, match="style 0"):
            stylize(CONTENT[:1], [STYLE[:2]], SHALLOW, encoder=ENCODER)

    def test_encoder_is_missing(self) -> None:
        """A recipe for another encoder than the packaged one asks for it."""
        with pytest.raises(EncoderError, match=r"works on 'vgg19': pass it as encoder="):
            stylize(CONTENT, STYLE, recipe_with(encoder="vgg19"))

    @pytest.mark.parametrize(
        "recipe", [recipe_with(encoder="vgg16"), recipe_with(content_layers=(("relu4_2", 1.0),))]
    )
    def test_wrong_encoder(self, recipe: Recipe) -> None:
        """An encoder of another name, or without one of the layers, is refused with what is there."""
        with pytest.raises(
            EncoderError, match="but the encoder is 'embedded' with relu3_1, relu1_1, relu2_1"
        ):
            stylize(CONTENT, STYLE, recipe, encoder=ENCODER)

    def test_unknown_layer(self) -> None:
        """A layer that the packaged encoder lacks is refused with the nearest."""
        with pytest.raises(EncoderError, match="no layer 'relu5_4'"):
            stylize(CONTENT, STYLE, recipe_with(content_layers=(("relu5_4", 1.0),)))

    def test_encoder_with_other_pooling(self) -> None:
        """An encoder that pools otherwise than the recipe says is not the recipe's."""
        with pytest.raises(EncoderError, match="pool"):
            stylize(CONTENT, STYLE, recipe_with(pooling="max"), encoder=ENCODER)

    def test_weight_normalised_is_not_ignored(self) -> None:
        """Without an encoder given, a recipe that asks for normalised weights gets them (or is refused)."""
        plain = stylize(CONTENT, STYLE, SHALLOW).picture_B3HW
        try:
            normalised = stylize(CONTENT, STYLE, recipe_with(weight_normalised=True)).picture_B3HW
        except EncoderError:
            return
        assert not torch.equal(plain, normalised)

    def test_unknown_precision(self) -> None:
        """A precision that is neither float32 nor bfloat16 is refused, not taken for float32."""
        with pytest.raises(StylecoreError, match="bfloat16"):
            stylize(CONTENT, STYLE, SHALLOW, encoder=ENCODER, precision="bf16")
