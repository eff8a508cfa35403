"""Designs for the tests of exports: records of the table's shape, with their pictures in a store in memory."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from catalogs import keys
from catalogs.designs.design_columns import SCHEMA
from catalogs.exports.items import Item
from catalogs.images.codec import Picture, encode_png
from catalogs.storage.memory_store import MemoryStore
from tests.conftest import picture


def record(number: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of the design table, without a picture."""
    return {
        **{name: 0.5 for name in SCHEMA.names if str(SCHEMA.field(name).type) == "double"},
        **{name: "" for name in SCHEMA.names if str(SCHEMA.field(name).type) == "string"},
        "design_id": hashlib.sha256(str(number).encode()).hexdigest(),
        "garment_id": "tee",
        "garment_title": "Crew-neck tee",
        "garment_category": "tee",
        "garment_licence": "CC0-1.0",
        "garment_tags": ["summer", "tee"],
        "style_id": f"paisley-{number}",
        "style_title": f"Paisley {number}",
        "style_set": "heritage",
        "style_licence": "CC-BY-4.0",
        "style_tags": ["floral", "summer"],
        "rights_holder": "Ann Archer",
        "recipe": "house",
        "recipe_json": '{"steps": 20}',
        "versions": json.dumps({"stylemill": "0.1.0", "torch": "2.15.0"}),
        "width": 96,
        "height": 120,
        "steps": 20,
        "changed_outside": 0,
        "created_at": datetime(2026, 11, 21, 15, 18, 36, tzinfo=UTC),
        **columns,
    }


def filed(store: MemoryStore, number: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of the design table, its picture written to the store."""
    png = encode_png(Picture(picture(number)))
    row = record(number, **columns)
    sha256 = hashlib.sha256(png).hexdigest()
    key = keys.design_image(hashlib.sha256(str(number).encode()).hexdigest(), sha256)
    store.write(key, png)
    return {**row, "image": key, "image_sha256": sha256}


def shop(count: int) -> tuple[MemoryStore, list[Item]]:
    """A store and that many designs of it, nothing said of them."""
    store = MemoryStore()
    return store, [Item(filed(store, number)) for number in range(count)]
