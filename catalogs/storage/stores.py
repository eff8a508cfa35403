"""From a URI to a store, and the proof that a store can hold a design catalog."""

import uuid
from contextlib import suppress
from pathlib import Path

from catalogs import keys
from catalogs.errors import (
    CatalogsError,
    StoreError,
    UnreachableError,
    UnsafeStoreError,
)
from catalogs.storage import addresses
from catalogs.storage.local_store import LocalStore
from catalogs.storage.store_contract import S3Options, Store


def open_store(uri: str, s3: S3Options | None = None) -> Store:
    """The store at `s3://bucket/prefix`, `file:///folder` or a folder's path.

    A path and a prefix are taken letter by letter; only in file: addresses %20 and the like are decoded.

    Raises:
        StoreError: the address is of another kind; the text says how to write the address that was probably meant.
    """
    if (place := addresses.bucket_and_prefix(uri)) is not None:
        # Imported here: boto3 takes a third of a second, and a folder does not need it.
        from catalogs.storage.s3_store import S3Store

        return S3Store(f"s3://{place}", s3 or S3Options())
    return LocalStore(Path(addresses.folder_path(uri)))


def locate(uri: str, s3: S3Options | None = None) -> tuple[Store, str]:
    """The store and key of one object: `folder/name.png` or `s3://bucket/prefix/name.png`.

    Raises StoreError where the address names no object, and InvalidKeyError where its name is no key.
    """
    if (place := addresses.bucket_and_prefix(uri)) is not None:
        bucket, _, name = place.rpartition("/")
        if not bucket:
            raise StoreError(
                f"'{addresses.readable_address(uri)}' names no object: write s3://bucket/prefix/name."
            )
        return open_store(f"s3://{bucket}", s3), keys.check_key(name)
    folder, slash, name = addresses.folder_path(uri).rpartition("/")
    # A file that a person names may be a link to anywhere: it does not come from a stranger's catalog.
    return LocalStore(Path(folder or ("/" if slash else ".")), bound=False), keys.check_key(name)


def probe(store: Store) -> None:
    """Prove that the store can be written and honours conditional puts; leaves nothing behind.

    The key is the caller's own, so runs that probe at once do not meet.

    Raises:
        UnsafeStoreError: two conditional puts of one key both win: a Delta table there loses rows that it reported as
            written.
        UnreachableError: the trial object could not be created.
    """
    key = f"{keys.PROBE}-{uuid.uuid4().hex}"
    try:
        first, second = store.create(key, b"1"), store.create(key, b"2")
    finally:
        # An error of the removal has the same cause as an error of the puts, which is reported.
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
