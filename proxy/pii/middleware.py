"""Scrubs a request on its way: the call that goes upstream, and what puts the values back into its answer."""

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
    """What the configuration asks for, made once per process; nothing of a request is kept in it."""

    def __init__(self, settings: Pii) -> None:
        self._restore = settings.restore
        self._scrubber: Scrubber | None = None
        if settings.enabled:
            from proxy.pii.scrubber import Scrubber  # noqa: PLC0415 -- 5 MiB for those who use it

            self._scrubber = Scrubber(settings.entities, settings.patterns, settings.phone_regions)
            self._scrubber.warm()

    def scrub(self, request: Request, call: Call) -> tuple[Call, Restorer | None]:
        """The call without personal data, which `request` then holds and counts.

        Raises `Refusal` (400) for more of it than Relay looks at.
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
        """What is captured of an answer without personal data, with the placeholders that its prompt has."""
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
