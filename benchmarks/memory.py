"""Peak memory of painting one design, by the size of its canvas or of its template.

    python -m benchmarks.memory [--longest 4096] [--json FILE]

Every figure is of a process of its own (Linux), which paints one drawn garment in one drawn style and makes two steps in
each level, since more steps take no more memory. It is the process's peak resident memory less what the process held
with torch and the encoder loaded, in MB of 10^6 bytes. `windows` and `whole` are the house recipe on a canvas of that
size, looked at window by window as the mill does, and all at once; `brushwork` is that recipe by windows; `template` is
the house recipe on its own canvas of 320 x 256, finished at the size of a template.
"""

import argparse
import json
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.laplacian import drawn_content
from flows.recipes.named import find_recipe
from stylecore.encoders.embedded import embedded_encoder
from stylecore.errors import StylecoreError
from stylecore.painting.enlarging import Enlargement
from stylecore.painting.mill import TILE, mill
from stylecore.painting.pair import Pair
from stylecore.recipe import Recipe

SIZES = ((320, 256), (640, 512), (1280, 1024), (2560, 2048), (4096, 3264))
"""Heights and widths, px."""
HOUSE_CANVAS = (320, 256)
STEPS = 2
Way = tuple[str, int, bool]
WAYS: dict[str, Way] = {
    "windows": ("house", TILE, False),
    "whole": ("house", 0, False),
    "brushwork": ("brushwork", TILE, False),
    "template": ("house", TILE, True),
}
"""What is measured: recipe, longest side that is looked at whole (0: any), and whether the size is the template's."""


def main() -> None:
    """Measure each way at each size, print the table and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--longest", type=int, default=4096, help="side, px, above which nothing is measured")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table: dict[str, dict[str, int]] = {}
    for height, width in SIZES:
        if height <= options.longest:
            row = {name: in_own_process(peak_megabytes, (height, width), way) for name, way in WAYS.items()}
            table[f"{height} x {width}"] = row
            print(f"{height} x {width}", row, flush=True)
            if options.json:
                options.json.write_text(json.dumps(table, indent=1) + "\n")


def in_own_process(measure: Callable[..., int], *arguments: object) -> int:
    """Return what a function returns in a fresh process, whose peak is of nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def peak_megabytes(size: tuple[int, int], way: Way) -> int:
    """Return how far the peak of memory rises, MB, while this process paints one design."""
    name, tile, enlarged = way
    recipe = short(find_recipe(name))
    encoder = embedded_encoder(recipe.layers).in_precision(torch.bfloat16)
    pair = to_pair(recipe, HOUSE_CANVAS, size) if enlarged else to_pair(recipe, size, size)
    before = _peak_bytes()
    (design,) = mill([pair], encoder, slots=1, tile=tile)
    if design.failure:
        raise StylecoreError(f"Recipe {name} painted nothing at {size}: {design.failure}.")
    return round((_peak_bytes() - before) / 1e6)


def short(recipe: Recipe) -> Recipe:
    """Return the recipe with STEPS steps in each level."""
    return replace(recipe, levels=tuple((scale, STEPS) for scale, _ in recipe.levels))


def to_pair(recipe: Recipe, canvas: tuple[int, int], template: tuple[int, int]) -> Pair:
    """Return a drawn pair on a canvas, finished at the size of the template where that is larger."""
    content, style = drawn(canvas, 0), drawn(canvas, 1)
    factor = template[0] / canvas[0]
    pair = Pair(content, style, torch.ones_like(content[:, :1]), recipe)
    if factor <= 1:
        return pair
    return replace(pair, enlargement=lambda device: Enlargement(drawn(template, 1).to(device), factor))


def drawn(size: tuple[int, int], seed: int) -> Tensor:
    """Return a drawn picture, 1 x 3 x H x W in [0, 1]."""
    height, width = size
    content_HW3 = drawn_content(max(height, width), seed)[:height, :width]
    return torch.from_numpy(content_HW3).permute(2, 0, 1)[None].contiguous()


def _peak_bytes() -> int:
    """Peak of this process as the Linux kernel counts it; getrusage would count the parent's before the start."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
