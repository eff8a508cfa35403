"""What a browser's server holds: the index, what people said, and results that pages are turned in.

One thread writes. Acts that wait together are one commit, so a person's key costs what a commit costs, however many
people press keys; who said it hears back when it is safe in the log.
"""

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from cachetools import LRUCache

from catalogs.browser.search.index import COLUMNS, Count, Index, Ratings
from catalogs.browser.search.query import Query
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import (
    ON_SHORTLISTS,
    Act,
    Opinions,
    Shortlist,
    What,
    check_act,
)
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import ActError, CatalogsError, QueryError, StoreError

log = logging.getLogger(__name__)

RESULTS = 64
"""Results that are kept for turning pages; the one that was asked for longest ago goes."""
LOOK_SECONDS = 15.0
"""Between two looks for new designs, and for what people said at other servers."""
Published = Literal["verdicts", "shortlists"]
EVERY: dict[Published, float] = {"verdicts": 30.0, "shortlists": 5.0}
"""Seconds that the tables are behind the log at most."""
TOGETHER = 500
"""Acts of one commit, at most."""


@dataclass(frozen=True)
class ResultSnapshot:
    """A result as it was found, whatever is said of its designs meanwhile: pages do not shift under a reader.

    It has ids and not rows: those are an index's own, which a newer one replaces.
    """

    token: str
    query: Query
    ids: tuple[str, ...]
    groups: tuple[Count, ...]
    twins: Sequence[int]
    """For every design whether others of the result are alike by name, as in `Result`."""


