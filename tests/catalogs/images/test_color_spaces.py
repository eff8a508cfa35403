"""Colours that a file says without a profile become sRGB: by formula, for every way of saying them."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from catalogs.errors import ImageError
from catalogs.images.codec import decode
from catalogs.images.color_spaces import ADOBE, BT709, PRIMARIES, adobe_rgb, from_code_points, from_gamma
from tests.catalogs.images.png_files import png, with_chunks
from tests.catalogs.images.tiff_files import COLORS, of_depth, tiff
from tests.conftest import saved

SWATCHES = np.kron(COLORS[::8, ::9], np.ones((8, 8, 1), np.uint8))
"""Colours in squares, so that a JPEG keeps them."""
P3 = PRIMARIES[12]
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
Curve = Callable[[np.ndarray], np.ndarray]


def srgb_curve(value: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, from samples to light."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def in_srgb(samples: np.ndarray, chromaticities: object, curve: Curve) -> np.ndarray:
    """What samples of another colour space are in sRGB, by matrices of chromaticities, without profiles.

    Both spaces have D65 for white, so nothing is adapted.
    """

    def matrix(space: object) -> np.ndarray:
        white, *colors = ([x / y, 1, (1 - x - y) / y] for x, y in np.array(space))
        columns = np.array(colors).T
        return columns * np.linalg.solve(columns, white)

    light = curve(samples / 255) @ np.linalg.solve(matrix(BT709), matrix(chromaticities)).T
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def exif(space: int | None = 65535, index: str | None = "R03") -> bytes:
    """EXIF that says a colour space as cameras do."""
    tags = Image.Exif()
    inner = tags.get_ifd(0x8769)
    if space is not None:
        inner[0xA001] = space
    if index is not None:
        inner[0xA005] = {1: index}
    return tags.tobytes()


def near(data: bytes, expected: np.ndarray, tolerance: float = 1.5) -> bool:
    """Whether a file decodes to the samples expected."""
    return bool(np.abs(decode(data).rgb - expected).max() <= tolerance)


ADOBE_IN_SRGB = in_srgb(SWATCHES, ADOBE, lambda value: value ** (563 / 256))


class TestPng:
    """cICP, gAMA, cHRM and their order."""

    @pytest.mark.parametrize(
        ("transfer", "curve"), [(13, srgb_curve), (1, srgb_curve), (8, lambda v: v), (4, lambda v: v**2.2)]
    )
    @pytest.mark.parametrize("primaries", [1, 5, 6, 9, 12, 22])
    def test_code_points(self, primaries: int, transfer: int, curve: Curve) -> None:
        """Primaries and transfer by number are converted."""
        data = with_chunks(png(SWATCHES), (b"cICP", bytes([primaries, transfer, 0, 1])))
        assert near(data, in_srgb(SWATCHES, PRIMARIES[primaries], curve))

    def test_narrow_range(self) -> None:
        """Where 16 is black and 235 is white, they become so."""
        narrow = np.rint(16 + SWATCHES / 255 * 219).astype(np.uint8)
        assert near(
            with_chunks(png(narrow), (b"cICP", bytes([12, 13, 0, 0]))), in_srgb(SWATCHES, P3, srgb_curve), 4
        )

    @pytest.mark.parametrize(
        ("points", "words"),
        [
            ((9, 16, 0, 1), r"high dynamic range \(PQ\)"),
            ((9, 18, 0, 1), "HLG"),
            ((12, 13, 6, 1), "matrix 6"),
            ((99, 13, 0, 1), "primaries 99"),
        ],
    )
    def test_code_points_that_are_not_converted(self, points: tuple[int, ...], words: str) -> None:
        """High dynamic range and unknown numbers are refused by name."""
        with pytest.raises(ImageError, match=words):
            decode(with_chunks(png(SWATCHES), (b"cICP", bytes(points))))

    @pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 1 / 2.5])
    def test_gamma(self, gamma: float) -> None:
        """Samples are light to the power that gAMA says, in RGB and in grey."""
        chunk = (b"gAMA", struct.pack(">I", round(gamma * 100_000)))
        assert near(
            with_chunks(png(SWATCHES), chunk), in_srgb(SWATCHES, BT709, lambda value: value ** (1 / gamma))
        )
        grey = SWATCHES[..., 0]
        expected = in_srgb(np.repeat(grey[..., None], 3, 2), BT709, lambda value: value ** (1 / gamma))
        assert near(with_chunks(png(grey), chunk), expected)

    def test_chromaticities(self) -> None:
        """Primaries by cHRM are converted, with the curve that gAMA says, or sRGB's."""
        said = (b"cHRM", struct.pack(">8I", *(round(value * 100_000) for pair in ADOBE for value in pair)))
        gamma = (b"gAMA", struct.pack(">I", round(256 / 563 * 100_000)))
        assert near(with_chunks(png(SWATCHES), said), in_srgb(SWATCHES, ADOBE, srgb_curve))
        lighter = (b"gAMA", struct.pack(">I", 55_556))
        assert near(
            with_chunks(png(SWATCHES), lighter, said), in_srgb(SWATCHES, ADOBE, lambda value: value**1.8)
        )
        # 1 / 2.2 is what programs write for sRGB's curve.
        assert near(with_chunks(png(SWATCHES), gamma, said), in_srgb(SWATCHES, ADOBE, srgb_curve))

    def test_saying_srgb_changes_nothing(self) -> None:
        """The many ways to say sRGB leave the samples as they are, to the bit."""
        chrm = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
        for chunks in (
            [(b"gAMA", struct.pack(">I", 45455))],
            [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", chrm)],
            [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))],
            [(b"cICP", bytes([1, 13, 0, 1]))],
            [(b"cICP", bytes([2, 2, 0, 1]))],
            [(b"gAMA", bytes(4))],
        ):
            assert np.array_equal(decode(with_chunks(png(SWATCHES), *chunks)).rgb, SWATCHES)

    def test_order(self) -> None:
        """CICP goes before iCCP, iCCP before sRGB, sRGB before gAMA, any of them before EXIF."""
        profile = (b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb()))
        cicp, srgb = (b"cICP", bytes([12, 13, 0, 1])), (b"sRGB", b"\0")
        gamma = (b"gAMA", struct.pack(">I", 100_000))
        camera = (b"eXIf", exif()[6:])
        assert near(with_chunks(png(SWATCHES), gamma, srgb, profile, cicp), in_srgb(SWATCHES, P3, srgb_curve))
        assert near(with_chunks(png(SWATCHES), gamma, srgb, profile), ADOBE_IN_SRGB)
        assert near(with_chunks(png(SWATCHES), gamma, srgb, camera), SWATCHES, 0)
        assert near(with_chunks(png(SWATCHES), gamma, camera), in_srgb(SWATCHES, BT709, lambda value: value))
        assert near(with_chunks(png(SWATCHES), camera), ADOBE_IN_SRGB)

    @pytest.mark.parametrize("color_type", ["palette", "grey and alpha", "RGB and alpha", "16 bits"])
    def test_every_color_type(self, color_type: str) -> None:
        """The space is converted whatever the samples are; alpha stays."""
        image = Image.fromarray(SWATCHES)
        alpha = Image.fromarray(SWATCHES[..., 1])
        if color_type == "palette":
            data, shown = saved(image.quantize(40)), np.asarray(image.quantize(40).convert("RGB"))
        elif color_type == "grey and alpha":
            data, shown = (
                saved(Image.merge("LA", [image.convert("L"), alpha])),
                np.asarray(image.convert("L").convert("RGB")),
            )
        elif color_type == "RGB and alpha":
            data, shown = saved(Image.merge("RGBA", [*image.split(), alpha])), SWATCHES
        else:
            data, shown = png(SWATCHES.astype(np.uint16) * 257), SWATCHES
        found = decode(with_chunks(data, (b"gAMA", struct.pack(">I", 100_000))))
        assert np.abs(found.rgb - in_srgb(shown, BT709, lambda value: value)).max() <= 1.5
        if "alpha" in color_type:
            assert found.alpha is not None
            assert np.array_equal(found.alpha, SWATCHES[..., 1])

    @pytest.mark.parametrize("values", [[0] * 8, [31270, 32900, 64000, 33000, 64000, 33000, 15000, 6000]])
    def test_impossible_chromaticities(self, values: list[int]) -> None:
        """Primaries that span nothing are refused."""
        with pytest.raises(ImageError, match="chromaticities are impossible; export it in sRGB"):
            decode(with_chunks(png(SWATCHES), (b"cHRM", struct.pack(">8I", *values))))


