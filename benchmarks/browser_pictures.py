"""Pictures of the browser's pages, for looking at and for the README.

    python -m benchmarks.browser_pictures CATALOG --out FOLDER [--readme docs/pictures]

CATALOG holds `garments`, `styles` and `designs`, as `stylemill sample` and `run` make them. Verdicts, stars and a
shortlist are said in a copy of the designs. Every page is taken at desktop and phone width, light and dark; with
--readme the grid and the comparison go there as JPEG.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.prefect_server import free_port, stop
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.storage.stores import open_store

WIDTHS = {"desktop": (1440, 900), "phone": (360, 740)}
SHORTLIST = "Spring 27, first look"


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--readme", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        copy = Path(folder) / options.catalog.name
        shutil.copytree(options.catalog, copy)
        paths = _pages(_said(copy / "designs"))
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        with _served(copy) as address:
            for name, (path, keys) in paths.items():
                _take(browser, address + path, keys, options.out, name)
        browser.close()
    if options.readme:
        for name in ("browse", "compare"):
            picture = Image.open(options.out / f"{name}-desktop-light.png").convert("RGB")
            picture.save(options.readme / f"{name}.jpg", quality=86)


def _said(designs: Path) -> pd.DataFrame:
    """Verdicts, stars and a shortlist, as after a first look; returns the designs, the newest first."""
    store = open_store(str(designs))
    table = DesignCatalog(store).read(["design_id", "created_at", "garment_id", "style_id"]).to_pandas()
    table = table.sort_values("created_at", ascending=False)
    ids: list[str] = table["design_id"].tolist()
    now = datetime.now(UTC)
    said = {"pick": ids[1:14:3], "reject": ids[3:14:5]}
    acts = [Act(f"v-{value}", "ann", now, What.VERDICT, tuple(few), value) for value, few in said.items()]
    acts += [
        Act(f"s-{n}", "ann", now, What.STARS, (one,), str(3 + n % 3)) for n, one in enumerate(said["pick"])
    ]
    acts.append(Act("l", "ann", now, What.LIST, tuple(ids[1:8]), shortlist=SHORTLIST))
    acts.append(Act("n", "bob", now, What.NOTE, (ids[4],), "Larger repeat for the tote?", SHORTLIST))
    ReviewLog(store).file(acts)
    return table


def _pages(designs: pd.DataFrame) -> dict[str, tuple[str, list[str]]]:
    """Addresses of all views, and keys that are pressed there."""
    ids = designs["design_id"].tolist()
    dresses = designs[designs["garment_id"] == "dress"].drop_duplicates("style_id")
    compared = "&".join(f"id={one}" for one in dresses["design_id"].iloc[[0, 1, 4]])
    return {
        "browse": ("?sort=new", []),
        "small": ("?size=s", []),
        "grouped": ("?group=garment&size=s", []),
        "chosen": ("?verdict=unreviewed", ["t", "ArrowRight", "t", "ArrowRight", "t"]),
        "matrix": ("?view=matrix", []),
        "big": ("?sort=pattern", [" "]),
        "keys": ("?verdict=unreviewed", ["?"]),
        "export": ("?verdict=unreviewed", ["e"]),
        "nothing": ("?q=nowhere", []),
        "design": (f"designs/{ids[4]}", []),
        "compare": (f"compare?{compared}", []),
        "shortlists": ("shortlists", []),
        "shortlist": (f"shortlist?name={SHORTLIST.replace(' ', '+')}", []),
        "error": ("designs/nobody", []),
    }


@contextmanager
def _served(catalog: Path) -> Iterator[str]:
    port = free_port()
    places = [
        part for name in ("designs", "garments", "styles") for part in (f"--{name}", str(catalog / name))
    ]
    command = [
        sys.executable,
        "-m",
        "flows.command.cli",
        "browse",
        *places,
        "--port",
        str(port),
        "--who",
        "ann",
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout
        server.stdout.readline()
        yield f"http://127.0.0.1:{port}/"
    finally:
        stop(server)


def _take(browser: Browser, address: str, keys: list[str], out: Path, name: str) -> None:
    for width, (across, down) in WIDTHS.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": across, "height": down}, color_scheme=scheme)
            page = context.new_page()
            page.goto(address, wait_until="networkidle")
            _press(page, keys)
            shot = Image.open(io.BytesIO(page.screenshot()))
            shot.save(out / f"{name}-{width}-{scheme}.png")
            context.close()


def _press(page: Page, keys: list[str]) -> None:
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    page.wait_for_timeout(400)


if __name__ == "__main__":
    main()
