"""What the index finds and counts is what pandas finds and counts."""

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from catalogs.browser.search.index import COLUMNS, Index
from catalogs.browser.search.matrix import matrix
from catalogs.browser.search.query import FACETS, Query
from catalogs.browser.search.ratings import Ratings
from catalogs.designs.appearance import color_distances, to_lab
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.opinions import Opinions
from catalogs.designs.reviews.review_events import Act, What
from catalogs.storage.stores import open_store
from tests.catalogs.browser.shop import NOON, design, shop


@pytest.fixture
def catalog(tmp_path: Path) -> DesignCatalog:
    """Twelve designs."""
    shop(tmp_path)
    return DesignCatalog(open_store(str(tmp_path)))


@pytest.fixture
def index(catalog: DesignCatalog) -> Index:
    """Their index."""
    return Index(catalog.read(COLUMNS))


def rated(index: Index) -> Ratings:
    """The first three designs picked, the first with five stars, the last rejected."""
    opinions = Opinions()
    opinions.take(Act("a1", "ann", NOON, What.VERDICT, tuple(index.ids[:3]), "pick", seq=1))
    opinions.take(Act("a2", "ann", NOON, What.VERDICT, (index.ids[-1],), "reject", seq=2))
    opinions.take(Act("a3", "ann", NOON, What.STARS, (index.ids[0],), "5", seq=3))
    return Ratings.of(index.row, opinions)


def frame(index: Index) -> pd.DataFrame:
    """The same designs as pandas has them."""
    found = pd.DataFrame(index.records(range(len(index))))
    found["verdict"] = ["pick"] * 3 + ["unreviewed"] * (len(found) - 4) + ["reject"]
    return found


def ids(index: Index, query: Query, among: list[str] | None = None) -> list[str]:
    """Designs that a query finds."""
    return [index.ids[row] for row in index.find(query, rated(index), among).rows]


