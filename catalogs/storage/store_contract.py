"""The contract of an object store.

A key is a relative path with forward slashes. Writes are atomic: a reader sees the old object, the new
one or none, never half of one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from catalogs import keys
from catalogs.errors import NotAnObjectError

LARGEST = 2**30
"""Bytes of the largest object that is read: twice a picture of 64 million pixels, four channels of 16 bits."""


def require_size(where: str, size: int) -> None:
    """Raise NotAnObjectError where an object has more bytes than stores read."""
    if size > LARGEST:
        raise NotAnObjectError(
            f"{where} has {size / 1e9:.1f} GB, and {LARGEST / 1e9:.1f} GB are read at most: make it smaller."
        )


@dataclass(frozen=True)
class ObjectInfo:
    """An object as a listing shows it: `size` in bytes, `etag`, which changes with the contents, `modified` in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Store(Protocol):
    """The operations of every store. Failures raise `catalogs.errors.StoreError` and name the object's URI."""

    @property
    def uri(self) -> str:
        """The store's address, as a person would write it."""
        ...

    def read(self, key: str) -> bytes:
        """The bytes of an object; NotFoundError if there is none, NotAnObjectError if it is larger than `LARGEST`."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Create or replace an object."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Create an object. False, and nothing written, if it exists already."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        ...

    def stat(self, key: str) -> ObjectInfo | None:
        """The object as `list` or `leftovers` shows it, found without reading any other; None if there is none.

        `modified` may lack its fraction of a second.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, by key."""
        ...

    def leftovers(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Halves of objects that killed writers left, by prefix; `delete` removes them."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        ...

    def sync(self, written: Iterable[str]) -> None:
        """Make sure that objects which another library wrote outlast a loss of power; keys without an object do no harm.

        Objects of `write` outlast it anyhow. A store all of whose answered writes outlast it does not iterate `written`.
        """
        ...

    def delta_location(self, table: str = keys.TABLE) -> tuple[str, dict[str, str]]:
        """URI of a table in the store, and storage options with which the Delta library reaches it.

        Raises StoreError where the Delta library would read another place in the address than this store does.
        """
        ...


@dataclass(frozen=True)
class S3Options:
    """The connection to S3; empty fields leave it to boto3's standard chain (environment, profile, role)."""

    endpoint_url: str | None = None
    region: str | None = None
    path_style: bool | None = None
    """None leaves it to boto3, which addresses by path where an endpoint is set."""
