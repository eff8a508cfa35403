"""The terminal command that carries out a run, or goes on with one: for pages, reports and messages, to be copied."""

import shlex
from collections.abc import Sequence

from flows.planning.selection import Selection


def run_command_line(garments: str, styles: str, designs: str, recipe: str, selection: Selection) -> str:
    """Return `stylemill run` for these catalogs (URIs), by this recipe, for the selected designs."""
    catalogs = {"--garments": garments, "--styles": styles, "--designs": designs, "--recipe": recipe}
    selected: dict[str, Sequence[str]] = {
        "--style-set": selection.style_sets,
        "--garment": selection.garment_ids,
        "--style": selection.style_ids,
        "--limit": () if selection.limit is None else (str(selection.limit),),
    }
    words = [word for option_and_value in catalogs.items() for word in option_and_value]
    words += [word for option, names in selected.items() for name in names for word in (option, name)]
    return shlex.join(["stylemill", "run", *words])


def retry_command_line(designs: str, run_id: str) -> str:
    """Return `stylemill retry` for what a run of this design catalog (its URI) has rejected."""
    return shlex.join(["stylemill", "retry", "--designs", designs, "--run", run_id])
