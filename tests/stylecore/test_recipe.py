"""The recipe: every field checked, one digest for one set of pixels."""

import dataclasses
import json
import math
import subprocess
import sys
import tomllib
from hashlib import sha256
from typing import Any

import pytest
import torch

from stylecore.errors import RecipeError
from stylecore.recipe import ENGINE_VERSION, TERM_NAMES, UNDIGESTED, Recipe, recipe_from
from stylecore.recipe_values import STYLE_LAYERS, StyleStatistic, style_statistic
from stylecore.stylization import stylize

OTHER: dict[str, Any] = {
    "encoder": "vgg19",
    "encoder_sha256": "ab" * 32,
    "pooling": "average",
    "weight_normalised": True,
    "content_layers": (("relu3_1", 1.0),),
    "statistics": (StyleStatistic("gram", layers=(("relu1_1", 1.0),)),),
    "assignment_steps": 3,
    "start_noise": 0.1,
    "style_detail": 0.5,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "shading": 0.5,
    "detail_limit": 0.5,
    "normalisation": "gatys",
    **{f"{term}_weight": 4.0 for term in TERM_NAMES},
    "parts": True,
    "tolerance": 0.01,
    "window": 5,
    "variation_exponent": 1,
    "color": "keep",
    "init": "noise",
    "optimizer": "lbfgs",
    "learning_rate": 0.02,
    "final_learning_rate": 0.02,
    "canvas": (384, 320),
    "margin": 0.05,
    "style_scale": 0.5,
    "levels": ((1.0, 10),),
    "large_steps": 5,
    "detail": 0.5,
    "seed": 1,
}
"""Another valid value for every field that shapes pixels."""


class TestDigest:
    """One digest for one set of pixels."""

    def test_every_field_is_covered(self) -> None:
        """The table above and the fields outside the digest are all fields there are."""
        assert {*OTHER, *UNDIGESTED} == {field.name for field in dataclasses.fields(Recipe)}

    @pytest.mark.parametrize("field", OTHER)
    def test_changes_with(self, field: str) -> None:
        """Every field that shapes pixels changes the digest, where the others let it."""
        base = Recipe(init="style", tolerance=0.5)
        if field == "normalisation":
            base = dataclasses.replace(base, statistics=(style_statistic("gram"),))
        value = OTHER[field]
        assert dataclasses.replace(base, **{field: value}).digest() != base.digest()

    @pytest.mark.parametrize(
        ("base", "field"),
        [
            ({"start_noise": 0.0}, "seed"), ({}, "window"), ({"variation_weight": 0.0}, "variation_exponent"),
            ({"content_weight": 0.0}, "content_layers"), ({"style_weight": 0.0}, "statistics"),
            ({"statistics": (style_statistic("gram"),)}, "assignment_steps"), ({"init": "noise"}, "start_noise"),
            ({"optimizer": "lbfgs"}, "final_learning_rate"),
        ],
    )  # fmt: skip
    def test_does_not_change_without_effect(self, base: dict[str, Any], field: str) -> None:
        """A field that the others put out of use changes nothing, neither the digest nor a pixel."""
        one = Recipe(**base, levels=((1.0, 3),), canvas=(32, 32))
        other = dataclasses.replace(one, **{field: OTHER[field]})
        assert one.digest() == other.digest() and list(other.without_effect()) == [field]
        content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
        painted = [stylize(content, style, recipe).picture_B3HW for recipe in (one, other)]
        assert (painted[0] - painted[1]).abs().max() < 1e-4

    @pytest.mark.parametrize("field", UNDIGESTED)
    def test_does_not_change_with(self, field: str) -> None:
        """What a recipe is called and where its weights lie change nothing."""
        assert dataclasses.replace(Recipe(), **{field: "else"}).digest() == Recipe().digest()

    def test_changes_with_the_engine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new version of the engine gives new digests."""
        before = Recipe().digest()
        monkeypatch.setattr("stylecore.recipe.ENGINE_VERSION", ENGINE_VERSION + 1)
        assert Recipe().digest() != before

    def test_is_sha256_of_the_canonical_json(self) -> None:
        """It is the SHA-256 of the canonical JSON's bytes."""
        assert Recipe().digest() == sha256(Recipe().canonical_json().encode("utf-8")).hexdigest()

    def test_canonical_json(self) -> None:
        """The JSON has sorted keys, no spaces, the engine's version, and no undigested field."""
        text = Recipe(name="a name", encoder_weights="s3://bucket/key").canonical_json()
        fields = json.loads(text)
        assert list(fields) == sorted(fields)
        assert " " not in text and text.isascii()
        assert fields.keys() == {*OTHER, "engine_version"}
        assert fields["levels"] == [[scale, steps] for scale, steps in Recipe().levels]
        assert '"canvas":[320,256],"color":"style","content_layers":[["relu4_2",1.0]],' in text

    def test_is_stable_over_processes(self) -> None:
        """Another process, with another hash seed, gives the same digest."""
        code = "from stylecore.recipe import Recipe; print(Recipe(seed=7).digest())"
        for hash_seed in ("0", "1"):
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                env={"PYTHONHASHSEED": hash_seed},
                check=True,
            )
            assert done.stdout.strip() == Recipe(seed=7).digest()

    @pytest.mark.parametrize(
        ("one", "same"),
        [
            ({"content_weight": 1}, {"content_weight": 1.0}),
            ({"levels": ((1, 5),)}, {"levels": ((1.0, 5),)}),
            (
                {"statistics": (("gram", 1, (("relu1_1", 1),)),)},
                {"statistics": (StyleStatistic("gram", 1.0, (("relu1_1", 1.0),)),)},
            ),
        ],
    )
    def test_equal_recipes(self, one: dict[str, Any], same: dict[str, Any]) -> None:
        """Recipes that are equal have equal digests, whether a weight was written 1 or 1.0."""
        assert Recipe(**one) == Recipe(**same)
        assert Recipe(**one).digest() == Recipe(**same).digest()


