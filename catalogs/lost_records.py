"""Records that lie in a table's data files and that no commit has ever named.

A run that is killed between writing a data file and committing it leaves one; so does a copy of a catalog that
missed the newest commit. The two look alike, and both are mended alike: the records are filed again. Until then
nothing is removed, as the pictures of these records look like nobody's.

A commit that lost a race leaves such a file too. What it holds was filed by the next try, so it lacks nothing.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalogs.delta_tables import TableInStore, query
from catalogs.errors import NotFoundError

YOUNG = timedelta(hours=1)
"""A data file that is younger may belong to a run that is about to commit it."""

Identity = tuple[Any, ...]


@dataclass(frozen=True)
class LostRecords:
    """Rows of one data file that the table has not: the file's key, and the rows with all columns of the file."""

    file: str
    rows: pa.Table


def lost_records(table: TableInStore, identity: Sequence[str]) -> list[LostRecords]:
    """What a table's unnamed data files hold that is neither in the table nor was ever taken out of it.

    Args:
        table: need not be there; then every data file is unnamed.
        identity: the columns by which two rows are one record.

    A file that cannot be read holds nothing: its writer did not finish it.
    """
    before = datetime.now(UTC) - YOUNG
    unnamed = [one.key for one in table.unnamed_files() if one.modified < before]
    held = {key: rows for key in unnamed if (rows := _rows(table, key)) is not None}
    wanted = {one for rows in held.values() for one in _identities(rows, identity)}
    if wanted:
        # Only what no commit has taken out: the rights of a design may have been withdrawn.
        wanted -= _filed(table, identity, wanted) | _taken_out(table, identity)
    found = (LostRecords(key, _only(rows, identity, wanted)) for key, rows in held.items())
    return [one for one in found if one.rows.num_rows]


def _rows(table: TableInStore, key: str, columns: Sequence[str] | None = None) -> pa.Table | None:
    """Rows of a data file; None where it is gone or no Parquet."""
    try:
        return pq.read_table(io.BytesIO(table.store.read(key)), columns=columns and list(columns))
    except (NotFoundError, pa.ArrowException, OSError):
        return None


def _identities(rows: pa.Table | pa.RecordBatch, identity: Sequence[str]) -> Iterator[Identity]:
    if set(identity) <= set(rows.schema.names):
        yield from zip(*(rows.column(name).to_pylist() for name in identity), strict=True)


def _filed(table: TableInStore, identity: Sequence[str], wanted: set[Identity]) -> set[Identity]:
    """Which of these the table has."""
    opened = table.open()
    if opened is None:
        return set()

    def ask() -> set[Identity]:
        return {
            one
            for rows in query(opened, identity)
            for one in wanted.intersection(_identities(rows, identity))
        }

    return table.asked(ask)


def _taken_out(table: TableInStore, identity: Sequence[str]) -> set[Identity]:
    """What was in files that commits have removed from the table, as far as these are still there."""
    files: Iterable[pa.Table | None] = (_rows(table, key, identity) for key in table.removed_files())
    return {one for rows in files if rows is not None for one in _identities(rows, identity)}


def _only(rows: pa.Table, identity: Sequence[str], wanted: set[Identity]) -> pa.Table:
    return rows.filter(pa.array([one in wanted for one in _identities(rows, identity)], pa.bool_()))
