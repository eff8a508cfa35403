"""The origin of a picture in words: title, credit and licence, and IPTC's marks for AI, as an XMP packet.

Sources: IPTC Photo Metadata Standard 2025.1 (DigitalSourceType, AISystemUsed, AISystemVersionUsed); Adobe XMP
specification.
"""

import hashlib
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import accumulate
from typing import Any

SYSTEM = "Stylemill"
LONGEST = 1000
"""Characters of a text, or of all keywords, that go into a packet: a JPEG has room for 64 KiB of XMP."""
REJECTED, MOST_STARS = -1, 5
"""The ends of xmp:Rating: -1 says rejected, 0 not rated (Adobe XMP specification, part 2, section 2.1)."""
COLUMNS = (
    "design_id", "created_at", "versions", "recipe", "garment_id", "garment_title", "garment_licence", "garment_tags",
    "style_id", "style_title", "style_licence", "style_tags", "rights_holder",
)  # fmt: skip
"""What `xmp` reads of a record."""
NOBODY = ("", "none", "-", "n/a", "unknown")
"""How catalogs write that there is no rights holder to name."""

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
for _prefix, _uri in NAMESPACES.items():
    ET.register_namespace(_prefix, _uri)

BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
END = b'\n<?xpacket end="r"?>'
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may hold, escaped or not (section 2.2)."""

TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates of Unicode's bidirectional algorithm."""


class SourceType(StrEnum):
    """IPTC's terms for the part that AI had: a garment that wears a made pattern, or a flat swatch of the pattern."""

    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
    TRAINED = "trainedAlgorithmicMedia"


def title(record: Mapping[str, Any]) -> str:
    """The name of a design for people: the garment's title and the style's, or their ids."""
    return f"{_title_or_id(record, 'garment')} – {_title_or_id(record, 'style')}"


def credit(record: Mapping[str, Any]) -> str:
    """The credit line of a design's style: its title, its rights holder where there is one, its licence."""
    return f"Style: {_title_or_id(record, 'style')} · {rights(record)}"


def rights(record: Mapping[str, Any]) -> str:
    """The rights holder of a design's style, where there is one, and its licence."""
    holder = one_line(record.get("rights_holder"))
    licence = one_line(record.get("style_licence")) or "licence not stated"
    return licence if holder.lower() in NOBODY else f"{holder} · {licence}"


def one_line(value: object) -> str:
    """A cell of the design table as one line of text that XML can hold; "" for null, which pandas calls NaN.

    Signs that change the direction of the following text are left out: in a credit line they would reverse the next
    name.
    """
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return " ".join(NOT_XML.sub(" ", "" if missing else TURNING.sub("", str(value))).split())


def keywords(record: Mapping[str, Any]) -> list[str]:
    """The tags of a design's garment and style, each once, as one line of text each."""
    listed = (record.get(f"{kind}_tags") for kind in ("garment", "style"))
    tags = (
        one_line(tag)
        for tag_list in listed
        if tag_list is not None and not isinstance(tag_list, str)
        for tag in tag_list
    )
    return [tag for tag in dict.fromkeys(tags) if tag]


def xmp(record: Mapping[str, Any], source_type: SourceType = SourceType.COMPOSITE, rating: int = 0) -> bytes:
    """The XMP packet of a design: a row of the design table, of which any column may be null or missing.

    `rating` is what people said of it: 1 to 5 stars, -1 for rejected, 0 for nothing. The same record and rating give
    the same bytes. Texts are cut at 1,000 characters, keywords end before as many.
    """
    version = _versions(record).get("stylemill", "")
    root, about = _packet(source_type, version)
    _text(about, "dc:identifier", one_line(record.get("design_id")))
    _text(about, "xmp:CreateDate", _date(record.get("created_at")))
    _text(about, "xmp:Rating", str(min(MOST_STARS, max(REJECTED, rating))) if rating else "")
    _bag(about, "dc:subject", keywords(record))
    _text(about, "photoshop:Credit", credit(record))
    _language(about, "dc:title", title(record))
    _language(about, "dc:description", _description(record))
    # Nothing says whether the garment, the pattern or the whole is protected: xmpRights:Marked is left out.
    _language(about, "dc:rights", credit(record))
    _language(about, "xmpRights:UsageTerms", _terms(record))
    return _wrapped(root)


