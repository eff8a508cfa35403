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
    """NotAnObjectError where an object has more bytes than are read."""
    if size > LARGEST:
        raise NotAnObjectError(
            f"{where} has {size / 1e9:.1f} GB, and {LARGEST / 1e9:.1f} GB are read at most: make it smaller."
        )


@dataclass(frozen=True)
class ObjectInfo:
    """An object as a listing shows it. `etag` changes whenever the contents do; `modified` is in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Store(Protocol):
    """What every store does. Failures raise `catalogs.errors.StoreError` and name the object's URI."""

    @property
    def uri(self) -> str:
        """Where the store begins, as a person would write it."""
        ...

    def read(self, key: str) -> bytes:
        """Contents of an object; NotFoundError if there is none, NotAnObjectError if it is larger than `LARGEST`."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Create or replace an object."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Create an object; False, and nothing written, if it is there already."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        ...

    def stat(self, key: str) -> ObjectInfo | None:
        """What `list` or `leftovers` tells of one object, without a look at any other; None if there is none.

        `modified` may lack its fraction of a second.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, by key."""
        ...

    def leftovers(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Halves of objects that writers left when they were killed, by prefix; `delete` removes them."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        ...

    def sync(self, written: Iterable[str]) -> None:
        """See that objects that another library wrote outlast a loss of power; keys without an object do no harm.

        What `write` has answered does so anyhow. Where every answered write does, `written` is not gone through.
        """
        ...

    def delta_location(self, table: str = keys.TABLE) -> tuple[str, dict[str, str]]:
        """URI of a table in the store, and storage options with which the Delta library reaches it.

        StoreError where the Delta library would read another place in the address than this store does.
        """
        ...


@dataclass(frozen=True)
class S3Options:
    """How S3 is reached; empty fields leave it to boto3's standard chain (environment, profile, role)."""

    endpoint_url: str | None = None
    region: str | None = None
    path_style: bool | None = None
    """None leaves it to boto3, which addresses by path where an endpoint is set."""
