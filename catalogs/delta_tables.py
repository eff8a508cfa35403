"""Delta tables in a store: opened, asked and committed to, with every failure named and every lost race run again."""

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from math import ceil
from typing import TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from catalogs.errors import (
    CLOCKS_DIFFER,
    CatalogError,
    FullError,
    NotAllowedError,
    NotFoundError,
    StoreError,
    UnreachableError,
    without_password,
)
from catalogs.store_contract import Store

COMMIT_ATTEMPTS = 200
"""Of 16 writers of one style each loses 15 races of 16: one in 13 would lose 40 in a row."""
LONGEST_PAUSE = 5.0
ONE_TRY = CommitProperties(max_commit_retries=0)
"""No automatic retry: a lost race must read the table again, or it files a design twice."""
UNANSWERED_ATTEMPTS = 5
"""Tries of what got no answer and the Delta library does not repeat: conditional puts, broken off answers."""

CLOCKS = re.compile(r"RequestTimeTooSkewed|RequestExpired")
REFUSED = re.compile(
    r"ermission denied|Read-only file system|lacked the necessary privileges|\b40[13] |\b403\b|ExpiredToken|InvalidToken"
)
FULL = re.compile(r"No space left on device|Disk quota exceeded")
NO_ANSWER = re.compile(
    r"error sending request|onnection (reset|refused|closed|error)|timed out|error decoding response|incomplete message"
    r"|\b5\d\d [A-Z]|\b429 |SlowDown|RequestTimeout"
)
REPEATED = re.compile(r"after \d+ retries")
"""So the Delta library says that it has tried a request several times by itself."""
COLOURS = re.compile(r"\x1b\[\d*m")

T = TypeVar("T")


class TableInStore:
    """A Delta table at `name` in a store. It need not be there; making this object touches nothing."""

    def __init__(self, store: Store, name: str) -> None:
        """`name` is the table's key in the store."""
        self.store, self.name = store, name

    @property
    def uri(self) -> str:
        """Where it is, as a person would write it."""
        return f"{self.store.uri}/{self.name}"

    def open(self) -> DeltaTable | None:
        """The table as it is now, None where there is none."""
        uri, options = self.store.delta_location(self.name)

        def ask() -> DeltaTable | None:
            try:
                return DeltaTable(uri, storage_options=options)
            except TableNotFoundError:
                return None

        return self.asked(ask)

    def create(self, schema: pa.Schema) -> DeltaTable:
        """The table, made with these columns where there is none."""
        uri, options = self.store.delta_location(self.name)
        return DeltaTable.create(uri, schema, mode="ignore", storage_options=options)

    def tidy(self, retention: timedelta) -> tuple[int, int]:
        """Merge small files, and remove files that no version of the last `retention` needs; how many of each.

        Never two of these at once on a table (`upkeep.tidy` sees to it): each would merge the same files.
        """
        table = self.open()
        if table is None:
            return 0, 0
        merged = self.committed(self._compact)
        hours = ceil(retention.total_seconds() / 3600)
        try:
            table.update_incremental()
            table.create_checkpoint()
            # Full: files of commits that lost a race are in no version's log.
            removed = table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        except (DeltaError, OSError) as error:
            raise self.explained(error) from error
        return merged, len(removed)

    def _compact(self) -> int:
        table = self.open()
        # Rows that are filed meanwhile are no conflict: the library puts its commit behind theirs.
        return 0 if table is None else int(table.optimize.compact()["numFilesRemoved"])

    def committed(self, commit: Callable[[], int]) -> int:
        """What a commit returns; one that loses a race is tried again after a growing, random pause.

        So is one without an answer. It may have been done all the same; then the second finds nothing left
        to do, and returns 0.
        """
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                return commit()
            except CommitFailedError as error:
                if attempt + 1 == COMMIT_ATTEMPTS:
                    raise UnreachableError(
                        f"{self.uri}: {COMMIT_ATTEMPTS} commits in a row lost the race against"
                        " other runs. Run the same command again; designs already filed are kept."
                    ) from error
            except (DeltaError, OSError) as error:
                self._require_another_try(error, attempt)
            _pause(attempt)
        raise AssertionError("unreachable")

    def asked(self, ask: Callable[[], T]) -> T:
        """What a question to the table returns; Delta gives up an answer that is broken off in the middle."""
        for attempt in range(UNANSWERED_ATTEMPTS):
            try:
                return ask()
            except (DeltaError, OSError) as error:
                self._require_another_try(error, attempt)
            _pause(attempt)
        raise AssertionError("unreachable")

    def _require_another_try(self, error: Exception, attempt: int) -> None:
        """Raise what an error means, unless the store did not answer and may do so the next time."""
        explained = self.explained(error)
        unanswered = isinstance(explained, UnreachableError) and not REPEATED.search(str(error))
        if not unanswered or attempt + 1 >= UNANSWERED_ATTEMPTS:
            raise explained from error

    def explained(self, error: Exception) -> StoreError | CatalogError:
        """What an error of the Delta library means, and what to do."""
        where = self.uri
        whole, reason = str(error), _reason(error)
        again = "then run the same command again."
        if CLOCKS.search(whole):
            return NotAllowedError(f"{where}: {CLOCKS_DIFFER}")
        if FULL.search(whole):
            return FullError(f"{where}: the disk is full. Make room, {again}")
        if REFUSED.search(whole):
            return NotAllowedError(f"{where}: the store refused ({reason}). Check your rights there, {again}")
        if "NoSuchBucket" in whole:
            return NotFoundError(f"{where}: there is no such bucket. Check its name and the endpoint.")
        if NO_ANSWER.search(whole):
            return UnreachableError(
                f"{where}: no answer from the store ({reason}). Check the endpoint (AWS_ENDPOINT_URL) and the"
                f" network, {again}"
            )
        return StoreError(f"{where}: {reason}")


def query(table: DeltaTable, columns: Sequence[str], where: str = "") -> Iterator[pa.RecordBatch]:
    """Rows by the Delta library's own engine.

    It skips files by the log's statistics; pyarrow's dataset needs 1.5 ms a file to do so, before it reads any.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    sql = f"SELECT {names} FROM asked" + (f" WHERE {where}" if where else "")
    yield from pa.RecordBatchReader.from_stream(QueryBuilder().register("asked", table).execute(sql))


def _reason(error: Exception) -> str:
    """The root of what the Delta library says, in a line: S3's own code, else what it says last."""
    text = COLOURS.sub("", without_password(str(error))) or repr(error)
    lines = [line.strip(" ↳") for line in text.splitlines() if line.strip(" ↳")]
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"\b[45]\d\d [A-Z][A-Za-z ]+", text)
    if code:
        return f"{status[0]}: {code[1]}" if status else code[1]
    return (lines[-1] if "↳" in text else lines[0])[:300]


def filled_up(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """One table by `schema`, with nulls for columns that no batch has."""
    if not batches:
        return schema.empty_table()
    found = pa.Table.from_batches(batches)
    columns = (
        found[field.name].cast(field.type)
        if field.name in found.column_names
        else pa.nulls(found.num_rows, field.type)
        for field in schema
    )
    return pa.table(list(columns), schema=schema)


def schema_of(table: DeltaTable) -> pa.Schema:
    """The columns that a table has now."""
    return pa.schema(table.schema().to_arrow())


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.05 * 1.5**attempt)))
