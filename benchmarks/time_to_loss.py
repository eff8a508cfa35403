"""Wall time to the loss that a textbook loop reaches after 500 iterations, on real pairs.

    python -m benchmarks.time_to_loss --assets DIR [--json FILE] [--size 512] [--pairs 6] [--iterations 500]

Both loops minimise the same balanced loss (benchmarks/textbook.py) on VGG-19 to relu5_1, over the whole
picture. The textbook starts from the content with Adam at 0.02; the mill works as `RECIPE` says, in bfloat16
where the device has it. Its time runs from the pair's arrival, targets included, to the
first step at full size whose loss is no higher; the design it ends with is judged once more in float32.
A pair that never gets there is listed with its loss. Results are kept after every pair: it can be stopped.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.engine import synchronise
from benchmarks.textbook import CONTENT_WEIGHT, Textbook, network_with, textbook
from catalogs.images.codec import MAX_PIXELS, decode
from flows.painting.image_tensors import to_tensor
from flows.planning.devices import choose_precision
from stylecore.encoders.encoder import Encoder, encoder_with_weights
from stylecore.painting.mill import mill
from stylecore.painting.pair import Pair
from stylecore.recipe import Recipe
from stylecore.stylization import in_precision
from stylecore.tensors import resize

PAIRS = (("g01", "s01"), ("g04", "s20"), ("g13", "s40"), ("g20", "s48"), ("g24", "s02"), ("g10", "s24"))
RECIPE = Recipe(
    encoder="vgg19",
    content_weight=CONTENT_WEIGHT,
    variation_weight=0.0,
    init="recoloured",
    optimizer="lbfgs",
    learning_rate=0.1,
    levels=((1.0, 400),),
)
"""Of what was tried the quickest to the textbook's loss (docs/method.md), though not to a pleasing design."""


def main() -> None:
    """Every pair by both loops, in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    weights = load_file(options.assets / "weights" / "vgg19_features.safetensors")
    recipe = replace(RECIPE, canvas=(options.size, options.size))
    exact = encoder_with_weights("vgg19", weights, recipe.layers, device=device)
    precision = choose_precision("auto", device)
    quick = in_precision(exact, precision)
    network = network_with(weights).to(device)
    rows: list[dict[str, Any]] = []
    for garment, style in PAIRS[: options.pairs]:
        content = _picture(options.assets / "garments" / f"{garment}.jpg", options.size).to(device)
        pattern = _picture(_style_file(options.assets, style), options.size).to(device)
        loop = textbook(network, content, pattern)
        began = time.perf_counter()
        for _ in range(options.iterations):
            loop.step()
        synchronise(device)
        plain = time.perf_counter() - began
        target = loop.loss().item()
        row = _by_mill(loop, content, pattern, recipe, quick, target)
        ratio = None if row["seconds"] is None else round(row["seconds"] / plain, 4)
        rows.append(
            {"pair": f"{garment} x {style}", "textbook_seconds": round(plain, 2), **row, "ratio": ratio}
        )
        print(rows[-1], flush=True)
        _keep(options, rows, precision)


def _by_mill(
    loop: Textbook, content: Tensor, style: Tensor, recipe: Recipe, encoder: Encoder, target: float
) -> dict[str, Any]:
    ticks: list[float] = []

    def tick(_pairs: int, _share: float) -> None:
        synchronise(content.device)
        ticks.append(time.perf_counter())

    began = time.perf_counter()
    pair = Pair(content, style, torch.ones_like(content[:, :1]), recipe)
    (finished,) = mill([pair], encoder, slots=1, device=content.device, on_steps=tick)
    finest = finished.losses[-1]
    first = finished.steps - len(finest)
    # A step's loss is the one before it: the time is that of the step before.
    reached = next((step for step, loss in enumerate(finest) if loss <= target), None)
    loop.picture = finished.picture_13HW.clone()
    with torch.no_grad():
        judged = loop.loss().item()
    return {
        "target_loss": target,
        "loss": finest[-1],
        "loss_judged_in_float32": judged,
        "steps_at_full_size": reached,
        "seconds": None if reached is None else round(ticks[max(0, first + reached - 1)] - began, 2),
        "whole_run_seconds": round(ticks[-1] - began, 2),
    }


def _keep(options: argparse.Namespace, rows: list[dict[str, Any]], precision: str) -> None:
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    found = {
        "size": options.size,
        "iterations": options.iterations,
        "device": options.device,
        "precision": precision,
        "median_ratio": statistics.median(ratios) if ratios else None,
        "missed": [row["pair"] for row in rows if row["ratio"] is None],
        "pairs": rows,
    }
    print({name: value for name, value in found.items() if name != "pairs"}, flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def _picture(path: Path, size: int) -> Tensor:
    picture = to_tensor(decode(path.read_bytes(), max_pixels=MAX_PIXELS))
    side = min(picture.shape[-2:])
    top, left = (picture.shape[-2] - side) // 2, (picture.shape[-1] - side) // 2
    return resize(picture[..., top : top + side, left : left + side], (size, size)).clamp(0, 1)


def _style_file(assets: Path, style: str) -> Path:
    (found,) = (assets / "styles").glob(f"{style}.*")
    return found


if __name__ == "__main__":
    main()
