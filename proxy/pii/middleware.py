"""Middleware of personal data: scrubs a request, and provides the restorer for its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.config.pii import Pii
from proxy.errors import Refusal
from proxy.pii.restore import Restorer
from proxy.request.call import Call
from proxy.request.context import Request

if TYPE_CHECKING:
    from proxy.pii.scrubber import Scrubber


class PiiMiddleware:
    """The configured scrubbing of a process; it keeps no data of requests."""

    def __init__(self, settings: Pii) -> None:
        self._restore = settings.restore
        self._scrubber: Scrubber | None = None
        if settings.enabled:
            from proxy.pii.scrubber import Scrubber  # noqa: PLC0415 -- 5 MiB, loaded only where it is used

            self._scrubber = Scrubber(settings.entities, settings.patterns, settings.phone_regions)
            self._scrubber.warm_up()

    def scrub(self, request: Request, call: Call) -> tuple[Call, Restorer | None]:
        """Return the scrubbed call and the restorer of its answer, and update `request` with them.

        Raises `Refusal` (400) for a request with more candidates than Relay checks.
        """
        if self._scrubber is None or call.body is None:
            return call, None
        placeholders = request.placeholders = self._scrubber.scrub(call.body)
        if not placeholders.values:
            return call, None
        request.pii_entities = placeholders.counts
        request.call = call.reencoded()
        return request.call, Restorer(placeholders.values) if self._restore else None

    def scrub_answer(self, request: Request, output: Any) -> Any:
        """Return a captured answer without personal data, with the placeholders of its prompt."""
        if self._scrubber is None or output is None:
            return output
        captured = {"output": output}
        try:
            self._scrubber.scrub(
                captured, request.placeholders.for_answer() if request.placeholders else None
            )
        except Refusal:
            return {"cut": "it holds too much of what may be personal data"}
        return captured["output"]
