"""Captures the content of one request: the prompt as sent, the answer as received.

Personal data that was scrubbed stays scrubbed in both, also where it is restored for the client. Errors here
affect neither the answer nor its record.
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

_PROMPT_FIELDS: Final = (
    "system",
    "instructions",
    "messages",
    "prompt",
    "suffix",
    "input",
    "tools",
    "functions",
)

_log = logging.getLogger(__name__)


class Capture:
    """The content of one request in progress."""

    def __init__(self, pii: PiiMiddleware) -> None:
        self._pii = pii
        self._output: Output | None = None

    def observe(self, chunks: AsyncIterator[bytes], *, streams: bool) -> AsyncIterator[bytes]:
        """Yields the same chunks and reads the output from them, in place of an earlier attempt's."""
        self._output = Output(streams=streams)
        return _ObservedChunks(chunks, self._output)

    def content(self, request: Request) -> Content:
        """The content of a request that has ended, as it is written."""
        try:
            return self._content(request)
        except Exception as error:  # any error: the record must still be written
            _log_error(error)
            return Content(request_id=request.request_id, created_at=request.created_at)

    def _content(self, request: Request) -> Content:
        body = (request.call.body if request.call else None) or {}
        output = self._output.value() if self._output else None
        return Content(
            request_id=request.request_id,
            created_at=request.created_at,
            input=content_json(prompt_of(body)),
            output=content_json(self._pii.scrub_answer(request, output)),
        )


def prompt_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of a request's body that are its prompt; None where there are none."""
    return {name: body[name] for name in _PROMPT_FIELDS if body.get(name) is not None} or None


class _ObservedChunks:
    """Passes chunks on. Not a generator, so that closing the chunks closes everything."""

    def __init__(self, chunks: AsyncIterator[bytes], output: Output) -> None:
        self._chunks = chunks
        self._output: Output | None = output

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        if self._output is not None:
            try:
                self._output.feed(chunk)
            except Exception as error:  # any error: the answer must continue
                _log_error(error)
                self._output = None
        return chunk


def _log_error(error: Exception) -> None:
    # The error's message may quote the content.
    _log.error("the content of a request was not captured whole: %s", type(error).__name__)
