"""A worker makes the designs of a shard on a CUDA device, as in production but without Prefect.

tests/stylecore/test_gpu.py says how to run the tests of a GPU.
"""

from pathlib import Path

import pytest
import torch

from flows.painting.shard import make_designs
from flows.painting.worker_context import open_worker_context
from flows.planning.devices import choose_batch, choose_precision, device_name
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.settings import Settings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

CUDA = "cuda"


def test_a_worker_makes_its_designs(catalog: Path, tmp_path: Path) -> None:
    """A shard of three garments becomes three filed designs, by the device, precision and batch that it chose."""
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), device=CUDA,
    )  # fmt: skip
    config = resolve_run_config(settings)
    jobs = [job for job in make_plan(config).jobs if job.style.style_id == "s0"]
    open_worker_context.cache_clear()
    context = open_worker_context(config)
    outcome = make_designs(context, jobs)
    open_worker_context.cache_clear()
    assert sorted(outcome.made) == sorted(job.key for job in jobs)
    assert (outcome.problems, outcome.failures, outcome.remarks) == ([], [], [])
    device = torch.device(CUDA)
    assert outcome.effort is not None
    assert outcome.effort.device == device_name(device)
    assert outcome.effort.precision == choose_precision("auto", device)
    assert outcome.effort.batch == choose_batch(0, device)
    designs = context.catalogs.designs
    for row in designs.read(["image", "device"]).to_pylist():
        assert designs.store.exists(row["image"])
        assert row["device"] == device_name(device)
