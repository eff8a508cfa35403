"""The embedded encoder's training runs, goes on after a stop, and exports what the package loads."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from benchmarks.embedded_encoder import drawing
from benchmarks.embedded_encoder.student import Student
from benchmarks.embedded_encoder.teacher import WIDTHS, fit_projections
from stylecore.encoders.encoder import Encoder, encoder_with_weights
from tests.conftest import ROOT, picture

SMALL = (
    "--crop 64 --batch 2 --round-steps 2 --start-crops 6 --round-crops 4 --round-designs 1 --first-designs 1"
    " --drawn 2"
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19 with random weights, as safetensors."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("teacher") / "vgg19.safetensors"
    save_file(Encoder("vgg19", WIDTHS).state_dict(), path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(2):
        Image.fromarray(picture(n, 90, 90)).save(folder / f"{n}.png")
    return folder


def train(teacher: Path, pictures: Path, out: Path, steps: int) -> list[dict]:
    """The documented command at a tiny size; returns its log."""
    command = [sys.executable, "-m", "benchmarks.embedded_encoder.train", "--pictures", str(pictures)]
    command += ["--teacher", str(teacher), "--out", str(out), "--steps", str(steps), *SMALL.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_training_goes_on_and_exports(teacher: Path, pictures: Path, tmp_path: Path) -> None:
    """A run stopped after a round goes on with the next step, and its weights load as the package's do."""
    out = tmp_path / "out"
    assert [line["step"] for line in train(teacher, pictures, out, 2)] == [2]
    log = train(teacher, pictures, out, 4)
    assert [(line["step"], line["resumed"]) for line in log] == [(2, False), (4, True)]
    assert all(np.isfinite(line["trained"]["relu5_1"]) for line in log)
    weights = out / "embedded.safetensors"
    assert weights.stat().st_size <= 4_000_000
    encoder = encoder_with_weights("embedded", load_file(weights), ["relu5_1"])
    assert encoder(torch.rand(1, 3, 64, 64))["relu5_1"].shape == (1, 256, 4, 4)


def test_folding_changes_nothing() -> None:
    """The student with batch norm and its folded form compute the same features."""
    torch.manual_seed(0)
    student = Student()
    student.train()
    for _ in range(3):
        student(torch.rand(4, 3, 64, 64))
    student.eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        folded = student.folded()(x)
        for layer, head in student.heads.items():
            assert torch.allclose(head(folded[layer]), student(x)[layer], atol=1e-4), layer


def test_projection_keeps_the_leading_directions(teacher: Path) -> None:
    """With as many directions as channels nothing is lost: Gram matrices keep their norm up to one factor."""
    encoder = encoder_with_weights("vgg19", load_file(teacher), WIDTHS)
    x = torch.rand(3, 3, 64, 64)
    projection = fit_projections(encoder, x)["relu1_1"]
    features = encoder(x)["relu1_1"]
    projected = projection.unscaled(projection(features)).flatten(2)
    whole = features.flatten(2)
    ratio = (projected @ projected.mT).norm(dim=(1, 2)) / (whole @ whole.mT).norm(dim=(1, 2))
    assert (ratio / ratio.mean() - 1).abs().max() < 0.02


@pytest.mark.parametrize("kind", ["dead_leaves", "clouds", "waves", "lattice", "strokes", "cloth"])
def test_drawn_pictures(kind: str) -> None:
    """Every kind of drawing is a picture with contrast, and the same seed draws it again."""
    first, second = (getattr(drawing, kind)(np.random.default_rng(5), 64) for _ in range(2))
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)
    assert first.std() > 0.01
