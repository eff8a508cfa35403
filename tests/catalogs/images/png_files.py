"""PNGs written chunk by chunk, by the specification alone."""

import struct
import zlib

import numpy as np

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""The number for grey, grey and alpha, RGB, RGB and alpha, by their channels."""


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: np.ndarray, bits: int | None = None) -> bytes:
    """H x W (x channels) of 8 or 16 bits as a PNG; `bits` packs grey of 1, 2 or 4."""
    values = samples.reshape(*samples.shape[:2], -1)
    depth = bits or values.dtype.itemsize * 8
    rows = [row.astype(f">u{max(depth // 8, 1)}").tobytes() for row in values]
    if depth < 8:
        rows = [_packed(row, depth) for row in rows]
    header = struct.pack(
        ">II5B", values.shape[1], values.shape[0], depth, COLOR_TYPES[values.shape[2]], 0, 0, 0
    )
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _packed(row: bytes, depth: int) -> bytes:
    bits = "".join(f"{value:0{depth}b}" for value in row)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def with_chunks(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with further chunks behind its header."""
    return data[:33] + b"".join(chunk(*one) for one in chunks) + data[33:]
