"""Style sets that land one after another on a real Prefect server: what grows, how soon designs are there.

    python -m benchmarks.landing_soak [--sets 20] [--minutes 20] [--store s3|folder] [--json FILE]

A soak of two hours condensed: a sealed style set lands every minute, with a tiny recipe. Each is copied file by
file, its manifest last or in the middle. Every second one is told by `stylemill landed`, as soon as it is
whole; the others are left to the poll, which comes every five minutes. Server (on PostgreSQL where it is
installed), worker and runs are what the runbook starts; the catalogs lie on an S3 server (moto) or in a folder.

Every ten seconds the memory, file handles and threads of the server, the worker and each run's process are
read from /proc, and the rows of Prefect's database and the size of the table of designs are counted. Slopes are
by least squares after the first fifth of a process's life.

Each run is a process of its own, so none of them lives long. A process that does is looked at apart: it plans
and makes all the sets once more, one after another, into a design catalog of its own; and another does so with
allocators that keep nothing back.

The code is 1 if a set was not made, or a design doubled.
"""

import argparse
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.main_job import BUCKET, serve
from benchmarks.prefect_server import Json, Server, prefect_server, stop
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.inputs.style_sets import MANIFEST, VERSION
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store

RECIPE = "canvas = [96, 80]\nlevels = [[0.5, 3], [1.0, 3]]\n"
GARMENTS, STYLES = 3, 4
"""Of the catalog, and of a set."""
EVERY_SECONDS = 10.0
"""Between two looks."""
BETWEEN_FILES = 0.5
"""Seconds between two files of a set that is copied."""
PATIENCE = 480.0
"""Seconds that the last sets are waited for: a poll and its run."""
DESIGNS_A_SHARD = 500
STYLE_SET, LANDED, POLL = "stylize-catalog/style-set", "receive-style-sets/landed", "receive-style-sets/poll"
MEASURES = ("rss_mb", "handles", "threads")
NOTHING_KEPT = {
    "MALLOC_ARENA_MAX": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1",
}
"""Tells glibc, Arrow and the Delta library (jemalloc) to give freed memory back at once, at some cost in time."""


@dataclass
class Series:
    """What a process, or something else that may grow, was found to be at so many seconds."""

    at: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, seconds: float, **values: float) -> None:
        """Note a look."""
        self.at.append(seconds)
        for name, value in values.items():
            self.values[name].append(value)

    def slope(self, name: str) -> float | None:
        """By the hour, after the first fifth; None where there are too few looks."""
        since = self.at[0] + (self.at[-1] - self.at[0]) / 5
        late = [(t, v) for t, v in zip(self.at, self.values[name], strict=True) if t > since]
        if len(late) < 10:
            return None
        times, values = zip(*late, strict=True)
        return round(float(np.polyfit(times, values, 1)[0] * 3600), 2)

    def summary(self) -> dict[str, dict[str, float | None]]:
        """First, last, largest and slope of each measure."""
        return {
            name: {
                "first": round(values[0], 1),
                "last": round(values[-1], 1),
                "max": round(max(values), 1),
                "slope_an_hour": self.slope(name),
            }
            for name, values in self.values.items()
        }


@dataclass
class Landing:
    """A set that landed, in seconds since 1970: when it was whole, and told (None if it was left to the poll)."""

    name: str
    manifest: str
    """Where in the copying it came: last or middle."""
    whole: float
    told: float | None


