"""Digests are read once for each state of an object, and never of another state."""

import os
from pathlib import Path

import pytest

from catalogs import keys
from catalogs.contents import with_digests
from catalogs.digest_cache import DigestCache
from catalogs.records import Garment
from catalogs.store_contract import Store
from catalogs.stores import open_store

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

    def test_a_broken_file(self, where: str, garments: Store) -> None:
        """A cache that cannot be read is as none, and is written anew."""
        first, _ = self.read(where, garments, TEE)
        open_store(f"{where}/designs").write(keys.DIGESTS, b"broken")
        again, asked = self.read(where, garments, TEE)
        assert again == first
        assert asked == ["mask.png", "tee.png"]
        assert self.read(where, garments, TEE)[1] == []

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
