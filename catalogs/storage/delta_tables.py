"""Delta tables in a store: opened, checked, queried, committed to and tidied."""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from math import ceil
from typing import TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import TableNotFoundError

from catalogs import keys
from catalogs.errors import CatalogError, NotFoundError
from catalogs.storage import delta_errors
from catalogs.storage.commit_log import CommitLog
from catalogs.storage.delta_calls import FAILURES, DeltaCalls
from catalogs.storage.store_contract import ObjectInfo, Store

ONE_TRY = CommitProperties(max_commit_retries=0)
"""No automatic retry: a lost race must read the table again, or it files a design twice."""
FEWEST_TO_MERGE = 2
WRITER_VERSION = 7
WRITER_FEATURES = {
    "appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "columnMapping",
    "identityColumns", "deletionVectors", "rowTracking", "timestampNtz", "domainMetadata", "v2Checkpoint",
    "inCommitTimestamp", "typeWidening", "clustering", "variantType", "variantType-preview", "vacuumProtocolCheck",
}  # fmt: skip
"""Features of Delta's protocol when this was written; the library itself says at a commit which it can do."""
T = TypeVar("T")


class TableInStore:
    """A Delta table at `name` in a store. It need not exist; making this object touches nothing."""

    def __init__(self, store: Store, name: str) -> None:
        """`name` is the table's key in the store."""
        self.store, self.name = store, name
        self.log = CommitLog(store, name)
        self._calls = DeltaCalls(self.uri)
        self._kept = -1
        """The newest version that the disk keeps for sure; the version at opening counts as kept."""

    @property
    def uri(self) -> str:
        """The table's address, as a person would write it."""
        return f"{self.store.uri}/{self.name}"

    def open(self) -> DeltaTable | None:
        """The table as it is now, None where there is none.

        Raises:
            CatalogError: its newest commit is empty or cut, or its log has gaps.
            StoreError: the store failed, or the Delta library would read another place in the address.
        """
        table = self._opened()
        if table is None:
            # It may have been made since; if not, a log that has lost its beginning is no empty place.
            if self.log.is_there() and (table := self._opened()) is None:
                self.log.require_all_whole()
            if table is None:
                return None
        return self._required_whole(table)

    def renew(self, table: DeltaTable) -> DeltaTable:
        """The same table, brought up to its newest version; raises as `open` does."""
        self.ask_table(table.update_incremental)
        return self._required_whole(table)

    def _required_whole(self, table: DeltaTable) -> DeltaTable:
        version = int(table.version())
        if self._kept < 0:
            # Lost older commits are looked for once: the next checkpoint would hide them for ever.
            self.log.require_all_whole()
            self._kept = version - 1
        self.log.require_whole(version)
        return table

    def _opened(self) -> DeltaTable | None:
        uri, options = self.store.delta_location(self.name)

        def ask() -> DeltaTable | None:
            """Open the table; None where there is none."""
            try:
                return DeltaTable(uri, storage_options=options)
            except TableNotFoundError:
                return None

        try:
            return self.ask_table(ask)
        except CatalogError:
            # Our own check says which file it is.
            self.log.require_all_whole()
            raise

    def require_all_whole(self) -> None:
        """Raise CatalogError unless every commit since the last checkpoint is whole and every file in it exists."""
        if self.open() is None:
            return
        self.log.require_all_whole()
        if broken := self.broken_files():
            raise delta_errors.damaged_error(
                self.uri, ", ".join(broken[:3]) + (", ..." if broken[3:] else "")
            )

    def require_writable(self) -> None:
        """Raise CatalogError where the table asks a writer for more than any version of Delta that is known here."""
        table = self.open()
        if table is None:
            return
        asks = table.protocol()
        unknown = set(asks.writer_features or ()) - WRITER_FEATURES
        if asks.min_writer_version > WRITER_VERSION or unknown:
            needs = ", ".join([f"writer version {asks.min_writer_version}", *sorted(unknown)])
            raise delta_errors.newer_error(self.uri, needs)

    def broken_files(self) -> list[str]:
        """Keys of data files that are gone, or have another size than the table says."""
        suspects = self._broken_files()
        # A file that another process has tidied away between two listings is not named any more.
        return sorted(suspects & self._broken_files()) if suspects else []

    def _broken_files(self) -> set[str]:
        sizes = self.data_files()
        sizes_there = {info.key: info.size for info in self.store.list(f"{self.name}/")}
        return {key for key, size in sizes.items() if sizes_there.get(key) != size}

    def unnamed_files(self) -> list[ObjectInfo]:
        """Data files in the table's folder that no existing commit has named, as its part or as removed."""
        files = self._files()
        # The log is read after the listing: a file that is committed meanwhile is named.
        named = {*self.data_files(), *self._tombstones()}
        unnamed = [file for file in files if file.key not in named]
        if not unnamed:
            return []
        ever = self.log.ever_named()
        return [file for file in unnamed if file.key not in ever]

    def former_files(self) -> list[str]:
        """Keys of existing data files that commits have taken out of the table."""
        present = {file.key for file in self._files()}
        return sorted(present & {*self.log.ever_named(), *self._tombstones()} - set(self.data_files()))

    def _files(self) -> list[ObjectInfo]:
        log = f"{self.name}/_delta_log/"
        listed = self.store.list(f"{self.name}/")
        return [file for file in listed if file.key.endswith(".parquet") and not file.key.startswith(log)]

    def data_files(self) -> dict[str, int]:
        """Keys of the data files that make up the newest version of the table, and their sizes in bytes."""
        table = self.open()
        if table is None:
            return {}
        named = self.ask_table(lambda: pa.table(table.get_add_actions()))
        files = zip(named["path"].to_pylist(), named["size_bytes"].to_pylist(), strict=True)
        return {self.log.key_of(path): size for path, size in files}

    def _tombstones(self) -> list[str]:
        """Keys of data files that the table still knows as removed; a checkpoint forgets them after a week."""
        table = self.open()
        if table is None:
            return []
        removed = self.ask_table(lambda: table.vacuum(0, dry_run=True, enforce_retention_duration=False))
        return [self.log.key_of(path) for path in removed]

    def give_up(self, broken: Sequence[str]) -> dict[str, str]:
        """Take data files that are gone or cut out of the table, with the records in them.

        The rest of a file is moved, so that a person can save records from it. Returns its new key by the old one, empty
        where the file is gone.
        """
        moved = {key: self._moved_away(key) for key in broken}
        if broken:
            self.commit(self._take_out)
        return moved

    def _moved_away(self, key: str) -> str:
        try:
            data = self.store.read(key)
        except NotFoundError:
            return ""
        kept = keys.lost(key, hashlib.sha256(data).hexdigest())
        self.store.write(kept, data)
        self.store.delete(key)
        return kept

    def _take_out(self) -> int:
        table = self.open()
        return 0 if table is None else len(table.repair(commit_properties=ONE_TRY)["files_removed"])

    def create(self, schema: pa.Schema) -> DeltaTable:
        """The table, made with these columns where there is none. StoreError where the library made it elsewhere."""
        uri, options = self.store.delta_location(self.name)
        made = DeltaTable.create(uri, schema, mode="ignore", storage_options=options)
        self.log.require_seen()
        return made

    def tidy(self, retention: timedelta) -> tuple[int, int]:
        """Merge small files, and remove files that no version of the last `retention` needs; how many of each."""
        table = self.open()
        if table is None:
            return 0, 0
        merged = self.commit(self._compact)
        hours = ceil(retention.total_seconds() / 3600)
        try:
            with self._calls.explained_panics():
                self.renew(table)
                table.create_checkpoint()
                self.store.sync(self.log.written(int(table.version())))
                # Full: files of commits that lost a race are in no version's log.
                removed = table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        except FAILURES as error:
            raise self._calls.explain(error) from error
        return merged, len(removed)

    def _compact(self) -> int:
        """Merge small files. If another process begins to merge later, this merge fails, and is tried again.

        Of two merges of the same files the library keeps both, whatever number of tries it is allowed, and every row is
        there twice. But it puts no commit behind a change of the table's description that it has not seen.
        """
        table = self.open()
        if table is None or len(table.file_uris()) < FEWEST_TO_MERGE:
            return 0
        table.alter.set_table_description(f"Merged by {uuid.uuid4().hex}", commit_properties=ONE_TRY)
        self.renew(table)
        return int(table.optimize.compact()["numFilesRemoved"])

    def commit(self, commit: Callable[[], int]) -> int:
        """What a commit returns, once the disk keeps it; a commit that loses a race is tried again after a pause.

        A commit without an answer is tried again, too. The store may have done it all the same; then the second
        try finds nothing left to do, and returns 0.

        Raises:
            UnreachableError: every try lost its race, or the store gave no answer.
            CatalogsError: what else an error of the Delta library means.
        """

        def kept() -> int:
            """Commit, and have the disk keep the commit."""
            with self._calls.explained_panics():
                done = commit()
            self._keep()
            return done

        return self._calls.retried(kept)

    def _keep(self) -> None:
        """Have the disk keep the commits since the table was opened: our own, and those before them."""
        newest = self._kept

        def written() -> Iterator[str]:
            """Keys of the files of these commits."""
            nonlocal newest
            while self.log.there(newest + 1):
                newest += 1
                yield from self.log.written(newest)

        self.store.sync(written())
        # Not earlier: until now another thread must not count these versions as kept.
        self._kept = max(self._kept, newest)

    def ask_table(self, ask: Callable[[], T]) -> T:
        """What a question to the table returns; a question whose answer breaks off in the middle is asked again.

        Raises:
            CatalogsError: what an error of the Delta library means, once no further try helps.
        """

        def answered() -> T:
            """Ask the question once, without a second try."""
            with self._calls.explained_panics():
                return ask()

        return self._calls.retried(answered)
