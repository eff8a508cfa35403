"""What runs before the worker makes the bucket and lets no store pass that loses records."""

import importlib.util
import subprocess
import threading
import uuid
from types import ModuleType

import boto3
import pytest

from catalogs.errors import UnsafeStoreError
from catalogs.storage.memory_store import MemoryStore
from catalogs.storage.stores import open_store, probe
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def prepare() -> ModuleType:
    """deployments/prepare.py, which is a program and no package."""
    spec = importlib.util.spec_from_file_location("prepare", ROOT / "deployments" / "prepare.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bucket_pool_and_deployments(
    prepare: ModuleType, s3: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fresh S3 server gets its bucket, is proven and left empty; then all is deployed; twice does no harm."""
    bucket = f"fresh-{uuid.uuid4().hex[:8]}"
    assert bucket != s3
    monkeypatch.setenv("STYLEMILL_DESIGNS", f"s3://{bucket}/designs")
    called: list[list[str]] = []
    monkeypatch.setattr(prepare.subprocess, "run", lambda words, **_: called.append(words[1:]))
    for _ in range(2):
        assert prepare.main() == 0
    assert "also under a race" in capsys.readouterr().out
    assert list(open_store(f"s3://{bucket}/designs").list()) == []
    assert boto3.client("s3").head_bucket(Bucket=bucket)
    assert [words[:2] for words in called] == [["work-pool", "create"], ["--no-prompt", "deploy"]] * 2


class Racy(MemoryStore):
    """A store that looks first and creates afterwards: right for one writer, wrong for several at once."""

    def __init__(self) -> None:
        """Empty."""
        super().__init__()
        self.at_once, self._all_looked = False, threading.Barrier(8)

    def create(self, key: str, data: bytes) -> bool:
        """Create an object if it is not there, as of a moment ago."""
        there = self.exists(key)
        if self.at_once:
            self._all_looked.wait()
        if not there:
            self.write(key, data)
        return not there


def test_race_finds_what_a_probe_does_not(prepare: ModuleType) -> None:
    """A store that honours conditional puts in turn but not at once passes the probe, and is refused here."""
    store = Racy()
    probe(store)
    store.at_once = True
    with pytest.raises(UnsafeStoreError, match="conditional puts at once 8 won"):
        prepare.race(store)
    prepare.race(MemoryStore())


def test_failure_is_a_sentence(
    prepare: ModuleType, s3: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where Prefect's command fails, the program ends with code 1 and says which command."""
    monkeypatch.setenv("STYLEMILL_DESIGNS", f"s3://{s3}/designs")

    def fail(words: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, words)

    monkeypatch.setattr(prepare.subprocess, "run", fail)
    assert prepare.main() == 1
    assert "work-pool" in capsys.readouterr().err
