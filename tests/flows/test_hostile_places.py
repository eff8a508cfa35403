"""A run in a place that turns hostile: it stops with what to do, leaves nothing torn, and goes on afterwards."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogs.designs import maintenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import FullError, NotAllowedError
from catalogs.storage.stores import open_store
from tests import faults
from tests.catalogs.designs.test_design_catalog import design
from tests.conftest import Run
from tests.faults import AT_ONCE, FaultProxy, fault_proxy, put_in_s3, records, require_clear_end
from tests.flows.test_killed_runs import records as records_of_folder

OUTAGE = 5.0
"""Seconds without a server, as a restart takes."""
CLOCKS = "this machine's clock"


@pytest.fixture
def proxy(s3: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:  # noqa: ARG001
    """Between the command and the S3 server."""
    with fault_proxy(s3_endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def arguments(catalog: Path, s3: str) -> list[str]:
    """A run of 9 designs whose three catalogs are in S3."""
    return put_in_s3(catalog, s3)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB of its own; skips where mounting is not permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    done = (
        subprocess.run(mounting, capture_output=True, text=True, check=False)
        if shutil.which("mount")
        else None
    )
    if done is None or done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip() if done else 'no mount command'}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def leave(disk: Path, room: int) -> Path:
    """Fill a disk but for so many bytes; returns the file that fills it."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - room))
    return ballast


def whole(folder: Path) -> None:
    """Nothing torn: every record has its picture, and no half-written file is left."""
    assert not maintenance.examine(DesignCatalog(open_store(str(folder)))).faults
    assert not list(folder.rglob(".partial-*"))


def test_disk_full_in_mid_run(small_disk: Path, catalog: Path, stylemill: Run) -> None:
    """A disk that is full in mid-run ends the run with what to do; with room, the same command makes the rest."""
    designs = small_disk / "designs"
    command = [
        "run", "--garments", f"{catalog}/garments", "--styles", f"{catalog}/styles",
        "--designs", f"{designs}", "--recipe", f"{catalog}/tiny.toml",
    ]  # fmt: skip
    ballast = leave(small_disk, 160_000)
    stopped = stylemill(*command, **AT_ONCE)
    require_clear_end(stopped.returncode, stopped.stderr, str(designs), "disk is full", "Make room")
    filed = len(records_of_folder(designs))
    assert 0 < filed < 9
    whole(designs)
    ballast.unlink()
    again = stylemill(*command)
    assert again.returncode == 0, again.stderr
    assert f"{9 - filed} new designs, {filed} already there" in again.stdout
    assert len(records_of_folder(designs)) == 9


def test_disk_full_at_the_commit(small_disk: Path) -> None:
    """Whichever file of a commit finds the disk full, the commit is told as that, files nothing, and goes later."""
    catalog = DesignCatalog(open_store(str(small_disk / "designs")))
    catalog.file([design("a")])
    for room in range(0, 28_672, 4096):
        ballast = leave(small_disk, room)
        try:
            with pytest.raises(FullError, match="designs/table: the disk is full. Make room"):
                catalog.file([design("b")])
        except pytest.fail.Exception:
            break
        finally:
            ballast.unlink()
        assert catalog.existing() == {"a"}
    else:
        raise AssertionError("no room was enough for a commit")
    assert room > 0
    assert catalog.existing() == {"a", "b"}


@pytest.mark.slow
def test_rights_withdrawn_in_mid_run(
    arguments: list[str],
    proxy: FaultProxy,
    s3: str,
    s3_endpoint: str,
    stylemill: Run,
) -> None:
    """Rights that end in mid-run end the run at once, without a second try; once they are back it goes on."""
    fourth = faults.of("PUT", "/images/", "403", after=3)
    proxy.choose = faults.from_then_on(fourth, lambda method, _path: "403" if method == "PUT" else None)
    stopped = stylemill(*arguments, **AT_ONCE)
    require_clear_end(
        stopped.returncode, stopped.stderr, f"s3://{s3}/designs", "refused", "AccessDenied", "rights"
    )
    refused = [path for kind, _, path in proxy.requests if kind == "403"]
    assert len(refused) == len(set(refused)), "a refused request was sent again"
    filed = len(records(s3, s3_endpoint))
    assert filed < 9
    proxy.choose = faults.none
    again = stylemill(*arguments)
    assert again.returncode == 0, again.stderr
    assert f"{9 - filed} new designs, {filed} already there" in again.stdout
    assert len(records(s3, s3_endpoint)) == 9


def test_clocks_that_differ(arguments: list[str], proxy: FaultProxy, stylemill: Run) -> None:
    """A clock that is off is named as that, with no word of rights."""
    proxy.choose = faults.every("skew")
    stopped = stylemill(*arguments)
    require_clear_end(stopped.returncode, stopped.stderr, "s3://", CLOCKS, "NTP", "same command again")
    assert "rights" not in stopped.stderr


