"""Garments become contents with guides, styles become styles at their scale, and parts meet by name."""

import io
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from catalogs.errors import RepeatError
from catalogs.images.codec import Picture
from catalogs.records import Garment, Repeat, Style
from catalogs.storage.memory_store import MemoryStore
from catalogs.templates.template import Template, decode_template
from flows.painting import image_tensors
from flows.painting.image_tensors import (
    read_pattern,
    to_content,
    to_design,
    to_pair,
    to_style,
    to_style_guide,
    to_tensor,
)
from flows.planning.plan import DesignJob
from flows.recipes.named import find_recipe
from stylecore.painting.pair import Pair
from stylecore.painting.printing import REPEATS
from stylecore.recipe import Recipe
from tests.conftest import picture, saved

RECIPE = Recipe(canvas=(64, 64), levels=((1.0, 1),), margin=0.0, parts=True)


def png(array: np.ndarray) -> bytes:
    """PNG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def template() -> Template:
    """A square garment: part 1 on the left, part 2 in the upper right, the rest unmarked."""
    rng = np.random.default_rng(0)
    parts = np.zeros((64, 64), np.uint8)
    parts[:, :32], parts[:32, 32:] = 1, 2
    picture = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
    return decode_template(png(picture), b"", png(parts), max_pixels=10_000)


def test_a_channel_a_part(template: Template) -> None:
    """The guide has a channel a part and one for the cloth that no part marks; together they are the cloth."""
    guide = to_content(template, RECIPE).guide
    assert guide.shape == (1, 3, 64, 64)
    assert torch.equal(guide.sum(1), torch.ones(1, 64, 64))
    assert guide[0, 0, :, :32].all() and guide[0, 1, :32, 32:].all() and guide[0, 2, 32:, 32:].all()


def test_parts_are_asked_for(template: Template) -> None:
    """A recipe without parts has one channel."""
    assert to_content(template, replace(RECIPE, parts=False)).guide.shape == (1, 1, 64, 64)


def test_parts_meet_by_name(template: Template) -> None:
    """A part finds its namesake; one without takes the whole style; one only in the style is unused. All is said."""
    own = {"1": np.zeros((40, 40), np.uint8), "7": np.full((40, 40), 255, np.uint8)}
    own["1"][:20] = 255
    guide, remarks = to_style_guide(template, own, torch.rand(1, 3, 40, 40))
    assert guide.shape == (1, 3, 40, 40)
    assert guide[0, 0, :20].all() and not guide[0, 0, 20:].any()
    assert guide[0, 1:].all()
    assert remarks == [
        "part '2' is not in the style: it takes the whole style",
        "part 'rest' is not in the style: it takes the whole style",
        "part '7' is only in the style: it is not used",
    ]


STYLE = Style("s", "set", "s.png")


def test_true_scale_of_a_print() -> None:
    """Where both widths are known, a repeat is as wide on the canvas as it is on the cloth."""
    recipe = replace(find_recipe("print"), canvas=(128, 128), margin=0.0)
    template = Template(Picture(np.full((128, 128, 3), 200, np.uint8)), None)
    pattern = Picture(np.full((50, 100, 3), 90, np.uint8))
    canvas = to_content(template, recipe)
    garment = Garment("g", "g.png", print_width_cm=40.0)
    for repeat_cm, width in ((10.0, 32), (20.0, 64)):
        job = DesignJob("k", garment, Style("s", "set", "s.png", repeat_width_cm=repeat_cm))
        assert to_pair(job, canvas, pattern, recipe).style.shape[-1] == pytest.approx(width, abs=1)
    unknown = DesignJob("k", garment, Style("s", "set", "s.png"))
    assert (
        to_pair(unknown, canvas, pattern, recipe).style.shape
        == to_style(to_tensor(pattern), recipe, canvas)[0].shape
    )


@pytest.mark.parametrize(("width_cm", "height_cm"), [(10.0, 20.0), (20.0, 10.0), (None, 20.0), (10.0, None)])
@pytest.mark.parametrize("size", [(50, 100), (100, 50), (64, 64)])
def test_true_proportion_of_a_print(
    width_cm: float | None, height_cm: float | None, size: tuple[int, int]
) -> None:
    """A repeat is as wide and as high on the canvas as on the cloth; a length that is not known is the picture's."""
    recipe = replace(find_recipe("print"), canvas=(128, 128), margin=0.0)
    canvas = to_content(Template(Picture(np.full((128, 128, 3), 200, np.uint8)), None), recipe)
    pattern, ratio = Picture(np.full((*size, 3), 90, np.uint8)), size[0] / size[1]
    style = Style("s", "set", "s.png", repeat_width_cm=width_cm, repeat_height_cm=height_cm)
    pair = to_pair(DesignJob("k", Garment("g", "g.png", print_width_cm=40.0), style), canvas, pattern, recipe)
    width = (width_cm or (height_cm or 0) / ratio) * 128 / 40
    height = (height_cm or (width_cm or 0) * ratio) * 128 / 40
    assert pair.style.shape[2:] == (pytest.approx(height, abs=1.5), pytest.approx(width, abs=1.5))


