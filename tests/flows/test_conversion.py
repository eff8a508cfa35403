"""Garments become contents with guides, styles become styles at their scale, and parts meet by name."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from catalogs.images import Picture
from catalogs.records import Garment, Style
from flows.conversion import (
    Template,
    decode_template,
    to_content,
    to_pair,
    to_style,
    to_style_guide,
)
from flows.planning import DesignJob
from flows.recipes import find_recipe
from stylecore.recipe import Recipe

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
    return decode_template(png(picture), None, 10_000, png(parts))


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
    assert to_pair(unknown, canvas, pattern, recipe).style.shape == to_style(pattern, recipe).shape


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
