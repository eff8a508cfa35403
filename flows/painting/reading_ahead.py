"""Reading ahead: a thread reads and decodes the next pairs while the device works on the present ones."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(items: Iterable[Item], depth: int) -> Generator[Item]:
    """Yield the same items in the same order, drawn by a thread at most `depth` items before they are asked for.

    What the thread raises is raised here, in the place of the item that failed. When the consumer stops, the thread
    stops as well.
    """
    ready: queue.SimpleQueue[tuple[Item] | BaseException] = queue.SimpleQueue()
    # The thread takes a permit before it draws an item, so that it never holds one beside those in the queue.
    permits, stopped = threading.Semaphore(depth), threading.Event()

    def draw_items() -> None:
        """Put items, and at last the error or StopIteration that ended them, into the queue."""
        try:
            source = iter(items)
            while permits.acquire() and not stopped.is_set():
                ready.put((next(source),))
        except BaseException as error:
            # StopIteration as well, as it ends the items.
            ready.put(error)

    thread = threading.Thread(target=draw_items, name="reading-ahead", daemon=True)
    thread.start()
    try:
        while True:
            permits.release()
            drawn = ready.get()
            if isinstance(drawn, StopIteration):
                return
            if isinstance(drawn, BaseException):
                raise drawn
            yield drawn[0]
    finally:
        stopped.set()
        permits.release()
        thread.join()
