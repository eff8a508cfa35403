"""Signals wait while a design is being filed."""

import signal
import threading

import pytest

from flows.painting.interruption import defer_signals


def test_a_signal_waits_for_the_end_of_the_block() -> None:
    """Ctrl-C in the middle of a block lets the block end, then takes effect."""
    ended = False
    with pytest.raises(KeyboardInterrupt), defer_signals():
        signal.raise_signal(signal.SIGINT)
        ended = True
    assert ended


def test_the_second_takes_effect_at_once() -> None:
    """Whoever presses Ctrl-C twice does not wait, and one interruption is enough."""
    with pytest.raises(KeyboardInterrupt), defer_signals():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second signal was held back too")


def test_handlers_come_back() -> None:
    """After the block, handlers are as they were before, also where blocks are nested."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with defer_signals(), defer_signals():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_other_threads_have_no_signals() -> None:
    """In a worker's thread the block simply runs."""
    ran = []

    def work() -> None:
        with defer_signals():
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [True]
