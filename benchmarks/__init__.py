"""Programs that measure, and the one that trains the embedded encoder."""

import os

# As in flows, for the same reason: measured programs share their cores.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
