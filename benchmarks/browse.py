"""The browser at 100,000 designs: first page, change of a facet, scrolling, memory.

    python -m benchmarks.browse [--designs 100000] [--json FILE] [--catalog FOLDER] [--chromium PATH]

Records are real in shape and made here; pictures are shared among them. `stylemill browse` is started on them as a
person does, and looked at through Chromium: times are what its page sees, by `performance.now()`.

The code is 1 where a limit is passed: first page 1 s, facets 300 ms at the 95th percentile, server 1 GB, no blank row.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.landing_soak import of_process
from benchmarks.prefect_server import free_port, stop
from catalogs import keys
from catalogs.designs.appearance import measure_appearance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.images.codec import Picture, encode_png
from catalogs.records import LOSS_TERMS, Design
from catalogs.storage.stores import open_store

PICTURES = 60
GARMENTS, SETS = 100, 25
DRAWN = ("loss", "loss_start", "style_distance", "variation_ratio")
A_COMMIT = 20_000
FACET_CLICKS = 60
JUMPS, STEPS = 200, 150
BLANK_SECONDS = 1.0
"""A row that is not filled so long after it came into sight is blank."""
LIMITS = {"first_page_s": 1.0, "facet_p95_s": 0.3, "server_peak_gb": 1.0, "blank_rows": 0}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--designs", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--catalog", type=Path, help="kept there; made if it is not")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = options.catalog or Path(folder)
        if not (where / keys.TABLE).exists():
            write_catalog(where, options.designs)
        found = measure(where, options.chromium)
    passed = [name for name, limit in LIMITS.items() if found[name] > limit]
    print(json.dumps(found | {"limits_passed": passed}, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(bool(passed))


def write_catalog(where: Path, count: int) -> None:
    """A catalog of so many designs: garments by styles by two recipes, by a dozen runs."""
    catalog = DesignCatalog(open_store(str(where)))
    pictures = [_picture(catalog, seed) for seed in range(PICTURES)]
    records = (_record(number, pictures[number % PICTURES]) for number in range(count))
    while batch := list(islice(records, A_COMMIT)):
        catalog.file(batch)


def _picture(catalog: DesignCatalog, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:640, :480]
    waves = np.sin(rows[..., None] / rng.uniform(9, 40, 3) + columns[..., None] / rng.uniform(9, 40, 3))
    rgb = np.full((640, 480, 3), 238, np.uint8)
    rgb[60:580, 70:410] = np.clip(rng.uniform(40, 215, 3) + 55 * waves, 0, 255).astype(np.uint8)[
        60:580, 70:410
    ]
    image, sha256 = catalog.add_picture(
        hashlib.sha256(f"{seed}".encode()).hexdigest(), encode_png(Picture(rgb))
    )
    return {"image": image, "image_sha256": sha256, **vars(measure_appearance(rgb, None))}


def _record(number: int, picture: dict[str, Any]) -> Design:
    rng = np.random.default_rng(number)
    garment, style, recipe = (
        number % GARMENTS,
        number // (2 * GARMENTS),
        ("house", "print")[number // GARMENTS % 2],
    )
    values: dict[str, Any] = {name: float(rng.gamma(2.0, 0.3)) for name in DRAWN}
    values["term_losses"] = dict.fromkeys(LOSS_TERMS, 0.1)
    phash = f"{int(picture['phash'], 16) ^ int(rng.integers(0, 2**62)):016x}"
    return Design(
        design_id=hashlib.sha256(f"design {number}".encode()).hexdigest(), garment_id=f"g{garment:03}",
        style_id=f"s{style:04}", style_set=f"set-{style % SETS:02}", recipe=recipe, recipe_digest="d" * 64,
        recipe_json=json.dumps({"name": recipe, "canvas": [512, 384], "levels": [[0.5, 60], [1.0, 40]]}),
        width=480, height=640, garment_digest="1" * 64, style_digest="2" * 64, **values,
        fold_correlation=float(rng.beta(8, 2)), checkerboard_peak=float(rng.gamma(2.0, 1.0)), changed_outside=0,
        steps=100, seconds=2.0, device="cuda", precision="bfloat16", versions='{"stylemill": "0.1.0"}',
        run_id=f"202611{1 + number * 12 // 100_000 % 28:02}T020000-abc123",
        created_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number * 7),
        garment_title=f"Garment {garment} in plain weave",
        garment_category=("tee", "dress", "hoodie", "bag")[garment % 4],
        garment_licence="CC0-1.0", garment_tags=("summer", "cotton"), style_title=f"Pattern {style}, hand drawn",
        style_licence=("CC0-1.0", "CC-BY-4.0")[style % 2], style_tags=("floral", f"drop-{style % 9}"),
        rights_holder="Ann Archer", **{**picture, "phash": phash},
    )  # fmt: skip


def measure(where: Path, chromium: str | None) -> dict[str, Any]:
    """Start the browser's server on a catalog and look at it."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "flows.command.cli",
        "browse",
        "--designs",
        str(where),
        "--port",
        str(port),
    ]
    began = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert server.stdout
        said = server.stdout.readline().decode()
        ready = time.perf_counter() - began
        if "is open at" not in said:
            raise SystemExit(f"The browser did not start: {said}{server.stdout.read().decode()}")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            found = _looked_at(page, f"http://127.0.0.1:{port}/")
            browser.close()
        return {
            "designs": found.pop("total"),
            "command_to_ready_s": round(ready, 2),
            **found,
            "server_peak_gb": round(_peak_gb(server.pid), 3),
            "server_now_gb": round((of_process(server.pid) or {})["rss_mb"] / 1000, 3),
            "cpus": os.cpu_count(),
        }
    finally:
        stop(server)


