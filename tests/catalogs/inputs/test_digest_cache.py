"""Digests are read once for each state of an object, and never of another state."""

import io
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogs import keys
from catalogs.inputs.content_digests import with_digests
from catalogs.inputs.digest_cache import COLUMNS, DigestCache
from catalogs.records import Garment
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store

TEE, DRESS = Garment("tee", "tee.png", "mask.png"), Garment("dress", "dress.png")


class Contract:
    """The same on a folder and on S3."""

    @pytest.fixture
    def garments(self, where: str) -> Store:
        """Three objects."""
        store = open_store(f"{where}/garments")
        for key in ("tee.png", "mask.png", "dress.png"):
            store.write(key, key.encode())
        return store

    def read(self, where: str, garments: Store, *records: Garment) -> tuple[list[str], list[str]]:
        """Digests of records, with the cache that is kept; and which objects were read for them."""
        asked: list[str] = []

        class Watched:
            uri = garments.uri

            def list(self, prefix: str = ""):
                return garments.list(prefix)

            def read(self, key: str) -> bytes:
                asked.append(key)
                return garments.read(key)

            def exists(self, key: str) -> bool:
                return garments.exists(key)

        cache = DigestCache(open_store(f"{where}/designs"))
        found, _ = with_digests(Watched(), list(records), cache)  # type: ignore[arg-type]
        cache.save()
        return [record.digest for record in found], sorted(asked)

    def test_read_once(self, where: str, garments: Store) -> None:
        """What was read is not read again, gives the same digests, and the same as without a cache."""
        first, asked = self.read(where, garments, TEE, DRESS)
        assert asked == ["dress.png", "mask.png", "tee.png"]
        assert self.read(where, garments, TEE, DRESS) == (first, [])
        assert [r.digest for r in with_digests(garments, [TEE, DRESS])[0]] == first

    def test_replaced_with_the_same_size(self, where: str, garments: Store) -> None:
        """An object that was replaced is read again, and only that one."""
        first, _ = self.read(where, garments, TEE, DRESS)
        garments.write("mask.png", b"MASK.png")
        second, asked = self.read(where, garments, TEE, DRESS)
        assert asked == ["mask.png"]
        assert second[0] != first[0]
        assert second[1] == first[1]

    def test_parts_of_a_catalog(self, where: str, garments: Store) -> None:
        """What one plan did not ask for is known to the next all the same."""
        self.read(where, garments, TEE)
        assert self.read(where, garments, DRESS)[1] == ["dress.png"]
        assert self.read(where, garments, TEE, DRESS)[1] == []

    @pytest.mark.parametrize("position", [None, 60, 120])
    def test_a_broken_file(self, where: str, garments: Store, position: int | None) -> None:
        """A cache that cannot be read, or has a byte flipped, is as none, and is written anew."""
        first, _ = self.read(where, garments, TEE)
        designs = open_store(f"{where}/designs")
        data = bytearray(designs.read(keys.DIGESTS))
        if position is not None:
            data[position] ^= 0xFF
        designs.write(keys.DIGESTS, bytes(data) if position is not None else b"broken")
        again, asked = self.read(where, garments, TEE)
        assert again == first
        assert asked == ["mask.png", "tee.png"]
        assert self.read(where, garments, TEE)[1] == []

    def test_replaced_while_it_was_read(self, where: str, garments: Store) -> None:
        """A picture that is replaced between the listing and the reading is not kept under its old state."""
        real, cache = garments.read, DigestCache(open_store(f"{where}/designs"))

        class Replaced:
            uri, list, exists = garments.uri, garments.list, garments.exists

            def read(self, key: str) -> bytes:
                garments.write(key, b"another.png")
                return real(key)

        with_digests(Replaced(), [DRESS], cache)  # type: ignore[arg-type]
        cache.save()
        assert self.read(where, garments, DRESS)[1] == ["dress.png"]

    def test_the_file_does_not_grow(self, where: str, garments: Store) -> None:
        """What is gone from a catalog goes from the cache."""
        self.read(where, garments, TEE, DRESS)
        before = len(open_store(f"{where}/designs").read(keys.DIGESTS))
        for key in ("tee.png", "mask.png"):
            garments.delete(key)
        self.read(where, garments, DRESS)
        cache = DigestCache(open_store(f"{where}/designs"))
        assert len(open_store(f"{where}/designs").read(keys.DIGESTS)) < before
        assert len(cache._known) == 1

    def test_gone(self, where: str, garments: Store) -> None:
        """An object that is gone is a problem of its record, cached or not."""
        self.read(where, garments, TEE)
        garments.delete("mask.png")
        assert self.read(where, garments, TEE)[0] == []


class TestFolder(Contract):
    """On a folder."""

    @pytest.fixture
    def where(self, tmp_path: Path) -> str:
        """A folder."""
        return str(tmp_path)

    def test_a_copy_that_keeps_the_time(self, where: str, garments: Store) -> None:
        """A file replaced by one of the same size and time of writing is seen."""
        first, _ = self.read(where, garments, DRESS)
        path = Path(where, "garments", "dress.png")
        then = path.stat()
        path.write_bytes(b"DRESS.png")

        os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
        assert self.read(where, garments, DRESS)[0] != first


class TestS3(Contract):
    """On a real S3 server."""

    @pytest.fixture
    def where(self, s3: str) -> str:
        """A prefix in a bucket."""
        return f"s3://{s3}"


@pytest.mark.parametrize(
    "columns",
    [
        [pa.array([1]), pa.array(["e"]), pa.array(["s"])],
        [pa.array(["u"]), pa.array([None], pa.string()), pa.array(["s"])],
        [pa.array(["u"]), pa.array(["e"]), pa.array([["s"]])],
        [pa.array(["u"]), pa.array(["e"]), pa.array([b"s"])],
        [pa.array(["u" * 10_000] * 500)] * 3,
    ],
    ids=["number", "null", "list", "bytes", "long texts"],
)
def test_a_file_of_other_things(columns: list[pa.Array], tmp_path: Path) -> None:
    """A table of other types, or of texts without measure, counts as none; little memory is taken for it."""
    store = open_store(str(tmp_path))
    file = io.BytesIO()
    pq.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), file, compression="zstd")
    store.write(keys.DIGESTS, file.getvalue())
    assert DigestCache(store)._known == {}
