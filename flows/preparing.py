"""What must be known before work starts: where, with what, and the plan. No Prefect here."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from catalogs.contents import usable, with_digests
from catalogs.designs import DesignCatalog
from catalogs.garments import read_garments
from catalogs.store_contract import Store
from catalogs.stores import open_store
from catalogs.styles import read_styles
from flows.devices import device_name, require_device
from flows.errors import SettingsError
from flows.planning import Plan, of_style_sets, plan_designs, seconds_a_design
from flows.recipes import find_recipe
from flows.settings import Settings
from flows.weights import resolve_recipe
from stylecore.recipe import Recipe


@dataclass(frozen=True)
class Place:
    """Which catalogs a run works on, and with which recipe (its weights known) on which device."""

    garments: str
    styles: str
    designs: str
    recipe: Recipe
    device: str
    run_id: str


def resolve_place(
    settings: Settings,
    garments: str | None = None,
    styles: str | None = None,
    designs: str | None = None,
    recipe: str | None = None,
    device: str | None = None,
) -> Place:
    """Arguments over settings; SettingsError names a catalog that neither gives."""
    found = {
        "garments": garments or settings.garments,
        "styles": styles or settings.styles,
        "designs": designs or settings.designs,
    }
    for name, uri in found.items():
        if not uri:
            raise SettingsError(f"No {name} catalog: give --{name} URI or set STYLEMILL_{name.upper()}.")
    chosen = str(require_device(device or settings.device))
    resolved = resolve_recipe(find_recipe(recipe or settings.recipe), settings)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    return Place(**found, recipe=resolved, device=chosen, run_id=run_id)


def make_plan(place: Place, settings: Settings, style_sets: Sequence[str], limit: int | None = None) -> Plan:
    """Read both catalogs and what exists, and plan; pictures of records with work are looked at."""
    garment_store, style_store, designs = open_catalogs(place, settings)
    garments, styles = read_garments(garment_store), read_styles(style_store)
    wanted = of_style_sets(styles.records, style_sets, styles.problems)
    own_garments, garment_problems = with_digests(garment_store, garments.records)
    own_styles, style_problems = with_digests(style_store, wanted)
    problems = [*garments.problems, *styles.problems, *garment_problems, *style_problems]
    plan = plan_designs(own_garments, own_styles, place.recipe, designs.existing(), problems)
    _, bad_garments = usable(garment_store, plan.garments, settings.max_pixels)
    _, bad_styles = usable(style_store, plan.styles, settings.max_pixels)
    plan = plan.without(
        [*bad_garments, *bad_styles], {p.record for p in bad_garments}, {p.record for p in bad_styles}
    )
    return plan.with_remarks(garments.remarks + styles.remarks).limited(limit)


def estimate(place: Place, settings: Settings) -> float | None:
    """Expected device seconds a design: from designs of this recipe and device, else from a model."""
    table = open_catalogs(place, settings)[2].read(["recipe_digest", "device", "seconds"])
    name, digest = device_name(require_device(place.device)), place.recipe.digest()
    rows = zip(*(table[column].to_pylist() for column in table.column_names), strict=True)
    measured = [seconds for recipe, device, seconds in rows if recipe == digest and device == name]
    return seconds_a_design(place.recipe, require_device(place.device).type, measured)


def open_catalogs(place: Place, settings: Settings) -> tuple[Store, Store, DesignCatalog]:
    """The stores of garments and styles, and the design catalog."""
    return (
        open_store(place.garments, settings.s3),
        open_store(place.styles, settings.s3),
        DesignCatalog(open_store(place.designs, settings.s3)),
    )