@pytest.mark.parametrize(
    ("width_cm", "height_cm", "size"), [(1.0, 4.9, (60, 60)), (4.9, 1.0, (60, 60)), (1.0, 2.0, (90, 20))]
)
def test_a_stretched_print_stays_within_bounds(
    width_cm: float, height_cm: float, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture grows with its repeat's shape only up to so many pixels, and has that shape there, too."""
    pattern = torch.rand(1, 3, *size)
    style = Style("s", "set", "s.png", repeat_width_cm=width_cm, repeat_height_cm=height_cm)
    grown = image_tensors._in_proportion(pattern, style).shape[2:]
    monkeypatch.setattr(image_tensors, "MOST_STRETCHED", 1_000)
    bounded = image_tensors._in_proportion(pattern, style).shape[2:]
    assert bounded[0] * bounded[1] <= 1.05 * size[0] * size[1] < grown[0] * grown[1]
    for shape in (grown, bounded):
        assert shape[0] / shape[1] == pytest.approx(height_cm / width_cm, rel=0.05)


def test_a_repeat_of_another_shape_is_a_fault_of_its_record() -> None:
    """What `check` refuses, a run refuses by the same words."""
    store = MemoryStore()
    store.write("s.png", saved(Image.fromarray(picture(1, 64, 64))))
    slip = Style("slip", "set", "s.png", repeat_width_cm=0.1, repeat_height_cm=500.0)
    with pytest.raises(RepeatError, match="5,000 times wider"):
        read_pattern(store, slip, 10**6)


def test_only_a_print_has_a_proportion() -> None:
    """With other recipes the style's picture is taken as it is, whatever its repeat measures."""
    recipe = replace(find_recipe("draft"), canvas=(128, 128))
    canvas = to_content(Template(Picture(np.full((128, 128, 3), 200, np.uint8)), None), recipe)
    garment, pattern = Garment("g", "g.png"), Picture(np.full((64, 64, 3), 90, np.uint8))
    style = Style("s", "set", "s.png", repeat_width_cm=8.0, repeat_height_cm=16.0)
    one, other = (to_pair(DesignJob("k", garment, each), canvas, pattern, recipe) for each in (style, STYLE))
    assert one.style.shape == other.style.shape


def test_equal_contents_share_keys() -> None:
    """Pairs of one garment or style share targets; another motif scale does not."""
    recipe = replace(find_recipe("print"), canvas=(128, 128))
    canvas = to_content(Template(Picture(np.full((128, 128, 3), 200, np.uint8)), None), recipe)
    pattern = Picture(np.full((50, 100, 3), 90, np.uint8))
    garment, style = Garment("g", "g.png", digest="a"), Style("s", "set", "s.png", digest="b")
    one, other = (to_pair(DesignJob(key, garment, style), canvas, pattern, recipe) for key in "kl")
    assert (one.content_key, one.style_key) == (other.content_key, other.style_key)
    smaller = to_pair(DesignJob("m", garment, style), canvas, pattern, replace(recipe, style_scale=0.25))
    assert smaller.style_key != one.style_key


class TestEnlargement:
    """How much larger than its canvas a design becomes, and the style in that size."""

    RECIPE = Recipe(canvas=(64, 64), levels=((1.0, 1),), margin=0.0)
    GARMENT = Template(Picture(np.full((200, 160, 3), 200, np.uint8)), None)

    def pair(self, side: tuple[int, int], **fields: object) -> Pair:
        """A pair of a garment of 200 x 160 px with a style of one colour."""
        recipe = replace(self.RECIPE, **fields)  # type: ignore[arg-type]
        job = DesignJob("k", Garment("g", "g.png", digest="a"), Style("s", "set", "s.png", digest="b"))
        pattern = Picture(np.full((*side, 3), 90, np.uint8))
        return to_pair(job, to_content(self.GARMENT, recipe), pattern, recipe)

    @pytest.mark.parametrize(
        ("side", "size"), [((400, 300), (201, 151)), ((100, 80), (100, 80)), ((2, 300), (2, 300))]
    )
    def test_size(self, side: tuple[int, int], size: tuple[int, int]) -> None:
        """The style grows as its canvas does, and not beyond its own size."""
        make = self.pair(side).enlargement
        assert make is not None
        style, factor = make(torch.device("cpu"))
        # 160 px of the garment are 51 px of its canvas.
        assert factor == pytest.approx(160 / 51) and style.shape == (1, 3, *size)

    def test_pairs_that_wait_are_small(self) -> None:
        """A pair holds no picture in its garment's size, nor its style's: hundreds wait at a time."""
        pair = self.pair((400, 300))
        held = [value for value in vars(pair).values() if isinstance(value, torch.Tensor)]
        assert callable(pair.enlargement) and sum(tensor.numel() for tensor in held) < 8 * 64 * 64

    @pytest.mark.parametrize("fields", [{"style_detail": 0.0}, {"style_weight": 0.0}, {"canvas": (256, 256)}])
    def test_without(self, fields: dict[str, object]) -> None:
        """Without the style's detail or its patches, or on a canvas as large as its garment, a design stays there."""
        assert self.pair((400, 300), **fields).enlargement is None


class TestLarge:
    """Garments in their own size."""

    TEMPLATE = Template(
        Picture(np.random.default_rng(1).integers(0, 255, (200, 160, 3)).astype(np.uint8)), None
    )
    LARGE = replace(RECIPE, large_steps=3)

    def test_canvas(self) -> None:
        """With large steps the canvas grows to the garment's own size and lays back unchanged; without, it does not."""
        assert to_content(self.TEMPLATE, RECIPE).content.shape == (1, 3, 64, 64)
        canvas = to_content(self.TEMPLATE, self.LARGE)
        assert canvas.content.shape == (1, 3, 200, 200) and canvas.guide.shape == (1, 1, 200, 200)
        back = to_design(canvas.content, canvas, self.TEMPLATE, self.LARGE)
        assert np.array_equal(back.rgb, self.TEMPLATE.picture.rgb)

    def test_largest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The canvas never grows beyond the largest that a recipe paints."""
        monkeypatch.setattr("flows.painting.image_tensors.LARGEST", 150)
        assert to_content(self.TEMPLATE, self.LARGE).content.shape == (1, 3, 150, 150)

    def test_style(self) -> None:
        """A style is fitted to the canvas as it has grown: enlarged twice, with what is missing."""
        pattern = Picture(np.full((25, 50, 3), 90, np.uint8))
        style, enlarged = to_style(to_tensor(pattern), RECIPE, to_content(self.TEMPLATE, RECIPE))
        assert (style.shape, enlarged) == ((1, 3, 32, 64), 1)
        style, enlarged = to_style(to_tensor(pattern), self.LARGE, to_content(self.TEMPLATE, self.LARGE))
        assert (style.shape, enlarged) == ((1, 3, 50, 100), 2)

    def test_true_scale_of_a_print(self) -> None:
        """A repeat has its true width on the garment's own pixels, though the style is not given so large."""
        recipe = replace(find_recipe("print"), canvas=(128, 128), margin=0.0, large_steps=3)
        template = Template(Picture(np.full((512, 512, 3), 200, np.uint8)), None)
        garment = Garment("g", "g.png", print_width_cm=40.0)
        job = DesignJob("k", garment, Style("s", "set", "s.png", repeat_width_cm=20.0))
        pair = to_pair(job, to_content(template, recipe), Picture(np.full((20, 40, 3), 90, np.uint8)), recipe)
        assert pair.style.shape[-1] == 80
        assert pair.style.shape[-1] * pair.enlarged == pytest.approx(256)

    @pytest.mark.parametrize("style_scale", [0.25, 0.5, 1.0, 1.5])
    @pytest.mark.parametrize(
        ("garment_cm", "repeat_cm", "share"), [(40.0, 20.0, 0.5), (40.0, None, 0.5), (40.0, 10.0, 0.25)]
    )
    def test_motifs_grow_with_the_style_scale(
        self, style_scale: float, garment_cm: float, repeat_cm: float | None, share: float
    ) -> None:
        """A print's motifs have `style_scale` times their true size; unknown, half the canvas is theirs."""
        recipe = replace(find_recipe("print"), canvas=(128, 128), margin=0.0, style_scale=style_scale)
        template = Template(Picture(np.full((128, 128, 3), 200, np.uint8)), None)
        garment = Garment("g", "g.png", print_width_cm=garment_cm)
        job = DesignJob("k", garment, Style("s", "set", "s.png", repeat_width_cm=repeat_cm))
        pair = to_pair(
            job, to_content(template, recipe), Picture(np.full((100, 100, 3), 90, np.uint8)), recipe
        )
        assert pair.style.shape[-1] == pytest.approx(128 * share * style_scale, abs=1)

    def test_styles_that_are_missing_more(self) -> None:
        """Two scales that are given at one size are not taken for one style."""
        recipe = replace(find_recipe("print"), canvas=(128, 128))
        canvas = to_content(Template(Picture(np.full((128, 128, 3), 200, np.uint8)), None), recipe)
        pattern = Picture(np.full((10, 20, 3), 90, np.uint8))
        job = DesignJob("k", Garment("g", "g.png", digest="a"), Style("s", "set", "s.png", digest="b"))
        one, other = (
            to_pair(job, canvas, pattern, replace(recipe, style_scale=scale)) for scale in (1.0, 1.5)
        )
        assert one.style.shape == other.style.shape
        assert one.style_key != other.style_key


def test_repeats_are_those_of_the_catalogs() -> None:
    """Every repeat that a style's row may name can be printed, and no other."""
    assert set(REPEATS) == set(get_args(Repeat))
