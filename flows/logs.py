"""Logs as JSON lines, for machines that gather them: each line with its run, shard, garment, style and job."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

OURS = ("flows", "catalogs", "stylecore", "stylemill")
"""Loggers of our own rooms, and of the command's own words."""
SAID = logging.getLogger("stylemill")
ERROR = "Error: "
"""How the last line of a command that failed begins."""
FIELDS = ("garment", "style", "job")
"""What records of our own rooms carry along."""
CHATTER = (
    "Finished in state", "Starting temporary server", "Stopping temporary server",
    # A stop that was ordered is no error: an alert on errors would ring for each.
    "Crash detected! Execution was aborted by a termination signal",
    "Crash detected! Execution was aborted by an interrupt signal",
)  # fmt: skip
"""What Prefect says of every run and shard, and our own events say with their counts."""

_handlers: list[logging.Handler] = []


def is_json() -> bool:
    """Whether this process says everything on standard error as JSON."""
    return bool(_handlers)


def as_json() -> None:
    """Send all logs, warnings and words of the command to standard error: one JSON object a line, one line an event."""
    if not _handlers:
        _handlers.append(_handler())
        logging.captureWarnings(True)
    known = logging.root.manager.loggerDict.values()
    for logger in (logging.getLogger(), *(one for one in known if isinstance(one, logging.Logger))):
        # Those that write text would say the same a second time; Prefect's own go to its server, and stay.
        logger.handlers = [one for one in logger.handlers if not _writes_text(one) and one not in _handlers]
    # On the root alone: Prefect leaves a root that has a handler as it is.
    logging.getLogger().addHandler(_handlers[0])
    for name in (*OURS, "prefect"):
        logging.getLogger(name).setLevel(logging.INFO)


def say(message: str) -> None:
    """A line for the person, on standard error; an event of the log where that is JSON."""
    if not is_json():
        print(message, file=sys.stderr, flush=True)
    elif message.startswith(ERROR):
        SAID.error(message.removeprefix(ERROR))
    else:
        SAID.info(message.strip())


def event(name: str, **fields: Any) -> None:
    """Log what happened with its figures, where logs are JSON."""
    if is_json():
        SAID.info(name, extra={"figures": fields})


def _handler() -> logging.Handler:
    # A fifth of a second that commands without JSON need not wait.
    import structlog
    from structlog.contextvars import merge_contextvars

    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_told)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(allow=(*FIELDS, "figures")),
                _laid_out,
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


def _laid_out(_logger: Any, _name: str, told: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An event's figures as fields of the line."""
    figures = told.pop("figures", None) or {}
    return {**told, **figures}


def _is_told(record: logging.LogRecord) -> bool:
    return not (record.name.startswith("prefect") and record.getMessage().startswith(CHATTER))


def _writes_text(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