class ReviewState:
    """The state of a browser's server. Safe to use from many threads. Close it."""

    def __init__(self, catalog: DesignCatalog) -> None:
        """Reads the table and the log; raises StoreError where that fails."""
        self.catalog = catalog
        self._reviews = ReviewLog(catalog.store, self._hear)
        self._lock = threading.RLock()
        self._kept: LRUCache[str, ResultSnapshot] = LRUCache(RESULTS)
        self._waiting: queue.SimpleQueue[tuple[Act, Future[Act]] | None] = queue.SimpleQueue()
        self._opinions = Opinions()
        self._table = catalog.version()
        self.index = Index(catalog.read(COLUMNS))
        self._ratings = Ratings.of(self.index, self._opinions)
        self._unpublished: set[Published] = set()
        self._reviews.catch_up()
        self._writer = threading.Thread(target=self._write, name="reviews", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """File what waits, bring the tables up to date, and end."""
        self._waiting.put(None)
        self._writer.join(60)

    def find(self, query: Query) -> ResultSnapshot:
        """A result of a query, kept for turning its pages."""
        with self._lock:
            result = self.index.find(query, self._ratings, self._among(query))
            ids = tuple(self.index.ids[row] for row in result.rows)
            kept = ResultSnapshot(secrets.token_urlsafe(9), query, ids, result.groups, result.twins.tolist())
            self._kept[kept.token] = kept
        return kept

    def count(self, query: Query) -> int:
        """How many designs a query finds; nothing is kept of them."""
        with self._lock:
            return len(self.index.find(query, self._ratings, self._among(query)).rows)

    def kept(self, token: str) -> ResultSnapshot | None:
        """A result that was found before; None where it was too long ago."""
        with self._lock:
            return self._kept.get(token)

    def counts(self, query: Query) -> dict[str, list[Count]]:
        """Facets with their counts."""
        with self._lock:
            return self.index.counts(query, self._ratings, self._among(query))

    def ratings(self, design_ids: Iterable[str]) -> list[tuple[str, int]]:
        """Verdict and stars of designs."""
        with self._lock:
            return [(self._opinions.verdict(one), self._opinions.stars(one)) for one in design_ids]

    def shortlist_names(self) -> list[str]:
        """Names of the open shortlists."""
        return [one.name for one in self.shortlists()]

    def shortlists(self) -> list[Shortlist]:
        """Open shortlists, the one that was begun last first."""
        with self._lock:
            return self._opinions.shortlists()

    def shortlist(self, name: str) -> Shortlist | None:
        """A shortlist."""
        with self._lock:
            return self._opinions.shortlist(name)

    def history(self, design_id: str) -> list[Act]:
        """Acts about a design, the last first: those that were undone, and the undoings, included."""
        with self._lock:
            return self._opinions.history(design_id)

    def undone_by(self, act: Act) -> Act | None:
        """What an undoing is about in the end; any other act itself."""
        with self._lock:
            return self._opinions.undone_by(act)

    def undoable(self, who: str) -> Act | None:
        """What a person would undo next."""
        with self._lock:
            return self._opinions.last_of(who)

    def submit(self, act: Act) -> "Future[Act]":
        """Hand an act to the writer; the result is the act, numbered, when it is safe in the log.

        Raises:
            ActError: it means nothing, or a design is not in the catalog.

        The result raises StoreError where the store failed: then it is not known to be filed.
        """
        act, index = check_act(act), self.index
        if unknown := next((one for one in act.designs if one not in index.row), None):
            raise ActError(f"There is no design '{unknown}' in this catalog.")
        filed: Future[Act] = Future()
        with self._lock:
            known = self._opinions.acts.get(act.act_id)
            if known is None and act.what is What.UNDO and not self._opinions.holds(act.value):
                raise ActError("There is nothing to undo: that was undone already, or never done.")
        if known:
            # Sent again, as after a lost answer.
            filed.set_result(known)
            return filed
        self._waiting.put((act, filed))
        return filed

    def _among(self, query: Query) -> Sequence[str] | None:
        """Designs of the query's shortlist, if it has one."""
        if not query.shortlist:
            return None
        shortlist = self._opinions.shortlist(query.shortlist)
        if shortlist is None:
            raise QueryError(f"There is no shortlist '{query.shortlist}'.")
        return [entry.design_id for entry in shortlist.entries]

    def _write(self) -> None:
        """The writer's thread: file what waits, else look around."""
        done = dict.fromkeys(("look", *EVERY), time.monotonic())
        running = True
        while running:
            batch, running = self._next_batch()
            self._guarded("filing", self._file, batch)
            now = time.monotonic()
            if running and now - done["look"] >= LOOK_SECONDS:
                done["look"] = now
                self._guarded("looking for what is new", self._look)
            for what, seconds in EVERY.items():
                if what in self._unpublished and (not running or now - done[what] >= seconds):
                    done[what] = now
                    self._guarded(f"publishing {what}", self._publish, what)

    def _next_batch(self) -> tuple[list[tuple[Act, Future[Act]]], bool]:
        """Acts that wait, after at most a second; and whether to go on.

        From here on an act's waiter cannot call it off: it is being filed. One that was called off before is not.
        """
        batch: list[tuple[Act, Future[Act]]] = []
        try:
            one = self._waiting.get(timeout=1.0)
            while one is not None:
                if one[1].set_running_or_notify_cancel():
                    batch.append(one)
                if len(batch) == TOGETHER:
                    return batch, True
                one = self._waiting.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False

    def _file(self, batch: Sequence[tuple[Act, Future[Act]]]) -> None:
        """File acts together; where that fails, one by one, so that none fails for another."""
        if not batch:
            return
        try:
            self._reviews.file([act for act, _ in batch])
        except (
            BaseException
        ) as error:  # whoever waits must hear of it, whatever it is: a panic of Rust is no Exception
            if len(batch) > 1 and not isinstance(error, StoreError):
                for one in batch:
                    self._file([one])
                return
            log.warning("%d acts were not filed: %s", len(batch), error)
            for _, filed in batch:
                filed.set_exception(error)
            return
        for act, filed in batch:
            filed.set_result(self._opinions.acts.get(act.act_id, act))

    def _hear(self, acts: Sequence[Act]) -> None:
        """Take acts of the log into what the pages show."""
        with self._lock:
            changed: dict[str, None] = {}
            for act in acts:
                changed |= dict.fromkeys(self._opinions.take(act))
                about = self._opinions.undone_by(act)
                on_list = about is not None and about.what in ON_SHORTLISTS
                self._unpublished.add("shortlists" if on_list else "verdicts")
            self._ratings.update(self.index, self._opinions, changed)

    def _look(self) -> None:
        """Take in what other servers' people said, and designs that were filed since."""
        self._reviews.catch_up()
        version = self.catalog.version()
        if version == self._table:
            return
        index = Index(self.catalog.read(COLUMNS))
        with self._lock:
            self.index, self._table = index, version
            self._ratings = Ratings.of(index, self._opinions)

    def _publish(self, what: Published) -> None:
        self._unpublished.discard(what)
        try:
            self._reviews.publish_verdicts() if what == "verdicts" else self._reviews.publish_shortlists()
        except (
            BaseException
        ):  # a panic of Rust is no Exception, and what was said is to be published all the same
            self._unpublished.add(what)
            raise

    def _guarded(self, doing: str, work: Callable[..., None], *arguments: object) -> None:
        """What fails here is tried again at the next turn; nobody waits for it, and the thread must live on."""
        try:
            work(*arguments)
        except CatalogsError as error:
            log.warning("%s: %s", doing, error)
        except (
            BaseException
        ):  # a panic of Rust is no Exception, and there is nobody above to end the thread for
            log.exception("%s failed", doing)
