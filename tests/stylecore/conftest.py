"""What stylecore's tests share: a fixed seed."""

import pytest
import torch


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """Random pictures are the same in every run."""
    torch.manual_seed(0)
