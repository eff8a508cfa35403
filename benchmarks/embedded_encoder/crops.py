"""Where crops come from: pictures in a folder, pictures we draw, and pictures the optimiser makes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.embedded_encoder import drawing
from benchmarks.embedded_encoder.teacher import STYLE_LAYERS, Projection
from stylecore.encoders.encoder import Encoder
from stylecore.objective.statistics import gram_matrix

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}
Picture = NDArray[np.uint8]


def read_folder(folder: Path) -> list[Picture]:
    """Every picture of a folder as H x W x 3, its long side at most 768 px."""
    pictures = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES):
        with Image.open(path) as image:
            image.thumbnail((768, 768))
            pictures.append(np.asarray(image.convert("RGB")))
    return pictures


def drawn(seed: int, count: int, side: int = 256) -> list[Picture]:
    """`count` pictures drawn by our own code."""
    rng = np.random.default_rng(seed)
    return [(drawing.draw(rng, side) * 255).astype(np.uint8) for _ in range(count)]


def crops(rng: np.random.Generator, pictures: list[Picture], count: int, side: int) -> Tensor:
    """`count` random crops, B3HW in [0, 1]: scaled, turned over, channels shuffled, contrast changed."""
    return torch.stack([_crop(rng, pictures[rng.integers(len(pictures))], side) for _ in range(count)])


def _crop(rng: np.random.Generator, picture: Picture, side: int) -> Tensor:
    short = min(picture.shape[:2])
    wanted = int(min(short, side / rng.uniform(0.35, 1.25)))
    top, left = (rng.integers(0, size - wanted + 1) for size in picture.shape[:2])
    part = Image.fromarray(picture[top : top + wanted, left : left + wanted]).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    array = np.asarray(part, dtype=np.float32) / 255
    if rng.random() < 0.5:
        array = array[:, ::-1]
    if rng.random() < 0.3:
        array = array[..., rng.permutation(3)]
    if rng.random() < 0.3:
        array = np.clip(array * rng.uniform(0.5, 1.2) + rng.uniform(-0.2, 0.3), 0, 1)
    return torch.from_numpy(array.copy()).permute(2, 0, 1)


def made_by_optimiser(
    rng: np.random.Generator,
    encoder: Encoder,
    heads: nn.ModuleDict,
    projections: dict[str, Projection],
    pictures: list[Picture],
    count: int,
    side: int,
) -> Tensor:
    """Snapshots of `count` designs on their way, made with the student itself: 3 x count pictures.

    The optimiser walks to pictures on which the small net is right and the teacher is not; learning
    from those closes the gap. Half of the calls follow the student's own features, half its heads'.
    """
    through_heads = rng.random() < 0.5

    def features(x: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = encoder(x)
        if not through_heads:
            return found
        return {layer: projections[layer].unscaled(heads[layer](found[layer])) for layer in heads}

    content, style = crops(rng, pictures, count, side), crops(rng, pictures, count, side)
    weight = float(rng.choice([0.02, 0.05, 0.1]))
    variation = float(rng.choice([0.0, 0.02, 0.1]))
    start = (
        content if rng.random() < 0.6 else torch.rand(content.shape) if rng.random() < 0.5 else style.flip(-1)
    )
    half = side // 2
    coarse, _ = _optimise(
        features,
        _shrink(content, half),
        _shrink(style, half),
        _shrink(start, half),
        weight,
        variation,
        25,
        (),
    )
    start = functional.interpolate(coarse, size=side, mode="bilinear", align_corners=False)
    return _optimise(features, content, style, start, weight, variation, 30, (3, 12, 29))[1]


def _shrink(x: Tensor, side: int) -> Tensor:
    return functional.interpolate(x, size=side, mode="bilinear", align_corners=False, antialias=True)


def _optimise(
    features: Callable[[Tensor], dict[str, Tensor]],
    content: Tensor,
    style: Tensor,
    start: Tensor,
    weight: float,
    variation: float,
    steps: int,
    keep: tuple[int, ...],
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        content_target = features(content)["relu4_2"]
        grams = {layer: gram_matrix(f) for layer, f in features(style).items() if layer in STYLE_LAYERS}
    x = start.clone().contiguous(memory_format=torch.channels_last).requires_grad_(True)
    optimizer, kept = torch.optim.Adam([x], lr=0.03), []
    for step in range(steps):
        found = features(x)
        loss = (
            weight
            * (
                (found["relu4_2"] - content_target).square().sum((1, 2, 3))
                / content_target.square().sum((1, 2, 3))
            ).sum()
        )
        for layer, wanted in grams.items():
            energy = wanted.square().sum((1, 2))
            loss = (
                loss
                + (
                    (gram_matrix(found[layer]) - wanted).square().sum((1, 2))
                    / energy.clamp_min(0.05 * energy.mean().item())
                ).sum()
                / 5
            )
        for axis in (2, 3):
            loss = loss + variation * x.diff(dim=axis).square().mean((1, 2, 3)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        if step in keep:
            kept.append(x.detach().clone())
    return x.detach(), torch.cat(kept) if kept else x.detach()
