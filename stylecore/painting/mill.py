"""The mill: pairs go in, finished designs come out, and the batch stays full until the last pair.

A recipe's levels are lanes, each with a batch of slots and one picture size. A pair starts in the coarsest
lane; when it has converged or used its steps there, it leaves its slot, the next pair takes it, and it
queues for the lane above. The mill always runs the finest lane that is full, so that no slot of a batch
is idle while there is work, and only the last pairs run in batches that are not full.

Pairs never influence each other (stylecore/painting/optimizers.py), so a result does not depend on which pairs share
its batch.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from itertools import groupby

import torch
from torch import Tensor

from stylecore.encoders.encoder import Encoder
from stylecore.errors import StylecoreError
from stylecore.objective.target_cache import TargetCache
from stylecore.painting import initialization
from stylecore.painting.lane import Lane, PairInProgress
from stylecore.painting.lane_context import LaneContext
from stylecore.painting.pair import Finished, OnSteps, Pair
from stylecore.painting.pyramid import levels_of
from stylecore.tensors import resize, size_of

log = logging.getLogger(__name__)

TILE = 768
"""Longest side, px, of what is looked at at once."""


def mill(
    pairs: Iterable[Pair],
    encoder: Encoder,
    *,
    slots: int,
    device: torch.device | str = "cpu",
    cache: TargetCache | None = None,
    on_steps: OnSteps | None = None,
    widen: int = 4,
    compiled: bool = False,
    tile: int = TILE,
) -> Iterator[Finished]:
    """Finish pairs, in any order, as many at a time as there are slots at the canvas's size.

    Args:
        pairs: prepared pairs; drawn as slots come free, so a generator may read ahead on its own thread.
            Consecutive pairs share batches if their recipes have one structure, and they one size and
            one number of parts.
        encoder: the recipes' network, on the device and in its precision.
        slots: pairs in one forward and backward pass at the canvas's size.
        widen: coarser and finer lanes hold as many pixels, but coarser ones at most so many times the pairs.
        device: where the encoder is.
        cache: targets to share between pairs and between calls.
        on_steps: told after every step how many pairs made it, and its share of a pair's work.
        tile: levels with a longer side, px, are looked at window by window (stylecore/objective/windows.py), so that
            activations do not grow with their size; 0 looks at any at once. It does not change the result.
        compiled: compile the objective (torch.compile, CUDA graphs); where that cannot be done, the
            reason is logged and the plain path taken.

    A pair whose loss is not finite fails alone, with the reason in its result. Raises StylecoreError where
    there is no slot, PictureError where a content is too small for the coarsest level.
    """
    if slots < 1:
        raise StylecoreError(f"slots is {slots}, but a batch needs at least 1.")
    shared = cache or TargetCache()
    for (structure, size, _), group in groupby(
        pairs, key=lambda pair: (pair.recipe.structure(), size_of(pair.content), pair.guide.shape[1])
    ):
        plan = levels_of(size, structure)
        pixel_steps = sum(level.steps * level.scale**2 for level in plan)
        canvas = max(level.scale for level in plan if not level.beyond)
        # Large canvases differ from garment to garment: compiling for each would cost more than it saves.
        quick = compiled and not structure.large_steps
        if compiled and not quick:
            log.info("Recipes with large_steps are not compiled: every garment has a size of its own.")
        context = LaneContext(
            structure,
            encoder,
            torch.device(device),
            shared,
            on_steps or _unheard,
            tile,
            max(1e-9, pixel_steps),
        )
        lanes = [
            Lane(level, number, len(plan), context, lane_slots(slots, level.scale / canvas, widen), quick)
            for number, level in enumerate(plan, 1)
        ]
        yield from _run(group, lanes, context)


def lane_slots(slots: int, scale: float, widen: int) -> int:
    """Slots of a lane of so many times the canvas's size: as many pixels as at the canvas, at least one pair.

    Coarser lanes hold at most `widen` times the pairs.
    """
    if scale > 1:
        return max(1, int(slots / scale**2))
    return min(widen * slots, max(slots, round(slots / scale**2)))


def _unheard(_pairs: int, _share: float) -> None:
    pass


def _run(pairs: Iterator[Pair], lanes: list[Lane], context: LaneContext) -> Iterator[Finished]:
    exhausted = False
    while True:
        while not exhausted and lanes[0].has_room():
            if (pair := next(pairs, None)) is None:
                exhausted = True
            else:
                lanes[0].waiting.append(PairInProgress(pair))
        for lane in lanes:
            lane.fill()
        full = [lane for lane in reversed(lanes) if lane.is_full()]
        begun = [lane for lane in lanes if lane.has_pairs()]
        if not begun:
            return
        # Nothing full means that no more pairs come: the coarsest first, so that finer lanes fill up.
        lane = full[0] if full else begun[0]
        for progress in lane.advance():
            if progress.failure is None and lane is not lanes[-1]:
                lanes[lanes.index(lane) + 1].waiting.append(progress)
            else:
                yield _finished(progress, lanes, context)


def _finished(progress: PairInProgress, lanes: list[Lane], context: LaneContext) -> Finished:
    began, pair, level = time.perf_counter(), progress.pair, lanes[-1].level
    content = context.content(pair, level)
    picture = content if progress.failure or progress.picture is None else progress.picture
    with torch.no_grad():
        # A pair that failed on the way has targets of the level where it did.
        reached = len(progress.losses) == len(lanes)
        style = progress.style if reached and progress.style else context.style(pair, level)
        targets = progress.targets if reached and progress.targets else context.targets(pair, level, style)
        if not targets.matches:
            targets = context.assigned(targets, style, picture)
        # Of the content too: what it costs by the patches that its design was drawn to.
        ends = [context.terms(targets, x) for x in (picture, content)]
        large = None if progress.failure else context.enlarged(pair, picture)
    if large is not None:
        picture = resize(large, size_of(picture)).clamp(0, 1)
    return Finished(
        pair=pair,
        picture_13HW=_lit(picture, pair, context, progress.failure),
        large_13HW=None if large is None else _lit(large, pair, context, None),
        failure=progress.failure,
        terms=ends[0],
        start_terms=ends[1],
        losses=tuple(progress.losses),
        seconds=progress.seconds + time.perf_counter() - began,
        share_done=sum(
            len(losses) * context.share(lane.level)
            for losses, lane in zip(progress.losses, lanes, strict=False)
        ),
    )


def _lit(picture: Tensor, pair: Pair, context: LaneContext, failure: str | None) -> Tensor:
    """What was painted as the design: under the light of the garment's folds, at the picture's own size."""
    whole = resize(pair.content.to(context.device), size_of(picture)).clamp(0, 1)
    return initialization.finished(
        picture, whole, pair.recipe, failure, context.fold_light(pair, size_of(picture))
    )
