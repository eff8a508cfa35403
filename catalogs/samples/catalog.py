"""The sample catalog: drawn garments and styles, filed as any catalog is."""

import csv
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.images import Picture, encode_png
from catalogs.samples import patterns
from catalogs.samples.fields import Field, to_bytes
from catalogs.samples.garments import GARMENTS, PART_NAMES, Drawing
from catalogs.store_contract import Store

LICENCE = "CC0-1.0 (drawn by Stylemill)"
SCHEME = "stylemill-sample"

TITLES = {
    "tee": ("tee", "Crew-neck tee, pale blue", 44.0),
    "dress": ("dress", "A-line dress, ecru", 62.0),
    "hoodie": ("hoodie", "Hoodie, heather grey", 58.0),
    "tote": ("bag", "Canvas tote, natural", 38.0),
}

STYLES: tuple[tuple[str, str, Callable[[], Field], str, float], ...] = (
    ("studio", "Brushwork, dawn over teal", patterns.brushwork, "full-drop", 40),
    ("studio", "Indigo batik, kawung", patterns.batik, "full-drop", 24),
    ("studio", "Night poppies", patterns.poppies, "full-drop", 32),
    ("heritage", "Tartan, pine and navy", patterns.tartan, "full-drop", 24),
    ("heritage", "Deckchair stripes", patterns.deckchair, "full-drop", 30),
    ("heritage", "Block print, madder flowers", patterns.block_print, "full-drop", 24),
    ("heritage", "Ikat diamonds", patterns.ikat, "full-drop", 28),
    ("heritage", "Marbled inks", patterns.marbled, "full-drop", 30),
)


def write_sample(store: Store) -> tuple[int, int]:
    """Draw the sample catalog into `garments/` and `styles/`; returns how many of each."""
    with ThreadPoolExecutor() as pool:
        garments = pool.map(lambda name: _write_garment(store, name, GARMENTS[name]()), GARMENTS)
        styles = pool.map(lambda each: _write_style(store, *each), STYLES)
        garment_rows, style_rows = list(garments), list(styles)
    _write_rows(store, "garments/catalog.csv", garment_rows)
    labels = [{"scheme": SCHEME, "index": str(index), "name": name} for index, name in PART_NAMES.items()]
    _write_rows(store, "garments/part_labels.csv", labels)
    _write_rows(store, "styles/catalog.csv", style_rows)
    return len(garment_rows), len(style_rows)


def _write_garment(store: Store, name: str, drawing: Drawing) -> dict[str, str]:
    pixels = drawing.picture
    picture = Picture(pixels[..., :3], pixels[..., 3] if pixels.shape[-1] == 4 else None)
    store.write(f"garments/{name}.png", encode_png(picture))
    store.write(f"garments/{name}_mask.png", _grey(drawing.mask))
    if drawing.parts is not None:
        store.write(f"garments/{name}_parts.png", _indexed(drawing.parts))
    category, title, width = TITLES[name]
    return {
        "garment_id": name,
        "image": f"{name}.png",
        "mask": f"{name}_mask.png",
        "parts": f"{name}_parts.png" if drawing.parts is not None else "",
        "part_scheme": SCHEME if drawing.parts is not None else "",
        "category": category,
        "title": title,
        "season": "sample",
        "print_width_cm": str(width),
        "licence": LICENCE,
        "tags": f"sample|{category}",
    }


def _write_style(
    store: Store, style_set: str, title: str, draw: Callable[[], Field], repeat: str, width: float
) -> dict[str, str]:
    name = draw.__name__.replace("_", "-")
    store.write(f"styles/{name}.png", encode_png(Picture(to_bytes(draw()))))
    return {
        "style_id": name,
        "style_set": style_set,
        "image": f"{name}.png",
        "title": title,
        "repeat": repeat,
        "repeat_width_cm": str(width),
        "repeat_height_cm": str(width),
        "licence": LICENCE,
        "rights_holder": "none",
        "tags": "sample",
    }


def _write_rows(store: Store, key: str, rows: list[dict[str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    store.write(key, buffer.getvalue().encode())


def _grey(samples: NDArray[np.uint8]) -> bytes:
    return _png(Image.fromarray(samples))


def _indexed(indices: NDArray[np.uint8]) -> bytes:
    image = Image.fromarray(indices).convert("P")
    image.putpalette(_palette())
    return _png(image)


def _palette() -> list[int]:
    """Colours by which a person tells the parts apart."""
    colors: Iterable[tuple[int, int, int]] = (
        (20, 20, 20),
        (90, 140, 200),
        (220, 140, 70),
        (90, 180, 110),
        (210, 80, 120),
    )
    return [sample for color in colors for sample in color]


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
