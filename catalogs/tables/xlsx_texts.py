"""Texts in the XML of a workbook, bounded in letters and in bytes of memory."""

import re

from catalogs.tables.lines import MAX_LETTERS, text_bytes
from catalogs.tables.xlsx_xml import (
    MAIN,
    Attributes,
    require_at_most,
)

ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
MOST_WRITTEN = MAX_LETTERS * len("_x000D_") + 1
"""Letters as they are written, of which there are as many as MAX_LETTERS allows or more, whatever signs they mean."""


def _unescaped(text: str) -> str:
    """A text with the signs that XML cannot hold, which are written as _x000D_."""
    return ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


class TextReader:
    """Collects the text of `t` and `v`, but not that within `rPh`, which is its phonetic reading.

    A text over MAX_LETTERS long is cut as soon as that shows.
    """

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` is the limit for all texts together, bytes in memory."""
        self.most, self.bytes = most_bytes, 0
        self._parts: list[str] = []
        self._room = MOST_WRITTEN
        self._within = self._spoken = 0

    def start(self, name: str, _attributes: Attributes) -> None:
        """Note that an element with text, or a phonetic reading, begins."""
        self._within += name in (f"{MAIN}t", f"{MAIN}v")
        self._spoken += name == f"{MAIN}rPh"

    def end(self, name: str) -> None:
        """Note that an element with text, or a phonetic reading, ends."""
        self._within -= name in (f"{MAIN}t", f"{MAIN}v")
        self._spoken -= name == f"{MAIN}rPh"

    def text(self, text: str) -> None:
        """Add a piece of text, if it is part of a cell's text."""
        if self._within and not self._spoken and self._room:
            self._parts.append(text[: self._room])
            self._room = max(self._room - len(text), 0)

    def take(self) -> str:
        """The text since the last call; PartError where all texts together are too large."""
        text = _unescaped("".join(self._parts))[: MAX_LETTERS + 1]
        self._parts.clear()
        self._room = MOST_WRITTEN
        self.bytes += text_bytes((text,))
        require_at_most(self.bytes, self.most, "bytes of text")
        return text
