"""The tags of a TIFF's pages. Sources: TIFF 6.0, section 2; the BigTIFF proposal (64-bit places).

Pillow's own reader of tags warns on the terminal, and takes a big-endian BigTIFF for none.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from catalogs.errors import ImageError

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIPS, CHANNELS, STRIP_ROWS, STRIP_SIZES, PLANES = 273, 277, 278, 279, 284
PREDICTOR, COLORS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES = 317, 320, 322, 323, 324, 325
INKS, EXTRA, FORMAT, SUBSAMPLING, PROFILE, RAW = 332, 338, 339, 530, 34675, 50706
REDUCED, MASK = 1, 4
MOST_PAGES = 16
"""Smaller copies and masks of a picture that are passed over before a file counts as one of many pages."""
ORIENTATION, ACROSS, DOWN, UNIT, EXIF, INTEROP = 274, 282, 283, 296, 0x8769, 0xA005
NUMBERS = {
    1: "B",
    2: "B",
    3: "H",
    4: "I",
    5: "I",
    6: "b",
    7: "B",
    8: "h",
    9: "i",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
RATIONAL = 5


@dataclass(frozen=True)
class Tags:
    """The tags of a page, by tag: whole numbers, bytes, or two numbers for each fraction.

    `order` is struct's sign of their bytes.
    """

    order: str
    values: dict[int, tuple[int, ...]]

    def many(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """All values of a tag."""
        return self.values.get(tag) or default

    def one(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        return self.many(tag, (default,))[0]


def only_page(data: bytes) -> Tags:
    """The tags of the one page that a file holds; smaller copies and masks of it may stand beside it.

    Raises ImageError where there is no page, or another picture.
    """
    pages = _pages(data)
    try:
        first = next(pages, None)
        if first is None:
            raise ImageError("the TIFF has no page; export it again")
        for number, page in enumerate(pages, 1):
            if number == MOST_PAGES or not page.one(SUBFILE) & (REDUCED | MASK):
                raise ImageError("the file holds several pages; export the one that is meant")
    except struct.error as error:
        raise ImageError("the TIFF is damaged or cut short; export it again") from error
    return first


def directory(data: bytes, place: int) -> tuple[Tags, int]:
    """The tags at a place of the file, and the place of those of the next page (0 = none).

    Raises struct.error where they are cut short.
    """
    order, big, _ = _head(data)
    count_kind, entry, link = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    step, room = (20, 8) if big else (12, 4)
    (count,) = struct.unpack_from(order + count_kind, data, place)
    start = place + struct.calcsize(count_kind)
    (following,) = struct.unpack_from(order + link, data, start + step * count)
    values, left = {}, len(data)
    for at in range(start, start + step * count, step):
        tag, kind, number = struct.unpack_from(order + entry, data, at)
        number *= 2 if kind == RATIONAL else 1
        # Tags that overlap so much that all together are larger than the file have no value, as
        # in Pillow: each would be copied.
        size = struct.calcsize(order + NUMBERS.get(kind, "B")) * number
        if kind in NUMBERS and size <= max(left, room):
            left -= size
            values[tag] = _values(
                data, f"{order}{number}{NUMBERS[kind]}", at + step - room, room, order + link
            )
    return Tags(order, values), following


def _head(data: bytes) -> tuple[str, bool, int]:
    """The order of bytes, whether it is a BigTIFF, and where the tags of its first page are."""
    order, big = "<" if data.startswith(b"II") else ">", b"+" in data[2:4]
    (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    return order, big, place


def _pages(data: bytes) -> Iterator[Tags]:
    place = _head(data)[2]
    while place:
        tags, place = directory(data, place)
        yield tags


def _values(data: bytes, layout: str, at: int, room: int, link: str) -> tuple[int, ...]:
    """The values of a tag: in its own cell where they fit, else at the place to which the cell points."""
    if struct.calcsize(layout) > room:
        (at,) = struct.unpack_from(link, data, at)
    # A tag that points out of the file has no value, as in Pillow.
    return struct.unpack_from(layout, data, at) if at + struct.calcsize(layout) <= len(data) else ()
