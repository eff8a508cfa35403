"""Parquet, line by line as text, whatever types its writer chose."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq

from catalogs.errors import CatalogError
from catalogs.tables.catalog_files import other_kind
from catalogs.tables.lines import (
    MAX_BYTES,
    MAX_CELLS,
    MAX_COLUMNS,
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
from catalogs.tables.parquet_texts import (
    MAX_BYTES_OF_CELL,
    TextError,
    column_texts,
    describe_kind,
    fixed_bytes,
    is_text,
)

UNNAMED_INDEX = "__index_level_"
"""How pandas names the columns of an index that has no name: row numbers, and nobody's data."""
BATCH = 65_536
"""Rows that are decoded at a time."""
MAX_FIXED = 2**26
"""Bytes of a column of a fixed size, null or not, that are decoded at a time."""


def parquet_sheets(name: str, data: bytes) -> list[Sheet]:
    """The one table of a Parquet file; its first line is the names of the columns, as row 1.

    Nulls and NaN are empty. Whole floats are integers, as an id beside a gap is in pandas. Bytes that are text
    are text. Lists are joined by `|`. An index with a name is a column. Columns whose cells are no text
    (structs, pictures) are left out, with a remark. CatalogError where the file is not Parquet, is damaged, or stands
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
    widest = max(
        (size for field in fields if (size := fixed_bytes(field.type)) <= MAX_BYTES_OF_CELL), default=1
    )
    batch = max(1, min(BATCH, MAX_BYTES // max(largest, 1), MAX_FIXED // widest))
    named = [field for field in fields if not field.name.startswith(UNNAMED_INDEX)]
    text = [field for field in named if is_text(field.type) and _decodes(name, file, field, batch)]
    remarks = tuple(
        f"{name} has a column '{field.name}' whose cells are {describe_kind(field.type)}; it is left out"
        for field in named
        if field not in text
    )
    read = partial(_lines, name, file, [field.name for field in text], indexes, batch)
    return [Sheet(read, remarks=remarks)]


def bounded_file(name: str, data: bytes) -> tuple[pq.ParquetFile, int]:
    """A file of bounded size, and the bytes of its largest chunk of texts that are written as differences.

    Texts are read as dictionaries where that is possible. CatalogError where the file is too large, or is not Parquet.
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
    except TextError as error:
        raise _too_long(name) from error
    except Exception as error:  # pyarrow raises many kinds; all mean the same to the reader
        raise _unreadable(name, error) from error
    return file, max((chunk.unpacked for chunk in chunks if chunk.is_delta), default=0)


def _fields(file: pq.ParquetFile) -> list[pa.Field]:
    """The columns of a file with their types, as its writer said."""
    return list(file.schema_arrow)


def _unreadable(name: str, error: Exception) -> CatalogError:
    return CatalogError(f"{name} cannot be read as Parquet: {error}. Write it again.")


def _too_long(name: str) -> CatalogError:
    return CatalogError(f"{name} stands for over {MAX_TEXT:,} bytes of text: leave out its longest column.")


def _check_texts(file: pq.ParquetFile, chunks: Sequence[Chunk]) -> None:
    """Raise TextError for too much text by its stored size; bytes that are not marked as text may be pictures."""
    marked = [file.schema.column(place).converted_type == "UTF8" for place in range(len(file.schema))]
    # Each group of rows has the columns of the schema, in its order; the library has seen to that.
    size = sum(chunk.unpacked for place, chunk in enumerate(chunks) if marked[place % len(marked)])
    if size > MAX_TEXT:
        raise TextError


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
    if twice := next((column for column, times in Counter(columns).items() if times > 1), None):
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
                texts.append(column_texts(batch.column(column)))
                # Counted as often as they stand in a row: that is how often each will be looked at.
                size += text_bytes(texts[-1])
                if size > MAX_TEXT:
                    raise TextError
            for cells in zip(*texts, strict=True) if texts else [()] * batch.num_rows:
                row += 1
                yield Line(row, [*cells, *(str(next(counter)) for counter in counters)])
    except TextError as error:
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


def _decodes(name: str, file: pq.ParquetFile, field: pa.Field, rows: int) -> bool:
    """Whether bytes are text in every row; old writers do not mark texts, and other writers store pictures."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    ):
        return True
    try:
        for batch in file.iter_batches(batch_size=rows, columns=[field.name]):
            batch.validate(full=True)
            column_texts(batch.column(0))
    except UnicodeDecodeError:
        return False
    except TextError as error:
        raise _too_long(name) from error
    except Exception as error:  # as above
        raise _unreadable(name, error) from error
    return True
