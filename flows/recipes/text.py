"""A recipe as a person reads and writes it: TOML with a comment for each field.

The comments are the docstrings of the fields of `stylecore.recipe.Recipe`, read from its source.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from itertools import pairwise
from typing import cast

from stylecore import recipe as recipe_module
from stylecore.recipe import CHOICES, Recipe
from stylecore.recipe_values import Layers, Statistics

TURN_FIRST = ("style_scale", "content_weight", "shading", "color")
"""The fields that most people change first: size of the motifs; how much of the garment, its folds and its colours."""
WIDE = 100


def as_toml(recipe: Recipe, *, named: bool = False) -> str:
    """Return a recipe as TOML, which `find_recipe` reads back; with `named` the text holds the recipe's name too."""
    others = [field.name for field in fields(Recipe) if field.name not in ("name", *TURN_FIRST)]
    lines = [
        f'# Recipe {_printable(recipe.name)}. With base = "house", say, above all others, fields may be left out.',
        *([f"name = {_toml_value('name', recipe.name)}"] if named else []),
        "",
        "# Turn these first.",
        *_fields(recipe, TURN_FIRST),
        "",
        "# The others.",
        *_fields(recipe, others),
    ]
    return "\n".join(lines) + "\n"


@cache
def explanations() -> dict[str, str]:
    """Return what every field of a recipe does, which way is more, and its safe range, by the field's name."""
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(recipe_module)).body
        if isinstance(node, ast.ClassDef) and node.name == Recipe.__name__
    )
    texts = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            name, docstring = cast(ast.Name, field.target).id, cast(ast.Constant, text.value).value
            texts[name] = " ".join(str(docstring).split())
    return texts


def _printable(name: str) -> str:
    """A name without signs that would end a comment."""
    return "".join(sign for sign in name if sign.isprintable())


def _fields(recipe: Recipe, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield ""
        text, choices = explanations()[name], [str(choice) for choice in CHOICES.get(name, ())]
        named = all(choice in text for choice in choices)
        yield from _comment(text if named else f"{text} One of {', '.join(choices)}.")
        yield f"{name} = {_toml_value(name, getattr(recipe, name))}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDE, initial_indent="# ", subsequent_indent="# ")


def _table_of_layers(layers: Layers) -> str:
    return "{ " + ", ".join(f"{layer} = {weight}" for layer, weight in layers) + " }"


def _toml_value(name: str, value: object) -> str:
    if name.endswith("_layers"):
        return _table_of_layers(cast(Layers, value))
    if name == "statistics":
        each = (
            f"{statistic.name} = {{ weight = {statistic.weight}, layers = {_table_of_layers(statistic.layers)} }}"
            for statistic in cast(Statistics, value)
        )
        return "{ " + ", ".join(each) + " }"
    # TOML and JSON agree on strings, numbers, booleans and arrays of them, but for pairs of \\u and for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
