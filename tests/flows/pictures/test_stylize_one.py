"""One picture in one style: as a run paints it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalogs.images.codec import decode
from catalogs.records import Garment, Style
from catalogs.templates.template import decode_template
from flows.painting.image_tensors import to_content, to_design, to_pair
from flows.pictures.stylize_one import stylize_one
from flows.planning.plan import DesignJob
from flows.recipes.named import find_recipe
from stylecore.encoders.embedded import embedded_encoder
from stylecore.painting.mill import mill

RECIPE = """
canvas = [48, 40]
levels = [[1.0, 2]]
content_layers = ["relu2_1"]
statistics = {{ patches = {{ layers = ["relu1_1", "relu2_1"] }} }}
style_detail = {style_detail}
"""


@pytest.mark.parametrize("style_detail", [0.0, 1.0])
def test_as_a_run_paints_it(style_detail: float, catalog: Path, tmp_path: Path) -> None:
    """A design is the one that a run makes of this pair, the style's own detail included."""
    garment, style = catalog / "garments" / "g0.png", catalog / "styles" / "s0.png"
    file, out = tmp_path / "recipe.toml", tmp_path / "out.png"
    file.write_text(RECIPE.format(style_detail=style_detail))
    stylize_one.fn(str(garment), str(style), str(out), recipe=str(file), device="cpu")

    recipe = find_recipe(str(file))
    template = decode_template(garment.read_bytes(), b"", b"", max_pixels=20_000)
    canvas, job = to_content(template, recipe), DesignJob("", Garment("g", ""), Style("s", "", ""))
    pair = to_pair(job, canvas, decode(style.read_bytes(), max_pixels=20_000), recipe)
    (finished,) = mill([pair], embedded_encoder(recipe.layers), slots=1)
    assert (finished.large_13HW is None) == (style_detail == 0)
    wanted = to_design(finished.largest, canvas, template, recipe).rgb.astype(int)
    difference = np.abs(np.asarray(Image.open(out).convert("RGB")).astype(int) - wanted)
    # A run may look at it in bfloat16.
    assert difference.mean() < 2
