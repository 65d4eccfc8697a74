"""Client of Langfuse's HTTP API, on top of the API client of its package.

Sending a span is never repeated here: Langfuse stores a second one with the same ids beside the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx
import msgspec
from langfuse.api.client import LangfuseAPI
from langfuse.api.core.api_error import ApiError
from langfuse.api.core.request_options import RequestOptions

from etl.errors import LangfuseError, LangfuseRefusedError
from etl.langfuse.connection import Credentials, RateLimiter
from etl.langfuse.response import (
    TRANSPORT_ERRORS,
    Outcome,
    SendResult,
    error_text,
    from_api_error,
    from_transport_error,
    retry_after,
    server_message,
)
from etl.langfuse.span import SPAN_NAME, Span, from_milliseconds, resource_spans

_PAGE_SIZE: Final = 1000
_READ_ATTEMPTS: Final = 6
_MAX_PAUSE: Final = 60.0
_HEADERS: Final = {"x-langfuse-ingestion-version": "4"}

Result = TypeVar("Result")


class Langfuse:
    """One project of one server; `timeout` is in seconds."""

    def __init__(self, credentials: Credentials, limiter: RateLimiter, *, timeout: int = 30) -> None:
        self.base_url = credentials.base_url
        self.limiter = limiter
        self._public_key = credentials.public_key
        self._options: RequestOptions = {
            "max_retries": 0,
            "timeout_in_seconds": timeout,
            "additional_headers": _HEADERS,
        }
        self._http = httpx.Client(timeout=timeout, follow_redirects=False)
        self._api = LangfuseAPI(
            base_url=credentials.base_url,
            username=credentials.public_key,
            password=credentials.secret_key,
            httpx_client=self._http,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def project(self) -> str:
        """The id of the project that the keys belong to.

        Raises `LangfuseRefusedError` for wrong keys and for a server that Relay cannot read from.
        """
        found = self._read(lambda: self._api.projects.get(request_options=self._options)).data
        if not found:
            raise LangfuseRefusedError(f"the keys belong to no project of Langfuse at {self.base_url}")
        now = datetime.now(UTC)
        self.query_metrics(now - timedelta(minutes=1), now, ("count",), ())
        return str(found[0].id)

    def send(self, spans: list[Span]) -> SendResult:
        """Sends spans, once. Raises `LangfuseRefusedError` when the server would refuse every request."""
        self.limiter.acquire()
        body: Any = resource_spans(spans, self._public_key)
        try:
            response = self._api.opentelemetry.export_traces(
                resource_spans=body, request_options=self._options
            )
        except ApiError as error:
            self._raise_if_permanent(error)
            return from_api_error(error)
        except TRANSPORT_ERRORS as error:
            return from_transport_error(error)
        partial = getattr(response, "partialSuccess", None)
        if isinstance(partial, dict) and int(partial.get("rejectedSpans") or 0):
            return SendResult(outcome=Outcome.UNKNOWN, reason="accepted only a part of the spans")
        return SendResult(outcome=Outcome.ACCEPTED)

    def _raise_if_permanent(self, error: ApiError) -> None:
        """Raises `LangfuseRefusedError` for a status that every request would get."""
        status, server = error.status_code or 0, f"Langfuse at {self.base_url}"
        if status in (401, 403):
            raise LangfuseRefusedError(
                f"{server} refuses the keys ({status}): check LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY "
                "and LANGFUSE_HOST"
            ) from error
        if status in (404, 405):
            raise LangfuseRefusedError(
                f"{server}{self._version()} has only the old ingestion API, which loses or duplicates spans: "
                "upgrade it to version 4 or later"
            ) from error
        if 300 <= status < 400:
            target = (error.headers or {}).get("location", "another address")
            raise LangfuseRefusedError(f"{server} redirects to {target}: set LANGFUSE_HOST to it") from error

    def _version(self) -> str:
        try:
            return f" (version {self._api.health.health(request_options=self._options).version})"
        except (ApiError, *TRANSPORT_ERRORS):
            return ""

    def _read(self, request: Callable[[], Result]) -> Result:
        """Repeats a request, which only reads, until it succeeds. Raises `LangfuseError`."""
        for attempt in range(_READ_ATTEMPTS):
            self.limiter.acquire()
            pause = min(2.0**attempt / 2, _MAX_PAUSE)
            try:
                return request()
            except ApiError as error:
                status, reason = error.status_code or 0, f"answered {error.status_code}"
                if 300 <= status < 500 and status not in (408, 429):
                    self._raise_if_permanent(error)
                    raise LangfuseError(
                        f"Langfuse at {self.base_url} {reason}{server_message(error)}"
                    ) from error
                pause = retry_after(error) or pause
            except TRANSPORT_ERRORS as error:
                reason = f"cannot be read: {error_text(error)}"
            if attempt + 1 < _READ_ATTEMPTS:
                self.limiter.wait(pause)
        raise LangfuseError(f"Langfuse at {self.base_url} {reason}")

    def stored_spans(self, since_ms: int, until_ms: int) -> Iterator[tuple[str, str]]:
        """Yields trace id and span id of Relay's spans that started in a period, once per stored copy."""
        cursor: str | None = None
        while True:
            page = self._read(
                lambda cursor=cursor: self._api.observations.get_many(  # type: ignore[misc] # mypy cannot infer it
                    fields="core",
                    limit=_PAGE_SIZE,
                    cursor=cursor,
                    name=SPAN_NAME,
                    from_start_time=from_milliseconds(since_ms),
                    to_start_time=from_milliseconds(until_ms),
                    request_options=self._options,
                )
            )
            for observation in page.data:
                yield observation.trace_id or "", observation.id
            cursor = page.meta.cursor
            if not cursor:
                return

    def query_metrics(
        self, since: datetime, until: datetime, measures: tuple[str, ...], without_tags: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Sums per model over Relay's spans that started in a period and have none of the tags.

        A model may have several rows, whose sums the caller adds.
        """
        tags = {"column": "tags", "operator": "none of", "value": list(without_tags), "type": "arrayOptions"}
        query = {
            "view": "observations",
            "dimensions": [{"field": "providedModelName"}],
            "metrics": [{"measure": one, "aggregation": _aggregation(one)} for one in measures],
            "filters": [
                {"column": "name", "operator": "=", "value": SPAN_NAME, "type": "string"},
                *([tags] if without_tags else []),
            ],
            "fromTimestamp": _timestamp(since),
            "toTimestamp": _timestamp(until),
            "config": {"row_limit": _PAGE_SIZE},
        }
        text = msgspec.json.encode(query).decode()
        rows: list[dict[str, Any]] = self._read(
            lambda: self._api.metrics.metrics(query=text, request_options=self._options)
        ).data
        if len(rows) < _PAGE_SIZE or until - since <= timedelta(milliseconds=1):
            return rows
        # There may be more models than one response contains: query both halves of the period.
        middle = since + (until - since) / 2
        middle -= timedelta(microseconds=middle.microsecond % 1000)
        halves = (
            self.query_metrics(since, middle, measures, without_tags),
            self.query_metrics(middle, until, measures, without_tags),
        )
        return [row for half in halves for row in half]


def _aggregation(measure: str) -> str:
    return "count" if measure == "count" else "sum"


def _timestamp(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