def main() -> None:
    """Soak, print and keep; the code is 1 if something is wanting or doubled."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=20.0, help="in which they land")
    parser.add_argument("--store", choices=("s3", "folder"), default="s3")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--in-one-process", help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_one_process:
        _make_all_here(options.in_one_process, options.sets, options.name)
        return
    with tempfile.TemporaryDirectory() as name, _place(options.store, Path(name)) as place:
        found = soak(options, Path(name), place)
    _show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(bool(found["doubles"] or found["designs_wanting"] or found["one_process"]["designs_wanting"]))


def soak(options: argparse.Namespace, folder: Path, place: str) -> Json:
    """Let the sets land, watch, and look at what came of it."""
    _write_catalogs(open_store(place))
    (folder / "tiny.toml").write_text(RECIPE)
    environment = {
        **{f"STYLEMILL_{kind.upper()}": f"{place}/{kind}" for kind in ("garments", "styles", "designs")},
        "STYLEMILL_RECIPE": str(folder / "tiny.toml"),
        "OMP_NUM_THREADS": "1",
    }
    began = time.time()
    with prefect_server(folder, environment) as server:
        watch = Watch(server, DesignCatalog(open_store(f"{place}/designs")))
        with watch.watching():
            landings = _land_all(server, open_store(f"{place}/styles"), options.sets, options.minutes)
            in_time = _until_made(watch, server, options.sets)
            # Idle at the end: what does not shrink then is kept.
            time.sleep(6 * EVERY_SECONDS)
        found = {
            "sets": options.sets,
            "minutes": round((time.time() - began) / 60, 1),
            "store": options.store,
            "database": "PostgreSQL" if server.postgres else "SQLite",
            "in_time": in_time,
            **watch.found(landings),
        }
        return found | {
            "one_process": _in_one_process(server, place, options.sets, "usual", {}),
            "one_process_nothing_kept": _in_one_process(server, place, options.sets, "lean", NOTHING_KEPT),
        }


def _write_catalogs(store: Store) -> None:
    """Garments, and a style catalog whose own table has one style that no set needs."""
    rows = ["garment_id,image"]
    for n in range(GARMENTS):
        store.write(f"garments/g{n}.png", _picture(n, 120, 96))
        rows.append(f"g{n},g{n}.png")
    store.write("garments/catalog.csv", "\n".join(rows).encode())
    store.write("styles/own.png", _picture(100, 80, 80))
    store.write("styles/catalog.csv", b"style_id,style_set,image\nown,own,own.png\n")


def _picture(seed: int, height: int, width: int) -> bytes:
    blocks = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def _land_all(server: Server, styles: Store, sets: int, minutes: float) -> list[Landing]:
    """Sets land at equal distances; every second one is told."""
    landings, began = [], time.monotonic()
    for number in range(sets):
        time.sleep(max(0.0, began + number * minutes * 60 / sets - time.monotonic()))
        # Of those that are told and of those that are not, half have their manifest in the middle.
        last = number % 4 < 2
        name = f"set-{number:02}"
        _copy(styles, name, 1000 + number * STYLES, manifest_last=last)
        whole = time.time()
        told = None
        if number % 2 == 0:
            server.stylemill("landed", name)
            # The command takes seconds to start; the event is told when it ends.
            told = time.time()
        landings.append(Landing(name, "last" if last else "middle", whole, told))
        print(f"{time.monotonic() - began:6.0f} s: {name} landed{', told' if told else ''}", flush=True)
    return landings


def _copy(store: Store, name: str, seed: int, *, manifest_last: bool) -> None:
    """A sealed set, copied file by file."""
    files = {f"p{n}.png": _picture(seed + n, 80, 80) for n in range(STYLES)}
    rows = ["style_id,image", *(f"{name}-{n},p{n}.png" for n in range(STYLES))]
    files["catalog.csv"] = "\n".join(rows).encode()
    named = [
        {"name": file, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for file, data in files.items()
    ]
    manifest = MANIFEST, json.dumps({"version": VERSION, "files": named}, indent=1).encode()
    order = list(files.items())
    order.insert(len(order) if manifest_last else len(order) // 2, manifest)
    for file, data in order:
        store.write(f"{name}/{file}", data)
        time.sleep(BETWEEN_FILES)


def _until_made(watch: "Watch", server: Server, sets: int) -> bool:
    """Wait until every set has its designs and no run is at work; False if that took too long."""
    until = time.monotonic() + PATIENCE
    while True:
        made = len(watch.designs.existing())
        if made >= sets * STYLES * GARMENTS and not server.processes():
            return True
        if time.monotonic() > until:
            print(
                f"only {made} designs are there; the server says:\n{server.log.read_text()[-3000:]}",
                flush=True,
            )
            return False
        time.sleep(2)


class Watch:
    """Looks at everything that may grow, on a thread of its own."""

    def __init__(self, server: Server, designs: DesignCatalog) -> None:
        """Of a server that runs, with its worker, and a design catalog."""
        self.designs, self._server = designs, server
        self._began = time.monotonic()
        self._seen: dict[str, Series] = defaultdict(Series)
        self._runs: dict[str, Series] = defaultdict(Series)
        self._names: dict[str, str] = {}
        self._rows_first = _database(server)
        self._faults: list[str] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this lasts, a look every `EVERY_SECONDS`."""
        over = threading.Event()
        thread = threading.Thread(target=self._keep_looking, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _keep_looking(self, over: threading.Event) -> None:
        while not over.is_set():
            began = time.monotonic()
            try:
                self._look()
            except Exception as error:
                # A look that failed is told, and no reason to end the soak.
                self._faults.append(repr(error))
            over.wait(max(0.0, began + EVERY_SECONDS - time.monotonic()))

    def _look(self) -> None:
        now = time.monotonic() - self._began
        server, worker = self._server.process, self._server.worker
        assert server
        assert worker
        for name, pid in (("server", server.pid), ("worker", worker.pid)):
            if state := of_process(pid):
                self._seen[name].add(now, **state)
        runs = self._server.processes()
        for pid, run in runs.items():
            if state := of_process(pid):
                self._runs[run].add(now, **state)
        rows, size = _database(self._server)
        self._seen["database"].add(now, rows=sum(rows.values()), mb=size / 2**20)
        files = [found.size for found in self.designs.store.list("table/")]
        self._seen["design table"].add(now, files=len(files), mb=sum(files) / 2**20)
        self._seen["run processes"].add(now, at_once=len(runs))

    def found(self, landings: Sequence[Landing]) -> Json:
        """All that was seen, as plain values."""
        table = self.designs.read(["design_id", "garment_id", "style_id", "style_set", "created_at", "image"])
        frame = table.to_pandas()
        wanted = {
            (f"g{g}", f"{one.name}-{s}") for one in landings for g in range(GARMENTS) for s in range(STYLES)
        }
        have = Counter(zip(frame["garment_id"], frame["style_id"], strict=True))
        pictures = {found.key for found in self.designs.store.list("images/")}
        return {
            "designs": len(frame),
            "designs_wanting": len(wanted - have.keys()),
            "doubles": sum(have.values()) - len(have),
            "pictures_without_record": len(pictures - set(frame["image"])),
            "records_without_picture": len(set(frame["image"]) - pictures),
            "processes": {name: series.summary() for name, series in self._seen.items()},
            "runs": self._by_deployment(),
            "landing_s": _seconds(landings, self._server.runs(STYLE_SET), frame),
            "prefect_database": self._growth(len(landings)),
            "looks_failed": self._faults,
        }

    def _by_deployment(self) -> list[Json]:
        """Runs of each deployment: how they ended, and the most that one of their processes held.

        `slope` is that of these most over the runs, from the first fifth of them on: a leak from run to run.
        """
        rows = []
        for deployment in (STYLE_SET, LANDED, POLL):
            runs = sorted(self._server.runs(deployment), key=lambda run: str(run["start_time"]))
            watched = [self._runs[run["id"]] for run in runs if run["id"] in self._runs]
            states = Counter(run["state_type"] for run in runs)
            row: Json = {"deployment": deployment, "states": dict(states), "processes_seen": len(watched)}
            for measure in MEASURES:
                most = [max(series.values[measure]) for series in watched]
                if most:
                    row[measure] = {"first": most[0], "last": most[-1], "max": max(most)}
            rows.append(row)
        return rows

    def _growth(self, sets: int) -> Json:
        """What the database took up, for each set, each run and 100,000 designs in shards of 500."""
        (before, size_before), (after, size) = self._rows_first, _database(self._server)
        grown = {name: after[name] - before.get(name, 0) for name in after}
        runs = sum(
            run["state_type"] == "COMPLETED"
            for name in (STYLE_SET, LANDED, POLL)
            for run in self._server.runs(name)
        )
        found: Json = {
            "mb": round((size - size_before) / 2**20, 2),
            "kb_a_set": round((size - size_before) / 1024 / sets, 1),
            "kb_a_run": round((size - size_before) / 1024 / max(1, runs), 1),
            "runs": runs,
            "rows_by_table": {name: count for name, count in sorted(grown.items()) if count},
        }
        if self._server.postgres:
            found |= _costs(self._server, size)
        return found


def of_process(pid: int) -> dict[str, float] | None:
    """Memory (MB), open file handles and threads of a process and of none below it; None when it is gone."""
    with suppress(OSError):
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        if "VmRSS" not in status:
            return None
        handles = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        memory = round(int(status["VmRSS"].split()[0]) / 1024, 1)
        return {"rss_mb": memory, "handles": handles, "threads": int(status["Threads"])}
    return None


def _database(server: Server) -> tuple[dict[str, int], int]:
    """Rows of each table of Prefect's database, and its size in bytes."""
    if server.postgres:
        names = [
            row[0]
            for row in server.postgres.query("select tablename from pg_tables where schemaname='public'")
        ]
        counts = " union all ".join(f"select '{name}', count(*) from \"{name}\"" for name in names)
        rows = {name: int(count) for name, count in server.postgres.query(counts)}
        return rows, int(server.postgres.query("select pg_database_size('prefect')")[0][0])
    import sqlite3

    file = server.home / "prefect.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        tables = database.execute("select name from sqlite_master where type='table'").fetchall()
        rows = {name: database.execute(f'select count(*) from "{name}"').fetchone()[0] for (name,) in tables}
    return rows, file.stat().st_size


BY_TASK_RUN = {
    "task_run": "true",
    "task_run_state": "true",
    "task_run_state_cache": "true",
    "log": "task_run_id is not null",
    "artifact": "task_run_id is not null",
    "events": "resource_id like 'prefect.task-run.%'",
    "event_resources": ("event_id in (select id from events where resource_id like 'prefect.task-run.%')"),
}
"""Which rows a task run leaves, by table."""


def _costs(server: Server, size: int) -> Json:
    """Bytes that a task run and a flow run leave, with their share of indexes; and what a large job comes to.

    100,000 designs in shards of 500 are a run of 200 task runs.
    """
    assert server.postgres
    query = server.postgres.query
    tables = {row[0] for row in query("select tablename from pg_tables where schemaname='public'")}

    def weigh(table: str, condition: str = "true") -> int:
        own = f'select coalesce(sum(pg_column_size(t.*)), 0) from "{table}" t where {condition}'
        return int(query(own)[0][0])

    def footprint(table: str) -> float:
        """Bytes on disk a byte of rows, indexes included; small tables are mostly empty pages."""
        held = int(query(f"select pg_total_relation_size('public.\"{table}\"')")[0][0])
        return held / max(1, weigh(table))

    task_runs = int(query("select count(*) from task_run")[0][0])
    flow_runs = int(query("select count(*) from flow_run where state_type = 'COMPLETED'")[0][0])
    of_tasks, of_flows = 0.0, 0.0
    for table in ("flow_run", "flow_run_state", *BY_TASK_RUN):
        if table in tables:
            share, whole = weigh(table, BY_TASK_RUN.get(table, "false")), weigh(table)
            factor = footprint(table) if whole else 0.0
            of_tasks += share * factor
            of_flows += (whole - share) * factor
    a_task, a_flow = of_tasks / max(1, task_runs), of_flows / max(1, flow_runs)
    shards = 100_000 // DESIGNS_A_SHARD
    return {
        "mb_at_the_end": round(size / 2**20, 2),
        "task_runs": task_runs,
        "flow_runs": flow_runs,
        "kb_a_task_run": round(a_task / 1024, 1),
        "kb_a_flow_run_without_tasks": round(a_flow / 1024, 1),
        "mb_for_100000_designs_in_shards_of_500": round((shards * a_task + a_flow) / 2**20, 2),
        "mb_a_day_of_polls": round(288 * a_flow / 2**20, 2),
    }


def _seconds(landings: Sequence[Landing], runs: Sequence[Json], frame: pd.DataFrame) -> Json:
    """Seconds from the telling (or, for the poll, from when a set was whole) to its run and its last design."""
    first: dict[str, float] = {}
    for run in runs:
        for name in run["parameters"].get("style_sets") or []:
            if run["start_time"]:
                started = datetime.fromisoformat(run["start_time"]).timestamp()
                first[name] = min(first.get(name, started), started)
    last = frame.groupby("style_set")["created_at"].max()
    found: dict[str, dict[str, list[float]]] = {
        way: {"to_run": [], "to_last_design": []} for way in ("told", "polled")
    }
    for one in landings:
        way, since = ("told", one.told) if one.told else ("polled", one.whole)
        if one.name in first:
            found[way]["to_run"].append(first[one.name] - since)
        if one.name in last.index:
            found[way]["to_last_design"].append(last[one.name].timestamp() - since)
    return {
        way: {
            "sets": len(times["to_run"]),
            **{
                name: {"median": round(statistics.median(values), 1), "worst": round(max(values), 1)}
                for name, values in times.items()
                if values
            },
        }
        for way, times in found.items()
    } | {"each": [asdict(one) for one in landings]}


def _in_one_process(server: Server, place: str, sets: int, name: str, environment: dict[str, str]) -> Json:
    """What a process that makes all sets once more, one after another, holds after each."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.landing_soak",
        "--in-one-process",
        place,
        "--name",
        name,
        "--sets",
        str(sets),
    ]
    done = subprocess.run(
        command,
        env=server.environment | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    looks = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or len(looks) != sets:
        raise SystemExit(f"The one process ended with {done.returncode}: {done.stdout}{done.stderr[-3000:]}")
    series = Series()
    for look in looks:
        series.add(look["seconds"], **{name: look[name] for name in MEASURES})
    fifth = sets // 5
    late = looks[fifth:]
    return {
        "runs": sets,
        "designs_wanting": sets * STYLES * GARMENTS - sum(look["made"] for look in looks),
        **series.summary(),
        "grown_after_the_first_fifth": {name: round(late[-1][name] - late[0][name], 1) for name in MEASURES},
        "looks": looks,
    }


def _make_all_here(place: str, sets: int, name: str) -> None:
    """Plan and make one set after another in this process, and say after each what it holds."""
    from flows.orchestration.stylize_catalog import stylize_catalog

    began = time.monotonic()
    for number in range(sets):
        counts = stylize_catalog(designs=f"{place}/designs-{name}", style_sets=[f"set-{number:02}"])
        state = of_process(os.getpid())
        assert state
        kinds = Counter(thread.name.rstrip("0123456789-_ ()") for thread in threading.enumerate())
        look = {"seconds": round(time.monotonic() - began, 1), "made": counts["made"], **state}
        print(json.dumps(look | {"thread_names": dict(kinds), "handles_to": _handles_to()}), flush=True)


def _handles_to() -> dict[str, int]:
    """What this process's file handles lead to, by kind, and how many of each."""
    kinds: Counter[str] = Counter()
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            where = str(handle.readlink())
            kinds[where.split(":", maxsplit=1)[0] if ":" in where else where] += 1
    return dict(kinds)


@contextmanager
def _place(store: str, folder: Path) -> Iterator[str]:
    """Where the catalogs lie: a bucket on a server of our own, or a folder."""
    if store == "folder":
        yield str(folder / "catalogs")
        return
    server = serve()
    try:
        yield f"s3://{BUCKET}"
    finally:
        stop(server)


def _show(found: Json) -> None:
    """Tables for people."""
    rows = [
        {"what": name, "measure": measure, **values}
        for name, measures in found["processes"].items()
        for measure, values in measures.items()
    ]
    rows += [
        {"what": what, "measure": name, **found[what][name]}
        for what in ("one_process", "one_process_nothing_kept")
        for name in MEASURES
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    for run in found["runs"]:
        print(run)
    shown = (
        "sets",
        "minutes",
        "in_time",
        "designs",
        "designs_wanting",
        "doubles",
        "looks_failed",
        "prefect_database",
    )
    print(json.dumps({name: found[name] for name in shown}, indent=1))
    print(json.dumps({way: found["landing_s"][way] for way in ("told", "polled")}, indent=1))
    print(json.dumps(found["one_process"]["looks"][-1]))


if __name__ == "__main__":
    main()
