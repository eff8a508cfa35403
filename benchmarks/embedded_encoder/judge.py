"""Judge designs by VGG-19: how near designs made with other encoders come to their styles.

    python -m benchmarks.embedded_encoder.judge --assets DIR --out DIR [--pairs N]

Pairs are of styles and garments that the embedded encoder was not trained on. The style distance is the
mean over relu1_1 ... relu5_1 of ||G - A||^2 / ||A||^2 (G of the design under its guide, A of the style),
so 0 is the style's own statistics and about 1 is a picture that shares nothing with it.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from catalogs.images import codec as images
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.records import Garment, Style
from catalogs.storage.local_store import LocalStore
from catalogs.templates import masks
from flows.recipes.named import brushwork_
from stylecore import Recipe, stylize
from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder, encoder_with_weights
from stylecore.objective.guides import layer_guide
from stylecore.objective.losses import style_loss
from stylecore.objective.statistics import gram_matrix
from stylecore.painting.canvas import Canvas, fit, fit_style
from stylecore.recipe_values import STYLE_LAYERS

CLEAR = {f"s{n:02d}" for n in (*range(1, 10), *range(40, 51))}
"""Styles whose rights are clear; the embedded encoder was trained on them, so they do not judge it."""

DOCUMENTED = 7
"""The seed that draws the pairs of docs/embedded_encoder.md."""

LAYERS = [layer for layer, _ in STYLE_LAYERS]


@dataclass(frozen=True)
class Pair:
    """A garment on its canvas and a style beside it."""

    name: str
    canvas: Canvas
    style: Tensor


def pairs(assets: Path, count: int, recipe: Recipe, seed: int = DOCUMENTED) -> list[Pair]:
    """`count` pairs of different garments and different styles that were not trained on."""
    garments, styles = LocalStore(assets / "garments"), LocalStore(assets / "styles")
    return [_pair(garments, styles, *records, recipe) for records in choose_records(assets, count, seed)]


def choose_records(assets: Path, count: int, seed: int = DOCUMENTED) -> list[tuple[Garment, Style]]:
    """Return the records of the pairs, without reading a picture."""
    garments, styles = LocalStore(assets / "garments"), LocalStore(assets / "styles")
    rng = np.random.default_rng(seed)
    own = [style for style in read_styles(styles).records if style.style_id not in CLEAR]
    some = [garment for garment in read_garments(garments).records if garment.garment_id < "g31"]
    chosen = zip(rng.permutation(len(some))[:count], rng.permutation(len(own))[:count], strict=True)
    return [(some[g], own[s]) for g, s in chosen]


def _pair(garments: LocalStore, styles: LocalStore, garment: Garment, style: Style, recipe: Recipe) -> Pair:
    template = images.decode(garments.read(garment.image))
    mask = masks.decode_mask(garments.read(garment.mask or ""), template).coverage
    canvas = fit(
        _tensor(template.rgb), torch.from_numpy(mask.copy())[None, None] / 255, recipe.canvas, recipe.margin
    )
    picture = _tensor(images.decode(styles.read(style.image)).rgb)
    return Pair(
        f"{garment.garment_id} x {style.style_id}",
        canvas,
        fit_style(picture, recipe.canvas, recipe.style_scale)[0],
    )


def _tensor(rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255


def style_distance(judge: Encoder, picture: Tensor, pair: Pair) -> float:
    """The style distance of one design, by the judging encoder."""
    with torch.inference_mode():
        found, wanted = judge(picture), judge(pair.style)
        distances = [
            style_loss(
                gram_matrix(found[layer], layer_guide(pair.canvas.guide, found[layer].shape[-2:])),
                gram_matrix(wanted[layer]),
            )
            for layer in LAYERS
        ]
    return float(torch.cat(distances).mean())


def encoders(assets: Path, names: list[str], recipe: Recipe) -> dict[str, tuple[Recipe, Encoder]]:
    """Recipes with their encoders: the embedded one, VGG-19, and random weights of the embedded shape."""
    torch.manual_seed(0)
    vgg19 = load_file(assets / "weights" / "vgg19_features.safetensors")
    makers = {
        "embedded": lambda: (recipe, embedded_encoder(recipe.layers)),
        "random": lambda: (recipe, Encoder("embedded", recipe.layers)),
        "vgg19": lambda: (
            replace(recipe, encoder="vgg19"),
            encoder_with_weights("vgg19", vgg19, recipe.layers),
        ),
    }
    return {name: makers[name]() for name in names}


def main() -> None:
    """Make the designs, judge them, write a table and a sheet of pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--assets", type=Path, required=True, help="folder with garments/, styles/ and weights/"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--encoders", default="embedded,random,vgg19")
    parser.add_argument("--canvas", type=int, nargs=2, default=brushwork_().canvas, metavar=("H", "W"))
    options = parser.parse_args()
    recipe = replace(brushwork_(), canvas=tuple(options.canvas))
    judge = encoders(options.assets, ["vgg19"], recipe)["vgg19"][1]
    options.out.mkdir(parents=True, exist_ok=True)
    table: list[dict[str, Any]] = []
    rows: list[Tensor] = []
    chosen = encoders(options.assets, options.encoders.split(","), recipe)
    for pair in pairs(options.assets, options.pairs, recipe):
        row: dict[str, Any] = {
            "pair": pair.name,
            "template": style_distance(judge, pair.canvas.content, pair),
        }
        shown = [pair.canvas.content, _shown(pair.style, recipe)]
        for name, (own, encoder) in chosen.items():
            started = time.perf_counter()
            made = stylize(pair.canvas.content, pair.style, own, guide=pair.canvas.guide, encoder=encoder)
            row[f"{name} s"] = time.perf_counter() - started
            row[name] = style_distance(judge, made.picture_B3HW, pair)
            shown.append(_composite(pair, made.picture_B3HW))
        print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}), flush=True)
        table.append(row)
        rows.append(torch.cat(shown, 3))
        _save(torch.cat(rows, 2), options.out / "pairs.png")
    means = {key: sum(row[key] for row in table) / len(table) for key in table[0] if key != "pair"}
    report = {"canvas": recipe.canvas, "steps": recipe.steps, "mean": means, "pairs": table}
    (options.out / "judge.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(means, indent=1))


def _composite(pair: Pair, picture: Tensor) -> Tensor:
    return pair.canvas.content * (1 - pair.canvas.guide) + picture * pair.canvas.guide


def _shown(style: Tensor, recipe: Recipe) -> Tensor:
    shown = torch.ones(1, 3, *recipe.canvas)
    height, width = min(style.shape[2], recipe.canvas[0]), min(style.shape[3], recipe.canvas[1])
    shown[..., :height, :width] = style[..., :height, :width]
    return shown


def _save(sheet: Tensor, path: Path) -> None:
    Image.fromarray((sheet[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
