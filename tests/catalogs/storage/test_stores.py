"""One contract for every store, against a folder, memory and a real S3 server."""

import errno
import os
import socket
import stat
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from catalogs.errors import (
    FullError,
    InvalidKeyError,
    NotAllowedError,
    NotAnObjectError,
    NotFoundError,
    StoreError,
    UnreachableError,
    UnsafeStoreError,
)
from catalogs.storage.local_store import LocalStore
from catalogs.storage.memory_store import MemoryStore
from catalogs.storage.s3_store import ATTEMPTS, S3Store
from catalogs.storage.store_contract import S3Options, Store
from catalogs.storage.stores import locate, open_store, probe
from tests import faults
from tests.faults import FaultProxy, fault_proxy


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked again at once."""
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))


def answering(
    store: S3Store,
    status: int,
    code: str,
    message: str,
    to: Callable[[Mapping[str, str]], bool] = lambda _heads: True,
) -> list[str]:
    """Have requests (those whose headers `to` chooses) answered so; returns the list that their methods go to."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>" if message else ""
    raw = SimpleNamespace(stream=lambda **_: [body.encode()], release_conn=lambda: None)
    asked: list[str] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        if not to(request.headers):
            return None
        asked.append(request.method)
        return AWSResponse(request.url, status, {"content-type": "application/xml"}, raw)

    store._client.meta.events.register("before-send.s3", answer)
    return asked


