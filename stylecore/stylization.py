"""`stylize`: contents and styles in, designs out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from stylecore.encoders.embedded import embedded_encoder
from stylecore.encoders.encoder import Encoder, Pooling, natural_noise, normalise_weights
from stylecore.errors import EncoderError, PictureError, StylecoreError, nearest
from stylecore.objective.evaluation import joined_terms
from stylecore.objective.terms import TermValues
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.painting.pyramid import Level, levels_of
from stylecore.recipe import Recipe
from stylecore.tensors import check_picture, size_of

OnProgress = Callable[[int, int], None]

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Of the encoder's weights and features; statistics and losses are always float32."""


@dataclass(frozen=True)
class Stylization:
    """What came of a batch of pairs.

    `picture_B3HW` holds the designs (the content where a pair failed); `failures` has a reason or None
    for every pair; `terms` and `start_terms` are the weighted terms at the finest level, of the design
    and of the content; `history_SB` is the loss before every step of all levels, steps x B
    (NaN after a pair has left a level, or where it failed).
    """

    picture_B3HW: Tensor
    failures: tuple[str | None, ...]
    terms: TermValues
    start_terms: TermValues
    history_SB: Tensor
    steps: int
    seconds: float


def stylize(
    content: Tensor,
    style: Tensor | Sequence[Tensor],
    recipe: Recipe | None = None,
    *,
    guide: Tensor | None = None,
    encoder: Encoder | None = None,
    precision: str = "float32",
    on_progress: OnProgress | None = None,
) -> Stylization:
    """Paint every content in its style; pairs of a batch do not influence each other.

    Args:
        content: B x 3 x H x W, sRGB in [0, 1].
        style: B x 3 x h x w, or B tensors of 1 x 3 x h x w that may differ in size; sRGB in [0, 1].
        recipe: the configuration; the house recipe if not given.
        guide: B x 1 x H x W in [0, 1], 1 where the content is cloth; everywhere if not given. Pixels
            outside count for no term, so the caller puts the template back there.
        encoder: the recipe's network; the embedded one is made here if not given.
        precision: float32, or bfloat16 for the encoder's features.
        on_progress: called after every step with the steps done and the steps in all.

    Returns:
        A `Stylization`; its pictures are B x 3 x H x W in [0, 1], on the content's device.

    Raises:
        PictureError: a tensor breaks the picture convention, or sizes do not fit.
        EncoderError: the encoder is not the recipe's.

    A pair whose loss is not finite fails alone: its reason stands in `failures`.
    """
    recipe = recipe or Recipe()
    content, styles, guide = _checked(content, style, guide)
    encoder = in_precision(_fitting_encoder(recipe, encoder, content.device), precision)
    started = time.perf_counter()
    # Of the wrong size is found before anything is painted.
    plan = levels_of(size_of(content), recipe.structure())
    steps = sum(level.steps for level in plan)
    pairs = [
        Pair(content[i : i + 1], styles[i], guide[i : i + 1], recipe, tag=i) for i in range(len(content))
    ]
    done = 0

    def on_steps(pairs_stepped: int, _share: float) -> None:
        """Tell how many steps are made, in the mean of all pairs."""
        nonlocal done
        done += pairs_stepped
        if on_progress:
            on_progress(done // len(pairs), steps)

    finished = sorted(
        mill(pairs, encoder, slots=len(pairs), device=content.device, on_steps=on_steps, widen=1),
        key=lambda design: int(design.pair.tag),
    )
    if on_progress and done < len(pairs) * steps:
        # Pairs that converged or failed made fewer steps.
        on_progress(steps, steps)
    return _as_batch(finished, plan, time.perf_counter() - started)


def _as_batch(finished: Sequence[Finished], plan: Sequence[Level], seconds: float) -> Stylization:
    """Pairs that the mill has finished, in the order of the contents, as one batch."""
    picture_B3HW = torch.cat([design.picture_13HW for design in finished])
    return Stylization(
        picture_B3HW=picture_B3HW,
        failures=tuple(design.failure for design in finished),
        terms=joined_terms([design.terms for design in finished]),
        start_terms=joined_terms([design.start_terms for design in finished]),
        history_SB=_history(finished, plan).to(picture_B3HW.device),
        steps=sum(level.steps for level in plan),
        seconds=seconds,
    )


def in_precision(encoder: Encoder, precision: str) -> Encoder:
    """The encoder in a precision of `PRECISIONS`; StylecoreError for another word."""
    if precision not in PRECISIONS:
        raise StylecoreError(f"precision cannot be '{precision}': {nearest(precision, PRECISIONS)}")
    return encoder.in_precision(PRECISIONS[precision])


def _history(finished: Sequence[Finished], plan: Sequence[Level]) -> Tensor:
    """Losses of all levels below each other, steps x B; NaN where a pair made no step."""
    history = torch.full((sum(level.steps for level in plan), len(finished)), torch.nan)
    for pair, design in enumerate(finished):
        row = 0
        for level, losses in zip(plan, design.losses, strict=False):
            history[row : row + len(losses), pair] = torch.tensor(losses)
            row += level.steps
    return history


def _checked(
    content: Tensor, style: Tensor | Sequence[Tensor], guide: Tensor | None
) -> tuple[Tensor, list[Tensor], Tensor]:
    content = check_picture(content, "content")
    styles = [check_picture(each, f"style {i}").to(content.device) for i, each in enumerate(_separate(style))]
    for i, each in enumerate(styles):
        if len(each) != 1:
            raise PictureError(f"style {i} holds {len(each)} pictures; in a list give 1 x 3 x h x w each.")
    if len(styles) != len(content):
        raise PictureError(
            f"There are {len(content)} contents but {len(styles)} styles; give one style a content."
        )
    if guide is None:
        return content, styles, torch.ones_like(content[:, :1])
    guide = check_picture(guide, "guide", channels=1).to(content.device)
    if guide.shape[-2:] != content.shape[-2:] or len(guide) != len(content):
        raise PictureError(
            f"The guide is {tuple(guide.shape)}, but must be {len(content)} x 1 x {content.shape[-2]} x"
            f" {content.shape[-1]}, as the content."
        )
    return content, styles, guide


def _separate(style: Tensor | Sequence[Tensor]) -> list[Tensor]:
    if isinstance(style, Tensor):
        return list(style.split(1)) if style.ndim == 4 else [style]
    return list(style)


def _fitting_encoder(recipe: Recipe, encoder: Encoder | None, device: torch.device) -> Encoder:
    if encoder is None:
        if recipe.encoder != "embedded":
            raise EncoderError(
                f"Recipe '{recipe.name}' works on '{recipe.encoder}': pass it as encoder= (only the embedded"
                " encoder comes with the package)."
            )
        own = embedded_encoder(recipe.layers, pooling=cast(Pooling, recipe.pooling), device=device)
        return normalise_weights(own, [natural_noise().to(device)]) if recipe.weight_normalised else own
    missing = [layer for layer in recipe.layers if layer not in encoder.layers]
    if encoder.name != recipe.encoder or missing:
        raise EncoderError(
            f"Recipe '{recipe.name}' works on '{recipe.encoder}' with {', '.join(recipe.layers)}, but the encoder"
            f" is '{encoder.name}' with {', '.join(encoder.layers)}."
        )
    if encoder.pooling != recipe.pooling:
        raise EncoderError(
            f"Recipe '{recipe.name}' pools by {recipe.pooling}, but the encoder by {encoder.pooling}."
        )
    return encoder
