"""Named recipes, each a function without arguments that returns a complete recipe, and recipes in TOML.

The module is long because the named recipes stand beside each other, with what finds one by its name or file.
"""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.errors import SettingsError
from flows.text_files import read_text
from stylecore.errors import RecipeError, nearest
from stylecore.recipe import Recipe, recipe_from
from stylecore.recipe_values import style_statistic

LARGEST_RECIPE = 2**16
"""Characters of a recipe's TOML; the named recipes have some 5,000 with all their comments."""
LONGEST_LINE = 1000
"""Characters of a line; the parser's work grows with the square of the length of a name with dots."""
MOST_DIGITS = 100
GATYS_LAYERS = tuple((f"conv{block}_1", 0.2) for block in range(1, 6))


GRAM = (style_statistic("gram"),)
"""Colours and strokes alone."""


def house() -> Recipe:
    """The default: the style's motifs whole, painted on the cloth with its folds; quick, needs no download."""
    return Recipe(name="house")


def draft() -> Recipe:
    """A first look at many pairs: as house, small and half of the time."""
    return replace(house(), name="draft", canvas=(192, 160), levels=((0.5, 40), (1.0, 20)))


def brushwork_() -> Recipe:
    """The style's colours and strokes without its motifs, over the garment's own print: house, until version 0.1."""
    return replace(
        house(),
        name="brushwork",
        statistics=GRAM,
        init="recoloured",
        start_noise=0.0,
        content_weight=0.05,
        lighting_weight=0.0,
        shading=0.0,
        detail_limit=1.0,
        levels=((0.25, 80), (0.5, 50), (1.0, 20)),
        # Adam as published, with a rate that falls: the faster one was measured with patches (docs/method.md).
        learning_rate=0.03,
        final_learning_rate=0.003,
        beta_1=0.9,
        beta_2=0.999,
    )


def print_() -> Recipe:
    """The pattern legible as a print, in its own repeat and scale, with the garment's folds and shading.

    For tartans, block prints, batik and everything whose motifs must stay what they are. The scale is true
    where the catalogs say print_width_cm and repeat_width_cm; else a style's longer side is taken for half the canvas's.
    """
    return replace(
        brushwork_(),
        name="print",
        init="print",
        content_weight=0.0,
        style_weight=0.3,
        lighting_weight=0.5,
        levels=((1.0, 20),),
        learning_rate=0.01,
        # The print starts sharp in every size; a few steps settle it into the cloth.
        large_steps=4,
    )


def photoreal() -> Recipe:
    """The garment as photographed, in the style's colours: logos, seams and folds stay; for colourways."""
    return replace(brushwork_(), name="photoreal", photorealism_weight=1e4, content_weight=0.1)


def studio() -> Recipe:
    """As house, on VGG-19: finer strokes and truer motifs, about six times the time."""
    return replace(house(), name="studio", encoder="vgg19")


def large() -> Recipe:
    """As house, painted on up to the garment's own size (at most 4096 px): for the print room and close looks."""
    # Many more steps feel the lighting term, and with house's weight it greys light grounds.
    return replace(house(), name="large", lighting_weight=0.5, large_steps=8, final_learning_rate=0.005)


def painterly() -> Recipe:
    """As studio, larger and longer: motifs and brushwork for a close look, for the designs that were shortlisted."""
    return replace(studio(), name="painterly", canvas=(512, 416), levels=((0.25, 150), (0.5, 100), (1.0, 50)))


def gatys2016() -> Recipe:
    """Gatys et al. (2016) as printed: average pooling, normalised weights, L-BFGS from white noise."""
    return Recipe(
        name="gatys2016",
        encoder="vgg19",
        pooling="average",
        weight_normalised=True,
        content_layers=(("conv4_2", 1.0),),
        statistics=(style_statistic("gram", layers=GATYS_LAYERS),),
        normalisation="gatys",
        # Section 3.1: alpha/beta between 1e-3 and 1e-4 shows both content and style.
        content_weight=1e-3,
        style_weight=1.0,
        variation_weight=0.0,
        lighting_weight=0.0,
        init="noise",
        optimizer="lbfgs",
        learning_rate=0.03,
        levels=((1.0, 500),),
        shading=0.0,
        detail=0.0,
    )


