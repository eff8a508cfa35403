"""A run over storage that fails: it completes or stops soon and says why, and no design is lost or doubled."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import UnreachableError
from catalogs.storage.s3_store import S3Store
from catalogs.storage.store_contract import S3Options
from catalogs.storage.stores import open_store
from tests import faults
from tests.catalogs.designs.test_design_catalog import design
from tests.conftest import Run
from tests.faults import AT_ONCE, FaultProxy, fault_proxy, put_in_s3, records, require_clear_end

DEAD = ("500", "503", "cut", "lost")
"""Faults that no request survives."""
SOON = 120
"""Seconds within which a run that finds no store must have stopped, its own start included."""
MINUTES = 240
"""The same where the store goes in mid-run, and Prefect tries the shard four times."""


@pytest.fixture
def proxy(s3: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:  # noqa: ARG001
    """Between the command and the S3 server; `s3`, the bucket, is behind it."""
    with fault_proxy(s3_endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def arguments(catalog: Path, s3: str) -> list[str]:
    """A run of 9 designs whose three catalogs are in S3, behind the proxy."""
    return put_in_s3(catalog, s3)


def test_no_request_succeeds_then_every_fifth_fails(
    arguments: list[str], proxy: FaultProxy, s3: str, s3_endpoint: str, stylemill: Run
) -> None:
    """Without a store the run ends soon with what to do; where then every fifth request fails, it makes all."""
    proxy.choose = faults.share(1, seed=7, kinds=DEAD)
    began = time.monotonic()
    stopped = stylemill(*arguments)
    assert time.monotonic() - began < SOON
    require_clear_end(stopped.returncode, stopped.stderr, f"s3://{s3}/in", "run the same command again")

    proxy.counts.clear()
    proxy.choose, proxy.pause = faults.share(0.2, seed=7), 0.25
    run = stylemill(*arguments, STYLEMILL_BATCH="1", STYLEMILL_COMMIT_SECONDS="1")
    assert run.returncode == 0, run.stderr
    assert "9 new designs" in run.stdout
    assert len(records(s3, s3_endpoint)) == 9
    assert all(proxy.counts[kind] for kind in faults.KINDS), proxy.counts

    proxy.choose = faults.none
    doctor = stylemill("doctor", "--designs", f"s3://{s3}/designs")
    assert doctor.returncode == 0
    assert "9 designs, 0 faulty records" in doctor.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_store_goes_in_mid_run(
    arguments: list[str], proxy: FaultProxy, s3: str, s3_endpoint: str, stylemill: Run
) -> None:
    """A store that goes for good in mid-run ends the run within minutes; what was filed stays, the rest follows."""
    third = faults.of("PUT", "/images/", "cut", after=3)
    proxy.choose = faults.from_then_on(third, faults.share(1, seed=7, kinds=DEAD))
    began = time.monotonic()
    stopped = stylemill(*arguments, **AT_ONCE)
    assert time.monotonic() - began < MINUTES
    require_clear_end(stopped.returncode, stopped.stderr, f"s3://{s3}/", "run the same command again")
    filed = len(records(s3, s3_endpoint))
    assert 0 < filed < 9
    proxy.choose = faults.none
    again = stylemill(*arguments)
    assert again.returncode == 0, again.stderr
    assert f"{9 - filed} new designs, {filed} already there" in again.stdout
    assert len(records(s3, s3_endpoint)) == 9


@pytest.mark.parametrize("kind", ["lost", "cut", "503"])
def test_commits_without_an_answer(proxy: FaultProxy, s3: str, s3_endpoint: str, kind: str) -> None:
    """A commit whose answer is lost, which never arrives or is refused for a moment, files every design once."""
    catalog = DesignCatalog(open_store(f"s3://{s3}/designs"))
    for n in range(4):
        # The second commit that a filing makes is the one that inserts; the first, once, makes the table.
        proxy.choose = faults.of("PUT", r"/_delta_log/\d+\.json", kind, times=1)
        catalog.file([design(f"d{n}"), design("all")])
        assert proxy.counts[kind] == n + 1
    found = DesignCatalog(S3Store(f"s3://{s3}/designs", S3Options(endpoint_url=s3_endpoint))).read(
        ["design_id"]
    )
    assert sorted(found["design_id"].to_pylist()) == ["all", "d0", "d1", "d2", "d3"]


def test_removals_without_an_answer(proxy: FaultProxy, s3: str) -> None:
    """A removal whose answer is lost has removed, and only what it was told."""
    catalog = DesignCatalog(open_store(f"s3://{s3}/designs"))
    catalog.file([design("a"), design("b")])
    proxy.choose = faults.of("PUT", r"/_delta_log/\d+\.json", "lost", times=1)
    catalog.remove([("a", "0")])
    assert catalog.existing() == {"b"}


def test_a_table_behind_a_dead_store_is_named(
    proxy: FaultProxy, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of fault in reading and in filing ends in UnreachableError with the table, the cause and the remedy."""
    catalog = DesignCatalog(open_store(f"s3://{s3}/designs"))
    catalog.file([design("a")])
    monkeypatch.setattr(
        "catalogs.storage.s3_store.DELTA_RETRIES", {"max_retries": "1", "retry_timeout": "5s"}
    )
    for kind, cause in (("500", "InternalError"), ("503", "SlowDown"), ("cut", "onnection")):
        proxy.choose = faults.every(kind)
        for work in (catalog.existing, lambda: catalog.file([design("b")])):
            with pytest.raises(
                UnreachableError, match=rf"designs/table: no answer.*{cause}.*same command again"
            ):
                work()
    proxy.choose = faults.none
    assert catalog.existing() == {"a"}
