"""What a PNG says beside its samples is heard: damage, large profiles and texts, transparency of every depth."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from catalogs.errors import ImageError
from catalogs.images import png_chunks
from catalogs.images.codec import decode, open_upright
from catalogs.images.color_spaces import adobe_rgb
from tests.catalogs.images.png_files import chunk, png, with_chunks
from tests.catalogs.images.tiff_files import ALPHA, COLORS

GREY = COLORS[..., 0]
DEEP = COLORS.astype(np.uint16) * 257


class TestTransparency:
    """Alpha of every colour type and depth."""

    @pytest.mark.parametrize("channels", [2, 4])
    @pytest.mark.parametrize("depth", [8, 16])
    def test_alpha_channel(self, channels: int, depth: int) -> None:
        """A channel of alpha comes out, of 8 bits and of 16."""
        colors = COLORS[..., : channels - 1]
        samples = np.dstack([colors, ALPHA])
        found = decode(png(samples if depth == 8 else samples.astype(np.uint16) * 257))
        assert found.alpha is not None
        assert np.array_equal(found.alpha, ALPHA)
        assert np.array_equal(found.rgb, np.broadcast_to(colors, COLORS.shape))

    def test_one_color_of_16_bits(self) -> None:
        """All 16 bits of a colour must be those that are transparent: its neighbours are not."""
        samples = DEEP.copy()
        samples[:10], samples[10:20], samples[20:30] = (500, 600, 700), (500, 600, 701), (501, 600, 700)
        found = decode(with_chunks(png(samples), (b"tRNS", struct.pack(">3H", 500, 600, 700))))
        assert found.alpha is not None
        expected = np.where((samples == (500, 600, 700)).all(-1), 0, 255)
        assert np.array_equal(found.alpha, expected)
        assert np.array_equal(found.rgb, decode(png(samples)).rgb)

    def test_one_grey_of_16_bits(self) -> None:
        """The same in grey."""
        samples = np.full((40, 36), 4000, np.uint16)
        samples[:20] = 4001
        found = decode(with_chunks(png(samples), (b"tRNS", struct.pack(">H", 4001))))
        assert found.alpha is not None
        assert np.array_equal(found.alpha, np.where(samples == 4001, 0, 255))

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_one_grey_of_few_bits(self, bits: int) -> None:
        """The value is one of the file's own, whatever it is spread to."""
        samples = (np.indices((40, 36)).sum(0) % 2**bits).astype(np.uint8)
        for clear in {0, 1, samples.max()}:
            found = decode(with_chunks(png(samples, bits), (b"tRNS", struct.pack(">H", clear))))
            assert found.alpha is not None
            assert np.array_equal(found.alpha, np.where(samples == clear, 0, 255))
            assert np.abs(found.rgb[..., 0] - samples * (255 / (2**bits - 1))).max() < 1

    def test_one_color_of_8_bits(self) -> None:
        """Only the bits that a sample has count."""
        samples = COLORS.copy()
        samples[:10] = (5, 6, 7)
        found = decode(with_chunks(png(samples), (b"tRNS", struct.pack(">3H", 0xFF05, 6, 7))))
        assert found.alpha is not None
        assert np.array_equal(found.alpha, np.where((samples == (5, 6, 7)).all(-1), 0, 255))

    def test_images_for_masks(self) -> None:
        """An image for masks has the alpha of one clear colour in it; a grey part map stays as it is."""
        samples = DEEP.copy()
        samples[:10] = (500, 600, 700)
        image = open_upright(with_chunks(png(samples), (b"tRNS", struct.pack(">3H", 500, 600, 700))), 10**6)
        assert image.mode == "RGBA"
        assert np.array_equal(
            np.asarray(image)[..., 3], np.where(np.arange(40) < 10, 0, 255)[:, None].repeat(36, 1)
        )
        assert open_upright(with_chunks(png(GREY), (b"tRNS", b"\0\0")), 10**6).mode == "L"

    def test_interlaced(self) -> None:
        """A 16-bit picture that comes in seven passes is the same."""
        samples = np.zeros((40, 40, 3), np.uint16)
        samples[:20] = (500, 600, 701)
        passes = [
            (0, 0, 8, 8),
            (0, 4, 8, 8),
            (4, 0, 8, 4),
            (0, 2, 4, 4),
            (2, 0, 4, 2),
            (0, 1, 2, 2),
            (1, 0, 2, 1),
        ]
        rows = [
            b"\0" + row.astype(">u2").tobytes()
            for top, left, down, across in passes
            for row in samples[top::down, left::across]
        ]
        header = struct.pack(">II5B", 40, 40, 16, 2, 0, 0, 1)
        data = (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tRNS", struct.pack(">3H", 500, 600, 701))
        )
        data += chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")
        found = decode(data)
        assert found.alpha is not None
        assert np.array_equal(found.alpha, np.where(samples[..., 0] == 500, 0, 255))


