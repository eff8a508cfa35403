"""Fan garments x styles out over devices: composition of catalogs and stylecore."""

import os

# Before torch is loaded: GNU OpenMP's threads spin while they wait, and where anything else runs on the same
# cores (Prefect's own server, another run) a step took six times as long on one machine, as long on another
# (benchmarks/openmp.py). A short spin costs little alone. What the user set stays; other OpenMPs ignore it.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
