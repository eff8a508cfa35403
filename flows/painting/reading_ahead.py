"""Reading ahead: the next pairs are read and decoded while the device works on these."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], depth: int) -> Generator[Item]:
    """The same items in the same order, drawn by a thread of its own, at most `depth` before they are wanted.

    What the thread raises is raised here, in its place. When the consumer stops, the thread does.
    """
    ready: queue.SimpleQueue[tuple[Item] | BaseException] = queue.SimpleQueue()
    # One permit an item: taken before it is drawn, not when it is put, so that none waits in hand besides.
    room, stopped = threading.Semaphore(depth), threading.Event()

    def draw() -> None:
        try:
            source = iter(items)
            while room.acquire() and not stopped.is_set():
                ready.put((next(source),))
        except BaseException as error:
            # StopIteration as well: so the items end.
            ready.put(error)

    thread = threading.Thread(target=draw, name="reading-ahead", daemon=True)
    thread.start()
    try:
        while True:
            room.release()
            found = ready.get()
            if isinstance(found, StopIteration):
                return
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        stopped.set()
        room.release()
        thread.join()
