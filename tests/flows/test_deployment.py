"""The deployments do what they say on a real Prefect server (on PostgreSQL where it is installed) with a worker.

All tests share one server and one catalog; each has style sets of its own.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.inputs.style_sets import MANIFEST, seal
from catalogs.storage.stores import open_store
from tests.conftest import TINY_RECIPE, picture, write_catalog
from tests.flows.prefect_server import Server, forking_server

STYLE_SET, POLL, LANDED = "stylize-catalog/style-set", "receive-style-sets/poll", "receive-style-sets/landed"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with catalogs and a tiny recipe."""
    folder = tmp_path_factory.mktemp("deployed")
    write_catalog(folder / "in")
    (folder / "tiny.toml").write_text(TINY_RECIPE)
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    """The server, its deployments, its worker."""
    environment = {
        "STYLEMILL_GARMENTS": str(place / "in" / "garments"),
        "STYLEMILL_STYLES": str(place / "in" / "styles"),
        "STYLEMILL_DESIGNS": str(place / "designs"),
        "STYLEMILL_RECIPE": str(place / "tiny.toml"),
        # It looks for runs every 10 s otherwise; benchmarks/landing_soak.py measures with that.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }
    with forking_server(place, environment) as own:
        yield own


def dropped(place: Path, name: str, seed: int) -> Path:
    """A sealed style set of two styles in the style catalog."""
    folder = place / "in" / "styles" / name
    folder.mkdir()
    for number in range(2):
        Image.fromarray(picture(seed + number, 80, 80)).save(folder / f"p{number}.png")
    rows = [f"{name}-{number},p{number}.png" for number in range(2)]
    (folder / "catalog.csv").write_text("\n".join(["style_id,image", *rows]) + "\n")
    seal(open_store(str(folder)))
    return folder


def designs(place: Path, style_set: str) -> set[tuple[str, str]]:
    """Garments and styles of a set's designs; none is there twice."""
    table = DesignCatalog(open_store(str(place / "designs"))).read(["garment_id", "style_id", "style_set"])
    frame = table.to_pandas()
    assert not frame.duplicated().any()
    own = frame[frame["style_set"] == style_set]
    return set(zip(own["garment_id"], own["style_id"], strict=True))


def every_garment(*styles: str) -> set[tuple[str, str]]:
    """All three garments in these styles."""
    return {(f"g{g}", style) for g in range(3) for style in styles}


def of_set(runs: list[dict], name: str) -> list[dict]:
    """The runs for a set."""
    return [run for run in runs if run["parameters"].get("style_sets") == [name]]


def test_schedules_make_runs(server: Server) -> None:
    """Each schedule has runs to come, with its time zone; a schedule that only shows would start nothing."""
    for deployment in ("stylize-catalog/nightly", POLL, "keep-designs/weekly"):
        runs = server.wait(deployment, lambda found: any(r["state_type"] == "SCHEDULED" for r in found), 60)
        assert all(run["auto_scheduled"] for run in runs if run["state_type"] == "SCHEDULED")


def test_three_events_make_one_run(server: Server, place: Path) -> None:
    """A set that landed has its run within a minute, and one run and one set of designs, told three times."""
    dropped(place, "winter", 300)
    told = time.monotonic()
    server.stylemill("landed", "winter")
    server.wait(STYLE_SET, lambda runs: any(run["start_time"] for run in of_set(runs, "winter")), 60)
    assert time.monotonic() - told < 60
    server.stylemill("landed", "winter")
    server.stylemill("landed", "winter")
    server.completed(LANDED, 3)
    runs = server.wait(STYLE_SET, lambda found: of_set(found, "winter")[0]["state_type"] == "COMPLETED")
    assert len(of_set(runs, "winter")) == 1
    assert designs(place, "winter") == every_garment("winter-0", "winter-1")


def test_half_copied_and_nobody_told(server: Server, place: Path) -> None:
    """A half-copied set has no run though it is told of; when it is whole the poll finds it, and only once."""
    folder = dropped(place, "autumn", 400)
    late = folder / "p1.png"
    data = late.read_bytes()
    late.unlink()
    before = len(server.runs(LANDED))
    server.stylemill("landed", "autumn")
    server.completed(LANDED, before + 1)
    assert of_set(server.runs(STYLE_SET), "autumn") == []
    assert designs(place, "autumn") == set()

    late.write_bytes(data)
    for _ in range(2):
        done = sum(run["state_type"] == "COMPLETED" for run in server.runs(POLL))
        server.prefect("deployment", "run", POLL)
        server.completed(POLL, done + 1)
    (run,) = of_set(server.runs(STYLE_SET), "autumn")
    server.wait(STYLE_SET, lambda runs: of_set(runs, "autumn")[0]["state_type"] == "COMPLETED")
    assert run["tags"][0].startswith("style-set:autumn@")
    assert designs(place, "autumn") == every_garment("autumn-0", "autumn-1")


def test_a_set_of_the_catalogs_own_table(server: Server, place: Path) -> None:
    """A set whose rows stand in the catalog itself has its run when somebody says that it is complete."""
    server.stylemill("landed", "set-1")
    runs = server.wait(
        STYLE_SET, lambda found: any(r["state_type"] == "COMPLETED" for r in of_set(found, "set-1"))
    )
    assert len(of_set(runs, "set-1")) == 1
    assert designs(place, "set-1") == every_garment("s1")


@pytest.mark.slow
def test_sealed_anew_it_runs_again(server: Server, place: Path) -> None:
    """A set that is sealed anew with another picture is another set: its new designs are made."""
    folder = dropped(place, "spring", 500)
    server.stylemill("landed", "spring")
    server.wait(STYLE_SET, lambda runs: any(r["state_type"] == "COMPLETED" for r in of_set(runs, "spring")))
    Image.fromarray(picture(600, 80, 80)).save(folder / "p2.png")
    with (folder / "catalog.csv").open("a") as rows:
        rows.write("spring-2,p2.png\n")
    (folder / MANIFEST).unlink()
    server.stylemill("seal", str(folder))
    server.stylemill("landed", "spring")
    server.wait(
        STYLE_SET, lambda runs: sum(r["state_type"] == "COMPLETED" for r in of_set(runs, "spring")) == 2
    )
    assert designs(place, "spring") == every_garment("spring-0", "spring-1", "spring-2")


def test_a_run_that_a_schedule_starts(server: Server, place: Path) -> None:
    """A run that a schedule starts makes what nobody asked for by name; this one is due soon, and not at night."""
    server.prefect("deployment", "schedule", "create", "stylize-catalog/nightly", "--interval", "10")
    runs = server.completed("stylize-catalog/nightly", 1, 150)
    assert all(run["auto_scheduled"] for run in runs)
    server.prefect("deployment", "schedule", "clear", "stylize-catalog/nightly", "--accept-yes")
    assert designs(place, "set-0") == every_garment("s0", "s2")


def test_upkeep_and_retry(server: Server, place: Path) -> None:
    """Upkeep ends well on a schedule's terms, and retry takes the newest run that rejected anything."""
    server.prefect("deployment", "run", "keep-designs/weekly")
    folder = dropped(place, "broken", 700)
    (folder / "p0.png").write_bytes(b"no picture")
    seal(open_store(str(folder)))
    server.stylemill("landed", "broken")
    server.wait(STYLE_SET, lambda runs: any(r["state_type"] == "COMPLETED" for r in of_set(runs, "broken")))
    assert designs(place, "broken") == every_garment("broken-1")
    Image.fromarray(picture(800, 80, 80)).save(folder / "p0.png")
    seal(open_store(str(folder)))
    server.prefect("deployment", "run", "retry-rejected/retry")
    server.completed("retry-rejected/retry", 1)
    assert designs(place, "broken") == every_garment("broken-0", "broken-1")
    server.completed("keep-designs/weekly", 1)
