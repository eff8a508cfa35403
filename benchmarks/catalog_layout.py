"""Layouts of the design catalog's table, by the time of the queries that Stylemill and its browser make.

    python -m benchmarks.catalog_layout [--designs 1000000] [--s3] [--layouts NAME ...] [--json FILE]

Every layout is filed as runs do it: a commit is one style on `GARMENTS` garments by one recipe, a run is one
style set by one recipe, a day has one run. It is measured twice: as filed, and tidied (files merged, or
z-ordered, and a checkpoint). Times are medians of three, in ms, with files in the page cache; the peak of
memory is that of a process that asks which designs exist. `merge` is the Delta library's merge on design_id,
by which records were filed at first; `file` is what `DesignCatalog.file` does. With --s3 the table lies on an
S3 server (moto) started here, which shares this machine's cores.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from benchmarks.main_job import BUCKET, serve
from benchmarks.scale import EXAMPLE
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.design_columns import SCHEMA
from catalogs.records import LOSS_TERMS, Design
from catalogs.storage.delta_tables import ONE_TRY
from catalogs.storage.stores import open_store
from flows.planning.weights import resolve_recipe
from flows.recipes.named import find_recipe
from flows.settings import Settings

GARMENTS = 1000
STYLES_A_SET = 10
RECIPES = ("house", "print", "photoreal", "draft")
REPEATS = 3
CARD = "design_id, garment_id, style_id, recipe, image, created_at"
"""What a browser shows of a design in a grid."""
FACETS = ("style_set", "recipe", "garment_category", "device")


@dataclass(frozen=True)
class Layout:
    """How a table's rows are spread over its files."""

    partition_by: str = ""
    z_order: str = ""


LAYOUTS = {
    "unpartitioned": Layout(),
    "by style_set": Layout(partition_by="style_set"),
    "by recipe_digest": Layout(partition_by="recipe_digest"),
    "by day": Layout(partition_by="day"),
    "z-ordered by style_set": Layout(z_order="style_set"),
}


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--designs", type=int, default=1_000_000)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--existing", metavar="URI", help="only ask which designs exist, in this process")
    options = parser.parse_args()
    if options.existing:
        print(json.dumps(_existing(options.existing)))
        return
    found = []
    with _place(options.s3) as place:
        for name in options.layouts:
            for state, figures in _life(f"{place}/{name.replace(' ', '_')}", LAYOUTS[name], options.designs):
                found.append({"layout": name, "state": state, **figures})
                print(json.dumps(found[-1]), flush=True)
    if options.json:
        whole = {"store": "s3" if options.s3 else "folder", "designs": options.designs, "layouts": found}
        options.json.write_text(json.dumps(whole, indent=1) + "\n")


@contextmanager
def _place(s3: bool) -> Iterator[str]:
    """A folder, or a bucket on a server of our own."""
    if not s3:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
        return
    server = serve()
    try:
        yield f"s3://{BUCKET}"
    finally:
        server.terminate()


