"""The objective of a lane as one compiled function, and the plain way where torch cannot compile it."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from stylecore.objective.targets import Targets
from stylecore.painting.lane_context import LaneContext

log = logging.getLogger(__name__)

Objective = Callable[[Targets, Tensor], Tensor]
"""Targets of a batch and its pictures B x 3 x H x W to the sums of their terms, B values."""


def level_objective(context: LaneContext, compiled: bool) -> Objective:
    """The objective of one lane, compiled where that is asked for and torch can; where not, the log says why."""

    def total(targets: Targets, picture: Tensor) -> Tensor:
        """The objective of a batch, the plain way."""
        return context.terms(targets, picture).total

    if not compiled:
        return total
    try:
        # A lane has one size and one number of slots: shapes are not to be guessed variable from other lanes'.
        quick = torch.compile(
            total, mode="reduce-overhead" if context.device.type == "cuda" else None, dynamic=False
        )
    # So torch says that it cannot compile on this system at all.
    except RuntimeError as error:
        _say_plain(error)
        return total
    return _or_plain(quick, total)


def _or_plain(quick: Objective, plain: Objective) -> Objective:
    """The quick way until it fails to compile; then the plain one, and the log says why.

    What is no fault of the compiler is raised: above all a device whose memory is short, where the batch is to
    be halved and not to be tried once more in a way that needs more memory.
    """
    way = quick

    def evaluate(targets: Targets, picture: Tensor) -> Tensor:
        """The objective by the way that works."""
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
