"""The log of a Delta table as files: whether it is whole, and which files a disk must keep for it.

The Delta library reads an empty commit as one that did nothing. So it reads a table whose last commit was lost with
the power: rows are missing, and their files, which no commit names any more, would be removed.
"""

import json
import re
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from catalogs.errors import CatalogError, NotFoundError, StoreError
from catalogs.storage.store_contract import Store

COMMIT = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\b.*\.parquet")
READERS = 16


class CommitLog:
    """The log of the table at `name` in a store."""

    def __init__(self, store: Store, name: str) -> None:
        """The log of the table at the key `name`; nothing is read yet."""
        self._store, self._name = store, name
        self._whole = -1
        """The newest version that was found whole."""

    def require_whole(self, version: int) -> None:
        """Raise CatalogError unless the newest commit, of this version, is whole; each version is read once."""
        if version != self._whole:
            self._require_whole_commit(version)
            self._whole = version

    def require_all_whole(self) -> None:
        """Raise CatalogError unless every commit since the last checkpoint is whole and none between them is missing."""
        commits, checkpoints = self._listed_versions()
        since = [version for version in commits if version > max(checkpoints, default=-1)]
        for before, after in zip([max(checkpoints, default=-1), *since], since, strict=False):
            # A folder that is listed while others commit may show a later commit alone.
            if after != before + 1 and not self.there(before + 1):
                raise self._damaged(before + 1, "is not there, though later ones are", "")
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self._require_whole_commit, since))

    def is_there(self) -> bool:
        """Whether the log has a commit or a checkpoint."""
        return any(self._listed_versions())

    def require_seen(self) -> None:
        """Raise StoreError unless our own store sees the log that the Delta library has written."""
        if next(iter(self._store.list(self._key(""))), None) is None:
            raise StoreError(
                f"{self._store.uri}/{self._name}: the Delta library has made the table, but not here: it reads this"
                " address otherwise than we do. Choose a place of letters, digits, '-' and '_' for the designs."
            )

    def there(self, version: int) -> bool:
        """Whether the log has a commit of this version."""
        return self._store.exists(self._key(f"{version:020}.json"))

    def written(self, version: int) -> Iterator[str]:
        """Keys of the files that a commit has written: data files first, then what names them."""
        for action in self.actions(version):
            path = (action.get("add") or {}).get("path", "")
            # A table that others have cloned may name files of another place.
            if path and ":" not in path:
                yield self.key_of(path)
        yield self._key(f"{version:020}.json")
        yield self._key(f"{version:020}.checkpoint.parquet")
        yield self._key("_last_checkpoint")

    def ever_named(self) -> set[str]:
        """Keys of all data files that an existing commit has added or removed."""
        with ThreadPoolExecutor(READERS) as pool:
            commits = list(pool.map(self.actions, self._listed_versions()[0]))
        parts = (action.get(kind) for actions in commits for action in actions for kind in ("add", "remove"))
        paths = (part.get("path") for part in parts if isinstance(part, dict))
        return {self.key_of(path) for path in paths if isinstance(path, str) and ":" not in path}

    def begins(self) -> datetime | None:
        """The time of the oldest existing commit; None where the log is whole from its start, or gone."""
        commits, checkpoints = self._listed_versions()
        if not commits:
            return datetime.max.replace(tzinfo=UTC) if checkpoints else None
        if commits[0] == 0:
            return None
        return self._made(commits[0]) or datetime.max.replace(tzinfo=UTC)

    def ends(self) -> datetime | None:
        """The time of the newest commit, by its words or by its file, whichever is later; None without any commit."""
        commits, _ = self._listed_versions()
        if not commits:
            return None
        file = self._store.stat(self._key(f"{commits[-1]:020}.json"))
        return max(time for time in (self._made(commits[-1]), file and file.modified) if time)

    def _made(self, version: int) -> datetime | None:
        """The time of a commit by its own words; None where it does not say."""
        infos = (action.get("commitInfo") for action in self.actions(version))
        times = (info.get("timestamp") for info in infos if isinstance(info, dict))
        known = next((time for time in times if isinstance(time, int)), None)
        return None if known is None else datetime.fromtimestamp(known / 1000, UTC)

    def key_of(self, path: str) -> str:
        """Key of a data file that the log names."""
        return f"{self._name}/{urllib.parse.unquote(path)}"

    def _listed_versions(self) -> tuple[list[int], list[int]]:
        """The versions of commits and of checkpoints in the log's folder."""
        names = [info.key.removeprefix(self._key("")) for info in self._store.list(self._key(""))]
        versions = (
            [int(hit[1]) for name in names if (hit := kind.fullmatch(name))] for kind in (COMMIT, CHECKPOINT)
        )
        commits, checkpoints = versions
        return sorted(commits), sorted(set(checkpoints))

    def _require_whole_commit(self, version: int) -> None:
        try:
            actions = self.actions(version)
        except NotFoundError:
            remedy = BY_CHECKPOINT if version in self._listed_versions()[1] else ""
            raise self._damaged(version, "is not there", remedy) from None
        if not actions:
            raise self._damaged(version, "is empty", MOVE_AWAY)
        info = next((action["commitInfo"] for action in actions if "commitInfo" in action), None)
        if not isinstance(info, dict):
            raise self._damaged(version, "is cut: it does not say what it did", MOVE_AWAY)
        for action, what in (("add", "added"), ("remove", "removed")):
            said, named = _counted(info, what), sum(action in entry for entry in actions)
            if said > named:
                raise self._damaged(
                    version, f"is cut: it says that it {what} {said} files, and names {named}", MOVE_AWAY
                )

    def actions(self, version: int) -> list[dict[str, Any]]:
        """The actions of a commit; CatalogError where the commit is not lines of JSON objects.

        A line that is not an object counts as a ValueError of the JSON.
        """
        data = self._store.read(self._key(f"{version:020}.json"))
        try:
            # Not splitlines: a text in JSON may hold the line breaks of Unicode.
            actions = [json.loads(line) for line in data.decode().split("\n") if line.strip()]
            if not all(isinstance(action, dict) for action in actions):
                raise ValueError("a line of the commit is no JSON object")
        except (ValueError, RecursionError) as error:
            raise self._damaged(version, "is cut or damaged", MOVE_AWAY) from error
        return actions

    def _damaged(self, version: int, what: str, remedy: str) -> CatalogError:
        path = f"{self._store.uri}/{self._key(f'{version:020}.json')}"
        return CatalogError(
            f"{path}: this commit of the table {what}; nothing is read or written until that is mended, as what it"
            f" filed would be lost. Bring the file back from a copy of the catalog.{remedy}"
        )

    def _key(self, file: str) -> str:
        return f"{self._name}/_delta_log/{file}"


def _counted(info: dict[str, Any], what: str) -> int:
    """The number of files that a commit says it has "added" or "removed"; 0 where it does not say."""
    metrics = info.get("operationMetrics")
    names = (f"num_{what}_files", f"num_target_files_{what}", f"numFiles{what.title()}")
    counts = [metrics.get(name) for name in names] if isinstance(metrics, dict) else []
    # Other programs write numbers as text, and other things.
    return max((int(text) for text in map(str, counts) if text.isdecimal()), default=0)


BY_CHECKPOINT = (
    """ Without one, write a file of this name that holds {"commitInfo": {}}: the checkpoint beside it says all that"""
    " the commit said, but the Delta library files nothing behind a commit that is not there."
)
MOVE_AWAY = (
    " Without one, move it out of the folder, if it is the newest: the table is then as it was before that commit, and"
    " 'stylemill run' makes again what it had filed (words about designs that it held are lost)."
)
