"""Maintenance of the design catalog as a flow: examine, remove what killed runs left, merge small files."""

from datetime import timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact

from catalogs.designs import maintenance, orphans
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from flows.settings import read_settings, require_catalog


@flow(name="keep-designs")
def keep_designs(
    designs: str | None = None, older_than_hours: float = 24, retention_days: float = 7
) -> dict[str, Any]:
    """Do what `stylemill doctor --quick` and `stylemill gc --delete` do, on a schedule; nothing is repaired.

    Args:
        designs: the design catalog; the settings' if not given.
        older_than_hours: what killed runs left goes when it is older than that.
        retention_days: files that no version of the last so many days needs are removed.

    Returns:
        Counts: records, faulty ones, what was removed and merged.
    """
    log, settings = get_run_logger(), read_settings()
    uri = require_catalog("design", designs, settings)
    catalog = DesignCatalog(open_store(uri, settings.s3))
    examined = maintenance.examine(catalog, contents=False)
    removed_orphans = orphans.discard(
        catalog, orphans.find_removable(catalog, timedelta(hours=older_than_hours))
    )
    merged, removed = maintenance.tidy(catalog, timedelta(days=retention_days))
    counts = {
        "designs": examined.designs,
        "without_picture": len(examined.faults),
        "left_by_killed_runs_removed": len(removed_orphans),
        "table_files_merged": merged,
        "table_files_removed": removed,
    }
    if examined.faults:
        log.warning("%d records have no picture: run 'stylemill doctor --repair'", len(examined.faults))
    log.info("%s", counts)
    rows = [f"| {name.replace('_', ' ')} | {count} |" for name, count in counts.items()]
    create_markdown_artifact(
        key="stylemill-upkeep", markdown="\n".join(["| | |", "|---|---|", *rows]), description=uri
    )
    return counts
