"""Recipes are found by name or read from TOML, and mistakes are told with the remedy."""

import tomllib
from pathlib import Path

import pytest

from flows.errors import SettingsError
from flows.recipes.named import NAMED, find_recipe, recipe_in
from flows.recipes.text import as_toml
from stylecore.errors import RecipeError
from stylecore.recipe import Recipe
from stylecore.recipe_values import StyleStatistic


@pytest.mark.parametrize("name", NAMED)
def test_named_recipes_survive_toml(name: str, tmp_path: Path) -> None:
    """A named recipe written as TOML and read back is the same recipe."""
    recipe = find_recipe(name)
    path = tmp_path / f"{name}.toml"
    path.write_text(as_toml(recipe))
    assert find_recipe(str(path)) == recipe
    assert recipe.name == name


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("gatys2016", ("content", "style")),
        ("apparel", ("content", "style", "variation")),
        ("luan2017", ("content", "style", "variation", "photorealism")),
        ("brushwork", ("content", "style", "variation")),
    ],
)
def test_what_is_ours_is_not_in_others(name: str, terms: tuple[str, ...]) -> None:
    """The papers' recipes have the papers' terms, Gram matrices and Adam alone, over a start without noise."""
    recipe = find_recipe(name)
    assert recipe.structure().terms == terms
    assert [statistic.name for statistic in recipe.statistics] == ["gram"]
    assert recipe.init == "noise" or recipe.start_noise == 0
    assert recipe.optimizer == "lbfgs" or (recipe.beta_1, recipe.beta_2) == (0.9, 0.999)


def test_default_is_the_house_recipe() -> None:
    """What `stylize` does without a recipe is what the command does without one."""
    assert find_recipe("house") == Recipe()


def test_toml_starts_from_a_base(tmp_path: Path) -> None:
    """A file names what it changes; the rest is its base's, and its name is the file's."""
    path = tmp_path / "loud.toml"
    path.write_text(
        'base = "studio"\ncontent_weight = 0.02\nstatistics = { gram = { layers = ["relu1_1", "relu2_1"] } }\n'
    )
    recipe = find_recipe(str(path))
    assert (recipe.name, recipe.encoder, recipe.content_weight) == ("loud", "vgg19", 0.02)
    assert recipe.statistics == (StyleStatistic("gram", 1.0, (("relu1_1", 0.5), ("relu2_1", 0.5))),)


