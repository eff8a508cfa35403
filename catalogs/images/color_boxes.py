"""The colour space in an AVIF's numbers (an `nclx` box) for its main picture.

Sources: ISO/IEC 14496-12 (boxes, `colr`), ISO/IEC 23008-12 (`pitm`, `iprp`, `ipco`, `ipma`).
"""

import struct
from collections.abc import Iterator

from catalogs.images.color_spaces import UNSAID


def code_points(data: bytes) -> tuple[int, int] | None:
    """H.273's numbers of primaries and transfer; None where the file has none or its boxes cannot be followed.

    The decoder has already undone the matrix and the range.
    """
    try:
        numbers = _numbers(data)
    except (struct.error, IndexError):
        return None
    return None if numbers is None or UNSAID in numbers else numbers


def _numbers(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of the main picture."""
    meta = _child(data, b"meta")
    if meta is None:
        return None
    # `meta`, `pitm` and `ipma` begin with a version and flags.
    main, properties = _child(meta[4:], b"pitm"), _child(meta[4:], b"iprp")
    if main is None or properties is None:
        return None
    item = struct.unpack_from(">H" if main[0] == 0 else ">I", main, 4)[0]
    boxes = list(_boxes(_child(properties, b"ipco") or b""))
    for number in _properties(_child(properties, b"ipma") or b"", item):
        kind, body = boxes[number - 1] if 0 < number <= len(boxes) else (b"", b"")
        if kind == b"colr" and body[:4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            return primaries, transfer
    return None


def _properties(ipma: bytes, item: int) -> list[int]:
    """The numbers, from 1, of an item's properties."""
    if not ipma:
        return []
    version, wide = ipma[0], ipma[3] & 1
    (count,), at = struct.unpack_from(">I", ipma, 4), 8
    for _ in range(min(count, len(ipma))):
        (item_number,) = struct.unpack_from(">I" if version else ">H", ipma, at)
        at += 4 if version else 2
        size, step = ipma[at], 2 if wide else 1
        if item_number == item:
            values = struct.unpack_from(f">{size}{'H' if wide else 'B'}", ipma, at + 1)
            return [value & (0x7FFF if wide else 0x7F) for value in values]
        at += 1 + size * step
    return []


def _child(data: bytes, kind: bytes) -> bytes | None:
    return next((body for box_kind, body in _boxes(data) if box_kind == kind), None)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, at + 8), 16
        size = size or len(data) - at
        if size < head:
            return
        yield kind, data[at + head : at + size]
        at += size
