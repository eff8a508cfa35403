"""Entropic optimal transport: how much of every row goes to every column, with both sums fixed.

Source: Cuturi (2013), "Sinkhorn Distances". Shape suffixes: N rows, M columns.
"""

from torch import Tensor

SMALLEST = 1e-30
"""What a sum is not taken for less than: a row or column without weight sends and takes nothing."""


def sinkhorn(kernel_NM: Tensor, rows_N: Tensor, columns_M: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Scalings u (N values) and v (M values) such that diag(u) K diag(v) has the given marginals, nearly.

    Args:
        kernel_NM: K = exp(similarity / temperature), above 0.
        rows_N: what every row sends, 0 or more; the rows' sum should be the columns'.
        columns_M: what every column takes, 0 or more.
        iterations: of Sinkhorn and Knopp; the columns' sums are exact after the last, the rows' nearly.
    """
    v_M = columns_M
    for _ in range(iterations):
        u_N = rows_N / (kernel_NM @ v_M).clamp_min(SMALLEST)
        v_M = columns_M / (kernel_NM.mT @ u_N).clamp_min(SMALLEST)
    return u_N, v_M
