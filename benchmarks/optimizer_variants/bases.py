"""Bases: other variables than pixels, in which a picture is a linear function of its coefficients.

Shape suffixes: B pairs, 3 channels, H rows, W columns; D coefficients of a picture.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.tensors import Size

OCTAVES = 4
"""Levels of a Laplacian pyramid, the picture's own size included, where its sides allow so many."""
SMALLEST_OCTAVE = 4
"""Shortest side, px, of a level of a Laplacian pyramid."""
COLOUR_33 = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
"""Decorrelated colours to sRGB, from natural pictures: Olah et al. (2017), "Feature Visualization", their code."""


class Basis(Protocol):
    """Coefficients B x D of pictures B x 3 x H x W of one size."""

    def to_picture(self, coefficients_BD: Tensor) -> Tensor:
        """Return the pictures of coefficients."""

    def to_coefficients(self, picture_B3HW: Tensor) -> Tensor:
        """Return coefficients whose pictures are these."""

    def correct(self, coefficients_BD: Tensor, change_B3HW: Tensor) -> Tensor:
        """Return the coefficients of the pictures changed by so much."""


MakeBasis = Callable[[Size], Basis]


class Pixels:
    """The pixels themselves."""

    def __init__(self, size: Size) -> None:
        """Make the basis for pictures of one size."""
        self._size = size

    def to_picture(self, coefficients_BD: Tensor) -> Tensor:
        """Return the pictures of coefficients."""
        return coefficients_BD.unflatten(1, (3, *self._size))

    def to_coefficients(self, picture_B3HW: Tensor) -> Tensor:
        """Return the pixels, a row a picture."""
        return picture_B3HW.flatten(1)

    def correct(self, coefficients_BD: Tensor, change_B3HW: Tensor) -> Tensor:
        """Return the coefficients of the pictures changed by so much."""
        return coefficients_BD + change_B3HW.flatten(1)


class LaplacianPyramid:
    """Sum of enlarged levels, each half the side of the one before, as Kolkin et al. (2022) and (2019) optimise."""

    def __init__(self, size: Size) -> None:
        """Make the basis for pictures of one size."""
        sizes = [(size[0] >> octave, size[1] >> octave) for octave in range(OCTAVES)]
        self._sizes = [size, *(smaller for smaller in sizes[1:] if min(smaller) >= SMALLEST_OCTAVE)]

    def to_picture(self, coefficients_BD: Tensor) -> Tensor:
        """Return the sum of the levels, each enlarged to the picture's size."""
        levels = coefficients_BD.split([3 * height * width for height, width in self._sizes], 1)
        pictures = [level.unflatten(1, (3, *size)) for level, size in zip(levels, self._sizes, strict=True)]
        picture = pictures[-1]
        for finer in reversed(pictures[:-1]):
            picture = finer + _enlarge(picture, finer.shape[-2:])
        return picture

    def to_coefficients(self, picture_B3HW: Tensor) -> Tensor:
        """Return the pyramid: what a level has over the enlarged next one, and the coarsest whole."""
        levels, picture = [], picture_B3HW
        for size in self._sizes[1:]:
            coarser = functional.interpolate(picture, size, mode="area")
            levels.append(picture - _enlarge(coarser, picture.shape[-2:]))
            picture = coarser
        return torch.cat([level.flatten(1) for level in (*levels, picture)], 1)

    def correct(self, coefficients_BD: Tensor, change_B3HW: Tensor) -> Tensor:
        """Return the coefficients of the pictures changed by so much, in the finest level."""
        change_BD = change_B3HW.flatten(1)
        return coefficients_BD + functional.pad(change_BD, (0, coefficients_BD.shape[1] - change_BD.shape[1]))


class Fourier:
    """Fourier coefficients scaled by 1/f, of decorrelated colours, as Olah et al. (2017) optimise.

    A step of one size in every coefficient changes pixels by that size in the root of the mean square, as a step
    in pixels does.
    """

    def __init__(self, size: Size) -> None:
        """Make the basis for pictures of one size."""
        self._size = size
        rows, columns = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None]
        scale_HW = 1 / torch.hypot(rows, columns).clamp_min(1 / max(size))
        # Columns beyond the first, and the last of an even width, stand for two frequencies each.
        twice_W = torch.full_like(columns, 2.0)
        twice_W[0, 0] = 1.0
        if size[1] % 2 == 0:
            twice_W[0, -1] = 1.0
        mean_square = 2 * (twice_W * scale_HW.square()).sum() / (size[0] * size[1])
        self._scale_HW = scale_HW / mean_square.sqrt()
        self._colour_33 = COLOUR_33 * (3 / COLOUR_33.square().sum()).sqrt()
        self._back_33 = torch.linalg.inv(self._colour_33)

    def to_picture(self, coefficients_BD: Tensor) -> Tensor:
        """Return the pictures of coefficients."""
        pairs = coefficients_BD.unflatten(1, (3, *self._scale_HW.shape, 2))
        spectrum = torch.view_as_complex(pairs) * self._scale_HW
        channels = torch.fft.irfft2(spectrum, s=self._size, norm="ortho")
        return torch.einsum("cd,bdhw->bchw", self._colour_33, channels)

    def to_coefficients(self, picture_B3HW: Tensor) -> Tensor:
        """Return the coefficients, real and imaginary parts."""
        channels = torch.einsum("cd,bdhw->bchw", self._back_33, picture_B3HW)
        spectrum = torch.fft.rfft2(channels, norm="ortho") / self._scale_HW
        return torch.view_as_real(spectrum).flatten(1)

    def correct(self, coefficients_BD: Tensor, change_B3HW: Tensor) -> Tensor:
        """Return the coefficients of the pictures changed by so much."""
        return coefficients_BD + self.to_coefficients(change_B3HW)


def _enlarge(picture_B3HW: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(picture_B3HW, tuple(size), mode="bilinear", align_corners=False)
