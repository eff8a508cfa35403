"""Errors: one base, and a hint at the nearest valid word."""

import pytest

from stylecore import errors
from stylecore.errors import StylecoreError, nearest


@pytest.mark.parametrize("name", ["RecipeError", "EncoderError", "PictureError", "NotFiniteError"])
def test_one_base(name: str) -> None:
    """A caller who catches StylecoreError catches every error of the package."""
    error = getattr(errors, name)
    assert issubclass(error, StylecoreError)
    assert not issubclass(error, ValueError)


def test_nearest_known_value() -> None:
    """A misspelt word is answered with the word that was meant and with all words, sorted."""
    assert nearest("vgg91", ["vgg19", "embedded"]) == "did you mean 'vgg19'? Valid: embedded, vgg19."


def test_nearest_without_any_likeness() -> None:
    """A word like none of them is answered with the list alone."""
    assert nearest("zzz", ["vgg19", "embedded"]) == "valid are embedded, vgg19."


def test_nearest_of_nothing() -> None:
    """Where there is no valid word, that is said."""
    assert nearest("zzz", []) == "there is none at all."


def test_nearest_takes_any_iterable() -> None:
    """The valid words may come as a dict's keys or from a generator."""
    words = {"max": 1, "average": 2}
    assert nearest("averge", words) == nearest("averge", (word for word in words))