def test_unknown_name() -> None:
    """A misspelt name is told the nearest one."""
    with pytest.raises(RecipeError, match="did you mean 'studio'"):
        find_recipe("studoi")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("content_wieght = 1.0", RecipeError, "mine.toml.*'content_wieght': did you mean 'content_weight'"),
        ("content_weight = = 1", SettingsError, "mine.toml is not TOML.*line 1"),
        ('optimizer = "sgd"', RecipeError, "optimizer cannot be 'sgd'.*adam, lbfgs"),
        ("seed = 1.5", RecipeError, "'seed' cannot be 1.5: it must be int"),
        ('base = "nope"', RecipeError, "mine.toml: There is no recipe 'nope'"),
        ("base = 3", RecipeError, "mine.toml: There is no recipe '3'"),
        ("base = house", SettingsError, 'Write "house" for house'),
        ("parts = True", SettingsError, "Write true for True"),
        ("base = \u201chouse\u201d", SettingsError, "straight ones"),
        ("style_weight: 2.0", SettingsError, "with '=' for ':'"),
        ("content_weight = 0,02", SettingsError, r"line 1.*have a decimal point: 0\.02, not 0,02\."),
        ("seed = 1\nlearning_rate = -1,5", SettingsError, r"line 2.*have a decimal point: -1\.5, not -1,5\."),
        ("seed = 1\nname = 'x'\nseed = 2", SettingsError, "'seed' is given in line 1 and again in line 3"),
        ("a = " + "[\n" * 20_000, SettingsError, "mine.toml nests lists or tables too deep"),
        ("a = " + "{a = " * 10_000, SettingsError, "50,004 letters in line 1, over 1,000: break lists"),
        ("levels = [[1.0, 1000000000000]]", RecipeError, "levels have 1000000000000 steps.*at most 100000"),
        ("levels = [[0.5, 60_000], [1.0, 60_000]]", RecipeError, "levels have 120000 steps together"),
        (f"levels = {[[1.0, 0]] * 21}", RecipeError, "there are 21 levels, but at most 20"),
        ("large_steps = 1000000", RecipeError, "large_steps have 1000000 steps"),
        ('content_layers = ["relu1_1", "relu1_1"]', RecipeError, "content_layers names relu1_1 2 times"),
        ("seed = -1", RecipeError, "seed is -1, but must be 0 to"),
        ("seed = 99999999999999999999", RecipeError, "seed is 99999999999999999999, but must be 0 to"),
        ("learning_rate = inf", RecipeError, "learning_rate is inf"),
        ("style_weight = nan", RecipeError, "style_weight is nan"),
        ("detail = 1e300", RecipeError, "detail is 1e.300, but must be 10.0 or less"),
        ('seed = "1"', RecipeError, "'seed' cannot be '1'"),
    ],
)
def test_mistakes_in_toml(tmp_path: Path, text: str, kind: type, words: str) -> None:
    """A typo in TOML names the file, the field and what would be right."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(kind, match=words):
        find_recipe(str(path))


def test_missing_file() -> None:
    """A TOML file that is not there is named."""
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read"):
        find_recipe("nowhere.toml")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_toml_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    """A file is read in the encoding that the mark at its beginning names."""
    path = tmp_path / "loud.toml"
    path.write_bytes("# für Anna\ncontent_weight = 0.02\n".encode(encoding))
    assert find_recipe(str(path)).content_weight == 0.02


def test_commas_of_lists_are_no_decimal_commas(tmp_path: Path) -> None:
    """A list with a mistake is not told of decimal points."""
    path = tmp_path / "mine.toml"
    path.write_text("canvas = [320,256\nx")
    with pytest.raises(SettingsError) as caught:
        find_recipe(str(path))
    assert "decimal" not in str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_machine(end: str, tmp_path: Path) -> None:
    """A recipe file is read whatever its lines end in, and whatever the case of its name's end."""
    (tmp_path / "Mine.TOML").write_bytes(end.join(["seed = 7", "detail = 0.5", ""]).encode())
    recipe = find_recipe(str(tmp_path / "Mine.TOML"))
    assert (recipe.seed, recipe.detail) == (7, 0.5)


MANY = ".".join(["a"] * 9_000)
"""A name of many parts, of which the parser's work grows as the square."""


@pytest.mark.parametrize(
    "text",
    [f"{MANY} = 1", f"[{MANY}]", f"[[{MANY}]]", f"x = {{{MANY} = 1}}", f'name = "x"\n{MANY} = 1',
     f"name = '''a'''' # '\"\"\"\n{MANY} = 1", f'name = """\\""""""\n{MANY} = 1', f"# '\n{MANY} = 1",
     MANY.replace(".", " . ") + " = 1", "x = 1 #" + "y" * 70_000, "x = 1\n" * 20_000],
    ids=range(11),
)  # fmt: skip
def test_texts_that_are_much_work(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines and texts longer than any recipe's are refused before they are parsed, whatever they hold."""
    monkeypatch.setattr(tomllib, "loads", lambda _: pytest.fail("parsed"))
    with pytest.raises(
        SettingsError, match=r"x\.toml has [\d,]+ letters( in line \d+, over 1,000|, over 65,536)"
    ):
        recipe_in(text, "x.toml", "x")


@pytest.mark.parametrize(
    "text",
    ['name = "a.b.c.d.e"', "# a.b.c.d.e = 1", "content_layers = [\n['conv1_1', 0.5],\n['conv2_1', 0.5]]"],
)
def test_usual_lines(text: str) -> None:
    """Dots in texts and remarks, and lists over several lines, are no matter."""
    assert recipe_in(text, "x.toml", "x")


@pytest.mark.parametrize(
    "value",
    ["9" * 5_000, "-" + "9" * 5_000, "0x" + "f" * 50_000, "0b" + "1" * 400, f"{10**101}", "[0.5, [" + "9" * 200 + "]]",
     "{a = 0o" + "7" * 30_000 + "}", "9" * 5_000 + ".5e" + "9" * 5_000],
    ids=range(8),
)  # fmt: skip
def test_numbers_of_very_many_digits(value: str) -> None:
    """A number of any length, wherever it stands, is one error that names the file and is short."""
    with pytest.raises((SettingsError, RecipeError), match=r"x\.toml") as raised:
        recipe_in(f"canvas = {value}", "x.toml", "x")
    assert len(str(raised.value)) < 400
