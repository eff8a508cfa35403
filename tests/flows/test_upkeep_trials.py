"""Upkeep where it hurts: beside runs and beside itself, killed, with clocks that jump, on disks that are read-only.

Each trial plays the real commands on a small catalog, and ends with a look that it is whole: every planned design
once, each with its picture, and `doctor` content. What was seen is in docs/operations.md.
"""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalogs.designs import maintenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.storage.stores import open_store
from tests.catalogs.designs.test_design_catalog import design
from tests.catalogs.designs.test_maintenance import filed, key, written
from tests.conftest import ROOT, TINY_RECIPE, Run, write_catalog
from tests.flows.test_hostile_places import leave, small_disk
from tests.flows.test_killed_runs import Started, records, wait_for_pictures

__all__ = ["small_disk"]
GC = ("gc", "--delete", "--older-than", "0", "--retention", "1")
REPAIR = ("doctor", "--repair")
DESIGNS = 16
DAY = 24 * 3600
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static volatile long *ahead;
__attribute__((constructor)) static void begin(void) {
    ahead = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, open(getenv("CLOCK_AHEAD"), O_RDONLY), 0);
}
int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(which, now);
    if (!code && ahead && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += *ahead;
    return code;
}
time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *restrict kept, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    kept->tv_sec = now.tv_sec;
    kept->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""
"""A clock that runs ahead by what a file says, for a process and what it starts; sleeps and waits go by the true one.

libfaketime (0.9.10) has Python's sleep fail ("Invalid argument").
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """A run of 16 designs, slow enough that upkeep goes on beside it."""
    folder = write_catalog(tmp_path / "in", garments=4, styles=4)
    (folder / "tiny.toml").write_text(TINY_RECIPE.replace("3]", "12]"))
    return [
        "run", "--garments", f"{folder}/garments", "--styles", f"{folder}/styles",
        "--designs", f"{tmp_path}/designs", "--recipe", f"{folder}/tiny.toml",
    ]  # fmt: skip


class Clock:
    """The clock of commands that are given `environment`."""

    def __init__(self, folder: Path) -> None:
        """It is right at first. Skips where there is no C compiler."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None or sys.platform != "linux":
            pytest.skip("a clock that jumps needs Linux and a C compiler")
        (folder / "clock.c").write_text(CLOCK)
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c", "-ldl"], check=True
        )
        self._ahead = folder / "ahead"
        self.set(0)
        self.environment = {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_AHEAD": str(self._ahead)}

    def set(self, ahead: int) -> None:
        """Have it run ahead by so many seconds from now on; in place, as processes have the file mapped."""
        with self._ahead.open("r+b" if self._ahead.exists() else "wb") as file:
            file.write(struct.pack("@l", ahead))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock that can be set."""
    return Clock(tmp_path)


def begun(*command: object, log: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """A command in the background, what it says in a file."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.command.cli", *map(str, command)],
            cwd=ROOT, env={**os.environ, **environment}, stdout=file, stderr=file,
        )  # fmt: skip


@contextmanager
def again_and_again(*command: object, log: Path, **environment: str) -> Iterator[None]:
    """A command one time after the other, as long as this lasts; it may fail for nothing but what it says."""
    over = False

    def go_on() -> int:
        rounds = 0
        while not over:
            begun(*command, log=log, **environment).wait(120)
            rounds += 1
        return rounds

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_on)
        try:
            yield
        finally:
            over = True
        assert going.result() > 1, "it was over before it had come round"


def require_whole(designs: Path, count: int) -> None:
    """Every planned design once, with its picture; doctor finds nothing but pictures without a record."""
    assert len(records(designs)) == count
    found = maintenance.examine(DesignCatalog(open_store(str(designs))))
    assert (found.designs, found.faults) == (count, ())


def require_run(arguments: list[str], stylemill: Run, designs: Path) -> None:
    """The same command makes what is missing, then the catalog is whole."""
    done = stylemill(*arguments)
    assert done.returncode == 0, done.stderr
    require_whole(designs, DESIGNS)


def many_files(where: Path, count: int = 30) -> DesignCatalog:
    """A catalog with a data file a design, so that there is something to merge, and pictures that nobody names."""
    catalog = filed(str(where), "first")
    for n in range(count - 1):
        catalog.file([written(catalog, f"d{n}")])
    for n in range(10):
        catalog.add_picture(key(f"orphan {n}"), b"nobody's")
    return catalog


