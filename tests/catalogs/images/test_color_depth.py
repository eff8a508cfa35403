"""Deep pictures come to sRGB from all their bits: by closed form, and beside littleCMS where 8 bits are enough."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageCms

from catalogs.images import color_depth
from catalogs.images.codec import decode
from catalogs.images.color_spaces import (
    ADOBE,
    BT709,
    PRIMARIES,
    adobe_rgb,
    from_gamma,
    matrix_profile,
    srgb_to_light,
)
from tests.catalogs.images.png_files import png, with_chunks
from tests.catalogs.images.test_color_spaces import SRGB_PROFILE, in_srgb
from tests.catalogs.images.tiff_files import COLORS, tiff
from tests.conftest import saved

DARK = np.linspace(0, 0.02, 320)
"""Linear light in which 8 bits have 6 steps."""
RAMP = np.rint(np.tile(DARK[None, :, None], (40, 1, 3)) * 65535).astype(np.uint16)
LINEAR = from_gamma(1.0, None) or b""
EXPECTED = in_srgb(RAMP / 257, BT709, lambda value: value)
GAMMA = (b"gAMA", struct.pack(">I", 100_000))


def curve_profile(curve: bytes, name: bytes = b"GRAY") -> bytes:
    """A profile of one curve, for grey or (three times) for RGB with sRGB's colorants."""
    whole = matrix_profile(BT709, srgb_to_light)
    count = struct.unpack(">I", whole[128:132])[0]
    table = [struct.unpack_from(">4sII", whole, 132 + 12 * n) for n in range(count)]
    tags = [(tag, whole[at : at + size]) for tag, at, size in table if not tag.endswith(b"TRC")]
    tags += [(b"kTRC", curve)] if name == b"GRAY" else [(b"%cTRC" % letter, curve) for letter in b"rgb"]
    at, entries, body = 132 + 12 * len(tags), b"", b""
    for tag, value in tags:
        entries += struct.pack(">4sII", tag, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = (
        struct.pack(">I", at + len(body))
        + whole[4:16]
        + (b"GRAY" if name == b"GRAY" else b"RGB ")
        + whole[20:128]
    )
    return head + struct.pack(">I", len(tags)) + entries + body


def para(kind: int, *numbers: float) -> bytes:
    """A parametric curve."""
    return (
        b"para"
        + bytes(4)
        + struct.pack(">HH", kind, 0)
        + struct.pack(f">{len(numbers)}i", *(round(n * 65536) for n in numbers))
    )


FILES = {
    "PNG by gAMA": lambda: with_chunks(png(RAMP), GAMMA),
    "PNG with alpha": lambda: with_chunks(png(np.dstack([RAMP, RAMP[..., 0] * 0 + 40000])), GAMMA),
    "grey PNG": lambda: with_chunks(png(RAMP[..., 0]), GAMMA),
    "TIFF": lambda: tiff(RAMP, photometric="rgb", iccprofile=LINEAR),
    "LZW TIFF": lambda: tiff(RAMP, photometric="rgb", iccprofile=LINEAR, compression="lzw"),
    "TIFF in planes": lambda: tiff(
        np.moveaxis(RAMP, -1, 0).copy(), photometric="rgb", planarconfig="separate", iccprofile=LINEAR
    ),
    "float TIFF": lambda: tiff((RAMP / 65535).astype(np.float32), photometric="rgb", iccprofile=LINEAR),
    "32-bit TIFF": lambda: tiff(RAMP.astype(np.uint32) * 65537, photometric="rgb", iccprofile=LINEAR),
    "grey TIFF": lambda: tiff(RAMP[..., 0], photometric="minisblack", iccprofile=LINEAR),
    "TIFF, white is zero": lambda: tiff(65535 - RAMP[..., 0], photometric="miniswhite", iccprofile=LINEAR),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_dark_ramps_keep_their_steps(kind: str) -> None:
    """A dark ramp in linear light has every level of sRGB, each within half of one of the closed form."""
    found = decode(FILES[kind]()).rgb
    assert len(np.unique(found)) == len(np.unique(np.rint(EXPECTED)))
    assert np.abs(found - EXPECTED).max() <= 0.51


@pytest.mark.parametrize("orientation", [3, 6])
def test_turned(orientation: int) -> None:
    """EXIF turns what was converted, too."""
    tags = Image.Exif()
    tags[274] = orientation
    found = decode(with_chunks(png(RAMP), GAMMA, (b"eXIf", tags.tobytes()[6:]))).rgb
    turned = np.rot90(EXPECTED, 2 if orientation == 3 else -1)
    assert np.abs(found - turned).max() <= 0.51


@pytest.mark.parametrize(
    ("space", "curve"),
    [(ADOBE, lambda v: v ** (563 / 256)), (PRIMARIES[12], srgb_to_light), (PRIMARIES[9], lambda v: v)],
)
def test_matrix(space: object, curve: object) -> None:
    """Other primaries are converted by the closed form."""
    samples = np.random.default_rng(4).integers(0, 65536, (50, 40, 3)).astype(np.uint16)
    found = color_depth.to_srgb(samples, matrix_profile(space, curve))
    assert found is not None
    assert np.abs(found - in_srgb(samples / 257, space, curve)).max() <= 1


def stepped(value: np.ndarray) -> np.ndarray:
    """Straight between three points."""
    return np.interp(value, [0, 0.5, 1], [0, 16384 / 65535, 1])


def broken(value: np.ndarray) -> np.ndarray:
    """A line, and a lifted power from 0.1."""
    return np.where(value >= 0.1, (0.9 * value + 0.05) ** 2 + 0.02, 0.2 * value + 0.01)


CURVES = {
    "identity": (b"curv" + bytes(8), lambda v: v),
    "one power": (b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.8 * 256)), lambda v: v ** (round(1.8 * 256) / 256)),
    "table": (b"curv" + bytes(4) + struct.pack(">I3H", 3, 0, 16384, 65535), stepped),
    "power": (para(0, 2.4), lambda v: v**2.4),
    "power from a start": (para(1, 2.0, 1.25, -0.25), lambda v: np.maximum(1.25 * v - 0.25, 0) ** 2),
    "lifted": (para(2, 2.0, 0.8, 0.1, 0.05), lambda v: (0.8 * v + 0.1) ** 2 + 0.05),
    "sRGB's": (para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), srgb_to_light),
    "with all": (para(4, 2.0, 0.9, 0.05, 0.2, 0.1, 0.02, 0.01), broken),
}  # fmt: skip


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("space", [b"GRAY", b"RGB"])
def test_curves(name: str, space: bytes) -> None:
    """Every kind of curve is followed, in grey and in colour."""
    tag, curve = CURVES[name]
    samples = np.linspace(0, 65535, 4000).astype(np.uint16).reshape(40, 100)
    found = color_depth.to_srgb(samples, curve_profile(tag, space))
    light = np.clip(curve(samples / 65535), 0, 1)
    expected = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert found is not None
    assert np.abs(found - expected[..., None]).max() <= 0.7


