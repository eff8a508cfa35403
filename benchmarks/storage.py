"""Designs from storage to storage: rate, idle share of the device, and memory over time.

    python -m benchmarks.storage [--designs 200] [--minutes 0] [--recipe draft] [--assets DIR] [--json FILE]

Pictures are read from a folder, painted by the mill and written as PNG to another, with reading and writing
beside the device as in a run. It goes on until both --designs and --minutes are reached; --minutes 30 is the
soak. Without --assets garments and styles are the sample catalog's. Runs without prefect and boto3.

`idle_share` is the share of the time from the first pair to the last design in which no step was at work: the
device waited, or took targets and measures; compiling counts as work. `slope_mb_an_hour` is the least-squares
slope of the process's memory after the first fifth of the run.
"""

import argparse
import json
import resource
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from benchmarks.engine import peak_memory
from benchmarks.sheets import sized
from catalogs.images.codec import MAX_PIXELS, encode_png
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.samples.catalog import write_sample
from catalogs.storage.local_store import LocalStore
from flows.painting.image_tensors import read_pattern, read_template, to_content, to_design, to_pair
from flows.painting.reading_ahead import read_ahead
from flows.planning.devices import choose_batch, choose_precision, device_name, require_device
from flows.planning.plan import DesignJob
from flows.recipes.named import find_recipe
from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder, encoder_with_weights
from stylecore.objective.target_cache import TargetCache
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe
from stylecore.stylization import in_precision

WRITERS = 4
PICTURES = 1000
"""Kept on disk; later ones are written over the first."""
CACHE_BYTES = 2**27
"""Of targets: small, so that it is full within minutes and a soak shows what else grows."""
EVERY_SECONDS = 5.0
"""Between two looks at the process's memory."""


@dataclass
class Watch:
    """What is noted on the way: memory (MB) at seconds."""

    began: float = field(default_factory=time.perf_counter)
    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Note the memory, if the last look was long enough ago."""
        if not self.at or self.seconds() - self.at[-1] >= EVERY_SECONDS:
            self.at.append(self.seconds())
            self.memory.append(_resident_mb())

    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.began

    def slope(self) -> float | None:
        """MB an hour after the first fifth; None where there are too few looks."""
        late = [(t, m) for t, m in zip(self.at, self.memory, strict=True) if t > self.at[-1] / 5]
        if len(late) < 10:
            return None
        times, values = zip(*late, strict=True)
        return round(float(np.polyfit(times, values, 1)[0] * 3600), 2)


def main() -> None:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--designs", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--recipe", default="draft")
    parser.add_argument("--long-side", type=int, help="of the canvas; the recipe's own if not given")
    parser.add_argument(
        "--assets", type=Path, help="garments/, styles/ and weights/; the sample catalog if not given"
    )
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(options, Path(folder))
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One run; pictures are written over each other, so that a soak fills no disk."""
    assets = options.assets or _sample(folder / "sample")
    device, recipe = require_device(options.device), sized(find_recipe(options.recipe), options.long_side)
    encoder = in_precision(_encoder(recipe, assets, device), choose_precision("auto", device))
    batch, watch, out = choose_batch(options.batch, device), Watch(), LocalStore(folder / "designs")
    pairs = read_ahead(_enough(_pairs(assets, recipe), options, watch), 2 * batch)
    finished = mill(
        pairs,
        encoder,
        slots=batch,
        device=device,
        cache=TargetCache(CACHE_BYTES),
        widen=4 if device.type == "cuda" else 1,
        compiled=device.type == "cuda",
    )
    busy, writing = 0.0, deque[Future[None]]()
    with ThreadPoolExecutor(WRITERS) as writers:
        for made, one in enumerate(finished, 1):
            writing.append(writers.submit(_write, out, made % PICTURES, one, recipe))
            if len(writing) > 2 * WRITERS:
                writing.popleft().result()
            busy += one.seconds
            watch.look()
        while writing:
            writing.popleft().result()
    seconds = watch.seconds()
    return {
        "device": device_name(device),
        "torch": torch.__version__,
        "recipe": recipe.name,
        "canvas": recipe.canvas,
        "batch": batch,
        "designs": made,
        "minutes": round(watch.seconds() / 60, 2),
        "designs_a_second": round(made / seconds, 3),
        "idle_share": round(max(0.0, 1 - busy / seconds), 4),
        "peak_memory_gb": round(peak_memory(device), 2),
        "memory_mb": [round(value) for value in watch.memory[:: max(1, len(watch.memory) // 30)]],
        "slope_mb_an_hour": watch.slope(),
    }


def _enough(pairs: Iterator[Pair], options: argparse.Namespace, watch: Watch) -> Iterator[Pair]:
    """Pairs until it is enough; those on their way are finished, so that no step is left uncounted."""
    for fed, pair in enumerate(pairs):
        if fed >= options.designs and watch.seconds() >= options.minutes * 60:
            return
        yield pair


def _pairs(assets: Path, recipe: Recipe) -> Iterator[Pair]:
    """Every garment in every style, again and again; read and decoded anew each time, as other designs would be."""
    stores = LocalStore(assets / "garments"), LocalStore(assets / "styles")
    garments, styles = read_garments(stores[0]).records, read_styles(stores[1]).records
    for round_ in count():
        for style in styles:
            pattern = read_pattern(stores[1], style, MAX_PIXELS)
            for garment in garments:
                template = read_template(stores[0], garment, MAX_PIXELS)
                canvas = to_content(template, recipe)
                # New contents by name, so that the cache of targets turns over as it does in a long run.
                job = DesignJob(
                    "",
                    replace(garment, digest=f"{round_}:{garment.garment_id}"),
                    replace(style, digest=f"{round_}:{style.style_id}"),
                )
                yield to_pair(job, canvas, pattern, recipe, (template, canvas))


def _write(out: LocalStore, number: int, finished: Finished, recipe: Recipe) -> None:
    template, canvas = finished.pair.tag
    out.write(f"{number}.png", encode_png(to_design(finished.largest, canvas, template, recipe)))


def _sample(folder: Path) -> Path:
    write_sample(LocalStore(folder))
    return folder


def _encoder(recipe: Recipe, assets: Path, device: torch.device) -> Encoder:
    if recipe.encoder == "embedded":
        return embedded_encoder(recipe.layers, device=device)
    weights = load_file(assets / "weights" / f"{recipe.encoder}_features.safetensors")
    return encoder_with_weights(recipe.encoder, weights, recipe.layers, device=device)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
