"""Records in a table's data files that no commit has ever named.

A run that is killed between writing a data file and committing it leaves one; so does a copy of a catalog that
missed the newest commit. The two look alike, and have one remedy: the records are filed again. Until then
nothing is removed, because the pictures of these records look like orphans.

A commit that lost a race leaves such a file too. The next try filed its records, so nothing is missing.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalogs.errors import NotFoundError
from catalogs.storage.delta_queries import query
from catalogs.storage.delta_tables import TableInStore

log = logging.getLogger(__name__)

YOUNG = timedelta(hours=1)
"""A data file that is younger may belong to a run that is about to commit it."""

Identity = tuple[Any, ...]
VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
"""What the Delta library's merges write, and Arrow can filter in part only."""


@dataclass(frozen=True)
class LostRecords:
    """Rows of one data file that the table does not have: the file's key, and the rows with all columns of the file."""

    file: str
    rows: pa.Table


def find_lost_records(
    table: TableInStore, identity: Sequence[str], schema: pa.Schema, older: timedelta = YOUNG
) -> list[LostRecords]:
    """Records in a table's unnamed data files that are neither in the table nor were ever taken out of it.

    Args:
        table: need not exist; then every data file is unnamed.
        identity: the columns by which two rows are one record.
        schema: columns that a file of this table has at least, in these types; the first is when a record was made.
        older: how old a file must be. With zero, records that a run is about to commit are among them.

    A file that cannot be read holds nothing, because its writer did not finish it. A file with other columns holds
    nothing either, and the log names it.
    """
    before = datetime.now(UTC) - older
    found_files = [file for file in table.unnamed_files() if not older or file.modified < before]
    # A record may be in several files, as after corrections. The newest is filed first; then the others are there.
    unnamed = [file.key for file in sorted(found_files, key=lambda file: file.modified, reverse=True)]
    read = {key: rows for key in unnamed if (rows := _records(table, key, schema)) is not None}
    held = {key: _since(rows, schema.names[0], table.log.begins()) for key, rows in read.items()}
    wanted = {record for rows in held.values() for record in _identities(rows, identity)}
    if wanted:
        # Not those that a commit has taken out: the rights of a design may have been withdrawn.
        wanted -= _filed(table, identity, wanted) | _taken_out(table, identity)
    lost = (LostRecords(key, _wanted_rows(rows, identity, wanted)) for key, rows in held.items())
    return [records for records in lost if records.rows.num_rows]


def files_behind_the_log(table: TableInStore) -> list[str]:
    """Keys of unnamed data files that are newer than the newest commit, as where a later commit is missing.

    Records that the missing commit took out or corrected look like valid records. A run that was killed at its commit
    leaves such a file too, and then no commit is missing.
    """
    ends, now = table.log.ends(), datetime.now(UTC)
    if ends is None:
        return []
    return [file.key for file in table.unnamed_files() if ends < file.modified < now - YOUNG]


def _since(rows: pa.Table, time: str, begins: datetime | None) -> pa.Table:
    """Rows that were made since the log begins. Nobody knows what became of older rows: they may have been withdrawn.

    The times of files do not help: a copy has new ones.
    """
    if begins is None:
        return rows
    return rows.filter(pc.greater_equal(rows[time], pa.scalar(begins, rows.schema.field(time).type)))


def _records(table: TableInStore, key: str, schema: pa.Schema) -> pa.Table | None:
    """Rows of a data file of this table; None where it is gone, is not Parquet, or is not a file of this table."""
    rows = _rows(table, key)
    if rows is None or set(schema) <= {pa.field(column.name, column.type) for column in rows.schema}:
        return rows
    log.warning(
        "%s/%s is no file of this table, and is left alone: it has other columns.", table.store.uri, key
    )
    return None


def _rows(table: TableInStore, key: str) -> pa.Table | None:
    """Rows of a data file; None where it is gone or is not Parquet."""
    try:
        rows = pq.read_table(io.BytesIO(table.store.read(key)))
        return rows.cast(pa.schema([field.with_type(_without_views(field.type)) for field in rows.schema]))
    except (NotFoundError, pa.ArrowException, OSError):
        return None


def _without_views(kind: pa.DataType) -> pa.DataType:
    """A type without views."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(_without_views(kind.value_type))
    return VIEWS.get(kind, kind)


def _identities(rows: pa.Table | pa.RecordBatch, identity: Sequence[str]) -> Iterator[Identity]:
    yield from zip(*(rows.column(name).to_pylist() for name in identity), strict=True)


def _filed(table: TableInStore, identity: Sequence[str], wanted: set[Identity]) -> set[Identity]:
    """Which of the wanted records the table has."""
    opened = table.open()
    if opened is None:
        return set()

    def ask() -> set[Identity]:
        """Read the identities of all records, from the first batch on."""
        batches = query(opened, identity)
        return {record for rows in batches for record in wanted.intersection(_identities(rows, identity))}

    return table.ask_table(ask)


def _taken_out(table: TableInStore, identity: Sequence[str]) -> set[Identity]:
    """Identities of records in files that commits have removed from the table, as far as these files still exist."""
    files = (_rows(table, key) for key in table.former_files())
    readable = (rows for rows in files if rows is not None and set(identity) <= set(rows.column_names))
    return {record for rows in readable for record in _identities(rows, identity)}


def _wanted_rows(rows: pa.Table, identity: Sequence[str], wanted: set[Identity]) -> pa.Table:
    return rows.filter(pa.array([record in wanted for record in _identities(rows, identity)], pa.bool_()))
