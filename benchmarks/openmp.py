"""A step of the engine beside another busy process, by how long OpenMP's threads spin.

    python -m benchmarks.openmp [--json FILE]

On two cores, with one of them taken, spinning threads wait for each other; sleeping ones do not.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

STEP = """
import time, torch
from stylecore.encoders.embedded import embedded_encoder
encoder = embedded_encoder(["relu4_2", "relu5_1"])
picture = torch.rand(1, 3, 256, 208).requires_grad_(True)
seconds = []
for _ in range(9):
    started = time.perf_counter()
    sum(f.square().mean() for f in encoder(picture).values()).backward()
    seconds.append(time.perf_counter() - started)
print(sorted(seconds)[4])
"""


def main() -> None:
    """Measure the library's default, ours and none, alone and beside a busy process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {}
    for busy in (False, True):
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
        try:
            for spins in ("300000", "1000", "0"):
                done = subprocess.run(
                    [sys.executable, "-c", STEP],
                    env={**os.environ, "GOMP_SPINCOUNT": spins},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                found[f"{spins} spins, {'beside a busy process' if busy else 'alone'}"] = round(
                    float(done.stdout), 4
                )
        finally:
            if other:
                other.kill()
                other.wait()
    print(json.dumps({"seconds a step at 256 x 208": found, "cores": os.cpu_count()}, indent=1))
    if options.json:
        options.json.write_text(json.dumps({"seconds": found, "cores": os.cpu_count()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
