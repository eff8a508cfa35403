"""The matting Laplacian as a stencil (stylecore/objective) against a sparse matrix of scipy, in one run.

    python -m benchmarks.laplacian [--json FILE] [--size 512]

Both are built and applied to an RGB picture in turns; times are the best of the rounds, since other work
on the machine only ever adds to them. Ratios are scipy's time over ours, above 1 where the stencil is
faster. scipy applies in three ways: float64 and float32 to N x 3, and float64 plane by plane.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy
import torch
from scipy import ndimage, sparse

from stylecore.objective.matting_laplacian import apply_stencil, matting_stencil

Array = npt.NDArray[np.floating]


def scipy_laplacian(content_HW3: Array, epsilon: float = 1e-7) -> sparse.csr_array:
    """Matting Laplacian of Levin et al. (2008) as an N x N matrix in float64, straight from the equation.

    It shares nothing with `stylecore.objective.matting_laplacian`: every window's 9 x 9 entries by a linear solver, then
    scipy adds up what falls on the same place.
    """
    height, width, _ = content_HW3.shape
    positions_HW = np.arange(height * width, dtype=np.int32).reshape(height, width)
    windows_N9 = np.lib.stride_tricks.sliding_window_view(positions_HW, (3, 3)).reshape(-1, 9)
    centred_N93 = content_HW3.reshape(-1, 3).astype(np.float64)[windows_N9]
    centred_N93 -= centred_N93.mean(1, keepdims=True)
    covariance_N33 = centred_N93.mT @ centred_N93 / 9 + epsilon / 9 * np.eye(3)
    entries_N99 = np.eye(9) - (1 + centred_N93 @ np.linalg.solve(covariance_N33, centred_N93.mT)) / 9
    rows, columns = np.repeat(windows_N9, 9, axis=1).ravel(), np.tile(windows_N9, 9).ravel()
    shape = (positions_HW.size, positions_HW.size)
    return sparse.coo_array((entries_N99.ravel(), (rows, columns)), shape=shape).tocsr()


def drawn_content(size: int, seed: int = 0) -> Array:
    """Smooth colours with an edge and a disc: size x size x 3 in [0, 1], float32."""
    noise = np.random.default_rng(seed).random((size, size, 3))
    content = ndimage.gaussian_filter(noise, (size / 40, size / 40, 0), mode="wrap")
    content = (content - content.min()) / np.ptp(content)
    content[:, size // 2 :] *= 0.4
    row, column = np.ogrid[:size, :size]
    content[(row - size / 3) ** 2 + (column - size / 3) ** 2 < (size / 5) ** 2] *= 0.6
    return content.astype(np.float32)


def best_seconds(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Best time of each action, taken in turns so that a busy moment meets them all.

    A turn is three calls: torch's threads, asleep while scipy works, need one to spread over the cores.
    """
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(rounds):
        for name, action in actions.items():
            for _ in range(3):
                started = time.perf_counter()
                action()
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def measure(size: int, threads: int) -> dict[str, float]:
    """Times, ratios, memory and the largest difference at one size."""
    torch.set_num_threads(threads)
    content_HW3 = drawn_content(size)
    picture_HW3 = np.random.default_rng(1).random(content_HW3.shape, dtype=np.float32)
    content, picture = (
        torch.from_numpy(array).movedim(-1, 0)[None].contiguous() for array in (content_HW3, picture_HW3)
    )
    builds = best_seconds(
        {"scipy": lambda: scipy_laplacian(content_HW3), "stencil": lambda: matting_stencil(content)}, 3
    )
    matrix, stencil = scipy_laplacian(content_HW3), matting_stencil(content)
    matrix_32 = matrix.astype(np.float32)
    pixels_N3 = picture_HW3.reshape(-1, 3)
    wide_N3, planes_3N = pixels_N3.astype(np.float64), np.ascontiguousarray(pixels_N3.T, dtype=np.float64)
    applies = best_seconds(
        {
            "scipy float64": lambda: matrix @ wide_N3,
            "scipy float32": lambda: matrix_32 @ pixels_N3,
            "scipy planes": lambda: [matrix @ plane for plane in planes_3N],
            "stencil": lambda: apply_stencil(stencil, picture),
        },
        20,
    )
    wanted_N3 = matrix @ wide_N3
    found_N3 = apply_stencil(stencil, picture)[0].flatten(1).T.double().numpy()
    fastest = min(seconds for name, seconds in applies.items() if name != "stencil")
    return {
        "threads": threads,
        **{f"build, {name}, s": round(seconds, 4) for name, seconds in builds.items()},
        **{f"apply, {name}, ms": round(1e3 * seconds, 2) for name, seconds in applies.items()},
        "build ratio": round(builds["scipy"] / builds["stencil"], 1),
        "apply ratio": round(applies["scipy float64"] / applies["stencil"], 1),
        "apply ratio to scipy's fastest way": round(fastest / applies["stencil"], 1),
        "scipy MiB": round((matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes) / 2**20, 1),
        "stencil MiB": round(stencil.nbytes / 2**20, 1),
        "largest relative difference": float(abs(found_N3 - wanted_N3).max() / abs(wanted_N3).max()),
    }


def main() -> None:
    """Measure with one thread and with as many as torch takes by itself."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", type=int, default=512, help="height and width, px")
    options = parser.parse_args()
    found = {
        "size": options.size,
        "runs": [measure(options.size, threads) for threads in sorted({1, torch.get_num_threads()})],
        "torch": torch.__version__,
        "scipy": scipy.__version__,
    }
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