def _life(where: str, layout: Layout, designs: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Figures of a table as it was filed, and after it was tidied."""
    catalog = DesignCatalog(open_store(where))
    commits = designs // GARMENTS
    build_s = _seconds(lambda: _build(catalog, layout, commits))
    yield "as filed", {"build_s": round(build_s, 1), **_measure(where, commits, 0)}
    tidy_s = _seconds(lambda: _tidy(catalog, layout))
    yield "tidied", {"tidy_s": round(tidy_s, 1), **_measure(where, commits, 1)}


def _build(catalog: DesignCatalog, layout: Layout, commits: int) -> None:
    uri, options = catalog.store.delta_location()
    for number in range(commits):
        rows = _commit(number)
        if layout.partition_by == "day":
            rows = rows.append_column("day", rows["created_at"].cast(pa.date32()))
        write_deltalake(
            DeltaTable(uri, storage_options=options) if number else uri,
            rows,
            mode="append",
            partition_by=[layout.partition_by] if layout.partition_by else None,
            storage_options=options,
            commit_properties=ONE_TRY,
        )


def _tidy(catalog: DesignCatalog, layout: Layout) -> None:
    uri, options = catalog.store.delta_location()
    if layout.z_order:
        DeltaTable(uri, storage_options=options).optimize.z_order([layout.z_order])
    catalog.tidy(timedelta(days=7))


def _measure(where: str, commits: int, turn: int) -> dict[str, Any]:
    """Every query, then commits of new rows; `turn` keeps the rows of two measurements apart."""
    catalog = DesignCatalog(open_store(where))
    uri, options = catalog.store.delta_location()
    middle = _commit(commits // 2).slice(0, 1).to_pylist()[0]

    def ask(sql: str) -> pa.Table:
        table = DeltaTable(uri, storage_options=options)
        return pa.table(QueryBuilder().register("filed", table).execute(sql).read_all())

    of_set = f"style_set = '{middle['style_set']}'"
    of_recipe = f"recipe_digest = '{middle['recipe_digest']}'"
    few = [f"{n:064x}" for n in range(100)]
    queries: dict[str, Callable[[], object]] = {
        "open": lambda: DeltaTable(uri, storage_options=options),
        "all ids": catalog.existing,
        "ids among 100": lambda: catalog.existing(few),
        "ids among 100 of a style": lambda: catalog.existing(few, [middle["style_id"]]),
        "ids of a style set": lambda: ask(f"SELECT design_id FROM filed WHERE {of_set}"),
        "style set and recipe": lambda: ask(f"SELECT {CARD} FROM filed WHERE {of_set} AND {of_recipe}"),
        "newest 200": lambda: ask(f"SELECT {CARD} FROM filed ORDER BY created_at DESC LIMIT 200"),
        "counts a facet": lambda: [
            ask(f"SELECT {name}, count(*) FROM filed GROUP BY {name}") for name in FACETS
        ],
        "one by id": lambda: ask(f"SELECT * FROM filed WHERE design_id = '{middle['design_id']}'"),
    }
    times = {f"{name}, ms": _median_ms(query) for name, query in queries.items()}
    size = pa.table(DeltaTable(uri, storage_options=options).get_add_actions())["size_bytes"].to_pylist()
    of_process = _existing_in_a_process(where)
    new = iter(range(10 + 2 * REPEATS * turn, 100))
    times["merge, ms"] = _median_ms(lambda: _merge(catalog, _commit(commits + next(new))))
    batches = iter([_designs(commits + next(new)) for _ in range(REPEATS)])
    times["file, ms"] = _median_ms(lambda: catalog.file(next(batches)))
    files = {"files": len(size), "MB": round(sum(size) / 1e6, 1)}
    return files | times | of_process


def _merge(catalog: DesignCatalog, rows: pa.Table) -> None:
    uri, options = catalog.store.delta_location()
    table = DeltaTable(uri, storage_options=options)
    if "day" in {field.name for field in table.schema().fields}:
        rows = rows.append_column("day", rows["created_at"].cast(pa.date32()))
    same = "filed.design_id = made.design_id"
    merger = table.merge(rows, same, source_alias="made", target_alias="filed", commit_properties=ONE_TRY)
    merger.when_not_matched_insert_all().execute()


def _existing_in_a_process(where: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.catalog_layout", "--existing", where]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def _existing(where: str) -> dict[str, Any]:
    """What a process needs to know which designs exist, beyond what its imports need."""
    catalog = DesignCatalog(open_store(where))
    before = _peak_mb()
    seconds = _seconds(catalog.existing)
    after = _peak_mb()
    return {"all ids cold, ms": round(1000 * seconds), "all ids, MB above imports": round(after - before)}


def _peak_mb() -> float:
    """Of this program alone: what getrusage says, a child has from its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def _median_ms(ask: Callable[[], object]) -> float:
    return round(1000 * sorted(_seconds(ask) for _ in range(REPEATS))[REPEATS // 2], 1)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@cache
def _recipe(name: str) -> tuple[str, str]:
    recipe = resolve_recipe(find_recipe(name), Settings())
    return recipe.digest(), recipe.canonical_json()


def _commit(number: int) -> pa.Table:
    """Records of one commit: a style on every garment, by one recipe."""
    run, place = divmod(number, STYLES_A_SET)
    style_set, turn = divmod(run, len(RECIPES))
    style, recipe = style_set * STYLES_A_SET + place, RECIPES[turn]
    digest, recipe_json = _recipe(recipe)
    rng = np.random.default_rng(number)
    ids = [_digest(f"design {garment} {style} {recipe}") for garment in range(GARMENTS)]
    shas = [_digest(f"picture {one}") for one in ids]
    began = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=run, minutes=4 * place)
    of_commit = {
        "style_id": f"s{style:04d}", "style_set": f"set-{style_set:03d}", "style_digest": _digest(f"style {style}"),
        "style_title": f"Style number {style}", "recipe": recipe, "recipe_digest": digest, "recipe_json": recipe_json,
        "run_id": f"{began:%Y%m%dT%H%M%S}-4f2a9c",
    }  # fmt: skip
    columns: dict[str, object] = {name: [value] * GARMENTS for name, value in of_commit.items()}
    columns |= {
        "design_id": ids,
        "image_sha256": shas,
        "image": [f"images/{one[:2]}/{one}-{sha[:12]}.png" for one, sha in zip(ids, shas, strict=True)],
        "garment_id": [f"g{garment:05d}" for garment in range(GARMENTS)],
        "garment_digest": [_digest(f"garment {garment}") for garment in range(GARMENTS)],
        "garment_title": [f"Garment number {garment}" for garment in range(GARMENTS)],
        "garment_category": [("dress", "shirt", "coat", "scarf", "skirt")[n % 5] for n in range(GARMENTS)],
        "created_at": [began + timedelta(milliseconds=240 * n) for n in range(GARMENTS)],
    }
    return pa.table({name: _column(name, columns, rng) for name in SCHEMA.names}, schema=SCHEMA)


def _column(name: str, columns: dict[str, object], rng: np.random.Generator) -> pa.Array:
    kind = SCHEMA.field(name).type
    if name in columns:
        return pa.array(columns[name], kind)
    if pa.types.is_floating(kind):
        return pa.array(rng.uniform(0, 1, GARMENTS), kind)
    value = getattr(EXAMPLE, name)
    further = "{}" if name.endswith("_further") else value
    return pa.array(
        [list(value) if isinstance(value, tuple) and further != "{}" else further] * GARMENTS, kind
    )


def _designs(number: int) -> list[Design]:
    """The same records as a run holds them."""
    empty: dict[str, Any] = {f.name: () for f in fields(Design) if f.name.endswith(("_tags", "_further"))}
    designs = []
    for row in _commit(number).to_pylist():
        losses = {term: row.pop(f"loss_{term}") for term in LOSS_TERMS}
        designs.append(Design(**row | empty | {"term_losses": losses}))
    return designs


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
