"""Tests that an ordinary machine leaves out are there all the same, and say why they are left out."""

import os
import re
import subprocess
import sys

from tests.conftest import ROOT

GPU_FILES = [
    str(path.relative_to(ROOT))
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    if re.search(r"^pytestmark = .*?pytest\.mark\.gpu", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
]
FEWEST_GPU_TESTS = 35


def test_gpu_tests_are_collected_and_skipped_with_a_reason() -> None:
    """`pytest -m gpu` collects the tests of a GPU; without a GPU each is skipped, and none fails or is forgotten.

    It takes some seconds, because torch is loaded in a process that sees no GPU.
    """
    assert GPU_FILES == ["tests/flows/painting/test_gpu.py", "tests/stylecore/test_gpu.py"]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", *GPU_FILES]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    skipped = re.findall(
        r"^SKIPPED \[(\d+)\] (\S+?):\d+: there is no CUDA device$", done.stdout, re.MULTILINE
    )
    assert (done.returncode, sorted({path for _, path in skipped})) == (0, GPU_FILES), (
        done.stdout + done.stderr
    )
    count = sum(int(number) for number, _ in skipped)
    assert re.search(rf"^=+ {count} skipped in .* =+$", done.stdout, re.MULTILINE), done.stdout
    assert count >= FEWEST_GPU_TESTS