class TestRange:
    """What the recipe itself refuses."""

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("encoder", "vgg18", "encoder cannot be 'vgg18': did you mean 'vgg1[69]'"),
            ("pooling", "avg", "did you mean 'average'"),
            ("normalisation", "balancd", "did you mean 'balanced'"),
            ("color", "keeep", "did you mean 'keep'"),
            ("init", "noisy", "did you mean 'noise'"),
            ("optimizer", "lbgfs", "did you mean 'lbfgs'"),
            ("variation_exponent", 3, "variation_exponent cannot be '3': valid are 1, 2"),
            ("content_weight", -0.1, "content_weight is -0.1, but must be 0 or more"),
            ("style_weight", math.nan, "style_weight is nan"),
            ("variation_weight", math.inf, "variation_weight is inf"),
            ("margin", -1.0, "margin is -1.0"),
            ("detail", -1.0, "detail is -1.0"),
            ("learning_rate", 0.0, "learning_rate is 0.0, but must be above 0"),
            ("final_learning_rate", -1.0, "final_learning_rate is -1.0"),
            ("style_scale", 0.0, "style_scale is 0.0"),
            ("canvas", (31, 320), "canvas is 31 x 320, but each side must be 32 to 8192 px"),
            ("canvas", (384, 8193), "canvas is 384 x 8193"),
            ("levels", (), "must rise and end at 1.0"),
            ("levels", ((1.0, 5), (0.5, 5)), "must rise and end at 1.0"),
            ("levels", ((0.5, 5),), "must rise and end at 1.0"),
            ("levels", ((0.0, 5), (1.0, 5)), "must rise and end at 1.0"),
            ("levels", ((1.0, -1),), "fewer than 0 steps"),
            ("large_steps", -1, "large_steps is -1, but must be 0 or more"),
        ],
    )
    def test_bad_value(self, field: str, value: Any, message: str) -> None:
        """A value out of range is refused with the field, the value and what it must be."""
        with pytest.raises(RecipeError, match=message):
            Recipe(**{field: value})

    @pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
    def test_bad_layer_weight(self, weight: float) -> None:
        """A layer's weight follows the same rule as the other weights: 0 or more, and finite."""
        with pytest.raises(RecipeError, match="content_layers"):
            Recipe(content_layers=(("relu1_1", weight),))
        with pytest.raises(RecipeError, match=r"statistics\.gram gives relu1_1"):
            Recipe(statistics=(StyleStatistic("gram", layers=(("relu1_1", weight),)),))
        with pytest.raises(RecipeError, match="statistics gives gram the weight"):
            Recipe(statistics=(StyleStatistic("gram", weight),))

    def test_bad_level_scale(self) -> None:
        """A scale that is not a number is refused."""
        with pytest.raises(RecipeError, match="levels"):
            Recipe(levels=((0.5, 1), (math.nan, 1), (1.0, 1)))

    def test_no_layer(self) -> None:
        """A recipe without any layer is refused; either kind alone will do."""
        with pytest.raises(RecipeError, match="names no layer"):
            Recipe(content_layers=(), statistics=())
        assert Recipe(content_layers=()).layers == tuple(layer for layer, _ in STYLE_LAYERS)
        assert Recipe(statistics=()).layers == ("relu4_2",)

    def test_everything_at_once(self) -> None:
        """One error names the recipe and every field out of range."""
        with pytest.raises(RecipeError) as caught:
            Recipe(
                name="bad",
                color="kept",
                content_weight=-1,
                learning_rate=0,
                canvas=(8, 8),
                levels=((1.0, -1),),
            )
        message = str(caught.value)
        assert message.startswith("Recipe 'bad': ")
        for field in ("color", "content_weight", "learning_rate", "canvas", "levels"):
            assert field in message

    def test_edges_are_allowed(self) -> None:
        """The limits themselves are within range."""
        Recipe(content_weight=0.0, margin=0.0, detail=0.0, canvas=(32, 8192), levels=((0.25, 0), (1.0, 0)))

    def test_frozen(self) -> None:
        """A recipe does not change once it is made."""
        with pytest.raises(dataclasses.FrozenInstanceError):
            Recipe().seed = 3  # type: ignore[misc]


