"""Values of a recipe's fields: from what TOML, JSON or a command line gives to the field's own type."""

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from stylecore.errors import RecipeError, nearest

Layers = tuple[tuple[str, float], ...]
"""Names of an encoder's layers, each with its weight."""

Levels = tuple[tuple[float, int], ...]
"""Levels, coarse to fine: share of the canvas's side in (0, 1], and steps."""

STYLE_LAYERS: Layers = tuple((f"relu{block}_1", 0.2) for block in range(1, 6))
"""Layers of a statistic that compares whole layers, unless others are given: one a block, as in the papers."""

PATCH_LAYERS: Layers = (("relu2_1", 0.3), ("relu3_1", 0.3), ("relu4_1", 0.3))
"""Layers of a statistic that compares patches, unless others are given: there a patch is as large as a motif's parts."""

PATCH_STATISTICS = ("patches", "patches_nearest", "patches_relaxed")
"""Statistics that assign patches of the style to places of the design (stylecore/objective/patches.py)."""


class StyleStatistic(NamedTuple):
    """One statistic that a recipe compares designs and styles by, its weight, and its layers, each with a weight."""

    name: str
    weight: float = 1.0
    layers: Layers = STYLE_LAYERS

    @property
    def is_of_patches(self) -> bool:
        """Whether it assigns patches of the style to places of the design."""
        return self.name in PATCH_STATISTICS


Statistics = tuple[StyleStatistic, ...]
"""Statistics of a style that an objective compares, in the order in which they are added."""


def style_statistic(name: str, weight: float = 1.0, layers: Layers | None = None) -> StyleStatistic:
    """A statistic on its usual layers, unless others are given."""
    usual = PATCH_LAYERS if name in PATCH_STATISTICS else STYLE_LAYERS
    return StyleStatistic(name, weight, usual if layers is None else layers)


def convert_value(name: str, value: Any, kind: Any) -> Any:
    """The value of a recipe's field in the field's own type.

    Args:
        name: the field, for the error's text.
        value: a plain value, as TOML gives it: layers may be a list of names (equal weights that sum to 1) or a
            table of name = weight, levels a list of [share, steps], statistics a list of names or a table of
            name = weight or name = { weight, layers }.
        kind: the field's type: `Layers`, `Levels`, `Statistics`, a pair of int, or one of str, int, float, bool.

    Returns:
        The value as `kind`; an int becomes a float where a float is asked for, and nothing else is rounded or parsed.

    Raises RecipeError where the value has another shape or type.
    """
    if kind == Statistics:
        return _statistics(name, value)
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


def _statistics(field: str, value: Any) -> Statistics:
    """Statistics from a list of names, a table, or what `dataclasses.asdict` and JSON make of `Statistics`."""
    if isinstance(value, Mapping):
        return tuple(_statistic_of_table(field, name, item) for name, item in value.items())
    problem = f"Recipe field '{field}' cannot be {value!r}: {_shape(Statistics)}."
    if not isinstance(value, list | tuple):
        raise RecipeError(problem)
    statistics = []
    for item in value:
        if isinstance(item, str):
            statistics.append(style_statistic(item))
        elif isinstance(item, list | tuple) and len(item) == 3:
            name, weight, layers = item
            statistics.append(_statistic_of_table(field, name, {"weight": weight, "layers": layers}))
        else:
            raise RecipeError(problem)
    return tuple(statistics)


def _statistic_of_table(field: str, name: Any, item: Any) -> StyleStatistic:
    """A statistic from its name and what a table says of it: a weight, or a table of weight and layers."""
    values = item if isinstance(item, Mapping) else {"weight": item}
    for key in values:
        if key not in StyleStatistic._fields[1:]:
            raise RecipeError(
                f"Recipe field '{field}' gives '{name}' a value '{key}': {nearest(key, StyleStatistic._fields[1:])}"
            )
    layers = values.get("layers")
    return style_statistic(
        convert_value(field, name, str),
        convert_value(f"{field}.{name}.weight", values.get("weight", 1.0), float),
        None if layers is None else convert_value(f"{field}.{name}.layers", layers, Layers),
    )


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
    if kind == Statistics:
        return 'give names, as ["gram"], or a table, as {gram = 1.0, patches = {weight = 1.0, layers = ["relu3_1"]}}'
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