def test_clocks_that_differ_are_named_everywhere(proxy: FaultProxy, s3: str) -> None:
    """Reading, writing, asking (an answer without a body) and the Delta library all name the clocks."""
    store = open_store(f"s3://{s3}/designs")
    catalog = DesignCatalog(store)
    catalog.file([design("a")])
    proxy.choose = faults.every("skew")
    for work in (
        lambda: store.read("x"),
        lambda: store.write("x", b""),
        lambda: store.exists("x"),
        catalog.existing,
        lambda: catalog.file([design("b")]),
    ):
        with pytest.raises(NotAllowedError, match=f"{CLOCKS}.*NTP"):
            work()


def test_a_refusal_is_final(proxy: FaultProxy, s3: str) -> None:
    """What the store refuses is asked once, by boto3 and by the Delta library, and ends in NotAllowedError."""
    store = open_store(f"s3://{s3}/designs")
    catalog = DesignCatalog(store)
    catalog.file([design("a")])
    proxy.choose = faults.of("PUT", "", "403")
    for n, work in enumerate((lambda: store.write("x", b""), lambda: catalog.file([design("b")])), 1):
        with pytest.raises(NotAllowedError, match="AccessDenied.*Check.* rights"):
            work()
        assert proxy.counts["403"] == n
    proxy.choose = faults.none
    catalog.file([design("b")])
    assert catalog.existing() == {"a", "b"}


@pytest.mark.slow
def test_the_server_starts_anew_in_mid_run(
    arguments: list[str],
    proxy: FaultProxy,
    s3: str,
    s3_endpoint: str,
    stylemill: Run,
) -> None:
    """A server that refuses connections for five seconds in mid-run costs time, and nothing else."""
    away = threading.Event()

    def third_picture(method: str, path: str) -> str | None:
        if method == "PUT" and "/images/" in path and not away.is_set():
            away.set()
            proxy.outage(OUTAGE)
            return "cut"
        return None

    proxy.choose = third_picture
    run = stylemill(*arguments, **AT_ONCE)
    assert away.is_set()
    assert run.returncode == 0, run.stderr
    assert "9 new designs" in run.stdout
    assert len(records(s3, s3_endpoint)) == 9


def test_a_short_outage_is_sat_out(proxy: FaultProxy, s3: str) -> None:
    """A store that is away for a second is waited for, by reads, writes and commits alike."""
    catalog = DesignCatalog(open_store(f"s3://{s3}/designs"))
    catalog.file([design("a")])
    for work in (
        lambda: catalog.store.write("x", b"1"),
        lambda: catalog.store.read("x"),
        lambda: catalog.file([design("b")]),
    ):
        proxy.outage(1.0)
        time.sleep(0.1)
        work()
        while proxy.down:
            time.sleep(0.05)
    assert catalog.existing() == {"a", "b"}


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """A limit on the size of files (a quota by ulimit) ends a write with the cause, and leaves no half file."""
    code = (
        "import resource, signal, sys; from catalogs.storage.stores import open_store\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "open_store(sys.argv[1]).write('x', bytes(5000))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "StoreError: writing" in run.stderr and "File too large" in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["catalog.csv", "garments/catalog.csv"])
def test_a_table_that_is_a_link_to_a_secret(catalog: Path, stylemill: Run, tmp_path: Path, name: str) -> None:
    """A stranger's table that leads to another file of this machine is refused, and the file is not shown."""
    secret = tmp_path / "passwd"
    secret.write_text("root:planted:0:0\n")
    table = catalog / "garments" / "catalog.csv"
    if name == "catalog.csv":
        table.unlink()
        table.symlink_to(secret)
    else:
        (catalog / "garments").rename(tmp_path / "kept")
        (catalog / "garments").mkdir()
        table.symlink_to(tmp_path / "kept" / "catalog.csv")
        (tmp_path / "kept" / "catalog.csv").write_text(secret.read_text())
    told = stylemill("check", "--garments", catalog / "garments", "--styles", catalog / "styles")
    assert told.returncode != 0 and "Traceback" not in told.stderr
    assert "leads out of the catalog" in told.stderr
    assert "planted" not in told.stdout + told.stderr


@pytest.mark.parametrize("what", ["/dev/zero", "passport.png", "pipe"])
def test_a_picture_that_is_a_link_is_its_rows_fault(
    catalog: Path, stylemill: Run, tmp_path: Path, what: str
) -> None:
    """A row whose picture is a device, a pipe or another's file is rejected; the others' designs are made."""
    picture = catalog / "styles" / "s0.png"
    picture.rename(tmp_path / "passport.png")
    if what == "pipe":
        os.mkfifo(picture)
    else:
        picture.symlink_to(tmp_path / what)
    designs = tmp_path / "designs"
    done = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", designs,
        "--recipe", catalog / "tiny.toml",
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "6 new designs" in done.stdout, done.stderr
    assert "s0" in done.stdout + done.stderr and "s0" not in set(records_of_folder(designs)["style_id"])
