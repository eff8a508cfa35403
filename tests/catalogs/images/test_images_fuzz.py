"""Whatever bytes come in, a picture comes out or a rejection: no other error, and in bounded time."""

import random
import struct
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from catalogs.designs.marked_pictures import read_xmp
from catalogs.errors import ImageError
from catalogs.images.codec import MAX_PIXELS, decode, open_upright
from catalogs.images.color_spaces import adobe_rgb
from tests.catalogs.images.png_files import png
from tests.catalogs.images.test_color_spaces import exif
from tests.catalogs.images.tiff_files import ALPHA, COLORS, tiff
from tests.conftest import saved

IMAGE = Image.fromarray(COLORS)
DEEP = COLORS.astype(np.uint16) * 257
FLOATS = (COLORS / 255).astype(np.float32)
INKS = np.dstack([COLORS, ALPHA, ALPHA])
SLOWEST_S = 5
NUMBERS = (0, 1, 2, 255, 65535, 65536, 2**31 - 1, 2**32 - 1)


def _originals() -> dict[str, bytes]:
    """Valid files of every format and of many layouts."""
    found = dict[str, bytes]()
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF"):
        found[kind] = saved(IMAGE, kind)
        found[f"{kind} with profile"] = saved(IMAGE, kind, icc_profile=adobe_rgb())
        found[f"{kind} with EXIF"] = saved(IMAGE, kind, exif=exif(), icc_profile=b"no profile" * 9)
        if kind != "JPEG":
            found[f"{kind} with alpha"] = saved(IMAGE.convert("RGBA"), kind)
    found |= {
        "PNG palette": saved(IMAGE.quantize(20), transparency=b"\0\1\2"),
        "PNG 16 bits": png(DEEP),
        "PNG 16 bits, one clear": saved(Image.fromarray(DEEP[..., 0]), transparency=5),
        "PNG animated": saved(IMAGE, save_all=True, append_images=[IMAGE]),
        "JPEG progressive": saved(IMAGE, "JPEG", progressive=True),
        "JPEG CMYK": saved(IMAGE.convert("CMYK"), "JPEG"),
        "MPO": saved(IMAGE, "MPO", save_all=True, append_images=[IMAGE]),
        "WebP lossless": saved(IMAGE, "WEBP", lossless=True),
        "TIFF pages": saved(IMAGE, "TIFF", save_all=True, append_images=[IMAGE]),
        "TIFF fax": saved(IMAGE.convert("1"), "TIFF", compression="group4"),
        "TIFF JPEG": saved(IMAGE, "TIFF", compression="jpeg"),
        "TIFF 12 bits": tiff(DEEP[..., 0] // 16, bitspersample=12, photometric="minisblack"),
        "TIFF palette": tiff(DEEP[..., 0], photometric="palette", colormap=np.zeros((3, 65536), np.uint16)),
    }
    for packing in (None, "lzw", "deflate", "packbits", "zstd"):
        predictor = 3 if packing in ("lzw", "deflate", "zstd") else None
        found |= {
            f"TIFF planes {packing}": tiff(
                np.moveaxis(DEEP, -1, 0), photometric="rgb", planarconfig="separate", compression=packing
            ),
            f"TIFF float {packing}": tiff(
                FLOATS, photometric="rgb", compression=packing, predictor=predictor
            ),
            f"TIFF CMYK {packing}": tiff(
                INKS, photometric="separated", extrasamples=["unassalpha"], compression=packing, tile=(16, 16)
            ),
        }
    return found


ORIGINALS = _originals()


def mutant(chance: random.Random, data: bytes) -> bytes:
    """A file with a few bytes changed, taken out, put in, copied, or with its end cut off."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        if not changed:
            break
        # Headers are short and decide most.
        at = chance.randrange(min(len(changed), 300) if chance.random() < 0.6 else len(changed))
        what = chance.random()
        if what < 0.45:
            changed[at] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        elif what < 0.6:
            changed[at : at + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(NUMBERS))
        elif what < 0.7:
            del changed[at:]
        elif what < 0.8:
            del changed[at : at + chance.randrange(1, 16)]
        elif what < 0.9:
            changed[at:at] = chance.randbytes(chance.randrange(1, 16))
        else:
            source = chance.randrange(len(changed))
            changed[at : at + 12] = changed[source : source + 12]
    return bytes(changed)


def with_checksums(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that what is behind them is tried."""
    made, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        made += data[at : end - 4] + struct.pack(">I", zlib.crc32(data[at + 4 : end - 4]))
        at = end
    return bytes(made) + data[at:]


def check(name: str, mutants: int, seed: str) -> None:
    """Try so many mutants of one file with every reader."""
    readers: list[Callable[[bytes], object]] = [decode, lambda data: open_upright(data, MAX_PIXELS), read_xmp]
    for number in range(mutants):
        data = mutant(random.Random(f"{seed} {name} {number}"), ORIGINALS[name])
        if name.startswith("PNG") and number % 2:
            data = with_checksums(data)
        begun = time.monotonic()
        try:
            readers[0 if number % 4 else number // 4 % 3](data)
        except ImageError as error:
            assert str(error), (name, number)
        assert time.monotonic() - begun < SLOWEST_S, (name, number)


@pytest.mark.parametrize("name", ORIGINALS)
def test_originals_are_read_or_refused_for_a_reason(name: str) -> None:
    """The files from which mutants are made are good ones, but for those that are refused on purpose."""
    if "EXIF" in name or name in ("PNG animated", "TIFF pages"):
        with pytest.raises(ImageError, match="profile cannot be used|frames|pages"):
            decode(ORIGINALS[name])
    else:
        assert decode(ORIGINALS[name]).rgb.shape[2] == 3


@pytest.mark.parametrize("name", ORIGINALS)
def test_some_mutants(name: str) -> None:
    """Thirty mutants of every file."""
    check(name, 30, "some")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ORIGINALS)
def test_many_mutants(name: str) -> None:
    """Four thousand mutants of every file: some 190,000 in all."""
    check(name, 4000, "many")
