"""The mill: pairs go in, finished designs come out, and the batch stays full until the last pair.

A recipe's levels are lanes, each with a batch of slots and one picture size. A pair starts in the coarsest
lane; when it has converged or used its steps there, it leaves its slot, the next pair takes it, and it
queues for the lane above. The mill always runs the finest lane that is full, so that no slot of a batch
is idle while there is work, and only the last pairs run in batches that are not full.

Pairs never influence each other (stylecore/optimizers.py), so what comes out does not depend on company.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from stylecore import objective, starting
from stylecore.encoders import Encoder
from stylecore.errors import StylecoreError
from stylecore.objective import Targets, Terms
from stylecore.optimizers import OPTIMIZERS, Optimizer
from stylecore.printing import UNTOLD
from stylecore.pyramid import Level, levels_of
from stylecore.recipe import Recipe
from stylecore.target_cache import TargetCache
from stylecore.tensors import resize, resize_guide, size_of

log = logging.getLogger(__name__)

OnSteps = Callable[[int, float], None]
"""Told after every step how many pairs made it, and what share of a pair's whole work it was."""
TILE = 768
"""Longest side, px, of what is looked at at once."""


@dataclass(frozen=True)
class Pair:
    """A content and a style that are to be a design, prepared: sRGB in [0, 1], on any device.

    `content` and `guide` are 1 x 3 x H x W and 1 x P x H x W at the finest size, with a channel a part;
    `style` is 1 x 3 x h x w and `style_guide`, if parts are matched, 1 x P x h x w. Keys name contents:
    pairs with equal keys share targets; without one, nothing is shared. `tag` is the caller's.
    """

    content: Tensor
    style: Tensor
    guide: Tensor
    recipe: Recipe
    style_guide: Tensor | None = None
    repeat: str = UNTOLD
    """How the style repeats where it is printed; see stylecore/printing.py."""
    enlarged: float = 1.0
    """How many times larger the style would have to be than it is given, to fit the content's size."""
    content_key: str = ""
    style_key: str = ""
    start: Tensor | None = None
    """What to start from instead of the recipe's `init`: 1 x 3 x H x W."""
    tag: Any = None


@dataclass(frozen=True)
class Finished:
    """What came of a pair: the design (the content, where it failed), or why it failed.

    `terms` and `start_terms` are the weighted terms at the finest level, of the design and of the content;
    `losses` has the loss before every step of every level.
    """

    pair: Pair
    picture_13HW: Tensor
    failure: str | None
    terms: Terms
    start_terms: Terms
    losses: tuple[tuple[float, ...], ...]
    seconds: float
    work: float
    """Share of its whole work that was done; below 1 where it failed or converged early."""

    @property
    def steps(self) -> int:
        """Steps that were made, of all levels."""
        return sum(map(len, self.losses))


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
        tile: levels with a longer side, px, are looked at window by window (stylecore/tiling.py), so that
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
        work = _Work(
            structure,
            encoder,
            torch.device(device),
            shared,
            on_steps or _unheard,
            tile,
            max(1e-9, pixel_steps),
        )
        lanes = [
            _Lane(level, number, len(plan), work, lane_slots(slots, level.scale / canvas, widen), quick)
            for number, level in enumerate(plan, 1)
        ]
        yield from _run(group, lanes, work)


def lane_slots(slots: int, scale: float, widen: int) -> int:
    """Slots of a lane of so many times the canvas's size: as many pixels as at the canvas, at least one pair.

    Coarser lanes hold at most `widen` times the pairs.
    """
    if scale > 1:
        return max(1, int(slots / scale**2))
    return min(widen * slots, max(slots, round(slots / scale**2)))


def _unheard(_pairs: int, _share: float) -> None:
    pass


