"""What does not fit is broken or cut where the script allows, and a cut shows."""

import unicodedata

import pytest

from catalogs.typesetting.fitting import ELLIPSIS, fit_line, fit_lines
from catalogs.typesetting.fonts import SANS
from catalogs.typesetting.shaping import LEFT_TO_RIGHT, RIGHT_TO_LEFT, width_of

LONG = ["", "short", "a " * 400, "W" * 400, "Żółć " * 90, "🌸" * 50, "夏季" * 60, "חולצה כחולה " * 20, "قميص " * 40,
        "เสื้อยืดผ้าฝ้าย" * 9, "क्षत्रिय " * 20, "T恤 (חולצה) tee " * 12, "e\u0301" * 300]  # fmt: skip
MARKS = LEFT_TO_RIGHT + RIGHT_TO_LEFT


@pytest.mark.parametrize("text", LONG)
@pytest.mark.parametrize("room", [20.0, 100.0, 300.0])
def test_text_fits(text: str, room: float) -> None:
    """No line is wider than its room, no text has more lines than it may, and only a cut loses anything."""
    broken = fit_lines(text, SANS, 8, room, 2)
    assert len(broken) <= 2
    assert all(width_of(one, SANS, 8) <= room for one in broken)
    joined = "".join("".join(broken).translate(dict.fromkeys(map(ord, MARKS))).split())
    whole = "".join(text.split())
    assert joined == whole or (joined.endswith(ELLIPSIS) and whole.startswith(joined.removesuffix(ELLIPSIS)))


@pytest.mark.parametrize("text", ["e\u0323\u0301" * 60, "กี่" * 60, "👩\u200d👧" * 60, "क्षि" * 60, "เก" * 60])
def test_letters_are_not_cut(text: str) -> None:
    """A cut, or a break in a long word, parts no letter from its marks and no vowel from its consonant."""
    for room in range(30, 60):
        for one in (fit_line(text, SANS, 8, room), *fit_lines(text, SANS, 8, room, 2)):
            bare = one.removesuffix(ELLIPSIS)
            assert bare and text.startswith(bare)
            following = text[len(bare)]
            assert unicodedata.category(following) not in ("Mn", "Mc") and following != "\u200d"
            assert not bare.endswith(("\u200d", "เ"))


def test_breaks_between_words() -> None:
    """A line ends behind a word where one fits."""
    assert fit_lines("Crew-neck tee in linen", SANS, 8, width_of("Crew-neck tee in", SANS, 8) + 1, 2) == [
        "Crew-neck tee in",
        "linen",
    ]


def test_breaks_in_japanese() -> None:
    """A line of Japanese ends at any letter, but the next one does not begin with a full stop or a small letter."""
    room = width_of("夏のシャツ", SANS, 8) + 1
    assert fit_lines("夏のシャツ。夏のシャツ", SANS, 8, room, 3)[0] == "夏のシャ"
    assert fit_lines("夏のシャツの夏のシャツ", SANS, 8, room, 3)[0] == "夏のシャツ"


def test_lines_of_one_paragraph() -> None:
    """Every line of a Hebrew text runs from the right, one that begins with Latin letters too."""
    first, second = fit_lines("חולצה slim fit", SANS, 8, width_of("slim fit", SANS, 8) + 2, 2)
    assert first == "חולצה"
    assert second.startswith(RIGHT_TO_LEFT + "slim")
