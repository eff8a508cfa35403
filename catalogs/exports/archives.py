"""A ZIP while it is written: pictures, lists, and the problems of designs that are missing from it."""

import shutil
import time
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from tempfile import TemporaryFile
from types import TracebackType
from typing import BinaryIO

from catalogs.exports.items import Item
from catalogs.exports.spreadsheet import CsvTable

PROBLEMS = ("name", "design_id", "reason")
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""ZIP knows no date before."""


class ExportArchive(AbstractContextManager["ExportArchive"]):
    """A ZIP under way, and the designs that could not go into it. Leaving the block writes the ZIP's directory."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` need not be seekable, and stays open."""
        self._zip = zipfile.ZipFile(file, "w")
        self._names: set[str] = set()
        self._problems: list[tuple[str, str, str]] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def takes(self, name: str, item: Item) -> bool:
        """Whether a name is free. A design that was chosen twice goes in once, and is noted as a problem."""
        if name in self._names:
            self.problem(name, item, "the design was chosen twice")
            return False
        self._names.add(name)
        return True

    def picture(self, name: str, item: Item, data: bytes) -> None:
        """Store a picture as it is, with the date of its design; its format is compressed already."""
        entry = zipfile.ZipInfo(name, _date(item))
        entry.external_attr = 0o644 << 16
        self._zip.writestr(entry, data)

    def text(self, name: str, text: str) -> None:
        """Add a text in UTF-8."""
        self._zip.writestr(name, text.encode("utf-8", "replace"), zipfile.ZIP_DEFLATED)

    def list_problems(self) -> None:
        """Add `problems.csv`, where there are problems. Reasons name places in the store: they are not for strangers."""
        if self._problems:
            self.table("problems.csv", PROBLEMS, self._problems)

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a CSV of named columns."""
        with TemporaryFile() as file:
            table = CsvTable(file, columns)
            for row in rows:
                table.add(row)
            table.close()
            self.pour(name, file)

    def pour(self, name: str, file: BinaryIO) -> None:
        """Add the contents of an open file from its start."""
        file.seek(0)
        entry = zipfile.ZipInfo(name, time.localtime()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with self._zip.open(entry, "w", force_zip64=True) as target:
            shutil.copyfileobj(file, target)

    def problem(self, name: str, item: Item, reason: object) -> None:
        """Note a design that is left out, and the reason."""
        self._problems.append((name, item.design_id, str(reason)))

    @property
    def problems(self) -> list[str]:
        """The designs that were left out, and the reasons, a line each."""
        return [f"{name}: {reason}" for name, _, reason in self._problems]


def _date(item: Item) -> tuple[int, int, int, int, int, int]:
    made = item.record.get("created_at")
    return made.timetuple()[:6] if isinstance(made, datetime) and made.year >= EARLIEST[0] else EARLIEST
