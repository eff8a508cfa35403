"""Every format keeps the mark and the profile, read back by readers that are not ours; no title breaks the XML."""

import io
import struct
import xml.etree.ElementTree as ET
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from catalogs.designs import marked_pictures, provenance
from catalogs.errors import ImageError
from catalogs.images.codec import Picture, decode, encode_png
from tests.catalogs.exports.designs import record
from tests.conftest import picture

EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
WIDE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
HOSTILE = (
    "<script>alert(1)</script>",
    "a ]]> b",
    "nul \x00 bell \x07 escape \x1b vertical \x0b",
    "half \ud83d of an emoji, and no character \ufffe \uffff",
    "whole emoji 👗 Żółć Ελλάδα",
    "\"quotes\" & 'apostrophes' &amp; &#0; <!-- -->",
    "?> <?xpacket end='w'?>",
    "&" * 5000,
)


def image(seed: int = 1) -> Image.Image:
    return Image.fromarray(picture(seed))


def pillow_xmp(data: bytes) -> bytes:
    """The packet as Pillow shows it, which knows nothing of our reader."""
    opened = Image.open(io.BytesIO(data))
    opened.load()
    if opened.format == "TIFF":
        return bytes(opened.tag_v2[700])  # type: ignore[attr-defined]
    found = opened.info.get("xmp") or opened.info["XML:com.adobe.xmp"]
    return found if isinstance(found, bytes) else str(found).encode()


def parsed(packet: bytes) -> ET.Element:
    about = ET.fromstring(packet.decode("utf-8")).find(".//{*}Description")
    assert about is not None
    return about


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Types and bytes of a PNG's chunks, checksums verified; written apart from the reader under test."""
    stream, found = io.BytesIO(png), []
    assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
    while head := stream.read(8):
        length, kind = struct.unpack(">I4s", head)
        body, checksum = stream.read(length), stream.read(4)
        assert struct.unpack(">I", checksum)[0] == zlib.crc32(kind + body)
        found.append((kind, body))
    return found


@pytest.mark.parametrize("file_format", FORMATS)
def test_mark_in_every_format(file_format: marked_pictures.FileFormat) -> None:
    """Pillow finds the packet, unchanged, in every format that we write, and so do we."""
    packet = provenance.xmp(record())
    data = marked_pictures.save(image(), file_format, packet)
    assert pillow_xmp(data) == packet
    assert marked_pictures.read_xmp(data) == packet
    assert parsed(packet).findtext(f"{EXT}DigitalSourceType") == COMPOSITE


@pytest.mark.parametrize("file_format", FORMATS)
def test_profile_in_every_format(file_format: marked_pictures.FileFormat) -> None:
    """A profile that is given is in the file, byte for byte, and nothing beside it says sRGB."""
    profile = WIDE
    data = marked_pictures.save(image(), file_format, provenance.xmp(record()), profile)
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile
    if file_format == "PNG":
        assert not {b"sRGB", b"gAMA"} & set(dict(chunks(data)))


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "TIFF"])
def test_srgb_without_profile(file_format: marked_pictures.FileFormat) -> None:
    """Pixels without a profile are said to be sRGB by one."""
    data = marked_pictures.save(image(), file_format, b"<x/>")
    profile = Image.open(io.BytesIO(data)).info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


def test_png_without_profile_is_as_the_catalogs() -> None:
    """A PNG of ours has the sRGB and gAMA chunks of the catalog's own."""
    ours = dict(chunks(marked_pictures.save(image(), "PNG", b"<x/>")))
    theirs = dict(chunks(encode_png(Picture(picture(1)))))
    assert [ours[kind] for kind in (b"sRGB", b"gAMA")] == [theirs[kind] for kind in (b"sRGB", b"gAMA")]


def test_profile_of_the_image_is_kept() -> None:
    """The profile that came with a picture is written again where none is given."""
    opened = Image.open(io.BytesIO(marked_pictures.save(image(), "TIFF", b"<x/>", WIDE)))
    assert Image.open(io.BytesIO(marked_pictures.save(opened, "WEBP", b"<x/>"))).info["icc_profile"] == WIDE


