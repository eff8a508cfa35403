"""Runs killed with SIGKILL at random moments, each followed by a rerun: what is lost, doubled or torn.

    python -m benchmarks.kills [--runs 100] [--seed 0] [--store folder|s3|both] [--workers 2] [--json FILE]

A trial starts `stylemill run`, kills it, runs the same command to its end, and holds every record, picture and
claim against the plan; then it removes what is nobody's, as `stylemill gc --delete` does, and looks again. The
code is 1 if anything was lost, doubled, torn or left.

An unkilled run is measured first. Seven kills of ten fall into the time in which designs are written: five at
a uniform moment of it, two within 20 ms of a commit (a new file in the table); the others fall into the time
before the first picture and after the last. Three of five runs make designs in their own process. The
others have `--workers` processes, and what becomes of these differs:

    killed   with the run, as all of its process group
    spared   the run alone is killed; they file what is finished, and end
    asleep   stopped with a picture in hand as the run is killed, and woken when the rerun is over: late
             writers, of designs that are there by now

A design catalog lives through four trials, with a set of styles each. So the first is killed while the table
is made, and the later ones could also lose designs that were there before.

With both stores, a folder and an S3 server (moto) are worked on at once; all runs report to one Prefect server.
"""

import argparse
import hashlib
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pandas as pd
from deltalake import DeltaTable
from PIL import Image

from benchmarks.main_job import BUCKET, serve
from catalogs import keys
from catalogs.designs import maintenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.orphans import discard, find_removable
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.planning.selection import Selection
from flows.settings import Settings

ROOT = Path(__file__).parents[1]
RECIPE = "canvas = [128, 96]\nlevels = [[0.5, 8], [1.0, 8]]\n"
SETS = 4
"""Trials that a design catalog lives through."""
NEAR_A_COMMIT = 0.02
"""Seconds after a new file in the table, at most, of a kill near its commit."""
LOOK = 0.005
"""Seconds between two looks at the store while the next commit or picture is waited for."""
GLANCE = 0.05
"""Likewise, while the first or the last picture is: looks take time from the run that is looked at."""
PATIENCE = 300.0
"""Seconds after which a run that does not end has failed."""
READERS = 16
Share = TypeVar("Share")
LOG_FILE = re.compile(r"table/_delta_log/(\d{20}\.(json|checkpoint\.parquet)|_last_checkpoint)")


class Phase(StrEnum):
    """What a run was at when it was killed."""

    STARTING = "starting"
    WORKING = "working"
    COMMITTING = "committing"
    ENDING = "ending"


class Fate(StrEnum):
    """What becomes of the worker processes of a run that is killed."""

    KILLED = "killed"
    SPARED = "spared"
    ASLEEP = "asleep"


PHASES = {Phase.STARTING: 0.15, Phase.WORKING: 0.5, Phase.COMMITTING: 0.2, Phase.ENDING: 0.15}
FATES = {(1, Fate.KILLED): 0.6, (0, Fate.KILLED): 0.15, (0, Fate.SPARED): 0.1, (0, Fate.ASLEEP): 0.15}
"""Shares of the trials; worker processes (0: as many as wanted) and their fate."""


@dataclass(frozen=True)
class Kill:
    """When a run is killed: after this share of a phase's time; and what becomes of its worker processes.

    A kill near a commit comes `near` seconds after the next new file in the table.
    """

    phase: Phase
    share: float
    near: float = 0.0
    workers: int = 1
    fate: Fate = Fate.KILLED


@dataclass(frozen=True)
class Times:
    """Seconds of an unkilled run: to its first picture, from there to its last, and from there to its end."""

    starting: float
    working: float
    ending: float


