"""TIFFs of every layout give the samples that were written, or are refused by name."""

import io
import itertools
import random
import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from catalogs.errors import ImageError
from catalogs.images import tiff_tags
from catalogs.images.codec import SRGB, decode, open_upright
from catalogs.images.color_spaces import adobe_rgb
from tests.catalogs.images.tiff_files import ALPHA, BLACK_INK, COLORS, of_depth, tiff

GREY = np.repeat(COLORS[..., :1], 3, 2)
PLANES = np.moveaxis(COLORS, -1, 0).astype(np.uint16) * 257
COUNTS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "separated": 4}
LAYOUTS = list(
    itertools.product(
        COUNTS,
        ["u1", "u2", "u4", "f2", "f4", "f8"],
        ["contig", "separate"],
        [None, "unassalpha", "assocalpha", "unspecified"],
        [None, "lzw", "deflate", "packbits", "zstd", "predicted"],
        "<>",
        [None, (16, 16)],
    )
)
PICKED = random.Random(7).sample(LAYOUTS, 500)


def known(photometric: str) -> tuple[np.ndarray, np.ndarray]:
    """Channels from 0 to 1 as their meaning has it, and the 8-bit RGB that they are."""
    if photometric == "separated":
        inks = np.dstack([COLORS, BLACK_INK]) / 255
        return inks, (1 - inks[..., :3]) * (1 - inks[..., 3:]) * 255
    if photometric == "rgb":
        return COLORS / 255, COLORS.astype(float)
    return COLORS[..., :1] / 255, GREY.astype(float)


