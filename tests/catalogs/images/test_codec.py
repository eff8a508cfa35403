"""Picture bytes become upright sRGB arrays, and come back as tagged PNG."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from catalogs.errors import ImageError
from catalogs.images.codec import Picture, composite, decode, encode_png
from catalogs.images.formats import OPENERS
from tests.catalogs.images.tiff_files import tiff
from tests.conftest import picture, saved

RGB = picture(1, 60, 48)


class TestDecode:
    """What comes in."""

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
    def test_lossless_formats_keep_every_sample(self, kind: str) -> None:
        """PNG, TIFF and lossless WebP give the samples that were saved."""
        options = {"lossless": True} if kind == "WEBP" else {}
        assert np.array_equal(decode(saved(Image.fromarray(RGB), kind, **options)).rgb, RGB)

    def test_jpeg_is_near(self) -> None:
        """JPEG gives nearly the samples that were saved."""
        assert (
            np.abs(decode(saved(Image.fromarray(RGB), "JPEG", quality=98)).rgb.astype(int) - RGB).mean() < 6
        )

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation_is_applied(self, orientation: int) -> None:
        """Whatever way the camera was held, the picture comes out upright."""
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
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = saved(Image.fromarray(np.ascontiguousarray(stored[orientation](RGB))), "PNG", exif=exif)
        assert np.array_equal(decode(data).rgb, RGB)

    def test_grey_palette_and_bilevel(self) -> None:
        """Grey, palette and black-and-white pictures become RGB with the same look."""
        grey = Image.fromarray(RGB).convert("L")
        assert np.array_equal(decode(saved(grey)).rgb, np.asarray(grey.convert("RGB")))
        palette = Image.fromarray(RGB).quantize(32)
        assert np.array_equal(decode(saved(palette)).rgb, np.asarray(palette.convert("RGB")))
        bilevel = grey.convert("1")
        assert np.array_equal(decode(saved(bilevel)).rgb, np.asarray(bilevel.convert("RGB")))

    def test_16_bit_grey_is_scaled_not_clipped(self) -> None:
        """A 16-bit ramp comes out as the same ramp in 8 bits."""
        ramp = np.linspace(0, 65535, 40 * 64).reshape(40, 64).astype(np.uint16)
        expected = np.rint(ramp / 257).astype(np.uint8)
        for kind in ("PNG", "TIFF"):
            assert (
                np.abs(decode(saved(Image.fromarray(ramp), kind)).rgb[..., 0].astype(int) - expected).max()
                <= 1
            )

    def test_16_bit_colour_png(self) -> None:
        """A 48-bit PNG comes out with its high bytes."""
        deep = RGB.astype(np.uint16) * 257
        rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in deep)
        height, width = RGB.shape[:2]

        def chunk(name: bytes, data: bytes) -> bytes:
            return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

        header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
        data = (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b"")
        )
        assert np.abs(decode(data).rgb.astype(int) - RGB).max() <= 1

    def test_cmyk_without_profile(self) -> None:
        """CMYK becomes RGB: no ink is white, full cyan has no red."""
        inks = np.zeros((40, 40, 4), np.uint8)
        inks[20:, :, 0] = 255
        rgb = decode(saved(Image.fromarray(inks, "CMYK"), "TIFF")).rgb
        assert rgb[0, 0].tolist() == [255, 255, 255]
        assert rgb[30, 0, 0] == 0

    def test_embedded_profile_is_converted(self) -> None:
        """A picture in a linear-light profile becomes the sRGB samples that look the same."""
        linear = _linear_profile()
        middle = np.full((40, 40, 3), 55, np.uint8)
        rgb = decode(saved(Image.fromarray(middle), "PNG", icc_profile=linear)).rgb
        expected = 255 * (1.055 * (55 / 255) ** (1 / 2.4) - 0.055)
        assert np.abs(rgb.astype(float) - expected).max() < 3

    def test_srgb_profile_changes_nothing(self) -> None:
        """An embedded sRGB profile leaves the samples alone."""
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert (
            np.abs(decode(saved(Image.fromarray(RGB), icc_profile=profile)).rgb.astype(int) - RGB).max() <= 1
        )

    def test_grey_with_an_rgb_profile(self) -> None:
        """A grey picture that was exported with an RGB profile is read, and looks the same."""
        grey = Image.fromarray(RGB).convert("L")
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        found = decode(saved(grey, icc_profile=profile)).rgb
        assert np.abs(found.astype(int) - np.asarray(grey)[..., None]).max() <= 1

    def test_damaged_profile_is_said(self) -> None:
        """A profile that is none is refused, with the remedy."""
        with pytest.raises(ImageError, match="profile.*convert the picture to sRGB"):
            decode(saved(Image.fromarray(RGB), icc_profile=b"no profile at all" * 10))

    def test_alpha_is_kept_apart(self) -> None:
        """Alpha comes out beside the colours; an opaque one is none."""
        alpha = np.zeros(RGB.shape[:2], np.uint8)
        alpha[10:30] = 200
        image = Image.fromarray(np.dstack([RGB, alpha]))
        found = decode(saved(image))
        assert found.alpha is not None
        assert np.array_equal(found.alpha, alpha)
        assert np.array_equal(found.rgb, RGB)
        assert decode(saved(Image.fromarray(np.dstack([RGB, np.full_like(alpha, 255)])))).alpha is None

    def test_palette_transparency(self) -> None:
        """A transparent palette entry becomes alpha."""
        image = Image.fromarray((RGB[..., 0] > 128).astype(np.uint8)).convert("P")
        image.putpalette([0, 0, 0, 255, 0, 0])
        alpha = decode(saved(image, transparency=0)).alpha
        assert alpha is not None
        assert np.array_equal(alpha > 0, RGB[..., 0] > 128)

    def test_phone_jpeg_with_a_second_picture(self) -> None:
        """A camera's MPO (JPEG with a preview behind it) gives its first picture."""
        first, second = Image.fromarray(RGB), Image.fromarray(RGB[::-1].copy())
        data = saved(first, "MPO", save_all=True, append_images=[second], quality=98)
        assert np.abs(decode(data).rgb.astype(int) - RGB).mean() < 6


