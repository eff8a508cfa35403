"""Facts: fields that designs' records copy from the catalogs and no pixel depends on. They follow the catalogs.

A title, a category, a licence or a rights holder may be corrected after designs were made. The design's key
does not contain them, so nothing is painted again: the records are updated, and the table of corrections keeps
their earlier values.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from numpy.typing import NDArray

from catalogs import keys
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.design_columns import SCHEMA, as_cell
from catalogs.records import Garment, Style
from catalogs.storage.delta.delta_queries import conform_to, query
from catalogs.storage.delta.delta_tables import ONE_TRY, TableInStore

GARMENT_FACTS = {
    "garment_title": "title",
    "garment_category": "category",
    "garment_season": "season",
    "garment_licence": "licence",
    "garment_tags": "tags",
    "garment_further": "further",
}
"""Columns of the design table, and the field of a garment that each copies."""
STYLE_FACTS = {
    "style_set": "style_set",
    "style_title": "title",
    "style_licence": "licence",
    "style_tags": "tags",
    "style_further": "further",
    "rights_holder": "rights_holder",
}
"""Columns of the design table, and the field of a style that each copies."""
FACTS: Mapping[type[Garment | Style], Mapping[str, str]] = {Garment: GARMENT_FACTS, Style: STYLE_FACTS}
CORRECTIONS = pa.schema(
    [
        ("corrected_at", pa.timestamp("us", tz="UTC")), ("run_id", pa.string()), ("record", pa.string()),
        ("column", pa.string()), ("before", pa.string()), ("after", pa.string()), ("designs", pa.int64()),
    ]
)  # fmt: skip
Change = tuple[str, str, str, str, str]
"""The column that holds the id, the id, the fact's column, the old value and the new value."""
ALWAYS = ("further", "style_set")
"""Facts that a table states without a column of that name."""
DIGESTS = {"garment_id": "garment_digest", "style_id": "style_digest"}
"""The columns with the digest of a record's contents at the time when the design was made, by the id's column."""
RIGHTS = ("garment_licence", "style_licence", "rights_holder")


def garment_facts(garment: Garment) -> dict[str, Any]:
    """A garment's facts by the columns of the design table."""
    return {column: getattr(garment, name) for column, name in GARMENT_FACTS.items()}


def style_facts(style: Style) -> dict[str, Any]:
    """A style's facts by the columns of the design table."""
    return {column: getattr(style, name) for column, name in STYLE_FACTS.items()}


def _stated(record: Garment | Style) -> dict[str, Any]:
    """The facts that a record's table states. A missing column states nothing; an empty cell states an empty fact."""
    return {
        column: getattr(record, name)
        for column, name in FACTS[type(record)].items()
        if record.stated is None or name in (*record.stated, *ALWAYS)
    }


@dataclass(frozen=True)
class Correction:
    """A fact of a garment or style that differs in some designs' records, as text; and how many designs these are."""

    record: str
    column: str
    before: str
    after: str
    designs: int


@dataclass(frozen=True)
class Corrections:
    """How many designs carry facts that the catalogs have corrected since, which facts, and their new values by id.

    `of_others` counts designs that differ, too, but show another picture than the catalog now has under the id: an
    earlier picture, or one of another catalog. The catalog's credit is not theirs, so they are not changed.
    """

    designs: int = 0
    of_others: int = 0
    each: tuple[Correction, ...] = ()
    facts: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    """By the column that holds the id (garment_id, style_id), then by id: columns and values."""


def find_corrections(
    designs: DesignCatalog, garments: Sequence[Garment], styles: Sequence[Style]
) -> Corrections:
    """Compare the records of designs with these garments and styles, digests included; the catalogs are right.

    Memory does not grow with the table. Null and empty count as equal.
    """
    facts = {
        name: {record.record_id: {DIGESTS[name]: record.digest, **_stated(record)} for record in records}
        for name, records in (("garment_id", garments), ("style_id", styles))
    }
    right = {name: _as_table(name, by_id) for name, by_id in facts.items() if by_id}
    columns = dict.fromkeys(column for table in right.values() for column in table.column_names)
    if not right:
        return Corrections()
    outdated, of_others, changes = designs.over(list(columns), lambda batches: _changes(batches, right))
    corrections = tuple(Correction(*change[1:], count) for change, count in sorted(changes.items()))
    wrong = {change[:2] for change in changes}
    named = {
        name: {record: values for record, values in by_id.items() if (name, record) in wrong}
        for name, by_id in facts.items()
    }
    return Corrections(outdated, of_others, corrections, named)


def _changes(
    batches: Iterable[pa.Table], right: Mapping[str, pa.Table]
) -> tuple[int, int, "Counter[Change]"]:
    """How many designs have an outdated fact, how many another picture, and how many designs each change is of."""
    changes: Counter[Change] = Counter()
    outdated = of_others = 0
    for batch in batches:
        differs, others = np.zeros(batch.num_rows, bool), np.zeros(batch.num_rows, bool)
        for name, table in right.items():
            place = pc.index_in(batch[name], value_set=table[name].combine_chunks())
            wanted = table.take(place.combine_chunks())
            same = pc.equal(batch[DIGESTS[name]], wanted[DIGESTS[name]])
            same_picture = pc.fill_null(same, False).to_numpy()
            for column in table.column_names[2:]:
                wrong = _compared(batch, name, wanted, column, same_picture, changes)
                differs |= wrong & same_picture
                others |= wrong & ~same_picture
        outdated += int(differs.sum())
        of_others += int(others.sum())
    return outdated, of_others, changes


