"""Reading ahead: the next pairs are read and decoded while the device works on these."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")
POLL_SECONDS = 0.1


def ahead(items: Iterable[Item], depth: int) -> Generator[Item]:
    """The same items in the same order, drawn by a thread of its own, at most `depth` before they are wanted.

    What the thread raises is raised here. When the consumer stops, the thread does.
    """
    waiting: queue.Queue[Item | None] = queue.Queue(depth)
    stopped = threading.Event()
    raised: list[BaseException] = []

    def put(item: Item | None) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def draw() -> None:
        try:
            all(put(item) for item in items)
        except BaseException as error:
            raised.append(error)
        put(None)

    thread = threading.Thread(target=draw, name="reading-ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            yield item
    finally:
        stopped.set()
        thread.join()
    if raised:
        raise raised[0]