class TestRefused:
    """What is turned away, each with what is wrong and what to do."""

    def test_empty_file(self) -> None:
        """No bytes at all."""
        with pytest.raises(ImageError, match=r"empty \(0 bytes\); export it again"):
            decode(b"")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
    def test_truncated(self, kind: str) -> None:
        """A file cut in half."""
        data = saved(Image.fromarray(RGB), kind)
        with pytest.raises(ImageError, match=r"export it"):
            decode(data[: len(data) // 2])

    def test_damaged_exif(self) -> None:
        """EXIF data that are none are said to be damaged."""
        with pytest.raises(ImageError, match="EXIF data are damaged"):
            decode(saved(Image.fromarray(RGB), "PNG", exif=b"Exif\x00\x00this is no TIFF header"))

    def test_text_named_png(self) -> None:
        """Text, whatever its name."""
        with pytest.raises(ImageError, match="is text, not PNG, JPEG, WebP, TIFF or AVIF; export it as one"):
            decode(b"this is not a picture\n" * 10)

    def test_bomb(self) -> None:
        """30000 x 30000 pixels in a small file are refused before they are unpacked."""
        data = saved(Image.new("1", (30000, 30000)), "PNG")
        assert len(data) < 1_000_000
        with pytest.raises(
            ImageError, match=r"30000x30000 = 900,000,000 px, over the limit of 64,000,000; scale it down"
        ):
            decode(data)

    def test_over_the_limit(self) -> None:
        """A picture over the limit names its size and the limit."""
        with pytest.raises(ImageError, match=r"48x60 = 2,880 px, over the limit of 2,000"):
            decode(saved(Image.fromarray(RGB)), max_pixels=2000)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "AVIF"])
    def test_pillows_own_limit_is_not_ours(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who raises the limit of pixels is not stopped by a second one."""
        data = saved(Image.fromarray(RGB), kind)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        assert decode(data, max_pixels=3000).size == (60, 48)

    @pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), TypeError("odd"), KeyError(7)])
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
    def test_whatever_a_decoder_raises(
        self, kind: str, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every error of a decoder is a rejection that says what to do."""
        data = saved(Image.fromarray(RGB), kind)
        opener = OPENERS[{"WEBP": "WebP"}.get(kind, kind)]
        assert isinstance(opener, type)

        def load(_: object) -> None:
            raise error

        monkeypatch.setattr(opener, "load", load)
        with pytest.raises(ImageError, match="does not fit into .* memory; scale it down|export it again"):
            decode(data)

    def test_profile_that_is_text(self) -> None:
        """A TIFF whose profile is of a type for text is refused for its profile."""
        data = tiff(RGB, photometric="rgb", byteorder="<", extratags=[(65000, 2, None, "no profile", True)])
        assert data.count(struct.pack("<HH", 65000, 2)) == 1
        with pytest.raises(ImageError, match="profile cannot be used.*convert the picture to sRGB"):
            decode(data.replace(struct.pack("<HH", 65000, 2), struct.pack("<HH", 34675, 2)))

    @pytest.mark.parametrize("size", [(1, 1), (8, 5000), (5000, 8)])
    def test_too_small(self, size: tuple[int, int]) -> None:
        """One pixel, or a thread of them, is no picture to work on."""
        with pytest.raises(ImageError, match=f"{size[0]}x{size[1]} px; it needs at least 32 px each way"):
            decode(saved(Image.new("RGB", size)))

    def test_animated_gif(self) -> None:
        """An animated GIF is named as a GIF."""
        frames = [Image.new("RGB", (40, 40), color) for color in ("red", "blue")]
        with pytest.raises(ImageError, match="is a GIF, not PNG"):
            decode(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
    def test_several_frames(self, kind: str) -> None:
        """An animation or a file of pages asks which one is meant."""
        if kind == "WEBP" and not features.check("webp"):
            pytest.skip("Pillow without WebP")
        frames = [Image.new("RGB", (40, 40), color) for color in ("red", "blue")]
        with pytest.raises(ImageError, match="(2 frames|several pages); export the one that is meant"):
            decode(saved(frames[0], kind, save_all=True, append_images=frames[1:]))


class TestEncode:
    """What goes out."""

    def test_png_is_lossless_and_tagged(self) -> None:
        """A PNG holds the same samples and alpha, and says it is sRGB."""
        alpha = RGB[..., 0].copy()
        data = encode_png(Picture(RGB, alpha))
        with Image.open(io.BytesIO(data)) as image:
            assert image.mode == "RGBA"
            assert image.info["srgb"] == 0
            assert image.info["gamma"] == pytest.approx(0.45455)
        back = decode(data)
        assert np.array_equal(back.rgb, RGB)
        assert back.alpha is not None
        assert np.array_equal(back.alpha, alpha)

    def test_same_picture_same_bytes(self) -> None:
        """Encoding twice gives the same bytes, so digests can be compared."""
        assert encode_png(Picture(RGB)) == encode_png(Picture(RGB.copy()))


class TestResolution:
    """Pixels an inch go from template to design, so that print shops place it at its size."""

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
    def test_dpi_is_read(self, kind: str) -> None:
        """A picture's resolution comes out, across and down."""
        dpi = decode(saved(Image.fromarray(RGB), kind, dpi=(300, 150))).dpi
        assert dpi == pytest.approx((300, 150), abs=0.02)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
    def test_dpi_of_exif_turns_with_the_picture(self, kind: str) -> None:
        """Where only EXIF says the resolution it is taken from there; on its side, across becomes down."""
        exif = Image.Exif()
        exif[0x011A], exif[0x011B], exif[0x0128], exif[0x0112] = 300.0, 200.0, 2, 6
        assert decode(saved(Image.fromarray(RGB), kind, exif=exif.tobytes())).dpi == pytest.approx((200, 300))

    def test_dots_a_centimetre(self) -> None:
        """EXIF may count by the centimetre."""
        exif = Image.Exif()
        exif[0x011A], exif[0x011B], exif[0x0128] = 100.0, 100.0, 3
        assert decode(saved(Image.fromarray(RGB), "WEBP", exif=exif.tobytes())).dpi == pytest.approx(
            (254, 254)
        )

    @pytest.mark.parametrize("dpi", [(0, 0), (1, 1), (300, 0)])
    def test_none_is_none(self, dpi: tuple[int, int]) -> None:
        """What programs write who know no resolution is none."""
        assert decode(saved(Image.fromarray(RGB), "JPEG", dpi=dpi)).dpi is None
        assert decode(saved(Image.fromarray(RGB), "TIFF")).dpi is None

    def test_encoded_and_read_again(self) -> None:
        """A PNG holds the resolution; one without has no such chunk."""
        assert decode(encode_png(Picture(RGB, None, (300.0, 150.0)))).dpi == pytest.approx(
            (300, 150), abs=0.02
        )
        assert b"pHYs" not in encode_png(Picture(RGB))

    @pytest.mark.parametrize("masked", [True, False])
    def test_a_design_has_its_templates(self, masked: bool) -> None:
        """Painted cloth in a template of 300 dpi is a picture of 300 dpi."""
        template = Picture(RGB, None, (300.0, 300.0))
        mask = np.full(RGB.shape[:2], 255, np.uint8) if masked else None
        assert composite(template, RGB, mask).dpi == (300.0, 300.0)


class TestComposite:
    """Painted cloth goes back into its template."""

    def test_mask_0_is_the_template_exactly(self) -> None:
        """Outside the mask every pixel is the template's, inside it is the painted one, between they blend."""
        template, painted = Picture(RGB), picture(2, 60, 48)
        mask = np.zeros((60, 48), np.uint8)
        mask[20:40], mask[40:42] = 255, 128
        made = composite(template, painted, mask).rgb
        assert np.array_equal(made[mask == 0], RGB[mask == 0])
        assert np.array_equal(made[mask == 255], painted[mask == 255])
        blend = RGB[41].astype(float) * (127 / 255) + painted[41] * (128 / 255)
        assert np.abs(made[41] - blend).max() <= 0.5 + 1e-4

    def test_alpha_is_the_templates(self) -> None:
        """Transparency goes through untouched."""
        alpha = RGB[..., 1].copy()
        made = composite(Picture(RGB, alpha), picture(2, 60, 48), alpha)
        assert made.alpha is not None
        assert np.array_equal(made.alpha, alpha)


def _linear_profile() -> bytes:
    """An RGB profile with sRGB's primaries and a straight curve, built from Pillow's sRGB profile."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(srgb[128:132], "big")
    for entry in range(count):
        at = 132 + 12 * entry
        if srgb[at : at + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            offset = int.from_bytes(srgb[at + 4 : at + 8], "big")
            # A 'curv' with a count of 0 is the identity.
            srgb[offset : offset + 12] = b"curv" + bytes(8)
            srgb[at + 8 : at + 12] = (12).to_bytes(4, "big")
    return bytes(srgb)
