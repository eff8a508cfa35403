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


@pytest.mark.parametrize(
    "bad", ["", "/a", "../a", "a/../b", "a//b", "./a", "a/", "a\\b", "C:a", "a\nb", "s3://b/a"]
)
def test_bad_keys_are_refused(bad: str) -> None:
    """What is absolute, leaves its catalog, or says nothing between its slashes is no key."""
    with pytest.raises(InvalidKeyError):
        keys.check_key(bad)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a.png", "a.png"), ("./a.png", "a.png"), (".//a//b.png", "a/b.png"), ("a/./b.png", "a/b.png"), ("", ""),
        ("/a.png", "/a.png"), ("//a.png", "/a.png"), ("../a.png", "../a.png"), ("a/", "a/"), ("s3://b/a", "s3://b/a"),
    ],
)  # fmt: skip
def test_names_as_people_write_them(written: str, key: str) -> None:
    """What says nothing is dropped; what says too much stays, for the check to refuse."""
    assert keys.as_key(written) == key
