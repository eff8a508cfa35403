"""Typed cells of Parquet and workbooks as the text that a person would write."""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from math import isnan
from types import UnionType
from typing import Any

EXACT = 2**53
"""Integers below it are the same as floats."""


def cell_text(cell: Any) -> str:
    """A typed cell as a person would write it: 101 for 101.0, 2025-10-01 for its midnight, nothing for NaN."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    return next((write(cell) for kind, write in WRITERS if isinstance(cell, kind)), str(cell))


def _moment(cell: datetime) -> str:
    day = cell.time() == time() and cell.tzinfo is None
    return cell.date().isoformat() if day else cell.isoformat(sep=" ")


def _decimal(cell: Decimal) -> str:
    whole = cell.is_finite() and cell == cell.to_integral_value()
    return f"{cell.to_integral_value():f}" if whole else f"{cell.normalize():f}"


def _float(cell: float) -> str:
    if isnan(cell):
        return ""
    return str(int(cell)) if cell.is_integer() and abs(cell) < EXACT else repr(cell)


WRITERS: tuple[tuple[type | UnionType, Callable[[Any], str]], ...] = (
    (bool, lambda cell: "true" if cell else "false"),
    (bytes, bytes.decode),
    (datetime, _moment),
    (date | time, lambda cell: cell.isoformat()),
    (float, _float),
    (Decimal, _decimal),
)
"""By type, the first that fits: a datetime is a date too."""
