"""Structured logging: readable lines on a console, JSON by setting; what looks like a secret is blotted out."""

import logging
import re
import sys
from functools import partial
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from tools.logfiles import DayFiles
from tools.settings import Settings

SECRET_KEY = re.compile(r"password|passwd|secret|api_?key|credential|authorization|cookie|(^|_)token$", re.IGNORECASE)
"""A log line's field named so shows no value."""
SECRET_TEXT = (
    # The password in a URL; a key of a model's provider; a header's bearer token.
    (re.compile(r"(?<=://)([^:/@\s]*):[^@\s]+(?=@)"), r"\1:***"),
    (re.compile(r"\bsk-[\w-]{8,}"), "sk-***"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
)
FILES: dict[str, tuple[str, ...]] = {
    "app": ("",),
    "sync": ("tools.sync", "tools.documents", "tools.jobs", "workers"),
    "query": ("tools.queries",),
    "error": ("",),
}
"""File -> the loggers whose lines stand in it, as JSON; in the last one, errors alone."""
QUIET = {
    "httpx": "WARNING",
    "httpx2": "WARNING",
    "httpcore": "WARNING",
    "rq": "WARNING",
    "alembic": "WARNING",
    "mcp": "WARNING",
    "sqlglot": "ERROR",
}
"""Libraries that narrate what is no news to anybody: that a statement is no SELECT, say, the guard tells."""


def configure(settings: Settings) -> None:
    """Send every log line of this process, ours and the libraries', to stderr in the format of the settings."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        blot_out,
    ]
    json = structlog.processors.JSONRenderer(default=str)
    # Rich tracebacks would show the values of local variables, and so people's data.
    plain = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )

    def written(handler: logging.Handler, renderer: Processor) -> logging.Handler:
        processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=processors))
        return handler

    root = logging.getLogger()
    root.handlers = [
        written(logging.StreamHandler(sys.stderr), json if settings.log_format == "json" else plain),
        *(written(handler, json) for handler in _files(settings)),
    ]
    root.setLevel(settings.log_level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # it may have set up handlers of its own before
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


def unless_configured() -> None:
    """Let warnings go to stderr, and nothing else anywhere, where `configure` was not called: stdout is for data."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            blot_out,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _files(settings: Settings) -> list[logging.Handler]:
    """The files of the settings, each with what belongs in it; none where no folder is named."""
    if settings.log_dir is None:
        return []
    handlers: list[logging.Handler] = []
    for name, rooms in FILES.items():
        handlers.append(DayFiles(settings.log_dir, name))
        handlers[-1].addFilter(partial(_from, rooms))
    handlers[-1].setLevel(logging.ERROR)
    return handlers


def _from(rooms: tuple[str, ...], record: logging.LogRecord) -> bool:
    return record.name.startswith(rooms)


def blot_out(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replace values of fields that are named like secrets, and secrets inside of texts."""
    return {key: "***" if SECRET_KEY.search(key) and value else _without_secrets(value) for key, value in event.items()}


def _without_secrets(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for pattern, replacement in SECRET_TEXT:
        value = pattern.sub(replacement, value)
    return value
