"""The log of acts in a design catalog, and two tables that are made from it.

`DESIGNS/reviews` is the log: a row for each design of an act, appended, never changed. An act is in one commit, so
it is there whole or not at all. Acts are numbered: a writer that did not know all acts before its own loses the
race and commits again behind them, so there is one order whoever writes.

`DESIGNS/verdicts` and `DESIGNS/shortlists` are made from it for pandas, DuckDB and others.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from catalogs import keys
from catalogs.designs.reviews.opinions import Opinions
from catalogs.designs.reviews.review_events import Act, What, require_foldable
from catalogs.errors import ActError
from catalogs.storage.delta_queries import conform_to, query
from catalogs.storage.delta_tables import TableInStore
from catalogs.storage.store_contract import Store

log = logging.getLogger(__name__)

TIME = pa.timestamp("us", tz="UTC")
LOG = pa.schema(
    [
        ("seq", pa.int64()), ("act_id", pa.string()), ("who", pa.string()), ("at", TIME), ("what", pa.string()),
        ("design_id", pa.string()), ("position", pa.int32()), ("value", pa.string()), ("shortlist", pa.string()),
    ]
)  # fmt: skip
VERDICTS = pa.schema(
    [
        ("design_id", pa.string()), ("verdict", pa.string()), ("verdict_by", pa.string()), ("verdict_at", TIME),
        ("stars", pa.int32()), ("stars_by", pa.string()), ("stars_at", TIME),
    ]
)  # fmt: skip
SHORTLISTS = pa.schema(
    [
        ("shortlist", pa.string()), ("position", pa.int32()), ("design_id", pa.string()), ("note", pa.string()),
        ("added_by", pa.string()), ("added_at", TIME),
    ]
)  # fmt: skip
APP = "reviews"
HIGHEST_SEQ = 2**62
"""Above it there might be no numbers left for later acts."""


class ReviewLog:
    """The log of a design catalog, read up to some act. For use by one thread."""

    def __init__(self, store: Store, hear: Callable[[Sequence[Act]], None] = lambda _acts: None) -> None:
        """`store` is the store of the design catalog; nothing is read yet.

        `hear` gets every act once, in the log's order, as soon as this object knows it, also where a later step fails.
        """
        self.opinions = Opinions()
        self._hear = hear
        self._log = TableInStore(store, keys.REVIEWS)
        self._verdicts, self._shortlists = (
            TableInStore(store, name) for name in (keys.VERDICTS, keys.SHORTLISTS)
        )
        self._opened: DeltaTable | None = None
        self._version, self._seq = -1, 0

    def catch_up(self) -> list[Act]:
        """Read and return the acts that were filed since the last call."""
        table = self._current()
        return [] if table is None else self._take(self._read(table))

    def file(self, acts: Sequence[Act]) -> list[Act]:
        """File acts in one commit, behind all others; returns them and the acts that others filed since, in order.

        An act whose id is in the log is not filed again, so a second call does no harm.

        Raises:
            StoreError: the store failed. Then `catch_up`, and `opinions.acts` has the acts that were filed all the same.
        """
        heard: list[Act] = []
        self._log.commit(lambda: self._append(acts, heard))
        return heard

    def file_rows(self, rows: pa.Table) -> int:
        """File the acts of a data file of this log, behind all others; returns how many there are."""
        rows = _numbered(conform_to(rows.to_batches(), LOG))
        acts = list(_acts(rows.sort_by([("seq", "ascending"), ("position", "ascending")])))
        self.file(acts)
        return len(acts)

    def _append(self, acts: Sequence[Act], heard: list[Act]) -> int:
        table = self._current() or self._log.create(LOG)
        heard += self._take(self._read(table))
        known, since = self.opinions.acts, self._seq
        fresh = {act.act_id: act for act in acts if act.act_id not in known}
        new = [replace(act, seq=since + n) for n, act in enumerate(fresh.values(), 1)]
        if new:
            # Two commits that bear one mark conflict: the loser reads the winner's acts and comes again.
            mark = CommitProperties(app_transactions=[Transaction(APP, since)], max_commit_retries=0)
            rows = [row for act in new for row in _rows(act)]
            self._opened = None
            write_deltalake(table, pa.Table.from_pylist(rows, LOG), mode="append", commit_properties=mark)
            self._seq += len(new)
            heard += self._take(new)
            self._opened = table
        return len(new)

    def _current(self) -> DeltaTable | None:
        """The log as it is now. The table stays open: to read on costs one request, and not the whole log."""
        if self._opened is None:
            self._opened = self._log.open()
        else:
            self._log.renew(self._opened)
        return self._opened

    def _read(self, table: DeltaTable) -> list[Act]:
        """Acts behind those that are known; acts that this version does not understand are passed over."""
        version = int(table.version())
        if version == self._version:
            return []
        where = f"seq > {self._seq}"
        batches = self._log.ask_table(lambda: list(query(table, LOG.names, where)))
        rows = _numbered(conform_to(batches, LOG)).sort_by([("seq", "ascending"), ("position", "ascending")])
        acts = list(_acts(rows))
        self._version = version
        self._seq = rows["seq"][-1].as_py() if rows.num_rows else self._seq
        return acts

    def _take(self, acts: list[Act]) -> list[Act]:
        for act in acts:
            self.opinions.take(act)
        if acts:
            self._hear(acts)
        return acts

    def publish_verdicts(self) -> None:
        """Bring the table of verdicts up to date."""
        self._publish(self._verdicts, VERDICTS, self._verdict_rows)

    def publish_shortlists(self) -> None:
        """Bring the table of shortlists up to date."""
        self._publish(self._shortlists, SHORTLISTS, self._shortlist_rows)

    def _publish(
        self, table: TableInStore, schema: pa.Schema, rows: Callable[[], list[dict[str, Any]]]
    ) -> None:
        """Replace a table by the current state of the log.

        The log is read after the table was opened: of two writers that do this at once, the later commit fails and
        is made again, from a log that holds both their acts.
        """

        def commit() -> int:
            """Write the table unless its version of the log is the newest."""
            opened = table.open() or table.create(schema)
            self.catch_up()
            if (opened.transaction_version(APP) or 0) < self._seq:
                mark = CommitProperties(app_transactions=[Transaction(APP, self._seq)], max_commit_retries=0)
                content = pa.Table.from_pylist(rows(), schema)
                write_deltalake(opened, content, mode="overwrite", commit_properties=mark)
            return 0

        table.commit(commit)

    def _verdict_rows(self) -> list[dict[str, Any]]:
        return [row for design_id in self.opinions.reviewed() if len(row := self._verdict_row(design_id)) > 1]

    def _verdict_row(self, design_id: str) -> dict[str, Any]:
        row: dict[str, Any] = {"design_id": design_id}
        for what in (What.VERDICT, What.STARS):
            if act := self.opinions.deciding_act(what, design_id):
                value = act.value if what is What.VERDICT else int(act.value)
                row |= {str(what): value, f"{what}_by": act.who, f"{what}_at": act.at}
        return row

    def _shortlist_rows(self) -> list[dict[str, Any]]:
        return [
            {"shortlist": shortlist.name, "position": position, **vars(entry)}
            for shortlist in self.opinions.shortlists()
            for position, entry in enumerate(shortlist.entries, 1)
        ]

    def tidy(self, retention: timedelta) -> tuple[int, int]:
        """Merge small files of the three tables, and remove what no version of `retention` needs; how many."""
        done = [table.tidy(retention) for table in (self._log, self._verdicts, self._shortlists)]
        return sum(merged for merged, _ in done), sum(removed for _, removed in done)


def _rows(act: Act) -> list[dict[str, Any]]:
    row = {
        "seq": act.seq, "act_id": act.act_id, "who": act.who, "at": act.at, "what": str(act.what),
        "value": act.value, "shortlist": act.shortlist,
    }  # fmt: skip
    return [
        {**row, "design_id": design_id, "position": n} for n, design_id in enumerate(act.designs or (None,))
    ]


def _numbered(rows: pa.Table) -> pa.Table:
    """Rows whose number leaves room for later acts; other rows are passed over, and logged."""
    usable = rows.filter(pc.field("seq") <= HIGHEST_SEQ)
    if beyond := rows.num_rows - usable.num_rows:
        log.warning(
            "The log of reviews: %d rows have numbers above %d and are passed over.", beyond, HIGHEST_SEQ
        )
    return usable


def _acts(rows: pa.Table) -> Iterator[Act]:
    """Acts of the log's rows, which are sorted; an act that cannot count is passed over, and logged with the reason.

    Columns are taken apart once: a bulk act has as many rows as designs.
    """
    if not rows.num_rows:
        return
    seqs = rows["seq"].to_numpy()
    starts = np.flatnonzero(np.diff(seqs, prepend=-1))
    designs = rows["design_id"].to_pylist()
    heads = rows.take(pa.array(starts)).select(["seq", "act_id", "who", "at", "what", "value", "shortlist"])
    for head, start, end in zip(heads.to_pylist(), starts, [*starts[1:], len(seqs)], strict=True):
        chosen = tuple(design_id for design_id in designs[start:end] if design_id is not None)
        try:
            yield _act(head, chosen)
        except ActError as error:
            log.warning("The log of reviews, number %s: this act is passed over. %s", head["seq"], error)


def _act(head: Mapping[str, Any], designs: tuple[str, ...]) -> Act:
    """The act that begins with this row; ActError where it cannot count."""
    if head["what"] not in list(What):
        raise ActError(f"'{str(head['what'])[:40]}' is not known: a newer version may have filed it.")
    if not head["act_id"] or head["at"] is None:
        raise ActError("Its row lacks act_id, or a time between the years 1 and 9999.")
    texts = {name: head[name] or "" for name in ("who", "value", "shortlist")}
    act = Act(
        head["act_id"], at=head["at"], what=What(head["what"]), designs=designs, seq=head["seq"], **texts
    )
    require_foldable(act)
    return act