@pytest.mark.parametrize("file_format", FORMATS)
def test_options_reach_pillow(file_format: marked_pictures.FileFormat) -> None:
    """Pillow's options are obeyed and the mark is there all the same."""
    options = {"PNG": "compress_level", "JPEG": "quality", "WEBP": "quality", "TIFF": "compression"}
    few, many = {"PNG": (9, 0), "JPEG": (20, 95), "WEBP": (20, 95), "TIFF": ("tiff_deflate", "raw")}[
        file_format
    ]
    small, large = (
        marked_pictures.save(image(), file_format, b"<x/>", **{options[file_format]: one})
        for one in (few, many)
    )
    assert len(small) < len(large)
    assert pillow_xmp(small) == b"<x/>"


def test_jpeg_of_alpha_is_refused() -> None:
    """A picture that a format cannot hold is an ImageError that names the format."""
    with pytest.raises(ImageError, match="JPEG"):
        marked_pictures.save(image().convert("RGBA"), "JPEG", b"<x/>")


def test_mark_is_lossless() -> None:
    """Marking a PNG adds one chunk behind IHDR; every other chunk and every pixel stays."""
    png = encode_png(Picture(picture(2), np.full((120, 96), 77, np.uint8)))
    marked = marked_pictures.with_mark(png, b"<packet/>")
    before, after = chunks(png), chunks(marked)
    assert after[0] == before[0] and after[1][0] == b"iTXt" and after[2:] == before[1:]
    assert (decode(marked).rgb == decode(png).rgb).all()
    assert pillow_xmp(marked) == b"<packet/>"


def test_mark_keeps_a_profile() -> None:
    """The iCCP chunk of a PNG that is marked stays byte for byte."""
    png = marked_pictures.save(image(), "PNG", b"<old/>", WIDE)
    marked = marked_pictures.with_mark(png, b"<new/>")
    assert dict(chunks(marked))[b"iCCP"] == dict(chunks(png))[b"iCCP"]


@pytest.mark.parametrize("compressed", [False, True])
def test_mark_replaces_the_old(compressed: bool) -> None:
    """A PNG that was marked has the new packet only, wherever and however the old one stood; comments stay."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Comment", "mine")
    info.add_itxt("XML:com.adobe.xmp", "<old/>", zip=compressed)
    buffer = io.BytesIO()
    image().save(buffer, "PNG", pnginfo=info)
    assert marked_pictures.read_xmp(buffer.getvalue()) == b"<old/>"
    marked = marked_pictures.with_mark(buffer.getvalue(), b"<new/>")
    assert marked_pictures.read_xmp(marked) == b"<new/>"
    assert [body[:7] for kind, body in chunks(marked) if kind == b"iTXt"] == [b"XML:com", b"Comment"]
    assert marked_pictures.with_mark(marked, b"<new/>") == marked


@pytest.mark.parametrize("cut", [0, 4, 8, 20, 40, -1, -6])
def test_what_is_no_png_is_refused(cut: int) -> None:
    """Bytes that are no PNG, or half of one, are not marked."""
    png = encode_png(Picture(picture(3)))
    with pytest.raises(ImageError):
        marked_pictures.with_mark(png[:cut], b"<x/>")


def test_damaged_chunks_are_refused() -> None:
    """A chunk that claims more than there is, and a file that does not begin with its header, are not marked."""
    png = encode_png(Picture(picture(3)))
    too_long = png[:33] + b"\x00\xff\xff\xff" + png[37:]
    headless = png[:8] + png[33:]
    for data in (too_long, headless):
        with pytest.raises(ImageError, match="damaged"):
            marked_pictures.with_mark(data, b"<x/>")


def test_packet_of_a_tiff_is_bytes() -> None:
    """The packet of a TIFF has the type that Adobe's specification asks for."""
    opened = Image.open(io.BytesIO(marked_pictures.save(image(), "TIFF", b"<x/>")))
    assert opened.tag_v2.tagtype[700] == 1  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"II*\0\xff\xff\xff\xff"]
)
def test_what_is_no_picture_has_no_packet(data: bytes) -> None:
    """Reading the mark of what is no picture is an ImageError, never another."""
    with pytest.raises(ImageError):
        marked_pictures.read_xmp(data)


