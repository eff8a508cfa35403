"""The same designs by one process, by several workers of one run, by several runs at once, and on a local Ray.

    python -m benchmarks.fan_out [--limit 32] [--workers 4] [--json FILE]

Every way starts `stylemill run` as a user does, on a fresh design catalog, with torch on one thread a worker so
that only the number of workers differs. Seconds are of the work alone (the report's), and from command to end.
For every way the pictures are compared with those of one process, and double work is counted: pictures that were
written more often than once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.samples.catalog import write_sample
from catalogs.storage.stores import open_store

RECIPE = 'base = "house"\ncanvas = [256, 208]\nlevels = [[0.5, 30], [1.0, 30]]\n'
"""A second or two a design on a CPU core: long against what a design costs besides."""


def main() -> None:
    """Measure every way, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=32, help="designs of the sample catalog")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.limit, options.workers)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def measure(folder: Path, limit: int, workers: int) -> dict[str, Any]:
    """Rates and speed-ups of every way, by name."""
    write_sample(open_store(str(folder / "sample")))
    (folder / "quick.toml").write_text(RECIPE)
    ways: dict[str, tuple[int, Sequence[str], dict[str, str]]] = {
        "one process": (1, [], {}),
        "2 workers of one run": (1, ["--workers", "2"], {}),
        f"{workers} workers of one run": (1, ["--workers", str(workers)], {}),
        f"{workers} runs at once": (workers, [], {}),
        "2 workers on a local Ray": (
            1,
            ["--workers", "2"],
            {"STYLEMILL_RAY": "local", "STYLEMILL_RAY_GPUS": "0"},
        ),
    }
    found: dict[str, Any] = {"designs": limit, "cores": os.cpu_count(), "ways": {}}
    plain: dict[str, str] = {}
    for name, (runs, arguments, environment) in ways.items():
        designs = folder / name.replace(" ", "-")
        row, digests = _one_way(folder, designs, limit, runs, arguments, environment)
        plain = plain or digests
        row["same_pictures"] = digests == plain
        first = found["ways"].setdefault(name, row)
        base = found["ways"]["one process"]
        first["speed_up"] = round(base["seconds"] / first["seconds"], 2)
        print(name, row, flush=True)
    return found


def _one_way(
    folder: Path, designs: Path, limit: int, runs: int, arguments: Sequence[str], environment: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    command = [
        sys.executable, "-m", "flows.command.cli", "run", "--garments", f"{folder}/sample/garments",
        "--styles", f"{folder}/sample/styles", "--designs", str(designs), "--recipe", f"{folder}/quick.toml",
        "--limit", str(limit), *arguments,
    ]  # fmt: skip
    began = time.perf_counter()
    started = [
        subprocess.Popen(
            command,
            # A home each: several temporary servers do not share one database.
            env={**os.environ, "OMP_NUM_THREADS": "1", "PREFECT_HOME": f"{designs}-{n}", **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for n in range(runs)
    ]
    codes = [process.wait() for process in started]
    elapsed = time.perf_counter() - began
    if any(codes):
        sys.exit(f"{' '.join(command)} ended with {codes}")
    reports = [json.loads(path.read_text()) for path in designs.glob("runs/*/report.json")]
    table = DesignCatalog(open_store(str(designs))).read(["design_id", "image_sha256"]).to_pydict()
    pictures = len(list(designs.glob("images/*/*.png")))
    row = {
        "seconds": round(max(report["seconds"] for report in reports), 1),
        "seconds_from_command_to_end": round(elapsed, 1),
        "designs": len(table["design_id"]),
        "each_once": len(set(table["design_id"])) == len(table["design_id"]) == limit,
        "made_by": sorted(worker["designs"] for report in reports for worker in report["workers"]),
        "written_twice": sum(worker["designs"] for r in reports for worker in r["workers"]) - pictures,
    }
    return row, dict(zip(table["design_id"], table["image_sha256"], strict=True))


if __name__ == "__main__":
    main()