class TestLarge:
    """Profiles and texts over Pillow's limit of 1 MB."""

    def test_profile(self) -> None:
        """A profile of 3 MB is used as its small twin is."""
        small = (b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb()))
        large = (b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb() + bytes(3_000_000)))
        found = decode(with_chunks(png(COLORS), large)).rgb
        assert np.array_equal(found, decode(with_chunks(png(COLORS), small)).rgb)
        assert not np.array_equal(found, COLORS)

    def test_profile_that_unfolds_without_end(self) -> None:
        """A profile of 200 MB in a small file is refused."""
        bomb = (b"iCCP", b"x\0\0" + zlib.compress(bytes(200_000_000)))
        with pytest.raises(
            ImageError, match="profile has over 33,554,432 bytes; convert the picture to sRGB"
        ):
            decode(with_chunks(png(COLORS), bomb))

    def test_profile_that_does_not_unfold(self) -> None:
        """A profile that is no deflate stream is said to be damaged."""
        with pytest.raises(ImageError, match="profile is damaged.*convert the picture to sRGB"):
            decode(with_chunks(png(COLORS), (b"iCCP", b"x\0\0nothing")))

    @pytest.mark.parametrize(
        "text",
        [
            (b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(bytes(5_000_000))),
            (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(5_000_000))),
            (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(5_000_000))),
            (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + bytes(5_000_000)),
            (b"tEXt", b"Comment\0" + b"x" * 5_000_000),
            (b"zTXt", b"Raw profile type exif\0\0nothing"),
        ],
    )
    def test_text(self, text: tuple[bytes, bytes]) -> None:
        """An editing history of any size is no reason to refuse a picture."""
        assert np.array_equal(decode(with_chunks(png(COLORS), text)).rgb, COLORS)

    @pytest.mark.parametrize("packed", [True, False])
    def test_orientation_in_xmp_is_heard(self, packed: bool) -> None:
        """Which way up the picture is may stand in XMP alone."""
        packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
        body = zlib.compress(packet) if packed else packet
        text = (b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed]) + b"\0\0\0" + body)
        assert np.array_equal(decode(with_chunks(png(COLORS), text)).rgb, np.rot90(COLORS, -1))

    def test_many_texts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of thousands of packed texts a few are unfolded; comments beside them do not count."""
        unfolded: list[object] = []
        real = zlib.decompressobj
        monkeypatch.setattr(png_chunks.zlib, "decompressobj", lambda: unfolded.append(0) or real())
        packet = zlib.compress(b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>')
        comments = [(b"tEXt", b"Comment\0x")] * 500
        texts = [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packet)] * 2000
        found = decode(with_chunks(png(COLORS), *comments, *texts)).rgb
        # Once by us and once by Pillow.
        assert len(unfolded) <= 2 * png_chunks.MOST_TEXTS and np.array_equal(found, np.rot90(COLORS, -1))


class TestDamage:
    """Damage is told as what it is."""

    @pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"tRNS", b"gAMA", b"iCCP", b"pHYs"])
    def test_checksum_of_what_is_used(self, kind: bytes) -> None:
        """A wrong checksum of a part that shapes the picture names the part and the remedy."""
        beside = {
            b"tRNS": bytes(6),
            b"gAMA": bytes(4),
            b"iCCP": b"x\0\0" + zlib.compress(adobe_rgb()),
            b"pHYs": bytes(9),
        }
        data = bytearray(with_chunks(png(COLORS), *beside.items()))
        at = data.index(kind)
        end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
        data[end] ^= 1
        with pytest.raises(
            ImageError, match=f"part {kind.decode()} does not have the checksum.*copy it again"
        ):
            decode(bytes(data))

    @pytest.mark.parametrize("kind", [b"tEXt", b"tIME", b"prVT"])
    def test_checksum_of_what_is_not_used(self, kind: bytes) -> None:
        """A wrong checksum of a text harms no picture."""
        damaged = struct.pack(">I", 4) + kind + b"a\0bc" + bytes(4)
        data = png(COLORS)
        assert np.array_equal(decode(data[:33] + damaged + data[33:]).rgb, COLORS)

    @pytest.mark.parametrize(
        "harm",
        [
            lambda data: data.replace(b"\r\n", b"\n", 1),
            lambda data: data.replace(b"\n", b"\r\n"),
            lambda data: bytes(byte & 0x7F for byte in data),
            lambda data: data.decode("latin-1").encode(),
            lambda data: data.decode("utf-8", "replace").encode(),
        ],
    )
    def test_taken_for_text(self, harm: object) -> None:
        """A PNG whose bytes a program took for text is said to be one."""
        assert callable(harm)
        with pytest.raises(ImageError, match="damaged in transfer.*copy it again in binary mode"):
            decode(harm(png(COLORS)))

    def test_cut_short_anywhere(self) -> None:
        """Wherever a PNG ends too early, that is said; without its last part it is whole."""
        data = png(COLORS)
        for end in range(9, len(data) - 20, 7):
            with pytest.raises(ImageError, match="cut short"):
                decode(data[:end])
        assert np.array_equal(decode(data[:-12]).rgb, COLORS)

    def test_what_pillow_wrote_is_unchanged(self) -> None:
        """A PNG as programs write it, with texts and EXIF, gives its samples."""
        buffer = io.BytesIO()
        Image.fromarray(COLORS).save(buffer, "PNG", exif=Image.Exif().tobytes(), dpi=(72, 72))
        assert np.array_equal(decode(buffer.getvalue()).rgb, COLORS)
