"""Style sets that have landed: each gets one run, however often it is reported, also where nobody reported it."""

import hashlib

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType

from catalogs.inputs.style_sets import EVERY, find_sets, unlike_manifest
from catalogs.inputs.styles import has_set, read_styles
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from catalogs.tables.catalog_files import catalog_key
from flows.orchestration.prefect_api import OF_STYLE_SETS, find_deployment
from flows.settings import read_settings, require_catalog

ATTEMPTS = 3
"""Runs that are started for one version of a set, if they fail."""
FAILED_STATES = (StateType.FAILED, StateType.CRASHED)
"""States of a run after which its set gets another run; a run that a person cancelled gets none."""


@flow(name="receive-style-sets", flow_run_name="receive {style_set}")
def receive_style_sets(style_set: str = EVERY, styles: str | None = None) -> list[str]:
    """Start a run for style sets that are complete and had none.

    A set is known by its name and its contents. Reported three times it has one run; sealed again with other
    contents it gets another run. A set that is not complete has none yet: the next call finds it.

    Args:
        style_set: the set that has landed, or `all` to look through the whole catalog.
        styles: the style catalog; the settings' if not given.

    Returns:
        Names of the sets for which a run was started.
    """
    log, settings = get_run_logger(), read_settings()
    uri = require_catalog("style", styles, settings)
    store = open_store(uri, settings.s3)
    complete, left_out = landed_sets(store)
    for name, fault in left_out.items():
        log.info("Style set '%s' is left out: %s", name, fault)
    if style_set != EVERY:
        if style_set not in complete:
            complete |= _of_catalog(store, style_set)
        if style_set not in complete and has_set(store, style_set):
            log.warning("Style set '%s' is not there whole; it gets its run when it is", style_set)
        elif style_set not in complete:
            log.warning(
                "There is no style set '%s' in %s: no such folder, and no row names it", style_set, uri
            )
        complete = {name: digest for name, digest in complete.items() if name == style_set}
    with get_client(sync_client=True) as client:
        return [name for name, digest in complete.items() if _receive(client, store, name, digest)]


def _receive(client: SyncPrefectClient, store: Store, name: str, digest: str) -> bool:
    """Start the run of a set, unless it has one; returns whether a run was started."""
    log, tag = get_run_logger(), f"style-set:{name}@{digest[:16]}"
    failed = _failed_runs(client, tag)
    if failed is None:
        return False
    if failed >= ATTEMPTS:
        log.error("Style set '%s': %d runs failed; see them by tag %s", name, failed, tag)
        return False
    if fault := unlike_manifest(store, name):
        log.warning("Style set '%s' gets no run: %s", name, fault)
        return False
    log.info("Run '%s' is started for style set '%s'", _start(client, name, tag, failed).name, name)
    return True


def landed_sets(store: Store) -> tuple[dict[str, str], dict[str, str]]:
    """Return the complete sets of a style catalog with their digests, and the others with what they lack."""
    sets = list(find_sets(store, {entry.key: entry for entry in store.list()}))
    return (
        {style_set.name: style_set.digest for style_set in sets if not style_set.fault},
        {style_set.name: style_set.fault for style_set in sets if style_set.fault},
    )


def _of_catalog(store: Store, name: str) -> dict[str, str]:
    """A set of the catalog's own table, with its digest; it is complete once reported. Empty where there is none."""
    etags = {entry.key: entry.etag for entry in store.list()}
    if not catalog_key(store, existing=etags):
        return {}
    lines = sorted(
        f"{style.style_id} {etags.get(style.image)}"
        for style in read_styles(store).records
        if style.style_set == name
    )
    return {name: hashlib.sha256("\n".join(lines).encode()).hexdigest()} if lines else {}


def _failed_runs(client: SyncPrefectClient, tag: str) -> int | None:
    """How many runs of a set failed; None where a run is done, in work or scheduled."""
    runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag])))
    return len(runs) if all(run.state_type in FAILED_STATES for run in runs) else None


def _start(client: SyncPrefectClient, name: str, tag: str, failed: int) -> FlowRun:
    """Start the run of a set after so many failed ones; two callers at the same time get the same run."""
    return client.create_flow_run_from_deployment(
        find_deployment(client, OF_STYLE_SETS),
        parameters={"style_sets": [name], "run_name": f"style set {name}"},
        tags=[tag],
        idempotency_key=hashlib.sha256(f"{tag}#{failed}".encode()).hexdigest(),
    )
