"""Entropic transport: marginals, and the plan of an independent solver."""

import ot
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from stylecore.objective.assignment import ITERATIONS, TEMPERATURE, sinkhorn


def problem(rows: int, columns: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines of random unit vectors, and marginals that sum to 1."""
    generator = torch.Generator().manual_seed(seed)
    vectors = [
        torch.nn.functional.normalize(torch.randn(count, 8, generator=generator, dtype=torch.float64), dim=1)
        for count in (rows, columns)
    ]
    marginals = [
        torch.rand(count, generator=generator, dtype=torch.float64) + 0.1 for count in (rows, columns)
    ]
    return vectors[0] @ vectors[1].mT, marginals[0] / marginals[0].sum(), marginals[1] / marginals[1].sum()


def plan(similarity: Tensor, rows: Tensor, columns: Tensor, temperature: float, iterations: int) -> Tensor:
    """The transport plan."""
    kernel = ((similarity - 1) / temperature).exp()
    u, v = sinkhorn(kernel, rows, columns, iterations)
    return u[:, None] * kernel * v


@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (5, 9), (40, 25)])
def test_equals_a_reference_solver(rows: int, columns: int) -> None:
    """The plan is that of POT's solver."""
    similarity, a, b = problem(rows, columns, rows)
    ours = plan(similarity, a, b, 0.2, 2000)
    theirs = ot.sinkhorn(
        a.numpy(), b.numpy(), (1 - similarity).numpy(), 0.2, numItermax=10_000, stopThr=1e-14
    )
    torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=1e-6, atol=1e-12)


def test_cold_transport_is_the_best_assignment() -> None:
    """At a low temperature every row goes to the column that scipy's exact assignment gives it."""
    similarity, _, _ = problem(6, 6, 3)
    even = torch.full((6,), 1 / 6, dtype=torch.float64)
    _, wanted = linear_sum_assignment(similarity.numpy(), maximize=True)
    assert plan(similarity, even, even, 0.03, 5000).argmax(1).tolist() == wanted.tolist()


def test_marginals_as_used() -> None:
    """With the engine's temperature and iterations both marginals hold within 5 %."""
    similarity, a, b = problem(300, 200, 4)
    found = plan(similarity, a, b, TEMPERATURE, ITERATIONS)
    assert (found.sum(1) - a).abs().sum() < 0.05
    assert (found.sum(0) - b).abs().sum() < 1e-6


def test_weightless_rows_and_columns() -> None:
    """A row or column without weight sends and takes nothing, and nothing becomes NaN."""
    similarity, a, b = problem(6, 5, 5)
    a[2], b[1] = 0.0, 0.0
    found = plan(similarity.float(), a.float(), b.float(), TEMPERATURE, 50)
    assert bool(found.isfinite().all())
    assert float(found[2].sum()) == 0 and float(found[:, 1].sum()) == 0
