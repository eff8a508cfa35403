"""The format of a file, by its first bytes: the reader that opens it, or a name for formats that are not read.

Sources: the formats' own specifications; ISO/IEC 14496-12 (brands of an `ftyp` box), ISO/IEC 23008-12 and
AV1 Image File Format (which brands are HEIC and AVIF).
"""

import io
import re
import warnings
from collections.abc import Callable

from PIL import AvifImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from catalogs.errors import ImageError
from catalogs.images.tiff_planes import Tiff

READ = "PNG, JPEG, WebP, TIFF or AVIF"

OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    # Of a camera's MPO (a JPEG with previews or a depth map behind it) this reads the picture, which is first.
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "TIFF": Tiff,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
"""The function that opens each format: it reads the header; `load` reads the samples.

Not `PIL.Image.open`: it has a limit of pixels of its own, and does not say why a file was not opened.
"""

# Pillow's warnings are not needed: it raises the same faults, or they are about tags that are not read.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

LONGEST_REASON = 200
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
AVIF_BRANDS = {b"avif", b"avis"}
STILL_BRANDS = {b"mif1", b"msf1", b"miaf", b"MiHE", b"MiHB"}

READ_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    # Not by the specification; Pillow reads them.
    b"II\0*": "TIFF",
    b"MM*\0": "TIFF",
}

FAMILY = {
    "HEIC": "a HEIC picture as iPhones take them (on the phone: Settings, Camera, Formats, Most Compatible)",
    "CR3": "a camera's raw picture (CR3)",
    "film": "a film (MP4, MOV or the like)",
}
"""What begins with a box of brands and is not read. HEIC: docs/decisions/0008-pictures.md."""

LOOKALIKES = {
    b"\xff\xd8\xff\xf7": "a JPEG-LS picture",
    b"II*\0\x10\0\0\0CR": "a camera's raw picture (CR2)",
}
"""Files that begin as one of a format that is read."""

HARMED = (b"\x89PNG", b"\x09PNG\r\n", b"\xc2\x89PNG", b"\xef\xbf\xbd")
"""How pictures begin whose line ends were changed, whose eighth bits were cut off, or that were recoded."""

OTHER_MAGIC = {
    **LOOKALIKES,
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"8BPS": "a Photoshop document (PSD)",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"II\xbc\x01": "a JPEG XR picture",
    b"\x8aMNG": "an animation (MNG)",
    b"\x8bJNG": "a JNG picture",
    b"gimp xcf": "a GIMP document (XCF)",
    b"\x76\x2f\x31\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"qoif": "a QOI picture",
    b"DDS ": "a DDS texture",
    b"\0\0\1\0": "an icon (ICO)",
    b"FUJIFILM": "a camera's raw picture (RAF)",
    b"IIRO": "a camera's raw picture (ORF)",
    b"IIU\0": "a camera's raw picture (RW2)",
    b"%PDF": "a PDF",
    b"%!PS": "a PostScript document",
    b"\xc5\xd0\xd3\xc6": "a PostScript document",
    b"\xd7\xcd\xc6\x9a": "a Windows metafile",
    b"PK\3\4": "a ZIP archive (or a document that is kept as one, as Krita's)",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x8b": "compressed by gzip (as .svgz drawings are)",
    b"\0\5\x16\7": "a Mac's companion file (its name begins with ._)",
    b"version https://git-lfs": "a Git LFS pointer, for which the picture was not fetched",
}
SVG = "an SVG drawing (open it in the program that drew it)"
STARTS_OF_TEXT = {
    "<svg": SVG,
    "<svg:svg": SVG,
    "<!doctype html": "a web page",
    "<html": "a web page",
}
LONGEST_HEAD = 65536
"""Bytes of a text that are looked at: drawing programs write comments and entities before the drawing."""
WIDE_TEXT = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
BLANKS = "\ufeff \t\r\n"
PROLOGUE = re.compile(
    r"[\ufeff\s]*(?:(?:<\?.*?\?>|<!--.*?-->|<!doctype\s+svg[^\[>]*(?:\[.*?\]\s*)?>)\s*)*", re.DOTALL
)
"""What may stand before the first element: byte order mark, declaration, comments, document type."""


