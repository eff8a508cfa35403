"""The benchmark of memory measures what it says."""

import numpy as np
import pytest
import torch

from benchmarks.memory import WAYS, in_own_process, peak_megabytes, to_pair
from stylecore.recipe import Recipe


def allocate(megabytes: int) -> int:
    """Return the rise of this process's peak, MB, while it fills so many megabytes."""
    from benchmarks.memory import _peak_bytes

    before = _peak_bytes()
    np.ones(megabytes * 10**6, np.uint8)
    return round((_peak_bytes() - before) / 1e6)


def test_peak_is_the_childs_own() -> None:
    """A fresh process's peak rises by what it fills, whatever its parent holds."""
    held = np.ones(300 * 10**6, np.uint8)
    assert 190 <= in_own_process(allocate, 200) <= 215
    assert held.size


@pytest.mark.parametrize("way", WAYS)
def test_every_way_paints(way: str) -> None:
    """Each way paints its design on a small canvas, and takes no more than a small canvas does."""
    assert peak_megabytes((128, 96), WAYS[way]) < 500


def test_a_template_is_larger_than_its_canvas() -> None:
    """A pair has an enlargement exactly where the template is larger."""
    recipe = Recipe()
    assert to_pair(recipe, (64, 48), (64, 48)).enlargement is None
    enlargement = to_pair(recipe, (64, 48), (128, 96)).enlargement
    assert enlargement and enlargement(torch.device("cpu")).factor == 2.0