class TestLayouts:
    """Known samples, written by another program, and read."""

    @pytest.mark.parametrize("photometric", COUNTS)
    def test_layouts_depths_and_alpha(self, photometric: str) -> None:
        """Whatever depth, order, planes, packing, tiles and alpha: the picture is the one that was written."""
        for layout in (one for one in PICKED if one[0] == photometric):
            self.check(*layout)

    def check(
        self,
        photometric: str,
        depth: str,
        planes: str,
        extra: str | None,
        packing: str | None,
        order: str,
        tile: tuple[int, int] | None,
    ) -> None:
        """Write one layout and compare; combinations that no TIFF can have are left out."""
        channels, expected = known(photometric)
        if (
            (extra is None and COUNTS[photometric] == 1 and planes == "separate")
            or (extra == "assocalpha" and photometric == "miniswhite")
            or (packing == "predicted" and depth == "f8")
        ):
            return
        if extra == "assocalpha":
            channels = channels * (ALPHA / 255)[..., None]
        channels = 1 - channels if photometric == "miniswhite" else channels
        channels = np.dstack([channels, ALPHA / 255]) if extra else channels
        samples = of_depth(channels, depth)
        samples = np.moveaxis(samples, -1, 0) if planes == "separate" else samples
        data = tiff(
            samples[..., 0] if channels.shape[-1] == 1 else samples,
            photometric=photometric,
            planarconfig=planes if channels.shape[-1] > 1 else None,
            compression="deflate" if packing == "predicted" else packing,
            predictor=(3 if depth[0] == "f" else 2) if packing == "predicted" else None,
            extrasamples=[extra] if extra else None,
            byteorder=order,
            tile=tile,
        )
        found = decode(data)
        # What was multiplied by a small alpha has lost its lower bits.
        clear, tolerance = (ALPHA > 100, 8) if extra == "assocalpha" else (ALPHA >= 0, 2)
        layout = (photometric, depth, planes, extra, packing, order, tile)
        assert np.abs(found.rgb - expected)[clear].max() <= tolerance, layout
        if extra in ("unassalpha", "assocalpha"):
            assert found.alpha is not None, layout
            assert np.abs(found.alpha.astype(int) - ALPHA).max() <= 1, layout
        else:
            assert found.alpha is None, layout

    @pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
    @pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
    def test_grey_of_few_bits(self, bits: int, photometric: str) -> None:
        """The largest value is white (or black), whatever the number of bits."""
        values = np.rint(COLORS[..., 0] / 255 * (2**bits - 1)).astype(np.uint16 if bits > 8 else np.uint8)
        rgb = decode(tiff(values, bitspersample=bits, photometric=photometric)).rgb
        shares = values / (2**bits - 1)
        expected = 255 * (1 - shares if photometric == "miniswhite" else shares)
        assert np.abs(rgb - expected[..., None]).max() <= 1

    @pytest.mark.parametrize("depth", ["u1", "u2"])
    def test_palette(self, depth: str) -> None:
        """Indices of 8 and of 16 bits are looked up."""
        indices = COLORS[..., 0].astype(depth)
        table = np.zeros((3, 256 ** np.dtype(depth).itemsize), np.uint16)
        table[:, :256] = np.random.default_rng(1).integers(0, 256, (3, 256)) * 257
        expected = np.moveaxis(table[:, indices] // 257, 0, -1)
        assert np.array_equal(decode(tiff(indices, photometric="palette", colormap=table)).rgb, expected)

    @pytest.mark.parametrize("kind", ["16 bits CIE", "8 bits ICC", "16 bits ICC", "planes", "alpha"])
    def test_lab(self, kind: str) -> None:
        """Lab in its other spellings is the picture that it is in 8 bits of CIE."""
        lab = ImageCms.profileToProfile(
            Image.fromarray(COLORS), SRGB, ImageCms.createProfile("LAB"), outputMode="LAB"
        )
        assert lab is not None
        plain = np.asarray(lab)
        light, axes = plain[..., :1].astype(int), plain[..., 1:].view(np.int8).astype(int)
        data = {
            "16 bits CIE": lambda: tiff(
                np.dstack([light * 257, axes * 256 % 65536]).astype(np.uint16), photometric=8
            ),
            "8 bits ICC": lambda: tiff(np.dstack([light, axes + 128]).astype(np.uint8), photometric=9),
            "16 bits ICC": lambda: tiff(
                (np.dstack([light, axes + 128]) * 256).astype(np.uint16), photometric=9
            ),
            "planes": lambda: tiff(np.moveaxis(plain, -1, 0), photometric=8, planarconfig="separate"),
            "alpha": lambda: tiff(np.dstack([plain, ALPHA]), photometric=8, extrasamples=["unassalpha"]),
        }[kind]()
        assert np.abs(decode(data).rgb.astype(int) - decode(tiff(plain, photometric=8)).rgb).max() <= 1

    def test_selections_are_not_seen_and_alpha_is(self) -> None:
        """Of several further channels the one that is said to be alpha is."""
        found = decode(
            tiff(
                np.dstack([COLORS, BLACK_INK, ALPHA]),
                photometric="rgb",
                extrasamples=["unspecified", "unassalpha"],
            )
        )
        assert np.array_equal(found.rgb, COLORS)
        assert found.alpha is not None
        assert np.array_equal(found.alpha, ALPHA)

    @pytest.mark.parametrize("kind", ["i4", "u4"])
    def test_16_bits_in_wide_cells(self, kind: str) -> None:
        """Values to 65,535 in cells of 32 bits, as Pillow writes them, are 16-bit ones."""
        found = decode(tiff(COLORS[..., 0].astype(kind) * 257)).rgb
        assert np.array_equal(found, GREY)

    @pytest.mark.parametrize("big", [True, False])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_and_resolution(self, orientation: int, big: bool) -> None:
        """A layout that Pillow does not read is turned as others are, also in a BigTIFF."""
        stored: dict[int, Callable[[np.ndarray], np.ndarray]] = {
            1: lambda a: a,
            2: lambda a: a[:, ::-1],
            3: lambda a: a[::-1, ::-1],
            4: lambda a: a[::-1],
            5: lambda a: a.swapaxes(0, 1),
            6: lambda a: np.rot90(a, 1),
            7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
            8: lambda a: np.rot90(a, -1),
        }
        planes = np.moveaxis(stored[orientation](COLORS), -1, 0).astype(np.uint16) * 257
        data = tiff(
            planes,
            photometric="rgb",
            planarconfig="separate",
            bigtiff=big,
            resolution=(300, 150),
            extratags=[(274, 3, 1, orientation, True)],
        )
        found = decode(data)
        assert np.array_equal(found.rgb, COLORS)
        assert found.dpi == pytest.approx((150, 300) if orientation > 4 else (300, 150))

    @pytest.mark.parametrize("planes", [True, False])
    def test_profile(self, planes: bool) -> None:
        """The profile in the file is used, whoever reads the samples."""
        samples = PLANES if planes else COLORS
        plain = ImageCms.profileToProfile(
            Image.fromarray(COLORS), ImageCms.ImageCmsProfile(io.BytesIO(adobe_rgb())), SRGB, outputMode="RGB"
        )
        data = tiff(
            samples, photometric="rgb", planarconfig="separate" if planes else None, iccprofile=adobe_rgb()
        )
        # 16 bits are converted as they are, and not by way of 8.
        assert np.abs(decode(data).rgb.astype(int) - np.asarray(plain)).max() <= (1 if planes else 0)

    def test_a_plain_image_for_masks(self) -> None:
        """What masks are read from has a mode that Pillow converts, with the alpha in it."""
        inks = np.dstack([COLORS, BLACK_INK, ALPHA])
        image = open_upright(tiff(inks, photometric="separated", extrasamples=["unassalpha"]), 10**6)
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image)[..., 3], ALPHA)
        assert open_upright(tiff(PLANES, photometric="rgb", planarconfig="separate"), 10**6).mode == "RGB"

    @pytest.mark.parametrize("order", "<>")
    @pytest.mark.parametrize("depth", ["u1", "u2"])
    def test_big_tiffs(self, depth: str, order: str) -> None:
        """A BigTIFF is read in both orders of bytes, of which Pillow knows one."""
        data = tiff(
            of_depth(COLORS / 255, depth),
            photometric="rgb",
            bigtiff=True,
            byteorder=order,
            resolution=(300, 300),
        )
        assert np.array_equal(decode(data).rgb, COLORS)
        assert decode(data).dpi == (300, 300)


