"""The public surface: three names, and torch only when it is needed."""

import subprocess
import sys

import pytest

import stylecore


def in_fresh_process(code: str) -> str:
    """What a program prints in an interpreter that has imported nothing."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["stylecore", "stylecore.recipe", "stylecore.errors"])
def test_import_is_light(module: str) -> None:
    """Neither the package nor its recipes load torch."""
    assert in_fresh_process(f"import sys, {module}; print('torch' in sys.modules)") == "False"


def test_stylize_is_the_function() -> None:
    """`stylize` is the function even after the module `stylecore.stylization` was imported."""
    code = (
        "import stylecore.stylization\n"
        "from stylecore import Recipe, Stylization, stylize\n"
        "import stylecore.stylization as module\n"
        "print(stylize is module.stylize, Stylization is module.Stylization, Recipe.__name__)"
    )
    assert in_fresh_process(code) == "True True Recipe"


def test_all_names_exist() -> None:
    """Every name in `__all__` can be had from the package."""
    assert sorted(stylecore.__all__) == ["Recipe", "Stylization", "stylize"]
    assert all(callable(getattr(stylecore, name)) for name in stylecore.__all__)


def test_unknown_name() -> None:
    """A name that is not there raises AttributeError that says which."""
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        _ = stylecore.stylise
