"""Seconds an iteration: a textbook loop against the mill, with VGG-19 to relu5_1, in one run.

    python -m benchmarks.engine [--weights FILE] [--json FILE] [--device cpu] [--steps 5]

Weights are random unless given: time does not depend on them. On a GPU it also measures the card's bf16
matmul peak and the mill's share of it. Runs without prefect and boto3.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.textbook import network_with, textbook
from stylecore.encoders.encoder import Encoder, encoder_with_weights
from stylecore.painting.mill import mill
from stylecore.painting.pair import Pair
from stylecore.recipe import Recipe
from stylecore.recipe_values import style_statistic

SIZES = (256, 512)
GFLOP_AN_ITERATION = {256: 99.0, 512: 397.0}
"""Forward, gradient at the picture, and five Gram matrices on VGG-19 to conv5_1."""


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="every loop is measured so often, in turn")
    options = parser.parse_args()
    found = measure(options)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Medians over rounds in which the loops take turns, so that a busy machine slows all alike."""
    device = torch.device(options.device)
    weights = load_file(options.weights) if options.weights else Encoder("vgg19", ["relu5_1"]).state_dict()
    found: dict[str, Any] = {"device": _name(device), "torch": torch.__version__, "steps": options.steps}
    for size in SIZES:
        loops = _loops(size, weights, device, options.steps)
        seconds: dict[str, list[float]] = {name: [] for name in loops}
        for loop in loops.values():
            loop()
        for _ in range(options.rounds):
            for name, loop in loops.items():
                seconds[name].append(loop())
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        plain = medians["textbook"]
        found[str(size)] = {name: round(value, 4) for name, value in medians.items()}
        found[f"ratio_{size}"] = round(medians["mill, batch 1"] / plain, 3)
        found[f"ratio_{size}_batch_4"] = round(medians["mill, batch 4"] / plain, 3)
        if device.type == "cuda":
            flops = GFLOP_AN_ITERATION[size] * 1e9 / medians["mill, batch 4"]
            found[f"share_of_peak_{size}"] = round(flops / _matmul_peak(device), 3)
    found["peak_memory_gb"] = round(peak_memory(device), 2)
    return found


def _loops(
    size: int, weights: dict[str, Tensor], device: torch.device, steps: int
) -> dict[str, Callable[[], float]]:
    """Loops that return their seconds an iteration and pair."""
    generator = torch.Generator().manual_seed(0)
    contents = torch.rand(4, 3, size, size, generator=generator).to(device)
    styles = torch.rand(4, 3, size, size, generator=generator).to(device)
    recipe = Recipe(
        encoder="vgg19",
        statistics=(style_statistic("gram"),),
        variation_weight=0.0,
        lighting_weight=0.0,
        shading=0.0,
        init="content",
        start_noise=0.0,
        canvas=(size, size),
        levels=((1.0, steps),),
    )
    encoder = encoder_with_weights("vgg19", weights, recipe.layers, device=device)
    encoder = encoder.in_precision(torch.bfloat16)
    plain = textbook(network_with(weights).to(device), contents[:1], styles[:1])

    def by_textbook() -> float:
        return _timed(device, lambda: [plain.step() for _ in range(steps)]) / steps

    def by_mill(batch: int) -> float:
        guide = torch.ones(1, 1, size, size, device=device)
        pairs = [
            Pair(contents[i : i + 1], styles[i : i + 1], guide, recipe, content_key=f"{i}", style_key=f"{i}")
            for i in range(batch)
        ]
        # Without steps: what a pair costs besides its iterations is not an iteration's.
        ticks: list[float] = []

        def tick(_pairs: int, _share: float) -> None:
            synchronise(device)
            ticks.append(time.perf_counter())

        list(mill(pairs, encoder, slots=batch, device=device, on_steps=tick, compiled=device.type == "cuda"))
        return (ticks[-1] - ticks[0]) / (len(ticks) - 1) / batch

    return {
        "textbook": by_textbook,
        "mill, batch 1": lambda: by_mill(1),
        "mill, batch 4": lambda: by_mill(4),
    }


def _timed(device: torch.device, work: Callable[[], Any]) -> float:
    synchronise(device)
    started = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - started


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _matmul_peak(device: torch.device) -> float:
    """FLOP/s of a large bf16 product on this card."""
    a = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    seconds = _timed(device, lambda: [a @ a for _ in range(20)]) / 20
    return 2 * 8192**3 / seconds


def peak_memory(device: torch.device) -> float:
    """GB at most: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


if __name__ == "__main__":
    main()
