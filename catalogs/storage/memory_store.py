"""A store in memory, for tests and notebooks."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from threading import Lock

from catalogs import keys
from catalogs.errors import NotFoundError, StoreError
from catalogs.storage.store_contract import ObjectInfo


class MemoryStore:
    """Objects in a dictionary; safe to use from several threads."""

    def __init__(self, name: str = "memory") -> None:
        """`name` is shown in messages only."""
        self._name = name
        self._objects: dict[str, tuple[bytes, datetime]] = {}
        self._lock = Lock()

    @property
    def uri(self) -> str:
        """The address that messages show."""
        return f"memory://{self._name}"

    def read(self, key: str) -> bytes:
        """The bytes of an object; NotFoundError where there is none."""
        keys.check_key(key)
        try:
            return self._objects[key][0]
        except KeyError as error:
            raise NotFoundError(f"{self.uri}/{key} does not exist.") from error

    def write(self, key: str, data: bytes) -> None:
        """Create or replace an object."""
        self._objects[keys.check_key(key)] = bytes(data), datetime.now(UTC)

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; False if it is there already."""
        with self._lock:
            if keys.check_key(key) in self._objects:
                return False
            self._objects[key] = bytes(data), datetime.now(UTC)
            return True

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        return keys.check_key(key) in self._objects

    def stat(self, key: str) -> ObjectInfo | None:
        """The key, size, ETag and time of one object; None if there is none."""
        stored = self._objects.get(keys.check_key(key))
        return _object_info(key, *stored) if stored else None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, by key."""
        for key, stored in sorted(self._objects.items()):
            if key.startswith(prefix):
                yield _object_info(key, *stored)

    def leftovers(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002
        """Always empty: a write to memory is one assignment."""
        return iter(())

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        self._objects.pop(keys.check_key(key), None)

    def sync(self, written: Iterable[str]) -> None:
        """Nothing happens: memory does not outlast a loss of power."""

    def delta_location(self, table: str = keys.TABLE) -> tuple[str, dict[str, str]]:  # noqa: ARG002
        """Always raises StoreError: the Delta library cannot reach a Python dictionary."""
        raise StoreError(f"{self.uri} cannot hold a design catalog: use a folder or s3://bucket/prefix.")


def _object_info(key: str, data: bytes, modified: datetime) -> ObjectInfo:
    return ObjectInfo(key, len(data), hashlib.sha256(data).hexdigest(), modified)
