"""The items of an export: designs with verdict, stars and note."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalogs.designs import provenance

DESIGN_ID = re.compile(r"[0-9a-f]{64}")
UNSAFE = re.compile(r"[^A-Za-z0-9]+")
SHORT_ID = 12
"""Characters of a design_id that people see: 48 bits, as in the keys of pictures."""
LONGEST_PART = 40


@dataclass(frozen=True)
class Item:
    """A design as it leaves the catalog: its record, verdict, stars and note.

    `record` is a row of the design table; `verdict` is "", "pick" or "reject"; `stars` are 0 to 5, 0 for none.
    """

    record: Mapping[str, Any]
    verdict: str = ""
    stars: int = 0
    note: str = ""

    @property
    def title(self) -> str:
        """The design's name for people."""
        return provenance.title(self.record)

    @property
    def credit(self) -> str:
        """The credit line of its style."""
        return provenance.credit(self.record)

    @property
    def packet(self) -> bytes:
        """The XMP packet of the design's pictures, with its stars; a reject's rating is -1, whatever its stars."""
        rating = provenance.REJECTED if self.verdict == "reject" else max(0, self.stars)
        return provenance.xmp(self.record, rating=rating)

    @property
    def design_id(self) -> str:
        """The design's id as one line of text."""
        return self.text("design_id")

    @property
    def short_id(self) -> str:
        """The first twelve characters of the design's id, by which people tell designs apart.

        An id that is no digest may begin like others: then these are the first characters of its digest.
        """
        full = self.design_id
        return (full if DESIGN_ID.fullmatch(full) else hashlib.sha256(full.encode()).hexdigest())[:SHORT_ID]

    def text(self, column: str) -> str:
        """A column as one line of text without control characters; "" for null."""
        return provenance.one_line(self.record.get(column))


def picture_name(item: Item, suffix: str = "png") -> str:
    """A file name such as `tee__paisley__house__0123456789ab.png`: safe on every system, one for each design.

    Another program may have written the ids: every character but letters, digits and hyphens becomes a hyphen.
    """
    parts = (_safe(item.text(column)) for column in ("garment_id", "style_id", "recipe"))
    return f"{'__'.join((*parts, item.short_id))}.{suffix}"


def _safe(text: str) -> str:
    return UNSAFE.sub("-", text)[:LONGEST_PART].strip("-") or "x"