@pytest.mark.parametrize("file_format", FORMATS)
def test_unmarked_pictures(file_format: str) -> None:
    """A picture without a packet has none."""
    buffer = io.BytesIO()
    image().save(buffer, file_format)
    assert marked_pictures.read_xmp(buffer.getvalue()) is None


def test_compressed_packets_are_bounded() -> None:
    """A compressed packet that unfolds to a gigabyte does not fill the memory."""
    body = marked_pictures.PNG_XMP + b"\0\1\0\0\0" + zlib.compress(b"a" * (1 << 24))
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    png = encode_png(Picture(picture(3)))
    packet = marked_pictures.read_xmp(png[:33] + chunk + png[33:])
    assert packet is not None and len(packet) <= marked_pictures.LARGEST_PACKET


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_titles(text: str) -> None:
    """Whatever a title holds, the packet is XML, fits into a JPEG, and what XML can hold of it comes back."""
    packet = provenance.xmp(
        record(**dict.fromkeys(("style_title", "garment_title", "rights_holder", "recipe"), text))
    )
    about = parsed(packet)
    kept = about.findtext(".//{http://purl.org/dc/elements/1.1/}title//{*}li")
    assert kept is not None and kept.startswith(provenance.one_line(text)[:900])
    assert not set(about.itertext()) & {"\x00", "\x07"}
    assert len(list(about)) == len(list(parsed(provenance.xmp(record()))))
    assert pillow_xmp(marked_pictures.save(image(), "JPEG", packet)) == packet


