"""Both sides of a search are folded alike, and what makes another word stays."""

import sys
import unicodedata

import pytest

from catalogs.browser.search.search_text import searchable


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_letter(form: str) -> None:
    """Of every letter there is, all compositions and cases fold to one, and folding again changes nothing."""
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if unicodedata.category(letter) in ("Ll", "Lu", "Lt", "Lo"):
            folded = searchable(letter)
            assert searchable(unicodedata.normalize(form, letter)) == folded, hex(code)
            assert searchable(folded) == folded, hex(code)
            assert searchable(letter.casefold()) == folded, hex(code)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ガラス", "カラス"), ("पर", "पुर"), ("หมา", "หมี"), ("tee", "toe"), ("한글", "하글"), ("שָׁלוֹם", "שלם")],
)
def test_other_words(one: str, other: str) -> None:
    """Marks that make another letter are kept."""
    assert searchable(one) != searchable(other)


@pytest.mark.parametrize(
    ("shown", "typed"),
    [
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("co\u00adop", "coop"),
        ("a\u200bb\u200d", "ab"),
        ("A\u2013B", "a-b"),
    ],
)
def test_marks_that_people_leave_out(shown: str, typed: str) -> None:
    """Points, vowels, invisible signs and kinds of dashes are no matter."""
    assert searchable(shown) == searchable(typed)


@pytest.mark.parametrize("mark", ["\u3099", "\u0f74", "\U0001e130"])
def test_stacks_of_marks(mark: str) -> None:
    """Of marks on one letter 30 count, and all of what follows: sorting 100,000 of them would take minutes."""
    assert searchable("x" + mark * 100_000 + " Ü") == searchable("x" + mark * 30 + " ü")
    assert searchable("か\u3099" * 1000) == "が" * 1000