@pytest.mark.slow
@pytest.mark.parametrize(
    "beside", [[GC], [REPAIR], [GC, REPAIR], [GC, GC]], ids=["gc", "doctor", "both", "two gc"]
)
def test_beside_a_run(
    arguments: list[str], tmp_path: Path, stylemill: Run, beside: list[tuple[str, ...]]
) -> None:
    """Upkeep without any grace time, again and again beside a run, takes nothing from it and doubles nothing."""
    designs = tmp_path / "designs"
    run = Started(arguments, tmp_path / "run.log")
    wait_for_pictures(designs, 1, run)
    loops = [
        again_and_again(*command, "--designs", designs, log=tmp_path / f"upkeep{n}.log")
        for n, command in enumerate(beside)
    ]
    for loop in loops:
        loop.__enter__()
    code = run.wait()
    for loop in loops:
        loop.__exit__(None, None, None)
    said = "".join((tmp_path / f"upkeep{n}.log").read_text() for n in range(len(beside)))
    assert code == 0, (tmp_path / "run.log").read_text()
    assert "Traceback" not in said and "faulty record)" not in said
    require_whole(designs, DESIGNS)
    require_run(arguments, stylemill, designs)


@pytest.mark.slow
def test_merging_beside_merging_and_filing(tmp_path: Path) -> None:
    """Two that merge and one that files, without the claim that keeps them apart, double no row and lose none."""
    many_files(tmp_path / "designs")
    names = [f"late {n}" for n in range(40)]

    def file_all() -> None:
        own = DesignCatalog(open_store(str(tmp_path / "designs")))
        for name in names:
            own.file([written(own, name)])

    def merge_all(_: int) -> None:
        own = DesignCatalog(open_store(str(tmp_path / "designs")))
        for _ in range(8):
            own.tidy(timedelta(days=1))

    with ThreadPoolExecutor(3) as pool:
        filing, *merging = pool.submit(file_all), pool.submit(merge_all, 1), pool.submit(merge_all, 2)
        for one in (filing, *merging):
            one.result()
    require_whole(tmp_path / "designs", 30 + len(names))


@pytest.mark.slow
def test_a_merge_that_slept_through_another(tmp_path: Path) -> None:
    """A merge is stopped in the middle (a laptop that sleeps); another merges; woken, the first doubles nothing."""
    where = tmp_path / "designs"
    for trial in range(8):
        catalog = many_files(where / str(trial), 20)
        process = _tidying(where / str(trial))
        time.sleep(0.01 + 0.02 * trial)
        process.send_signal(signal.SIGSTOP)
        catalog.tidy(timedelta(days=1))
        catalog.file([written(catalog, "meanwhile")])
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 0
        require_whole(where / str(trial), 21)


def _tidying(where: Path) -> "subprocess.Popen[bytes]":
    """A process that merges, as soon as it says that it begins."""
    code = (
        "import sys; from datetime import timedelta; from catalogs.designs.design_catalog import DesignCatalog\n"
        "from catalogs.storage.stores import open_store\n"
        "catalog = DesignCatalog(open_store(sys.argv[1])); catalog.version()\n"
        "print('begins', flush=True); catalog.tidy(timedelta(days=1))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(where)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"begins\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("command", [GC, REPAIR], ids=["gc", "doctor"])
def test_killed(tmp_path: Path, stylemill: Run, command: tuple[str, ...]) -> None:
    """Killed at ten moments of its work, then run to its end: no record lost but the faulty, none doubled."""
    dice = random.Random(0)
    where = tmp_path / "designs"
    catalog = many_files(where)
    lost = catalog.read(["image"])["image"].to_pylist()[:5]
    for image in lost:
        catalog.store.delete(image)
    began = time.monotonic()
    shutil.copytree(where, tmp_path / "timed")
    stylemill(*command, "--designs", tmp_path / "timed")
    lasts = time.monotonic() - began
    for n in range(10):
        process = begun(*command, "--designs", where, log=tmp_path / "log")
        time.sleep(dice.uniform(0.4, 1) * lasts)
        process.kill()
        process.wait()
        found = maintenance.examine(DesignCatalog(open_store(str(where))))
        assert found.designs - len(found.faults) == 25, f"after kill {n}"
    ended = stylemill(*command, "--designs", where)
    assert ended.returncode == 0, ended.stderr
    stylemill(*REPAIR, "--designs", where)
    require_whole(where, 25)
    again = DesignCatalog(open_store(str(where)))
    again.file([written(again, "after")])
    require_whole(where, 26)


@pytest.mark.slow
def test_seal_killed(tmp_path: Path, stylemill: Run) -> None:
    """A seal killed at any moment leaves no manifest or a whole one; sealed again it is whole."""
    folder = write_catalog(tmp_path / "in", styles=6) / "styles"
    table = (folder / "catalog.csv").read_text().replace("set-0", "").replace("set-1", "")
    (folder / "catalog.csv").write_text(table)
    dice = random.Random(0)
    for _ in range(10):
        (folder / "manifest.json").unlink(missing_ok=True)
        process = begun("seal", folder, log=tmp_path / "log")
        time.sleep(dice.uniform(0.2, 1.2))
        process.kill()
        process.wait()
        for manifest in folder.glob("*.json"):
            assert json.loads(manifest.read_text())
    done = stylemill("seal", folder)
    assert done.returncode == 0 and "6 styles" in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [3 * DAY, -3 * DAY], ids=["ahead", "behind"])
