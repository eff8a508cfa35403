"""Digests of contents by their ETag, kept in the design catalog, so that a plan reads only new objects.

An ETag changes whenever contents do. If an ETag is wrong, the design is not filed: contents are compared with their
digest once more when they are painted.
"""

import io
import threading
from collections.abc import Collection
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalogs import keys
from catalogs.errors import CatalogError, NotFoundError
from catalogs.storage.store_contract import ObjectInfo, Store
from catalogs.tables.parquet_lines import bounded_file

LONGEST = 8_192
"""Bytes of a text; the longest are URIs, of which a store's part and a key have up to 4 kB each."""
COLUMNS = ("object", "etag", "sha256")


class DigestCache:
    """SHA-256 of objects by URI and ETag; safe to use from several threads."""

    def __init__(self, designs: Store) -> None:
        """Read the digests of the design catalog; a file that is damaged or of another kind counts as empty."""
        self._store, self._lock = designs, threading.Lock()
        self._known: dict[tuple[str, str], str] = {}
        self._asked: dict[tuple[str, str], str] = {}
        self._gone: set[tuple[str, str]] = set()
        with suppress(NotFoundError):
            self._known = _understood(designs.read(keys.DIGESTS))

    def get(self, store: Store, info: ObjectInfo) -> str | None:
        """The digest of an object in this very state; None where it is not known."""
        return self._remember(store, info, self._known.get((_name(store, info), info.etag)))

    def put(self, store: Store, info: ObjectInfo, sha256: str) -> None:
        """Note the digest of an object that was read."""
        self._remember(store, info, sha256)

    def _remember(self, store: Store, info: ObjectInfo, sha256: str | None) -> str | None:
        if sha256:
            with self._lock:
                self._asked[_name(store, info), info.etag] = sha256
        return sha256

    def listed(self, store: Store, keys_there: Collection[str]) -> None:
        """Forget objects of a store that the store does not list any more; `keys_there` are the keys that it lists."""
        start, present = f"{store.uri}/", {f"{store.uri}/{key}" for key in keys_there}
        self._gone |= {key for key in self._known if key[0].startswith(start) and key[0] not in present}

    def save(self) -> None:
        """Write the digests that were asked for, and those of other objects; old states of an object are dropped."""
        asked = {name for name, _ in self._asked}
        others = ((key, sha256) for key, sha256 in self._known.items() if key not in self._gone)
        kept = {key: sha256 for key, sha256 in others if key[0] not in asked} | self._asked
        if kept == self._known:
            return
        rows = [(*key, sha256) for key, sha256 in kept.items()]
        table = pa.table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))
        file = io.BytesIO()
        pq.write_table(table, file, compression="zstd", write_page_checksum=True)
        self._store.write(keys.DIGESTS, file.getvalue())


def _understood(data: bytes) -> dict[tuple[str, str], str]:
    """The digests in a file; empty where it is damaged, too large, or not a table of such texts."""
    try:
        bounded_file(keys.DIGESTS, data)
        table = pq.read_table(
            io.BytesIO(data),
            columns=list(COLUMNS),
            read_dictionary=list(COLUMNS),
            page_checksum_verification=True,
        )
        uris, etags, digests = (_texts(table[name]) for name in COLUMNS)
    except (pa.ArrowException, OSError, KeyError, CatalogError):
        return {}
    return dict(zip(zip(uris, etags, strict=True), digests, strict=True))


def _texts(column: pa.ChunkedArray) -> list[str]:
    """The texts of a column; ArrowInvalid where it has other values, nulls, or a text that is too long."""
    texts: list[str] = []
    for chunk in column.chunks:
        if (
            not pa.types.is_dictionary(chunk.type)
            or not pa.types.is_string(chunk.type.value_type)
            or chunk.null_count
        ):
            raise pa.ArrowInvalid("no texts")
        if len(chunk.dictionary) and pc.max(pc.binary_length(chunk.dictionary)).as_py() > LONGEST:
            raise pa.ArrowInvalid("a text without measure")
        words = chunk.dictionary.to_pylist()
        texts += [words[place] for place in chunk.indices.to_pylist()]
    return texts


def _name(store: Store, info: ObjectInfo) -> str:
    return f"{store.uri}/{info.key}"
