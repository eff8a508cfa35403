"""TIFFs of known samples, as tifffile writes them: another program than the ones that read them here."""

import io
from typing import Any

import numpy as np
import tifffile

ROWS, COLUMNS = np.mgrid[:40, :36]
COLORS = np.dstack([ROWS * 6 % 256, COLUMNS * 7 % 256, (ROWS + COLUMNS) * 3 % 256]).astype(np.uint8)
"""A picture in which every sample differs from its neighbours'."""
BLACK_INK = (255 - ROWS * 5 % 200).astype(np.uint8)
ALPHA = (ROWS * 8).clip(0, 255).astype(np.uint8)


def tiff(samples: np.ndarray, **options: Any) -> bytes:
    """An array as a TIFF."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


def of_depth(shares: np.ndarray, depth: str) -> np.ndarray:
    """Values from 0 to 1 as samples of a depth: u1, u2, u4, f2, f4 or f8."""
    kind = np.dtype(depth)
    return (
        np.rint(shares * (2.0 ** (8 * kind.itemsize) - 1)).astype(kind)
        if kind.kind == "u"
        else shares.astype(kind)
    )
