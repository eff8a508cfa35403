"""Plans and reruns at scale: a plan of a million pairs, and a run that finds all its work done.

    python -m benchmarks.scale [--json FILE] [--pairs 1000000] [--designs 100000] [--s3]

The plan is measured in a process of its own. The catalog of finished designs is made of real records (job
keys of real, small pictures) and filed in `--commits` commits; then `stylemill run` is started on it as a
user does and must find nothing to make. With --s3 everything lies on an S3 server (moto) started here.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.main_job import BUCKET, serve
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.inputs.content_digests import with_digests
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.records import LOSS_TERMS, Design, Garment, Style
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from flows.planning.plan import job_key, plan_designs
from flows.planning.weights import resolve_recipe
from flows.recipes.named import find_recipe
from flows.settings import Settings
from stylecore.recipe import Recipe


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--designs", type=int, default=100_000)
    parser.add_argument("--commits", type=int, default=20)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--plan-alone", action="store_true", help="only the plan, in this process")
    options = parser.parse_args()
    if options.plan_alone:
        print(json.dumps(_plan(options.pairs)))
        return
    found = _plan_in_a_process(options.pairs) | _rerun(options)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def _plan_in_a_process(pairs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale", "--plan-alone", "--pairs", str(pairs)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def _plan(pairs: int) -> dict[str, Any]:
    side = isqrt(pairs)
    garments = [Garment(f"g{n}", f"g{n}.png", digest=f"{n:064x}") for n in range(side)]
    styles = [Style(f"s{n}", "set", f"s{n}.png", digest=f"{n:064x}") for n in range(pairs // side)]
    began = time.perf_counter()
    plan = plan_designs(garments, styles, Recipe(), set())
    seconds = time.perf_counter() - began
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"pairs": len(plan.jobs), "plan_1m_s": round(seconds, 2), "plan_1m_gb": round(gigabytes, 3)}


def _rerun(options: argparse.Namespace) -> dict[str, Any]:
    with _place(options.s3) as place:
        garments, styles, designs = (f"{place}/{name}" for name in ("garments", "styles", "designs"))
        began = time.perf_counter()
        count = _file(open_store(garments), open_store(styles), open_store(designs), options)
        filed = time.perf_counter() - began
        command = [
            sys.executable, "-m", "flows.command.cli", "run",
            "--garments", garments, "--styles", styles, "--designs", designs, "--device", "cpu",
        ]  # fmt: skip
        times, shown = [], ""
        for _ in range(3):
            began = time.perf_counter()
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            times.append(time.perf_counter() - began)
        if f"all {count} designs are there" not in shown:
            raise SystemExit(f"The run was to find nothing to do, but said: {shown}")
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return {
        "store": "s3" if options.s3 else "folder",
        "designs": count,
        "filed_s": round(filed, 1),
        "noop_100k_s": round(sorted(times)[1], 2),
        "noop_times_s": [round(value, 2) for value in times],
        "noop_peak_gb": round(memory, 3),
    }


@contextmanager
def _place(s3: bool) -> Iterator[str]:
    """A folder, or a bucket on a server of our own."""
    if not s3:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
        return
    server = serve()
    try:
        yield f"s3://{BUCKET}"
    finally:
        server.terminate()


def _file(garments: Store, styles: Store, designs: Store, options: argparse.Namespace) -> int:
    """Catalogs of small pictures, and the records of all their designs; returns how many."""
    side = isqrt(options.designs)
    _write(garments, "garment_id", "g", side)
    _write(styles, "style_id", "s", options.designs // side)
    own_garments, _ = with_digests(garments, read_garments(garments).records)
    own_styles, _ = with_digests(styles, read_styles(styles).records)
    recipe = resolve_recipe(find_recipe("house"), Settings())
    catalog, pairs = DesignCatalog(designs), list(product(own_garments, own_styles))
    batch = -(-len(pairs) // options.commits)
    for start in range(0, len(pairs), batch):
        catalog.file(_record(garment, style, recipe) for garment, style in pairs[start : start + batch])
    return len(pairs)


def _write(store: Store, column: str, letter: str, count: int) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{column},style_set,image,title" if letter == "s" else f"{column},image,title"]
    for n in range(count):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
        store.write(f"{letter}{n}.png", buffer.getvalue())
        between = "set-1," if letter == "s" else ""
        rows.append(f"{letter}{n},{between}{letter}{n}.png,Number {n}")
    store.write("catalog.csv", "\n".join(rows).encode())


def _record(garment: Garment, style: Style, recipe: Recipe) -> Design:
    key = job_key(garment, style, recipe.digest())
    return replace(
        EXAMPLE,
        design_id=key,
        garment_id=garment.garment_id,
        style_id=style.style_id,
        style_set=style.style_set,
        recipe_digest=recipe.digest(),
        recipe_json=recipe.canonical_json(),
        image=f"images/{key[:2]}/{key}-0123456789ab.png",
        garment_digest=garment.digest,
        style_digest=style.digest,
    )


EXAMPLE = Design(
    design_id="", garment_id="", style_id="", style_set="", recipe="house", recipe_digest="", recipe_json="",
    image="", image_sha256="0" * 64, width=768, height=1024, garment_digest="", style_digest="", loss=0.1,
    term_losses=dict.fromkeys(LOSS_TERMS, 0.0) | {"content": 0.05, "style": 0.04, "variation": 0.01},
    loss_start=0.8, style_distance=0.03, fold_correlation=0.9, checkerboard_peak=1.2,
    variation_ratio=2.5, changed_outside=0, steps=150, seconds=2.6, device="cpu x86_64", precision="bfloat16",
    versions="{}", run_id="20261121T031500-4f2a9c", created_at=datetime(2026, 11, 21, tzinfo=UTC),
)  # fmt: skip


if __name__ == "__main__":
    main()
