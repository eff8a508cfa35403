"""The event that says a style set has landed; deployments/prefect.yaml starts a run for it."""

from contextlib import suppress

from catalogs.errors import CatalogsError
from catalogs.inputs.style_sets import EVERY
from catalogs.inputs.styles import has_set
from catalogs.storage.stores import open_store
from flows.errors import SettingsError
from flows.settings import Settings

LANDED = "stylemill.style-set.landed"
RESOURCE = "stylemill.style-set."


def require_set(settings: Settings, style_set: str) -> None:
    """Raise SettingsError where the style catalog is known here, and has nothing of a set; half a set may be landing."""
    if not settings.styles or style_set == EVERY:
        return
    store = open_store(settings.styles, settings.s3)
    # A person who may notify the server need not have the right to read the catalog.
    with suppress(CatalogsError):
        if not has_set(store, style_set):
            raise SettingsError(
                f"There is no style set '{style_set}' in {store.uri}: no such folder, and no row of its catalog"
                " names it. Check the name, or copy the set first."
            )


def emit_landed(style_set: str) -> str:
    """Send the Prefect server the event that a style set is complete; returns the event's id.

    SettingsError where there is no server to take the event, and where the server refuses it.
    """
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise SettingsError(
            "There is no Prefect server to tell: set PREFECT_API_URL (see deployments/runbook.md), or run"
            f" 'stylemill run --style-set {style_set}' yourself."
        )
    from prefect.client.orchestration import get_client
    from prefect.events import Event, Resource

    from flows.orchestration.prefect_api import name_server_errors

    event = Event(
        event=LANDED,
        resource=Resource({"prefect.resource.id": f"{RESOURCE}{style_set}"}),
        payload={"style_set": style_set},
    )
    with name_server_errors("The event was not taken."), get_client(sync_client=True) as client:
        answer = client.request("POST", "/events", json=[event.model_dump(mode="json")])
        answer.raise_for_status()
    return str(event.id)
