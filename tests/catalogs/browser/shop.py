"""A small design catalog for the browser's tests: real pictures, records as runs file them."""

import hashlib
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from catalogs import keys
from catalogs.browser.state.review_state import ReviewState
from catalogs.designs.appearance import measure_appearance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act
from catalogs.images.codec import Picture, encode_png
from catalogs.records import LOSS_TERMS, Design
from catalogs.storage.stores import open_store
from tests.conftest import picture

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
GARMENTS = {"tee": "Crew-neck tee", "dress": "A-line dress", "tote": "Canvas tote"}
STYLES = {
    "ikat": "Ikat diamonds",
    "batik": "Indigo batik",
    "poppies": "Night poppies",
    "tartan": "Tartan, pine",
}


def design(
    folder: Path, number: int, garment: str, style: str, *, height: int = 120, width: int = 96, **columns: Any
) -> Design:
    """A design of a garment and a style, its picture written."""
    pixels = picture(number, height, width)
    png = encode_png(Picture(pixels))
    design_id, sha256 = hashlib.sha256(f"{number}".encode()).hexdigest(), hashlib.sha256(png).hexdigest()
    image = keys.design_image(design_id, sha256)
    open_store(str(folder)).write(image, png)
    found = measure_appearance(pixels, None)
    values: dict[str, Any] = {
        "design_id": design_id, "garment_id": garment, "style_id": style, "recipe": "house",
        "style_set": "heritage" if style in ("ikat", "batik") else "studio", "recipe_digest": "d" * 64,
        "recipe_json": f'{{"name": "house", "seed": {number}, "canvas": [512, 384]}}', "image": image,
        "image_sha256": sha256, "width": width, "height": height, "garment_digest": "1" * 64, "style_digest": "2" * 64,
        "loss": 0.1 * number, "term_losses": dict.fromkeys(LOSS_TERMS, 0.1), "loss_start": 3.0,
        "style_distance": 1 / (1 + number),
        "fold_correlation": 0.9 if number % 5 else 0.4, "checkerboard_peak": 1.0, "variation_ratio": 2.0,
        "changed_outside": 0, "steps": 7, "seconds": 1.5, "device": "cpu", "precision": "float32",
        "versions": '{"stylemill": "0.1.0"}', "run_id": "20261121T120000-aaaaaa",
        "created_at": NOON + timedelta(minutes=number), "garment_title": GARMENTS[garment],
        "garment_category": garment, "garment_licence": "CC0-1.0", "garment_tags": ("summer", garment),
        "style_title": STYLES[style], "style_licence": "CC-BY-4.0", "style_tags": ("floral",),
        "rights_holder": "Ann Archer", "colors": found.colors, "color_shares": found.color_shares,
        "phash": found.phash,
    }  # fmt: skip
    return Design(**{**values, **columns})


def shop(folder: Path, times: int = 1, **columns: Any) -> list[Design]:
    """Twelve designs, three garments in four styles, filed in a folder; or so many times twelve."""
    if columns:
        return _file_shop(folder, times, **columns)
    filed, designs = _filed_shop(times)
    shutil.copytree(filed.name, folder, dirs_exist_ok=True)
    return list(designs)


@cache
def _filed_shop(times: int) -> "tuple[tempfile.TemporaryDirectory[str], list[Design]]":
    """A shop to be copied: to file one takes as long as a hundred copies."""
    folder = tempfile.TemporaryDirectory(prefix="shop-")
    return folder, _file_shop(Path(folder.name), times)


def _file_shop(folder: Path, times: int, **columns: Any) -> list[Design]:
    pairs = [(garment, style) for style in STYLES for garment in GARMENTS] * times
    designs = [design(folder, n, garment, style, **columns) for n, (garment, style) in enumerate(pairs)]
    DesignCatalog(open_store(str(folder))).file(designs)
    return designs


def say(state: ReviewState, act: Act) -> Act:
    """File an act, and wait until it is safe in the log."""
    return state.submit(act).result(60)
