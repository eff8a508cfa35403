"""Fitting a garment to the canvas and laying it back: nothing is stretched, nothing outside is touched."""

import pytest
import torch
from torch.nn import functional

from stylecore.color import luminance
from stylecore.objective.guides import bounding_box
from stylecore.painting.canvas import Placement, fit, fit_style, place_back

Size = tuple[int, int]


def smooth(size: Size, seed: int = 0) -> torch.Tensor:
    """A picture without fine detail, within 0.2 to 0.8."""
    coarse = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    return 0.2 + 0.6 * functional.interpolate(coarse, size=size, mode="bilinear", align_corners=True)


def disc(size: Size, centre: tuple[float, float], radius: float) -> torch.Tensor:
    """A guide of one disc."""
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    return (((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) <= radius**2).float()[None, None]


CASES = [
    pytest.param((200, 300), (100, 150), 60, (96, 80), id="room on all sides"),
    pytest.param((301, 203), (150, 101), 101, (96, 80), id="odd, touches the sides"),
    pytest.param((120, 400), (60, 200), 59, (96, 80), id="wide template"),
    pytest.param((400, 120), (200, 60), 59, (64, 128), id="wide canvas"),
    pytest.param((200, 200), (40, 45), 40, (97, 81), id="corner, odd canvas"),
    pytest.param((50, 40), (25, 20), 18, (96, 80), id="template smaller than the canvas"),
]


class TestFit:
    """The garment on its canvas."""

    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), CASES)
    def test_circle_stays_a_circle(self, size: Size, centre: Size, radius: int, canvas: Size) -> None:
        """A disc stays as high as wide, keeps its share of its box, and lies inside the canvas whole."""
        guide = disc(size, centre, radius)
        fitted = fit(smooth(size), guide, canvas).guide
        assert fitted.shape == (1, 1, *canvas)
        top, left, bottom, right = bounding_box((fitted[0] > 0.5).float())
        assert abs((bottom - top) - (right - left)) <= 2
        scale = (bottom - top) / (2 * radius + 1)
        assert fitted.sum().item() == pytest.approx(guide.sum().item() * scale**2, rel=0.06)

    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), CASES)
    def test_one_scale_for_both_sides(self, size: Size, centre: Size, radius: int, canvas: Size) -> None:
        """Crop and inner part have the same proportion, to within the rounding to whole pixels."""
        placement = fit(smooth(size), disc(size, centre, radius), canvas).placement
        top, left, bottom, right = placement.crop
        a, b, c, d = placement.inner
        scale = max((c - a) / (bottom - top), (d - b) / (right - left))
        assert abs((bottom - top) * scale - (c - a)) <= 1
        assert abs((right - left) * scale - (d - b)) <= 1
        assert c - a == canvas[0] or d - b == canvas[1]

    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), CASES)
    def test_crop_holds_the_garment(self, size: Size, centre: Size, radius: int, canvas: Size) -> None:
        """The crop lies inside the template and holds all of the guide."""
        guide = disc(size, centre, radius)
        top, left, bottom, right = fit(smooth(size), guide, canvas).placement.crop
        assert 0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]
        assert guide[..., top:bottom, left:right].sum() == guide.sum()

    def test_margin(self) -> None:
        """The margin is a share of the garment's longer side, on every side of it."""
        guide = torch.zeros(1, 1, 400, 400)
        guide[..., 150:250, 160:240] = 1
        crop = fit(smooth((400, 400)), guide, (120, 100), margin=0.1).placement.crop
        assert crop == (140, 150, 260, 250)

    def test_crop_is_widened_to_the_canvas(self) -> None:
        """Where the template has room the crop takes the canvas's own proportion, so that nothing is padding."""
        guide = torch.zeros(1, 1, 400, 400)
        guide[..., 100:300, 190:210] = 1
        fitted = fit(smooth((400, 400)), guide, (100, 100), margin=0.0)
        assert fitted.placement == Placement((100, 100, 300, 300), (0, 0, 100, 100))

    def test_padding(self) -> None:
        """Padding repeats the rim's pixels, and the guide is 0 there."""
        fitted = fit(smooth((120, 400)), torch.ones(1, 1, 120, 400), (96, 80))
        a, b, c, d = fitted.placement.inner
        assert (b, d) == (0, 80) and a > 20 and c < 76
        assert (fitted.guide[..., :a, :] == 0).all() and (fitted.guide[..., c:, :] == 0).all()
        assert (fitted.guide[..., a:c, b:d] - 1).abs().max() < 1e-6
        assert torch.equal(
            fitted.content[..., :a, :], fitted.content[..., a : a + 1, :].expand(-1, -1, a, -1)
        )
        assert torch.equal(
            fitted.content[..., c:, :], fitted.content[..., c - 1 : c, :].expand(-1, -1, 96 - c, -1)
        )

    def test_empty_guide(self) -> None:
        """An empty guide takes the whole template, and stays empty."""
        fitted = fit(smooth((60, 50)), torch.zeros(1, 1, 60, 50), (96, 80))
        assert fitted.placement == Placement((0, 0, 60, 50), (0, 0, 96, 80))
        assert (fitted.guide == 0).all()

    @pytest.mark.parametrize("place", [(0, 0), (59, 49), (30, 0)])
    def test_one_pixel(self, place: Size) -> None:
        """A guide of a single pixel, at the frame's corner too, gives a canvas of numbers in [0, 1]."""
        guide = torch.zeros(1, 1, 60, 50)
        guide[0, 0][place] = 1
        fitted = fit(smooth((60, 50)), guide, (96, 80))
        assert fitted.content.shape == (1, 3, 96, 80)
        assert fitted.content.min() >= 0 and fitted.content.max() <= 1
        assert fitted.guide.max() > 0.9

    def test_range(self) -> None:
        """Hard edges do not ring out of [0, 1]."""
        edges = (torch.rand(1, 3, 90, 70) > 0.5).float()
        fitted = fit(edges, torch.ones(1, 1, 90, 70), (64, 56))
        assert fitted.content.min() >= 0 and fitted.content.max() <= 1