def _peak_gb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**20


FIRST_PICTURE = """() => new Promise((done) => {
  const look = () => { const image = document.querySelector('.cell img');
    if (image && image.complete && image.naturalWidth) done(performance.now() / 1000);
    else requestAnimationFrame(look); };
  look();
})"""
CLICK = """(box) => new Promise((done) => {
  performance.clearMarks('shown');
  const began = performance.now();
  const look = () => { if (performance.getEntriesByName('shown').length && !document.querySelector('.cell.waiting'))
    done((performance.now() - began) / 1000); else requestAnimationFrame(look); };
  box.click();
  look();
})"""
SCROLL = """async ([to, by, steps, patience]) => {
  const wall = document.getElementById('scroll');
  const times = []; let blank = 0; let frames = 0; let long = 0;
  for (let n = 1; n <= steps; n += 1) {
    wall.scrollTop = to === null ? wall.scrollTop + by : (wall.scrollHeight * n) / steps;
    const began = performance.now(); let last = began;
    for (;;) {
      await new Promise(requestAnimationFrame);
      const now = performance.now(); frames += 1; if (now - last > 50) long += 1; last = now;
      if (now - began > 2 && !document.querySelector('.cell.waiting') && document.querySelector('.cell')) break;
      if (now - began > patience * 1000) { blank += 1; break; }
    }
    times.push((performance.now() - began) / 1000);
  }
  return { times, blank, frames, long };
}"""


def _looked_at(page: Page, address: str) -> dict[str, Any]:
    """First page three times, facets, and the wall from top to bottom."""
    first = []
    for _ in range(3):
        page.goto(address, wait_until="commit")
        first.append(float(page.evaluate(FIRST_PICTURE)))
    total = int(page.evaluate("JSON.parse(document.getElementById('data').textContent).all"))
    facets = list(_facet_times(page))
    page.goto(address)
    page.evaluate(FIRST_PICTURE)
    jumps = page.evaluate(SCROLL, [1, 0, JUMPS, BLANK_SECONDS])
    page.goto(address)
    page.evaluate(FIRST_PICTURE)
    steps = page.evaluate(SCROLL, [None, 300, STEPS, BLANK_SECONDS])
    return {
        "total": total,
        "first_page_s": round(statistics.median(first), 3),
        "facet_median_s": round(statistics.median(facets), 3),
        "facet_p95_s": round(_p95(facets), 3),
        "facets_changed": len(facets),
        "jump_filled_p95_s": round(_p95(jumps["times"]), 3),
        "step_filled_p95_s": round(_p95(steps["times"]), 3),
        "blank_rows": jumps["blank"] + steps["blank"],
        "frames_over_50_ms": round(steps["long"] / max(steps["frames"], 1), 3),
    }


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1))]


def _facet_times(page: Page) -> Iterator[float]:
    """Choose a value and take it back, through all facets."""
    for number in range(FACET_CLICKS):
        boxes = page.query_selector_all("#facet-list details[open] input")
        yield float(page.evaluate(CLICK, boxes[(number * 7) % min(len(boxes), 30)]))
        page.wait_for_timeout(30)


if __name__ == "__main__":
    main()
