"""The files beside a catalog, found by the names that people write into tables."""

import difflib
import unicodedata
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import NoReturn
from urllib.parse import unquote

from catalogs import keys
from catalogs.errors import InvalidKeyError
from catalogs.inputs.damaged_cells import unreadable_sign

SEARCHES = 20
"""Names for which letters are compared one by one; a hundred thousand of them would take an hour."""
COMPARED = 1_000
"""Files that one such name is compared with."""


class FileNames:
    """Keys of the objects beside a catalog."""

    def __init__(self, existing: Collection[str]) -> None:
        """`existing` are the keys, relative to the catalog."""
        self._existing = existing
        self._searches = 0
        self._by: dict[Callable[[str], str], dict[str, list[str]]] = {}

    def find(self, text: str) -> str:
        """The key that a name stands for.

        `./` is dropped. A name whose accents are written apart from their letters, as some disks do, stands for the one
        file whose name looks the same (Unicode's form C). Upper and lower case are different names.

        Raises:
            InvalidKeyError: no file has the name; the text names the file that is probably meant.
        """
        key = keys.as_key(text)
        try:
            keys.check_key(key)
        except InvalidKeyError as error:
            meant = self._same_elsewhere(key.replace("\\", "/")) if key else ""
            raise InvalidKeyError(f"{error}{_suggestion(meant)}") from error
        if key in self._existing:
            return key
        same = [] if key.isascii() else self._alike(composed, key)
        if len(same) > 1:
            raise InvalidKeyError(
                f"{len(same)} files beside the catalog have names that look like this one; rename them apart"
            )
        return same[0] if same else self._missed(key)

    def _missed(self, key: str) -> NoReturn:
        near = self._same_elsewhere(key) or self._near(key)
        if sign := unreadable_sign(key):
            raise InvalidKeyError(f"{sign}{_suggestion(near)}")
        raise InvalidKeyError(
            f"there is no such file beside the catalog{_suggestion(near) or '; copy it there or correct the name'}"
        )

    def _same_elsewhere(self, key: str) -> str:
        """A file with the same name in another case, with a blank for %20, with another suffix, or in another folder."""
        for fold in (folded, stem, base, base_stem):
            for name in (key, unquote(key)):
                if matches := self._alike(fold, name):
                    return matches[0]
        return ""

    def _alike(self, fold: Callable[[str], str], key: str) -> list[str]:
        if fold not in self._by:
            table: dict[str, list[str]] = {}
            for existing in self._existing:
                table.setdefault(fold(existing), []).append(existing)
            self._by[fold] = table
        return self._by[fold].get(fold(key), [])

    def _near(self, key: str) -> str:
        self._searches += 1
        if self._searches > SEARCHES:
            return ""
        near = difflib.get_close_matches(key, islice(self._of_length(len(key)), COMPARED), 1)
        return near[0] if near else ""

    def _of_length(self, length: int) -> Iterator[str]:
        return (key for key in self._existing if abs(len(key) - length) <= 2)


def _suggestion(name: str) -> str:
    return f"; is '{name}' meant?" if name else ""


def composed(key: str) -> str:
    """A name with each letter and its accents as one sign."""
    return key if key.isascii() else unicodedata.normalize("NFC", key)


def folded(key: str) -> str:
    """A name without the difference of upper and lower case."""
    return composed(composed(key).casefold())


def stem(key: str) -> str:
    """A name without its suffix; a name without a suffix stays as it is."""
    folder, slash, name = folded(key).rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)


def base(key: str) -> str:
    """A name without its folder."""
    return folded(key).rpartition("/")[2]


def base_stem(key: str) -> str:
    """A name without folder and suffix."""
    return stem(key).rpartition("/")[2]