def _run(pairs: Iterator[Pair], lanes: list["_Lane"], work: "_Work") -> Iterator[Finished]:
    exhausted = False
    while True:
        while not exhausted and lanes[0].wants():
            if (pair := next(pairs, None)) is None:
                exhausted = True
            else:
                lanes[0].waiting.append(_Job(pair))
        for lane in lanes:
            lane.fill()
        full = [lane for lane in reversed(lanes) if lane.is_full()]
        begun = [lane for lane in lanes if lane.occupied()]
        if not begun:
            return
        # Nothing full means that no more pairs come: the coarsest first, so that finer lanes fill up.
        lane = full[0] if full else begun[0]
        for job in lane.advance():
            if job.failure is None and lane is not lanes[-1]:
                lanes[lanes.index(lane) + 1].waiting.append(job)
            else:
                yield _finished(job, lanes, work)


@dataclass
class _Job:
    """A pair on its way through the lanes."""

    pair: Pair
    picture: Tensor | None = None
    failure: str | None = None
    losses: list[tuple[float, ...]] = field(default_factory=list)
    here: list[float] = field(default_factory=list)
    """Losses in the lane it is in."""
    targets: Targets | None = None
    """Its targets in the lane it is in."""
    seconds: float = 0.0


@dataclass
class _Work:
    """What all lanes of one structure share."""

    structure: Recipe
    encoder: Encoder
    device: torch.device
    cache: TargetCache
    on_steps: OnSteps
    tile: int
    pixel_steps: float
    """Steps of all levels, each by its pixels: a pair's whole work."""

    def share(self, level: Level) -> float:
        """What share of a pair's whole work a step at a level is."""
        return level.scale**2 / self.pixel_steps

    def targets(self, pair: Pair, level: Level) -> Targets:
        """Targets of a pair at a level: the garment's and the style's from the cache, if they are known."""
        recipe, parts = self.structure, pair.guide.shape[1]
        color = pair.recipe.color
        # Matching depends on both pictures; keeping looks at the style's luminance fitted to the content's.
        both = "" if color == "style" else pair.content_key
        # The scale as well as the size: it is what a style is shrunk by.
        names = f"{recipe.digest()}:{level.scale}:{level.size}:{parts}"
        content_key = f"content:{names}:{color == 'keep'}:{pair.content_key}" if pair.content_key else ""
        known = pair.style_key and (both or color == "style")
        guided = pair.style_guide is not None
        style_key = f"style:{names}:{guided}:{color}:{both}:{pair.style_key}" if known else ""
        content, style = (
            self.cache.get(content_key, lambda: self._content(pair, level)),
            self.cache.get(style_key, lambda: self._style(pair, level)),
        )
        return objective.together(content, style, objective.weights(pair.recipe, self.device))

    def _content(self, pair: Pair, level: Level) -> Targets:
        content, guide = starting.content_at(pair.content, pair.recipe, level), pair.guide
        return objective.content_targets(
            self.encoder,
            self.structure,
            self._here(content),
            self._here(resize_guide(guide, level.size)),
            self.tile,
        )

    def _style(self, pair: Pair, level: Level) -> Targets:
        style = starting.style_at(pair.style, pair.content, pair.guide, pair.recipe, level, pair.enlarged)
        guide = pair.style_guide
        return objective.style_targets(
            self.encoder,
            self.structure,
            self._here(style),
            None if guide is None else self._here(resize_guide(guide, size_of(style))),
            pair.guide.shape[1],
            self.tile,
        )

    def start(self, job: _Job, level: Level) -> Tensor:
        """Where a job begins at a level: the picture of the level before, or the recipe's start."""
        if job.picture is None:
            return self._start(job.pair, level)
        if level.beyond and job.pair.recipe.init not in ("noise", "style"):
            return starting.carried(job.picture, self._start(job.pair, level))
        return resize(job.picture, level.size).clamp(0, 1)

    def _start(self, pair: Pair, level: Level) -> Tensor:
        if pair.start is not None:
            return self._here(resize(pair.start, level.size).clamp(0, 1))
        return self._here(
            starting.start_at(
                pair.style, pair.content, pair.guide, pair.recipe, level, pair.repeat, pair.enlarged
            )
        )

    def terms(self, targets: Targets, picture_B3HW: Tensor) -> Terms:
        """The objective's terms."""
        return objective.terms(self.encoder, self.structure, targets, picture_B3HW, self.tile)

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device)


