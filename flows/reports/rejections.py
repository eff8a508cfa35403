"""What an earlier run rejected, read back from its report, for a run that tries exactly that again."""

from pathlib import Path

from catalogs import keys
from catalogs.errors import InvalidKeyError, NotFoundError
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from flows.errors import NothingRejectedError, SettingsError
from flows.planning.run_config import RunConfig
from flows.planning.selection import Rejected
from flows.recipes.kept import kept_names
from flows.recipes.named import NAMED
from flows.reports.report_files import read_report
from flows.settings import Settings, require_catalog
from stylecore.errors import nearest

NEWEST = "newest"
"""Stands for the id of the newest run that rejected anything."""


def read_rejected(settings: Settings, designs: str | None, run_id: str) -> Rejected:
    """Return what the report of a run lists as rejected; `run_id` may be `newest`.

    Raises:
        SettingsError: the design catalog has no such run, or neither argument nor setting names a design catalog.
        NothingRejectedError: the newest run that rejected anything is asked for, and no run did.
        ReportError: the report cannot be read.
    """
    uri = require_catalog("design", designs, settings)
    store = open_store(uri, settings.s3)
    if run_id == NEWEST:
        run_id = _newest_rejecting(store)
    try:
        report = read_report(store, run_id)
    except (NotFoundError, InvalidKeyError) as error:
        runs = sorted({entry.key.split("/")[1] for entry in store.list(f"{keys.RUNS}/")})
        raise SettingsError(
            f"There is no run '{run_id}' in {store.uri}: {nearest(run_id, runs)} 'stylemill status' lists them."
        ) from error
    return Rejected(
        run_id=run_id,
        garments=report["garments"],
        styles=report["styles"],
        designs=uri,
        recipe=report["recipe"],
        recipe_digest=report["recipe_digest"],
        pairs=frozenset((failure["garment_id"], failure["style_id"]) for failure in report["failures"]),
        records=frozenset(problem["record"] for problem in report["problems"]),
    )


def _newest_rejecting(store: Store) -> str:
    runs = [
        entry.key.split("/")[1]
        for entry in store.list(f"{keys.RUNS}/")
        if entry.key.endswith(f"/{keys.REJECTIONS}")
    ]
    if not runs:
        raise NothingRejectedError(f"No run in {store.uri} has rejected anything.")
    # A run's id begins with its time.
    return max(runs)


def recipe_of_run(rejected: Rejected, given: str | None, settings: Settings) -> str:
    """Return the name or file of the recipe that a run worked by.

    It is `given`, where it is; else a named recipe, the one that the settings name, or one that the catalog keeps.
    """
    if given:
        return given
    if rejected.recipe in NAMED and NAMED[rejected.recipe]().digest() == rejected.recipe_digest:
        return rejected.recipe
    if Path(settings.recipe).stem == rejected.recipe:
        return settings.recipe
    kept = keys.kept_recipe(rejected.recipe, rejected.recipe_digest)
    return kept if kept in kept_names(open_store(rejected.designs, settings.s3)) else rejected.recipe


def require_same_recipe(config: RunConfig, rejected: Rejected) -> None:
    """Raise SettingsError unless the recipe of the configuration is the one that the earlier run worked by."""
    digest = config.recipe.digest()
    if digest != rejected.recipe_digest:
        raise SettingsError(
            f"The run worked by recipe {rejected.recipe} {rejected.recipe_digest[:12]}, but that is"
            f" {digest[:12]} now: give --recipe with the TOML file that it used, or 'stylemill run'"
            " for designs by the new one."
        )
