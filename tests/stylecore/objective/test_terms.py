"""The registry of terms: one function a weight, and all that follows from it."""

import ast
import inspect
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from stylecore.objective import terms
from stylecore.objective.evaluation import (
    assign_patches,
    content_targets,
    evaluate_terms,
    pair_targets,
    style_targets,
    term_weights,
)
from stylecore.objective.terms import TERMS, TermValues
from stylecore.recipe import TERM_NAMES, Recipe
from stylecore.stylization import stylize
from tests.stylecore.conftest import random_encoder

EVERY = Recipe(**{f"{name}_weight": 0.5 for name in TERM_NAMES})  # type: ignore[arg-type]


ENCODER = random_encoder(EVERY.layers)
CONTENT, STYLE, PICTURE = (torch.rand(1, 3, 32, 32) for _ in range(3))


def values(recipe: Recipe, picture: Tensor = PICTURE) -> TermValues:
    """The recipe's terms of a picture."""
    structure, guide = recipe.structure(), torch.ones(1, 1, 32, 32)
    style = style_targets(ENCODER, structure, STYLE, None, 1)
    targets = pair_targets(
        content_targets(ENCODER, structure, CONTENT, guide), style, term_weights(recipe, picture.device)
    )
    return evaluate_terms(
        ENCODER, structure, assign_patches(ENCODER, structure, targets, style, PICTURE), picture
    )


def test_every_weight_has_its_term() -> None:
    """Fields of a recipe that end in _weight and registered terms are the same, one to one."""
    weights = {field.name for field in fields(Recipe) if field.name.endswith("_weight")}
    assert {row.weight for row in TERMS.values()} == weights
    assert set(TERMS) == set(TERM_NAMES)


def test_a_weight_is_found_by_its_name() -> None:
    """The name of every weight stands in the module of terms, at the function that it weighs."""
    functions = [
        node for node in ast.parse(inspect.getsource(terms)).body if isinstance(node, ast.FunctionDef)
    ]
    decorated = {
        ast.unparse(mark): function.name for function in functions for mark in function.decorator_list
    }
    for name in TERM_NAMES:
        assert [function for mark, function in decorated.items() if f"'{name}_weight'" in mark] == [name]


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_term_goes_with_its_weight(name: str) -> None:
    """Twice the weight is twice the term, no weight is 0, and the other terms stay."""
    once, twice, without = (
        values(replace(EVERY, **{f"{name}_weight": weight}))  # type: ignore[arg-type]
        for weight in (0.5, 1.0, 0.0)
    )
    assert once[name].item() > 0
    torch.testing.assert_close(twice[name], 2 * once[name])
    assert without[name].item() == 0
    for other in set(TERM_NAMES) - {name}:
        assert once[other] == twice[other] == without[other]


def test_an_objective_of_nothing() -> None:
    """Where every weight is 0 the loss is 0, its gradient is 0, and a design is what it began as."""
    nothing = replace(EVERY, **{f"{name}_weight": 0.0 for name in TERM_NAMES})  # type: ignore[arg-type]
    picture = PICTURE.clone().requires_grad_(True)
    total = values(nothing, picture).total
    (gradient,) = torch.autograd.grad(total.sum(), picture)
    assert total.item() == 0 and not gradient.any()
    still = replace(nothing, levels=((1.0, 3),), init="content", start_noise=0.0, shading=0.0)
    torch.testing.assert_close(stylize(CONTENT, STYLE, still, encoder=ENCODER).picture_B3HW, CONTENT)


def test_total() -> None:
    """What is minimised is the sum of all terms."""
    every = values(EVERY)
    torch.testing.assert_close(every.total, torch.stack([every[name] for name in TERM_NAMES]).sum(0))


def test_a_new_term_is_a_function_and_a_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registered function is evaluated, weighed and summed: nothing else names it."""
    monkeypatch.setitem(
        TERMS, "saliency", terms.Term("saliency_weight", lambda c: c.picture_B3HW.mean((1, 2, 3)))
    )
    every = values(EVERY)
    torch.testing.assert_close(every["saliency"], 0.5 * PICTURE.mean((1, 2, 3)))
