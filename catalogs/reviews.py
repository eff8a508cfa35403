"""The log of acts in a design catalog, and two tables that say what it amounts to.

`DESIGNS/reviews` is the log: a row a design of an act, appended, never changed. An act is one commit's, so it is
there whole or not at all. Acts are numbered: a writer that did not know all acts before its own loses the
race and commits again behind them, so there is one order whoever writes.

`DESIGNS/verdicts` and `DESIGNS/shortlists` are made from it for pandas, DuckDB and others.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from catalogs import keys
from catalogs.acts import Act, Opinions, What
from catalogs.delta_tables import TableInStore, query
from catalogs.store_contract import Store

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
FILES = 200
"""Of the log, after so many commits of one writer it is merged."""


class Reviews:
    """The log of a design catalog, read up to somewhere. For one thread."""

    def __init__(self, store: Store) -> None:
        """`store` is that of the design catalog; nothing is read yet."""
        self.opinions = Opinions()
        self._log = TableInStore(store, keys.REVIEWS)
        self._verdicts, self._shortlists = (
            TableInStore(store, name) for name in (keys.VERDICTS, keys.SHORTLISTS)
        )
        self._commits = 0

    def catch_up(self) -> list[Act]:
        """Read and return what was filed since."""
        table = self._log.open()
        return [] if table is None else self._take(self._read(table))

    def file(self, acts: Sequence[Act]) -> list[Act]:
        """File acts in one commit, behind all others; returns them and what others filed since, in order.

        One whose id is in the log is not filed again, so asking twice does no harm.

        Raises:
            StoreError: the store failed. Ask `opinions.acts` after `catch_up` what is there all the same.
        """
        heard: list[Act] = []
        self._log.committed(lambda: self._append(acts, heard))
        self._commits += 1
        if self._commits % FILES == 0:
            self._log.tidy(timedelta(days=7))
        return heard

    def _append(self, acts: Sequence[Act], heard: list[Act]) -> int:
        table = self._log.open() or self._log.create(LOG)
        heard += self._take(self._read(table))
        known, since = self.opinions.acts, self.opinions.seq
        new = [
            replace(act, seq=since + n) for n, act in enumerate((a for a in acts if a.act_id not in known), 1)
        ]
        if new:
            # Two commits that bear one mark conflict: the loser reads the winner's acts and comes again.
            mark = CommitProperties(app_transactions=[Transaction(APP, since)], max_commit_retries=0)
            rows = [row for act in new for row in _rows(act)]
            write_deltalake(table, pa.Table.from_pylist(rows, LOG), mode="append", commit_properties=mark)
            heard += self._take(new)
        return len(new)

    def _read(self, table: DeltaTable) -> list[Act]:
        """Acts behind those that are known."""
        where = f"seq > {self.opinions.seq}"
        batches = self._log.asked(lambda: list(query(table, LOG.names, where)))
        rows = [row for batch in batches for row in batch.to_pylist()]
        rows.sort(key=lambda row: (row["seq"], row["position"]))
        return [_act(list(group)) for _, group in groupby(rows, key=lambda row: row["seq"])]

    def _take(self, acts: list[Act]) -> list[Act]:
        for act in acts:
            self.opinions.take(act)
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
        """Replace a table by what the log amounts to.

        The log is read after the table was opened: of two that do this at once, the later commit fails and
        is made again, from a log that holds both their acts.
        """

        def commit() -> int:
            opened = table.open() or table.create(schema)
            self.catch_up()
            if (opened.transaction_version(APP) or 0) < self.opinions.seq:
                mark = CommitProperties(
                    app_transactions=[Transaction(APP, self.opinions.seq)], max_commit_retries=0
                )
                content = pa.Table.from_pylist(rows(), schema)
                write_deltalake(opened, content, mode="overwrite", commit_properties=mark)
            return 0

        table.committed(commit)

    def _verdict_rows(self) -> list[dict[str, Any]]:
        return [row for design_id in self.opinions.reviewed() if len(row := self._verdict_row(design_id)) > 1]

    def _verdict_row(self, design_id: str) -> dict[str, Any]:
        row: dict[str, Any] = {"design_id": design_id}
        for what in (What.VERDICT, What.STARS):
            if act := self.opinions.said(what, design_id):
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
    return [{**row, "design_id": one, "position": n} for n, one in enumerate(act.designs or (None,))]


def _act(rows: Sequence[dict[str, Any]]) -> Act:
    first = rows[0]
    designs = tuple(row["design_id"] for row in rows if row["design_id"] is not None)
    names = ("act_id", "who", "at", "value", "shortlist", "seq")
    return Act(what=What(first["what"]), designs=designs, **{name: first[name] for name in names})
