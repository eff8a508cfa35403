"""Parquet, line by line as text, whatever types its writer chose."""

import codecs
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalogs.errors import CatalogError
from catalogs.tables.catalog_files import other_kind
from catalogs.tables.cell_text import cell_text
from catalogs.tables.lines import (
    BETWEEN_WORDS,
    MAX_BYTES,
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_LETTERS,
    MAX_ROWS,
    MAX_TEXT,
    IsRow,
    Line,
    Sheet,
    no_row,
    text_bytes,
    too_many_columns,
)
from catalogs.tables.parquet_pages import Chunk, read_index

UNNAMED_INDEX = "__index_level_"
"""How pandas names the columns of an index that has no name: row numbers, and nobody's data."""
BATCH = 65_536
"""Rows that are decoded at a time."""
MAX_PARTS = 10_000_000
"""Words of a column of lists that are decoded at a time."""
MAX_BYTES_OF_CELL = 4 * MAX_LETTERS
MAX_PIECE = 2**24
"""Bytes that become texts at a time."""
MAX_FIXED = 2**26
"""Bytes of a column of a fixed size, null or not, that are decoded at a time."""
OFFSET = 8
"""Bytes by which a text of any length is found."""
SHOWN = 5
"""Fields of a struct in a message."""


def parquet_sheets(name: str, data: bytes) -> list[Sheet]:
    """The one table of a Parquet file; its first line is the names of the columns, as row 1.

    Nulls and NaN are empty. Whole floats are integers, as an id beside a gap is in pandas. Bytes that are text
    are text. Lists are joined by `|`. An index with a name is a column. Columns whose cells are no text
    (structs, pictures) are left out, and remarked. CatalogError where the file is none, is damaged, or stands
    for more than MAX_ROWS, MAX_CELLS, MAX_BYTES or MAX_TEXT.
    """
    if not data.startswith(b"PAR1") and (kind := other_kind(data)):
        raise CatalogError(f"{name} {kind}.")
    file, largest = bounded_file(name, data)
    try:
        fields = _fields(file)
        indexes = _range_indexes(file)
    except Exception as error:  # as in bounded_file
        raise _unreadable(name, error) from error
    _check_columns(name, [*(field.name for field in fields), *(index for index, _ in indexes)])
    widest = max((size for field in fields if (size := _fixed(field.type)) <= MAX_BYTES_OF_CELL), default=1)
    batch = max(1, min(BATCH, MAX_BYTES // max(largest, 1), MAX_FIXED // widest))
    named = [field for field in fields if not field.name.startswith(UNNAMED_INDEX)]
    text = [field for field in named if _is_text(field.type) and _decodes(name, file, field, batch)]
    remarks = tuple(
        f"{name} has a column '{field.name}' whose cells are {_kind(field.type)}; it is left out"
        for field in named
        if field not in text
    )
    read = partial(_lines, name, file, [field.name for field in text], indexes, batch)
    return [Sheet(read, remarks=remarks)]


def bounded_file(name: str, data: bytes) -> tuple[pq.ParquetFile, int]:
    """A file of bounded size, and the bytes of its largest chunk of texts that are written as differences.

    CatalogError where it is too large, or no Parquet. Its texts are read as dictionaries where that can be.
    """
    try:
        # The library's own way to look at a chunk ends the process where the index is damaged.
        rows, chunks = read_index(data)
        _check_size(name, rows, chunks)
        delta = {chunk.path for chunk in chunks if chunk.is_delta}
        texts = {chunk.path for chunk in chunks if chunk.is_text}
        # Dictionaries stay dictionaries: a long text that a million rows share is held once. The library
        # cannot do so where the texts are written as differences.
        file = pq.ParquetFile(io.BytesIO(data), read_dictionary=sorted(texts - delta))
        _check_texts(file, chunks)
    except CatalogError:
        raise
    except _TextError as error:
        raise _too_long(name) from error
    except Exception as error:  # pyarrow raises many kinds; all mean the same to the reader
        raise _unreadable(name, error) from error
    return file, max((chunk.unpacked for chunk in chunks if chunk.is_delta), default=0)


def _fields(file: pq.ParquetFile) -> list[pa.Field]:
    """The columns of a file with their types, as its writer said."""
    return list(file.schema_arrow)


def _unreadable(name: str, error: Exception) -> CatalogError:
    return CatalogError(f"{name} cannot be read as Parquet: {error}. Write it again.")


class _TextError(Exception):
    """The texts of the rows take more than MAX_TEXT bytes."""


def _too_long(name: str) -> CatalogError:
    return CatalogError(f"{name} stands for over {MAX_TEXT:,} bytes of text: leave out its longest column.")


def _check_texts(file: pq.ParquetFile, chunks: Sequence[Chunk]) -> None:
    """Refuse what is too long by its texts as they are stored; bytes that are not marked as text may be pictures."""
    marked = [file.schema.column(place).converted_type == "UTF8" for place in range(len(file.schema))]
    # Each group of rows has the columns of the schema, in its order; the library has seen to that.
    size = sum(chunk.unpacked for place, chunk in enumerate(chunks) if marked[place % len(marked)])
    if size > MAX_TEXT:
        raise _TextError


def _check_size(name: str, rows: int, chunks: Sequence[Chunk]) -> None:
    """Refuse what the file's own index and pages say is too large; nothing is unpacked yet."""
    for amount, limit, noun in (
        (rows, MAX_ROWS, "rows"),
        (sum(chunk.values for chunk in chunks), MAX_CELLS, "cells"),
        (sum(chunk.unpacked for chunk in chunks), MAX_BYTES, "bytes unpacked"),
    ):
        if amount > limit:
            raise CatalogError(
                f"{name} stands for {amount:,} {noun}, over {limit:,}: leave out columns that no garment or style"
                " needs, or split the catalog into style sets or several runs."
            )


def _check_columns(name: str, columns: Sequence[str]) -> None:
    """Refuse too many columns before any is read, and two of one name, which the library cannot tell apart."""
    if len(columns) > MAX_COLUMNS:
        raise CatalogError(too_many_columns(name, len(columns)))
    if twice := next((one for one, times in Counter(columns).items() if times > 1), None):
        raise CatalogError(f"{name} has the column '{twice[:200]}' twice: keep one.")


def _lines(
    name: str,
    file: pq.ParquetFile,
    columns: Sequence[str],
    indexes: Sequence[tuple[str, range]],
    rows: int,
    _is_row: IsRow = no_row,
) -> Iterator[Line]:
    """Lines of the columns that are text; `rows` are decoded at a time."""
    yield Line(1, [*columns, *(index for index, _ in indexes)])
    row, size = 1, 0
    counters = [count(numbers.start, numbers.step) for _, numbers in indexes]
    try:
        for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
            batch.validate(full=True)
            texts: list[list[str]] = []
            for column in columns:
                texts.append(_texts(batch.column(column)))
                # Counted as often as they stand in a row: that is how often each will be looked at.
                size += text_bytes(texts[-1])
                if size > MAX_TEXT:
                    raise _TextError
            for cells in zip(*texts, strict=True) if texts else [()] * batch.num_rows:
                row += 1
                yield Line(row, [*cells, *(str(next(counter)) for counter in counters)])
    except _TextError as error:
        raise _too_long(name) from error
    except Exception as error:  # as above; a damaged column is met only when it is read
        raise _unreadable(name, error) from error


def _range_indexes(file: pq.ParquetFile) -> list[tuple[str, range]]:
    """Indexes of pandas that are numbers from, to, by; one that has a name is a column that is not stored."""
    described = (file.schema_arrow.pandas_metadata or {}).get("index_columns", [])
    return [
        (str(index["name"]), range(index["start"], index["stop"], index["step"]))
        for index in described
        if isinstance(index, dict) and index.get("name") is not None
    ]


def _is_text(kind: pa.DataType) -> bool:
    """Whether cells of a type can be told as text."""
    if isinstance(kind, pa.BaseExtensionType):
        return _is_text(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    if _fixed(kind) > MAX_BYTES_OF_CELL:
        return False
    if pa.types.is_nested(kind):
        return _is_list(kind) and not pa.types.is_nested(kind.value_type) and _is_text(kind.value_type)
    return not pa.types.is_interval(kind)


def _fixed(kind: pa.DataType) -> int:
    """Bytes that a cell takes even where it is null, by its type."""
    if isinstance(kind, pa.BaseExtensionType):
        return _fixed(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _fixed(kind.value_type)
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _fixed(kind.value_type)
    return int(kind.byte_width) if pa.types.is_fixed_size_binary(kind) else OFFSET


def _is_list(kind: pa.DataType) -> bool:
    checks = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list,
              pa.types.is_list_view, pa.types.is_large_list_view)  # fmt: skip
    return any(check(kind) for check in checks)


def _kind(kind: pa.DataType) -> str:
    """What cells are that are no text, and what to do, in words."""
    if (size := _fixed(kind)) > MAX_BYTES_OF_CELL:
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


def _decodes(name: str, file: pq.ParquetFile, field: pa.Field, rows: int) -> bool:
    """Whether bytes are text in every row; old writers mark no text as such, and others store pictures."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    ):
        return True
    try:
        for batch in file.iter_batches(batch_size=rows, columns=[field.name]):
            batch.validate(full=True)
            _texts(batch.column(0))
    except UnicodeDecodeError:
        return False
    except _TextError as error:
        raise _too_long(name) from error
    except Exception as error:  # as above
        raise _unreadable(name, error) from error
    return True


def _texts(array: pa.Array) -> list[str]:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _texts(array.storage)
    if pa.types.is_dictionary(kind):
        return _shared(array)
    if _is_list(kind):
        return _bounded(_joined(_texts(_words(array)), array.value_lengths().to_pylist()))
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        # As few digits as tell the number from its neighbours: 52.1, and not 52.09999847412109.
        short = np.float16 if pa.types.is_float16(kind) else np.float32
        return ["" if cell is None else cell_text(float(str(short(cell)))) for cell in array.to_pylist()]
    if pa.types.is_temporal(kind):
        return _moments(array)
    return _plain_texts(_shortened(array))


def _plain_texts(array: pa.Array) -> list[str]:
    """Cells as text, some of them at a time: a text in memory takes up to four times the bytes that it is stored in."""
    return _bounded(_plain_text(cell) for piece in _pieces(array) for cell in piece.to_pylist())


def _bounded(cells: Iterable[str]) -> list[str]:
    """Texts, of which no more are made than there is room for."""
    texts: list[str] = []
    size = 0
    for cell in cells:
        size += text_bytes((cell,))
        if size > MAX_TEXT:
            raise _TextError
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
    """A cell as text; of bytes that were cut, the last letter may be half."""
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
    """Texts of a dictionary, of which those that stand in these rows are looked at, each once."""
    used = pc.unique(array.indices).drop_null()
    texts = dict(zip(used.to_pylist(), _texts(_shortened(array.dictionary).take(used)), strict=True))
    return ["" if place is None else texts[place] for place in array.indices.to_pylist()]


def _joined(parts: Sequence[str], lengths: Sequence[int | None]) -> Iterator[str]:
    """Lists as text, empty parts left out; no longer than shows that they are too long.

    Where a part has a sign that parts words, the list is written as JSON has it.
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