def test_gc_with_a_clock_that_is_wrong(
    arguments: list[str], tmp_path: Path, stylemill: Run, clock: Clock, ahead: int
) -> None:
    """Gc on a machine whose clock is three days off, with its default grace time, takes nothing from a run."""
    designs = tmp_path / "designs"
    clock.set(ahead)
    run = Started(arguments, tmp_path / "run.log")
    wait_for_pictures(designs, 1, run)
    command = ("gc", "--delete", "--retention", "1", "--designs", designs)
    with again_and_again(*command, log=tmp_path / "gc.log", **clock.environment):
        assert run.wait() == 0, (tmp_path / "run.log").read_text()
    assert "Traceback" not in (tmp_path / "gc.log").read_text()
    require_whole(designs, DESIGNS)
    orphan, _ = DesignCatalog(open_store(str(designs))).add_picture(key("orphan"), b"fresh")
    told = stylemill(*command, **clock.environment)
    assert told.returncode == 0 and "0 orphans" in told.stdout, told.stderr
    assert (designs / orphan).exists(), "by the disk's clock it is seconds old"


@pytest.mark.slow
@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forth", "back"])
def test_a_run_whose_clock_jumps(
    arguments: list[str], tmp_path: Path, stylemill: Run, clock: Clock, jump: int
) -> None:
    """A run whose clock jumps by a day in the middle makes every design once."""
    designs = tmp_path / "designs"
    run = begun(
        *arguments,
        log=tmp_path / "log",
        STYLEMILL_BATCH="1",
        STYLEMILL_COMMIT_SECONDS="0.01",
        **clock.environment,
    )
    until = time.monotonic() + 120
    while len(list(designs.rglob("*.png"))) < 3:
        assert run.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
        time.sleep(0.05)
    clock.set(jump)
    assert run.wait(240) == 0, (tmp_path / "log").read_text()
    days = {f"{at:%Y-%m-%d}" for at in records(designs)["created_at"]}
    assert len(days) > 1, "the jump came too late to be one"
    require_run(arguments, stylemill, designs)