class TestFinding:
    """Which designs, in what order."""

    def test_everything_newest_first(self, index: Index) -> None:
        """Without a filter all are there, the newest first."""
        expected = frame(index).sort_values("created_at", ascending=False)["design_id"]
        assert ids(index, Query()) == expected.tolist()

    def test_facets(self, index: Index) -> None:
        """Values of one facet add up, facets narrow each other."""
        query = Query({"garment": ("tee", "dress"), "set": ("studio",), "verdict": ("unreviewed",)})
        table = frame(index)
        wanted = table[
            table["garment_id"].isin(["tee", "dress"])
            & (table["style_set"] == "studio")
            & (table["verdict"] == "unreviewed")
        ]
        assert set(ids(index, query)) == set(wanted["design_id"])
        assert wanted.shape[0]

    def test_flags(self, index: Index) -> None:
        """A flag finds what its measure says."""
        table = frame(index)
        assert set(ids(index, Query({"flag": ("folds lost",)}))) == set(
            table[table["fold_correlation"] < 0.6]["design_id"]
        )

    @pytest.mark.parametrize("search", ["IKAT", "tee floral", "summer tote", "heritage", "no such thing"])
    def test_search(self, index: Index, search: str) -> None:
        """Every word must be in a title, an id, a tag, the set or the category, whatever its case."""
        table = frame(index)
        texts = [
            " ".join([r.garment_title, r.style_title, r.garment_id, r.style_set, *r.garment_tags, *r.style_tags])
            for r in table.itertuples()
        ]  # fmt: skip
        expected = {
            one for one, text in zip(table["design_id"], texts, strict=True)
            if all(word in text.lower() for word in search.lower().split())
        }  # fmt: skip
        assert set(ids(index, Query(search=search))) == expected

    @pytest.mark.parametrize("column", ["garment_title", "style_tags", "garment_category"])
    @pytest.mark.parametrize(
        ("text", "searches"),
        [
            ("İstanbul tee", ["İstanbul", "istanbul", "ISTANBUL", "ıstanbul", "i\u0307stanbul tee"]),
            ("Áo dài", ["ÁO DÀI", "ao dai", unicodedata.normalize("NFD", "áo dài")]),
            (unicodedata.normalize("NFD", "Áo dài"), ["Áo dài", "ao DAI"]),
            ("Łódź, Straße, Đà Nẵng", ["lodz", "STRASSE", "strasse", "ŁÓDŹ", "da nang", "straẞe"]),
            ("Smørrebrød Ærø", ["smorrebrod", "SMØRREBRØD", "aero", "ÆRØ"]),
            ("ＷＩＤＥ ﬁne T\u2011shirt d\u2019été", ["wide", "fine", "t-shirt", "d'ete"]),
            ("Ελλάδας Ёлка", ["ΕΛΛΑΔΑΣ", "ελλαδας", "ёлка", "елка"]),
        ],
    )
    def test_search_as_shown_and_as_typed(
        self, tmp_path: Path, column: str, text: str, searches: list[str]
    ) -> None:
        """A text is found as it is shown, and in any case, composition and without accents."""
        value = (text,) if column.endswith("tags") else text
        DesignCatalog(open_store(str(tmp_path))).file(
            [design(tmp_path, 1, "tee", "ikat", **{column: value}), design(tmp_path, 2, "tee", "ikat")]
        )
        found = Index(DesignCatalog(open_store(str(tmp_path))).read(COLUMNS))
        for search in (text, *searches):
            assert len(found.find(Query(search=search), Ratings.of(found.row, Opinions())).rows) == 1, search

    def test_sorted_as_people_do(self, tmp_path: Path) -> None:
        """An accent or a capital does not put a title behind Z."""
        titles = ["zebra", "Été", "apple", "Łódź", "Banana"]
        made = [
            design(tmp_path, n, "tee", "ikat", garment_id=f"g{n}", garment_title=one)
            for n, one in enumerate(titles)
        ]
        DesignCatalog(open_store(str(tmp_path))).file(made)
        found = Index(DesignCatalog(open_store(str(tmp_path))).read(COLUMNS))
        rows = found.find(Query(sort="garment"), Ratings.of(found.row, Opinions())).rows
        shown = [one["garment_title"] for one in found.records([int(row) for row in rows])]
        assert shown == ["apple", "Banana", "Été", "Łódź", "zebra"]

    def test_search_is_no_pattern(self, index: Index) -> None:
        """Signs that patterns are made of are letters like others."""
        assert ids(index, Query(search=".*")) == []

    def test_swatch(self, index: Index) -> None:
        """A swatch finds designs of which a colour is near, the nearest first."""
        wanted = to_lab(index.record(4)["colors"][0])
        nearest = {
            row["design_id"]: min(float(color_distances(to_lab(c), wanted)) for c in row["colors"])
            for row in index.records(range(len(index)))
        }
        found = ids(index, Query(swatch=index.record(4)["colors"][0], within=15.0))
        assert found == sorted((d for d in nearest if nearest[d] <= 15), key=lambda d: nearest[d])
        assert found[0] == index.ids[4]

    def test_shortlist_in_its_order(self, index: Index) -> None:
        """A shortlist keeps its own order, without designs that are gone."""
        among = [index.ids[5], "gone", index.ids[2], index.ids[9]]
        assert ids(index, Query(), among) == [index.ids[5], index.ids[2], index.ids[9]]
        newest = ids(index, Query(sort="old"), among)
        assert newest == [index.ids[2], index.ids[5], index.ids[9]]

    @pytest.mark.parametrize(
        ("sort", "column", "ascending"),
        [("old", "created_at", True), ("style", "style_distance", True), ("loss", "loss", True)],
    )
    def test_sorted(self, index: Index, sort: str, column: str, ascending: bool) -> None:
        """A sort is by its column."""
        expected = frame(index).sort_values(column, ascending=ascending, kind="stable")["design_id"]
        assert ids(index, Query(sort=sort)) == expected.tolist()

    def test_unmeasured_comes_last(self, tmp_path: Path) -> None:
        """What has no number comes last, not first."""
        shop(tmp_path, fold_correlation=float("nan"))
        table = DesignCatalog(open_store(str(tmp_path))).read(COLUMNS)
        place = table.column_names.index("fold_correlation")
        numbers = [float("nan")] * 11 + [0.2]
        index = Index(table.set_column(place, "fold_correlation", [numbers]))
        assert ids(index, Query(sort="folds"))[0] == index.ids[11]

    def test_grouped(self, index: Index) -> None:
        """Groups stand in the order of their titles, with how many they hold."""
        result = index.find(Query(group="garment"), rated(index))
        assert [(one.title, one.count) for one in result.groups] == [
            ("A-line dress", 4),
            ("Canvas tote", 4),
            ("Crew-neck tee", 4),
        ]
        assert [index.record(row)["garment_id"] for row in result.rows[:4]] == ["dress"] * 4

    def test_nothing_is_no_failure(self, tmp_path: Path) -> None:
        """A catalog without designs has an empty index that answers."""
        index = Index(DesignCatalog(open_store(str(tmp_path))).read(COLUMNS))
        ratings = Ratings.of(index.row, Opinions())
        assert index.find(Query(group="style", stacked=True, swatch="#336699"), ratings).rows.tolist() == []
        assert index.counts(Query(), ratings)["garment"] == []


