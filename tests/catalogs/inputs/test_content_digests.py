"""Digests name contents, and a look at the pictures finds what cannot be used."""

import io
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from catalogs.errors import NotAllowedError, StoreError, UnreachableError
from catalogs.images.codec import MAX_PIXELS
from catalogs.inputs.content_digests import usable_records, with_digests
from catalogs.inputs.garments import read_garments
from catalogs.records import Garment, Repeat, Style
from catalogs.storage.memory_store import MemoryStore
from tests.conftest import picture


def png(array: np.ndarray) -> bytes:
    """An array as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def store() -> MemoryStore:
    """A picture and a fitting mask."""
    found = MemoryStore()
    found.write("a.png", png(picture(1)))
    mask = np.zeros((120, 96), np.uint8)
    mask[10:100, 10:80] = 255
    found.write("m.png", png(mask))
    return found


def test_digest_depends_on_picture_and_mask_only(store: MemoryStore) -> None:
    """Titles and tags leave the digest; a changed pixel or mask changes it."""
    garment = Garment("g", "a.png", "m.png")
    ((first,), _) = with_digests(store, [garment])
    ((retitled,), _) = with_digests(store, [replace(garment, title="new", tags=("x",))])
    assert first.digest == retitled.digest
    assert len(first.digest) == 64
    ((unmasked,), _) = with_digests(store, [replace(garment, mask=None)])
    store.write("a.png", png(picture(2)))
    ((changed,), _) = with_digests(store, [garment])
    assert len({first.digest, unmasked.digest, changed.digest}) == 3


def test_unusable_contents_are_problems_and_the_rest_goes_on(store: MemoryStore) -> None:
    """A missing picture, a bad mask and a transparent garment each become a problem of their record."""
    store.write("small.png", png(np.full((40, 40), 255, np.uint8)))
    clear = np.dstack([picture(3), np.zeros((120, 96), np.uint8)])
    store.write("clear.png", png(clear))
    garments = [
        Garment("good", "a.png", "m.png", row=2),
        Garment("gone", "gone.png", row=3),
        Garment("masked", "a.png", "small.png", row=4),
        Garment("clear", "clear.png", row=5),
    ]
    good, problems, _ = usable_records(store, garments, MAX_PIXELS)
    assert [g.garment_id for g in good] == ["good"]
    assert [(p.row, p.record, p.column) for p in problems] == [
        (3, "gone", "image"), (4, "masked", "mask"), (5, "clear", "image")
    ]  # fmt: skip
    assert "export both at one size" in problems[1].what


@pytest.mark.parametrize("name", ["catalog.csv", "catalog.parquet", "catalog.xlsx"])
def test_problems_name_the_table_without_asking_for_it(name: str, store: MemoryStore) -> None:
    """What is said of a record names the table that it was read from; the store is asked only for contents."""
    table = pd.DataFrame({"garment_id": ["a", "b"], "image": ["a.png", "a.png"]})
    buffer = io.BytesIO()
    kind = name.removeprefix("catalog.")
    write = {"csv": table.to_csv, "parquet": table.to_parquet, "xlsx": table.to_excel}[kind]
    write(buffer, index=False)
    store.write(name, buffer.getvalue())
    garments = read_garments(store).records
    assert {garment.catalog for garment in garments} == {name}
    assert garments[0] == replace(garments[0], catalog="")

    class Silent(MemoryStore):
        def exists(self, key: str) -> bool:
            raise AssertionError(f"asked for {key}")

    _, problems = with_digests(Silent("memory"), garments)
    assert [(p.file, p.row) for p in problems] == [(f"memory://memory/{name}", row) for row in (2, 3)]


@pytest.mark.parametrize("kind", [UnreachableError, NotAllowedError, StoreError])
def test_a_stores_fault_is_no_records_fault(kind: type[StoreError]) -> None:
    """Where the store refuses or does not answer, nothing is rejected: the error goes through."""

    class Failing(MemoryStore):
        def read(self, key: str) -> bytes:
            raise kind(f"{key}: the store's fault")

    with pytest.raises(kind):
        with_digests(Failing(), [Style("s", "set", "a.png")])


@pytest.mark.parametrize("repeat", get_args(Repeat))
def test_borders_are_noted_unless_a_repeat_is_declared(repeat: Repeat, store: MemoryStore) -> None:
    """A style with a page around it can be used, and is noted with its crop; the edges of a declared tile stay."""
    page = np.full((200, 176, 3), 255, np.uint8)
    page[40:160, 40:136] = np.random.default_rng(0).integers(0, 200, (15, 12, 3)).repeat(8, 0).repeat(8, 1)
    store.write("page.png", png(page))
    style = Style("ink", "set", "page.png", repeat=repeat, row=3)
    good, problems, notes = usable_records(store, [style], MAX_PIXELS)
    assert (good, problems) == ([style], [])
    if repeat == "none":
        assert [(note.row, note.record, note.column, note.value) for note in notes] == [
            (3, "ink", "image", "page.png")
        ]
        assert notes[0].what.endswith("crop the picture to 96 x 120 px from left 40, top 40")
    else:
        assert not notes
