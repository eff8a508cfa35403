"""Ctrl-C and SIGTERM are deferred while a picture has no record yet."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

DEFERRED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Defer the first signal to the end of the block; a second signal takes effect at once.

    Python runs signal handlers in the main thread only; in another thread there is nothing to defer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    # None stands for a handler that Python did not set, and could not set again.
    previous = {number: old for number in DEFERRED if (old := signal.getsignal(number)) is not None}

    def note_signal(number: int, _frame: FrameType | None) -> None:
        """Note the signal, and let the next one through."""
        caught.append(number)
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, note_signal)
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
        for signal_number in caught:
            signal.raise_signal(signal_number)
