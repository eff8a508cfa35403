"""The one thread that writes reviews: it files acts in the log, looks for news, and publishes tables.

Acts that wait together become one commit, so an act costs its share of a commit, however many people press keys.
The person who acted gets an answer when the act is safe in the log.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Literal

from catalogs.designs.reviews.review_events import Act
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import CatalogsError, StoreError

log = logging.getLogger(__name__)

REFRESH_SECONDS = 15.0
"""Between two looks for new designs, and for acts that other servers filed."""
PublishedTable = Literal["verdicts", "shortlists"]
PUBLISH_SECONDS: dict[PublishedTable, float] = {"verdicts": 30.0, "shortlists": 5.0}
"""Seconds that each table is behind the log at most."""
MOST_ACTS = 500
"""Acts of one commit, at most."""


class ReviewWriter:
    """Files acts from many threads on one thread of its own, until it is closed."""

    def __init__(
        self, reviews: ReviewLog, numbered: Callable[[Act], Act], refresh: Callable[[], None]
    ) -> None:
        """The thread begins with `start`.

        `numbered` gives an act that was filed with its number in the log. `refresh` takes in designs and acts that
        others filed; the writer calls it every REFRESH_SECONDS.
        """
        self._reviews, self._numbered, self._refresh = reviews, numbered, refresh
        self._waiting: queue.SimpleQueue[tuple[Act, Future[Act]] | None] = queue.SimpleQueue()
        self._unpublished: set[PublishedTable] = set()
        self._thread = threading.Thread(target=self._run, name="reviews", daemon=True)

    def start(self) -> None:
        """Start the thread, which begins to file acts."""
        self._thread.start()

    def close(self) -> None:
        """File the acts that wait, bring the published tables up to date, and end; waits a minute at most."""
        self._waiting.put(None)
        self._thread.join(60)

    def submit(self, act: Act) -> "Future[Act]":
        """Hand an act over; the future's result is the act with its number, when it is safe in the log.

        The future raises StoreError where the store failed: then nobody knows whether the act was filed.
        """
        filed: Future[Act] = Future()
        self._waiting.put((act, filed))
        return filed

    def mark_unpublished(self, table: PublishedTable) -> None:
        """Note that a published table is behind the log."""
        self._unpublished.add(table)

    def _run(self) -> None:
        """The thread's work: file the acts that wait, and between them refresh and publish."""
        done = dict.fromkeys(("refresh", *PUBLISH_SECONDS), time.monotonic())
        running = True
        while running:
            batch, running = self._next_batch()
            self._guarded("filing", self._file, batch)
            now = time.monotonic()
            if running and now - done["refresh"] >= REFRESH_SECONDS:
                done["refresh"] = now
                self._guarded("looking for what is new", self._refresh)
            for table, seconds in PUBLISH_SECONDS.items():
                if table in self._unpublished and (not running or now - done[table] >= seconds):
                    done[table] = now
                    self._guarded(f"publishing {table}", self._publish, table)

    def _next_batch(self) -> tuple[list[tuple[Act, Future[Act]]], bool]:
        """Acts that wait, after at most a second; and whether to go on.

        From here on an act's waiter cannot call it off: it is being filed. An act that was called off before is
        not filed.
        """
        batch: list[tuple[Act, Future[Act]]] = []
        try:
            entry = self._waiting.get(timeout=1.0)
            while entry is not None:
                if entry[1].set_running_or_notify_cancel():
                    batch.append(entry)
                if len(batch) == MOST_ACTS:
                    return batch, True
                entry = self._waiting.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False

    def _file(self, batch: Sequence[tuple[Act, Future[Act]]]) -> None:
        """File acts together; where that fails, one by one, so that one bad act does not fail the others."""
        if not batch:
            return
        try:
            self._reviews.file([act for act, _ in batch])
        except BaseException as error:  # the waiter must get every error: a panic of Rust is not an Exception
            if len(batch) > 1 and not isinstance(error, StoreError):
                for entry in batch:
                    self._file([entry])
                return
            log.warning("%d acts were not filed: %s", len(batch), error)
            for _, filed in batch:
                filed.set_exception(error)
            return
        for act, filed in batch:
            filed.set_result(self._numbered(act))

    def _publish(self, table: PublishedTable) -> None:
        self._unpublished.discard(table)
        try:
            if table == "verdicts":
                self._reviews.publish_verdicts()
            else:
                self._reviews.publish_shortlists()
        except (
            BaseException
        ):  # a panic of Rust is not an Exception, and the table must be published all the same
            self._unpublished.add(table)
            raise

    def _guarded(self, doing: str, work: Callable[..., None], *arguments: object) -> None:
        """Log an error of some work, which is tried again at the next turn: the thread must live on."""
        try:
            work(*arguments)
        except CatalogsError as error:
            log.warning("%s: %s", doing, error)
        except (
            BaseException
        ):  # a panic of Rust is not an Exception, and no caller exists to end the thread for
            log.exception("%s failed", doing)
