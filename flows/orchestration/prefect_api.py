"""The Prefect server that a command talks to: whether it answers, and what its answers mean."""

import json
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from packaging.version import InvalidVersion
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from flows.errors import SettingsError

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

OF_STYLE_SETS = "stylize-catalog/style-set"
"""The deployment that makes chosen designs beside others (deployments/prefect.yaml)."""
PATIENCE = 8.0
"""Seconds for which a server that does not answer may be about to start."""
LOOK = 0.5
ANSWER_SECONDS = 15.0
"""How long the first answer may take: Prefect's own 60 s would pass without a word."""
CLIENT = "prefect.client."
"""Modules that ask the server."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers of a server, or of a proxy before it, that may be another the next time."""
MEANINGS = {
    401: "check PREFECT_API_KEY or PREFECT_API_AUTH_STRING",
    403: "this key may not do that; check PREFECT_API_KEY or PREFECT_API_AUTH_STRING",
    404: "it knows no such address; PREFECT_API_URL ends in /api",
    407: "a proxy wants a password; put the server's host into NO_PROXY, or name user and password in HTTPS_PROXY",
}
"""What the answers mean that no second try changes."""


@contextmanager
def prefect_api() -> Iterator[None]:
    """The API that a run is told to: of the server that is named, else a temporary one that ends with us.

    SettingsError names the server that does not answer as one, before the block or within it;
    TemporaryServerError says the like of the temporary one.
    """
    with _socks_told():
        if PREFECT_API_URL.value():
            with told("Or unset PREFECT_API_URL to run without a server. Finished designs are filed."):
                _require_answer()
                yield
            return
        from flows.orchestration.temporary_server import temporary_server

        with temporary_server():
            yield


@contextmanager
def _socks_told() -> Iterator[None]:
    """SettingsError where the environment names a SOCKS proxy, and Prefect's client lacks the library for it."""
    try:
        yield
    except ImportError as error:
        if "socksio" not in str(error):
            raise
        raise SettingsError(
            "ALL_PROXY, HTTPS_PROXY or HTTP_PROXY names a SOCKS proxy, for which Prefect's client needs a library more:"
            " 'pip install socksio', or name a proxy of http://."
        ) from error


@contextmanager
def told(remedy: str = "") -> Iterator[None]:
    """What goes wrong between Prefect's client and the server that is named is a SettingsError with its address.

    The like of it that other code in the block raises stays what it is: it asked another server, or none.
    `remedy` is a sentence on what else may be done.
    """
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError, json.JSONDecodeError, InvalidVersion) as error:
        fault = _fault(error)
        if fault is None:
            raise
        raise SettingsError(f"The Prefect server at {_shown()} {fault}. {remedy}".rstrip()) from error


def find_deployment(client: "SyncPrefectClient", name: str) -> "UUID":
    """The id of a deployment, FLOW/NAME; SettingsError where the server has none."""
    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound as error:
        raise SettingsError(
            f"There is no deployment '{name}': deploy deployments/prefect.yaml (see the runbook)."
        ) from error


def start_deployment(name: str, parameters: dict[str, object], remedy: str = "") -> FlowRun:
    """Start a run of a deployment, FLOW/NAME; SettingsError where the server has none, or does not answer."""
    with told(remedy), get_client(sync_client=True) as client:
        return client.create_flow_run_from_deployment(find_deployment(client, name), parameters=parameters)


def _require_answer() -> None:
    """Ask the server for its version: at once where the answer is final, for a while where it may change."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            # Its own retries take minutes over what no retry mends.
            with (
                temporary_settings(
                    {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: ANSWER_SECONDS}
                ),
                get_client(sync_client=True) as client,
            ):
                client.raise_for_api_version_mismatch()
            return
        except (httpx.HTTPError, RuntimeError) as error:
            if not _may_pass(error) or time.monotonic() > until:
                raise
        time.sleep(LOOK)


def _may_pass(error: BaseException) -> bool:
    cause = _http(error)
    if isinstance(cause, httpx.HTTPStatusError):
        return cause.response.status_code in PASSING
    return isinstance(cause, httpx.TransportError) and not isinstance(cause, httpx.UnsupportedProtocol)


def _http(error: BaseException | None) -> BaseException | None:
    """The error of HTTP, or of what was answered, that Prefect has wrapped; None where there is none."""
    kinds = httpx.HTTPError | httpx.InvalidURL | json.JSONDecodeError
    while error is not None and not (isinstance(error, kinds) and _of_client(error)):
        error = error.__cause__
    return error


def _of_client(error: BaseException) -> bool:
    """Whether an error came up through Prefect's client."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(str(frame.f_globals.get("__name__", "")).startswith(CLIENT) for frame in frames)


def _fault(error: Exception) -> str | None:
    """What is wrong with the server, as the rest of a sentence; None where the error is about something else."""
    cause = _http(error)
    if isinstance(cause, httpx.HTTPStatusError):
        return _status_fault(cause.response)
    if isinstance(cause, json.JSONDecodeError) or isinstance(error, InvalidVersion):
        return "answers, but not as Prefect does: is another program there? PREFECT_API_URL ends in /api"
    if isinstance(cause, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "cannot be asked: the address begins with http:// or https:// and has no blanks"
    if isinstance(cause, httpx.TransportError):
        return f"does not answer ({cause or type(cause).__name__}). Start it, or correct PREFECT_API_URL"
    if "incompatible versions" in str(error):
        versions = " and ".join(re.findall(r"(?:client|server): [\w.+]+\w", str(error)))
        return f"is of another major version of Prefect than this machine's ({versions}): install the same one on both"
    return None


def _status_fault(response: httpx.Response) -> str:
    status = response.status_code
    known = MEANINGS.get(status)
    if known is None:
        ours = "json" in response.headers.get("content-type", "")
        known = (
            "see the server's log" if ours else "that is not Prefect; a proxy before it, or another program"
        )
    return f"answers {status} {response.reason_phrase}: {known}"


def _shown() -> str:
    """The server's address without user and password."""
    from catalogs.errors import without_password

    return without_password(str(PREFECT_API_URL.value()))
