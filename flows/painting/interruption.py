"""Ctrl-C and SIGTERM that wait until what is in hand is put down."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HELD = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """The first signal takes effect at the end of the block, a second one at once.

    Python tells only the main thread of signals; in another one there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    # None is a handler that Python did not set and could not put back.
    previous = {number: old for number in HELD if (old := signal.getsignal(number)) is not None}

    def hold(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
        for held in caught:
            signal.raise_signal(held)
