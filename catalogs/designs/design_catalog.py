"""The design catalog: a Delta Lake table at `DESIGNS/table`, pictures beside it.

The picture is written first, the record last, so no record points at a missing picture. A record is
inserted only where its design_id is not there yet; two runs that race end with one record each.

Columns that are not this version's are kept: an older version's table is read with nulls for what it lacks and
extended by the first commit, a newer version's keeps its columns, null in our rows. Layout and its figures:
docs/decisions/0006-table-layout.md.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake import Schema as DeltaSchema

from catalogs import keys
from catalogs.designs.design_columns import SCHEMA, known_columns, rows_of
from catalogs.errors import CatalogError
from catalogs.records import Design
from catalogs.storage.delta.delta_queries import conform_to, query, schema_of
from catalogs.storage.delta.delta_tables import ONE_TRY, TableInStore
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import probe

T = TypeVar("T")
REPUTS = 100
"""Tries of the Delta library to put a commit behind those of other runs, which are of other styles."""
IDS_A_COMMIT = 1000


class DesignCatalog:
    """Designs in a store. Opening a catalog touches nothing; `prepare` proves that it can be written."""

    def __init__(self, store: Store) -> None:
        """`store` is the folder or bucket prefix that holds the table and the pictures."""
        self.store = store
        self._filed = TableInStore(store, keys.TABLE)

    def prepare(self) -> None:
        """Prove that the store and the table can be written safely; call it before making designs.

        Raises CatalogError or StoreError where they cannot.
        """
        self._filed.require_writable()
        probe(self.store)

    def existing(
        self, among: Collection[str] | None = None, style_ids: Collection[str] | None = None
    ) -> set[str]:
        """Ids of the designs that are filed (only those of `among`, if given).

        `style_ids` are the styles of `among`, where they are known: files without these styles are not read.
        """
        table = self._table()
        return set() if table is None else self._ids(table, among, style_ids)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole table, or some of its columns; empty where there is none yet.

        Columns of this version that the table lacks are null; columns that this version does not know come last.
        """
        table = self._table()
        if table is None:
            return SCHEMA.empty_table().select(list(columns or SCHEMA.names))
        theirs = schema_of(table)
        schema = pa.schema([*SCHEMA, *(field for field in theirs if field.name not in SCHEMA.names)])
        schema = pa.schema([schema.field(name) for name in columns or schema.names])
        present = [name for name in schema.names if name in theirs.names] or ["design_id"]
        batches = self._filed.ask_table(lambda: list(query(table, present)))
        return conform_to(batches, schema)

    def over(self, columns: Sequence[str], work: Callable[[Iterator[pa.Table]], T]) -> T:
        """The result of some work over columns of this version, which it gets as tables of some rows at a time.

        Columns that the table lacks are null. The work begins anew where the store's answer breaks off.
        """
        table, schema = self._table(), pa.schema([SCHEMA.field(name) for name in columns])
        if table is None:
            return work(iter(()))
        theirs = schema_of(table)
        present = [name for name in columns if name in theirs.names] or ["design_id"]
        return self._filed.ask_table(
            lambda: work(conform_to([rows], schema) for rows in query(table, present))
        )

    def update(self, by: Sequence[str], facts: pa.Table) -> int:
        """Set columns of every design that agrees with a row of `facts` in the columns `by`; returns how many did.

        A null in `facts` changes nothing. Keys, pictures and all other columns stay.
        """
        return self._filed.commit(lambda: self._merge(by, facts))

    def _merge(self, by: Sequence[str], facts: pa.Table) -> int:
        table = self._table()
        if table is None:
            return 0
        present = schema_of(table).names
        metrics = (
            table.merge(
                facts,
                " AND ".join(f"filed.{name} = right.{name}" for name in by),
                source_alias="right",
                target_alias="filed",
                merge_schema=True,
                # A commit in between may have the very files that this one replaces.
                commit_properties=ONE_TRY,
            )
            .when_matched_update(
                {
                    # A null changes nothing: the filed value stays.
                    name: f"coalesce(right.{name}, filed.{name})" if name in present else f"right.{name}"
                    for name in facts.column_names
                    if name not in by
                }
            )
            .execute()
        )
        return int(metrics["num_target_rows_updated"])

    def records(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Every column of some designs, in no order; ids that the table does not have are passed over."""
        table = self._table()
        if table is None or not ids:
            return []
        alike = ", ".join(f"'{keys.check_id(design_id)}'" for design_id in ids)
        theirs = schema_of(table)
        schema = known_columns(theirs)
        present = [name for name in schema.names if name in theirs.names]
        batches = self._filed.ask_table(lambda: list(query(table, present, f"design_id IN ({alike})")))
        records: list[dict[str, Any]] = conform_to(batches, schema).to_pylist()
        return records

    def version(self) -> int | None:
        """The table's version, which every commit raises; None where there is no table."""
        table = self._table()
        return None if table is None else int(table.version())

    def add_picture(self, design_id: str, png: bytes) -> tuple[str, str]:
        """Write a design's picture; returns its key and its SHA-256."""
        sha256 = hashlib.sha256(png).hexdigest()
        key = keys.design_image(design_id, sha256)
        self.store.write(key, png)
        return key, sha256

    def of_run(self, run_id: str) -> dict[str, str]:
        """Designs that a run filed: the keys of their pictures by design_id."""
        table = self.read(["design_id", "image", "run_id"])
        rows = zip(*(table[name].to_pylist() for name in ("design_id", "image", "run_id")), strict=True)
        return {design_id: image for design_id, image, run in rows if run == run_id}

    def file(self, designs: Iterable[Design]) -> int:
        """Insert records whose design_id is not there yet, in one commit; returns how many were new.

        A design_id is a digest of its style_id, among others. So only files with the same styles are searched for it.

        Raises:
            CatalogError: a column of the table has another type than this version files.
            StoreError: the store failed, or too many races were lost.
        """
        first: dict[str, Design] = {}
        for design in designs:
            first.setdefault(design.design_id, design)
        rows = rows_of(list(first.values()))
        return self._filed.commit(lambda: self._insert(rows)) if first else 0

    def file_rows(self, rows: pa.Table) -> int:
        """Insert rows of a data file of this table whose design_id is not there yet; returns how many were new."""
        return self._filed.commit(lambda: self._insert(rows))

    def remove(self, designs: Sequence[tuple[str, str]]) -> int:
        """Take out records by id and by their picture's SHA-256; pictures stay. Returns how many records there were.

        A record that was filed anew with another picture is another record, and stays.
        """
        if self._table() is None:
            return 0
        batches = [designs[n : n + IDS_A_COMMIT] for n in range(0, len(designs), IDS_A_COMMIT)]
        return sum(self._filed.commit(partial(self._delete, batch)) for batch in batches)

    def tidy(self, retention: timedelta) -> tuple[int, int]:
        """Merge the table's small files, and remove files that no version of the last `retention` needs.

        Returns how many files were merged and how many were removed. A reader that opened the table longer
        ago than that loses it: keep it above the longest run.
        """
        return self._filed.tidy(retention)

    def _delete(self, designs: Sequence[tuple[str, str]]) -> int:
        table = self._filed.open()
        alike = " OR ".join(
            f"(design_id = '{keys.check_id(design_id)}' AND image_sha256 = '{keys.check_id(sha256)}')"
            for design_id, sha256 in designs
        )
        metrics = table.delete(alike, commit_properties=ONE_TRY) if table else {}
        return int(metrics.get("num_deleted_rows") or 0)

    def _insert(self, rows: pa.Table) -> int:
        """Append rows that are not there yet; fails if another run files designs of the same styles in between."""
        table = self._table() or self._filed.create(SCHEMA)
        filed_ids = self._ids(table, rows["design_id"].to_pylist(), rows["style_id"].to_pylist())
        new = rows.filter(~pc.field("design_id").isin(pa.array(filed_ids, pa.string())))
        if new.num_rows:
            # A column that the table lacks comes with this commit.
            write_deltalake(
                table, new, mode="append", schema_mode="merge", commit_properties=_marked(new["style_id"])
            )
        return int(new.num_rows)

    def _table(self) -> DeltaTable | None:
        """The table as it is now, None where there is none; CatalogError if it cannot be a design catalog's."""
        table = self._filed.open()
        if table is not None:
            _require_types(schema_of(table), self._filed.uri)
        return table

    def _ids(
        self, table: DeltaTable, among: Collection[str] | None, style_ids: Collection[str] | None
    ) -> set[str]:
        """Ids of designs, read batch by batch.

        Memory holds the ids that were asked for, and not a second copy of the column.
        """
        where = _between("style_id", style_ids) if style_ids else ""
        wanted = None if among is None else set(among)

        def ask() -> set[str]:
            """Read the ids, from the first batch on."""
            filed_ids: set[str] = set()
            for batch in query(table, ["design_id"], where):
                ids = batch["design_id"].to_pylist()
                filed_ids.update(ids if wanted is None else wanted.intersection(ids))
            return filed_ids

        return self._filed.ask_table(ask)


def _marked(style_ids: pa.ChunkedArray) -> CommitProperties:
    """A commit that bears its styles as Delta's application transactions.

    Two commits with a common style conflict. Commits of other styles cannot hold the same designs: the library puts
    this commit behind them without writing or asking anything again.
    """
    now = time.time_ns() // 1_000_000
    marks = [Transaction(f"style {style_id}", now) for style_id in pc.unique(style_ids).to_pylist()]
    return CommitProperties(app_transactions=marks, max_commit_retries=REPUTS)


def _between(column: str, ids: Collection[str]) -> str:
    """A range of ids, which the statistics of files can answer; it has two bounds however many ids there are."""
    return f"{column} BETWEEN '{keys.check_id(min(ids))}' AND '{keys.check_id(max(ids))}'"


def _require_types(theirs: pa.Schema, where: str) -> None:
    """Raise CatalogError where a column's type is not the one that this version reads and files."""
    if "design_id" not in theirs.names:
        raise CatalogError(
            f"{where} is a Delta table, but no design catalog's: it has no column 'design_id'. Give another place"
            " for the designs."
        )
    for ours in pa.schema(DeltaSchema.from_arrow(SCHEMA).to_arrow()):
        theirs_type = theirs.field(ours.name).type if ours.name in theirs.names else ours.type
        if theirs_type != ours.type:
            raise CatalogError(
                f"{where}: column '{ours.name}' is of type {theirs_type}, but this version of Stylemill files"
                f" {ours.type}. Use the version that made the table, or give another place for new designs."
            )
