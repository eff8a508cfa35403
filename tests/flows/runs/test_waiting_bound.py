"""How long a run may wait where nothing answers: the bound in docs/operations.md is that of the constants."""

import math
from itertools import islice
from typing import Any

from catalogs.storage import claims, s3_store
from catalogs.storage.delta import delta_calls
from catalogs.storage.store_contract import S3Options
from flows.orchestration.stylize_catalog import stylize_shard
from flows.painting.filing import WRITERS
from flows.reports import monitoring
from flows.runs.shard_runs import FIRST_WAIT, LONGEST_WAIT, RETRIES
from tests.conftest import ROOT

DOCS = (ROOT / "docs" / "operations.md").read_text()


def request_seconds() -> float:
    """One request of ours: the last try may begin when patience and a pause are over."""
    config: Any = s3_store.S3Store(
        "s3://bucket/prefix", S3Options(None, "eu-west-1", None)
    )._client.meta.config
    assert config.retries["total_max_attempts"] == 1
    last_try: float = config.connect_timeout + config.read_timeout
    return s3_store.PATIENCE + s3_store.LONGEST_PAUSE + last_try


def delta_seconds() -> float:
    """One operation on a table: repeated by us, or by the Delta library, never by both."""
    timeout, repeated = (
        float(s3_store.DELTA_RETRIES[name].rstrip("s")) for name in ("timeout", "retry_timeout")
    )
    ours = delta_calls.UNANSWERED_ATTEMPTS * (timeout + delta_calls.PAUSES.max)
    return max(ours, repeated + timeout)


def pauses() -> float:
    """The longest pauses between the tries of a shard, by Prefect or by tenacity."""
    prefect = (1 + stylize_shard.retry_jitter_factor) * sum(stylize_shard.retry_delay_seconds)
    doubled = (min(LONGEST_WAIT, FIRST_WAIT * 2**number) for number in range(100))
    return max(prefect, sum(islice(doubled, RETRIES)))


def bound(designs: int) -> float:
    """Seconds until a run stops, for shards of so many designs; each line is a row of the table."""
    request, delta = request_seconds(), delta_seconds()
    writing = math.ceil((2 * WRITERS + 1) / WRITERS)
    first = (1 + writing) * request + delta + math.ceil(designs / claims.AT_ONCE) * request
    further = RETRIES * 2 * request + pauses()
    end = delta + 2 * request + 2 * monitoring.PATIENCE
    return first + further + end


def test_prefect_tries_as_often_as_we_do() -> None:
    """A shard has as many tries as a task of Prefect as it has without Prefect."""
    assert stylize_shard.retries == RETRIES == len(stylize_shard.retry_delay_seconds)


def test_the_documented_bound_is_that_of_the_constants() -> None:
    """The seconds of a request, of an operation on a table and of a whole run stand in docs/operations.md."""
    assert f"R, one request of ours | {request_seconds():.0f} s" in DOCS
    assert f"D, one operation on a Delta table | {delta_seconds():.0f} s" in DOCS
    assert (
        f"{math.ceil(bound(0)):,} s + {request_seconds():.0f} s for each {claims.AT_ONCE} designs of a shard"
        in DOCS
    )
    assert f"{math.ceil(bound(64) / 60)} minutes for shards of 64 designs" in DOCS