def test_packet_says_what_it_must() -> None:
    """System, version, source type, title, credit, licence and id are where IPTC's readers look for them."""
    packet = provenance.xmp(record(), provenance.SourceType.TRAINED)
    said = {
        node.tag.rpartition("}")[2]: " ".join("".join(node.itertext()).split()) for node in parsed(packet)
    }
    assert said["DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert (said["AISystemUsed"], said["AISystemVersionUsed"]) == ("Stylemill", "0.1.0")
    assert said["CreatorTool"] == "Stylemill 0.1.0"
    assert said["title"] == "Crew-neck tee – Paisley 0"
    assert said["Credit"] == said["rights"] == "Style: Paisley 0 · Ann Archer · CC-BY-4.0"
    assert "CC0-1.0" in said["UsageTerms"] and "CC-BY-4.0" in said["UsageTerms"]
    assert said["identifier"] == record()["design_id"]
    assert said["CreateDate"] == "2026-11-21T15:18:36+00:00"


XMP, DC = "{http://ns.adobe.com/xap/1.0/}", "{http://purl.org/dc/elements/1.1/}"


@pytest.mark.parametrize(
    ("rating", "said"), [(0, None), (1, "1"), (5, "5"), (-1, "-1"), (9, "5"), (-7, "-1")]
)
@pytest.mark.parametrize("file_format", FORMATS)
def test_rating(file_format: marked_pictures.FileFormat, rating: int, said: str | None) -> None:
    """Stars are XMP's rating in every format, -1 where a design was rejected, and nothing where nobody said anything."""
    data = marked_pictures.save(image(), file_format, provenance.xmp(record(), rating=rating))
    packet = marked_pictures.read_xmp(data)
    assert packet is not None
    assert parsed(packet).findtext(f"{XMP}Rating") == said


def subjects(packet: bytes) -> list[str | None]:
    return [one.text for one in parsed(packet).iterfind(f"{DC}subject/{{*}}Bag/{{*}}li")]


@pytest.mark.parametrize(
    ("garment", "style", "said"),
    [
        (["summer", "tee"], ["floral", "summer"], ["summer", "tee", "floral"]),
        (None, ["a, b", " ", "c\nd"], ["a, b", "c d"]),
        (np.array(["קיץ", "夏"], object), (), ["קיץ", "夏"]),
        ([], None, []),
        ("summer|tee", ["<b>", "\x00"], ["<b>"]),
    ],
)
def test_keywords(garment: Any, style: Any, said: list[str]) -> None:
    """The tags of garment and style are keywords, each once; without any there is no such property."""
    packet = provenance.xmp(record(garment_tags=garment, style_tags=style))
    assert subjects(packet) == provenance.keywords(record(garment_tags=garment, style_tags=style)) == said
    assert (parsed(packet).find(f"{DC}subject") is None) is (not said)


def test_many_keywords() -> None:
    """Keywords end where a JPEG's room would: whole ones, the first."""
    tags = [f"tag-{number}&<" * 5 for number in range(900)]
    packet = provenance.xmp(record(garment_tags=tags))
    kept = subjects(packet)
    assert kept and kept == tags[: len(kept)] and len("".join(tags[: len(kept)])) <= provenance.LONGEST
    assert pillow_xmp(marked_pictures.save(image(), "JPEG", packet)) == packet


def test_packet_is_deterministic() -> None:
    """One record gives one packet, in whatever order its columns come."""
    row = record()
    assert provenance.xmp(row) == provenance.xmp(dict(reversed(row.items())))


class Noted(dict[str, Any]):
    """A record that notes which of its columns are asked for."""

    def __init__(self, row: dict[str, Any]) -> None:
        """Nothing was asked for yet."""
        super().__init__(row)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """A column's value."""
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        """A column's value."""
        self.asked.add(name)
        return super().__getitem__(name)


def test_columns_are_all_that_a_packet_reads() -> None:
    """`COLUMNS`, from which a version is made, names every column that the packet reads, and no other."""
    row, empty = Noted(record()), Noted({})
    provenance.xmp(row)
    provenance.xmp(empty)
    assert row.asked | empty.asked == set(provenance.COLUMNS)


@pytest.mark.parametrize("column", [*provenance.COLUMNS, "image_sha256"])
def test_version_changes_with_what_is_served(column: str) -> None:
    """Another value of any column that the packet or the pixels depend on gives another version; stars do not."""
    row = record(image_sha256="0" * 64)
    other = {"versions": '{"stylemill": "9"}', "garment_tags": ["new"], "style_tags": ["new"]}
    assert provenance.version(row) != provenance.version({**row, column: other.get(column, "another value")})
    assert provenance.version(row) == provenance.version({**row, "loss": 9.0, "stars": 5})


def test_version_changes_with_the_packets_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that writes packets in another form gives pictures other versions."""
    row = record()
    before = provenance.version(row)
    monkeypatch.setattr(provenance, "SYSTEM", "Another mill")
    provenance._packet_digest.cache_clear()
    assert provenance.version(row) != before
    monkeypatch.undo()
    provenance._packet_digest.cache_clear()
    assert provenance.version(row) == before


@pytest.mark.parametrize("versions", [None, "", "{", "[1]", "null", '{"stylemill": null}'])
def test_records_of_older_tables(versions: str | None) -> None:
    """A record that lacks columns, or holds unreadable ones, still gives a packet that says AI."""
    about = parsed(provenance.xmp({"design_id": None, "versions": versions}))
    assert about.findtext(f"{EXT}DigitalSourceType") == COMPOSITE
    assert about.find(f"{EXT}AISystemVersionUsed") is None


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({}, "Style: Paisley 0 · Ann Archer · CC-BY-4.0"),
        ({"rights_holder": "none"}, "Style: Paisley 0 · CC-BY-4.0"),
        ({"rights_holder": float("nan")}, "Style: Paisley 0 · CC-BY-4.0"),
        ({"style_title": "", "style_licence": None}, "Style: paisley-0 · Ann Archer · licence not stated"),
    ],
)
def test_credit(columns: dict[str, Any], line: str) -> None:
    """The credit line names title or id, rights holder if there is one, and licence, or says that none is stated."""
    assert provenance.credit(record(**columns)) == line


def test_documents_say_ai() -> None:
    """The packet of a document is XML that says that AI had a part."""
    about = parsed(provenance.document_xmp("Line <sheet>", "ten designs", "Ann\x00"))
    assert about.findtext(f"{EXT}DigitalSourceType") == COMPOSITE
    assert about.findtext("{http://purl.org/dc/elements/1.1/}creator//{*}li") == "Ann"