class TestPages:
    """A TIFF of one picture, whatever lies beside it."""

    @pytest.mark.parametrize("depth", ["u1", "f4"])
    @pytest.mark.parametrize(("kind", "alone"), [(0, False), (1, True)])
    def test_smaller_copies_are_no_pages(self, depth: str, kind: int, alone: bool) -> None:
        """A small copy of the picture is passed over; a second picture asks which is meant."""
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            writer.write(of_depth(COLORS / 255, depth), photometric="rgb")
            writer.write(of_depth(COLORS[::2, ::2] / 255, depth), photometric="rgb", subfiletype=kind)
        if alone:
            assert np.array_equal(decode(buffer.getvalue()).rgb, COLORS)
            return
        with pytest.raises(ImageError, match="several pages; export the one that is meant"):
            decode(buffer.getvalue())

    @pytest.mark.parametrize("depth", ["u1", "f4"])
    @pytest.mark.parametrize("page", [b"\1\0\x03\x01\x03\0\1\0\0\0\1\0\0\0" + bytes(4), b"\xff\xff", b""])
    def test_second_page_that_is_none(self, page: bytes, depth: str) -> None:
        """A second page without dimensions, or cut short, is a rejection and stops no run."""
        data = bytearray(tiff(of_depth(COLORS / 255, depth), photometric="rgb", byteorder="<", metadata=None))
        first = int.from_bytes(data[4:8], "little")
        link = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
        data[link : link + 4] = len(data).to_bytes(4, "little")
        with pytest.raises(ImageError, match="several pages|damaged or cut short"):
            decode(bytes(data) + page)

    def test_pages_in_a_ring(self) -> None:
        """A page that is followed by itself ends, refused."""
        data = bytearray(tiff(COLORS, photometric="rgb", byteorder="<", metadata=None))
        first = int.from_bytes(data[4:8], "little")
        link = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
        data[link : link + 4] = first.to_bytes(4, "little")
        with pytest.raises(ImageError, match="several pages"):
            decode(bytes(data))

    @pytest.mark.parametrize("depth", ["u1", "f4"])
    def test_many_pages_are_not_counted(self, depth: str) -> None:
        """Of thousands of pages the second is enough to refuse."""
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            for _ in range(2000):
                writer.write(np.zeros((40, 40), depth), contiguous=False, metadata=None)
        with pytest.raises(ImageError, match="several pages"):
            decode(buffer.getvalue())


