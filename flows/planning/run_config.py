"""The configuration of one run: its catalogs, recipe, device and settings, in one object that every step takes."""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from flows.errors import SettingsError
from flows.recipes.kept import choose_recipe
from flows.settings import Settings, require_catalog
from stylecore.recipe import Recipe


@dataclass(frozen=True)
class RunConfig:
    """What a run works on and with, made once; it can be pickled, and goes to worker processes and to Ray.

    `garments`, `styles` and `designs` are URIs of catalogs. `recipe` names its encoder's weights by their digest.
    `device` is a device's name, as `cpu` or `cuda:0`. `run_id` begins with the time at which the run began.
    """

    garments: str
    styles: str
    designs: str
    recipe: Recipe
    device: str
    run_id: str
    settings: Settings = field(repr=False)
    """Not shown: addresses in the settings may hold passwords."""


@dataclass(frozen=True)
class RunCatalogs:
    """The three catalogs of a run, opened."""

    garments: Store
    styles: Store
    designs: DesignCatalog


def open_catalogs(config: RunConfig) -> RunCatalogs:
    """Open the stores of garments and styles, and the design catalog."""
    s3 = config.settings.s3
    return RunCatalogs(
        garments=open_store(config.garments, s3),
        styles=open_store(config.styles, s3),
        designs=DesignCatalog(open_store(config.designs, s3)),
    )


def resolve_run_config(
    settings: Settings,
    garments: str | None = None,
    styles: str | None = None,
    designs: str | None = None,
    recipe: str | None = None,
    device: str | None = None,
) -> RunConfig:
    """Make the configuration of a new run; an argument counts before the setting of its name.

    Torch is loaded here and not with the module, so that a misspelt catalog is reported at once.

    Raises:
        SettingsError: neither argument nor setting names a catalog, or the design catalog is a file or an input.
        RecipeError: there is no such recipe.
        WeightsError: the recipe's weights cannot be read.
    """
    given = {"garment": garments, "style": styles, "design": designs}
    uris = {f"{noun}s": require_catalog(noun, uri, settings) for noun, uri in given.items()}
    # Reports keep whole addresses: the command that goes on with a run may be given from any folder.
    uris = {name: open_store(uri, settings.s3).uri for name, uri in uris.items()}
    _require_separate_designs(uris)
    from flows.planning.devices import require_device
    from flows.planning.weights import resolve_recipe

    wanted = device or settings.device
    # A cluster's devices are not this machine's.
    chosen = wanted if settings.ray else str(require_device(wanted))
    store = open_store(uris["designs"], settings.s3)
    resolved = resolve_recipe(choose_recipe(recipe or settings.recipe, store), settings)
    return RunConfig(**uris, recipe=resolved, device=chosen, run_id=_new_run_id(), settings=settings)


def resolve_estimate_config(
    settings: Settings, garments: str, styles: str, designs: str, recipe: str
) -> RunConfig:
    """Make a configuration for plans and estimates alone: no device is looked for, and no weights are read.

    The newest design by the recipe says which weights the recipe means. Where there is no such design, the digest of
    the weights stays empty: nothing by this recipe is made yet. RecipeError where there is no such recipe.
    """
    store = open_store(designs, settings.s3)
    chosen = choose_recipe(recipe, store)
    if not chosen.encoder_sha256:
        table = DesignCatalog(store).read(["recipe_json", "created_at"])
        newest = table.sort_by([("created_at", "descending")])["recipe_json"].unique().drop_null()
        chosen = next(_with_filed_weights(chosen, newest.to_pylist()), chosen)
    return RunConfig(garments, styles, designs, chosen, settings.device, run_id="", settings=settings)


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"


def _with_filed_weights(recipe: Recipe, recipe_jsons: Iterable[str]) -> Iterator[Recipe]:
    """The recipe with the weights of each filed recipe that differs from it in nothing else."""
    for recipe_json in recipe_jsons:
        resolved = replace(recipe, encoder_sha256=json.loads(recipe_json).get("encoder_sha256", ""))
        if resolved.canonical_json() == recipe_json:
            yield resolved


def _require_separate_designs(uris: dict[str, str]) -> None:
    """SettingsError unless the designs lie in a folder or prefix of their own."""
    designs = uris["designs"]
    if Path(designs).exists() and not Path(designs).is_dir():
        raise SettingsError(
            f"The design catalog {designs} is a file: give --designs a folder or s3://bucket/prefix."
        )
    for name in ("garments", "styles"):
        if uris[name] == designs:
            raise SettingsError(
                f"The design catalog and the {name} catalog are one place ({designs}): give --designs a folder"
                " or prefix of its own."
            )