@contextmanager
def bound(folder: Path, at: Path, *, read_only: bool = False) -> Iterator[Path]:
    """A folder at a second place; skips where mounting is not permitted."""
    at.mkdir()
    done = subprocess.run(["mount", "--bind", folder, at], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        if read_only:
            subprocess.run(["mount", "-o", "remount,bind,ro", at], check=True)
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


@pytest.mark.slow
def test_read_only(arguments: list[str], tmp_path: Path, stylemill: Run) -> None:
    """On a read-only disk looking works, and what would write says so in a line; nothing is changed."""
    real = tmp_path / "designs"
    filed(str(real), "a")
    with bound(real, tmp_path / "mounted", read_only=True) as designs:
        looks = [("doctor",), ("doctor", "--quick"), ("list",), ("gc",)]
        for command in looks:
            done = stylemill(*command, "--designs", designs)
            assert done.returncode == 0, done.stderr
        own = [str(designs) if one == str(real) else one for one in arguments]
        for writes in (own, [*GC, "--designs", str(designs)]):
            done = stylemill(*writes)
            assert done.returncode == 1 and "Traceback" not in done.stderr
            assert "read-only" in done.stderr.strip().splitlines()[-1], done.stderr
        catalog = DesignCatalog(open_store(str(designs)))
        with pytest.raises(Exception, match="read-only|Read-only"):
            catalog.file([design("b")])
        with pytest.raises(Exception, match="read-only|Read-only"):
            ReviewLog(catalog.store).file([_verdict("a1")])
    assert len(records(real)) == 1


@pytest.mark.slow
def test_two_mounts(arguments: list[str], tmp_path: Path, stylemill: Run) -> None:
    """Two runs in one catalog that each reaches by another mount share the work; every design is there once."""
    real = tmp_path / "designs"
    real.mkdir()
    with bound(real, tmp_path / "mounted") as designs:
        other = [str(designs) if one == str(real) else one for one in arguments]
        both = [Started(args, tmp_path / f"log{n}") for n, args in enumerate((arguments, other))]
        assert [run.wait() for run in both] == [0, 0], [run.log.read_text() for run in both]
    require_run(arguments, stylemill, real)


@pytest.mark.slow
def test_upkeep_on_a_full_disk(small_disk: Path, stylemill: Run) -> None:
    """Gc and doctor --repair on a full disk say so, leave the catalog whole, and go on once there is room."""
    designs = small_disk / "designs"
    catalog = many_files(designs, 8)
    catalog.store.delete(catalog.read(["image"])["image"][0].as_py())
    for command in (REPAIR, GC):
        ballast = leave(small_disk, 0)
        full = stylemill(*command, "--designs", designs)
        assert full.returncode == 1 and "Traceback" not in full.stderr
        assert "disk is full" in full.stderr.strip().splitlines()[-1], full.stderr
        assert len(maintenance.examine(catalog).faults) == (1 if command is REPAIR else 0)
        ballast.unlink()
        done = stylemill(*command, "--designs", designs)
        assert done.returncode == 0, done.stderr
    require_whole(designs, 7)


def _protocol(where: Path, **raised: object) -> None:
    """Raise what a table asks of its readers and writers, in its first commit."""
    first = where / "table" / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in first.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"].update(raised)
    first.write_text("\n".join(map(json.dumps, actions)))


FEATURE = {
    "minReaderVersion": 3,
    "minWriterVersion": 7,
    "readerFeatures": ["ours2030"],
    "writerFeatures": ["ours2030"],
}
NEWER: dict[str, dict[str, object]] = {
    "reader": {"minReaderVersion": 9, "minWriterVersion": 9},
    "feature": FEATURE,
    "writer": {"minWriterVersion": 9},
    "writer feature": {"minWriterVersion": 7, "writerFeatures": ["ours2030"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("newer", NEWER)
def test_newer_tables(arguments: list[str], tmp_path: Path, stylemill: Run, newer: str) -> None:
    """A table that asks for more than we can do is told as that by every command, at once, and left as it is."""
    designs = tmp_path / "designs"
    catalog = filed(str(designs), "a", "b")
    catalog.file([written(catalog, "c")])
    _protocol(designs, **NEWER[newer])
    before = sorted((designs / "table").rglob("*"))
    commands: list[list[object]] = [[*arguments, "--limit", 1], [*GC, "--designs", designs]]
    if "writer" not in newer:
        commands += [["list", "--designs", designs], ["doctor", "--designs", designs]]
    for command in commands:
        began = time.monotonic()
        done = stylemill(*command)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "asks for more than this version of Stylemill can do" in done.stderr, done.stderr
        assert time.monotonic() - began < 60
    assert sorted((designs / "table").rglob("*")) == before
    assert len(list((designs / "images").rglob("*.png"))) == 3, "refused before anything is painted"


def _verdict(act: str, who: str = "ann") -> Act:
    return Act(act, who, datetime.now(UTC), What.VERDICT, (key("a"),), "pick")


@pytest.mark.slow
def test_two_who_say_while_two_merge(tmp_path: Path) -> None:
    """Two browsers' writers file 60 acts each while two processes merge all tables: every act once, in one order."""
    where = str(tmp_path / "designs")
    filed(where, "a")

    def say(who: str) -> None:
        reviews = ReviewLog(open_store(where))
        for n in range(60):
            reviews.file([replace(_verdict(f"{who}{n}", who))])
            if n % 10 == 0:
                reviews.publish_verdicts()

    def merge(_: int) -> None:
        for _ in range(6):
            maintenance.tidy(DesignCatalog(open_store(where)), timedelta(days=1))
            ReviewLog(open_store(where)).tidy(timedelta(days=1))

    with ThreadPoolExecutor(4) as pool:
        jobs: list[tuple[Callable[..., None], object]] = [(say, "ann"), (say, "ben"), (merge, 1), (merge, 2)]
        for one in [pool.submit(work, argument) for work, argument in jobs]:
            one.result()
    reviews = ReviewLog(open_store(where))
    acts = [act.act_id for act in reviews.catch_up()]
    assert sorted(acts) == sorted(f"{who}{n}" for who in ("ann", "ben") for n in range(60))
    assert [act.seq for act in reviews.opinions.acts.values()] == list(range(1, 121))
