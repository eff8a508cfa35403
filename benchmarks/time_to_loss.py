"""Wall time to the loss that a plain loop reaches after 500 iterations, on real pairs.

    python -m benchmarks.time_to_loss --assets DIR [--objective textbook] [--json FILE] [--size 512] [--pairs 6]
        [--iterations 500]

`--objective textbook`: both loops minimise the same balanced loss (benchmarks/textbook.py) on VGG-19 to relu5_1, over
the whole picture. The textbook starts from the content with Adam at 0.02; the mill works as `RECIPE` says, in
bfloat16 where the device has it.

`--objective house`: both loops minimise the house recipe's objective on the embedded encoder, by the mill. The plain
loop is Adam at 0.02 from the content, at the full size alone; the other one is the house recipe with its pyramid.

The mill's time runs from the pair's arrival, targets included, to the first step at full size whose loss is no
higher; the design it ends with is judged once more in float32, the house's with patches assigned anew to it. A pair
that never gets there is listed with its loss. Results are kept after every pair: it can be stopped.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.engine import synchronise
from benchmarks.house_pairs import PAIRS, judge_of
from benchmarks.textbook import CONTENT_WEIGHT, network_with, textbook
from catalogs.images.codec import MAX_PIXELS, decode
from flows.painting.image_tensors import to_tensor
from flows.planning.devices import choose_precision
from flows.recipes.named import house
from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder, encoder_with_weights
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe
from stylecore.recipe_values import style_statistic
from stylecore.stylization import in_precision
from stylecore.tensors import resize

PLAIN_RATE = 0.02
"""Adam's step in the plain loop, as in the textbook's."""
RECIPE = Recipe(
    encoder="vgg19",
    statistics=(style_statistic("gram"),),
    content_weight=CONTENT_WEIGHT,
    variation_weight=0.0,
    lighting_weight=0.0,
    shading=0.0,
    init="recoloured",
    start_noise=0.0,
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
    parser.add_argument("--objective", choices=("textbook", "house"), default="textbook")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    precision = choose_precision("auto", device)
    compare = {"textbook": _by_textbook, "house": _by_house}[options.objective](options, precision)
    rows: list[dict[str, Any]] = []
    for garment, style in PAIRS[: options.pairs]:
        content = _picture(options.assets / "garments" / f"{garment}.jpg", options.size).to(device)
        pattern = _picture(_style_file(options.assets, style), options.size).to(device)
        rows.append({"pair": f"{garment} x {style}", **compare(content, pattern)})
        print(rows[-1], flush=True)
        _keep(options, rows, precision)


Compare = Callable[[Tensor, Tensor], dict[str, Any]]
"""A content and a style, 1 x 3 x size x size, to the pair's row of results."""


def _by_textbook(options: argparse.Namespace, precision: str) -> Compare:
    weights = load_file(options.assets / "weights" / "vgg19_features.safetensors")
    recipe = replace(RECIPE, canvas=(options.size, options.size))
    device = torch.device(options.device)
    encoder = in_precision(encoder_with_weights("vgg19", weights, recipe.layers, device=device), precision)
    network = network_with(weights).to(device)

    def compare(content: Tensor, style: Tensor) -> dict[str, Any]:
        """Run the textbook's loop, then the mill to its loss."""
        loop = textbook(network, content, style)
        began = time.perf_counter()
        for _ in range(options.iterations):
            loop.step()
        synchronise(device)
        plain_seconds = time.perf_counter() - began

        def judge(picture_13HW: Tensor) -> float:
            """The textbook's own loss of a picture."""
            loop.picture = picture_13HW.clone()
            with torch.no_grad():
                return loop.loss().item()

        row = _by_mill(_whole_pair(content, style, recipe), encoder, loop.loss().item(), judge)
        return {"textbook_seconds": round(plain_seconds, 2), **row, "ratio": _ratio(row, plain_seconds)}

    return compare


def _by_house(options: argparse.Namespace, precision: str) -> Compare:
    recipe = replace(house(), canvas=(options.size, options.size))
    plain = replace(
        recipe,
        init="content",
        start_noise=0.0,
        learning_rate=PLAIN_RATE,
        final_learning_rate=PLAIN_RATE,
        levels=((1.0, options.iterations),),
    )
    exact = embedded_encoder(recipe.layers, device=options.device)
    encoder = in_precision(exact, precision)

    def compare(content: Tensor, style: Tensor) -> dict[str, Any]:
        """Run plain Adam at the full size, then the house recipe to its loss."""
        pair = _whole_pair(content, style, recipe)
        judge = judge_of(pair, exact).loss
        slow, ticks = _milled(replace(pair, recipe=plain), encoder)
        row = _by_mill(pair, encoder, judge(slow.picture_13HW), judge)
        return {
            "plain_seconds": round(ticks[-1], 2),
            **row,
            "ratio": _ratio(row, ticks[-1]),
            "plain_seconds_to_the_recipes_loss": _seconds_to(slow, ticks, row["loss_judged_in_float32"]),
        }

    return compare


def _whole_pair(content: Tensor, style: Tensor, recipe: Recipe) -> Pair:
    """A pair whose whole picture is painted."""
    return Pair(content, style, torch.ones_like(content[:, :1]), recipe)


def _ratio(row: dict[str, Any], plain_seconds: float) -> float | None:
    return None if row["seconds"] is None else round(row["seconds"] / plain_seconds, 4)


def _milled(pair: Pair, encoder: Encoder) -> tuple[Finished, list[float]]:
    """What the mill makes of a pair, and the seconds from the pair's arrival to the end of each of its steps."""
    ticks: list[float] = []
    began = time.perf_counter()

    def tick(_pairs: int, _share: float) -> None:
        synchronise(pair.content.device)
        ticks.append(time.perf_counter() - began)

    (finished,) = mill([pair], encoder, slots=1, device=pair.content.device, on_steps=tick)
    return finished, ticks


def _steps_to(finished: Finished, target: float) -> int | None:
    """The first step at full size whose loss is no higher than the target, counted from 0."""
    return next((step for step, loss in enumerate(finished.losses[-1]) if loss <= target), None)


def _seconds_to(finished: Finished, ticks: list[float], target: float) -> float | None:
    first, reached = finished.steps - len(finished.losses[-1]), _steps_to(finished, target)
    # A step's loss is the one before it: the time is that of the step before.
    return None if reached is None else round(ticks[max(0, first + reached - 1)], 2)


def _by_mill(pair: Pair, encoder: Encoder, target: float, judge: Callable[[Tensor], float]) -> dict[str, Any]:
    finished, ticks = _milled(pair, encoder)
    return {
        "target_loss": target,
        "loss": finished.losses[-1][-1],
        "loss_judged_in_float32": judge(finished.picture_13HW),
        "steps_at_full_size": _steps_to(finished, target),
        "seconds": _seconds_to(finished, ticks, target),
        "whole_run_seconds": round(ticks[-1], 2),
    }


def _keep(options: argparse.Namespace, rows: list[dict[str, Any]], precision: str) -> None:
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    found = {
        "objective": options.objective,
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
