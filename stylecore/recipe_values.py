"""Values of a recipe's fields: from what TOML, JSON or a command line gives to the field's own type."""

from collections.abc import Mapping
from typing import Any, get_args

from stylecore.errors import RecipeError

Layers = tuple[tuple[str, float], ...]
"""Names of an encoder's layers, each with its weight."""

Levels = tuple[tuple[float, int], ...]
"""Levels, coarse to fine: share of the canvas's side in (0, 1], and steps."""


def convert_value(name: str, value: Any, kind: Any) -> Any:
    """The value of a recipe's field in the field's own type.

    Args:
        name: the field, for the error's text.
        value: a plain value, as TOML gives it: layers may be a list of names (equal weights that sum to 1) or a
            table of name = weight, levels a list of [share, steps].
        kind: the field's type: `Layers`, `Levels`, a pair of int, or one of str, int, float, bool.

    Returns:
        The value as `kind`; an int becomes a float where a float is asked for, and nothing else is rounded or parsed.

    Raises RecipeError where the value has another shape or type.
    """
    items: Any = value
    if kind == Layers and isinstance(value, Mapping):
        items = list(value.items())
    elif kind == Layers and isinstance(value, list) and all(isinstance(v, str) for v in value):
        items = [(layer, 1 / len(value)) for layer in value]
    if kind is float and type(value) is int:
        return float(value)
    try:
        if kind in (Layers, Levels, tuple[int, int]):
            return _sequence(items, kind)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"Recipe field '{name}' cannot be {value!r}: {_shape(kind)}.") from error
    if type(value) is not kind:
        raise RecipeError(f"Recipe field '{name}' cannot be {value!r}: it must be {kind.__name__}.")
    return value


def _require_type(kind: type, value: Any) -> Any:
    """A value that is of the kind already; nothing is rounded or parsed in silence."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _shape(kind: Any) -> str:
    if kind == Layers:
        return 'give layer names, as ["relu4_2"], or weights, as {relu4_2 = 1.0}'
    if kind == Levels:
        return "give [share of the canvas, steps] a level, as [[0.5, 80], [1.0, 50]]"
    return f"give {len(get_args(kind))} whole numbers, height then width"


def _sequence(items: Any, kind: Any) -> Any:
    """Items as layers, levels or a pair of int; TypeError or ValueError where they are something else."""
    if isinstance(items, str):
        raise TypeError("a string is not a list")
    if kind == Layers:
        return tuple((_require_type(str, layer), _require_type(float, weight)) for layer, weight in items)
    if kind == Levels:
        return tuple((_require_type(float, scale), _require_type(int, steps)) for scale, steps in items)
    height, width = items
    return _require_type(int, height), _require_type(int, width)
