"""Addresses of catalogs as people write them: what each means, and a message for those that name no place."""

import os
import re
import unicodedata
import urllib.parse
from collections.abc import Callable

from catalogs.errors import StoreError, without_password

FILE = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)?", re.DOTALL | re.IGNORECASE)
BUCKET_URL = re.compile(r"s3://", re.IGNORECASE)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+]+:/")
OPEN, CLOSE = "\"'`\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb", "\"'`\u201c\u201d\u2018\u2019\u00bb\u00ab"
"""Quotes, also the typographic ones of word processors."""


def trim_address(address: str) -> str:
    """An address without blanks, line breaks and invisible letters at its ends, which come along with copied text.

    A folder whose name ends in a blank is written with a slash behind it.
    """
    ends = "".join(
        letter for letter in set(address) if letter.isspace() or unicodedata.category(letter) == "Cf"
    )
    return address.strip(ends) if ends else address


def bucket_and_prefix(address: str) -> str | None:
    """The bucket and prefix behind s3:// in an address; None where the address is not a bucket's."""
    prefix = BUCKET_URL.match(address)
    return address[prefix.end() :] if prefix else None


def folder_path(address: str) -> str:
    """The folder's path that an address means: a file: address is decoded, any other is taken letter by letter.

    Raises:
        StoreError: the address is of another kind (a bucket's in another spelling, Windows', a web page's); the text
            says how to write the address that was probably meant. A folder with such a name is written ./NAME.
    """
    if named := FILE.fullmatch(address):
        return _decoded(address, named)
    for kind, remedy in MISTAKES:
        if match := kind.fullmatch(address):
            raise StoreError(f"'{readable_address(address)}' is not a place we can open: {remedy(match)}.")
    return address


def readable_address(address: str) -> str:
    """An address in a line of bounded length, without a password."""
    line = "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in without_password(address)
    )
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


LONGEST = 200
"""Letters of an address in a message."""


def _decoded(address: str, named: re.Match[str]) -> str:
    host, path = named["host"], named["path"]
    if (host or "").lower() not in ("", "localhost") or not path:
        raise StoreError(
            f"'{readable_address(address)}' names no folder of this machine: write file:///folder, with three slashes,"
            " or the folder's path."
        )
    return os.fsdecode(urllib.parse.unquote_to_bytes(os.fsencode(path)))


def _as_bucket(match: re.Match[str]) -> str:
    prefix = urllib.parse.unquote(match.groupdict().get("prefix") or "").strip("/")
    return f"write s3://{readable_address(match['bucket'])}{f'/{readable_address(prefix)}' if prefix else ''}"


def _kind(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL | re.IGNORECASE)


WINDOWS = r"(?:[A-Z]:[\\/]|\\\\).*" if os.name != "nt" else r"(?!)"
MISTAKES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        _kind(rf"[{re.escape(OPEN)}].*[{re.escape(CLOSE)}]"),
        lambda _: "the quotes are part of it: leave them out",
    ),
    (_kind(r"s3[an]?:/*(?P<bucket>[^/:]+)/?(?P<prefix>.*)"), _as_bucket),
    (_kind(r"arn:aws[\w-]*:s3:::(?P<bucket>[^/]+)/?(?P<prefix>.*)"), _as_bucket),
    (
        _kind(r"(?:s3://)?arn:.*"),
        lambda _: "write s3://ALIAS/prefix, with the access point's alias for a bucket's name",
    ),
    (
        _kind(r"https?://s3[.-][\w.-]*amazonaws\.com(?:\.cn)?/(?P<bucket>[^/?#]+)/?(?P<prefix>[^?#]*).*"),
        _as_bucket,
    ),
    (
        _kind(r"https?://(?P<bucket>[\w.-]+?)\.s3[.-][\w.-]*amazonaws\.com(?:\.cn)?/?(?P<prefix>[^?#]*).*"),
        _as_bucket,
    ),
    (
        _kind(
            r"https?://[\w.-]*console\.aws\.amazon\.com/s3/buckets/(?P<bucket>[^/?#]+)"
            r"(?:.*?[?&]prefix=(?P<prefix>[^&#]*))?.*"
        ),
        _as_bucket,
    ),
    (
        _kind(WINDOWS),
        lambda _: "that is a path of Windows, which this machine does not have: write the folder's path here",
    ),
    (
        _kind(r"(?:\$\{?\w+\}?|%\w+%)(?:/.*)?"),
        lambda _: "nobody has put a value in place of the variable: write the path out",
    ),
    (
        _kind(r"file:.*"),
        lambda _: "write file:///folder, with three slashes, or the folder's path",
    ),
    (_kind(rf"{SCHEME.pattern}.*"), lambda _: "give a folder or s3://bucket/prefix"),
)
"""Patterns of addresses that name neither a folder nor a bucket, each with its remedy. The first that fits counts."""
