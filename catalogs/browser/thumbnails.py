"""Pictures for the browser: thumbnails that are made once, whole designs, and the pictures they were made from."""

import hashlib
import io
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from PIL import Image

from catalogs import keys
from catalogs.designs import marked_pictures, provenance
from catalogs.errors import ImageError, NotFoundError, StoreError
from catalogs.images.codec import decode
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.records import Garment, Style
from catalogs.storage.store_contract import Store

SIDES = (192, 384, 768)
"""Longest sides of thumbnails, px: a small, middle and large cell on a screen of two dots a pixel at most."""
QUALITY = 82
MAKERS = 2
"""Thumbnails that are made at once; a screenful asks for forty."""
KEPT_BYTES = 64 * 2**20
SOURCE_SIDE = 2048
"""Templates and styles are shown at most so large."""
SOURCE_PIXELS = 52_000_000
"""Templates and styles with more pixels are not shown: a request that anybody may make must cost little.

One of these takes some 0.7 GB of memory while it is made smaller, and one is made at a time.
"""
RECORDS_SECONDS = 60.0
"""Between two readings of the garment and the style catalog."""


@dataclass(frozen=True)
class EncodedPicture:
    """Bytes of a picture, their media type, and an ETag that changes with the bytes."""

    data: bytes
    media_type: str
    etag: str


@dataclass(frozen=True)
class SourcePicture:
    """A template or style in its catalog, not read yet; `etag` changes with its contents."""

    store: Store
    key: str
    etag: str


class PictureCache:
    """The pictures that were asked for last, up to a size. A picture that several threads want at once is made once."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        """`limit` is in bytes."""
        self._lock = threading.Lock()
        self._found: LRUCache[str, EncodedPicture] = LRUCache(
            limit, getsizeof=lambda picture: len(picture.data)
        )
        self._under_way: dict[str, Future[EncodedPicture]] = {}

    def known(self, key: str) -> EncodedPicture | None:
        """The picture that is kept under a key; None where there is none."""
        with self._lock:
            return self._found.get(key)

    def get(self, key: str, make: Callable[[], EncodedPicture]) -> EncodedPicture:
        """The picture that is kept under a key, else the one that `make` gives.

        An error of `make` is raised in every thread that waits for the picture.
        """
        if picture := self.known(key):
            return picture
        with self._lock:
            under_way = self._under_way.get(key)
            if under_way is None:
                mine = self._under_way[key] = Future[EncodedPicture]()
        if under_way is not None:
            return under_way.result()
        try:
            picture = make()
            # A picture that is larger than the whole cache is not kept.
            with self._lock, suppress(ValueError):
                self._found[key] = picture
            mine.set_result(picture)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._under_way[key]
        return picture


class Pictures:
    """Pictures of a design catalog. Safe to use from many threads."""

    def __init__(self, store: Store, garments: Store | None, styles: Store | None) -> None:
        """`garments` and `styles` are the catalogs that designs were made from, where they can be reached."""
        self._store, self._garments, self._styles = store, garments, styles
        self._kept = PictureCache()
        self._making = threading.Semaphore(MAKERS)
        # One thread for all sources: the next picture uses the memory that the last one gave back.
        self._shower = ThreadPoolExecutor(1, "sources")
        self._records: dict[str, dict[str, Garment | Style]] = {}
        self._reading = threading.Lock()
        self._read_at: dict[str, float] = {}

    def thumbnail(self, record: Mapping[str, Any], side: int) -> EncodedPicture:
        """A WebP of a design, its longest side at most `side`, with colour profile and AI mark.

        It is kept in the catalog; where that may not be written, in memory only. ImageError or StoreError where
        the design's picture is missing or broken.
        """
        key = keys.thumbnail(record["design_id"], provenance.version(record), side)
        return self._kept.get(
            key, lambda: EncodedPicture(self._thumbnail(key, record, side), "image/webp", _etag(key))
        )

    def _thumbnail(self, key: str, record: Mapping[str, Any], side: int) -> bytes:
        try:
            return self._store.read(key)
        except NotFoundError:
            pass
        with self._making:
            data = _thumbnail_bytes(self._store.read(record["image"]), side, provenance.xmp(record))
        # A server without the right to write shows pictures all the same.
        with suppress(StoreError):
            self._store.write(key, data)
        return data

    def design(self, record: Mapping[str, Any]) -> EncodedPicture:
        """The design's own PNG, with the AI mark; its pixels are those that were filed."""
        data = marked_pictures.with_mark(self._store.read(record["image"]), provenance.xmp(record))
        return EncodedPicture(data, "image/png", design_etag(record))

    def garment(self, garment_id: str) -> SourcePicture:
        """The source of a garment's template; the picture is not read. NotFoundError where it is gone."""
        return self._source("garment", self._garments, garment_id)

    def style(self, style_id: str) -> SourcePicture:
        """The source of a style's picture; the picture is not read. NotFoundError where it is gone."""
        return self._source("style", self._styles, style_id)

    def ready(self, source: SourcePicture) -> EncodedPicture | None:
        """A template or style that is still kept as browsers show it; None where it is not."""
        return self._kept.known(source.etag)

    def source_picture(self, source: SourcePicture) -> EncodedPicture:
        """A template or style as browsers show it; ImageError or StoreError where its picture cannot be used or read."""

        def make() -> EncodedPicture:
            """Read the source and make it small."""
            return EncodedPicture(_shown_bytes(source.store.read(source.key)), "image/webp", source.etag)

        return self._kept.get(source.etag, lambda: self._shower.submit(make).result())

    def _source(self, kind: str, store: Store | None, record_id: str) -> SourcePicture:
        if store is None:
            raise NotFoundError(
                f"The {kind}s catalog is not known here: start with --{kind}s URI to see them."
            )
        record = self._records_of(kind, store).get(record_id)
        if record is None:
            raise NotFoundError(f"{store.uri} has no {kind} '{record_id[:80]}' any more.")
        stored = store.stat(record.image)
        if stored is None:
            raise NotFoundError(f"{store.uri}/{record.image}: there is no such picture any more.")
        name = hashlib.sha256(f"{store.uri}\n{record.image}\n{stored.etag}".encode()).hexdigest()
        return SourcePicture(store, record.image, f'"{name[:32]}"')

    def _records_of(self, kind: str, store: Store) -> dict[str, Garment | Style]:
        """Records by id, as they were within the last minute."""
        with self._reading:
            if time.monotonic() - self._read_at.get(kind, -math.inf) > RECORDS_SECONDS:
                read: Any = read_garments if kind == "garment" else read_styles
                self._records[kind] = {getattr(r, f"{kind}_id"): r for r in read(store).records}
                self._read_at[kind] = time.monotonic()
            return self._records[kind]