def version(record: Mapping[str, Any]) -> str:
    """A name for a design's picture with its packet: other pixels or other words in the packet give another name.

    `record` comes from the design catalog, with `image_sha256`. The name is made from the columns of the packet and not
    from the packet: a page needs hundreds of names, and a packet takes a hundred times as long.
    """
    said = json.dumps([record.get(column) for column in COLUMNS], default=str)
    digest = hashlib.sha256(f"{_packet_digest()} {said}".encode()).hexdigest()
    return f"{record['image_sha256'][:12]}-{digest[:12]}"


@cache
def _packet_digest() -> str:
    """A digest that changes with the form of packets, as between two releases."""
    return hashlib.sha256(xmp({})).hexdigest()


def document_xmp(name: str, description: str, author: str = "") -> bytes:
    """The XMP packet of a document that shows designs, as a line sheet does."""
    root, about = _packet(SourceType.COMPOSITE, "")
    _text(about, "dc:format", "application/pdf")
    _language(about, "dc:title", one_line(name))
    _language(about, "dc:description", one_line(description))
    if one_line(author):
        creators = ET.SubElement(ET.SubElement(about, _name("dc:creator")), _name("rdf:Seq"))
        _text(creators, "rdf:li", one_line(author))
    return _wrapped(root)


def _title_or_id(record: Mapping[str, Any], kind: str) -> str:
    return one_line(record.get(f"{kind}_title")) or one_line(record.get(f"{kind}_id")) or f"untitled {kind}"


def _description(record: Mapping[str, Any]) -> str:
    recipe = one_line(record.get("recipe"))
    by = f", recipe {recipe}" if recipe else ""
    garment, style = _title_or_id(record, "garment"), _title_or_id(record, "style")
    return f"{garment} in the style {style}. Made with AI by {SYSTEM}{by}."


def _terms(record: Mapping[str, Any]) -> str:
    licences = (one_line(record.get(f"{kind}_licence")) or "not stated" for kind in ("style", "garment"))
    return "Licence of the style: {}; of the garment picture: {}.".format(*licences)


def _versions(record: Mapping[str, Any]) -> dict[str, str]:
    """The versions in a record by the names of programs; empty where they cannot be read."""
    try:
        versions = json.loads(record.get("versions") or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return (
        {str(name): one_line(version) for name, version in versions.items()}
        if isinstance(versions, dict)
        else {}
    )


def _date(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else ""


def _packet(source_type: SourceType, version: str) -> tuple[ET.Element, ET.Element]:
    """A packet that says that AI had a part; returns its root and the node that takes further properties."""
    root = ET.Element(_name("x:xmpmeta"))
    about = ET.SubElement(
        ET.SubElement(root, _name("rdf:RDF")), _name("rdf:Description"), {_name("rdf:about"): ""}
    )
    _text(about, "Iptc4xmpExt:DigitalSourceType", SOURCE_TYPES + source_type)
    _text(about, "Iptc4xmpExt:AISystemUsed", SYSTEM)
    _text(about, "Iptc4xmpExt:AISystemVersionUsed", version)
    _text(about, "xmp:CreatorTool", f"{SYSTEM} {version}".strip())
    return root, about


def _wrapped(root: ET.Element) -> bytes:
    return BEGIN + ET.tostring(root, "unicode").encode() + END


def _name(prefixed: str) -> str:
    prefix, _, local = prefixed.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _text(parent: ET.Element, name: str, text: str) -> None:
    """A property; an empty one is left out."""
    if text:
        ET.SubElement(parent, _name(name)).text = text[:LONGEST]


def _bag(parent: ET.Element, name: str, texts: Iterable[str]) -> None:
    """A property of several texts in no order. Texts beyond the limit are left out; without texts there is none."""
    lengths = accumulate(map(len, kept := list(texts)))
    fitting = [text for text, length in zip(kept, lengths, strict=True) if length <= LONGEST]
    if fitting:
        bag = ET.SubElement(ET.SubElement(parent, _name(name)), _name("rdf:Bag"))
        for text in fitting:
            _text(bag, "rdf:li", text)


def _language(parent: ET.Element, name: str, text: str) -> None:
    """A property that XMP keeps once for each language; ours names no language."""
    choices = ET.SubElement(ET.SubElement(parent, _name(name)), _name("rdf:Alt"))
    default = ET.SubElement(
        choices, _name("rdf:li"), {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"}
    )
    default.text = text[:LONGEST]
