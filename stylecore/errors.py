"""What can go wrong in stylecore.

StylecoreError
├── RecipeError        a recipe field is unknown, misspelt or out of range
├── EncoderError       an encoder's name, layer or weights do not fit
├── PictureError       a tensor does not follow the picture convention
└── NotFiniteError     the loss of a pair stopped being a number
"""

import difflib
from collections.abc import Iterable


class StylecoreError(Exception):
    """Base of every error that stylecore raises on purpose."""


class RecipeError(StylecoreError):
    """A recipe field is unknown, misspelt, of the wrong type or out of range."""


class EncoderError(StylecoreError):
    """An encoder's name, layer or weights do not fit."""


class PictureError(StylecoreError):
    """A tensor does not follow the picture convention of `stylecore.tensors`."""


class NotFiniteError(StylecoreError):
    """The loss of a pair stopped being a number; the other pairs of its batch are unharmed."""


def nearest(wrong: str, valid: Iterable[str]) -> str:
    """Say which valid word `wrong` probably meant, and list them all.

    Returns a sentence to append to an error message.
    """
    words = sorted(valid)
    if not words:
        return "there is none at all."
    close = close_to(wrong, words)
    valid = f"{', '.join(words)}."
    return f"did you mean '{close}'? Valid: {valid}" if close else f"valid are {valid}"


def close_to(wrong: str, valid: Iterable[str], cutoff: float = 0.6) -> str:
    """The valid word that is closest to `wrong`; empty where none is as close as `cutoff` (0 to 1)."""
    return next(iter(difflib.get_close_matches(wrong, list(valid), n=1, cutoff=cutoff)), "")