def design_etag(record: Mapping[str, Any]) -> str:
    """The ETag of a design's own PNG as it is served; the picture is not read for it."""
    return f'"{provenance.version(record)}"'


def _etag(text: str) -> str:
    return '"' + text.rpartition("/")[2].removesuffix(".webp") + '"'


def _thumbnail_bytes(png: bytes, side: int, packet: bytes) -> bytes:
    """A thumbnail of a PNG."""
    try:
        opened = Image.open(io.BytesIO(png), formats=["PNG"])
        profile = opened.info.get("icc_profile")
        image = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(
            f"the design's picture is broken ({error}); 'stylemill doctor' lists all such"
        ) from error
    return marked_pictures.save(image, "WEBP", packet, profile, quality=QUALITY, method=2)


def _require_small(data: bytes) -> None:
    """Raise ImageError for a picture with too many pixels to be shown; `decode` explains bytes that are no picture."""
    width = height = 0
    with suppress(Exception):
        width, height = Image.open(io.BytesIO(data)).size
    if width * height > SOURCE_PIXELS:
        raise ImageError(
            f"the picture is {width}x{height} px: pages show templates and styles of up to {SOURCE_PIXELS:,} px"
        )


def _shown_bytes(data: bytes) -> bytes:
    """A template or style as browsers show it: upright, sRGB, at most SOURCE_SIDE pixels a side."""
    _require_small(data)
    picture = decode(data, max_pixels=SOURCE_PIXELS)
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    image.thumbnail((SOURCE_SIDE, SOURCE_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=90, method=2)
    return buffer.getvalue()
