"""`stylize`: contents and styles in, designs out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from stylecore import color
from stylecore.embedded import embedded_encoder
from stylecore.encoders import Encoder, Pooling, natural_noise, normalise_weights
from stylecore.errors import EncoderError, PictureError, StylecoreError, nearest
from stylecore.objective import Precision, Targets, Terms, take_targets, terms
from stylecore.optimizers import Minimum, adam, lbfgs
from stylecore.pyramid import SMALLEST, Level, levels, scaled
from stylecore.recipe import Recipe
from stylecore.tensors import Size, check_picture, resize, resize_guide

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Stylization:
    """What came of a batch of pairs.

    `picture_B3HW` holds the designs (the content where a pair failed); `failures` has a reason or None
    for every pair; `terms` and `start_terms` are the weighted terms at the finest level, of the design
    and of the content; `history_SB` is the loss before every step of all levels, steps x B.
    """

    picture_B3HW: Tensor
    failures: tuple[str | None, ...]
    terms: Terms
    start_terms: Terms
    history_SB: Tensor
    steps: int
    seconds: float


@torch.enable_grad()
def stylize(
    content: Tensor,
    style: Tensor | Sequence[Tensor],
    recipe: Recipe | None = None,
    *,
    guide: Tensor | None = None,
    encoder: Encoder | None = None,
    precision: Precision = "float32",
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
    if precision not in ("float32", "bfloat16"):
        raise StylecoreError(
            f"precision cannot be '{precision}': {nearest(precision, ('float32', 'bfloat16'))}"
        )
    content, styles, guide = _checked(content, style, guide)
    encoder = _fitting_encoder(recipe, encoder, content.device)
    started = time.perf_counter()
    batch = _Batch(recipe, encoder, precision, _recoloured(recipe, content, styles, guide), guide)
    plan = levels(_size(content), recipe.levels)
    picture, failures, history = _descend(batch, plan, on_progress)
    targets = batch.targets(plan[-1])
    with torch.no_grad():
        end = terms(encoder, recipe, targets, picture, precision)
        start = terms(encoder, recipe, targets, batch.pairs[0], precision)
    if recipe.color == "keep":
        picture = color.with_chroma_of(picture, content)
    failed = torch.tensor([reason is not None for reason in failures], device=content.device).view(
        -1, 1, 1, 1
    )
    return Stylization(
        picture_B3HW=torch.where(failed, content, picture),
        failures=tuple(failures),
        terms=end,
        start_terms=start,
        history_SB=torch.cat(history),
        steps=recipe.steps,
        seconds=time.perf_counter() - started,
    )


class _Batch:
    """Pairs of one recipe: contents, styles and guide at full size, and what a level makes of them."""

    def __init__(
        self,
        recipe: Recipe,
        encoder: Encoder,
        precision: Precision,
        pairs: tuple[Tensor, list[Tensor]],
        guide: Tensor,
    ) -> None:
        self.recipe, self.encoder, self.precision, self.pairs, self.guide = (
            recipe,
            encoder,
            precision,
            pairs,
            guide,
        )

    def targets(self, level: Level) -> Targets:
        """Targets at a level; styles shrink with the canvas, so motifs keep their share of it."""
        content, styles = self.pairs
        return take_targets(
            self.encoder,
            self.recipe,
            resize(content, level.size).clamp(0, 1),
            [resize(style, _style_size(style, level)).clamp(0, 1) for style in styles],
            resize_guide(self.guide, level.size),
            self.precision,
        )

    def start(self, level: Level) -> Tensor:
        """The picture that the first level starts from."""
        content, styles = self.pairs
        if self.recipe.init == "noise":
            # Every pair starts from the same noise, so that a batch equals single runs.
            generator = torch.Generator().manual_seed(self.recipe.seed)
            noise = torch.rand(1, 3, *level.size, generator=generator).to(content)
            return noise.expand(len(content), -1, -1, -1)
        if self.recipe.init == "style":
            return torch.cat([_cover(style, level.size) for style in styles])
        return resize(content, level.size).clamp(0, 1)

    def minimise(self, level: Level, start: Tensor, on_step: Callable[[], None] | None) -> Minimum:
        """Run the recipe's optimiser at a level."""
        recipe, targets = self.recipe, self.targets(level)

        def loss(picture: Tensor) -> Tensor:
            return terms(self.encoder, recipe, targets, picture, self.precision).total

        if recipe.optimizer == "lbfgs":
            return lbfgs(start, loss, level.steps, recipe.learning_rate, on_step)
        return adam(start, loss, level.steps, recipe.learning_rate, recipe.final_learning_rate, on_step)


