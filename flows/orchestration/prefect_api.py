"""The Prefect server that a command works with: whether it answers, and what its answers mean."""

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
"""Seconds for which a server that does not answer is tried again, as it may be starting."""
LOOK = 0.5
"""Seconds between two such tries."""
ANSWER_SECONDS = 15.0
"""How long the first answer may take: Prefect's own limit is 60 s, in which a person sees nothing."""
CLIENT = "prefect.client."
"""The prefix of Prefect's modules that send requests to the server."""
PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)
"""HTTP status of answers, of a server or of a proxy before it, that may change at the next try."""
MEANINGS = {
    401: "check PREFECT_API_KEY or PREFECT_API_AUTH_STRING",
    403: "this key may not do that; check PREFECT_API_KEY or PREFECT_API_AUTH_STRING",
    404: "it knows no such address; PREFECT_API_URL ends in /api",
    407: "a proxy wants a password; put the server's host into NO_PROXY, or name user and password in HTTPS_PROXY",
}
"""What HTTP status means, where no second try changes it."""


@contextmanager
def prefect_api() -> Iterator[None]:
    """Give a run its Prefect API: that of the server at PREFECT_API_URL, else of a temporary server of this process.

    SettingsError where the server does not answer as Prefect does, before the block or within it;
    TemporaryServerError where the temporary one does not start or ends within the block.
    """
    with _name_socks_errors():
        if PREFECT_API_URL.value():
            with name_server_errors(
                "Or unset PREFECT_API_URL to run without a server. Finished designs are filed."
            ):
                _require_answer()
                yield
            return
        from flows.orchestration.temporary_server import temporary_server

        with temporary_server():
            yield


@contextmanager
def _name_socks_errors() -> Iterator[None]:
    """Raise SettingsError where the environment names a SOCKS proxy, and Prefect's client lacks the library for it."""
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
def name_server_errors(remedy: str = "") -> Iterator[None]:
    """Turn errors between Prefect's client and the server at PREFECT_API_URL into SettingsError with its address.

    Errors of these classes that other code in the block raises stay as they are, as that code asked another server.
    `remedy` is a sentence on what else may be done.
    """
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError, json.JSONDecodeError, InvalidVersion) as error:
        fault = _fault(error)
        if fault is None:
            raise
        raise SettingsError(
            f"The Prefect server at {_server_address()} {fault}. {remedy}".rstrip()
        ) from error


def find_deployment(client: "SyncPrefectClient", name: str) -> "UUID":
    """Return the id of a deployment, FLOW/NAME; SettingsError where the server has no such deployment."""
    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound as error:
        raise SettingsError(
            f"There is no deployment '{name}': deploy deployments/prefect.yaml (see the runbook)."
        ) from error


def start_deployment(name: str, parameters: dict[str, object], remedy: str = "") -> FlowRun:
    """Start a run of a deployment, FLOW/NAME; SettingsError where the server has no such one, or does not answer."""
    with name_server_errors(remedy), get_client(sync_client=True) as client:
        return client.create_flow_run_from_deployment(find_deployment(client, name), parameters=parameters)


def _require_answer() -> None:
    """Ask the server for its version; again for PATIENCE seconds where the answer may change, else raise its error."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            # The client's own retries take minutes, also over errors that stay.
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
        return cause.response.status_code in PASSING_STATUS
    return isinstance(cause, httpx.TransportError) and not isinstance(cause, httpx.UnsupportedProtocol)


def _http(error: BaseException | None) -> BaseException | None:
    """The error of HTTP, or of reading an answer, that Prefect has wrapped; None where there is none."""
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


def _server_address() -> str:
    """The server's address without user and password."""
    from catalogs.errors import without_password

    return without_password(str(PREFECT_API_URL.value()))