LARGE_CASES = [
    pytest.param((400, 600), (200, 300), 120, (96, 80), id="room on all sides"),
    pytest.param((301, 203), (150, 101), 101, (48, 40), id="odd, touches the sides"),
    pytest.param((240, 800), (120, 400), 119, (96, 80), id="wide template"),
    pytest.param((800, 240), (400, 120), 119, (64, 128), id="wide canvas"),
    pytest.param((400, 401), (83, 91), 83, (97, 81), id="corner, odd canvas"),
]


class TestLarge:
    """The garment on a canvas that grows to its own size."""

    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), LARGE_CASES)
    def test_own_size(self, size: Size, centre: Size, radius: int, canvas: Size) -> None:
        """A pixel of the canvas is a pixel of the template, bit for bit, and the canvas keeps its proportion."""
        template = torch.rand(1, 3, *size)
        fitted = fit(template, disc(size, centre, radius), canvas, largest=4096)
        top, left, bottom, right = fitted.placement.crop
        a, b, c, d = fitted.placement.inner
        assert (c - a, d - b) == (bottom - top, right - left)
        assert torch.equal(fitted.content[..., a:c, b:d], template[..., top:bottom, left:right])
        height, width = fitted.content.shape[2:]
        assert fitted.guide.shape == (1, 1, height, width)
        assert (height, width) >= canvas and abs(height - width * canvas[0] / canvas[1]) <= 1

    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), LARGE_CASES)
    def test_as_small_as_can_be(self, size: Size, centre: Size, radius: int, canvas: Size) -> None:
        """The canvas grows no further than the crop: it fills one side of it, but for rounding."""
        fitted = fit(smooth(size), disc(size, centre, radius), canvas, largest=4096)
        a, b, c, d = fitted.placement.inner
        assert min(fitted.content.shape[2] - (c - a), fitted.content.shape[3] - (d - b)) == 0

    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), LARGE_CASES)
    def test_same_crop(self, size: Size, centre: Size, radius: int, canvas: Size) -> None:
        """Large or not, the same part of the template is painted."""
        guide = disc(size, centre, radius)
        large = fit(smooth(size), guide, canvas, largest=4096).placement
        assert large.crop == fit(smooth(size), guide, canvas).placement.crop

    @pytest.mark.parametrize("size", [(32, 4096), (4096, 32), (64, 2000), (300, 3000)])
    def test_thin_garments_are_not_all_padding(self, size: Size) -> None:
        """A canvas that has grown has at most four times the pixels of its garment, however thin that is."""
        fitted = fit(torch.rand(1, 3, *size), torch.ones(1, 1, *size), (96, 80), largest=4096)
        height, width = fitted.content.shape[2:]
        assert height * width <= 1.05 * max(96 * 80, 4 * size[0] * size[1])
        assert height / width == pytest.approx(96 / 80, rel=0.02)

    @pytest.mark.parametrize("largest", [97, 150, 256])
    def test_never_beyond_the_largest(self, largest: int) -> None:
        """A garment larger than the largest canvas is shrunk onto it, in the canvas's proportion."""
        fitted = fit(smooth((700, 600)), torch.ones(1, 1, 700, 600), (96, 80), largest=largest)
        height, width = fitted.content.shape[2:]
        assert height == largest and abs(width - largest * 80 / 96) <= 0.5

    @pytest.mark.parametrize(
        ("size", "largest"), [((50, 40), 4096), ((96, 80), 4096), ((700, 600), 0), ((700, 600), 50)]
    )
    def test_never_smaller_than_the_canvas(self, size: Size, largest: int) -> None:
        """A garment smaller than the canvas, and a largest size below it, change nothing."""
        guide = torch.ones(1, 1, *size)
        fitted, usual = (fit(smooth(size), guide, (96, 80), **named) for named in ({"largest": largest}, {}))
        assert fitted.placement == usual.placement
        assert torch.equal(fitted.content, usual.content) and torch.equal(fitted.guide, usual.guide)

    @pytest.mark.parametrize("detail", [0.0, 0.6])
    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), LARGE_CASES)
    def test_round_trip(self, size: Size, centre: Size, radius: int, canvas: Size, detail: float) -> None:
        """The canvas's own content, laid back, is the template to less than a level of 8 bits, noise and all."""
        template = torch.rand(1, 3, *size)
        fitted = fit(template, disc(size, centre, radius), canvas, largest=4096)
        back = place_back(fitted.content, template, fitted.placement, detail)
        assert (back - template).abs().max() < 1 / 255


