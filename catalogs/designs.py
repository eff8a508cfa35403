"""The design catalog: a Delta Lake table at `DESIGNS/table`, pictures beside it.

The picture is written first, the record last, so no record points at a missing picture. A record is
inserted only where its design_id is not there yet; two runs that race end with one record each.
"""

import hashlib
import json
import math
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from catalogs import keys
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
from catalogs.records import Design
from catalogs.store_contract import Store
from catalogs.stores import probe

TEXT_LIST = pa.list_(pa.string())
SPECIAL = {
    "width": pa.int32(),
    "height": pa.int32(),
    "steps": pa.int32(),
    "changed_outside": pa.int32(),
    "created_at": pa.timestamp("us", tz="UTC"),
    "garment_tags": TEXT_LIST,
    "style_tags": TEXT_LIST,
}
NUMBERS = tuple(f.name for f in fields(Design) if f.type == "float" or f.type is float)
SCHEMA = pa.schema(
    [
        pa.field(f.name, SPECIAL.get(f.name, pa.float64() if f.name in NUMBERS else pa.string()))
        for f in fields(Design)
    ]
)
FURTHER = ("garment_further", "style_further")
COMMIT_ATTEMPTS = 40
ONE_TRY = CommitProperties(max_commit_retries=0)
"""No automatic retry: a lost race must read the table again, or it files a design twice."""
UNANSWERED_ATTEMPTS = 5
"""Tries of what got no answer and the Delta library does not repeat: conditional puts, broken off answers."""
IDS_A_COMMIT = 1000

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


