"""Style sets that have landed: one run for each, however often it is told, and a look for those nobody told of."""

import hashlib
from collections.abc import Mapping, Sequence

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from catalogs.store_contract import Store
from catalogs.stores import open_store
from catalogs.style_sets import find_sets
from catalogs.styles import read_styles
from flows.errors import SettingsError
from flows.settings import read_settings

DEPLOYMENT = "stylize-catalog/style-set"
"""What is started for a set; see deployments/prefect.yaml."""
ATTEMPTS = 3
"""Runs that are started for one version of a set, if they fail."""
IN_VAIN = (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)


@flow(name="receive-style-sets", flow_run_name="receive {style_set}")
def receive_style_sets(style_set: str = "all", styles: str | None = None) -> list[str]:
    """Start a run for style sets that are complete and had none.

    A set is known by its name and its contents. Told of three times it has one run; sealed anew with other
    contents it gets another. A set that is not complete has none yet: the next look finds it.

    Args:
        style_set: the set that has landed, or `all` to look through the whole catalog.
        styles: the style catalog; the settings' if not given.

    Returns:
        Names of the sets for which a run was started.
    """
    log, settings = get_run_logger(), read_settings()
    uri = styles or settings.styles
    if not uri:
        raise SettingsError("No style catalog: set STYLEMILL_STYLES for the worker.")
    store = open_store(uri, settings.s3)
    complete, left_out = landed_sets(store)
    for name, fault in left_out.items():
        log.info("Style set '%s' is left out: %s", name, fault)
    if style_set != "all":
        if style_set not in complete:
            complete |= _of_catalog(store, style_set)
        if style_set not in complete:
            log.warning("Style set '%s' is not there whole; it gets its run when it is", style_set)
        complete = {name: digest for name, digest in complete.items() if name == style_set}
    with get_client(sync_client=True) as client:
        wanted = {name: _tag(name, digest) for name, digest in complete.items()}
        new = {name: before for name, tag in wanted.items() if (before := _before(client, tag)) is not None}
        spent = [name for name, before in new.items() if before >= ATTEMPTS]
        for name in spent:
            log.error("Style set '%s': %d runs failed; see them by tag %s", name, ATTEMPTS, wanted[name])
        started = {name: before for name, before in new.items() if name not in spent}
        if started:
            run = _start(client, started, [wanted[name] for name in started])
            log.info("Run '%s' is started for %s", run.name, ", ".join(started))
    return list(started)


def landed_sets(store: Store) -> tuple[dict[str, str], dict[str, str]]:
    """Complete sets of a style catalog with their digests, and the others with what they want."""
    found = list(find_sets(store, {entry.key: entry for entry in store.list()}))
    return (
        {one.name: one.digest for one in found if not one.fault},
        {one.name: one.fault for one in found if one.fault},
    )


def _of_catalog(store: Store, name: str) -> dict[str, str]:
    """A set of the catalog's own table, which is complete when somebody says so; empty where there is none."""
    etags = {entry.key: entry.etag for entry in store.list()}
    own = sorted(
        f"{s.style_id} {etags.get(s.image)}" for s in read_styles(store).records if s.style_set == name
    )
    return {name: hashlib.sha256("\n".join(own).encode()).hexdigest()} if own else {}


def _tag(name: str, digest: str) -> str:
    return f"style-set:{name}@{digest[:16]}"


def _before(client: SyncPrefectClient, tag: str) -> int | None:
    """How many runs of a set ended in vain; None where one is done, in work or to come."""
    runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag])))
    return len(runs) if all(run.state_type in IN_VAIN for run in runs) else None


def _start(client: SyncPrefectClient, sets: Mapping[str, int], tags: Sequence[str]) -> FlowRun:
    """One run for the sets; two that start it at the same time get the same one."""
    try:
        deployment = client.read_deployment_by_name(DEPLOYMENT)
    except ObjectNotFound as error:
        raise SettingsError(
            f"There is no deployment '{DEPLOYMENT}': deploy deployments/prefect.yaml (see the runbook)."
        ) from error
    attempts = sorted(zip(tags, sets.values(), strict=True))
    names = list(sets)
    return client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"style_sets": names, "run_name": f"style set {', '.join(names)}"[:100]},
        tags=tags,
        idempotency_key=hashlib.sha256(repr(attempts).encode()).hexdigest(),
    )