def format_of(data: bytes) -> str | None:
    """The format, a key of OPENERS, by the first bytes; None where the format is not read."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return "AVIF" if _of_family(data) == "AVIF" else None
    if data.startswith(tuple(LOOKALIKES)):
        return None
    return next((name for magic, name in READ_MAGIC.items() if data.startswith(magic)), None)


def open_picture(data: bytes) -> ImageFile.ImageFile:
    """A picture whose header is read and whose samples are not. Raises ImageError for bytes of other formats."""
    name = format_of(data)
    if name is None and data.startswith(HARMED):
        raise ImageError(
            "the file is a picture that was damaged in transfer: it was taken for text, and bytes of it were"
            " changed; copy it again in binary mode"
        )
    if name is None:
        raise ImageError(f"the file is {describe_file(data)}, not {READ}; export it as one of these")
    try:
        return OPENERS[name](io.BytesIO(data))
    except Exception as error:  # decoders raise whatever the bytes make them
        raise ImageError(
            f"the file is {with_article(name)} that cannot be read ({error_line(error)}): it is damaged, cut short or of"
            " a rare kind; export it again"
        ) from error


def error_line(error: Exception) -> str:
    """A decoder's error in one line, no longer than a sentence."""
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__


def with_article(name: str) -> str:
    """A format's name with its article, for a sentence."""
    return f"{'an' if name == 'AVIF' else 'a'} {name}"


def describe_file(data: bytes) -> str:
    """People's name for a file of a format that is not read."""
    if data[4:8] == b"ftyp":
        return FAMILY[_of_family(data)]
    kind = next((words for magic, words in OTHER_MAGIC.items() if data.startswith(magic)), None)
    if kind:
        return kind
    if not any(data[:4096]):
        return "nothing but zero bytes (a copy that failed)"
    return _called_text(data[:LONGEST_HEAD])


def _called_text(start: bytes) -> str:
    wide = next((name for mark, name in WIDE_TEXT.items() if start.startswith(mark)), None)
    if wide is None and any(byte < 9 for byte in start[:256]):
        return "of an unknown kind"
    text = _in_one_case(start, wide)
    if text is None:
        return "of an unknown kind"
    body = PROLOGUE.sub("", text, count=1)
    # Where the prologue goes on beyond what was looked at, its own words say it.
    kind = next((words for begin, words in STARTS_OF_TEXT.items() if body.startswith(begin)), "")
    if not kind and "<!doctype svg" in text:
        kind = SVG
    if not kind and text.lstrip(BLANKS).startswith("<?xml"):
        kind = SVG if "http://www.w3.org/2000/svg" in text else "XML"
    return kind or "text"


def _in_one_case(start: bytes, wide: str | None) -> str | None:
    """The beginning of a text, in lower case; None where the bytes are no text."""
    if wide:
        return start.decode(wide, "replace").lower()
    try:
        return start.decode("utf-8").lower()
    except UnicodeDecodeError as error:
        # Programs of one language write letters of one byte. A letter may be cut in two at the end.
        if error.start >= len(start) - 3 or b"<svg" in start or start.lstrip().startswith(b"<?xml"):
            return start.decode("latin-1").lower()
        return None


def _of_family(data: bytes) -> str:
    """The format of a file that begins with a box of brands: a key of FAMILY, or AVIF."""
    size = min(int.from_bytes(data[:4], "big"), 4096)
    first, others = data[8:12], {data[at : at + 4] for at in range(16, size - 3, 4)}
    if first in AVIF_BRANDS or (first in STILL_BRANDS and others & AVIF_BRANDS):
        return "AVIF"
    if first in HEIC_BRANDS or first in STILL_BRANDS:
        return "HEIC"
    return "CR3" if first == b"crx " else "film"
