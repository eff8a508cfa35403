"""Fan garments x styles out over devices: composition of catalogs and stylecore."""

import os

# Before torch is loaded: GNU OpenMP's threads spin while they wait, and where anything else runs on the same
# cores (Prefect's own server, another run) a step takes 10 times as long. A short spin costs little alone
# and nothing in company (benchmarks/openmp.py). What the user set stays; other OpenMPs ignore it.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
