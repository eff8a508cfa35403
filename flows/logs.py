"""Logs as JSON lines, for programs that collect them: each line names its run, shard, garment, style and job."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

OURS = ("flows", "catalogs", "stylecore", "stylemill")
"""Loggers of our packages, and of the messages of the command."""
SAID = logging.getLogger("stylemill")
ERROR = "Error: "
"""The beginning of the last line of a command that failed."""
FIELDS = ("garment", "style", "job")
"""Extra fields of our own log records."""
CHATTER = (
    "Finished in state", "Starting temporary server", "Stopping temporary server",
    # An ordered stop is not an error: an alert on errors would fire for each.
    "Crash detected! Execution was aborted by a termination signal",
    "Crash detected! Execution was aborted by an interrupt signal",
)  # fmt: skip
"""Messages of Prefect on every run and shard; our own events say the same, with counts."""

_handlers: list[logging.Handler] = []


def is_json() -> bool:
    """Return whether this process writes its logs and messages as JSON."""
    return bool(_handlers)


def log_as_json() -> None:
    """Write all logs, warnings and messages to standard error from here on, each as one JSON object on one line."""
    if not _handlers:
        _handlers.append(_handler())
        logging.captureWarnings(True)
    known = logging.root.manager.loggerDict.values()
    loggers = [logger for logger in known if isinstance(logger, logging.Logger)]
    for logger in (logging.getLogger(), *loggers):
        # Handlers that write text would repeat each line; Prefect's own handlers send to its server, and stay.
        logger.handlers = [
            handler for handler in logger.handlers if not _writes_text(handler) and handler not in _handlers
        ]
    # On the root alone: Prefect changes nothing at a root logger that has a handler.
    logging.getLogger().addHandler(_handlers[0])
    for name in (*OURS, "prefect"):
        logging.getLogger(name).setLevel(logging.INFO)


def say(message: str) -> None:
    """Print a line for the person on standard error, or log it, where logs are JSON."""
    if not is_json():
        print(message, file=sys.stderr, flush=True)
    elif message.startswith(ERROR):
        SAID.error(message.removeprefix(ERROR))
    else:
        SAID.info(message.strip())


def log_event(name: str, **fields: Any) -> None:
    """Log an event with its figures, where logs are JSON; else do nothing."""
    if is_json():
        SAID.info(name, extra={"figures": fields})


def _handler() -> logging.Handler:
    # Structlog takes a fifth of a second to load, which commands without JSON save.
    import structlog
    from structlog.contextvars import merge_contextvars

    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_wanted)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(allow=(*FIELDS, "figures")),
                _spread_figures,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    return handler


def _spread_figures(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line with the figures of its event as fields."""
    figures = line.pop("figures", None) or {}
    return {**line, **figures}


def _is_wanted(record: logging.LogRecord) -> bool:
    return not (record.name.startswith("prefect") and record.getMessage().startswith(CHATTER))


def _writes_text(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