class TestProperties:
    """What a recipe says about itself."""

    def test_layers(self) -> None:
        """Each layer is named once, content first."""
        recipe = Recipe(content_layers=(("relu4_1", 1.0),))
        assert recipe.layers == ("relu4_1", "relu1_1", "relu2_1", "relu3_1", "relu5_1")

    def test_steps(self) -> None:
        """Steps are summed over levels."""
        assert Recipe(levels=((0.5, 3), (1.0, 4))).steps == 7


class TestRecipeFrom:
    """Plain values, as TOML gives them."""

    def test_toml(self) -> None:
        """Lists, tables and whole numbers of a TOML file become the fields' own types."""
        text = """
            name = "mine"
            content_weight = 1
            canvas = [96, 80]
            levels = [[0.5, 3], [1, 4]]
            weight_normalised = true
            statistics = { gram = { layers = { relu1_1 = 1, relu2_1 = 0.5 } }, patches = 2 }
            content_layers = ["relu4_2", "relu3_1"]
        """
        recipe = recipe_from(tomllib.loads(text))
        assert recipe == Recipe(
            name="mine",
            content_weight=1.0,
            canvas=(96, 80),
            levels=((0.5, 3), (1.0, 4)),
            weight_normalised=True,
            statistics=(
                StyleStatistic("gram", 1.0, (("relu1_1", 1.0), ("relu2_1", 0.5))),
                style_statistic("patches", 2.0),
            ),
            content_layers=(("relu4_2", 0.5), ("relu3_1", 0.5)),
        )
        assert type(recipe.content_weight) is float and type(recipe.levels[1][0]) is float

    def test_version_0_1(self) -> None:
        """One statistic on style_layers, as version 0.1 wrote it, is read as it was meant, without noise."""
        old = {"statistic": "covariance", "style_layers": {"relu1_1": 1.0}}
        recipe = recipe_from(old)
        assert recipe.statistics == (StyleStatistic("covariance", 1.0, (("relu1_1", 1.0),)),)
        assert (recipe.start_noise, recipe.detail_limit) == (0.0, 1.0)
        assert recipe_from({**old, "start_noise": 0.1}).start_noise == 0.1
        assert recipe_from({"style_layers": ["relu2_1"]}).statistics[0].name == "gram"
        assert recipe_from({"statistic": "gram"}).statistics == (style_statistic("gram"),)
        with pytest.raises(RecipeError, match="are version 0.1's words for statistics"):
            recipe_from({**old, "statistics": ["gram"]})

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            (["gram", "patches"], (style_statistic("gram"), style_statistic("patches"))),
            ({"gram": 1, "patches": 2.5}, (style_statistic("gram"), style_statistic("patches", 2.5))),
            ({"patches": {"layers": ["relu3_1"]}}, (style_statistic("patches", 1.0, (("relu3_1", 1.0),)),)),
            ({"gram": 1, "patches": 0}, (style_statistic("gram"),)),
        ],
    )
    def test_statistics(self, written: Any, meant: Any) -> None:
        """Statistics are given by names, by weights, or by weights and layers; one of weight 0 is not there."""
        assert recipe_from({"statistics": written}).statistics == meant

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (["gramm"], "statistics cannot have 'gramm': did you mean 'gram'"),
            (["gram", "gram"], "statistics has gram 2 times"),
            ({"gram": {"wieght": 1.0}}, "gives 'gram' a value 'wieght'.*weight"),
        ],
    )
    def test_wrong_statistics(self, wrong: Any, message: str) -> None:
        """A statistic that is not known, or is there twice, or has another value, is refused with its name."""
        with pytest.raises(RecipeError, match=message):
            recipe_from({"statistics": wrong})

    def test_round_trip(self) -> None:
        """A recipe's own fields, through JSON, give the recipe again."""
        recipe = dataclasses.replace(Recipe(), **{**OTHER, "normalisation": "balanced"})
        assert recipe_from(json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe

    def test_over_a_base(self) -> None:
        """Fields that are not named come from the base."""
        base = Recipe(name="base", seed=3, color="keep")
        assert recipe_from({"seed": 4}, base) == dataclasses.replace(base, seed=4)
        assert recipe_from({}) == Recipe()

    @pytest.mark.parametrize(
        ("wrong", "meant"),
        [("contentweight", "content_weight"), ("colour", "color"), ("optimiser", "optimizer")],
    )
    def test_misspelt_field(self, wrong: str, meant: str) -> None:
        """A misspelt field is refused with the name that was meant."""
        with pytest.raises(RecipeError, match=f"no recipe field '{wrong}': did you mean '{meant}'"):
            recipe_from({wrong: 1})

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("content_weight", "0.1"),
            ("content_weight", True),
            ("seed", 1.5),
            ("large_steps", 2.5),
            ("seed", True),
            ("weight_normalised", 1),
            ("encoder", 19),
            ("canvas", 384),
            ("canvas", [384]),
            ("canvas", ["a", "b"]),
            ("levels", [0.5, 1.0]),
            ("levels", [[0.5]]),
            ("content_layers", "relu4_2"),
            ("content_layers", {"relu4_2": "much"}),
            ("statistics", 3),
            ("statistics", [["gram"]]),
            ("statistics", {"gram": "much"}),
            ("statistics", {"gram": {"layers": 3}}),
        ],
    )
    def test_wrong_type(self, field: str, value: Any) -> None:
        """A value of another type is refused with the field, the value and what to give."""
        with pytest.raises(
            RecipeError, match=rf"Recipe field '{field}[.\w]*' cannot be .*: (give|it must be) "
        ):
            recipe_from({field: value})

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("canvas", [384.7, 320]),
            ("canvas", ["384", "320"]),
            ("levels", [[1.0, 3.9]]),
            ("levels", [["1.0", 3]]),
            ("content_layers", {"relu4_2": "0.5"}),
            ("content_layers", ""),
        ],
    )
    def test_nothing_is_rounded_or_guessed(self, field: str, value: Any) -> None:
        """Inside lists and tables types are as strict as outside: 3.9 steps are not 3."""
        with pytest.raises(RecipeError, match=f"Recipe field '{field}' cannot be"):
            recipe_from({field: value})

    def test_range_is_checked_too(self) -> None:
        """Converted values must be in range as well."""
        with pytest.raises(RecipeError, match="did you mean 'keep'"):
            recipe_from({"color": "kept"})


def test_large_by_a_statistic_of_far_positions_is_refused() -> None:
    """What cannot be done window by window is said before anything is painted, with what to do."""
    with pytest.raises(RecipeError, match="mmd_gaussian .* choose another statistic, or large_steps = 0"):
        Recipe(statistics=(style_statistic("mmd_gaussian"),), large_steps=1)


@pytest.mark.parametrize("name", ["a\x1b[31m", "two\nlines", "x" * 201])
def test_names_that_cannot_be_shown(name: str) -> None:
    """A name goes into tables, files and terminals: it is one line of letters that can be seen."""
    with pytest.raises(RecipeError, match="name is '.*give it up to 200 letters"):
        Recipe(name=name)
