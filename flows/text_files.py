"""Text files that people write: settings and recipes, in whatever encoding their editor saved them."""

import codecs
from pathlib import Path

from flows.errors import SettingsError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    # Before UTF-16's, which begins UTF-32's.
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Marks at a file's beginning, and the encoding that each stands for."""
LARGEST_TEXT = 2**20
"""Bytes; a larger file cannot be meant as settings or a recipe."""


def read_text(path: Path) -> tuple[str, str]:
    """Return a file's text and the name of its encoding: UTF-8, or what the mark at its beginning says.

    SettingsError names the file, and the line that is not text of that encoding.
    """
    try:
        data = _read(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        guess = " (is it Latin-1?)" if encoding == "utf-8" else ""
        raise SettingsError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not {encoding.upper()} text{guess}. Save the file"
            " as UTF-8."
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise SettingsError(
            f"{path}, line {line}: it holds zero bytes, as UTF-16 without a mark does. Save the file as UTF-8."
        )
    return text, encoding


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise SettingsError(
            f"{path} has more than {LARGEST_TEXT} bytes: that is no file of settings or a recipe."
        )
    return data
