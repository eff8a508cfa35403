"""PDF objects for which reportlab's canvas has no method: unchanged JPEGs with a colour profile, and a PDF's XMP.

`drawImage` decodes every JPEG to name it, writes it a quarter longer as ASCII, and calls its colours the device's.
"""

import hashlib

from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFDictionary,
    PDFName,
    PDFObjectReference,
    PDFStream,
    PDFZCompress,
)
from reportlab.pdfgen.canvas import Canvas

from catalogs.designs.marked_pictures import SRGB_PROFILE

COLOURS = "stylemillSRGB"


def draw_jpeg(
    canvas: Canvas, jpeg: bytes, pixels: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    """Draw an RGB JPEG in sRGB: `pixels` is its width and height, `box` its x, y, width and height in points.

    The bytes go into the document unchanged, marks included, and once however often they are drawn.
    """
    name = hashlib.sha256(jpeg).hexdigest()[:32]
    internal, document = canvas._doc.getXObjectName(name), canvas._doc
    if internal not in document.idToObject:
        document.Reference(_image(canvas, jpeg, pixels), internal)
    x, y, width, height = box
    canvas.saveState()
    canvas.transform(width, 0, 0, height, x, y)
    canvas._code.append(f"/{internal} Do")
    canvas.restoreState()
    canvas._formsinuse.append(name)


def add_xmp(canvas: Canvas, packet: bytes) -> None:
    """Make a packet the document's metadata. It stays uncompressed: some tools look for it in the bytes."""
    kind = {"Type": PDFName("Metadata"), "Subtype": PDFName("XML")}
    canvas._doc.Catalog.Metadata = PDFStream(PDFDictionary(kind), packet + b"\n")


def _image(canvas: Canvas, jpeg: bytes, pixels: tuple[int, int]) -> PDFStream:
    described = {
        "Type": PDFName("XObject"),
        "Subtype": PDFName("Image"),
        "Width": pixels[0],
        "Height": pixels[1],
        "BitsPerComponent": 8,
        "ColorSpace": PDFArray([PDFName("ICCBased"), _profile(canvas)]),
        "Filter": PDFName("DCTDecode"),
    }
    return PDFStream(PDFDictionary(described), jpeg + b"\n")


def _profile(canvas: Canvas) -> PDFObjectReference:
    """The profile, which is in the document once."""
    if COLOURS in canvas._doc.idToObject:
        return PDFObjectReference(COLOURS)
    described = {"N": 3, "Alternate": PDFName("DeviceRGB")}
    stream = PDFStream(PDFDictionary(described), SRGB_PROFILE, [PDFZCompress])
    return canvas._doc.Reference(stream, COLOURS)