class StoreContract:
    """What every store must do; subclasses give the store."""

    def test_what_is_written_is_read(self, store: Store) -> None:
        """Bytes come back as they were written, and a second write replaces the first."""
        store.write("a/b.bin", b"one")
        store.write("a/b.bin", b"\x00two")
        assert store.read("a/b.bin") == b"\x00two"

    def test_missing_object_is_named(self, store: Store) -> None:
        """Reading what is not there raises NotFoundError with the object's address."""
        with pytest.raises(NotFoundError, match="nowhere.bin"):
            store.read("x/nowhere.bin")

    def test_exists(self, store: Store) -> None:
        """An object exists from its write to its removal; removing twice is no error."""
        assert not store.exists("e.bin")
        store.write("e.bin", b"")
        assert store.exists("e.bin")
        store.delete("e.bin")
        store.delete("e.bin")
        assert not store.exists("e.bin")

    def test_stat_tells_what_a_listing_tells(self, store: Store) -> None:
        """One object is told as a listing tells it, to the second; longer keys, folders and what is gone are None."""
        for key in ("s/a", "s/ab", "s/a.png", "s/b/c", "other"):
            store.write(key, key.encode() * 3)
        for listed in store.list():
            told = store.stat(listed.key)
            assert told is not None
            whole = listed.modified.replace(microsecond=0)
            assert told.modified.replace(microsecond=0) == whole
            assert replace(told, modified=whole) == replace(listed, modified=whole)
        assert [store.stat(key) for key in ("s", "s/b", "s/abc", "s/a/x", "nowhere/x")] == [None] * 5
        store.delete("s/a")
        assert store.stat("s/a") is None

    def test_stat_sees_another_content(self, store: Store) -> None:
        """Another content of the same length gives another etag."""
        store.write("t", b"first")
        before = store.stat("t")
        store.write("t", b"other")
        after = store.stat("t")
        assert before is not None and after is not None
        assert before.etag != after.etag

    def test_list_is_by_key_and_prefix(self, store: Store) -> None:
        """A listing gives keys in order, with sizes, and only below the prefix."""
        for key in ("p/2", "p/1", "p/sub/3", "pq/4", "other"):
            store.write(key, key.encode())
        assert [(e.key, e.size) for e in store.list("p/")] == [("p/1", 3), ("p/2", 3), ("p/sub/3", 7)]
        assert [e.key for e in store.list("p")] == ["p/1", "p/2", "p/sub/3", "pq/4"]

    def test_etag_changes_with_contents(self, store: Store) -> None:
        """Another content gives another etag."""
        store.write("t", b"first")
        before = next(iter(store.list("t"))).etag
        store.write("t", b"second!")
        assert next(iter(store.list("t"))).etag != before

    def test_create_wins_once(self, store: Store) -> None:
        """Of many who create one key at once, one wins, and its bytes stay."""
        won: list[int] = []

        def attempt(number: int) -> None:
            if store.create("race", str(number).encode()):
                won.append(number)

        threads = [threading.Thread(target=attempt, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert store.read("race") == str(won[0]).encode()

    @pytest.mark.parametrize("key", ["../up", "/etc/passwd", "a//b", "a/../b", "", "a\\b", "c:/x", "a/\x00"])
    def test_keys_cannot_escape(self, store: Store, key: str) -> None:
        """A key that leaves the store, or is none, is refused before anything is touched."""
        with pytest.raises(InvalidKeyError):
            store.read(key)
        with pytest.raises(InvalidKeyError):
            store.write(key, b"")
        with pytest.raises(InvalidKeyError):
            store.stat(key)

    def test_probe_leaves_nothing(self, store: Store) -> None:
        """A store that honours conditional puts passes the probe, which cleans up."""
        probe(store)
        assert list(store.list()) == []


class TestMemory(StoreContract):
    """The in-memory twin."""

    @pytest.fixture
    def store(self) -> Store:
        """A fresh one."""
        return MemoryStore()

    def test_holds_no_design_catalog(self) -> None:
        """A Delta table in memory is refused with what to use instead."""
        with pytest.raises(StoreError, match="s3://"):
            MemoryStore().delta_location()


class TestLocal(StoreContract):
    """A folder."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        """A folder that is not there yet."""
        return open_store(str(tmp_path / "new"))

    def test_files_follow_the_umask(self, tmp_path: Path) -> None:
        """Others may read what the umask lets them, not only the owner."""
        LocalStore(tmp_path).write("f", b"x")
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) & 0o044 == 0o044 & ~_umask()

    def test_failed_write_leaves_no_part(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A full disk is said to be full, and neither a half file nor a partial one is left."""

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(FullError, match="disk is full"):
            LocalStore(tmp_path).write("f", b"x" * 100)
        assert list(tmp_path.iterdir()) == []

    def test_truly_full_disk(self) -> None:
        """A device that takes no byte is reported as full."""
        if not Path("/dev/full").exists():
            pytest.skip("this system has no /dev/full")
        with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    def test_read_only_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A read-only file system is named as that, with the remedy."""

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(Path, "mkdir", refuse)
        with pytest.raises(NotAllowedError, match="read-only.*Choose another folder"):
            LocalStore(tmp_path / "new").write("f", b"x")

    def test_stat_looks_at_nothing_else(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One file is told without a walk through the folder that it lies in."""

        def walk(*_args: object) -> None:
            raise AssertionError("the folder was walked through")

        (tmp_path / "a.png").write_bytes(b"a")
        monkeypatch.setattr(os, "walk", walk)
        found = LocalStore(tmp_path).stat("a.png")
        assert found is not None
        assert (found.key, found.size) == ("a.png", 1)

    def test_stat_of_halves_and_links(self, tmp_path: Path) -> None:
        """A half is told as `leftovers` tells it; links in a circle or to nowhere are nothing, as in a listing."""
        (tmp_path / ".partial-abc").write_bytes(b"half")
        (tmp_path / "circle").symlink_to("circle")
        (tmp_path / "nowhere").symlink_to("gone")
        store = LocalStore(tmp_path)
        assert [store.stat(".partial-abc")] == list(store.leftovers())
        assert (store.stat("circle"), store.stat("nowhere")) == (None, None)
        assert not store.exists("circle")

    def test_stat_without_rights(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that may not be looked at is told as that, not as missing."""

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        store = LocalStore(tmp_path)
        monkeypatch.setattr(Path, "stat", refuse)
        for look in (store.stat, store.exists):
            with pytest.raises(NotAllowedError, match="looking for .*owner and mode"):
                look("x")

    def test_half_written_files_are_not_listed(self, tmp_path: Path) -> None:
        """What a killed process left half-written is no object."""
        (tmp_path / ".partial-abc").write_bytes(b"half")
        assert list(LocalStore(tmp_path).list()) == []

    def test_reading_takes_the_memory_of_the_file(self, tmp_path: Path) -> None:
        """A small file is read without memory for the largest; one whose length is not known is read whole."""
        (tmp_path / "x").write_bytes(b"x" * 1000)
        tracemalloc.start()
        data = LocalStore(tmp_path).read("x")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (data, peak < 2**20) == (b"x" * 1000, True)
        assert LocalStore(Path("/proc/self")).read("status").startswith(b"Name:")

    @pytest.mark.parametrize("number", ["EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS"])
    def test_disk_without_hard_links(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
    ) -> None:
        """A disk that knows no hard links is named as that, and nothing half is left."""

        def refuse(*_args: object) -> None:
            raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)))

        monkeypatch.setattr(os, "link", refuse)
        with pytest.raises(StoreError, match="knows no hard links.*choose another folder") as caught:
            probe(LocalStore(tmp_path))
        assert not isinstance(caught.value, NotAllowedError)
        assert list(tmp_path.iterdir()) == []

    def test_missing_rights_are_no_lack_of_links(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """EACCES is a matter of rights."""

        def refuse(*_args: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "link", refuse)
        with pytest.raises(NotAllowedError, match="owner and mode"):
            LocalStore(tmp_path).create("x", b"1")

    @pytest.mark.parametrize("way", ["file", "folder", "chain", "relative"])
    def test_links_that_leave_the_catalog(self, tmp_path: Path, way: str) -> None:
        """Neither a file nor a folder behind a link is read from outside the catalog's folder, and it is not shown."""
        outside, inside = tmp_path / "outside", tmp_path / "catalog"
        outside.mkdir()
        inside.mkdir()
        (outside / "passport.png").write_bytes(b"planted")
        key = "mine.png"
        if way == "folder":
            (inside / "pictures").symlink_to(outside)
            key = "pictures/passport.png"
        elif way == "chain":
            (inside / "next").symlink_to(outside / "passport.png")
            (inside / key).symlink_to(inside / "next")
        elif way == "relative":
            (inside / key).symlink_to("../outside/passport.png")
        else:
            (inside / key).symlink_to(outside / "passport.png")
        with pytest.raises(NotAnObjectError, match="leads out of the catalog") as caught:
            LocalStore(inside).read(key)
        assert "planted" not in str(caught.value)

    def test_links_within_the_catalog(self, tmp_path: Path) -> None:
        """A link from one file of the catalog to another is followed; so is one that is the catalog."""
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "a.png").write_bytes(b"a")
        (tmp_path / "real" / "b.png").symlink_to("a.png")
        (tmp_path / "plain").symlink_to("real")
        assert LocalStore(tmp_path / "plain").read("b.png") == b"a"

    def test_nothing_is_written_through_links(self, tmp_path: Path) -> None:
        """Where a folder of the catalog is a link to elsewhere nothing is written, created or deleted there."""
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "x").write_bytes(b"stays")
        (tmp_path / "catalog").mkdir()
        (tmp_path / "catalog" / "images").symlink_to(tmp_path / "outside")
        store = LocalStore(tmp_path / "catalog")
        for work in (
            lambda: store.write("images/x", b"1"),
            lambda: store.create("images/y", b"1"),
            lambda: store.delete("images/x"),
            lambda: store.delta_location("images"),
        ):
            with pytest.raises(NotAnObjectError):
                work()
        assert [(one.name, one.read_bytes()) for one in (tmp_path / "outside").iterdir()] == [("x", b"stays")]

    def test_a_named_file_may_be_a_link(self, tmp_path: Path) -> None:
        """A file that a person names on the command line may be a link to anywhere."""
        (tmp_path / "real.png").write_bytes(b"a")
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "mine.png").symlink_to("../real.png")
        store, key = locate(str(tmp_path / "in" / "mine.png"))
        assert store.read(key) == b"a"

    @pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
    def test_what_is_no_file(self, tmp_path: Path, kind: str) -> None:
        """A pipe, socket or device is refused at once, and not waited for."""
        where, key = tmp_path, "x"
        if kind == "pipe":
            os.mkfifo(tmp_path / "x")
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(tmp_path / "x"))
        else:
            where, key = Path("/dev"), "zero"
        with pytest.raises(StoreError, match="not a file|No such device"):
            LocalStore(where).read(key)

    def test_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file above the limit is refused by its length, before its bytes are read."""
        with (tmp_path / "huge.png").open("wb") as file:
            file.truncate(2**40)
        with pytest.raises(NotAnObjectError, match=r"1099.5 GB, and 1.1 GB are read at most"):
            LocalStore(tmp_path).read("huge.png")
        monkeypatch.setattr("catalogs.storage.local_store.LARGEST", 4)
        monkeypatch.setattr("catalogs.storage.store_contract.LARGEST", 4)
        (tmp_path / "grows").write_bytes(b"12345")
        with pytest.raises(NotAnObjectError):
            LocalStore(tmp_path).read("grows")


class TestS3(StoreContract):
    """A bucket's prefix on a real server."""

    @pytest.fixture
    def store(self, s3: str) -> Store:
        """A prefix of a fresh bucket; endpoint and credentials come from the environment."""
        return open_store(f"s3://{s3}/some/prefix/")

    def test_more_than_a_page(self, s3: str) -> None:
        """A listing of more than 1,000 objects is whole and in order."""
        client = boto3.client("s3")
        for n in range(1100):
            client.put_object(Bucket=s3, Key=f"many/{n:05}", Body=b"")
        assert [e.key for e in open_store(f"s3://{s3}/many").list()] == [f"{n:05}" for n in range(1100)]

    def test_no_such_bucket(self, s3: str) -> None:
        """A bucket that is not there is named as such."""
        with pytest.raises(NotFoundError, match="no such bucket"):
            open_store(f"s3://{s3}-other/p").read("x")
        for look in (open_store(f"s3://{s3}-other/p").stat, open_store(f"s3://{s3}-other/p").exists):
            with pytest.raises(NotFoundError, match="no such bucket"):
                look("x")

    def test_no_credentials(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Missing credentials are named with where to put them."""
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(NotAllowedError, match="AWS_ACCESS_KEY_ID"):
            open_store(f"s3://{s3}/p").read("x")

    @pytest.mark.usefixtures("no_pauses")
    def test_connection_refused(self, s3: str) -> None:
        """A server that is not there is named as unreachable, with what to check."""
        store = S3Store(f"s3://{s3}/p", S3Options(endpoint_url="http://127.0.0.1:9"))
        with pytest.raises(UnreachableError, match="no answer.*AWS_ENDPOINT_URL"):
            store.read("x")

    @pytest.mark.usefixtures("no_pauses")
    @pytest.mark.parametrize(
        ("status", "code", "kind", "words"),
        [
            (403, "AccessDenied", NotAllowedError, "refused.*rights"),
            (400, "ExpiredToken", NotAllowedError, "refused.*ExpiredToken"),
            (403, "RequestTimeTooSkewed", NotAllowedError, "clock.*NTP"),
            (503, "SlowDown", UnreachableError, "Try again later"),
            (500, "InternalError", UnreachableError, "Try again later"),
            (400, "InvalidRequest", StoreError, "400 InvalidRequest.*A further try changes nothing"),
            (501, "NotImplemented", StoreError, "501 NotImplemented.*A further try changes nothing"),
            (505, "505", StoreError, "A further try changes nothing"),
        ],
    )
    def test_answers_become_our_errors(self, s3: str, status: int, code: str, kind: type, words: str) -> None:
        """The server's answers become typed errors with its own words, that name the object and the remedy."""
        store = S3Store(f"s3://{s3}/p", S3Options())
        asked = answering(store, status, code, "Words\n of the   store.")
        with pytest.raises(kind, match=words) as caught:
            store.read("some/key.png")
        assert "some/key.png" in str(caught.value)
        assert caught.value.__cause__ is not None
        assert "clock" in words or f"{code}: Words of the store" in str(caught.value)
        assert len(asked) == (ATTEMPTS if kind is UnreachableError else 1), "what is final is asked once"

    @pytest.mark.usefixtures("no_pauses")
    @pytest.mark.parametrize("work", ["write", "create"])
    @pytest.mark.parametrize(
        ("status", "code", "message"),
        [
            (501, "NotImplemented", "Header 'x-amz-checksum-crc32' is not implemented"),
            (400, "InvalidArgument", "Unsupported header 'x-amz-checksum-crc32' received for this API call."),
            (400, "InvalidRequest", "x-amz-sdk-checksum-algorithm is not supported"),
            (501, "NotImplemented", "STREAMING-UNSIGNED-PAYLOAD-TRAILER not supported"),
            (400, "InvalidRequest", "Value for x-amz-trailer is invalid"),
        ],
    )
    def test_checksums_that_are_not_known(
        self, s3: str, work: str, status: int, code: str, message: str
    ) -> None:
        """A store that does not know boto3's checksums is told with its words and the setting, at once."""
        store = S3Store(f"s3://{s3}/p", S3Options())
        asked = answering(store, status, code, message)
        with pytest.raises(StoreError, match="AWS_REQUEST_CHECKSUM_CALCULATION=when_required") as caught:
            getattr(store, work)("x", b"1")
        assert message.rstrip(".") in str(caught.value)
        assert not isinstance(caught.value, UnsafeStoreError) and len(asked) == 1

    def test_the_setting_helps(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the setting that the message names, objects are put without those headers."""
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        store, heads = S3Store(f"s3://{s3}/p", S3Options()), []
        store._client.meta.events.register(
            "before-send.s3", lambda request, **_: heads.extend(name.lower() for name in request.headers)
        )
        store.write("x", b"1")
        assert store.create("y", b"1")
        assert heads and not [name for name in heads if "checksum" in name or "trailer" in name]

    @pytest.mark.usefixtures("no_pauses")
    @pytest.mark.parametrize(
        ("status", "code", "message"),
        [
            (501, "NotImplemented", "A header you provided implies functionality that is not implemented"),
            (400, "InvalidArgument", "Unsupported header 'If-None-Match'"),
            (400, "InvalidRequest", "Conditional writes are not available on this bucket"),
            (501, "501", ""),
        ],
    )
    def test_conditional_puts_that_are_not_known(self, s3: str, status: int, code: str, message: str) -> None:
        """A store without conditional puts is refused for designs with that reason, by the first put of the probe."""
        store = S3Store(f"s3://{s3}/p", S3Options())
        answering(store, status, code, message, lambda heads: "If-None-Match" in heads)
        with pytest.raises(UnsafeStoreError, match="lacks conditional puts.*would lose rows.*Use a store"):
            probe(store)

    def test_other_refusals_of_a_put_are_no_lack(self, s3: str) -> None:
        """A put that is refused for its key is not told as a lack of conditional puts."""
        store = S3Store(f"s3://{s3}/p", S3Options())
        answering(store, 400, "InvalidRequest", "The specified key is not valid.")
        with pytest.raises(StoreError, match="key is not valid") as caught:
            store.create("x", b"1")
        assert not isinstance(caught.value, UnsafeStoreError)

    @pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
    @pytest.mark.parametrize(
        ("before", "after", "what"),
        [("", "\n", "a line break"), ("", "\r\n", "a line break"), (" ", "", "a blank"), ("", " ", "a blank"),
         ("\t", "", "a blank")],
    )  # fmt: skip
    def test_keys_with_blanks(
        self, s3: str, monkeypatch: pytest.MonkeyPatch, name: str, before: str, after: str, what: str
    ) -> None:
        """A key that ends in what nobody sees is named by its setting, for our requests and Delta's; it is not shown."""
        monkeypatch.setenv(name, f"{before}planted{after}")
        store = open_store(f"s3://{s3}/p")
        for work in (lambda: store.read("x"), store.delta_location, lambda: list(store.list())):
            with pytest.raises(NotAllowedError, match=f"{name} .*holds {what}") as caught:
                work()
            assert "planted" not in str(caught.value)

    def test_secrets_with_inner_blanks(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A password as some stores have them, with blanks and umlauts inside, signs as well as any."""
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pass wörd of ours")
        open_store(f"s3://{s3}/p").write("x", b"1")

    def test_what_a_store_echoes_is_not_shown(self, s3: str) -> None:
        """A store that repeats what it was sent has keys, signatures and passwords taken out of its words."""
        store = S3Store(f"s3://{s3}/p", S3Options())
        echo = "Credential=planted1/x/s3, Signature=planted2; https://u:planted3@host and X-Amz-Security-Token: planted4"
        answering(store, 400, "AuthorizationHeaderMalformed", echo)
        with pytest.raises(StoreError, match="AuthorizationHeaderMalformed") as caught:
            store.read("x")
        assert "planted" not in str(caught.value)

    def test_too_large(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """An object above the limit is refused by its length, before its bytes are read."""
        monkeypatch.setattr("catalogs.storage.store_contract.LARGEST", 10)
        store = open_store(f"s3://{s3}/p")
        store.write("x", bytes(11))
        with pytest.raises(NotAnObjectError, match="are read at most"):
            store.read("x")

    @pytest.mark.parametrize("endpoint", ["http://user:planted@127.0.0.1:9", "https://planted@host"])
    def test_password_in_the_endpoint(self, s3: str, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
        """An endpoint with a password is refused with where to put it, and the password is not shown."""
        with pytest.raises(StoreError, match="AWS_SECRET_ACCESS_KEY") as given:
            S3Store(f"s3://{s3}/p", S3Options(endpoint_url=endpoint))
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(StoreError, match="AWS_SECRET_ACCESS_KEY") as found:
            open_store(f"s3://{s3}/p").read("x")
        assert "planted" not in f"{given.value}{found.value}"

    def test_endpoint_that_is_no_url(self, s3: str) -> None:
        """An endpoint without a scheme is named as no URL."""
        with pytest.raises(StoreError, match="no URL: write http://"):
            S3Store(f"s3://{s3}/p", S3Options(endpoint_url="localhost:9000")).read("x")


class TestS3WithFaults:
    """A bucket behind a network that loses answers."""

    @pytest.fixture
    def proxy(self, s3_endpoint: str) -> Iterator[FaultProxy]:
        """The network."""
        with fault_proxy(s3_endpoint) as proxy:
            yield proxy

    @pytest.fixture
    def store(self, s3: str, proxy: FaultProxy) -> S3Store:
        """The bucket, through the network."""
        return S3Store(f"s3://{s3}/p", S3Options(endpoint_url=proxy.url))

    @pytest.mark.parametrize("kind", ["lost", "cut", "500", "503", "slow"])
    def test_who_created_an_object_is_told_so(self, store: S3Store, proxy: FaultProxy, kind: str) -> None:
        """A conditional put that succeeded, and was repeated for want of an answer, has created the object."""
        proxy.choose = faults.of("PUT", "", kind, times=2 if kind == "cut" else 1)
        assert store.create("mine", b"1")
        assert proxy.counts[kind] > 0
        assert not store.create("mine", b"1"), "the same contents, but another writer"

    def test_who_did_not_is_told_so(self, store: S3Store, proxy: FaultProxy) -> None:
        """A repeated conditional put on what another wrote, with the very same contents, has created nothing."""
        S3Store(store.uri, S3Options(endpoint_url=f"http://{proxy.behind}")).create("his", b"same")
        proxy.choose = faults.of("PUT", "", "lost", times=1)
        assert not store.create("his", b"same")

    @pytest.mark.usefixtures("no_pauses")
    def test_racing_writers_that_lose_answers(self, store: S3Store, proxy: FaultProxy) -> None:
        """Of many who create one key at once over a lossy network, exactly one is told that it did."""
        proxy.choose = faults.share(0.2, seed=3, kinds=("lost", "cut", "500"))
        for n in range(5):
            with ThreadPoolExecutor(6) as pool:
                won = list(pool.map(lambda _: store.create(f"race{n}", b"same"), range(6)))  # noqa: B023
            assert sum(won) == 1

    @pytest.mark.parametrize("which", [0, 1])
    def test_probe_with_a_lost_answer(self, store: S3Store, proxy: FaultProxy, which: int) -> None:
        """A sound store passes the probe when the answer to either of its puts is lost, and keeps nothing."""
        proxy.choose = faults.of("PUT", "", "lost", after=which, times=1)
        probe(store)
        assert proxy.counts["lost"] == 1
        assert list(store.list()) == []

    def test_an_answer_that_breaks_off(self, store: S3Store, proxy: FaultProxy) -> None:
        """An object whose bytes stop in the middle is read again, and is whole."""
        store.write("big", bytes(range(256)) * 1000)
        proxy.choose = faults.of("GET", "big", "torn", times=3)
        assert store.read("big") == bytes(range(256)) * 1000
        assert proxy.counts["torn"] == 3

    @pytest.mark.usefixtures("no_pauses")
    def test_patience_does_not_wear_out(self, store: S3Store, proxy: FaultProxy) -> None:
        """After many requests that got no answer the next one is tried as often as the first."""
        proxy.choose = faults.every("cut")
        for n in range(1, 8):
            with pytest.raises(UnreachableError, match="no answer"):
                store.read("x")
            assert proxy.counts["cut"] == n * ATTEMPTS

    def test_silence_is_bounded(
        self, store: S3Store, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A store that takes requests and says nothing is given up when the patience is at its end."""
        monkeypatch.setattr("catalogs.storage.s3_store.ANSWER_SECONDS", 0.3)
        monkeypatch.setattr("catalogs.storage.s3_store.PATIENCE", 0.5)
        store.exists("x")
        proxy.choose = faults.every("silent")
        with pytest.raises(UnreachableError, match="no answer.*ReadTimeoutError"):
            store.read("x")
        assert proxy.counts["silent"] == 2

    def test_refused_without_a_word(self, store: S3Store, proxy: FaultProxy) -> None:
        """An answer without a body, as to HEAD, tells by its date that the clocks differ, else that rights lack."""
        proxy.choose = faults.every("skew")
        with pytest.raises(NotAllowedError, match="clock.*NTP"):
            store.exists("x")
        proxy.choose = faults.every("403")
        for look in (store.exists, store.stat):
            with pytest.raises(NotAllowedError, match="looking for .*rights"):
                look("x")


def test_a_link_that_was_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On NFS a link may be made and reported as there already; who made it is told that it did."""
    link = os.link

    def lossy(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError(target)

    monkeypatch.setattr(os, "link", lossy)
    assert LocalStore(tmp_path).create("x", b"1")
    monkeypatch.setattr(os, "link", link)
    assert not LocalStore(tmp_path).create("x", b"1")


@pytest.mark.parametrize("uri", ["https://user:planted@host/x", "s3://user:planted@bucket/x"])
def test_passwords_in_addresses_are_not_shown(uri: str) -> None:
    """An address that cannot be opened is told without its password."""
    with pytest.raises(StoreError) as caught:
        open_store(uri)
    assert "planted" not in str(caught.value)


def test_probe_refuses_a_store_that_lets_both_win() -> None:
    """Where two conditional puts of one key both succeed, a design catalog is refused."""

    class Careless(MemoryStore):
        def create(self, key: str, data: bytes) -> bool:
            self.write(key, data)
            return True

    with pytest.raises(UnsafeStoreError, match="would lose rows"):
        probe(Careless())


def test_runs_that_probe_at_once_do_not_meet(tmp_path: Path) -> None:
    """Many probes of one folder at the same time all pass."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: probe(LocalStore(tmp_path)), range(80)))


def test_links_to_nowhere_are_no_objects(tmp_path: Path) -> None:
    """An editor's lock, a link that leads nowhere, does not spoil a listing."""
    (tmp_path / ".#catalog.csv").symlink_to("nobody@nowhere")
    (tmp_path / "a.png").write_bytes(b"x")
    assert [entry.key for entry in LocalStore(tmp_path).list()] == ["a.png"]


def test_unknown_scheme_is_refused() -> None:
    """A URI of a kind we do not know names the kinds we do."""
    for uri in ("gs://bucket/x", "abfss://c@bucket/x"):
        with pytest.raises(StoreError, match=r"folder or s3://"):
            open_store(uri)
    with pytest.raises(StoreError, match="names no object"):
        locate("s3://bucket")


def test_bucket_name_is_needed() -> None:
    """s3:// without a bucket is refused with how to write it."""
    with pytest.raises(StoreError, match=r"s3://bucket/prefix"):
        open_store("s3:///x")


def test_locate_splits_an_address(tmp_path: Path) -> None:
    """One object's address becomes its store and its key, for a folder, the current folder and S3."""
    store, key = locate(str(tmp_path / "a.png"))
    assert (store.uri, key) == (str(tmp_path), "a.png")
    assert locate("a.png")[0].uri == str(Path.cwd())
    assert locate("s3://bucket/p/a.png")[0].uri == "s3://bucket/p"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
