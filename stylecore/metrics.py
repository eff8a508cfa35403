"""Measures of a finished design: what a merchandiser would check by eye, one function each.

Each returns B float32 values. None takes a mean over the batch, and none sees pixels where the guide is 0
(`style_distance` and `patch_distance` see what lies within an encoder's reach of the cloth). A measure that is not
defined for a pair is NaN for that pair, and its docstring says when; a ratio to nothing is infinite.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.encoders.encoder import Encoder
from stylecore.errors import EncoderError, PictureError, nearest
from stylecore.nearest_patches import nearest_cosines
from stylecore.objective.guides import bounding_box, layer_guide
from stylecore.objective.losses import style_loss, variation_loss
from stylecore.objective.statistics import gram_matrix
from stylecore.tensors import check_picture, gaussian_weights

HALF_LEVEL = 0.5 / 255
"""The most that rounding to 8 bits changes a value."""
SMALLEST_SPECTRUM = 48
"""Pixels a side below which the neighbourhoods of `checkerboard_peak` would run into each other."""
NEIGHBOURS = torch.tensor([*range(-8, -2), *range(3, 9)])
"""Bins that a frequency is compared with; nearer ones hold its own main lobe (Hann window and 3 x 3 mean)."""


@torch.no_grad()
def style_distance(
    encoder: Encoder,
    design_B3HW: Tensor,
    styles: Sequence[Tensor],
    layers: Sequence[str],
    guide_B1HW: Tensor | None = None,
) -> Tensor:
    """Mean over the layers of ||G - A||^2 / ||A||^2, 0 or more: 0 = the style's statistics; 1 is far away.

    G is the design's Gram matrix under the guide, A the style's (1 x 3 x h x w, each in its own size). Source:
    Gatys et al. (2016), eq. 4, each layer divided by its target's energy instead of 4 N^2 M^2. Features at the
    rim see past the guide as far as their receptive field: compare designs over one template, at one size.
    NaN where the guide is empty or a layer does not respond to the style at all. Raises PictureError where designs
    and styles are not equally many, EncoderError for a layer that the encoder does not give.
    """
    design, guide = _checked(design=design_B3HW, guide=guide_B1HW)
    _check_styles(encoder, len(design), styles, layers)
    pairs = zip(design.split(1), styles, guide.split(1), strict=True)
    # One by one, as on a CPU a batch rounds differently (and styles differ in size anyway).
    return torch.cat([_style_distance(encoder, layers, *pair) for pair in pairs])


@torch.no_grad()
def patch_distance(
    encoder: Encoder,
    design_B3HW: Tensor,
    styles: Sequence[Tensor],
    layers: Sequence[str],
    guide_B1HW: Tensor | None = None,
) -> Tensor:
    """Mean of 1 - cosine from patches of features to their nearest ones, 0 to 2: 0 = the style's own patches.

    A patch is a 3 x 3 neighbourhood of a layer's features (zero padding), centred by the style's mean patch and
    scaled to unit length. Every design patch under the guide is compared with its nearest style patch (a mean
    weighted by the guide: is all that was painted the style's?), and every style patch with its nearest design
    patch under the guide (a plain mean: is all of the style there?). The two means are averaged, then the layers.
    Sources: Li and Wand (2016), nearest patches by cosine; Chen and Schmidt (2016), at a single layer; Kolkin et
    al. (2022, NNST), centred features. Differs from them by looking both ways. Patches at the rim see past the
    guide, as in `style_distance`: compare designs over one template, at one size. NaN where the guide is empty, or
    a layer does not respond to the style or sees it as a single position. Raises PictureError where designs and
    styles are not equally many, EncoderError for a layer that the encoder does not give.
    """
    design, guide = _checked(design=design_B3HW, guide=guide_B1HW)
    _check_styles(encoder, len(design), styles, layers)
    pairs = zip(design.split(1), styles, guide.split(1), strict=True)
    return torch.stack([_patch_distance(encoder, layers, *pair) for pair in pairs])


def fold_correlation(
    design_B3HW: Tensor, template_B3HW: Tensor, guide_B1HW: Tensor | None = None, wavelength: float = 0.06
) -> Tensor:
    """Pearson correlation of low-pass lightness inside the guide, -1 to 1: folds and shading kept = near 1.

    The low pass is a Gaussian of sigma = `wavelength` (above 0) times the longer side: it halves waves of 5.3
    sigma, so a print counts by its large motifs only. Source: normalized convolution, Knutsson and Westin
    (1993), the guide as certainty and the frame's outside unknown; L* as in `lightness`. NaN where the guide
    is empty, or where either low-pass lightness spreads by less than 0.01 L* (a constant).
    """
    design, template, guide = _checked(design=design_B3HW, template=template_B3HW, guide=guide_B1HW)
    sigma = wavelength * max(design.shape[2:])
    x, y = (_low_pass(lightness(each), guide, sigma) for each in (design, template))
    x, y = x - _mean(x, guide), y - _mean(y, guide)
    xx, yy, xy = _mean(x * x, guide), _mean(y * y, guide), _mean(x * y, guide)
    defined = (xx > 1e-4) & (yy > 1e-4)
    return torch.where(defined, (xy / (xx * yy).sqrt()).clamp(-1, 1), torch.nan).flatten()


def changed_outside(design_B3HW: Tensor, template_B3HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    """Number of pixels, where the guide is exactly 0, that differ by more than half an 8-bit level: aim at 0.

    A pixel differs if one of its channels does. 0 where nothing lies outside the guide.
    """
    design, template, guide = _checked(design=design_B3HW, template=template_B3HW, guide=guide_B1HW)
    changed = (design - template).abs().amax(1, keepdim=True) > HALF_LEVEL
    return (changed & (guide == 0)).sum((1, 2, 3)).float()


def checkerboard_peak(picture_B3HW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Spectral energy at periods of 2 and 4 pixels over that of its neighbourhood, above 0: about 1 = none.

    Strides of 2 and 4 leave such periods (Odena et al., 2016, "Deconvolution and checkerboard artifacts";
    spectra: Zhang et al., 2019, "Detecting and simulating artifacts in GAN fake images"). Each frequency of 0,
    1/4, 1/2, 3/4 cycles a pixel each way, but (0, 0), is divided by the median 3 to 8 bins away along both axes
    (along the axis alone if it lies on one: edges raise a ridge there); the largest ratio counts. Mean fill
    outside the guide, Hann window over its bounding box; both sides hold the energy of a wave of half an 8-bit
    level, so what no eye sees does not count. Strong noise reaches 2, in pictures under 128 pixels 6; a print or
    weave that repeats every 2, 4, 8... pixels counts as well, so compare with the style's own value. NaN where
    the guide is empty or its bounding box less than 48 pixels high or wide.
    """
    picture, guide = _checked(picture=picture_B3HW, guide=guide_B1HW)
    return torch.stack([_peak(*pair) for pair in zip(picture.split(1), guide.split(1), strict=True)])


def variation_ratio(design_B3HW: Tensor, template_B3HW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Mean absolute total variation of the design over the template's, under the guide: 1 = as busy, 0 = flat.

    Source: Rudin, Osher and Fatemi (1992), anisotropic: absolute differences down and right. Infinite where
    only the template is flat under the guide; NaN where both are, or the guide is empty.
    """
    design, template, guide = _checked(design=design_B3HW, template=template_B3HW, guide=guide_B1HW)
    return variation_loss(design, 1, guide) / variation_loss(template, 1, guide)


def seam_ratio(picture_B3HW: Tensor, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
    """Mean absolute difference across tile borders over that elsewhere, 0 or more: 1 = no seam.

    Border r of `rows` lies between rows r - 1 and r, and so for `columns`. Source: the ratio of Wu and Yuen
    (1997), "A generalized block-edge impairment metric", unweighted and in absolute values. Each direction is
    compared with itself, so that stripes are no seams. Infinite where nothing but the seam differs; NaN for a
    flat picture, without borders, and without anything elsewhere.
    """
    (picture,) = _checked(picture=picture_B3HW)
    across_B = elsewhere_B = picture.new_zeros(len(picture))
    for name, axis, borders in (("row", 2, rows), ("column", 3, columns)):
        if borders:
            steps_BL = picture.diff(dim=axis).abs().sum((1, 5 - axis))
            at_border_L = _at_border(name, borders, steps_BL)
            across_B = across_B + steps_BL[:, at_border_L].sum(1)
            elsewhere_B = elsewhere_B + steps_BL[:, ~at_border_L].mean(1) * at_border_L.sum()
    return across_B / elsewhere_B


def lightness(picture_B3HW: Tensor) -> Tensor:
    """CIE L* of sRGB under D65, 0 to 100, B x 1 x H x W. Source: IEC 61966-2-1; CIE 15."""
    linear = torch.where(
        picture_B3HW <= 0.04045, picture_B3HW / 12.92, ((picture_B3HW + 0.055) / 1.055) ** 2.4
    )
    y_BHW = torch.einsum("bchw,c->bhw", linear, linear.new_tensor([0.2126, 0.7152, 0.0722]))
    lightness_BHW: Tensor = torch.where(
        y_BHW > (6 / 29) ** 3, 116 * y_BHW ** (1 / 3) - 16, (29 / 3) ** 3 * y_BHW
    )
    return lightness_BHW[:, None]


def _style_distance(
    encoder: Encoder, layers: Sequence[str], design_13HW: Tensor, style_13HW: Tensor, guide_11HW: Tensor
) -> Tensor:
    features, wanted = encoder(design_13HW), encoder(check_picture(style_13HW, "style"))
    distances = []
    for layer in layers:
        guide, target = layer_guide(guide_11HW, features[layer].shape[2:]), gram_matrix(wanted[layer])
        distance = style_loss(gram_matrix(features[layer], guide), target)
        distances.append(torch.where(target.any() & guide.any(), distance, torch.nan))
    return torch.stack(distances).mean(0)


def _patch_distance(
    encoder: Encoder, layers: Sequence[str], design_13HW: Tensor, style_13HW: Tensor, guide_11HW: Tensor
) -> Tensor:
    features, wanted = encoder(design_13HW), encoder(check_picture(style_13HW, "style"))
    distances = []
    for layer in layers:
        weight_N = layer_guide(guide_11HW, features[layer].shape[2:]).flatten()
        # The mean of a single patch is that patch, which leaves nothing to compare.
        defined = weight_N.any() & wanted[layer].any() & (wanted[layer].shape[2:].numel() > 1)
        under_K = weight_N.nonzero().flatten()
        forward_K, backward_N = nearest_cosines(features[layer], wanted[layer], under_K)
        forward = (weight_N[under_K] * (1 - forward_K)).sum() / weight_N.sum()
        distances.append(torch.where(defined, (forward + (1 - backward_N).mean()) / 2, torch.nan))
    return torch.stack(distances).mean()


def _low_pass(values_B1HW: Tensor, guide_B1HW: Tensor, sigma: float) -> Tensor:
    # Centred first, so that rounding is relative to the spread, not to the mean.
    centred = (values_B1HW - _mean(values_B1HW, guide_B1HW)) * guide_B1HW
    down_HH, right_WW = (gaussian_weights(length, sigma).to(centred) for length in centred.shape[2:])
    blurred, area = (down_HH @ each @ right_WW for each in (centred, guide_B1HW))
    return blurred / area.clamp_min(1e-12)


def _mean(values_BCHW: Tensor, guide_B1HW: Tensor) -> Tensor:
    sums_BC11 = (values_BCHW * guide_B1HW).sum((2, 3), keepdim=True)
    return sums_BC11 / guide_B1HW.sum((2, 3), keepdim=True)


def _peak(picture_13HW: Tensor, guide_11HW: Tensor) -> Tensor:
    top, left, bottom, right = bounding_box(guide_11HW[0])
    # Multiples of 4, so that periods of 2 and 4 pixels fall on bins.
    height, width = (bottom - top) // 4 * 4, (right - left) // 4 * 4
    if min(height, width) < SMALLEST_SPECTRUM:
        return picture_13HW.new_tensor(torch.nan)
    inside = (..., slice(top, top + height), slice(left, left + width))
    energy_HW = _energy(picture_13HW[inside], guide_11HW[inside])
    places = [(r * height // 4, c * width // 4) for r in range(4) for c in range(4) if r or c]
    return torch.stack([_over_neighbours(energy_HW, *place) for place in places]).amax()


def _energy(picture_13HW: Tensor, guide_11HW: Tensor) -> Tensor:
    """Energy of windowed channels, a mean over the 3 x 3 bins of the window's main lobe, above a floor."""
    down_H, right_W = (torch.hann_window(side).to(picture_13HW) for side in picture_13HW.shape[2:])
    weight = guide_11HW * down_H[:, None] * right_W
    spectrum = torch.fft.fft2(weight * (picture_13HW - _mean(picture_13HW, weight)))
    energy = functional.pad(spectrum.abs().square().mean(1, keepdim=True), (1, 1, 1, 1), mode="circular")
    floor = (HALF_LEVEL * weight.sum()).square() / 4
    return functional.avg_pool2d(energy, 3, stride=1)[0, 0] + floor


def _over_neighbours(energy_HW: Tensor, row: int, column: int) -> Tensor:
    height, width = energy_HW.shape
    along = [energy_HW[row, (column + NEIGHBOURS) % width]] if column else []
    across = [energy_HW[(row + NEIGHBOURS) % height, column]] if row else []
    return energy_HW[row, column] / torch.cat(along + across).quantile(0.5)


def _at_border(name: str, borders: Sequence[int], steps_BL: Tensor) -> Tensor:
    last = steps_BL.shape[1]
    wrong = [border for border in borders if not 1 <= border <= last]
    if wrong:
        raise PictureError(f"There is no border before {name} {wrong[0]}: give {name}s from 1 to {last}.")
    at_border_L = torch.zeros(last, dtype=torch.bool, device=steps_BL.device)
    at_border_L[[border - 1 for border in borders]] = True
    return at_border_L


def _check_styles(encoder: Encoder, count: int, styles: Sequence[Tensor], layers: Sequence[str]) -> None:
    """Refuse styles that are not `count`, and layers that are none or that the encoder does not give."""
    if len(styles) != count:
        raise PictureError(f"There are {count} designs but {len(styles)} styles; give one a design.")
    for layer in layers or ("",):
        if layer not in encoder.layers:
            raise EncoderError(f"The encoder does not give layer '{layer}': {nearest(layer, encoder.layers)}")


def _checked(**tensors: Tensor | None) -> list[Tensor]:
    """Pictures by their names, and a `guide` (of ones for None), as float32 of one size."""
    first_name, first = next(iter(tensors.items()))
    assert first is not None
    checked = [check_picture(first, first_name)]
    for name, given in list(tensors.items())[1:]:
        tensor = torch.ones_like(first[:, :1]) if given is None else given
        checked.append(check_picture(tensor, name, channels=1 if name == "guide" else 3))
        if (len(tensor), *tensor.shape[2:]) != (len(first), *first.shape[2:]):
            raise PictureError(
                f"{name} is {tuple(tensor.shape)}, but must fit {first_name}, which is {tuple(first.shape)}."
            )
    return checked
