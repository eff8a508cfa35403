"""Claims: one holder a design, whoever asks; the dead hold nothing."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from catalogs import keys
from catalogs.errors import NotFoundError
from catalogs.storage import claims
from catalogs.storage.claims import Claims
from catalogs.storage.store_contract import ObjectInfo, Store
from catalogs.storage.stores import open_store

DESIGNS = [f"{n:064x}" for n in range(12)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is a new one."""
    monkeypatch.setattr(claims, "LOOK", 0.0)


def signed(store: Store, holder: str, place: str = "elsewhere", pid: int = 1) -> None:
    """The sign of life of a holder on some machine."""
    store.write(keys.claim_holder(holder), json.dumps({"place": place, "pid": pid}).encode())


class Contract:
    """The same on a folder and on S3."""

    def test_each_design_has_one_holder(self, where: str) -> None:
        """Eight holders that want the same designs at once share them out, none twice, none left."""
        store = open_store(where)
        everyone = [Claims(store, f"run-{n}") for n in range(8)]
        start, done = threading.Barrier(8), threading.Barrier(8)

        def work(own: Claims) -> set[str]:
            with own.held():
                start.wait()
                with own.taken(DESIGNS) as ours:
                    done.wait()
                    return ours

        with ThreadPoolExecutor(8) as pool:
            shares = list(pool.map(work, everyone))
        assert sorted(one for share in shares for one in share) == DESIGNS
        assert not list(store.list("claims/")), "nothing is left when all are done"

    def test_others_see_who_is_at_work(self, where: str) -> None:
        """A claimed design is at work for others, not for its holder; afterwards for nobody."""
        store = open_store(where)
        first, second = Claims(store, "first"), Claims(store, "second")
        with first.held(), second.held():
            with first.taken(DESIGNS[:2]):
                assert second.at_work(DESIGNS) == dict.fromkeys(DESIGNS[:2], "first")
                assert first.at_work(DESIGNS) == {}
                assert second.others() == {"first"}
                with second.taken(DESIGNS[:3]) as ours:
                    assert ours == {DESIGNS[2]}
            assert second.at_work(DESIGNS) == {}

    def test_a_holder_keeps_what_it_has(self, where: str) -> None:
        """A shard that is tried again finds its designs claimed by its own run, and goes on with them."""
        own = Claims(open_store(where), "run")
        with own.held(), own.taken(DESIGNS), own.taken(DESIGNS) as again:
            assert again == set(DESIGNS)

    def test_the_dead_hold_nothing(self, where: str) -> None:
        """Claims without a sign of life, and of a process of this machine that ended, are taken over."""
        store = open_store(where)
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        store.create(keys.claim(DESIGNS[0]), b"never-seen")
        store.create(keys.claim(DESIGNS[1]), b"killed-here")
        signed(store, "killed-here", claims.PLACE, dead.pid)
        store.create(keys.claim(DESIGNS[2]), b"alive-here")
        signed(store, "alive-here", claims.PLACE, os.getpid())
        store.create(keys.claim(DESIGNS[3]), b"alive-elsewhere")
        signed(store, "alive-elsewhere", "another machine", dead.pid)
        own = Claims(store, "run")
        with own.held(), own.taken(DESIGNS[:4]) as ours:
            assert ours == set(DESIGNS[:2])


class TestFolder(Contract):
    """On a folder."""

    @pytest.fixture
    def where(self, tmp_path: Path) -> str:
        """A folder."""
        return str(tmp_path)


class TestS3(Contract):
    """On a real S3 server."""

    @pytest.fixture
    def where(self, s3: str) -> str:
        """A prefix in a bucket."""
        return f"s3://{s3}/designs"


def test_a_lease_runs_out(tmp_path: Path) -> None:
    """A holder on another machine that gave no sign for longer than the lease is dead, by the store's clock.

    So is one whose sign is from the future: the clock was set back since, and who lives gives another sign.
    """
    store = open_store(str(tmp_path))
    own = Claims(store, "run")
    lease, second = claims.LEASE, timedelta(seconds=1)
    for name, age in (
        ("late", lease - 30 * second),
        ("dead", lease + timedelta(1)),
        ("ahead", -lease - 30 * second),
    ):
        signed(store, name)
        path = tmp_path / keys.claim_holder(name)
        then = path.stat().st_mtime - age.total_seconds()
        os.utime(path, (then, then))
    with own.held():
        assert own.others() == {"late"}


def test_clocks_may_differ(tmp_path: Path) -> None:
    """Where the store's clock is a day ahead of ours, a holder that lives still lives, and a dead one is dead."""

    class Ahead:
        """The store, as one whose clock is a day ahead."""

        def __init__(self, store: Store) -> None:
            self._store = store

        def __getattr__(self, name: str) -> object:
            return getattr(self._store, name)

        def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
            for found in self._store.list(prefix):
                later = found.modified + timedelta(days=1)
                yield ObjectInfo(found.key, found.size, found.etag, later)

    store: Store = Ahead(open_store(str(tmp_path)))  # type: ignore[assignment]
    own, other = Claims(store, "run"), Claims(store, "other")
    with own.held(), other.held():
        assert own.others() == {"other"}


def test_own_sign_that_was_removed(tmp_path: Path) -> None:
    """The store's time, asked for when another removed our sign of life, is an error that says so; no neighbour's."""
    store = open_store(str(tmp_path))
    own = Claims(store, "run")
    with own.held():
        assert own.now() is not None
        store.delete(keys.claim_holder("run"))
        signed(store, "run.json-of-another")
        with pytest.raises(NotFoundError, match=r"holders/run\.json: our own sign of life was removed"):
            own.now()


def test_signs_of_life_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sign is written anew again and again while claims are held, and is gone afterwards."""
    monkeypatch.setattr(claims, "BEAT", 0.02)
    store = open_store(str(tmp_path))
    written = []
    monkeypatch.setattr(store, "write", lambda key, _data: written.append(key))
    with Claims(store, "run").held():
        until = threading.Event()
        while len(written) < 4:
            assert not until.wait(0.01)
    assert set(written) == {"claims/holders/run.json"}
    assert not list(store.list("claims/holders/"))


def test_what_another_took_over_stays_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that gave no sign for long, and comes back, does not release what another has claimed meanwhile."""
    store = open_store(str(tmp_path))
    slow, other = Claims(store, "slow"), Claims(store, "other")
    monkeypatch.setattr(claims, "DOUBT", 0.0)
    with other.held():
        with slow.taken(DESIGNS[:2]):
            store.delete(keys.claim(DESIGNS[0]))
            store.create(keys.claim(DESIGNS[0]), b"other")
        assert store.read(keys.claim(DESIGNS[0])) == b"other"
        assert not store.exists(keys.claim(DESIGNS[1]))


def test_what_is_no_sign_is_nobodys(tmp_path: Path) -> None:
    """A stray file among the signs of life is no holder, and stops nobody."""
    store = open_store(str(tmp_path))
    store.write(f"{keys.CLAIM_HOLDERS}notes.json", b"not JSON")
    store.write(f"{keys.CLAIM_HOLDERS}list.json", b"[]")
    own = Claims(store, "run")
    with own.held():
        assert own.others() == set()