class TestPlaceBack:
    """The design over its template."""

    @pytest.mark.parametrize(("size", "centre", "radius", "canvas"), CASES)
    def test_round_trip(self, size: Size, centre: Size, radius: int, canvas: Size) -> None:
        """The canvas's own content, laid back, is the template: nearly inside the crop, exactly outside."""
        template = smooth(size)
        fitted = fit(template, disc(size, centre, radius), canvas)
        back = place_back(fitted.content, template, fitted.placement)
        top, left, bottom, right = fitted.placement.crop
        assert back.shape == template.shape
        assert (back - template).abs().max() < 0.02
        outside = torch.ones(size, dtype=torch.bool)
        outside[top:bottom, left:right] = False
        assert torch.equal(back[..., outside], template[..., outside])

    def test_same_size_is_exact(self) -> None:
        """Where canvas and template have one size, fitting and laying back change no bit."""
        template = torch.rand(1, 3, 65, 63)
        fitted = fit(template, torch.ones(1, 1, 65, 63), (65, 63))
        assert torch.equal(fitted.content, template)
        assert torch.equal(place_back(fitted.content, template, fitted.placement), template)

    def test_design_lands_where_it_was(self) -> None:
        """A mark painted on the canvas's guide covers the template's guide, and little else."""
        guide = disc((200, 300), (90, 170), 40)
        template = torch.zeros(1, 3, 200, 300)
        fitted = fit(template, guide, (96, 80))
        painted = place_back(fitted.guide.expand(-1, 3, -1, -1), template, fitted.placement)
        assert ((painted[:, :1] - guide).abs() > 0.5).sum() < 0.03 * guide.sum()

    def test_full_detail_restores_luminance(self) -> None:
        """With detail 1 and an unchanged canvas the template's luminance is back, weave and all."""
        template = smooth((200, 160)) + 0.05 * torch.randn(1, 1, 200, 160).clamp(-2, 2)
        fitted = fit(template, torch.ones(1, 1, 200, 160), (50, 40))
        plain = place_back(fitted.content, template, fitted.placement)
        sharp = place_back(fitted.content, template, fitted.placement, detail=1.0)
        assert (luminance(plain) - luminance(template)).abs().max() > 0.05
        torch.testing.assert_close(luminance(sharp), luminance(template), rtol=0, atol=1e-5)

    def test_detail_is_linear(self) -> None:
        """Half the detail adds half the difference, the same to every channel."""
        template = smooth((100, 80)) + 0.02 * torch.randn(1, 3, 100, 80).clamp(-2, 2)
        design, placement = smooth((50, 40), seed=1), Placement((0, 0, 100, 80), (0, 0, 50, 40))
        none, half, full = (place_back(design, template, placement, share) for share in (0.0, 0.5, 1.0))
        torch.testing.assert_close(half - none, (full - none) / 2, rtol=0, atol=1e-6)
        torch.testing.assert_close((full - none)[:, 0], (full - none)[:, 2], rtol=0, atol=1e-6)

    def test_a_print_is_left_out(self) -> None:
        """With a limit weave is laid over the design, and the edges of the template's print are not."""
        weave = 0.02 * (torch.rand(1, 1, 200, 160) - 0.5)
        logo = torch.zeros(1, 1, 200, 160)
        logo[..., 60:120:6, 50:110], logo[..., 61:120:6, 50:110] = 0.6, 0.6
        placement = Placement((0, 0, 200, 160), (0, 0, 50, 40))
        design, cloth = torch.full((1, 3, 50, 40), 0.5), torch.full((1, 3, 200, 160), 0.3) + weave
        plain, printed_on = (
            place_back(design, template, placement, 1.0, 0.03) for template in (cloth, cloth + logo)
        )
        away, inside = (..., slice(0, 40), slice(None)), (..., slice(65, 115), slice(55, 105))
        torch.testing.assert_close(plain, place_back(design, cloth, placement, 1.0), atol=2e-3, rtol=0)
        torch.testing.assert_close(plain[away], printed_on[away], atol=2e-3, rtol=0)
        assert (printed_on[inside] - 0.5).abs().mean() < 0.02
        assert (place_back(design, cloth + logo, placement, 1.0)[inside] - 0.5).abs().mean() > 0.1

    def test_template_is_not_changed(self) -> None:
        """The caller's template stays as it was."""
        template = smooth((60, 50))
        before = template.clone()
        place_back(torch.zeros(1, 3, 96, 80), template, Placement((0, 0, 60, 50), (0, 0, 96, 80)), 0.5)
        assert torch.equal(template, before)

    def test_range(self) -> None:
        """Detail on a black and white design stays in [0, 1]."""
        template = torch.rand(1, 3, 100, 80)
        design = (torch.rand(1, 3, 50, 40) > 0.5).float()
        back = place_back(design, template, Placement((0, 0, 100, 80), (0, 0, 50, 40)), 1.0)
        assert back.min() == 0 and back.max() == 1


