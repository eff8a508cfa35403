"""Parquet, line by line as text, whatever types its writer chose."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalogs.catalog_files import other_kind
from catalogs.cell_text import cell_text
from catalogs.errors import CatalogError
from catalogs.lines import MAX_BYTES, MAX_CELLS, MAX_LETTERS, MAX_ROWS, IsRow, Line, Sheet, never

UNNAMED_INDEX = "__index_level_"
"""How pandas names the columns of an index that has no name: row numbers, and nobody's data."""
DELTA = frozenset({"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"})
"""Encodings of texts as differences from the ones before."""
BATCH = 65_536
"""Rows that are decoded at a time."""


def parquet_sheets(name: str, data: bytes) -> list[Sheet]:
    """The one table of a Parquet file; its first line is the names of the columns, as row 1.

    Nulls and NaN are empty. Whole floats are integers, as an id beside a gap is in pandas. Bytes that are text
    are text. Lists are joined by `|`. An index with a name is a column. Columns whose cells are no text
    (structs, pictures) are left out, and remarked. CatalogError where the file is none, is damaged, or stands
    for more than MAX_ROWS, MAX_CELLS or MAX_BYTES.
    """
    if not data.startswith(b"PAR1") and (kind := other_kind(data)):
        raise CatalogError(f"{name} {kind}.")
    file = _file(name, data)
    _check_size(name, file.metadata)
    fields = [field for field in file.schema_arrow if not field.name.startswith(UNNAMED_INDEX)]
    text = [field for field in fields if _is_text(field.type) and _decodes(name, file, field)]
    left_out = [field.name for field in fields if field not in text]
    remarks = tuple(
        f"{name} has a column '{column}' whose cells are no text; it is left out" for column in left_out
    )
    return [Sheet(partial(_lines, name, file, [field.name for field in text]), remarks=remarks)]


def _file(name: str, data: bytes) -> pq.ParquetFile:
    try:
        found = pq.ParquetFile(io.BytesIO(data)).metadata
        chunks = list(_chunks(found))
        delta = {chunk.path_in_schema for chunk in chunks if DELTA & set(chunk.encodings)}
        texts = {chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"}
        # Dictionaries stay dictionaries: a long text that a million rows share is held once. The library
        # cannot do so where the texts are written as differences.
        return pq.ParquetFile(io.BytesIO(data), read_dictionary=sorted(texts - delta))
    except Exception as error:  # pyarrow raises many kinds; all mean the same to the reader
        raise _unreadable(name, error) from error


def _chunks(found: pq.FileMetaData) -> Iterator[Any]:
    """What the file's own index says of each column in each group of rows."""
    for number in range(found.num_row_groups):
        group = found.row_group(number)
        for place in range(group.num_columns):
            yield group.column(place)


def _unreadable(name: str, error: Exception) -> CatalogError:
    return CatalogError(f"{name} cannot be read as Parquet: {error}. Write it again.")


def _check_size(name: str, found: pq.FileMetaData) -> None:
    """Refuse what the file's own index says is too large; nothing is unpacked yet."""
    chunks = list(_chunks(found))
    for amount, limit, noun in (
        (found.num_rows, MAX_ROWS, "rows"),
        (sum(chunk.num_values for chunk in chunks), MAX_CELLS, "cells"),
        (sum(chunk.total_uncompressed_size for chunk in chunks), MAX_BYTES, "bytes unpacked"),
    ):
        if amount > limit:
            raise CatalogError(
                f"{name} stands for {amount:,} {noun}, over {limit:,}: leave out columns that no garment or style"
                " needs, or split the catalog into style sets or several runs."
            )


def _batch(found: pq.FileMetaData) -> int:
    """Rows to decode at a time.

    Where a text is written as a prefix of the one before and the rest, few bytes stand for many long texts,
    none of which is longer than the bytes of its column.
    """
    sizes = (chunk.total_uncompressed_size for chunk in _chunks(found) if DELTA & set(chunk.encodings))
    largest = max(sizes, default=0)
    return max(1, min(BATCH, MAX_BYTES // max(largest, 1)))


def _lines(name: str, file: pq.ParquetFile, columns: Sequence[str], _is_row: IsRow = never) -> Iterator[Line]:
    indexes = _range_indexes(file)
    yield Line(1, [*columns, *(index for index, _ in indexes)])
    row, letters = 1, 0
    counters = [count(numbers.start, numbers.step) for _, numbers in indexes]
    try:
        for batch in file.iter_batches(batch_size=_batch(file.metadata)):
            batch.validate(full=True)
            places = [place for place, found in enumerate(batch.schema.names) if found in columns]
            texts = [_texts(batch.column(place)) for place in places]
            # Counted as often as they stand in a row: that is how often each will be looked at.
            letters += sum(sum(map(len, column)) for column in texts)
            if letters > MAX_BYTES:
                raise CatalogError(
                    f"{name} stands for over {MAX_BYTES:,} letters: leave out its longest column."
                )
            for cells in zip(*texts, strict=True) if texts else [()] * batch.num_rows:
                row += 1
                yield Line(row, [*cells, *(str(next(counter)) for counter in counters)])
    except CatalogError:
        raise
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
    if pa.types.is_nested(kind):
        return _is_list(kind) and not pa.types.is_nested(kind.value_type) and _is_text(kind.value_type)
    return not pa.types.is_interval(kind)


def _is_list(kind: pa.DataType) -> bool:
    checks = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(check(kind) for check in checks)


def _decodes(name: str, file: pq.ParquetFile, field: pa.Field) -> bool:
    """Whether bytes are text in every row; old writers mark no text as such, and others store pictures."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    ):
        return True
    try:
        for batch in file.iter_batches(batch_size=_batch(file.metadata), columns=[field.name]):
            _texts(batch.column(0))
    except UnicodeDecodeError:
        return False
    except Exception as error:  # as above
        raise _unreadable(name, error) from error
    return True


def _texts(array: pa.Array) -> list[str]:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _texts(array.storage)
    if pa.types.is_dictionary(kind):
        shared = _texts(array.dictionary)
        return ["" if place is None else shared[place] for place in array.indices.to_pylist()]
    if _is_list(kind):
        return list(_joined(_texts(array.flatten()), array.value_lengths().to_pylist()))
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        array = array.cast(
            pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else pa.duration("us"), safe=False
        )
    elif pa.types.is_time(kind):
        array = array.cast(pa.time64("us"), safe=False)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [cell or "" for cell in array.to_pylist()]
    return [cell_text(cell) for cell in array.to_pylist()]


def _joined(parts: Sequence[str], lengths: Sequence[int | None]) -> Iterator[str]:
    """Lists as text, empty parts left out; no longer than shows that they are too long."""
    begin = 0
    for length in lengths:
        cell: list[str] = []
        letters = 0
        for part in parts[begin : begin + (length or 0)]:
            if part and letters <= MAX_LETTERS:
                cell.append(part)
                letters += len(part) + 1
        begin += length or 0
        yield "|".join(cell)
