"""Fast paths against the plain float32 one on real garments and styles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from stylecore import Recipe, stylize
from stylecore.encoders.embedded import embedded_encoder
from stylecore.painting.mill import mill
from stylecore.painting.pair import Pair

PAIRS = (("g01", "s01"), ("g04", "s20"), ("g13", "s40"), ("g20", "s48"), ("g24", "s02"), ("g10", "s24"))
MORE_PAIRS = (
    *PAIRS,
    *(("g02", "s10"), ("g05", "s12"), ("g09", "s36"), ("g11", "s26"), ("g16", "s31")),
    *(("g18", "s45"), ("g23", "s16"), ("g25", "s13"), ("g28", "s30"), ("g29", "s50")),
)


def read(folder: Path, name: str) -> Tensor:
    """A picture of 128 x 112 px as 1 x 3 x H x W in [0, 1]."""
    (path,) = (found for found in folder.glob(f"{name}.*") if found.suffix in (".jpg", ".png"))
    picture = Image.open(path).convert("RGB").resize((112, 128), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)[None]


@pytest.mark.parametrize(
    ("pairs", "bound"),
    [(PAIRS, 0.05), pytest.param(MORE_PAIRS, 0.02, marks=pytest.mark.slow)],
    ids=["6", "16"],
)
def test_bfloat16_ends_where_float32_does(
    assets: Path, pairs: tuple[tuple[str, str], ...], bound: float
) -> None:
    """On real pairs designs made in bfloat16 have the float32 loss in the mean within the bound, judged in float32.

    Single pairs differ by up to 10 % either way, as they do after any other rounding: a place that takes another patch
    leads another way. So the mean of six is not known to 2 %; that of sixteen is.
    """
    recipe = Recipe(levels=((0.5, 60), (1.0, 40)))
    still, encoder = replace(recipe, levels=((1.0, 0),)), embedded_encoder(recipe.layers)
    wanted, found = [], []
    for garment, style in pairs:
        content, pattern = read(assets / "garments", garment), read(assets / "styles", style)
        exact = stylize(content, pattern, recipe, encoder=encoder)
        quick = stylize(content, pattern, recipe, encoder=encoder, precision="bfloat16")
        again = Pair(content, pattern, torch.ones_like(content[:, :1]), still, start=quick.picture_B3HW)
        (judged,) = mill([again], encoder, slots=1)
        wanted.append(float(exact.terms.total))
        found.append(float(judged.terms.total))
    assert abs(sum(found) / sum(wanted) - 1) < bound, (found, wanted)
    assert max(abs(ours / exactly - 1) for ours, exactly in zip(found, wanted, strict=True)) < 0.15