class _Lane:
    """One level: slots, their targets and their optimiser."""

    def __init__(
        self, level: Level, number: int, count: int, work: _Work, slots: int, compiled: bool
    ) -> None:
        self.level, self.waiting = level, deque[_Job]()
        self._number, self._count, self._work = number, count, work
        self._jobs: list[_Job | None] = [None] * slots
        self._targets: Targets | None = None
        self._optimizer: Optimizer | None = None
        # A level that is looked at by windows spends its time in them; nothing is gained by compiling the loop.
        self._objective = _objective(work, compiled and not self._by_windows())

    def _by_windows(self) -> bool:
        return 0 < self._work.tile < max(self.level.size)

    def wants(self) -> bool:
        """Whether another pair would find a slot."""
        return len(self.waiting) < sum(job is None for job in self._jobs)

    def occupied(self) -> bool:
        """Whether a pair is in work."""
        return any(self._jobs)

    def is_full(self) -> bool:
        """Whether every slot is in work."""
        return all(self._jobs)

    def fill(self) -> None:
        """Give free slots to the pairs that wait longest."""
        for slot, job in enumerate(self._jobs):
            if job is None and self.waiting:
                self._put(slot, self.waiting.popleft())

    def _put(self, slot: int, job: _Job) -> None:
        recipe, level = job.pair.recipe, self.level
        targets, start = self._work.targets(job.pair, level), self._work.start(job, level)
        if self._targets is None or self._optimizer is None:
            self._targets = targets.room_for(len(self._jobs))
            self._optimizer = OPTIMIZERS[recipe.optimizer](len(self._jobs), start)
        self._targets.put(slot, targets)
        self._optimizer.put(slot, start, recipe.learning_rate, recipe.final_learning_rate, level.steps)
        self._jobs[slot], job.here, job.targets = job, [], targets

    def advance(self) -> list[_Job]:
        """Step until a pair may leave; returns those that do, with their picture."""
        began = time.perf_counter()
        steps = min(self._until_look(job) for job in self._jobs if job)
        if steps:
            self._step(steps)
        busy = [job for job in self._jobs if job]
        for job in busy:
            job.seconds += (time.perf_counter() - began) / len(busy)
        return self._leaving()

    def _until_look(self, job: _Job) -> int:
        """Steps until the job's own next look: never anybody else's, so company cannot change when it leaves."""
        done, steps, window = len(job.here), self.level.steps, self._work.structure.window
        return min(window - done % window, steps - done)

    def _step(self, steps: int) -> None:
        assert self._optimizer is not None
        active = [slot for slot, job in enumerate(self._jobs) if job]
        losses = []
        for _ in range(steps):
            losses.append(self._optimizer.step(lambda picture: self._loss(picture, active)))
            self._work.on_steps(len(active), self._work.share(self.level))
        # Read back once: every reading makes the host wait for the device.
        for slot, values in zip(active, torch.stack(losses)[:, active].T.tolist(), strict=True):
            job = self._jobs[slot]
            assert job is not None
            job.here += values

    def _loss(self, picture: Tensor, active: list[int]) -> Tensor:
        assert self._targets is not None
        if picture.is_cuda or len(active) == len(picture):
            return self._objective(self._targets, picture)
        # On a CPU an empty slot would cost as much as a busy one.
        loss_B = picture.sum((1, 2, 3)) * 0
        for slot in active:
            own = self._objective(self._targets.of_pair(slot), picture[slot : slot + 1])
            loss_B = loss_B.index_add(0, torch.tensor([slot]), own)
        return loss_B

    def _leaving(self) -> list[_Job]:
        assert self._optimizer is not None
        left = []
        for slot, job in enumerate(self._jobs):
            if job is None:
                continue
            picture = self._optimizer.picture[slot : slot + 1].clamp(0, 1).clone()
            job.failure = self._failure(job, picture)
            if job.failure or len(job.here) >= self.level.steps or self._converged(job.here):
                job.picture, self._jobs[slot] = picture, None
                job.losses.append(tuple(job.here))
                left.append(job)
        return left

    def _failure(self, job: _Job, picture: Tensor) -> str | None:
        bad = [step for step, loss in enumerate(job.here, 1) if not abs(loss) < float("inf")]
        if not bad and bool(picture.isfinite().all()):
            return None
        step = f"step {bad[0]}" if bad else "the last step"
        word = "infinite" if bad and abs(job.here[bad[0] - 1]) == float("inf") else "not a number"
        where = f"level {self._number} of {self._count}"
        return f"the loss became {word} at {where}, {step}"

    def _converged(self, losses: list[float]) -> bool:
        window, tolerance = self._work.structure.window, self._work.structure.tolerance
        if not tolerance or len(losses) <= window or len(losses) % window:
            return False
        return losses[-1 - window] - losses[-1] < tolerance * losses[-1 - window]


