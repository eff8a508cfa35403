"""The sample catalog: drawn garments and styles, filed like any catalog."""

import csv
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.images.codec import Picture, encode_png
from catalogs.samples import patterns
from catalogs.samples.fields import Field, to_bytes
from catalogs.samples.garments import GARMENTS, PART_NAMES
from catalogs.storage.store_contract import Store

LICENCE = "CC0-1.0 (drawn by Stylemill)"
SCHEME = "stylemill-sample"

TITLES = {
    "tee": ("tee", "Crew-neck tee, pale blue", 44.0),
    "dress": ("dress", "A-line dress, ecru", 62.0),
    "hoodie": ("hoodie", "Hoodie, heather grey", 58.0),
    "tote": ("bag", "Canvas tote, natural", 38.0),
}
PARTED = ("tee",)
"""Garments that are drawn with a part map."""

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


def write_sample(
    store: Store, *, anew: bool = False, told: Callable[[str], None] = lambda _name: None
) -> tuple[int, int]:
    """File the sample catalog in `garments/` and `styles/`; returns how many garments and styles had to be drawn.

    Existing files stay as they are; with `anew` all are drawn and overwritten. `told` gets the amount of work first,
    and then the key of each picture when it is filed.
    """
    present = set() if anew else {entry.key for entry in store.list()}
    garments = [name for name in GARMENTS if not set(_garment_keys(name)) <= present]
    styles = [draw for _, _, draw, _, _ in STYLES if _style_key(draw) not in present]
    if garments or styles:
        told(f"drawing {len(garments)} of the garments and {len(styles)} of the styles, some 2 s each")
    with ThreadPoolExecutor() as pool:
        drawn = [pool.submit(_draw_garment, store, name) for name in garments]
        drawn += [pool.submit(_draw_style, store, draw) for draw in styles]
        for drawing in as_completed(drawn):
            told(drawing.result())
    for key, rows in _tables().items():
        if key not in present:
            store.write(key, rows)
    return len(garments), len(styles)


def edited_tables(store: Store) -> list[str]:
    """Keys of the sample's tables that exist with other contents."""
    return [key for key, rows in _tables().items() if store.exists(key) and store.read(key) != rows]


def _tables() -> dict[str, bytes]:
    labels = [{"scheme": SCHEME, "index": str(index), "name": name} for index, name in PART_NAMES.items()]
    return {
        "garments/catalog.csv": _csv([_garment_row(name) for name in GARMENTS]),
        "garments/part_labels.csv": _csv(labels),
        "styles/catalog.csv": _csv([_style_row(*each) for each in STYLES]),
    }


def _garment_keys(name: str) -> list[str]:
    parts = [f"garments/{name}_parts.png"] if name in PARTED else []
    return [f"garments/{name}.png", f"garments/{name}_mask.png", *parts]


def _draw_garment(store: Store, name: str) -> str:
    drawing = GARMENTS[name]()
    pixels = drawing.picture
    picture = Picture(pixels[..., :3], pixels[..., 3] if pixels.shape[-1] == 4 else None)
    contents = [encode_png(picture), _grey(drawing.mask)]
    if drawing.parts is not None:
        contents.append(_indexed(drawing.parts))
    files = _garment_keys(name)
    for key, content in zip(files, contents, strict=True):
        store.write(key, content)
    return files[0]


def _garment_row(name: str) -> dict[str, str]:
    category, title, width = TITLES[name]
    return {
        "garment_id": name,
        "image": f"{name}.png",
        "mask": f"{name}_mask.png",
        "parts": f"{name}_parts.png" if name in PARTED else "",
        "part_scheme": SCHEME if name in PARTED else "",
        "category": category,
        "title": title,
        "season": "sample",
        "print_width_cm": str(width),
        "licence": LICENCE,
        "tags": f"sample|{category}",
    }


def _style_id(draw: Callable[[], Field]) -> str:
    return draw.__name__.replace("_", "-")


def _style_key(draw: Callable[[], Field]) -> str:
    return f"styles/{_style_id(draw)}.png"


def _draw_style(store: Store, draw: Callable[[], Field]) -> str:
    store.write(key := _style_key(draw), encode_png(Picture(to_bytes(draw()))))
    return key


def _style_row(
    style_set: str, title: str, draw: Callable[[], Field], repeat: str, width: float
) -> dict[str, str]:
    return {
        "style_id": _style_id(draw),
        "style_set": style_set,
        "image": f"{_style_id(draw)}.png",
        "title": title,
        "repeat": repeat,
        "repeat_width_cm": str(width),
        "repeat_height_cm": str(width),
        "licence": LICENCE,
        "rights_holder": "none",
        "tags": "sample",
    }


def _csv(rows: list[dict[str, str]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _grey(samples: NDArray[np.uint8]) -> bytes:
    return _png(Image.fromarray(samples))


def _indexed(indices: NDArray[np.uint8]) -> bytes:
    image = Image.fromarray(indices).convert("P")
    image.putpalette(_palette())
    return _png(image)


def _palette() -> list[int]:
    """Colours by which a person can distinguish the parts."""
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
