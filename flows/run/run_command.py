"""The command that carries a run out, or goes on with one: for pages, reports and messages, to copy."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """What of the catalogs a run was asked for; empty means all."""

    style_sets: tuple[str, ...] = ()
    garment_ids: tuple[str, ...] = ()
    style_ids: tuple[str, ...] = ()
    limit: int | None = None
    retry_of: str = ""
    """The run whose rejected are tried again, if it is a retry."""


def run_command(garments: str, styles: str, designs: str, recipe: str, asked: Asked) -> str:
    """`stylemill run` for these catalogs, by this recipe, of what was asked for; `stylemill retry` for a retry."""
    if asked.retry_of:
        return retry_command(designs, asked.retry_of)
    places = {"--garments": garments, "--styles": styles, "--designs": designs, "--recipe": recipe}
    chosen: dict[str, Sequence[str]] = {
        "--style-set": asked.style_sets,
        "--garment": asked.garment_ids,
        "--style": asked.style_ids,
        "--limit": () if asked.limit is None else (str(asked.limit),),
    }
    parts = [one for pair in places.items() for one in pair]
    parts += [one for option, names in chosen.items() for name in names for one in (option, name)]
    return shlex.join(["stylemill", "run", *parts])


def retry_command(designs: str, run_id: str) -> str:
    """`stylemill retry` for what a run has rejected."""
    return shlex.join(["stylemill", "retry", "--designs", designs, "--run", run_id])
