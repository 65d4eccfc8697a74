"""The address, keys and rate limit of a connection to Langfuse."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from etl.errors import LangfuseRefusedError

CLOUD: Final = "https://cloud.langfuse.com"


class StoppedError(Exception):
    """The user or a signal requested a stop during a wait."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """The address of Langfuse and the keys of the project."""

    base_url: str
    public_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Credentials:
        """From `LANGFUSE_HOST` (empty: Langfuse Cloud) and the two keys. Raises `LangfuseRefusedError`."""
        names = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
        if missing := [name for name in names if not environ.get(name)]:
            raise LangfuseRefusedError(
                f"{' and '.join(missing)} not set: take the keys from the settings of the Langfuse project"
            )
        base_url = (environ.get("LANGFUSE_HOST") or CLOUD).rstrip("/")
        if not base_url.startswith(("http://", "https://")):
            raise LangfuseRefusedError("LANGFUSE_HOST must be a URL that begins with http:// or https://")
        return cls(base_url=base_url, public_key=environ[names[0]], secret_key=environ[names[1]])


class RateLimiter:
    """Spaces requests out to an optional limit; setting `stop` ends every wait."""

    def __init__(self, *, per_minute: int | None = None, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    def acquire(self) -> None:
        """Waits until the next request may be sent. Raises `StoppedError`."""
        self.wait(self._next - time.monotonic())
        self._next = max(self._next, time.monotonic()) + self._gap

    def wait(self, seconds: float) -> None:
        """Waits. Raises `StoppedError` when `stop` is set before or during the wait."""
        if self.stop.wait(max(0.0, seconds)):
            raise StoppedError