def apparel() -> Recipe:
    """Elmitwally et al., bulk apparel design: 1,000 steps of Adam at 0.02, content 1e4, style 1e-2, variation.

    Their code is TensorFlow's tutorial: means of squared differences, total variation as a sum of absolute
    ones (weight 30 there). Content goes with the square and style with the fourth power of the features'
    scale, so their balance holds for weights on the Caffe scale, as the original VGG-19.
    """
    return Recipe(
        name="apparel",
        encoder="vgg19",
        content_layers=(("conv4_2", 1.0),),
        statistics=(style_statistic("gram", layers=GATYS_LAYERS),),
        start_noise=0.0,
        normalisation="johnson",
        content_weight=1e4,
        style_weight=1e-2,
        variation_weight=30.0,
        lighting_weight=0.0,
        variation_exponent=1,
        init="content",
        learning_rate=0.02,
        final_learning_rate=0.02,
        beta_1=0.9,
        beta_2=0.999,
        levels=((1.0, 1000),),
        shading=0.0,
        detail=0.0,
    )


def luan2017() -> Recipe:
    """Luan et al. (2017), Deep Photo: their sums and weights, Gamma = 1e2 and lambda = 1e4, stage two.

    Their stage one is this recipe with photorealism_weight = 0; here one run from the content has both.
    """
    return Recipe(
        name="luan2017",
        encoder="vgg19",
        content_layers=(("conv4_2", 1.0),),
        statistics=(style_statistic("gram", layers=GATYS_LAYERS),),
        start_noise=0.0,
        normalisation="luan",
        content_weight=1.0,
        style_weight=1e2,
        variation_weight=1e-3,
        lighting_weight=0.0,
        photorealism_weight=1e4,
        parts=True,
        init="content",
        optimizer="lbfgs",
        learning_rate=0.03,
        levels=((1.0, 1000),),
        shading=0.0,
        detail=0.0,
    )


NAMED = {
    function.__name__.rstrip("_"): function
    for function in (
        house,
        draft,
        print_,
        photoreal,
        brushwork_,
        large,
        studio,
        painterly,
        gatys2016,
        apparel,
        luan2017,
    )
}


def find_recipe(name_or_toml: str) -> Recipe:
    """Return the named recipe, or the recipe in a TOML file (`base = "house"` chooses the recipe it starts from).

    RecipeError names an unknown recipe, or the file and the field; SettingsError a file that cannot be read.
    """
    if name_or_toml.lower().endswith(".toml"):
        path = Path(name_or_toml)
        return recipe_in(read_text(path)[0], str(path), path.stem)
    if name_or_toml not in NAMED:
        raise RecipeError(
            f"There is no recipe '{name_or_toml}': {nearest(name_or_toml, NAMED)} Or give a .toml file."
        )
    return NAMED[name_or_toml]()


def recipe_from_record(name: str, recipe_json: str) -> Recipe:
    """Return the recipe that a design's record holds, with `name` made fit for a file.

    RecipeError where the record is not JSON, or this version does not know its fields.
    """
    try:
        values = json.loads(recipe_json)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"The record of recipe '{name[:80]}' is not JSON: {error}.") from error
    if not isinstance(values, dict) or not values:
        raise RecipeError(f"The record of recipe '{name[:80]}' holds no fields.")
    values.pop("engine_version", None)
    return recipe_from({**values, "name": re.sub(r"[^\w.+ -]", "-", name).lstrip("-. ") or "recipe"})


def is_named(recipe: Recipe) -> bool:
    """Return whether the named recipe of this name is this very recipe, whatever the digest of its weights."""
    if recipe.name not in NAMED:
        return False
    return replace(NAMED[recipe.name](), encoder_sha256=recipe.encoder_sha256) == recipe


