"""The log: structlog, one JSON object a line. Imported only where a log is wanted: structlog takes a while to load."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from nowake.telemetry.events import LEVELS, Event
from nowake.telemetry.redact import redact

_NUMBERS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_encode = msgspec.json.Encoder(enc_hook=str).encode


def open_log(stream: TextIO, level: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that writes events of ``level`` and above to ``stream``, each line when it happens.

    Args:
        stream: Stays open; its owner closes it.
        level: One of ``LEVELS``.
    """
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_secrets,
            _in_order,
            structlog.processors.JSONRenderer(serializer=lambda said, **_: _encode(said).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        cache_logger_on_first_use=True,
    )
    return logger


def write(logger: structlog.typing.FilteringBoundLogger, event: Event, fields: dict[str, Any]) -> None:
    """Write one event at its level."""
    getattr(logger, event.level)(event.name, **fields)


def _without_secrets(_logger: Any, _method: str, said: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: redact(value) if isinstance(value, str) else value for name, value in said.items()}


def _in_order(_logger: Any, _method: str, said: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put what is common to all lines first."""
    first = {name: said[name] for name in ("timestamp", "level", "event", "journal", "t") if name in said}
    return {**first, **{name: value for name, value in said.items() if name not in first}}


__all__ = ["LEVELS", "open_log", "write"]
