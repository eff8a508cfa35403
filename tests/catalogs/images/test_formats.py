"""What is no picture that is read is called by its name, with the remedy."""

import gzip
import io
import zipfile
from collections.abc import Callable

import pytest
from PIL import Image

from catalogs.errors import ImageError
from catalogs.images.codec import decode
from catalogs.images.formats import describe_file, format_of, open_picture
from tests.conftest import picture, saved

IMAGE = Image.fromarray(picture(1, 60, 48))


def zipped() -> bytes:
    """A ZIP with a picture in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tee.png", saved(IMAGE))
    return buffer.getvalue()


def box(brand: bytes, *others: bytes) -> bytes:
    """The first box of a file of the family of MP4."""
    body = brand + bytes(4) + b"".join(others)
    return (len(body) + 8).to_bytes(4, "big") + b"ftyp" + body + bytes(range(200))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WebP", "TIFF", "AVIF"])
def test_read_formats_are_known(kind: str) -> None:
    """The first bytes say the format, whatever the file's name."""
    assert format_of(saved(IMAGE, kind.upper())) == kind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (saved(IMAGE, "BMP"), "a BMP"),
        (saved(IMAGE, "GIF"), "a GIF"),
        (saved(IMAGE, "JPEG2000"), "a JPEG 2000 picture"),
        (saved(IMAGE, "ICO"), "an icon"),
        (saved(IMAGE, "PDF"), "a PDF"),
        (saved(IMAGE, "EPS"), "a PostScript document"),
        (saved(IMAGE, "QOI"), "a QOI picture"),
        (b"8BPS\0\1" + bytes(300), "a Photoshop document"),
        (b"\xff\x0a" + bytes(100), "a JPEG XL picture"),
        (b"\xff\xd8\xff\xf7" + bytes(100), "a JPEG-LS picture"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(100), r"a camera's raw picture \(CR2\)"),
        (box(b"crx ", b"crx ", b"isom"), r"a camera's raw picture \(CR3\)"),
        (box(b"qt  "), "a film"),
        (box(b"isom", b"mp42"), "a film"),
        (zipped(), "a ZIP archive"),
        (gzip.compress(saved(IMAGE)), "compressed by gzip"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "a Mac's companion file"),
        (bytes(5000), "nothing but zero bytes"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
        ("\ufeff<?xml version='1.0'?><svg/>".encode(), "an SVG drawing"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
        ("ä".encode() * 127 + "x€€".encode(), "text"),
        (b"{}", "text"),
        (bytes(range(1, 200)), "of an unknown kind"),
        (b"\xfe\xdc" * 300, "of an unknown kind"),
    ],
)
def test_others_are_named(data: bytes, words: str) -> None:
    """The name that people know, and what to export instead."""
    with pytest.raises(
        ImageError, match=f"the file is {words}.*, not PNG, JPEG.*; export it as one of these"
    ):
        decode(data)


@pytest.mark.parametrize(
    ("brand", "others", "kind"),
    [
        (b"heic", [b"mif1", b"heic"], None),
        (b"mif1", [b"mif1", b"heic"], None),
        (b"msf1", [b"hevc"], None),
        (b"avif", [b"mif1", b"miaf"], "AVIF"),
        (b"mif1", [b"avif", b"miaf"], "AVIF"),
    ],
)
def test_brands(brand: bytes, others: list[bytes], kind: str | None) -> None:
    """HEIC and AVIF are told apart by brands, and HEIC is named with the phone's setting."""
    data = box(brand, *others)
    assert format_of(data) == kind
    words = "an AVIF that cannot be read.*export it" if kind else "a HEIC picture.*Most Compatible.*export it"
    with pytest.raises(ImageError, match=f"the file is {words}"):
        decode(data)


@pytest.mark.parametrize("start", [saved(IMAGE, kind)[:20] for kind in ("JPEG", "WEBP", "TIFF", "AVIF")])
def test_heads_alone(start: bytes) -> None:
    """A file of which only the head is there is damaged, of its format."""
    named: Callable[[bytes], str | None] = format_of
    with pytest.raises(ImageError, match=rf"{named(start)}.*(damaged|cut short).*export it again"):
        decode(start)


SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'
DOCTYPE = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
DECLARED = "<?xml version='1.0' encoding='UTF-8' standalone='no'?>\r\n"


class TestDrawings:
    """An SVG is named as such whatever stands before it."""

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize(
        "text",
        [
            SVG,
            DECLARED + SVG,
            f"{DECLARED}<!-- Generator: a > b -->\n{DOCTYPE}\n{SVG}",
            f"{DOCTYPE} {SVG}",
            f"{DECLARED}<!-- {'long ' * 2000}-->{SVG}",
            f"{DECLARED}<!DOCTYPE svg [ <!ENTITY ns 'http://a'> ]>{SVG}",
            f"{DECLARED}<svg:svg xmlns:svg='http://www.w3.org/2000/svg'/>",
        ],
    )
    def test_svg(self, text: str, encoding: str) -> None:
        """Declaration, comments, document type, byte order mark and wide letters hide no drawing."""
        with pytest.raises(ImageError, match="is an SVG drawing .*; export it as one of these"):
            open_picture(text.encode(encoding))

    def test_letters_of_one_byte(self) -> None:
        """A comment in Latin-1 hides none either."""
        assert describe_file(f"<?xml version='1.0'?><!-- Größe -->{SVG}".encode("latin-1")).startswith(
            "an SVG"
        )

    @pytest.mark.parametrize(
        ("text", "name"),
        [(DECLARED + "<rss/>", "XML"), ("<!DOCTYPE html><svg/>", "a web page"), ("Tee", "text")],
    )
    def test_other_texts(self, text: str, name: str) -> None:
        """What is no SVG is not named so, though it may hold one."""
        assert describe_file(text.encode()) == name