def recipe_in(text: str, where: str, name: str) -> Recipe:
    """Return the recipe that a TOML text holds, called `name` unless the text names it; messages name `where` it is.

    RecipeError where a field is unknown or wrong; SettingsError where the text is not TOML.
    """
    values = _values(text, where)
    base_name = str(values.pop("base", "house"))
    if base_name not in NAMED:
        raise RecipeError(f"{where}: There is no recipe '{base_name}': {nearest(base_name, NAMED)}")
    base = NAMED[base_name]()
    try:
        return recipe_from({"name": name, **values}, base)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from error


def _values(text: str, where: str) -> dict[str, Any]:
    """The values of a TOML text; SettingsError names the file, and the line and the remedy where they are known."""
    # Old Macs end lines with a carriage return alone, which TOML does not know.
    text = re.sub(r"\r\n?", "\n", text)
    _check_work(text, where)
    try:
        values = tomllib.loads(text)
        _check_numbers(values, where)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"Recipe file {where} is not TOML: {error}.{_hint(text, error)}") from error
    except RecursionError as error:
        raise SettingsError(
            f"Recipe file {where} nests lists or tables too deep: a recipe needs two levels."
        ) from error
    except ValueError as error:  # a number of more digits than Python takes
        raise SettingsError(f"Recipe file {where} holds a value that cannot be read: {error}.") from error
    return values


def _check_work(text: str, where: str) -> None:
    """Refuse long texts and long lines: the parser's work grows with the square of their length."""
    if len(text) > LARGEST_RECIPE:
        raise SettingsError(
            f"Recipe file {where} has {len(text):,} letters, over {LARGEST_RECIPE:,}: leave out what is no field."
        )
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST_LINE:
            raise SettingsError(
                f"Recipe file {where} has {len(line):,} letters in line {number}, over {LONGEST_LINE:,}: break lists"
                " into several lines."
            )


def _check_numbers(value: object, where: str) -> None:
    """Refuse whole numbers of so many digits that no message can show them; each field checks its own range later."""
    if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
        raise SettingsError(
            f"Recipe file {where} holds a whole number of over {MOST_DIGITS} digits: write a smaller one."
        )
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_numbers(inner, where)


DECIMAL_COMMA = re.compile(r"[=\s]([+-]?\d+),(\d+)")


def _hint(text: str, error: tomllib.TOMLDecodeError) -> str:
    """What was probably meant: a field that is given twice, or a number with a decimal comma."""
    lines = text.splitlines()
    if "overwrite" in str(error) and (twice := _given_twice(lines)):
        return twice
    number = re.search(r"at line (\d+)", str(error))
    line = lines[int(number[1]) - 1] if number and int(number[1]) <= len(lines) else ""
    comma = DECIMAL_COMMA.search(line)
    # In a list a comma is right.
    if not comma or "[" in line[: comma.start()]:
        return _hint_of_value(line)
    return f" Numbers have a decimal point: {comma[1]}.{comma[2]}, not {comma[1]},{comma[2]}."


PLAIN_WORD = re.compile(r"\s*[\w-]+\s*=\s*(?P<word>[A-Za-z][\w.-]*)\s*(?:#.*)?")
CURLY = re.compile("[\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb]")


def _hint_of_value(line: str) -> str:
    """What is wrong with a value that is written as in other file formats."""
    if CURLY.search(line):
        return " The quotes are those of a word processor: write straight ones."
    if re.match(r"\s*[\w-]+\s*:", line):
        return " Write NAME = VALUE, with '=' for ':'."
    if match := PLAIN_WORD.fullmatch(line):
        word = match["word"]
        meant = word.lower() if word.lower() in ("true", "false") else f'"{word}"'
        return f" Write {meant} for {word}."
    return ""


def _given_twice(lines: list[str]) -> str:
    first: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if name := re.match(r"\s*([\w-]+)\s*=", line):
            if name[1] in first:
                return f" '{name[1]}' is given in line {first[name[1]]} and again in line {number}."
            first[name[1]] = number
    return ""
