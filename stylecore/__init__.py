"""Style transfer on tensors: no files, no network, no orchestration.

    from stylecore import Recipe, stylize

`stylize` is loaded when it is first used, so that reading recipes does not load torch.
"""

from typing import TYPE_CHECKING, Any

from stylecore.recipe import Recipe

if TYPE_CHECKING:
    from stylecore.stylization import Stylization, stylize

__all__ = ["Recipe", "Stylization", "stylize"]


def __getattr__(name: str) -> Any:
    if name in ("Stylization", "stylize"):
        from importlib import import_module

        return getattr(import_module("stylecore.stylization"), name)
    raise AttributeError(f"module 'stylecore' has no attribute '{name}'")
