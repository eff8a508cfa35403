"""An empty result says what would find something."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from catalogs.browser.search.query import Query, parse
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.suggestions import COLOR_WORDS, FAMILIES, MOST_WAYS, color_suggestions, filter_to_remove
from catalogs.designs.appearance import color_family
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from tests.catalogs.browser.shop import shop


@pytest.fixture
def board(tmp_path: Path) -> Iterator[ReviewState]:
    """Twelve designs, all of one dark blue."""
    shop(tmp_path, colors=("#1b2a55",), color_shares=(1.0,))
    found = ReviewState(DesignCatalog(open_store(str(tmp_path))))
    yield found
    found.close()


def test_families_are_those_of_designs() -> None:
    """Words lead to families that designs are filed under, each word to one; every family has its own name."""
    levels = range(0, 256, 17)
    known = {color_family(f"#{r:02x}{g:02x}{b:02x}") for r in levels for g in levels for b in levels}
    assert set(COLOR_WORDS) == known
    assert len(FAMILIES) == sum(map(len, COLOR_WORDS.values()))


@pytest.mark.parametrize(
    ("search", "ways"),
    [
        ("navy tee", [("blue", "color=blue&q=tee", 4)]),
        ("Tee NAVY", [("blue", "color=blue&q=Tee", 4)]),
        ("burgundy dress", [("red", "color=red", 0)]),
        ("navy hoodie", [("blue", "color=blue", 12)]),
        ("navy", [("blue", "color=blue", 12)]),
        ("teeth", []),
        ("", []),
    ],
)
def test_words_of_colors(board: ReviewState, search: str, ways: list[tuple[str, str, int]]) -> None:
    """A word for a colour leads to the designs of that main colour that have the other words."""
    found = color_suggestions(board, Query(search=search))
    assert [(one.what, one.address, one.count) for one in found] == ways


@pytest.mark.parametrize(
    ("pairs", "what", "count"),
    [
        ([("set", "nowhere"), ("garment", "tee")], "set", 4),
        ([("garment", "nothing"), ("set", "studio")], "garment", 6),
        ([("q", "nowhere"), ("set", "studio")], "search", 6),
        ([("swatch", "#ff0000"), ("within", "5")], "swatch", 12),
        ([("q", "nowhere"), ("set", "none"), ("garment", "none")], None, 0),
        ([], None, 0),
    ],
)
def test_filter_to_remove(
    board: ReviewState, pairs: list[tuple[str, str]], what: str | None, count: int
) -> None:
    """The filter without which most are found is named; none where one is not enough."""
    found = filter_to_remove(board, parse(pairs))
    if what is None:
        assert found is None
    else:
        assert found and (found.what, found.count) == (what, count)
        assert len(board.find(parse(parse_qsl(found.address))).ids) == count


def test_many_words_of_colors(board: ReviewState, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many words of a search name colours, a few are counted; a word that comes twice is one."""
    counted: list[Query] = []
    real = board.count
    monkeypatch.setattr(board, "count", lambda query: counted.append(query) or real(query))
    color_suggestions(board, Query(search="zq " + "red " * 48))
    assert len(counted) == 2
    color_suggestions(board, Query(search=" ".join(FAMILIES)))
    assert len(counted) <= 2 + 2 * MOST_WAYS
