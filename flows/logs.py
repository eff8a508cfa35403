"""Logs as JSON lines, for machines that gather them: each line with its run, shard, garment, style and job."""

import logging
import sys

import structlog
from structlog.contextvars import merge_contextvars

OURS = ("flows", "catalogs", "stylecore")
"""Loggers of our own rooms; Prefect has its own console for the rest."""


def as_json() -> None:
    """Send our logs, and those of Prefect's runs, to standard error as a JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(allow=("garment", "style", "job")),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    for name in (*OURS, "prefect"):
        logger = logging.getLogger(name)
        # Prefect's own console would say the same a second time, as text.
        kept = [one for one in logger.handlers if not _writes_text(one)]
        logger.handlers = [*kept, handler]
        logger.setLevel(logging.INFO)


def _writes_text(handler: logging.Handler) -> bool:
    return type(handler) is logging.StreamHandler or "Console" in type(handler).__name__
