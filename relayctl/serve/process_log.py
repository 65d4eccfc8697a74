"""Configures the process log: one line per event on stderr, as text or JSON. Must not contain secrets."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (RFC 3339, UTC), level, logger, message; worker and traceback if any."""

    def __init__(self, worker: int | None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """Renders one event."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._worker,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class _RequestRedaction(logging.Filter):
    """Removes the request data that aiohttp quotes in parse errors, because it may be a key or a prompt."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites parse errors; drops no event."""
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None and issubclass(kind, HttpProcessingError | web.RequestPayloadError):
            record.msg, record.args = "a client sent an invalid HTTP request (%s)", (kind.__name__,)
            record.exc_info = record.exc_text = None
        return True


def configure(form: str, level: str, *, worker: int | None = None) -> None:
    """Sends all log events of this process to stderr, as `human` lines or `json`, with the worker number."""
    handler = logging.StreamHandler(sys.stderr)
    prefix = "" if worker is None else f"worker {worker}: "
    human = logging.Formatter(f"%(asctime)s %(levelname)-7s {prefix}%(message)s")
    handler.setFormatter(JsonFormatter(worker) if form == "json" else human)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").filters = [_RequestRedaction()]