class TestCounting:
    """How many a choice would find."""

    def test_counts(self, index: Index) -> None:
        """A facet counts what the other facets leave; what is chosen in it does not count against it."""
        query = Query({"garment": ("tee",), "verdict": ("unreviewed",)})
        counts = index.counts(query, rated(index))
        assert list(counts) == list(FACETS)
        table = frame(index)
        unreviewed = table[table["verdict"] == "unreviewed"]
        assert {one.value: one.count for one in counts["garment"]} == unreviewed[
            "garment_id"
        ].value_counts().to_dict()
        tees = table[table["garment_id"] == "tee"]
        assert {one.value: one.count for one in counts["verdict"] if one.count} == tees[
            "verdict"
        ].value_counts().to_dict()
        both = unreviewed[unreviewed["garment_id"] == "tee"]
        assert {one.value: one.count for one in counts["style"]} == both["style_id"].value_counts().to_dict()

    def test_chosen_value_stays(self, index: Index) -> None:
        """A value that is chosen is listed even where it finds nothing, so that it can be taken away."""
        counts = index.counts(Query({"garment": ("tee",), "stars": ("4",)}), rated(index))
        assert ("4", 0) in [(one.value, one.count) for one in counts["stars"]]

    def test_titles(self, index: Index) -> None:
        """Garments and styles are shown by their titles."""
        counts = index.counts(Query(), rated(index))
        assert {one.title for one in counts["garment"]} == {"Crew-neck tee", "A-line dress", "Canvas tote"}


class TestStacking:
    """Near-duplicates."""

    def test_near_duplicates(self, tmp_path: Path) -> None:
        """One garment, one pattern, one family of colours is one stack; another garment is not."""
        shop(tmp_path)
        table = DesignCatalog(open_store(str(tmp_path))).read(COLUMNS)
        for name, values in {
            "phash": ["00ff00ff00ff00ff"] * 12,
            "colors": [["#c02530"]] * 11 + [["#2f55b5"]],
        }.items():
            table = table.set_column(table.column_names.index(name), table.schema.field(name), [values])
        index = Index(table)
        found = index.find(Query(stacked=True), rated(index)).rows
        # Three garments; of one of them one design has other colours.
        assert len(found) == 4
        assert sorted(index.stacks(found)) == [1, 3, 4, 4]
        assert len(ids(index, Query(like=index.ids[0]))) == 4

    def test_unknown_pattern_is_alone(self, tmp_path: Path) -> None:
        """Designs of before, which have no hash, are in no stack."""
        shop(tmp_path, phash="")
        table = DesignCatalog(open_store(str(tmp_path))).read(COLUMNS)
        index = Index(table)
        assert len(index.find(Query(stacked=True), rated(index)).rows) == 12


def test_matrix(index: Index) -> None:
    """The matrix has every pair once, with the first design of the result and how many there are."""
    rows = index.find(Query(sort="old"), rated(index)).rows
    found = matrix(index, np.concatenate([rows, rows[:1]]))
    assert [one.title for one in found.garments] == ["A-line dress", "Canvas tote", "Crew-neck tee"]
    assert len(found.cells) == 12
    row, count = found.cells[2, 0]
    assert (index.record(row)["garment_id"], index.record(row)["style_id"], count) == ("tee", "ikat", 2)


def test_table_of_before(tmp_path: Path) -> None:
    """A table that knows no colours and hashes is browsed all the same."""
    shop(tmp_path)
    table = DesignCatalog(open_store(str(tmp_path))).read(COLUMNS)
    for name in ("colors", "phash"):
        field = table.schema.field(name)
        table = table.set_column(table.column_names.index(name), field, pa.nulls(12, field.type))
    index = Index(table)
    assert len(ids(index, Query(stacked=True))) == 12
    assert ids(index, Query(swatch="#336699")) == []


def test_twins(tmp_path: Path) -> None:
    """A garment and style that a result has twice are twins, by name or by digest of their recipes; others are none."""
    recipes = [("print", "a"), ("loud", "b"), ("loud", "c"), ("print", "a")]
    made = [
        design(tmp_path, n, garment, "ikat", recipe=recipe, recipe_digest=digest * 64)
        for n, (garment, (recipe, digest)) in enumerate(
            zip(("tee", "tee", "tee", "tote"), recipes, strict=True)
        )
    ]
    DesignCatalog(open_store(str(tmp_path))).file(made)
    index = Index(DesignCatalog(open_store(str(tmp_path))).read(COLUMNS))

    def twins(query: Query) -> dict[str, int]:
        found = index.find(query, rated(index))
        return {index.ids[row]: int(twin) for row, twin in zip(found.rows, found.twins, strict=True)}

    names = [one.design_id for one in made]
    assert twins(Query(sort="old")) == dict(zip(names, (1, 2, 2, 0), strict=True))
    assert twins(Query({"recipe": ("print",)}, group="style")) == {names[0]: 0, names[3]: 0}
