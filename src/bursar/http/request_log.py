"""One structured line for each request: what was asked, by which role, what came of it.

Never in a line: tokens, bodies, query strings, addresses with values in them. The route's template
stands for the address.
"""

import sys
from typing import Any, Protocol

import msgspec
import structlog

_encode = msgspec.json.Encoder().encode
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class RequestLog(Protocol):
    """The part of a structlog logger that is used here."""

    def info(self, event: str, **values: Any) -> Any:
        """Log an event that is nothing to worry about."""
        ...

    def warning(self, event: str, **values: Any) -> Any:
        """Log an event that somebody may want to look at."""
        ...

    def error(self, event: str, **values: Any) -> Any:
        """Log an event that somebody should look at."""
        ...


def make_log(level: str) -> RequestLog:
    """Return a logger of JSON lines on standard error, from `level` (its lower-case name) up.

    It is configured apart from structlog's global state, which belongs to the app around us.
    """
    log: RequestLog = structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_as_bytes),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(level, 20)),
        cache_logger_on_first_use=True,
    )
    return log


def _as_bytes(event: dict[str, Any], **_: Any) -> bytes:
    return _encode(event)
