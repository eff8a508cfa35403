"""What the lanes of one structure share: how a pair's targets and starts are made at a level."""

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylecore.encoders.encoder import Encoder
from stylecore.objective.evaluation import (
    assign_patches,
    content_targets,
    evaluate_terms,
    pair_targets,
    style_targets,
    term_weights,
)
from stylecore.objective.guides import cloth_guide
from stylecore.objective.observation import picture_features
from stylecore.objective.shading import folds
from stylecore.objective.target_cache import TargetCache
from stylecore.objective.targets import ContentTargets, Folds, StyleTargets, Targets
from stylecore.objective.terms import TermValues
from stylecore.painting import initialization
from stylecore.painting.enlarging import enlarge
from stylecore.painting.pair import OnSteps, Pair
from stylecore.painting.pyramid import Level
from stylecore.recipe import Structure
from stylecore.tensors import Size, resize, resize_guide, size_of


@dataclass
class LaneContext:
    """What all lanes of one structure share: encoder, device, cache of targets and who is told of steps."""

    structure: Structure
    encoder: Encoder
    device: torch.device
    cache: TargetCache
    on_steps: OnSteps
    tile: int
    pixel_steps: float
    """Steps of all levels, each by the square of its scale: a pair's whole work."""

    def share(self, level: Level) -> float:
        """What share of a pair's whole work a step at a level is."""
        return level.scale**2 / self.pixel_steps

    def style(self, pair: Pair, level: Level) -> StyleTargets:
        """What a pair's style is measured as at a level: from the cache, if it is known."""
        return self.cache.get(self._style_key(pair, level), lambda: self._style(pair, level))

    def targets(self, pair: Pair, level: Level, style: StyleTargets) -> Targets:
        """Targets of a pair at a level, the garment's from the cache, if they are known; no patches are assigned yet."""
        content = self.cache.get(self._content_key(pair, level), lambda: self._content(pair, level))
        return pair_targets(content, style, term_weights(pair.recipe, self.device))

    def assigned(self, targets: Targets, style: StyleTargets, picture_13HW: Tensor) -> Targets:
        """A pair's targets with the style's patches assigned to the places of a picture."""
        return assign_patches(self.encoder, self.structure, targets, style, picture_13HW, self.tile)

    def fold_light(self, pair: Pair, size: Size) -> Tensor | None:
        """The light of the garment's folds over a picture of a size, 1 x 1 x H x W; None where the recipe lays none."""
        if not pair.recipe.shading:
            return None
        light = initialization.light_over(self._folds(pair), size, pair.recipe.shading)
        # Outside the cloth nothing is painted, so there is nothing to lay light over.
        return torch.where(self._on_device(resize_guide(cloth_guide(pair.guide), size)) > 0, light, 1.0)

    def _folds(self, pair: Pair) -> Tensor:
        """The folds of a pair's garment, read once for all its designs."""
        key = ("folds", size_of(pair.content), pair.content_key) if pair.content_key else None
        read = self.cache.get(
            key, lambda: Folds(self._on_device(folds(pair.content, cloth_guide(pair.guide))))
        )
        return read.light

    def content(self, pair: Pair, level: Level) -> Tensor:
        """The garment as a level looks at it: without the light of its folds, where the recipe lays that over it."""
        picture = self._on_device(initialization.content_at(pair.content, pair.recipe, level))
        return initialization.unlit(picture, self.fold_light(pair, level.size))

    def _content_key(self, pair: Pair, level: Level) -> Hashable:
        if not pair.content_key:
            return None
        recipe = pair.recipe
        return (
            "content",
            *self._level_key(pair, level),
            recipe.color == "keep",
            recipe.shading,
            pair.content_key,
        )

    def _style_key(self, pair: Pair, level: Level) -> Hashable:
        # Matching depends on both pictures; keeping looks at the style's luminance fitted to the content's.
        recoloured_for = "" if pair.recipe.color == "style" else pair.content_key
        if not pair.style_key or not (recoloured_for or pair.recipe.color == "style"):
            return None
        guided = pair.style_guide is not None
        return (
            "style",
            *self._level_key(pair, level),
            guided,
            pair.recipe.color,
            recoloured_for,
            pair.style_key,
        )

    def _level_key(self, pair: Pair, level: Level) -> tuple[Hashable, ...]:
        # The scale as well as the size: it is what a style is shrunk by.
        return self.structure, level.scale, level.size, pair.guide.shape[1]

    def _content(self, pair: Pair, level: Level) -> ContentTargets:
        return content_targets(
            self.encoder,
            self.structure,
            self.content(pair, level),
            self._on_device(resize_guide(pair.guide, level.size)),
            self.tile,
        )

    def _style(self, pair: Pair, level: Level) -> StyleTargets:
        style = initialization.style_at(
            pair.style, pair.content, pair.guide, pair.recipe, level, pair.enlarged
        )
        guide = pair.style_guide
        return style_targets(
            self.encoder,
            self.structure,
            self._on_device(style),
            None if guide is None else self._on_device(resize_guide(guide, size_of(style))),
            pair.guide.shape[1],
            self.tile,
        )

    def start(self, pair: Pair, level: Level, before_13HW: Tensor | None) -> Tensor:
        """Where a pair begins at a level: its picture of the level before, or the recipe's start where there is none."""
        if before_13HW is None and pair.start is None:
            return initialization.with_noise(self._start(pair, level), pair.guide, pair.recipe)
        if before_13HW is None:
            return self._start(pair, level)
        if level.beyond and pair.recipe.init not in ("noise", "style"):
            return initialization.carried(before_13HW, self._start(pair, level))
        return resize(before_13HW, level.size).clamp(0, 1)

    def _start(self, pair: Pair, level: Level) -> Tensor:
        light = self.fold_light(pair, level.size)
        if pair.start is not None:
            return initialization.unlit(self._on_device(resize(pair.start, level.size).clamp(0, 1)), light)
        known = self._folds(pair).to(pair.content.device) if pair.recipe.init == "shaded" else None
        start = self._on_device(
            initialization.start_at(
                pair.style, pair.content, pair.guide, pair.recipe, level, pair.repeat, pair.enlarged, known
            )
        )
        return (
            start
            if pair.recipe.init in initialization.KEPT_AS_THEY_ARE
            else initialization.unlit(start, light)
        )

    def enlarged(self, pair: Pair, picture_13HW: Tensor) -> Tensor | None:
        """The design larger than its canvas, where the pair has an enlargement."""
        strength, names = pair.recipe.style_detail, self.structure.style_names
        if pair.enlargement is None or not strength or not names:
            return None
        enlargement = pair.enlargement(self.device)
        content, cloth = self._on_device(pair.content), self._on_device(pair.guide)
        style, large = (
            initialization.recoloured_style(each, content, cloth, pair.recipe)
            for each in (self._on_device(pair.style), enlargement.style)
        )
        # A thin style is larger in every level too: in its own size it would have no deep layer.
        style = resize(style, initialization.style_size(style, 1.0)).clamp(0, 1)
        whole = torch.ones_like(style[:, :1])
        guide = (
            whole
            if pair.style_guide is None
            else resize_guide(self._on_device(pair.style_guide), size_of(style))
        )
        features, of_style = (
            picture_features(self.encoder, self.structure, each, names, tile=self.tile)
            for each in (picture_13HW, style)
        )
        return enlarge(
            features,
            of_style,
            {name: self.encoder.strides[name] for name in names},
            picture_13HW,
            cloth,
            guide.expand(-1, pair.guide.shape[1], -1, -1),
            enlargement._replace(style=large),
            strength,
        )

    def terms(self, targets: Targets, picture_B3HW: Tensor) -> TermValues:
        """The objective's terms of pictures against their targets."""
        return evaluate_terms(self.encoder, self.structure, targets, picture_B3HW, self.tile)

    def _on_device(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device)