class TestExif:
    """Cameras say Adobe RGB by an interoperability index instead of a profile."""

    @pytest.mark.parametrize(("space", "index"), [(65535, "R03"), (None, "R03"), (2, None), (2, "R98")])
    @pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
    def test_adobe_rgb(self, kind: str, space: int | None, index: str | None) -> None:
        """A camera's picture in Adobe RGB is converted."""
        options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0}
        data = saved(Image.fromarray(SWATCHES), kind, exif=exif(space, index), **options)
        assert np.abs(decode(data).rgb - ADOBE_IN_SRGB).mean() < 1.5

    @pytest.mark.parametrize(
        ("space", "index"), [(1, "R03"), (65535, "R98"), (65535, None), (1, None), (None, None)]
    )
    def test_else_srgb(self, space: int | None, index: str | None) -> None:
        """Whoever says sRGB, or nothing, has sRGB."""
        data = saved(Image.fromarray(SWATCHES), "WEBP", exif=exif(space, index), lossless=True)
        assert np.array_equal(decode(data).rgb, SWATCHES)

    def test_profile_goes_first(self) -> None:
        """Where there is a profile, it is used."""
        data = saved(Image.fromarray(SWATCHES), "WEBP", exif=exif(), icc_profile=SRGB_PROFILE, lossless=True)
        assert np.abs(decode(data).rgb.astype(int) - SWATCHES).max() <= 1

    @pytest.mark.parametrize("depth", ["u1", "f4"])
    @pytest.mark.parametrize("order", "<>")
    def test_adobe_rgb_in_a_tiff(self, order: str, depth: str) -> None:
        """In a TIFF the same tags stand behind a pointer, whoever reads its samples."""
        data = tiff(
            of_depth(SWATCHES / 255, depth),
            photometric="rgb",
            byteorder=order,
            extratags=[(65000, 4, 1, 0x41424344, True)],
        )
        pointer = struct.pack(order + "HHII", 65000, 4, 1, 0x41424344)
        assert data.count(pointer) == 1
        inner = struct.pack(order + "HHHIHHHHIII", 2, 0xA001, 3, 1, 65535, 0, 0xA005, 4, 1, len(data) + 30, 0)
        interop = struct.pack(order + "HHHI4sI", 1, 1, 2, 4, b"R03\0", 0)
        written = (
            data.replace(pointer, struct.pack(order + "HHII", 0x8769, 4, 1, len(data))) + inner + interop
        )
        assert near(written, ADOBE_IN_SRGB)

    def test_tags_that_point_nowhere(self) -> None:
        """A pointer into the void says nothing of colours, and the picture is read."""
        tags = bytearray(exif())
        at = tags.index(struct.pack("<H", 0x8769) if tags[6:8] == b"II" else struct.pack(">H", 0x8769))
        tags[at + 8 : at + 12] = b"\xf0\xff\xff\x7f"
        data = saved(Image.fromarray(SWATCHES), "WEBP", exif=bytes(tags), lossless=True)
        assert np.array_equal(decode(data).rgb, SWATCHES)


class TestProfiles:
    """What is built is a profile."""

    @pytest.mark.parametrize("profile", [adobe_rgb(), from_code_points(9, 13), from_gamma(1.0, None)])
    def test_white_is_white(self, profile: bytes | None) -> None:
        """White stays white and black black, and littleCMS takes the profile."""
        assert profile is not None
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ends = Image.fromarray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
        converted = ImageCms.profileToProfile(ends, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert np.array_equal(np.asarray(converted), np.asarray(ends))
