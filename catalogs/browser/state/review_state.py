"""The state of a browser's server: the index of designs, and what the log of reviews amounts to.

Readers of many threads share it. All writing goes through one `ReviewWriter`.
"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from catalogs.browser.search.facets import Count
from catalogs.browser.search.index import COLUMNS, Index
from catalogs.browser.search.query import Query
from catalogs.browser.search.ratings import Ratings
from catalogs.browser.state.result_cache import ResultCache, ResultSnapshot
from catalogs.browser.state.review_writer import ReviewWriter
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.opinions import Opinions, Shortlist
from catalogs.designs.reviews.review_events import ON_SHORTLISTS, Act, What, check_act
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.errors import ActError, QueryError


class ReviewState:
    """Designs, verdicts, stars and shortlists as they are now. Safe to use from many threads. Close it."""

    def __init__(self, catalog: DesignCatalog) -> None:
        """Read the table and the log, and start the writer; StoreError where the store fails."""
        self.catalog = catalog
        self._reviews = ReviewLog(catalog.store, self._take_acts)
        self._lock = threading.RLock()
        self._results = ResultCache()
        self._opinions = Opinions()
        self._table = catalog.version()
        self.index = Index(catalog.read(COLUMNS))
        self._ratings = Ratings.of(self.index.row, self._opinions)
        self._writer = ReviewWriter(self._reviews, self._numbered, self.refresh)
        self._reviews.catch_up()
        self._writer.start()

    def close(self) -> None:
        """File the acts that wait, bring the published tables up to date, and end the writer."""
        self._writer.close()

    def find(self, query: Query) -> ResultSnapshot:
        """The result of a query, kept for turning its pages; QueryError for a shortlist that does not exist."""
        with self._lock:
            result = self.index.find(query, self._ratings, self._among(query))
            ids = tuple(self.index.ids[row] for row in result.rows)
        return self._results.add(query, ids, result.groups, result.twins.tolist())

    def count(self, query: Query) -> int:
        """How many designs a query finds; the result is not kept."""
        with self._lock:
            return len(self.index.find(query, self._ratings, self._among(query)).rows)

    def result(self, token: str) -> ResultSnapshot | None:
        """A result that was found before; None where it is no longer kept."""
        return self._results.get(token)

    def counts(self, query: Query) -> dict[str, list[Count]]:
        """The values of every facet with their counts, by the facet's name."""
        with self._lock:
            return self.index.counts(query, self._ratings, self._among(query))

    def ratings(self, design_ids: Iterable[str]) -> list[tuple[str, int]]:
        """Verdict ("", "pick" or "reject") and stars (0 to 5) of each design."""
        with self._lock:
            return [
                (self._opinions.verdict(design_id), self._opinions.stars(design_id))
                for design_id in design_ids
            ]

    def shortlist_names(self) -> list[str]:
        """Names of the open shortlists."""
        return [shortlist.name for shortlist in self.shortlists()]

    def shortlists(self) -> list[Shortlist]:
        """Open shortlists, the one that was begun last first."""
        with self._lock:
            return self._opinions.shortlists()

    def shortlist(self, name: str) -> Shortlist | None:
        """The open shortlist of a name; None where there is none."""
        with self._lock:
            return self._opinions.shortlist(name)

    def history(self, design_id: str) -> list[Act]:
        """Acts about a design, the last first: those that were undone, and the undoings, included."""
        with self._lock:
            return self._opinions.history(design_id)

    def undone_by(self, act: Act) -> Act | None:
        """The act that an undoing reverts in the end; for any other act that act itself."""
        with self._lock:
            return self._opinions.undone_by(act)

    def undoable(self, who: str) -> Act | None:
        """The act that a person would undo next; None where there is none."""
        with self._lock:
            return self._opinions.last_of(who)

    def submit(self, act: Act) -> "Future[Act]":
        """Hand an act to the writer; the future's result is the act, numbered, when it is safe in the log.

        An act that is in the log already is answered at once: pages send an act again after a lost answer. The
        future raises StoreError where the store failed: then nobody knows whether the act was filed.

        Raises:
            ActError: the act means nothing, or a design is not in the catalog.
        """
        act, index = check_act(act), self.index
        if unknown := next((design_id for design_id in act.designs if design_id not in index.row), None):
            raise ActError(f"There is no design '{unknown}' in this catalog.")
        with self._lock:
            known = self._opinions.acts.get(act.act_id)
            if known is None and act.what is What.UNDO and not self._opinions.holds(act.value):
                raise ActError("There is nothing to undo: that was undone already, or never done.")
        if known is None:
            return self._writer.submit(act)
        filed: Future[Act] = Future()
        filed.set_result(known)
        return filed

    def refresh(self) -> None:
        """Take in acts that other servers filed, and designs that runs filed since."""
        self._reviews.catch_up()
        version = self.catalog.version()
        if version == self._table:
            return
        index = Index(self.catalog.read(COLUMNS))
        with self._lock:
            self.index, self._table = index, version
            self._ratings = Ratings.of(index.row, self._opinions)

    def _among(self, query: Query) -> Sequence[str] | None:
        """Designs of the query's shortlist; None where the query has none."""
        if not query.shortlist:
            return None
        shortlist = self._opinions.shortlist(query.shortlist)
        if shortlist is None:
            raise QueryError(f"There is no shortlist '{query.shortlist}'.")
        return [entry.design_id for entry in shortlist.entries]

    def _numbered(self, act: Act) -> Act:
        """An act as the log has it, with its number."""
        return self._opinions.acts.get(act.act_id, act)

    def _take_acts(self, acts: Sequence[Act]) -> None:
        """Take acts of the log into what the pages show."""
        with self._lock:
            changed: dict[str, None] = {}
            for act in acts:
                changed |= dict.fromkeys(self._opinions.take(act))
                about = self._opinions.undone_by(act)
                on_list = about is not None and about.what in ON_SHORTLISTS
                self._writer.mark_unpublished("shortlists" if on_list else "verdicts")
            self._ratings.update(self.index.row, self._opinions, changed)
