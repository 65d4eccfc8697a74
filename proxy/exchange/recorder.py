"""Writes the one record of a request: settles its limits, captures its content, counts its metrics."""

from __future__ import annotations

import time

from proxy.content.capture import Capture
from proxy.exchange.services import Services
from proxy.metering.answer import AnswerReader
from proxy.metering.record_builder import Outcome, make_record
from proxy.request.context import Request
from proxy.segments.record import elapsed_ms


class Recorder:
    """The record of one request, which began at `began_ns` of the monotonic clock."""

    def __init__(self, services: Services, request: Request, reader: AnswerReader, *, began_ns: int) -> None:
        self._services = services
        self._request = request
        self._reader = reader
        self._began_ns = began_ns
        self._recorded = False
        self.admission = services.limits.unlimited
        self.capture = Capture(services.pii) if services.writer.captures_content else None

    def intend(self, model: str) -> None:
        """Writes the intent line, before the request is sent. Raises `LogWriteError`."""
        request = self._request
        self._services.writer.intent(
            request_id=request.request_id,
            created_at=request.created_at,
            user_id=request.key.user,
            team_id=request.key.team,
            model=model,
            endpoint=request.endpoint,
        )

    def content_began(self) -> None:
        """Notes the time to the first token."""
        self._request.ttft_ms = elapsed_ms(time.monotonic_ns() - self._began_ns)

    def record(self, outcome: Outcome, ended_ns: int | None = None) -> None:
        """Writes the record, once; it ended at `ended_ns` of the monotonic clock, or now."""
        if self._recorded:
            return
        self._recorded = True
        services, request = self._services, self._request
        latency = elapsed_ms((ended_ns or time.monotonic_ns()) - self._began_ns)
        record = make_record(request, self._reader, outcome, services.prices, latency)
        self.admission.settle(record)
        if self.capture is not None and request.attempts:
            services.writer.content(self.capture.content(request))
        services.writer.record(record)
        services.metrics.observe(record)

    async def finish(self, outcome: Outcome, ended_ns: int | None = None) -> None:
        """Writes the record and waits until it is durable and settled. Raises `LogWriteError`."""
        self.record(outcome, ended_ns)
        if self._services.writer.waits_for_disk:
            await self._services.writer.durable()
        if self.admission.holds:
            await self.admission.settled()

    async def close(self) -> None:
        """Releases what the request still holds of its limits."""
        if self.admission.holds:
            await self.admission.end()
