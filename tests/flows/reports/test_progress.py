"""What a run says of itself while it is on."""

import random
from collections.abc import Iterator

import pytest

from flows.reports import progress
from flows.reports.progress import Pace, RunProgress


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.mark.parametrize("seed", range(20))
def test_time_left_after_a_tenth(seed: int) -> None:
    """After a tenth of a run whose designs take 1 to 3 s, after half a minute of loading, it is right within 20 %."""
    rng, clock = random.Random(seed), Clock()
    pace = Pace(600, clock)
    clock.now = 30.0
    pace.advance(0.01)
    guess = began = 0.0
    for number in range(600):
        clock.now += rng.uniform(1, 3)
        standing = pace.advance(1)
        if number == 60:
            assert standing.seconds_left is not None
            guess, began = standing.seconds_left, clock.now
    assert abs(guess / (clock.now - began) - 1) < 0.2


def test_whole_shards_in_waves() -> None:
    """Where eight workers tell of whole shards, the clock begins with the work: no wave is left out of the rate."""
    clock = Clock()
    pace = Pace(64 * 80, clock)
    pace.advance(0.0)
    for wave in range(1, 4):
        for worker in range(8):
            clock.now = 600 * wave + worker
            pace.advance(64)
        left = pace.progress().seconds_left
        assert left is not None
        assert abs(left / (600 * (10 - wave)) - 1) < 0.05


def test_nothing_is_known_at_first() -> None:
    """Before anything went forward twice there is no rate and no time left."""
    clock = Clock()
    pace = Pace(10, clock)
    assert pace.progress() == RunProgress(0.0, 10, None, None)
    assert pace.advance(1) == RunProgress(1.0, 10, None, None)
    assert str(pace.progress()) == "1 of 10 designs"
    clock.now = 60
    assert str(pace.advance(1)) == "2 of 10 designs, 1.0 a minute, 8 min left"


def test_the_log_hears_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's log hears how far it is once in a while, however often it goes forward."""
    times: Iterator[int] = iter(range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    heard: list[RunProgress] = []
    with progress.show_progress(Pace(300), "designs", heard.append) as advance:
        for _ in range(300):
            advance(1)
    assert 3 <= len(heard) <= 300 / progress.EVERY
    assert heard[0].done < heard[1].done
