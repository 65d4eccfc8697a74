"""What is captured of one request where that is asked for: its prompt as it was sent, its answer as it came.

Personal data that was scrubbed stays scrubbed in both, also where the client gets it put back. Whatever goes
wrong here never touches the answer or its record.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from proxy.content.notes import content_json
from proxy.content.output import Output
from proxy.pii.middleware import PiiMiddleware
from proxy.request.context import Request
from proxy.segments.content_lines import Content

_ASKED: Final = ("system", "instructions", "messages", "prompt", "suffix", "input", "tools", "functions")

_log = logging.getLogger(__name__)


class Capture:
    """The content of one request while it lasts."""

    def __init__(self, pii: PiiMiddleware) -> None:
        self._pii = pii
        self._output: Output | None = None

    def observe(self, pieces: AsyncIterator[bytes], *, streams: bool) -> AsyncIterator[bytes]:
        """The same pieces, from which the output is put together; an earlier answer's is forgotten."""
        self._output = Output(streams=streams)
        return _Observed(pieces, self._output)

    def content(self, request: Request) -> Content:
        """What is to be written of a request that has ended."""
        try:
            return self._content(request)
        except Exception as error:  # whatever it is: the record, which comes next, must be written
            _complain(error)
            return Content(request_id=request.request_id, created_at=request.created_at)

    def _content(self, request: Request) -> Content:
        body = (request.call.body if request.call else None) or {}
        output = self._output.value() if self._output else None
        return Content(
            request_id=request.request_id,
            created_at=request.created_at,
            input=content_json(asked(body)),
            output=content_json(self._pii.scrub_answer(request, output)),
        )


def asked(body: dict[str, Any]) -> dict[str, Any] | None:
    """The part of a request's body that is its prompt; None where there is none."""
    return {name: body[name] for name in _ASKED if body.get(name) is not None} or None


class _Observed:
    """Passes pieces on as they come. No generator: whoever closes the pieces has nothing else to close."""

    def __init__(self, pieces: AsyncIterator[bytes], output: Output) -> None:
        self._pieces = pieces
        self._output: Output | None = output

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        if self._output is not None:
            try:
                self._output.feed(piece)
            except Exception as error:  # whatever it is: the answer must go on
                _complain(error)
                self._output = None
        return piece


def _complain(error: Exception) -> None:
    # Its message may quote what was to be captured.
    _log.error("the content of a request was not captured whole: %s", type(error).__name__)