@dataclass(frozen=True)
class Work:
    """Input catalogs in a store, the recipe, and the designs that each set of styles is to give."""

    place: str
    recipe: Path
    planned: dict[str, frozenset[str]]

    def arguments(self, designs: str, style_set: str, workers: int) -> list[str]:
        """What the command that makes a set's designs is told."""
        return [
            "run", "--garments", f"{self.place}/garments",
            "--styles", f"{self.place}/styles", "--designs", designs, "--recipe", str(self.recipe),
            "--style-set", style_set, "--workers", str(workers),
        ]  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a catalog holds: records (id and picture's key) as often as they are there, and its pictures.

    `missing` pictures are named by a record; `torn` ones have other contents than their key or their
    record says, are no PNG, or are halves shown as pictures.
    """

    records: Counter[tuple[str, str]]
    pictures: frozenset[str]
    missing: int
    torn: int

    @property
    def ids(self) -> Counter[str]:
        """How often each design is recorded."""
        return Counter(design for design, _ in self.records.elements())

    def painted(self) -> set[str]:
        """Designs that have a picture."""
        return {_design_of(key) for key in self.pictures}

    def doubled(self) -> int:
        """Records beyond the first of a design."""
        return self.ids.total() - len(self.ids)


@dataclass
class Trial:
    """What came of one kill and its rerun. Counts of designs, unless said otherwise."""

    store: str
    kill: Kill
    phase: Phase
    """By what was there after the kill."""
    after_s: float
    """From the command to its kill, seconds."""
    planned: int
    filed: int
    """At the kill."""
    unrecorded: int
    """Pictures at the kill that had no record yet."""
    lost: int = 0
    doubled: int = 0
    missing: int = 0
    """Records without a picture, at the kill, after the rerun or after the removal of orphans."""
    torn: int = 0
    """Pictures, likewise."""
    orphans: dict[str, int] = field(default_factory=dict)
    """After the rerun, by kind."""
    left: list[str] = field(default_factory=list)
    """What upkeep left behind or found to be at fault."""
    code: int = 0
    """Of the rerun."""
    rerun_s: float = 0.0
    running: int = 0
    """Processes of the killed run that did not end."""

    @property
    def faulty(self) -> bool:
        """Whether anything is not as it has to be."""
        counts = self.lost, self.doubled, self.missing, self.torn, len(self.left), self.code, self.running
        return any(counts)


def main() -> None:
    """Try, print and keep; the code is 1 if a trial found a fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", choices=("folder", "s3", "both"), default="both")
    parser.add_argument("--workers", type=int, default=2, help="processes of the runs that have several")
    parser.add_argument("--garments", type=int, default=4)
    parser.add_argument("--styles", type=int, default=3, help="of a set")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    stores = ("folder", "s3") if options.store == "both" else (options.store,)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, _places(Path(name), stores) as places:
        folder = Path(name)
        with prefect_server(folder) as url:
            done = _try_all(options, folder, places, url)
    trials = [trial for each, _ in done.values() for trial in each]
    print(table(trials).to_string(index=False))
    if options.json:
        found = {
            "seed": options.seed,
            "minutes": round((time.monotonic() - began) / 60, 1),
            "designs_a_trial": options.garments * options.styles,
            "unkilled_s": {store: _rounded(times) for store, (_, times) in done.items()},
            "by_phase": table(trials).to_dict("records"),
            "trials": [told(trial) for trial in trials],
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.flush()
    # Now and then Arrow's threads abort a process that is taken down around them, which is another code.
    os._exit(any(trial.faulty for trial in trials))


def _try_all(
    options: argparse.Namespace, folder: Path, places: dict[str, str], url: str
) -> dict[str, tuple[list[Trial], Mapping[int, Times]]]:
    """Trials on each store, all stores at once, and times of its unkilled runs."""

    def one(store: str, count: int) -> tuple[list[Trial], Mapping[int, Times]]:
        work = prepare(places[store], folder / f"{store}.toml", options.garments, options.styles)
        kills = plan_kills(count, f"{options.seed} {store}", options.workers)
        log = folder / f"{store}.log"
        return try_kills(work, kills, log, url, tell=lambda trial: print(told(trial), flush=True))

    counts = [options.runs // len(places) + (n < options.runs % len(places)) for n in range(len(places))]
    with ThreadPoolExecutor(len(places)) as pool:
        return dict(zip(places, pool.map(one, places, counts), strict=True))


def plan_kills(count: int, seed: str, workers: int) -> list[Kill]:
    """So many kills, in the shares of `PHASES` and `FATES`, at moments that the seed chooses."""
    dice = random.Random(seed)
    phases = _shared_out(PHASES, count, dice)
    fates = _shared_out(FATES, count, dice) if workers > 1 else [(1, Fate.KILLED)] * count
    return [
        Kill(phase, dice.random(), NEAR_A_COMMIT * dice.random(), own or workers, _possible(fate, phase))
        for phase, (own, fate) in zip(phases, fates, strict=True)
    ]


def _possible(fate: Fate, phase: Phase) -> Fate:
    """Before the first picture and after the last nobody sleeps with one in hand."""
    return Fate.SPARED if fate is Fate.ASLEEP and phase in (Phase.STARTING, Phase.ENDING) else fate


def _shared_out(shares: dict[Share, float], count: int, dice: random.Random) -> list[Share]:
    """Each as often as its share of `count` says, by largest remainder, in random order."""
    exact = {one: share * count for one, share in shares.items()}
    times = {one: int(number) for one, number in exact.items()}
    for one in sorted(exact, key=lambda one: times[one] - exact[one])[: count - sum(times.values())]:
        times[one] += 1
    drawn = [one for one, number in times.items() for _ in range(number)]
    dice.shuffle(drawn)
    return drawn


def prepare(place: str, recipe: Path, garments: int, styles: int) -> Work:
    """Write garments, sets of so many styles and the recipe; returns them with what they are to give."""
    store = open_store(place)
    rows = {"garments": ["garment_id,image"], "styles": ["style_id,style_set,image"]}
    for n in range(garments):
        store.write(f"garments/g{n}.png", picture(n, 120, 96))
        rows["garments"].append(f"g{n},g{n}.png")
    for n in range(styles * SETS):
        store.write(f"styles/s{n}.png", picture(1000 + n, 80, 80))
        rows["styles"].append(f"s{n},set-{n // styles},s{n}.png")
    for kind, lines in rows.items():
        store.write(f"{kind}/catalog.csv", "\n".join(lines).encode())
    recipe.write_text(RECIPE)
    settings, where = Settings(), {kind: f"{place}/{kind}" for kind in (*rows, "designs")}
    resolved = resolve_run_config(settings, **where, recipe=str(recipe))
    planned = {}
    for style_set in (f"set-{n}" for n in range(SETS)):
        plan = make_plan(resolved, Selection(style_sets=(style_set,)))
        planned[style_set] = frozenset(job.key for job in plan.jobs)
    return Work(place, recipe, planned)


def picture(seed: int, height: int, width: int) -> bytes:
    """Blocks of random colours as a PNG."""
    blocks = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def try_kills(
    work: Work,
    kills: Sequence[Kill],
    log: Path,
    url: str,
    times: Mapping[int, Times] | None = None,
    tell: Callable[[Trial], None] = lambda _: None,
) -> tuple[list[Trial], Mapping[int, Times]]:
    """One trial for each kill, and the times of unkilled runs by their number of workers, measured if not given.

    A run that ended before it could be killed is no trial; it is killed earlier, on fresh styles.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STYLEMILL_")}
    environment |= {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(log.parent / "prefect"),
        "STYLEMILL_BATCH": "1",
        "STYLEMILL_COMMIT_SECONDS": "0.3",
        "OMP_NUM_THREADS": "1",
    }
    times = times or {
        workers: _measured(work, workers, log, environment)
        for workers in sorted({kill.workers for kill in kills})
    }
    trials: list[Trial] = []
    lives = _lives(work)
    for kill in kills:
        trial, share = None, kill.share
        while trial is None:
            grounds = _Grounds(work, *next(lives), log, environment)
            trial = _try(grounds, kill, share, times[kill.workers])
            share *= 0.7
        trials.append(trial)
        tell(trial)
    return trials, times


def _lives(work: Work) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Design catalogs; each again and again with the next set of styles, and the designs that are to be there."""
    number = 0
    while True:
        before: frozenset[str] = frozenset()
        for style_set, planned in work.planned.items():
            yield f"{work.place}/designs-{number}", style_set, before
            before |= planned
        number += 1


class _Grounds:
    """Where a trial happens: a design catalog and the command that works on it."""

    def __init__(
        self,
        work: Work,
        designs: str,
        style_set: str,
        before: frozenset[str],
        log: Path,
        environment: dict[str, str],
    ) -> None:
        self.store = open_store(designs)
        self.catalog = DesignCatalog(self.store)
        self.planned, self.before = work.planned[style_set], before
        self._work, self._designs, self._style_set = work, designs, style_set
        self._log, self._environment = log, environment

    def start(self, workers: int) -> "subprocess.Popen[bytes]":
        """The command, in a process group of its own."""
        arguments = self._work.arguments(self._designs, self._style_set, workers)
        with self._log.open("wb") as file:
            return launch(arguments, self._environment, file)

    def said(self) -> str:
        """What the last command said."""
        return self._log.read_text(errors="replace")

    def painted(self) -> int:
        """Planned designs that have a picture."""
        return len(self.planned & {_design_of(found.key) for found in self.store.list(keys.IMAGES)})

    def has_painted(self, least: int) -> bool:
        """Whether so many planned designs have a picture."""
        return self.painted() >= least

    def table_files(self) -> int:
        """Files of the table, with its log."""
        return sum(1 for _ in self.store.list(f"{keys.TABLE}/"))


def launch(arguments: Sequence[str], environment: dict[str, str], log: BinaryIO) -> "subprocess.Popen[bytes]":
    """Start the command in a process group of its own."""
    command = [sys.executable, "-m", "flows.command.cli", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
    )


def _measured(work: Work, workers: int, log: Path, environment: dict[str, str]) -> Times:
    """An unkilled run's times."""
    where = f"{work.place}/measured-{workers}", next(iter(work.planned))
    grounds = _Grounds(work, *where, frozenset(), log, environment)
    began = time.monotonic()
    process = grounds.start(workers)
    marks = []
    for count in (1, len(grounds.planned)):
        if not _until(partial(grounds.has_painted, count), process, GLANCE):
            raise SystemExit(f"An unkilled run ended early: {grounds.said()}")
        marks.append(time.monotonic() - began)
    if code := process.wait(PATIENCE):
        raise SystemExit(f"An unkilled run ended with {code}: {grounds.said()}")
    return Times(marks[0], marks[1] - marks[0], time.monotonic() - began - marks[1])


def _until(happened: Callable[[], bool], process: "subprocess.Popen[bytes]", every: float = LOOK) -> bool:
    """Wait until something has happened; False if the process ended before."""
    while not happened():
        if process.poll() is not None:
            return False
        time.sleep(every)
    return True


def _try(grounds: _Grounds, kill: Kill, share: float, times: Times) -> Trial | None:
    """Start, kill, run again, and look; None if the run ended before it could be killed."""
    began = time.monotonic()
    process = grounds.start(kill.workers)
    if not _moment(grounds, process, kill, share, times) or process.poll() is not None:
        process.wait(PATIENCE)
        return None
    after = time.monotonic() - began
    _kill(process, kill.fate)
    at_kill = look(grounds.catalog)
    filed, painted = grounds.planned & at_kill.ids.keys(), grounds.planned & at_kill.painted()
    trial = Trial(
        store="s3" if grounds.store.uri.startswith("s3://") else "folder",
        kill=kill,
        phase=_phase(kill.phase, len(painted), len(filed), len(grounds.planned)),
        after_s=round(after, 3),
        planned=len(grounds.planned),
        filed=len(filed),
        unrecorded=len(painted - filed),
    )
    _run_again(grounds, kill, trial)
    trial.running = _end(process.pid)
    _judge(grounds, at_kill, trial)
    return trial


def _moment(
    grounds: _Grounds, process: "subprocess.Popen[bytes]", kill: Kill, share: float, times: Times
) -> bool:
    """Wait for the moment of the kill; False if the run ended before."""
    if kill.phase is Phase.STARTING:
        return _wait(share * times.starting, process)
    ending = kill.phase is Phase.ENDING
    return (
        # Half of the usual time is as good as sure to pass before there is a picture to look for.
        _wait(times.starting / 2, process)
        and _until(partial(grounds.has_painted, len(grounds.planned) if ending else 1), process, GLANCE)
        and _wait(share * (times.ending if ending else times.working), process)
        and _mark(grounds, process, kill)
    )


def _mark(grounds: _Grounds, process: "subprocess.Popen[bytes]", kill: Kill) -> bool:
    """Wait for the picture or the commit that a kill is to follow, if it is; False if the run ended before."""
    if kill.fate is Fate.ASLEEP:
        return _until(partial(grounds.has_painted, grounds.painted() + 1), process)
    if kill.phase is Phase.COMMITTING:
        files = grounds.table_files()
        return _until(lambda: grounds.table_files() > files, process) and _wait(kill.near, process)
    return True


def _wait(seconds: float, process: "subprocess.Popen[bytes]") -> bool:
    """So long; False if the process ended before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _kill(process: "subprocess.Popen[bytes]", fate: Fate) -> None:
    if fate is Fate.KILLED:
        os.killpg(process.pid, signal.SIGKILL)
    elif fate is Fate.ASLEEP:
        os.killpg(process.pid, signal.SIGSTOP)
    process.kill()
    process.wait()


def _phase(aimed: Phase, painted: int, filed: int, planned: int) -> Phase:
    """The phase that a kill fell into, by what was there after it."""
    if painted == 0:
        return Phase.STARTING
    if filed == planned:
        return Phase.ENDING
    return Phase.COMMITTING if painted == planned or aimed is Phase.COMMITTING else Phase.WORKING


def _run_again(grounds: _Grounds, kill: Kill, trial: Trial) -> None:
    began = time.monotonic()
    process = grounds.start(kill.workers)
    try:
        trial.code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        trial.code = 124
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    trial.rerun_s = round(time.monotonic() - began, 2)
    if trial.code:
        print(grounds.said(), file=sys.stderr)


def _end(group: int) -> int:
    """Wake what sleeps, and wait until a killed run's processes are gone; how many are not after a minute."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)
    until = time.monotonic() + 60
    while (living := _living(group)) and time.monotonic() < until:
        time.sleep(0.05)
    if living:
        os.killpg(group, signal.SIGKILL)
    return living


def _living(group: int) -> int:
    """Processes of a group that are not zombies, by /proc."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name in brackets: state, parent, group.
            state, _, own = path.read_text().rpartition(")")[2].split()[:3]
            count += int(own) == group and state not in "ZX"
    return count


def look(catalog: DesignCatalog) -> Found:
    """What a catalog holds; every picture is read, decoded and held against its key and its record."""
    rows = catalog.read(["design_id", "image", "image_sha256"]).to_pylist()
    pictures = frozenset(found.key for found in catalog.store.list(keys.IMAGES))
    with ThreadPoolExecutor(READERS) as pool:
        digests = dict(
            zip(pictures, pool.map(lambda key: _digest(catalog.store, key), pictures), strict=True)
        )
    torn = {key for key, digest in digests.items() if not digest or digest[:12] not in key}
    torn |= {row["image"] for row in rows if digests.get(row["image"]) not in (None, row["image_sha256"])}
    return Found(
        Counter((row["design_id"], row["image"]) for row in rows),
        pictures,
        sum(row["image"] not in pictures for row in rows),
        len(torn),
    )


def _digest(store: Store, key: str) -> str:
    """The SHA-256 of a picture; empty for what is no whole PNG."""
    data = store.read(key)
    try:
        picture = Image.open(io.BytesIO(data), formats=["PNG"])
        picture.load()
    except (OSError, SyntaxError):
        return ""
    return hashlib.sha256(data).hexdigest()


def _design_of(key: str) -> str:
    return key.rpartition("/")[2].partition("-")[0]


def _judge(grounds: _Grounds, at_kill: Found, trial: Trial) -> None:
    """Look after the rerun and, when orphans were removed as `gc` does, once more."""
    after = look(grounds.catalog)
    trial.orphans = {kind: len(found) for kind, found in orphans(grounds.catalog).items() if found}
    discard(grounds.catalog, list(find_removable(grounds.catalog, timedelta(0))))
    grounds.catalog.tidy(timedelta(0))
    finally_ = look(grounds.catalog)
    wanted = grounds.planned | grounds.before
    for found in (after, finally_):
        # A record that was there at the kill is to stay as it was.
        gone = {design for design, image in at_kill.records if (design, image) not in found.records}
        trial.lost = max(trial.lost, len(gone | (wanted - found.ids.keys())))
    every = at_kill, after, finally_
    trial.doubled = max(found.doubled() + len(found.ids.keys() - wanted) for found in every)
    trial.missing = max(found.missing for found in every)
    trial.torn = max(found.torn for found in every)
    trial.left = [key for found in orphans(grounds.catalog).values() for key in found]
    trial.left += [fault.what for fault in maintenance.examine(grounds.catalog).faults]
    trial.left += [found.key for found in find_removable(grounds.catalog, timedelta(0))]


def orphans(catalog: DesignCatalog) -> dict[str, list[str]]:
    """Everything in a catalog that is no record's picture, run's report, recipe, part of the table or cache."""
    named = set(catalog.read(["image"])["image"].to_pylist())
    uri, options = catalog.store.delta_location()
    parts: set[str] = set()
    if DeltaTable.is_deltatable(uri, options):
        parts = {part.rpartition("/")[2] for part in DeltaTable(uri, storage_options=options).file_uris()}
    kinds: dict[str, list[str]] = {"pictures": [], "claims": [], "table": [], "others": []}
    for found in catalog.store.list():
        key = found.key
        if key.startswith(keys.IMAGES):
            if key not in named:
                kinds["pictures"].append(key)
        elif key.startswith(keys.CLAIMS):
            kinds["claims"].append(key)
        elif key.startswith(f"{keys.TABLE}/"):
            if key.rpartition("/")[2] not in parts and not LOG_FILE.fullmatch(key):
                kinds["table"].append(key)
        elif key != keys.DIGESTS and not key.startswith((f"{keys.RUNS}/", keys.RECIPES)):
            kinds["others"].append(key)
    return {**kinds, "halves": [found.key for found in catalog.store.leftovers()]}


def table(trials: Sequence[Trial]) -> pd.DataFrame:
    """A row for each phase of the kill on each store, and one for all."""
    rows = []
    groups = [(store, phase) for store in sorted({trial.store for trial in trials}) for phase in Phase]
    for store, phase in [*groups, ("all", "all")]:
        own = [t for t in trials if store == "all" or (t.store, t.phase) == (store, phase)]
        if own:
            rows.append({"store": store, "killed while": str(phase), **_summary(own)})
    return pd.DataFrame(rows)


def _summary(trials: Sequence[Trial]) -> dict[str, Any]:
    counts = [sum(trial.orphans.values()) for trial in trials]
    sums = ("planned", "filed", "unrecorded", "lost", "doubled", "missing", "torn")
    return {
        "trials": len(trials),
        **{name: sum(getattr(trial, name) for trial in trials) for name in sums},
        "orphans most": max(counts),
        "orphans mean": round(sum(counts) / len(counts), 2),
        "left": sum(len(trial.left) for trial in trials),
        "failed": sum(trial.code != 0 for trial in trials),
        "rerun s": round(sum(trial.rerun_s for trial in trials) / len(trials), 1),
    }


def told(trial: Trial) -> str:
    """A trial in a line."""
    kill = trial.kill
    who = "own process" if kill.workers == 1 else f"{kill.workers} workers {kill.fate}"
    return (
        f"{'FAULTY ' if trial.faulty else ''}{trial.store}, {who}, killed after {trial.after_s:.2f} s while"
        f" {trial.phase}: {trial.filed} of {trial.planned} filed, {trial.unrecorded} pictures without record; lost"
        f" {trial.lost}, doubled {trial.doubled}, missing {trial.missing}, torn {trial.torn}; orphans"
        f" {trial.orphans or 'none'}, left {trial.left or 'none'}; rerun {trial.code} in {trial.rerun_s:.1f} s"
    )


def _rounded(times: Mapping[int, Times]) -> dict[int, dict[str, float]]:
    return {
        workers: {f.name: round(getattr(one, f.name), 2) for f in fields(one)}
        for workers, one in times.items()
    }


@contextmanager
def _places(folder: Path, stores: Sequence[str]) -> Iterator[dict[str, str]]:
    """A folder, and a bucket on a server of our own."""
    places = {"folder": str(folder / "catalogs"), "s3": f"s3://{BUCKET}"}
    server = serve() if "s3" in stores else None
    try:
        yield {store: places[store] for store in stores}
    finally:
        if server:
            _stop(server)


@contextmanager
def prefect_server(folder: Path) -> Iterator[str]:
    """A Prefect server on loopback with its home in a folder; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen([*command, "--no-ui"], env=environment, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 120
        while not _answers(f"{url}/health"):
            if server.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"No Prefect server: {(folder / 'server.log').read_text()}")
            time.sleep(0.2)
        yield url
    finally:
        _stop(server)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2)
    except OSError:
        return False
    return True


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
