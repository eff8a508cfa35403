"""Contact sheets and measures of recipes on real garments and styles.

    python -m benchmarks.sheets --assets DIR --out DIR [--recipes house print ...] [--long-side 512]

DIR of the assets holds garments/ and styles/ (catalogs) and weights/vgg19_features.safetensors. A sheet a
recipe and measures.csv, a row a design, are written to --out; pictures of other people's photographs are
not to be committed.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pandas as pd

from catalogs.designs.contact_sheet import Label, contact_sheet
from catalogs.images.codec import MAX_PIXELS, encode_png
from catalogs.inputs.content_digests import with_digests
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.records import Garment, Style
from catalogs.storage.stores import open_store
from flows.painting.evaluation import count_changed_outside, measure
from flows.painting.image_tensors import read_pattern, read_template, to_content, to_design, to_pair
from flows.planning.devices import choose_precision, require_device
from flows.planning.plan import DesignJob
from flows.planning.weights import load_encoder
from flows.recipes.named import NAMED, find_recipe
from flows.settings import Settings
from stylecore.encoders.encoder import Encoder
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe
from stylecore.stylization import in_precision

GARMENTS = ("g01", "g04", "g13", "g20", "g24", "g27")
STYLES = ("s01", "s20", "s24", "s40", "s48", "s45")


def main() -> None:
    """Make every recipe's sheet, and one table of measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=list(NAMED))
    parser.add_argument("--long-side", type=int, help="of the canvas; the recipe's own if not given")
    parser.add_argument("--garments", nargs="+", default=GARMENTS)
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [row for name in options.recipes for row in _sheet(name, options)]
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "measures.csv", index=False)
    numbers = table.drop(columns=["garment", "style"]).groupby("recipe").median(numeric_only=True)
    print(numbers.round(3).to_string())


def _sheet(name: str, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    recipe = sized(find_recipe(name), options.long_side)
    garments, styles = _records(options)
    stores = open_store(str(options.assets / "garments")), open_store(str(options.assets / "styles"))
    settings = Settings(vgg19_weights=str(options.assets / "weights" / "vgg19_features.safetensors"))
    device = require_device(options.device)
    encoder = in_precision(load_encoder(recipe, settings, str(device)), choose_precision("auto", device))
    pngs: dict[tuple[int, int], bytes] = {}

    def pairs() -> Iterator[Pair]:
        for column, style in enumerate(styles):
            pattern = read_pattern(stores[1], style, MAX_PIXELS)
            for row, garment in enumerate(garments):
                template = read_template(stores[0], garment, MAX_PIXELS)
                canvas = to_content(template, recipe)
                tag = row, column, template, canvas
                yield to_pair(DesignJob("", garment, style), canvas, pattern, recipe, tag)

    started = time.perf_counter()
    for finished in mill(pairs(), encoder, slots=16 if device.type == "cuda" else 1, device=device):
        row, column, template, canvas = finished.pair.tag
        picture = to_design(finished.largest, canvas, template, recipe)
        pngs[row, column] = encode_png(picture)
        yield {
            "recipe": Path(name).stem,
            "garment": garments[row].garment_id,
            "style": styles[column].style_id,
            **_measures(encoder, finished),
            "changed_outside": count_changed_outside(picture, template),
            "steps": finished.steps,
            "seconds": round(finished.seconds, 3),
        }
    png = contact_sheet(
        f"{Path(name).stem}, {recipe.canvas[0]} x {recipe.canvas[1]}",
        [Label(g.garment_id, g.title, partial(stores[0].read, g.image)) for g in garments],
        [Label(s.style_id, s.title, partial(stores[1].read, s.image)) for s in styles],
        lambda row, column: lambda: pngs[row, column],
        side=300,
        max_pixels=MAX_PIXELS,
    )
    (options.out / f"{Path(name).stem}.png").write_bytes(png)
    print(f"{name}: {len(pngs)} designs in {time.perf_counter() - started:.0f} s", flush=True)


def _measures(encoder: Encoder, finished: Finished) -> dict[str, float]:
    found = asdict(measure(encoder, finished))
    return {name: round(value, 4) for name, value in found.items()}


def sized(recipe: Recipe, long_side: int | None) -> Recipe:
    """The recipe on a canvas of that longer side, in sixteens."""
    if long_side is None:
        return recipe
    height, width = recipe.canvas
    scale = long_side / max(height, width)
    return replace(recipe, canvas=(round(height * scale / 16) * 16, round(width * scale / 16) * 16))


def _records(options: argparse.Namespace) -> tuple[Sequence[Garment], Sequence[Style]]:
    garment_store, style_store = (open_store(str(options.assets / kind)) for kind in ("garments", "styles"))
    garments = {g.garment_id: g for g in with_digests(garment_store, read_garments(garment_store).records)[0]}
    styles = {s.style_id: s for s in with_digests(style_store, read_styles(style_store).records)[0]}
    return [garments[name] for name in options.garments], [styles[name] for name in options.styles]


if __name__ == "__main__":
    main()
