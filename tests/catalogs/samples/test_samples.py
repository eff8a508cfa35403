"""The sample catalog is a catalog like any other, and its drawings are what they say."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalogs.images.codec import MAX_PIXELS, decode
from catalogs.inputs.content_digests import usable_records
from catalogs.inputs.garments import part_labels, read_garments
from catalogs.inputs.styles import read_styles
from catalogs.samples import patterns
from catalogs.samples.fields import Field
from catalogs.storage.memory_store import MemoryStore
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store

PATTERNS = [
    patterns.tartan, patterns.deckchair, patterns.block_print, patterns.ikat,
    patterns.batik, patterns.poppies, patterns.brushwork, patterns.marbled,
]  # fmt: skip


@pytest.fixture(scope="module")
def drawn(sample: Path) -> Store:
    """The whole sample as a store."""
    return open_store(str(sample))


def part(store: Store, folder: str) -> MemoryStore:
    """One of the two catalogs as a store of its own."""
    found = MemoryStore()
    for entry in store.list(f"{folder}/"):
        found.write(entry.key.removeprefix(f"{folder}/"), store.read(entry.key))
    return found


def test_both_catalogs_pass_every_check(drawn: Store) -> None:
    """At least four garments and six styles in two sets, without a problem or a remark."""
    garments, styles = part(drawn, "garments"), part(drawn, "styles")
    read = read_garments(garments), read_styles(styles)
    assert (len(read[0].records) >= 4, len(read[1].records) >= 6) == (True, True)
    assert len({style.style_set for style in read[1].records}) == 2
    assert not (read[0].problems + read[1].problems + read[0].remarks + read[1].remarks)
    assert not usable_records(garments, read[0].records, MAX_PIXELS)[1]
    assert not usable_records(styles, read[1].records, MAX_PIXELS)[1]


def test_one_has_parts_and_one_is_transparent(drawn: Store) -> None:
    """One garment has a part map whose indices all have names, and one is RGBA."""
    garments = part(drawn, "garments")
    records = read_garments(garments).records
    (tee,) = [garment for garment in records if garment.parts]
    indices = np.unique(np.asarray(Image.open(io.BytesIO(garments.read(tee.parts or "")))))
    assert set(indices.tolist()) == set(
        part_labels(garments, {one.key for one in garments.list()}).schemes[tee.part_scheme or ""]
    )
    assert [g.garment_id for g in records if decode(garments.read(g.image)).alpha is not None] == ["tote"]


def test_cloth_has_shading(drawn: Store) -> None:
    """Under every mask the luminance varies smoothly: folds, not a flat colour."""
    for garment in read_garments(part(drawn, "garments")).records:
        rgb = decode(drawn.read(f"garments/{garment.image}")).rgb
        mask = np.asarray(Image.open(io.BytesIO(drawn.read(f"garments/{garment.mask}"))))
        cloth = rgb.mean(-1)[mask == 255]
        assert 5 < cloth.std() < 60, garment.garment_id


@pytest.mark.parametrize("draw", PATTERNS, ids=lambda f: f.__name__)
def test_tiles_repeat(draw: Callable[[], Field]) -> None:
    """The step over the tile's edge is no larger than the largest steps inside it."""
    tile = draw()
    for axis in (0, 1):
        over = np.abs(np.take(tile, 0, axis) - np.take(tile, -1, axis)).mean()
        inside = np.abs(np.diff(tile, axis=axis)).mean(axis=(1 - axis, 2))
        assert over <= inside.max() * 1.25


def test_drawing_is_repeatable() -> None:
    """The same pattern is drawn the same way every time."""
    assert np.array_equal(patterns.batik(), patterns.batik())