def _objective(work: _Work, compiled: bool) -> Callable[[Targets, Tensor], Tensor]:
    def total(targets: Targets, picture: Tensor) -> Tensor:
        return work.terms(targets, picture).total

    if not compiled:
        return total
    try:
        # A lane has one size and one number of slots: shapes are not to be guessed variable from other lanes'.
        quick = torch.compile(
            total, mode="reduce-overhead" if work.device.type == "cuda" else None, dynamic=False
        )
    # So torch says that it cannot compile on this system at all.
    except RuntimeError as error:
        _say_plain(error)
        return total
    return _or_plain(quick, total)


def _or_plain(
    quick: Callable[[Targets, Tensor], Tensor], plain: Callable[[Targets, Tensor], Tensor]
) -> Callable[[Targets, Tensor], Tensor]:
    """The quick way until it fails to compile; then the plain one, and the log says why.

    What is no fault of the compiler is raised: above all a device whose memory is short, where the batch is to
    be halved and not to be tried once more in a way that needs more memory.
    """
    way = quick

    def evaluate(targets: Targets, picture: Tensor) -> Tensor:
        nonlocal way
        try:
            return way(targets, picture)
        except _compiler_faults() as error:
            if short := _short_of_memory(error):
                raise short from error
            if way is plain:
                raise
            _say_plain(error)
        # Outside the handler: the traceback holds tensors of the way that failed.
        way = plain
        return plain(targets, picture)

    return evaluate


def _compiler_faults() -> tuple[type[Exception], ...]:
    """What torch.compile raises where it cannot; torch has no public names for it, and loads them slowly."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler, OperatorIssue

    return TorchDynamoException, CppCompileError, InvalidCxxCompiler, OperatorIssue


def _short_of_memory(error: BaseException) -> torch.OutOfMemoryError | None:
    """The device's own error, where the compiler has wrapped one: it tries kernels out on the device."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, torch.OutOfMemoryError):
        cause = getattr(cause, "inner_exception", None) or cause.__cause__
    return cause


def _say_plain(error: Exception) -> None:
    log.warning("The objective is not compiled: %s: %s", type(error).__name__, error)


def _finished(job: _Job, lanes: list[_Lane], work: _Work) -> Finished:
    pair, level = job.pair, lanes[-1].level
    content = starting.content_at(pair.content, pair.recipe, level).to(work.device)
    picture = content if job.failure or job.picture is None else job.picture
    with torch.no_grad():
        # A pair that failed on the way has targets of the level where it did.
        reached = len(job.losses) == len(lanes) and job.targets is not None
        targets = job.targets if reached and job.targets else work.targets(pair, level)
        ends = [work.terms(targets, x) for x in (picture, content)]
    return Finished(
        pair=pair,
        picture_13HW=starting.finished(picture, pair.content.to(work.device), pair.recipe, job.failure),
        failure=job.failure,
        terms=ends[0],
        start_terms=ends[1],
        losses=tuple(job.losses),
        seconds=job.seconds,
        work=sum(len(own) * work.share(lane.level) for own, lane in zip(job.losses, lanes, strict=False)),
    )