def _descend(
    batch: _Batch, plan: list[Level], on_progress: OnProgress | None
) -> tuple[Tensor, list[str | None], list[Tensor]]:
    picture = batch.start(plan[0])
    failures: list[str | None] = [None] * len(picture)
    history: list[Tensor] = []
    done = 0

    def on_step() -> None:
        nonlocal done
        done += 1
        if on_progress:
            on_progress(done, batch.recipe.steps)

    for number, level in enumerate(plan, 1):
        minimum = batch.minimise(level, resize(picture, level.size).clamp(0, 1), on_step)
        history.append(minimum.history_SB)
        picture = _without_failed(minimum, f"level {number} of {len(plan)}", failures)
    return picture, failures, history


def _without_failed(minimum: Minimum, where: str, failures: list[str | None]) -> Tensor:
    """Note pairs whose loss or picture is not finite, and give them a grey picture to go on with."""
    picture, history = minimum.picture_B3HW, minimum.history_SB
    finite_SB = history.isfinite()
    good_B = picture.isfinite().flatten(1).all(1) & finite_SB.all(0)
    for pair in torch.nonzero(~good_B).flatten().tolist():
        steps = torch.nonzero(~finite_SB[:, pair]).flatten()
        step = f"step {int(steps[0]) + 1}" if len(steps) else "the last step"
        failures[pair] = failures[pair] or f"the loss became {_word(history[steps, pair])} at {where}, {step}"
    return torch.where(good_B.view(-1, 1, 1, 1), picture, torch.full_like(picture, 0.5))


def _word(bad_S: Tensor) -> str:
    return "infinite" if len(bad_S) and bad_S[0].isinf() else "not a number"


def _recoloured(
    recipe: Recipe, content: Tensor, styles: list[Tensor], guide: Tensor
) -> tuple[Tensor, list[Tensor]]:
    if recipe.color == "match":
        matched = [
            color.match_mean_and_covariance(style, content[i : i + 1], guide[i : i + 1])
            for i, style in enumerate(styles)
        ]
        return content, matched
    if recipe.color == "keep":
        grey = color.luminance(content)
        # Luminance alone is transferred; the content's chroma comes back at the end.
        return grey, [
            color.match_luminance(style, grey[i : i + 1], guide[i : i + 1]) for i, style in enumerate(styles)
        ]
    return content, styles


def _style_size(style: Tensor, level: Level) -> Size:
    height, width = scaled(_size(style), level.scale)
    # A small style is not shrunk below what the deepest layer needs.
    grow = max(1.0, SMALLEST / min(height, width))
    return round(height * grow), round(width * grow)


def _cover(style: Tensor, size: Size) -> Tensor:
    scale = max(size[0] / style.shape[-2], size[1] / style.shape[-1])
    covering = resize(
        style, (max(size[0], scaled(_size(style), scale)[0]), max(size[1], scaled(_size(style), scale)[1]))
    )
    top, left = (covering.shape[-2] - size[0]) // 2, (covering.shape[-1] - size[1]) // 2
    return covering[..., top : top + size[0], left : left + size[1]].clamp(0, 1)


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


def _size(picture: Tensor) -> Size:
    return picture.shape[-2], picture.shape[-1]
