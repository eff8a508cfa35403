"""Results of queries, kept on the server so that pages can turn in them."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from catalogs.browser.search.facets import Count
from catalogs.browser.search.query import Query

RESULTS = 64
"""Results that are kept for turning pages; the one that was asked for longest ago is dropped."""


@dataclass(frozen=True)
class ResultSnapshot:
    """A result as it was when the query was answered: later acts do not shift the pages under a reader.

    It holds design ids and not rows: rows belong to one index, which a newer one replaces. `twins` says for every
    design whether others of the result have the same names, as `Result.twins` does.
    """

    token: str
    query: Query
    ids: tuple[str, ...]
    groups: tuple[Count, ...]
    twins: Sequence[int]


class ResultCache:
    """The results that were asked for last, by their tokens. Safe to use from many threads."""

    def __init__(self) -> None:
        """The cache is empty and holds up to RESULTS results."""
        self._results: LRUCache[str, ResultSnapshot] = LRUCache(RESULTS)
        self._lock = threading.Lock()

    def add(
        self, query: Query, ids: tuple[str, ...], groups: tuple[Count, ...], twins: Sequence[int]
    ) -> ResultSnapshot:
        """Keep a result under a new token that cannot be guessed; returns the result with its token."""
        snapshot = ResultSnapshot(secrets.token_urlsafe(9), query, ids, groups, twins)
        with self._lock:
            self._results[snapshot.token] = snapshot
        return snapshot

    def get(self, token: str) -> ResultSnapshot | None:
        """The result of a token; None where it was dropped, or never kept."""
        with self._lock:
            return self._results.get(token)
