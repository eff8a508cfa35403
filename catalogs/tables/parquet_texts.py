"""Columns of Parquet as texts, whatever their type; and what to say of types whose cells are no text."""

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogs.tables.cell_text import cell_text
from catalogs.tables.lines import (
    BETWEEN_WORDS,
    MAX_LETTERS,
    MAX_TEXT,
    text_bytes,
)

MAX_PARTS = 10_000_000
"""Words of a column of lists that are decoded at a time."""
MAX_BYTES_OF_CELL = 4 * MAX_LETTERS
MAX_PIECE = 2**24
"""Bytes that become texts at a time."""
OFFSET = 8
"""Bytes by which a text of any length is found."""
SHOWN = 5
"""Fields of a struct in a message."""


class TextError(Exception):
    """The texts of the rows take more than MAX_TEXT bytes."""


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of a type can be written as text."""
    if isinstance(kind, pa.BaseExtensionType):
        return is_text(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    if fixed_bytes(kind) > MAX_BYTES_OF_CELL:
        return False
    if pa.types.is_nested(kind):
        return _is_list(kind) and not pa.types.is_nested(kind.value_type) and is_text(kind.value_type)
    return not pa.types.is_interval(kind)


def fixed_bytes(kind: pa.DataType) -> int:
    """Bytes that a cell of a type takes even where it is null."""
    if isinstance(kind, pa.BaseExtensionType):
        return fixed_bytes(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return fixed_bytes(kind.value_type)
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * fixed_bytes(kind.value_type)
    return int(kind.byte_width) if pa.types.is_fixed_size_binary(kind) else OFFSET


def _is_list(kind: pa.DataType) -> bool:
    checks = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list,
              pa.types.is_list_view, pa.types.is_large_list_view)  # fmt: skip
    return any(check(kind) for check in checks)


def describe_kind(kind: pa.DataType) -> str:
    """The kind of cells that are no text, and what to do, in words."""
    if (size := fixed_bytes(kind)) > MAX_BYTES_OF_CELL:
        return f"of {size:,} bytes each, whatever they hold; write texts or lists of any length"
    if pa.types.is_map(kind):
        return "maps; write each of their values as a column of its own"
    if pa.types.is_struct(kind):
        names = ", ".join(f"'{kind.field(place).name[:40]}'" for place in range(min(kind.num_fields, SHOWN)))
        return f"structs ({names}); write each of their fields as a column of its own"
    if pa.types.is_nested(kind):
        return "lists of lists or structs; write a list of words"
    if pa.types.is_interval(kind):
        return "intervals; write them as text"
    return "bytes and no text; are they pictures? Write the pictures' names"


def column_texts(array: pa.Array) -> list[str]:
    """The cells of a column as texts; TextError where they take more than MAX_TEXT bytes."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return column_texts(array.storage)
    if pa.types.is_dictionary(kind):
        return _shared(array)
    if _is_list(kind):
        return _bounded(_joined(column_texts(_words(array)), array.value_lengths().to_pylist()))
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        # As few digits as distinguish the number from its neighbours: 52.1, and not 52.09999847412109.
        short = np.float16 if pa.types.is_float16(kind) else np.float32
        return ["" if cell is None else cell_text(float(str(short(cell)))) for cell in array.to_pylist()]
    if pa.types.is_temporal(kind):
        return _moments(array)
    return _plain_texts(_shortened(array))


def _plain_texts(array: pa.Array) -> list[str]:
    """Cells as text, some of them at a time: a text in memory takes up to four times the bytes that it is stored in."""
    return _bounded(_plain_text(cell) for piece in _pieces(array) for cell in piece.to_pylist())


def _bounded(cells: Iterable[str]) -> list[str]:
    """The texts as a list; TextError as soon as they take more than MAX_TEXT bytes."""
    texts: list[str] = []
    size = 0
    for cell in cells:
        size += text_bytes((cell,))
        if size > MAX_TEXT:
            raise TextError
        texts.append(cell)
    return texts


def _pieces(array: pa.Array) -> Iterator[pa.Array]:
    """An array in pieces of up to MAX_PIECE bytes, or of one cell."""
    if len(array) <= 1 or array.nbytes <= MAX_PIECE:
        yield array
        return
    half = len(array) // 2
    yield from _pieces(array.slice(0, half))
    yield from _pieces(array.slice(half))


def _plain_text(cell: Any) -> str:
    """A cell as text; where bytes were cut, half of the last letter is dropped."""
    if isinstance(cell, bytes) and len(cell) > MAX_BYTES_OF_CELL:
        return codecs.getincrementaldecoder("utf-8")().decode(cell)
    return cell_text(cell)


def _words(array: pa.Array) -> pa.Array:
    parts = array.flatten()
    if len(parts) > MAX_PARTS:
        raise ValueError(f"a list column has {len(parts):,} words in {len(array):,} rows, over {MAX_PARTS:,}")
    return parts


def _moments(array: pa.Array) -> list[str]:
    """Days and times as text, to the microsecond."""
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        array = array.cast(
            pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else pa.duration("us"), safe=False
        )
    elif pa.types.is_time(kind):
        array = array.cast(pa.time64("us"), safe=False)
    try:
        return [cell_text(cell) for cell in array.to_pylist()]
    except (OverflowError, ValueError):
        # Days beyond those that Python knows: each is a wrong cell, and the others are right.
        return [cell or "" for cell in array.cast(pa.string()).to_pylist()]


def _shortened(array: pa.Array) -> pa.Array:
    """Texts and bytes, of which giant ones are cut to no more than shows that they are."""
    is_text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    if not is_text and not pa.types.is_binary(array.type) and not pa.types.is_large_binary(array.type):
        return array
    if (pc.max(pc.binary_length(array)).as_py() or 0) <= MAX_BYTES_OF_CELL:
        return array
    if not is_text:
        return pc.binary_slice(array, 0, MAX_BYTES_OF_CELL + 4)
    return pc.utf8_slice_codeunits(array, 0, MAX_LETTERS + 1)


def _shared(array: pa.DictionaryArray) -> list[str]:
    """Texts of a dictionary; only the entries that stand in these rows are read, each once."""
    used = pc.unique(array.indices).drop_null()
    texts = dict(zip(used.to_pylist(), column_texts(_shortened(array.dictionary).take(used)), strict=True))
    return ["" if place is None else texts[place] for place in array.indices.to_pylist()]


def _joined(parts: Sequence[str], lengths: Sequence[int | None]) -> Iterator[str]:
    """Lists as text, without empty parts; a list that is too long ends as soon as that shows.

    Where a part has a sign that separates words, the list is written as JSON.
    """
    begin = 0
    for length in lengths:
        cell: list[str] = []
        letters = 0
        for part in parts[begin : begin + (length or 0)]:
            if part and letters <= MAX_LETTERS:
                cell.append(part)
                letters += len(part) + 1
        begin += length or 0
        yield json.dumps(cell, ensure_ascii=False) if any(map(BETWEEN_WORDS.search, cell)) else "|".join(cell)
