"""The event that says a style set has landed; deployments/prefect.yaml starts a run for it."""

from flows.errors import SettingsError

LANDED = "stylemill.style-set.landed"
RESOURCE = "stylemill.style-set."


def emit_landed(style_set: str) -> str:
    """Tell the Prefect server that a style set is complete; returns the event's id.

    Raises SettingsError without a server, since nobody would hear it, and where the server does not take it.
    """
    from prefect.settings import PREFECT_API_URL

    api = PREFECT_API_URL.value()
    if not api:
        raise SettingsError(
            "There is no Prefect server to tell: set PREFECT_API_URL (see deployments/runbook.md), or run"
            f" 'stylemill run --style-set {style_set}' yourself."
        )
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.events import Event, Resource

    event = Event(
        event=LANDED,
        resource=Resource({"prefect.resource.id": f"{RESOURCE}{style_set}"}),
        payload={"style_set": style_set},
    )
    try:
        with get_client(sync_client=True) as client:
            answer = client.request("POST", "/events", json=[event.model_dump(mode="json")])
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise SettingsError(
            f"The Prefect server at {api} did not take the event: {error}. Is it running?"
        ) from error
    return str(event.id)
