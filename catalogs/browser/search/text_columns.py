"""Texts of designs as arrays: the text that a search looks through, and the titles of ids."""

import pyarrow as pa
import pyarrow.compute as pc

from catalogs.browser.search.search_text import searchable


def search_texts(table: pa.Table) -> pa.Array:
    """The text that a search looks through, for every design: titles, ids, tags, set and category, folded."""
    texts = (
        "garment_title",
        "style_title",
        "garment_id",
        "style_id",
        "style_set",
        "garment_category",
        "design_id",
    )
    parts = [table[name] for name in texts]
    parts += [pc.binary_join(table[name], " ") for name in ("garment_tags", "style_tags")]
    return pc.binary_join_element_wise(*map(searchable_column, parts), "\n").combine_chunks()


def titles_by_id(table: pa.Table, ids: str, titles: str) -> dict[str, str]:
    """The title of every id in a column; an id without a title has an empty one."""
    pairs = table.select([ids, titles]).group_by(ids).aggregate([(titles, "max")])
    return dict(
        zip(
            pairs[ids].to_pylist(), (title or "" for title in pairs[f"{titles}_max"].to_pylist()), strict=True
        )
    )


def searchable_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column, folded; null is empty. Each different text is folded once, however many designs have it."""
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    folded = pa.array([searchable(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([folded.take(encoded.indices)])


def sort_key(*texts: str) -> tuple[str, ...]:
    """The key that titles are sorted by: É sorts with E, and titles that differ in accents only keep one order."""
    return (*map(searchable, texts), *texts)
