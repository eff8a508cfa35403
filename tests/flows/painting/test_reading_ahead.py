"""Reading ahead: the same items, never too many of them, errors in their place, and no thread left behind."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from flows.painting.reading_ahead import read_ahead

PATIENCE = 5.0


def until(true: Callable[[], bool]) -> bool:
    """Wait for something that another thread does; says whether it did."""
    end = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < end:
        time.sleep(0.002)
    return true()


def readers() -> int:
    """Threads that read ahead."""
    return sum(thread.name == "reading-ahead" for thread in threading.enumerate())


class Source:
    """Numbers that note how many of them were drawn, and in which thread."""

    def __init__(self, count: int = 1000, fails_at: int | None = None) -> None:
        """So many numbers; an error in the place of one."""
        self.count, self.fails_at, self.drawn = count, fails_at, 0
        self.threads: set[str] = set()

    def __iter__(self) -> Iterator[int]:
        """The numbers."""
        for number in range(self.count):
            self.drawn += 1
            self.threads.add(threading.current_thread().name)
            if number == self.fails_at:
                raise OSError(f"number {number} cannot be read")
            yield number


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """After every test the reading thread has ended."""
    assert readers() == 0
    yield
    assert until(lambda: readers() == 0)


@pytest.mark.parametrize("depth", [1, 2, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_same_items_in_the_same_order(depth: int, count: int) -> None:
    """Whatever the depth, all items come, in their order, drawn by the other thread."""
    source = Source(count)
    assert list(read_ahead(source, depth)) == list(range(count))
    assert source.threads == ({"reading-ahead"} if count else set())


def test_any_item() -> None:
    """None and exceptions are items like others: they end nothing and are not raised."""
    items = [None, ValueError("an item"), StopIteration(), None, 0]
    assert list(read_ahead(items, 2)) == items


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_reads_ahead_but_not_too_far(depth: int) -> None:
    """While the consumer is busy, exactly `depth` items more than it has taken are drawn, and not one further."""
    source = Source()
    items = read_ahead(source, depth)
    for taken in range(1, 6):
        assert next(items) == taken - 1
        assert until(lambda: source.drawn == taken + depth)  # noqa: B023
        time.sleep(0.03)
        assert source.drawn == taken + depth
    items.close()


def test_nothing_before_the_first_is_wanted() -> None:
    """As with any generator, nothing is read and no thread started before the first item is asked for."""
    source = Source()
    items = read_ahead(source, 3)
    time.sleep(0.02)
    assert (source.drawn, readers()) == (0, 0)
    items.close()


def test_reads_while_the_consumer_works() -> None:
    """Reading and work overlap: when the consumer asks for the next item, it is there already."""
    reading = threading.Event()

    def slow() -> Iterator[int]:
        for number in range(3):
            yield number
            reading.set()

    items = read_ahead(slow(), 1)
    assert next(items) == 0
    assert reading.wait(PATIENCE), "the next item should be read before it is asked for"
    assert list(items) == [1, 2]


@pytest.mark.parametrize("place", [0, 1, 4])
@pytest.mark.parametrize("depth", [1, 3, 10])
def test_error_in_its_place(place: int, depth: int) -> None:
    """What goes wrong while reading is raised after all items before it, as it was, and ends the items."""
    items = read_ahead(Source(fails_at=place), depth)
    for number in range(place):
        assert next(items) == number
    with pytest.raises(OSError, match=f"number {place} cannot be read"):
        next(items)
    assert list(items) == []


def test_an_iterable_that_does_not_start() -> None:
    """An iterable that cannot be iterated raises here, not in the thread."""
    with pytest.raises(TypeError):
        list(read_ahead(3, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["close", "break", "raise", "forget"])
def test_consumer_that_stops(how: str) -> None:
    """However the consumer stops, the thread ends, and soon: it does not read on."""
    source = Source()
    items = read_ahead(source, 4)
    assert next(items) == 0
    if how == "close":
        items.close()
    elif how == "raise":
        with pytest.raises(KeyboardInterrupt):
            items.throw(KeyboardInterrupt())
    elif how == "break":
        for _ in items:
            break
        items.close()
    else:
        del items
    assert until(lambda: readers() == 0)
    assert source.drawn <= 6


def test_closing_is_quick() -> None:
    """A thread that waits for room is woken: a hundred readers end in well under a poll each."""
    began = time.monotonic()
    for _ in range(100):
        items = read_ahead(Source(), 2)
        next(items)
        items.close()
    assert time.monotonic() - began < PATIENCE


def test_an_error_that_nobody_waits_for() -> None:
    """An error behind the point where the consumer stopped is not raised at it."""
    items = read_ahead(Source(fails_at=2), 5)
    assert next(items) == 0
    time.sleep(0.02)
    items.close()


def test_two_at_once() -> None:
    """Two readers do not mix up their items."""
    for one, other in zip(read_ahead(Source(200), 3), read_ahead(Source(200), 5), strict=True):
        assert one == other
