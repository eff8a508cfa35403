"""Cells are trimmed, and what no program should take from them is a fault."""

import random
import re
import tracemalloc
import unicodedata
from collections.abc import Callable

import pytest

from catalogs.tables import lines
from catalogs.tables.lines import MAX_MARKS, Line, stacked_mark, trim_cells


def longest_run(text: str) -> int:
    """The most combining marks in a row, by looking at every letter."""
    kinds = "".join("M" if unicodedata.category(letter).startswith("M") else "-" for letter in text)
    return max((len(run) for run in re.findall("M+", kinds)), default=0)


@pytest.mark.parametrize("seed", range(200))
def test_runs_of_marks(seed: int) -> None:
    """A run is found wherever it begins, exactly where it is longer than 30."""
    chance = random.Random(seed)
    runs = (
        chance.choice("ae布") * chance.randrange(1, 40) + "\u0301" * chance.choice([0, 5, 29, 30, 31, 32, 61])
        for _ in range(4)
    )
    text = "".join(runs)
    assert bool(stacked_mark(text)) == (longest_run(text) > MAX_MARKS)


@pytest.mark.parametrize(
    "text", ["布" * 100_000, "e\u0301" * 50_000, ("e" + "\u0301" * 30) * 3_000, "\u0301" * 100_000]
)
def test_few_letters_are_looked_at_for_marks(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is no more than a letter a letter, whatever a text is."""
    looked: list[str] = []
    is_mark = lines._is_mark
    monkeypatch.setattr(lines, "_is_mark", lambda letter: looked.append(letter) or is_mark(letter))
    stacked_mark(text)
    assert len(looked) <= len(text) * 2


@pytest.mark.parametrize("sign", [" ", "\u00a0"])
def test_blanks_are_taken_off_breaks_in_one_go(sign: str) -> None:
    """Breaks with blanks around them are one blank; a run of blanks between words is left as it is, and is no work."""
    long = "a" + sign * 60_000 + "b"
    assert trim_cells(Line(1, [f"x{sign}\n{sign}\n y", long + "\nc"])).cells == ["x y", f"{long} c"]


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\n\n", " \n ", "\t", "\u2028"])
def test_breaks_in_a_list_part_its_words(breaks: str) -> None:
    """In a cell that is a list a line break is a bar; elsewhere it is a blank."""
    assert trim_cells(Line(1, [f"a{breaks}b", f"a{breaks}b"]), {1}).cells == ["a b", "a|b"]


def most_memory(work: Callable[[], object]) -> int:
    """Bytes that some work takes at its height, beyond those that were taken before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("end", ["", " ", "\n"])
def test_a_row_of_one_giant_text_and_a_letter_of_four_bytes(end: str) -> None:
    """No row is joined: an emoji would make all its letters four bytes; cells that need no trimming are shared."""
    cells = ["x" * 100_000 + str(n) for n in range(40)]
    line = Line(1, [*cells, "\U0001f600" + end])
    assert most_memory(lambda: trim_cells(line)) < 1_000_000
    assert trim_cells(line).cells == [*cells, "\U0001f600"]