class TestFitStyle:
    """The style's scale against the canvas."""

    @pytest.mark.parametrize(
        ("size", "scale", "wanted"),
        [((800, 400), 1.0, (384, 192)), ((400, 800), 0.5, (96, 192)), ((384, 384), 1.0, (384, 384))],
    )
    def test_known_value(self, size: Size, scale: float, wanted: Size) -> None:
        """The longer side becomes the canvas's longer side times the scale."""
        assert fit_style(torch.rand(1, 3, *size), (384, 320), scale)[0].shape[2:] == wanted

    def test_enlarged_twice_at_most(self) -> None:
        """A small style is enlarged to at most four times its pixels."""
        assert fit_style(torch.rand(1, 3, 50, 40), (384, 320))[0].shape[2:] == (100, 80)

    @pytest.mark.parametrize(
        ("size", "scale", "wanted"),
        [
            ((800, 400), 1.0, 1.0),
            ((192, 100), 1.0, 1.0),
            ((96, 80), 1.0, 2.0),
            ((40, 48), 1.0, 4.0),
            ((96, 80), 0.25, 1.0),
            ((48, 20), 3.0, 12.0),
        ],
    )
    def test_how_much_larger_it_would_be(self, size: Size, scale: float, wanted: float) -> None:
        """What it would take beyond twice its size to reach its scale; 1 where twice is enough."""
        style, enlarged = fit_style(torch.rand(1, 3, *size), (384, 320), scale)
        assert enlarged == pytest.approx(wanted)
        assert max(style.shape[2:]) * enlarged == pytest.approx(384 * scale, abs=1)

    @pytest.mark.parametrize(
        ("size", "scale"),
        [((600, 450), 1.0), ((450, 600), 0.3), ((1000, 40), 1.0), ((400, 300), 0.05), ((400, 200), 0.1)],
    )
    def test_not_stretched(self, size: Size, scale: float) -> None:
        """A style keeps its proportion, a narrow one and a small scale included."""
        height, width = fit_style(torch.rand(1, 3, *size), (384, 320), scale)[0].shape[2:]
        assert height / width == pytest.approx(size[0] / size[1], rel=0.03)

    def test_range(self) -> None:
        """Hard edges do not ring out of [0, 1]."""
        fitted, _ = fit_style((torch.rand(1, 3, 90, 70) > 0.5).float(), (64, 56))
        assert fitted.min() >= 0 and fitted.max() <= 1
