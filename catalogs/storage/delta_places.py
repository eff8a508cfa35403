"""Places of tables as the Delta library reads them, and which places it reads otherwise than our stores do.

Our stores take a folder or a key letter by letter. The library takes a URL, and decodes it more than once. So
a key is escaped for it. Letters that no escaping brings through (tried, deltalake 1.6) are refused by name: else
the table would lie in another place than the pictures, shared with strangers, or the library would panic.
"""

import re
import urllib.parse

from catalogs.errors import StoreError

ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
"""The library decodes it once more than it encodes it."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LOCAL = re.compile(r"[\[\]^|\\]")
"""Letters of a folder's path at which the library panics, or takes for a separator."""
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}")
LONGEST_PREFIX = 800
"""Bytes of a prefix; S3's keys have 1024, and our own longest within a catalog has some 110."""


def of_folder(folder: str, table: str) -> str:
    """The path of a table in a folder.

    Raises:
        StoreError: the Delta library would read another path; names the letters that keep designs from lying there.
    """
    _require(folder, folder, _strange(folder) + LOCAL.findall(folder))
    return f"{folder.rstrip('/')}/{table}"


def require_bucket(bucket: str, place: str) -> None:
    """Raise StoreError where a text is no bucket's name, which neither S3 nor the Delta library takes in a URL."""
    if BUCKET.fullmatch(bucket):
        return
    alias = " (an access point by its alias)" if bucket.startswith("arn:") else ""
    raise StoreError(
        f"{_one_line(place)}: '{_one_line(bucket)}' is no bucket's name (letters, digits, '.', '_', '-'): write"
        f" s3://bucket/prefix{alias}."
    )


def of_prefix(bucket: str, prefix: str, table: str) -> str:
    """The URL of a table below a bucket's prefix, escaped; the prefix may be empty.

    Raises:
        StoreError: names what keeps a design catalog from lying there.
    """
    place = f"s3://{bucket}/{prefix}".rstrip("/")
    require_bucket(bucket, place)
    _require(place, prefix, _strange(prefix))
    key = f"{prefix}/{table}".lstrip("/")
    if len(key.encode()) > LONGEST_PREFIX:
        raise StoreError(
            f"{place[:80]}... cannot hold designs: its prefix has {len(prefix.encode())} bytes, and S3's keys have"
            f" room for {LONGEST_PREFIX}. Choose a shorter one."
        )
    for segment in key.split("/"):
        if segment in ("", ".", ".."):
            raise StoreError(
                f"{place} cannot hold designs: its prefix has {_segment(segment)}, which the Delta library reads"
                " as another place. Choose a prefix without."
            )
    return f"s3://{bucket}/{urllib.parse.quote(key)}"


def _segment(text: str) -> str:
    return f"'{text}' for a folder's name" if text else "'//', a folder without a name"


def _strange(text: str) -> list[str]:
    """The letters of a text that no place of a design catalog may have."""
    return (
        ESCAPED.findall(text)
        + CONTROL.findall(text)
        + [letter for letter in text if "\ud800" <= letter <= "\udfff"]
    )


def _require(place: str, text: str, letters: list[str]) -> None:
    if not letters:
        return
    names = ", ".join(dict.fromkeys(_name(letter) for letter in sorted(letters, key=text.index)))
    raise StoreError(
        f"{_one_line(place)} cannot hold designs: the Delta library, which keeps the table, reads {names} in an address"
        " as something else. Choose or rename to a place without (letters of any language, digits, blanks, '-',"
        " '_', '.', '#', '?' are fine)."
    )


def _name(letter: str) -> str:
    if CONTROL.fullmatch(letter):
        named = {"\t": "a tab", "\n": "a line break", "\r": "a line break"}
        return named.get(letter, f"the control character {ord(letter):#04x}")
    return "a byte that is not UTF-8" if "\ud800" <= letter[0] <= "\udfff" else f"'{letter}'"


def _one_line(place: str) -> str:
    """A place in one line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in place)
