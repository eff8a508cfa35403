"""Prefect's own settings: our defaults for them, and errors in those of the user."""

import os
import tomllib
import warnings

from flows.errors import SettingsError


def require_prefect() -> None:
    """Load Prefect; SettingsError names the settings that Prefect cannot use."""
    from pydantic import ValidationError

    try:
        import prefect.context  # noqa: F401
    except ValidationError as error:
        # Others follow from the first.
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"Prefect cannot use its {error.title}, {where}={first['input']!r}: {first['msg']}. Correct or unset the"
            " variable PREFECT_... of that name."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"Prefect cannot read its profiles: {error}. Mend or remove profiles.toml in PREFECT_HOME (else ~/.prefect)."
        ) from error


def quiet_prefect() -> None:
    """Set defaults for Prefect without a server: no telemetry and few messages. What the user set stays."""
    defaults = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        # A profile of the user's may forbid it.
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        # Prefect's 20 s for its temporary API are short on a machine that is busy.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
    }
    if not os.environ.get("PREFECT_API_URL"):
        # The command itself reports errors, once and without a traceback.
        defaults["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
        defaults["PREFECT_SERVER_LOGGING_LEVEL"] = "CRITICAL"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # Where it matters, the server that cannot start reports it (flows/orchestration/temporary_server.py).
    warnings.filterwarnings("ignore", message="Failed to create the Prefect home directory")