class DesignCatalog:
    """Designs in a store. Opening it touches nothing; `prepare` proves it can be written."""

    def __init__(self, store: Store) -> None:
        """`store` is the folder or bucket prefix that holds the table and the pictures."""
        self.store = store

    def prepare(self) -> None:
        """Prove that the store can be written safely; call it before making designs."""
        probe(self.store)

    def existing(self, among: Collection[str] | None = None) -> set[str]:
        """Ids of the designs that are filed (only those of `among`, if given)."""
        table = self._table()
        if table is None:
            return set()
        ids = self._read(table, ["design_id"])["design_id"].to_pylist()
        return set(ids) if among is None else set(ids) & set(among)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole table, or some of its columns; empty where there is none yet."""
        table = self._table()
        if table is None:
            names = list(columns) if columns else SCHEMA.names
            return SCHEMA.empty_table().select(names)
        return self._read(table, list(columns) if columns else None)

    def add_picture(self, design_id: str, png: bytes) -> tuple[str, str]:
        """Write a design's picture; returns its key and its SHA-256."""
        sha256 = hashlib.sha256(png).hexdigest()
        key = keys.design_image(design_id, sha256)
        self.store.write(key, png)
        return key, sha256

    def of_run(self, run_id: str) -> dict[str, str]:
        """Designs that a run filed: their ids and the keys of their pictures."""
        table = self.read(["design_id", "image", "run_id"])
        rows = zip(*(table[name].to_pylist() for name in ("design_id", "image", "run_id")), strict=True)
        return {design_id: image for design_id, image, run in rows if run == run_id}

    def file(self, designs: Iterable[Design]) -> int:
        """Insert records whose design_id is not there yet, in one commit; returns how many were new."""
        rows = pa.Table.from_pylist([_row(design) for design in designs], SCHEMA)
        return self._committed(lambda: self._insert(rows)) if rows.num_rows else 0

    def remove(self, designs: Sequence[tuple[str, str]]) -> int:
        """Take out records by id and their picture's SHA-256; pictures stay. Returns how many there were.

        A record that was filed anew with another picture is another record, and stays.
        """
        if self._table() is None:
            return 0
        batches = [designs[n : n + IDS_A_COMMIT] for n in range(0, len(designs), IDS_A_COMMIT)]
        return sum(self._committed(partial(self._delete, batch)) for batch in batches)

    def tidy(self, retention: timedelta) -> tuple[int, int]:
        """Merge the table's small files, and remove files that no version of the last `retention` needs.

        Returns how many files were merged and how many were removed. A reader that opened the table longer
        ago than that loses it: keep it above the longest run.
        """
        table = self._table()
        if table is None:
            return 0, 0
        merged = self._committed(self._compact)
        hours = math.ceil(retention.total_seconds() / 3600)
        try:
            table.update_incremental()
            table.create_checkpoint()
            # Full: files of commits that lost a race are in no version's log.
            removed = table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        except (DeltaError, OSError) as error:
            raise self._explained(error) from error
        return merged, len(removed)

    def _committed(self, commit: Callable[[], int]) -> int:
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
                        f"{self.store.uri}/{keys.TABLE}: {COMMIT_ATTEMPTS} commits in a row lost the race against"
                        " other runs. Run the same command again; designs already filed are kept."
                    ) from error
            except (DeltaError, OSError) as error:
                self._require_another_try(error, attempt)
            _pause(attempt)
        raise AssertionError("unreachable")

    def _asked(self, ask: Callable[[], T]) -> T:
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
        explained = self._explained(error)
        unanswered = isinstance(explained, UnreachableError) and not REPEATED.search(str(error))
        if not unanswered or attempt + 1 >= UNANSWERED_ATTEMPTS:
            raise explained from error

    def _delete(self, designs: Sequence[tuple[str, str]]) -> int:
        uri, options = self.store.delta_location()
        alike = " OR ".join(
            f"(design_id = '{keys.check_id(one)}' AND image_sha256 = '{keys.check_id(sha256)}')"
            for one, sha256 in designs
        )
        metrics = DeltaTable(uri, storage_options=options).delete(alike, commit_properties=ONE_TRY)
        return int(metrics["num_deleted_rows"] or 0)

    def _compact(self) -> int:
        uri, options = self.store.delta_location()
        table = DeltaTable(uri, storage_options=options)
        return int(table.optimize.compact(commit_properties=ONE_TRY)["numFilesRemoved"])

    def _insert(self, rows: pa.Table) -> int:
        uri, options = self.store.delta_location()
        table = DeltaTable.create(uri, SCHEMA, mode="ignore", storage_options=options)
        metrics = (
            table.merge(
                rows,
                predicate="filed.design_id = made.design_id",
                source_alias="made",
                target_alias="filed",
                commit_properties=ONE_TRY,
            )
            .when_not_matched_insert_all()
            .execute()
        )
        return int(metrics["num_target_rows_inserted"])

    def _table(self) -> DeltaTable | None:
        uri, options = self.store.delta_location()

        def ask() -> DeltaTable | None:
            try:
                return DeltaTable(uri, storage_options=options)
            except TableNotFoundError:
                return None

        return self._asked(ask)

    def _read(self, table: DeltaTable, columns: list[str] | None) -> pa.Table:
        return self._asked(lambda: table.to_pyarrow_table(columns=columns))

    def _explained(self, error: Exception) -> StoreError | CatalogError:
        where = f"{self.store.uri}/{keys.TABLE}"
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


def _reason(error: Exception) -> str:
    """The root of what the Delta library says, in a line: S3's own code, else what it says last."""
    text = COLOURS.sub("", without_password(str(error))) or repr(error)
    lines = [line.strip(" ↳") for line in text.splitlines() if line.strip(" ↳")]
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"\b[45]\d\d [A-Z][A-Za-z ]+", text)
    if code:
        return f"{status[0]}: {code[1]}" if status else code[1]
    return (lines[-1] if "↳" in text else lines[0])[:300]


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(2.0, 0.05 * 1.5**attempt)))


def _row(design: Design) -> dict[str, object]:
    row = asdict(design)
    for name in FURTHER:
        row[name] = json.dumps(dict(row[name]), ensure_ascii=False)
    return row