@pytest.mark.parametrize(
    "data", [adobe_rgb(), LINEAR, SRGB_PROFILE, matrix_profile(PRIMARIES[9], srgb_to_light)]
)
def test_beside_littlecms(data: bytes) -> None:
    """Where 8 bits are enough, littleCMS gives the same within a level."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(data))
    theirs = ImageCms.profileToProfile(
        Image.fromarray(COLORS), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    ours = color_depth.to_srgb(COLORS.astype(np.uint16) * 257, data)
    assert ours is not None
    assert np.abs(ours.astype(int) - np.asarray(theirs)).max() <= 1


def test_profiles_without_a_matrix_are_left_to_littlecms() -> None:
    """Lab and broken profiles are none of ours; what is said of a broken one is what was said before."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for data in (lab, b"", b"junk" * 50, LINEAR[:300]):
        assert color_depth.to_srgb(RAMP, data) is None


def test_masks_are_not_converted() -> None:
    """A mask's levels are shares, whatever profile its program wrote."""
    from tests.catalogs.templates.mask_drawings import CLOTH, read

    levels = CLOTH.astype(np.uint16) * 257 // 2
    plain = read(saved(Image.fromarray(levels)))
    tagged = read(with_chunks(saved(Image.fromarray(levels)), GAMMA))
    assert np.array_equal(plain.coverage, tagged.coverage)


def overlapping(count: int, names: tuple[bytes, ...] = ()) -> bytes:
    """A profile of RGB whose tags each span all that is behind its header."""
    size = 132 + 12 * count
    named = [*names, *(struct.pack(">I", n) for n in range(count - len(names)))]
    table = b"".join(struct.pack(">4sII", name, 132, size - 132) for name in named)
    return struct.pack(">I", size) + LINEAR[4:128] + struct.pack(">I", count) + table


@pytest.mark.parametrize("count", [90, 2_000, 8_000])
@pytest.mark.parametrize("names", [(), (b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ")])
def test_tags_over_each_other_cost_nothing(count: int, names: tuple[bytes, ...]) -> None:
    """Tags that each span the whole profile are not copied: memory keeps to that of a curve."""
    data = overlapping(count, names)
    tracemalloc.start()
    assert color_depth.to_srgb(RAMP[:4, :4], data) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_tags_larger_than_a_curve_are_left_to_littlecms() -> None:
    """A curve of 65,536 entries is followed; a tag that is larger than any is not unpacked."""
    entries = np.linspace(0, 65535, 65_536).astype(">u2").tobytes()
    whole = b"curv" + bytes(4) + struct.pack(">I", 65_536) + entries
    assert color_depth.to_srgb(RAMP, curve_profile(whole, b"RGB ")) is not None
    assert color_depth.to_srgb(RAMP, curve_profile(whole + bytes(100_000), b"RGB ")) is None
