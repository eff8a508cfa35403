"""Pictures from the store, a few ahead of the one that is written, in order."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from catalogs.errors import (
    CatalogsError,
    ChangedError,
    FullError,
    NotAllowedError,
    UnreachableError,
)
from catalogs.exports.items import Item
from catalogs.storage.store_contract import Store

READERS = 4
AHEAD = 6
"""Pictures in memory at most, beside the one in hand."""
STORE_FAULTS = (UnreachableError, NotAllowedError, FullError)
MOST_FAULTS = 10
"""Failures in a row after which the store, and not a picture, is at fault."""

T = TypeVar("T")


def read_picture(item: Item, store: Store) -> bytes:
    """A design's picture, as it was filed.

    Raises StoreError where it cannot be read, InvalidKeyError where the record names no key, ChangedError where the
    bytes do not have the record's SHA-256.
    """
    data = store.read(item.text("image"))
    if hashlib.sha256(data).hexdigest() != item.text("image_sha256"):
        raise ChangedError("the picture is not the one that was filed (its SHA-256 differs)")
    return data


def work_ahead(items: Iterable[Item], work: Callable[[Item], T]) -> Iterator[tuple[Item, T | CatalogsError]]:
    """Every item with the result of `work` for it, or with the error that it raised; in order.

    A few items are in work at a time, in threads. One bad picture is an error beside its item; a store that fails ten
    times in a row is raised.
    """
    faults = 0
    for item, future in _submitted(items, work):
        result = _settled(future)
        faults = faults + 1 if isinstance(result, STORE_FAULTS) else 0
        if isinstance(result, CatalogsError) and faults >= MOST_FAULTS:
            raise result
        yield item, result


def _submitted(items: Iterable[Item], work: Callable[[Item], T]) -> Iterator[tuple[Item, Future[T]]]:
    """Work under way, the oldest first, a few pieces at a time."""
    waiting: deque[tuple[Item, Future[T]]] = deque()
    with ThreadPoolExecutor(READERS, thread_name_prefix="export") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(work, item)))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft()
            yield from _emptied(waiting)
        finally:  # a caller that stops in the middle does not wait for pictures that nobody takes
            for _, future in waiting:
                future.cancel()


def _emptied(waiting: deque[T]) -> Iterator[T]:
    while waiting:
        yield waiting.popleft()


def _settled(future: Future[T]) -> T | CatalogsError:
    try:
        return future.result()
    except CatalogsError as error:
        return error
