"""How a URI becomes a store, and the proof that a store is fit for a design catalog."""

import os
import re
import urllib.parse
import uuid
from contextlib import suppress
from pathlib import Path

from catalogs import keys
from catalogs.errors import (
    CatalogsError,
    StoreError,
    UnreachableError,
    UnsafeStoreError,
    without_password,
)
from catalogs.local_store import LocalStore
from catalogs.store_contract import S3Options, Store

FILE = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)?", re.DOTALL)


def open_store(uri: str, s3: S3Options | None = None) -> Store:
    """The store at `s3://bucket/prefix`, `file:///folder` or a folder's path.

    A path and a prefix are taken letter by letter; in file: alone, %20 and the like are decoded.
    """
    if uri.startswith("s3://"):
        # Loaded where it is wanted: boto3 takes a third of a second, and a folder needs none of it.
        from catalogs.s3_store import S3Store

        return S3Store(uri, s3 or S3Options())
    return LocalStore(Path(_path(uri)))


def _path(uri: str) -> str:
    """The path that a file: URI names; anything else that is no URI as it is."""
    named = FILE.fullmatch(uri)
    if named is None:
        if re.match(r"[A-Za-z][A-Za-z0-9+]+:/", uri):
            raise StoreError(
                f"'{without_password(uri)}' is not a place we can open: give a folder or s3://bucket/prefix."
            )
        return uri
    host, path = named["host"], named["path"]
    if host not in (None, "", "localhost") or not path:
        raise StoreError(
            f"'{without_password(uri)}' names no folder of this machine: write file:///folder, with three slashes,"
            " or the folder's path."
        )
    return os.fsdecode(urllib.parse.unquote_to_bytes(os.fsencode(path)))


def locate(uri: str, s3: S3Options | None = None) -> tuple[Store, str]:
    """The store and key of one object: `folder/name.png` or `s3://bucket/prefix/name.png`."""
    folder, slash, name = (uri if uri.startswith("s3://") else _path(uri)).rpartition("/")
    if folder in ("s3:", "s3:/"):
        raise StoreError(f"'{uri}' names no object: write s3://bucket/prefix/name.")
    folder, key = folder or ("/" if slash else "."), keys.check_key(name)
    # A file that somebody names may be a link to anywhere; it is no stranger's catalog.
    return open_store(folder, s3) if folder.startswith("s3://") else LocalStore(
        Path(folder), bound=False
    ), key


def probe(store: Store) -> None:
    """Prove that the store can be written and honours conditional puts; leaves nothing behind.

    Raises UnsafeStoreError where two conditional puts of one key both win: a Delta table there loses
    rows that it reported as written. The key is the caller's own, so runs that probe at once do not meet.
    """
    key = f"{keys.PROBE}-{uuid.uuid4().hex}"
    try:
        first, second = store.create(key, b"1"), store.create(key, b"2")
    finally:
        # What stopped the puts stops the removal too, and is reported by them.
        with suppress(CatalogsError):
            store.delete(key)
    if second:
        raise UnsafeStoreError(
            f"{store.uri} ignores conditional puts (If-None-Match): a design catalog there would lose rows."
            " Use a store that honours them (AWS S3, a recent MinIO) or a folder."
        )
    if not first:
        raise UnreachableError(
            f"{store.uri}: a trial object could not be created. Run the same command again."
        )
