"""Facts that the catalogs correct arrive in the records of designs that are there, and nothing else changes."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.facts import (
    GARMENT_FACTS,
    STYLE_FACTS,
    Correction,
    correct,
    correction_table,
    find_corrections,
    garment_facts,
    lost_rights,
    style_facts,
)
from catalogs.designs.maintenance import tidy
from catalogs.errors import CatalogError
from catalogs.records import Design, Garment, Style
from catalogs.storage.stores import open_store
from tests.catalogs.designs.test_design_catalog import design
from tests.catalogs.designs.test_design_table import _filed_by_0_1

GARMENTS = [
    Garment(f"g{n}", f"g{n}.png", title=f"Garment {n}", tags=("a", "b"), digest="g") for n in range(3)
]
STYLES = [
    Style(f"s{n}", "set", f"s{n}.png", title=f"Style {n}", licence="CC0", rights_holder="Anna", digest="s")
    for n in range(2)
]
CORRECTED = {
    "title": "Größe 'M'",
    "category": "dress",
    "season": "SS26",
    "licence": "no commercial use",
    "tags": ("x", "y", "z"),
    "further": (("buyer", "Berta"),),
    "rights_holder": "Berta & Söhne",
    "style_set": "other",
}


def made(garment: Garment, style: Style) -> Design:
    """The design of a pair, as a run files it."""
    whole = replace(design(f"{garment.garment_id}-{style.style_id}"), garment_id=garment.garment_id)
    return replace(whole, style_id=style.style_id, **garment_facts(garment), **style_facts(style))


def rows(catalog: DesignCatalog) -> dict[str, dict[str, Any]]:
    """The whole table by design."""
    return {row["design_id"]: row for row in catalog.read().to_pylist()}


@pytest.fixture(params=["folder", "s3"])
def catalog(request: pytest.FixtureRequest, tmp_path: Any) -> DesignCatalog:
    """Every garment in every style, on a folder and on S3."""
    where = str(tmp_path) if request.param == "folder" else f"s3://{request.getfixturevalue('s3')}/designs"
    found = DesignCatalog(open_store(where))
    found.file([made(garment, style) for garment in GARMENTS for style in STYLES])
    return found


def test_other_pictures_keep_their_credit(catalog: DesignCatalog) -> None:
    """Where the picture under an id is another one now, designs of the earlier one keep its rights holder."""
    replaced = [replace(STYLES[0], rights_holder="Berta", digest="another"), STYLES[1]]
    corrections = find_corrections(catalog, GARMENTS, replaced)
    assert (corrections.designs, corrections.of_others, corrections.each) == (0, 3, ())
    correct(catalog, corrections, "run")
    catalog.file(
        [replace(made(GARMENTS[0], replaced[0]), design_id="new", style_digest="another", rights_holder="?")]
    )
    correct(catalog, find_corrections(catalog, GARMENTS, replaced), "run")
    assert (rows(catalog)["g0-s0"]["rights_holder"], rows(catalog)["new"]["rights_holder"]) == (
        "Anna",
        "Berta",
    )


def test_nothing_to_correct(catalog: DesignCatalog) -> None:
    """Records that say what the catalogs say are left alone: no commit, no table of corrections."""
    version = catalog.version()
    corrections = find_corrections(catalog, GARMENTS, STYLES)
    assert (corrections.designs, corrections.each) == (0, ())
    assert correct(catalog, corrections, "run") == 0
    assert catalog.version() == version
    assert correction_table(catalog).open() is None


@pytest.mark.parametrize("column", [*GARMENT_FACTS, *STYLE_FACTS])
def test_every_fact_arrives(tmp_path: Any, column: str) -> None:
    """Each fact of a garment or style arrives in all its designs; every other cell of the table stays."""
    catalog = DesignCatalog(open_store(str(tmp_path)))
    catalog.file([made(garment, style) for garment in GARMENTS for style in STYLES])
    before, name = rows(catalog), (GARMENT_FACTS | STYLE_FACTS)[column]
    garment, style = GARMENTS[1], STYLES[1]
    if column in GARMENT_FACTS:
        garment = replace(garment, **{name: CORRECTED[name]})
    else:
        style = replace(style, **{name: CORRECTED[name]})
    corrections = find_corrections(catalog, [GARMENTS[0], garment, GARMENTS[2]], [STYLES[0], style])
    meant = {key for key in before if (garment if column in GARMENT_FACTS else style).record_id in key}
    assert corrections.designs == len(meant)
    assert correct(catalog, corrections, "run") == len(meant)
    after = rows(catalog)
    assert after.keys() == before.keys()
    for key, row in after.items():
        changed = {cell for cell in row if str(row[cell]) != str(before[key][cell])}
        assert changed == ({column} if key in meant else set())
    wanted = made(garment, style)
    one = after[wanted.design_id][column]
    assert one == (
        '{"buyer": "Berta"}'
        if name == "further"
        else list(CORRECTED["tags"])
        if name == "tags"
        else CORRECTED[name]
    )
    assert find_corrections(catalog, [GARMENTS[0], garment, GARMENTS[2]], [STYLES[0], style]).designs == 0


def test_what_was_said_before_is_kept(catalog: DesignCatalog) -> None:
    """The table of corrections has each change with what it was, what it is, and of how many designs."""
    styles = [replace(STYLES[0], licence="CC BY 4.0", rights_holder="Berta"), STYLES[1]]
    garments = [replace(GARMENTS[0], tags=("a",), title=""), *GARMENTS[1:]]
    corrections = find_corrections(catalog, garments, styles)
    assert corrections.designs == 4
    assert corrections.each == (
        Correction("g0", "garment_tags", "a|b", "a", 2),
        Correction("g0", "garment_title", "Garment 0", "", 2),
        Correction("s0", "rights_holder", "Anna", "Berta", 3),
        Correction("s0", "style_licence", "CC0", "CC BY 4.0", 3),
    )
    correct(catalog, corrections, "run-7")
    table = correction_table(catalog).open()
    assert table is not None
    kept = table.to_pyarrow_table().to_pylist()
    assert {row["run_id"] for row in kept} == {"run-7"}
    assert [(row["record"], row["column"], row["before"], row["after"], row["designs"]) for row in kept] == [
        (one.record, one.column, one.before, one.after, one.designs) for one in corrections.each
    ]
    assert rows(catalog)["g0-s0"]["garment_title"] == ""
    tidy(catalog, timedelta(0))
    assert len(correction_table(catalog).open().to_pyarrow_table()) == 4  # type: ignore[union-attr]


def test_a_column_that_is_gone_says_nothing(catalog: DesignCatalog) -> None:
    """A table without a column (renamed, dropped) takes no licence from any record; an empty cell does, and is told."""
    bare = [
        replace(style, licence="", rights_holder="", stated=("style_id", "image", "title"))
        for style in STYLES
    ]
    assert find_corrections(catalog, GARMENTS, bare).designs == 0
    retitled = [replace(bare[0], title="New"), *bare[1:]]
    correct(catalog, find_corrections(catalog, GARMENTS, retitled), "run")
    row = rows(catalog)["g0-s0"]
    assert (row["style_title"], row["style_licence"], row["rights_holder"]) == ("New", "CC0", "Anna")
    emptied = find_corrections(catalog, [], [replace(retitled[0], stated=("licence",)), STYLES[1]])
    assert lost_rights(emptied) == (
        "'s0': its style_licence was 'CC0' and is empty in the catalog now; the records of 3 designs follow",
    )


def test_order_and_empty_cells_of_further_columns_say_nothing(catalog: DesignCatalog) -> None:
    """Further columns in another order, or without a word in them, are no correction."""
    garments = [replace(GARMENTS[0], further=(("buyer", "Ann"), ("floor", "2"))), *GARMENTS[1:]]
    correct(catalog, find_corrections(catalog, garments, STYLES), "run")
    turned = [replace(GARMENTS[0], further=(("floor", "2"), ("price", ""), ("buyer", "Ann"))), *GARMENTS[1:]]
    assert find_corrections(catalog, turned, STYLES).designs == 0


def test_noted_once(catalog: DesignCatalog) -> None:
    """A correction that is made again after a stop is noted once; the way back and forth is noted whole."""
    new = find_corrections(catalog, GARMENTS, [replace(STYLES[0], title="New"), STYLES[1]])
    for _ in range(3):
        correct(catalog, new, "run")
    correct(catalog, find_corrections(catalog, GARMENTS, STYLES), "back")
    correct(catalog, new, "forth")
    table = correction_table(catalog).open()
    assert table is not None
    kept = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: row["corrected_at"])
    assert [row["after"] for row in kept] == ["New", "Style 0", "New"]


def test_nothing_is_noted_where_nothing_can_be_corrected(
    catalog: DesignCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A design catalog that cannot be written is refused before a correction is noted."""

    def refuse(_catalog: DesignCatalog) -> None:
        raise CatalogError("a newer version")

    monkeypatch.setattr(DesignCatalog, "prepare", refuse)
    new = find_corrections(catalog, GARMENTS, [replace(STYLES[0], title="New"), STYLES[1]])
    with pytest.raises(CatalogError):
        correct(catalog, new, "run")
    assert correction_table(catalog).open() is None


