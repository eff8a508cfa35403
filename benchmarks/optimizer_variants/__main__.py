"""Time to the house recipe's loss by variants of its optimiser, on real pairs.

    python -m benchmarks.optimizer_variants --assets DIR [--json FILE] [--pairs 6] [--variants NAME ...]

Every variant paints every pair with 0.5, 0.7 and 1.0 times its steps until it reaches the loss of the house's own
painting, and with 0.3 times where half was enough. Paintings are judged by the house's objective in float32, with the
style's patches assigned anew to each. Between paintings the cost of the house's loss is interpolated: CPU seconds of
the process, wall seconds, and work, which is steps weighted by their share of the canvas's pixels. What the file of
results already has is not painted again.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
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
LEAST_SHARE = 0.3
"""Of the steps of a variant for which half of them are enough."""
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


def before() -> Recipe:
    """The house recipe with the optimiser that it had before these variants were measured, their baseline."""
    return replace(
        house(),
        levels=((0.25, 80), (0.5, 50), (1.0, 20)),
        learning_rate=0.03,
        final_learning_rate=0.003,
        beta_1=0.9,
        beta_2=0.999,
    )


def main() -> None:
    """Paint what is not painted yet, pair by pair, and print the summary at the end."""
    options = _options()
    recipe = before()
    encoder = embedded_encoder(recipe.layers)
    precision = choose_precision("auto", torch.device("cpu"))
    results = Results(options.json, precision, _read(options.json))
    starts = {
        name: load(options.assets) for name in options.variants if (load := VARIANTS[name].start) is not None
    }
    quick = in_precision(encoder, precision)
    for number, pair in enumerate(read_house_pairs(options.assets, options.pairs, recipe)):
        judge = judge_of(pair, encoder)
        if number == 0:
            # The first painting of a process pays for what torch sets up.
            paint(BASELINE, pair, LEAST_SHARE, quick, judge, None)
        for name in dict.fromkeys((BASELINE, *options.variants)):
            for share in SHARES if name == BASELINE else results.shares_to_paint(name, pair.tag):
                if results.find(name, pair.tag, share) is None:
                    results.add(paint(name, pair, share, quick, judge, starts.get(name)))
    for summary in summarise(results.painted):
        print(summary)


@dataclass
class Results:
    """What is painted, kept in a file after every painting."""

    file: Path | None
    precision: str
    painted: list[Painted]

    def find(self, variant: str, pair: str, share: float) -> Painted | None:
        """Return a painting, None where it is not made yet."""
        key = variant, pair, share
        return next((row for row in self.painted if (row.variant, row.pair, row.share) == key), None)

    def add(self, row: Painted) -> None:
        """Keep and print a painting."""
        self.painted.append(row)
        print(row, flush=True)
        _write(self.file, self.painted, self.precision)

    def shares_to_paint(self, variant: str, pair: str) -> Iterator[float]:
        """Yield rising shares of the steps until one is enough for the house's loss; each is painted before the next."""
        target = self._loss(BASELINE, pair, 1.0)
        for share in SHARES:
            yield share
            if self._loss(variant, pair, share) <= target:
                break
        if self._loss(variant, pair, SHARES[0]) <= target:
            yield LEAST_SHARE

    def _loss(self, variant: str, pair: str, share: float) -> float:
        row = self.find(variant, pair, share)
        assert row is not None
        return row.loss


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
    pair: Pair,
    share: float,
    encoder: Encoder,
    judge: Judge,
    start: Callable[[Pair], Pair] | None,
) -> Painted:
    """Paint a pair by the variant of a name and judge it; StylecoreError where the mill gave the pair up."""
    variant = VARIANTS[name]
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
    """Return a row a variant: costs to the house's loss over the house's own, and losses after half the steps over its.

    Both are geometric means, the costs' over the pairs that reached the loss. Pairs that the house has not painted are
    left out.
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
    tried = 0
    for pair, rows in curves.items():
        target = full[pair].loss
        # A curve that was stopped half-way says nothing.
        tried += rows[-1].share == 1 or min(row.loss for row in rows) <= target
        for cost, values in ratios.items():
            reached = cost_to_loss([getattr(row, cost) for row in rows], [row.loss for row in rows], target)
            if reached is not None:
                values.append(reached / getattr(full[pair], cost))
    halves = {row.pair: row.loss for row in painted if row.variant == BASELINE and row.share == SHARES[0]}
    losses = [
        row.loss / halves[row.pair] for rows in curves.values() for row in rows if row.share == SHARES[0]
    ]
    return {
        "variant": name,
        "pairs": tried,
        "reached": len(ratios["work"]),
        **{f"{cost}_to_loss": _geometric_mean(values) for cost, values in ratios.items()},
        "loss_with_half_the_steps": _geometric_mean(losses),
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
