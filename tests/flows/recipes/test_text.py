"""A recipe's TOML says of every field what it does, and the docs say the same."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from flows.recipes.named import NAMED, find_recipe
from flows.recipes.text import TURN_FIRST, as_toml, explanations
from stylecore.recipe import CHOICES, Recipe

FIELDS = [field.name for field in fields(Recipe)]
NUMBERS = [
    name for name in FIELDS if isinstance(getattr(Recipe(), name), float) or name in ("large_steps", "window")
]


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_explained(name: str) -> None:
    """A sentence at least, which ends as one."""
    assert len(explanations()[name].split()) > 3 and explanations()[name].endswith(".")


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "final_learning_rate"])
def test_safe_ranges_hold(name: str) -> None:
    """A number's safe range is said, and recipes take both of its ends and the default inside."""
    said = re.search(r"Safe: (?:0, or )?([\d.]*\d) to ([\d.]*\d)", explanations()[name])
    assert said, explanations()[name]
    for end in map(float, said.groups()):
        kind = type(getattr(Recipe(), name))
        assert getattr(replace(Recipe(), **{name: kind(end)}), name) == end
    low, high = map(float, said.groups())
    assert low <= getattr(Recipe(), name) <= high or getattr(Recipe(), name) == 0


@pytest.mark.parametrize("name", NAMED)
def test_reads_back(name: str, tmp_path: Path) -> None:
    """What is written reads back as the very recipe, comments and all."""
    (tmp_path / "own.toml").write_text(as_toml(find_recipe(name)))
    assert find_recipe(str(tmp_path / "own.toml")).digest() == find_recipe(name).digest()


@pytest.mark.parametrize("name", ["\U0001d49cpril", "\u00e9t\u00e9", "\u6d77", 'a "b" \\ c'])
def test_names_in_any_script_read_back(name: str, tmp_path: Path) -> None:
    """A kept recipe's name in any script reads back, letters beyond the basic plane included."""
    (tmp_path / "own.toml").write_text(as_toml(replace(Recipe(), name=name), named=True), encoding="utf-8")
    assert find_recipe(str(tmp_path / "own.toml")).name == name


def test_order_and_comments() -> None:
    """The four to turn first come first; every field has its comment above it, choices included; no line is long."""
    text = as_toml(find_recipe("print"))
    names = re.findall(r"^(\w+) = ", text, re.M)
    assert tuple(names[:4]) == TURN_FIRST and sorted([*names, "name"]) == sorted(FIELDS)
    for name in names:
        above = text.split(f"\n{name} = ")[0].rsplit("\n\n", 1)[1]
        said = " ".join(line.removeprefix("# ") for line in above.splitlines() if line.startswith("# "))
        assert explanations()[name] in said
        assert all(str(choice) in said for choice in CHOICES.get(name, ()))
    assert max(len(line) for line in text.splitlines() if line.startswith("#")) <= 100


def test_docs_say_the_same() -> None:
    """docs/recipes.md shows what `stylemill recipes house` writes."""
    docs = Path(__file__).parents[3] / "docs" / "recipes.md"
    assert f"```toml\n{as_toml(find_recipe('house'))}```" in docs.read_text(), (
        "write the output of 'stylemill recipes house' into docs/recipes.md"
    )