def test_records_that_the_catalog_lacks_stay(catalog: DesignCatalog) -> None:
    """A garment or style that is not in the catalogs any more corrects nothing."""
    assert find_corrections(catalog, [], []).designs == 0
    assert find_corrections(catalog, GARMENTS[:1], []).designs == 0
    assert find_corrections(catalog, [Garment("new", "new.png", title="New", digest="g")], []).designs == 0


def test_a_table_of_the_first_version_is_filled(tmp_path: Any) -> None:
    """Facts that an older table has no column for come with the update."""
    catalog = _filed_by_0_1(str(tmp_path), "a", "b")
    style = Style("s", "set", "s.png", title="Style", rights_holder="Anna", digest="t")
    correct(catalog, find_corrections(catalog, [], [style]), "run")
    assert {(row["style_title"], row["rights_holder"]) for row in rows(catalog).values()} == {
        ("Style", "Anna")
    }


@pytest.mark.parametrize("meanwhile", ["compact", "file", "remove", "correct"])
def test_races(catalog: DesignCatalog, monkeypatch: pytest.MonkeyPatch, meanwhile: str) -> None:
    """A commit that comes in between, of any kind, neither loses an update nor doubles a design."""
    corrections = find_corrections(catalog, GARMENTS, [replace(STYLES[0], title="New"), STYLES[1]])
    other, opened = DesignCatalog(catalog.store), type(catalog)._table
    acts = {
        "compact": lambda: other.tidy(timedelta(0)),
        "file": lambda: other.file([replace(made(GARMENTS[0], STYLES[1]), design_id="late")]),
        "remove": lambda: other.remove([("g0-s0", "0")]),
        "correct": lambda: correct(other, corrections, "other"),
    }
    times = []

    def slow(self: DesignCatalog) -> Any:
        table = opened(self)
        if self is catalog and not times:
            times.append(1)
            acts[meanwhile]()
        return table

    monkeypatch.setattr(DesignCatalog, "_table", slow)
    correct(catalog, corrections, "run")
    found = catalog.read().to_pylist()
    assert times
    assert (
        len({row["design_id"] for row in found})
        == len(found)
        == 6 + (meanwhile == "file") - (meanwhile == "remove")
    )
    assert all((row["style_title"] == "New") == (row["style_id"] == "s0") for row in found)


def test_facts_are_fields_of_the_records() -> None:
    """No fact is forgotten: every column that starts with garment or style and shapes no pixel is one."""
    copied = {f.name for f in fields(Design) if f.name.startswith(("garment_", "style_"))}
    no_facts = {"garment_id", "garment_digest", "style_id", "style_digest", "style_distance"}
    assert {*GARMENT_FACTS, *STYLE_FACTS} - {"rights_holder"} == copied - no_facts