def _compared(
    batch: pa.Table,
    name: str,
    wanted: pa.Table,
    column: str,
    same_picture: NDArray[np.bool_],
    changes: "Counter[Change]",
) -> NDArray[np.bool_]:
    """Which rows differ from the wanted value of a column (null: no value is wanted).

    Counts the changes of rows whose picture is the catalog's.
    """
    after, before = _text(wanted[column]), pc.fill_null(_text(batch[column]), "")
    differs = pc.fill_null(pc.not_equal(after, before), False)
    wrong: NDArray[np.bool_] = differs.to_numpy(zero_copy_only=False)
    if (wrong & same_picture).any():
        chosen = pa.array(wrong & same_picture)
        said = (each.filter(chosen).to_pylist() for each in (batch[name], before, after))
        changes.update((name, record, column, old, new) for record, old, new in zip(*said, strict=True))
    return wrong


def _text(column: pa.ChunkedArray) -> pa.Array:
    """A column as text; words of a list are joined by '|', as the catalogs have them."""
    whole = column.combine_chunks()
    return pc.binary_join(whole, "|") if pa.types.is_list(whole.type) else whole


def _as_table(id_column: str, by_id: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """Facts as rows in the types of the design table, the id first."""
    rows = [
        {id_column: record, **{column: as_cell(column, value) for column, value in facts.items()}}
        for record, facts in by_id.items()
    ]
    known = GARMENT_FACTS if id_column == "garment_id" else STYLE_FACTS
    return pa.Table.from_pylist(
        rows, pa.schema([SCHEMA.field(name) for name in (id_column, DIGESTS[id_column], *known)])
    )


def correct(designs: DesignCatalog, corrections: Corrections, run_id: str) -> int:
    """Note corrections in their table, then update the records; returns how many designs were outdated.

    A run that is stopped in between is no problem: the next run finds the same corrections, and notes none twice.

    Raises:
        CatalogError: the table asks for more than this version can write.
        StoreError: the store cannot be written safely, or failed.
    """
    if corrections.each:
        designs.prepare()
        _note(designs, corrections.each, run_id)
    for id_column, by_id in corrections.facts.items():
        if by_id:
            designs.update((id_column, DIGESTS[id_column]), _as_table(id_column, by_id))
    return corrections.designs


def correction_table(designs: DesignCatalog) -> TableInStore:
    """The table in which a design catalog keeps the earlier values of its records' facts."""
    return TableInStore(designs.store, keys.CORRECTIONS)


def _note(designs: DesignCatalog, corrections: Iterable[Correction], run_id: str) -> None:
    now = datetime.now(UTC)
    rows = [{"corrected_at": now, "run_id": run_id, **vars(correction)} for correction in corrections]

    def unsaid(noted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The corrections that are not the last note of their fact."""
        last = {(row["record"], row["column"]): row for row in sorted(noted, key=_when)}
        return [row for row in rows if not _same(last.get((row["record"], row["column"])), row)]

    _append(designs, unsaid)


def note_again(designs: DesignCatalog, rows: pa.Table) -> int:
    """Note the rows of a data file of the corrections' table that are not in it; returns how many."""

    def unsaid(noted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows that the table does not have."""
        return [row for row in rows.to_pylist() if row not in noted]

    return _append(designs, unsaid)


def _append(
    designs: DesignCatalog, unsaid: Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]]
) -> int:
    """Append the rows that `unsaid` chooses, given the rows at the time of the commit; returns how many."""
    filed = correction_table(designs)

    def commit() -> int:
        """Append the rows to the table as it is now."""
        table = filed.open() or filed.create(CORRECTIONS)
        new = unsaid(_noted(table))
        if new:
            content = pa.Table.from_pylist(new, CORRECTIONS)
            write_deltalake(table, content, mode="append", commit_properties=ONE_TRY)
        return len(new)

    return filed.commit(commit)


def _noted(table: DeltaTable) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = conform_to(list(query(table, CORRECTIONS.names)), CORRECTIONS).to_pylist()
    return rows


def _when(row: Mapping[str, Any]) -> datetime:
    when: datetime = row["corrected_at"]
    return when


def _same(noted: Mapping[str, Any] | None, row: Mapping[str, Any]) -> bool:
    """Whether the last note of a fact is this very change."""
    return noted is not None and all(noted[name] == row[name] for name in ("before", "after"))


def lost_rights(corrections: Corrections) -> tuple[str, ...]:
    """A remark for each licence and rights holder that a catalog no longer has: exports would go out without it."""
    return tuple(
        f"'{correction.record}': its {correction.column} was '{correction.before}' and is empty in the catalog now;"
        f" the records of {correction.designs} designs follow"
        for correction in corrections.each
        if correction.column in RIGHTS and correction.before and not correction.after
    )