class TestRefused:
    """Layouts that are no plain picture, each by its name."""

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (
                tiff((COLORS / 100).astype(np.float32), photometric="rgb"),
                "samples from 0 to 2.45, not 0 to 1",
            ),
            (tiff(np.full((40, 36), np.nan, np.float32)), r"no numbers \(NaN or infinite\)"),
            (tiff(np.full((40, 36), -5, np.int32)), "samples from -5 to -5, not 0 to 65535"),
            (tiff(COLORS[..., 0].astype(np.int16)), "signed samples; export it with unsigned ones"),
            (tiff(COLORS[..., 0].astype(np.int8)), "signed samples"),
            (tiff(np.zeros((40, 36), np.complex64)), "complex or untyped samples"),
            (
                tiff(np.dstack([COLORS] * 11), photometric="rgb"),
                "33 channels of which at most 32 are read; flatten it",
            ),
            (tiff(COLORS[..., 0], photometric="cfa"), "camera's filter"),
            (
                tiff(np.dstack([COLORS, ALPHA]), photometric="separated", extratags=[(332, 3, 1, 2, True)]),
                "printing plates of other inks than CMYK",
            ),
            (
                tiff(
                    np.dstack([COLORS, ALPHA, ALPHA]),
                    photometric="separated",
                    extrasamples=["unspecified"],
                    extratags=[(332, 3, 1, 2, True)],
                ),
                "printing plates",
            ),
            (
                tiff(COLORS[..., 0], photometric="minisblack", extratags=[(50706, 1, 4, b"\1\4\0\0", True)]),
                "camera's raw",
            ),
            (
                tiff(COLORS, photometric="rgb", subfiletype=1),
                "camera's raw picture, of which only the small preview",
            ),
            (
                tiff(PLANES, photometric="rgb", planarconfig="separate")[:-3000],
                "TIFF is damaged or cut short",
            ),
        ],
    )
    def test_named(self, data: bytes, words: str) -> None:
        """What is wrong is said in words that the designer's program knows."""
        with pytest.raises(ImageError, match=words):
            decode(data)

    def test_wide_samples_without_end(self) -> None:
        """Many wide channels of a picture within the limit of pixels are refused before they are unpacked."""
        row = tiff(np.zeros((32, 32, 31), np.float32), photometric="rgb", byteorder="<", metadata=None)
        width, height = (struct.pack("<HHII", tag, 4, 1, 32) for tag in (256, 257))
        large = [struct.pack("<HHII", tag, 4, 1, 4096) for tag in (256, 257)]
        data = row.replace(width, large[0], 1).replace(height, large[1], 1)
        with pytest.raises(ImageError, match="unpacks to over 1,073,741,824 bytes; flatten it"):
            decode(data)

    def test_limits_come_before_samples(self) -> None:
        """Size is looked at before a picture that Pillow does not read is unpacked."""
        data = tiff(PLANES, photometric="rgb", planarconfig="separate")
        with pytest.raises(ImageError, match="36x40 = 1,440 px, over the limit of 1,000"):
            decode(data, max_pixels=1000)


@pytest.mark.parametrize("kind", [1, 3, 4, 5, 7])
def test_tags_over_each_other_cost_nothing(kind: int) -> None:
    """Tags that each span the whole file are read no more than once over: memory keeps to the file's size."""
    count = 1_500
    size = 8 + 2 + 12 * count + 4
    numbers = size // {1: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind]
    entries = b"".join(struct.pack("<HHII", 1000 + n, kind, numbers, 0) for n in range(count))
    data = b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4)
    tracemalloc.start()
    tags, _ = tiff_tags.directory(data, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(tags.values) == 1
    assert peak < 40 * len(data)
