"""Ids and keys are spelled as they must be."""

import pytest

from catalogs import keys
from catalogs.errors import InvalidKeyError


@pytest.mark.parametrize("good", ["a", "G01", "tee-blue_2", "a.b.c", "9", "x" * 64])
def test_good_ids_pass(good: str) -> None:
    """Letters, digits, '-', '_' and single '.' make an id."""
    assert keys.check_id(good) == good


@pytest.mark.parametrize(
    "bad", ["", "a/b", "..", "a..b", ".a", "a b", "blüse", "布", "-a", "x" * 65, "a\n", "a\\b"]
)
def test_bad_ids_are_refused_with_the_remedy(bad: str) -> None:
    """Slash, '..', spaces, non-ASCII letters and the empty id are refused, and the rule is told."""
    with pytest.raises(InvalidKeyError, match=r"id of its own|use 1 to 64 letters"):
        keys.check_id(bad)


def test_pictures_are_named_by_design_and_contents() -> None:
    """A picture lies under the first two digits of its design, and other contents give another key."""
    first, second = (keys.design_image("ab" + "0" * 62, digit * 64) for digit in "12")
    assert first.startswith("images/ab/ab000")
    assert first != second
