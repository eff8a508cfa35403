"""Time to the house recipe's loss by variants of its optimiser, on real pairs.

    python -m benchmarks.optimizer_variants --assets DIR [--json FILE] [--pairs 6] [--variants NAME ...]

Every variant paints every pair with 0.5, 0.7 and 1.0 times its steps. What it painted is judged by the house's
objective in float32, with the style's patches assigned anew to it. Between these paintings the seconds to
the loss of the house's own painting are interpolated: CPU seconds of the process, wall seconds, and work, which is
steps weighted by their share of the canvas's pixels. What the file of results already has is not painted again.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import exp, log
from pathlib import Path
from statistics import fmean

import torch

from benchmarks.house_pairs import Judge, judge_of, read_house_pairs
from benchmarks.optimizer_variants.variants import VARIANTS, Variant
from flows.planning.devices import choose_precision
from flows.recipes.named import house
from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder
from stylecore.errors import StylecoreError
from stylecore.painting.mill import mill
from stylecore.painting.pair import Pair
from stylecore.recipe import Recipe
from stylecore.recipe_values import Levels
from stylecore.stylization import in_precision

SHARES = (0.5, 0.7, 1.0)
"""Of a variant's steps."""
BASELINE = "house"


@dataclass(frozen=True)
class Painted:
    """One painting: which variant, pair and share of the steps, what it cost, and its loss as it is judged."""

    variant: str
    pair: str
    share: float
    loss: float
    cpu_seconds: float
    wall_seconds: float
    work: float
    """Steps, each by its share of the canvas's pixels."""


def main() -> None:
    """Paint what is not painted yet, pair by pair, and print the table after every pair."""
    options = _options()
    recipe = house()
    exact = embedded_encoder(recipe.layers)
    precision = choose_precision("auto", torch.device("cpu"))
    quick = in_precision(exact, precision)
    painted = _read(options.json)
    known = {(row.variant, row.pair, row.share) for row in painted}
    changes = {
        name: start(options.assets)
        for name in options.variants
        if (start := VARIANTS[name].start) is not None
    }
    for pair in read_house_pairs(options.assets, options.pairs, recipe):
        judge = judge_of(pair, exact)
        for share in SHARES:
            for name in options.variants:
                if (name, pair.tag, share) in known:
                    continue
                row = paint(name, VARIANTS[name], pair, share, quick, judge, changes.get(name))
                painted.append(row)
                print(row, flush=True)
                _write(options.json, painted, precision)
    for summary in summarise(painted):
        print(summary)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    return parser.parse_args()


def scale_levels(levels: Levels, share: float) -> Levels:
    """Return the levels with a share of their steps, rounded, at least one each."""
    return tuple((scale, max(1, round(steps * share))) for scale, steps in levels)


def to_recipe(variant: Variant, base: Recipe, share: float) -> Recipe:
    """Return a variant's recipe with a share of its steps."""
    changed = replace(base, **variant.recipe)
    return replace(changed, levels=scale_levels(changed.levels, share))


def paint(
    name: str,
    variant: Variant,
    pair: Pair,
    share: float,
    encoder: Encoder,
    judge: Judge,
    start: Callable[[Pair], Pair] | None,
) -> Painted:
    """Paint a pair by a variant and judge it; StylecoreError where the mill gave the pair up."""
    job = replace(pair, recipe=to_recipe(variant, pair.recipe, share))
    cpu_began, wall_began = time.process_time(), time.perf_counter()
    with variant.in_place():
        (finished,) = mill([start(job) if start else job], encoder, slots=1)
    cpu_seconds, wall_seconds = time.process_time() - cpu_began, time.perf_counter() - wall_began
    if finished.failure:
        raise StylecoreError(f"{name} could not paint {pair.tag}: {finished.failure}")
    work = sum(steps * scale**2 for scale, steps in job.recipe.levels)
    loss = judge.loss(finished.picture_13HW)
    return Painted(
        name,
        str(pair.tag),
        share,
        round(loss, 5),
        round(cpu_seconds, 3),
        round(wall_seconds, 3),
        round(work, 2),
    )


def cost_to_loss(costs: Sequence[float], losses: Sequence[float], target: float) -> float | None:
    """Return the cost at which losses, in the order of rising costs, first come down to a target.

    Between two paintings the cost is interpolated, its logarithm linearly in the loss; it is the first painting's
    cost where that is good enough, and None where none is.
    """
    for number, loss in enumerate(losses):
        if loss > target:
            continue
        if number == 0 or loss == losses[number - 1]:
            return costs[number]
        back = (target - loss) / (losses[number - 1] - loss)
        return exp(log(costs[number]) + back * (log(costs[number - 1]) - log(costs[number])))
    return None


def summarise(painted: Sequence[Painted]) -> list[dict[str, object]]:
    """Return a row a variant: costs to the house's loss over the house's own costs, and its loss with all its steps.

    Ratios are geometric means over the pairs that reached the loss; pairs that the house has not painted are left out.
    """
    full = {row.pair: row for row in painted if row.variant == BASELINE and row.share == 1}
    return [_summary(name, painted, full) for name in dict.fromkeys(row.variant for row in painted)]


def _summary(name: str, painted: Sequence[Painted], full: dict[str, Painted]) -> dict[str, object]:
    curves = {
        pair: sorted(
            (row for row in painted if row.variant == name and row.pair == pair), key=lambda row: row.share
        )
        for pair in full
    }
    curves = {pair: rows for pair, rows in curves.items() if rows}
    ratios: dict[str, list[float]] = {"work": [], "cpu_seconds": [], "wall_seconds": []}
    for pair, rows in curves.items():
        for cost, values in ratios.items():
            reached = cost_to_loss(
                [getattr(row, cost) for row in rows], [row.loss for row in rows], full[pair].loss
            )
            if reached is not None:
                values.append(reached / getattr(full[pair], cost))
    losses = [rows[-1].loss / full[pair].loss for pair, rows in curves.items()]
    seconds = [rows[-1].cpu_seconds / full[pair].cpu_seconds for pair, rows in curves.items()]
    return {
        "variant": name,
        "pairs": len(curves),
        "reached": len(ratios["work"]),
        **{f"{cost}_to_loss": _geometric_mean(values) for cost, values in ratios.items()},
        "loss_with_all_steps": _geometric_mean(losses),
        "cpu_seconds_with_all_steps": _geometric_mean(seconds),
    }


def _geometric_mean(values: Sequence[float]) -> float | None:
    return round(exp(fmean(map(log, values))), 3) if values else None


def _read(file: Path | None) -> list[Painted]:
    if file is None or not file.exists():
        return []
    return [Painted(**row) for row in json.loads(file.read_text())["painted"]]


def _write(file: Path | None, painted: Sequence[Painted], precision: str) -> None:
    if file is None:
        return
    results = {
        "precision": precision,
        "threads": torch.get_num_threads(),
        "summary": summarise(painted),
        "painted": [asdict(row) for row in painted],
    }
    file.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
