"""Scripts that run both ways stand as Unicode's algorithm says, python-bidi (Rust's unicode-bidi) being the witness."""

import random
import unicodedata

import pytest
from bidi import get_display

from catalogs.typesetting import bidi_classes
from catalogs.typesetting.reading_order import direction_runs, starts_from_right

PLAIN = "abאבجدxy12٣٤ (()[]) ,.+-$%·–/:«»\u0301\u200e\u200f"
EXPLICIT = PLAIN + "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
NOT_DRAWN = ("BN", "LRE", "RLE", "PDF", "LRO", "RLO")


def shown(text: str, from_right: bool | None) -> str:
    """The signs of a line from the left, without those that are never drawn."""
    parts = (
        text[run.start : run.end][:: -1 if run.from_right else 1] for run in direction_runs(text, from_right)
    )
    return drawn("".join(parts))


def drawn(text: str) -> str:
    return "".join(sign for sign in text if unicodedata.bidirectional(sign) not in NOT_DRAWN)


@pytest.mark.parametrize("from_right", [False, True])
@pytest.mark.parametrize(
    ("alphabet", "end"), [(PLAIN, ""), (EXPLICIT, "\u2069\u2069\u2069\u2069\u202c\u202c\u202c\u202cx")]
)
def test_as_the_witness_says(alphabet: str, end: str, from_right: bool) -> None:
    """Thousands of lines of letters, numbers, brackets, marks, embeddings and isolates stand as python-bidi puts them.

    A line with embeddings ends in a letter: unicode-bidi leaves blanks at the end of an open embedding in it (L1).
    """
    generator = random.Random(7)
    for _ in range(8000):
        text = "".join(generator.choices(alphabet, k=generator.randint(1, 14))) + end
        expected = drawn(get_display(text, base_dir="R" if from_right else "L"))
        assert shown(text, from_right) == expected, ascii(text)


@pytest.mark.parametrize(
    ("text", "from_left"),
    [
        ("Linen tee", "Linen tee"),
        ("חולצה", "הצלוח"),
        ("Tee חולצה (כחולה) 2", "Tee 2 )הלוחכ( הצלוח"),
        ("חולצה slim 12", "slim 12 הצלוח"),
        ("قميص ٣٤", "٣٤ صيمق"),
        ("T恤 夏季", "T恤 夏季"),
        ("", ""),
    ],
)
def test_by_hand(text: str, from_left: str) -> None:
    """Lines as people know them; the first letter says where a line begins."""
    assert shown(text, None) == from_left


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", False),
        ("12 ·", False),
        ("12 א", True),
        ("\u2067א\u2069 b", False),
        ("\u200fab", True),
        ("Ł א", False),
    ],
)
def test_first_letter(text: str, right: bool) -> None:
    """The first letter outside of isolates says the direction; numbers and signs say nothing."""
    assert starts_from_right(text) is right


def test_deep() -> None:
    """More embeddings than there are levels end in no error, and every sign stands once."""
    text = "\u202b" * 200 + "אb" + "\u2067" * 200 + "1"
    assert sorted(shown(text, None)) == sorted(drawn(text))


@pytest.mark.parametrize(
    "nest", ["\u2068", "\u2068\u2069", "\u2068\u2068\u2069", "\u2067\u2069", "\u2067א\u2069x"]
)
def test_looks_grow_with_the_length(monkeypatch: pytest.MonkeyPatch, nest: str) -> None:
    """Texts of nothing but isolates are looked at in proportion to their length, however they nest."""
    looks = 0

    class Kinds(frozenset[str]):
        def __contains__(self, kind: object) -> bool:
            nonlocal looks
            looks += 1
            return super().__contains__(kind)

    monkeypatch.setattr(bidi_classes, "ISOLATES", Kinds(bidi_classes.ISOLATES))
    counts = []
    for length in (500, 1000):
        looks = 0
        direction_runs(nest * length, None)
        counts.append(looks)
    assert counts[1] < 2.2 * counts[0]
