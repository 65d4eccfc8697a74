"""Langfuse over HTTP, through the API client of its package.

Nothing here repeats the sending of a span: a second one with the same ids is stored beside the first.
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
from etl.langfuse.connection import Credentials, Pace
from etl.langfuse.response import BROKEN, Answer, Fate, broken, judged, message, retry_after, said
from etl.langfuse.span import SPAN_NAME, Span, moment, resource_spans

_PAGE: Final = 1000
_READ_ATTEMPTS: Final = 6
_LONGEST_PAUSE: Final = 60.0
_HEADERS: Final = {"x-langfuse-ingestion-version": "4"}

Result = TypeVar("Result")


class Langfuse:
    """One project of one server."""

    def __init__(self, credentials: Credentials, pace: Pace, *, timeout: int = 30) -> None:
        self.base_url = credentials.base_url
        self.pace = pace
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
        """The id of the project that the keys belong to, on a server that Relay can write to and read from.

        Raises `LangfuseRefusedError` for wrong keys and for a server that is too old.
        """
        found = self._read(lambda: self._api.projects.get(request_options=self._options)).data
        if not found:
            raise LangfuseRefusedError(f"the keys belong to no project of Langfuse at {self.base_url}")
        now = datetime.now(UTC)
        self.measured(now - timedelta(minutes=1), now, ("count",), ())
        return str(found[0].id)

    def send(self, spans: list[Span]) -> Answer:
        """Sends spans, once. Raises `LangfuseRefusedError` when the server takes nothing from us at all."""
        self.pace.turn()
        body: Any = resource_spans(spans, self._public_key)
        try:
            answer = self._api.opentelemetry.export_traces(resource_spans=body, request_options=self._options)
        except ApiError as error:
            self._raise_if_hopeless(error)
            return judged(error)
        except BROKEN as error:
            return broken(error)
        partial = getattr(answer, "partialSuccess", None)
        if isinstance(partial, dict) and int(partial.get("rejectedSpans") or 0):
            return Answer(fate=Fate.UNKNOWN, reason="took only a part of the spans")
        return Answer(fate=Fate.ACCEPTED)

    def _raise_if_hopeless(self, error: ApiError) -> None:
        """For answers that every request of ours would get."""
        status, place = error.status_code or 0, f"Langfuse at {self.base_url}"
        if status in (401, 403):
            raise LangfuseRefusedError(
                f"{place} refuses the keys ({status}): check LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY "
                "and LANGFUSE_HOST"
            ) from error
        if status in (404, 405):
            raise LangfuseRefusedError(
                f"{place}{self._version()} only knows the old ingestion API, which loses or doubles what is "
                "sent: upgrade it to version 4 or later"
            ) from error
        if 300 <= status < 400:
            target = (error.headers or {}).get("location", "another address")
            raise LangfuseRefusedError(f"{place} sends us on to {target}: set LANGFUSE_HOST to it") from error

    def _version(self) -> str:
        try:
            return f" (version {self._api.health.health(request_options=self._options).version})"
        except (ApiError, *BROKEN):
            return ""

    def _read(self, ask: Callable[[], Result]) -> Result:
        """Asks until there is an answer; reading twice does no harm. Raises `LangfuseError`."""
        for attempt in range(_READ_ATTEMPTS):
            self.pace.turn()
            pause = min(2.0**attempt / 2, _LONGEST_PAUSE)
            try:
                return ask()
            except ApiError as error:
                status, reason = error.status_code or 0, f"answered {error.status_code}"
                if 300 <= status < 500 and status not in (408, 429):
                    self._raise_if_hopeless(error)
                    raise LangfuseError(f"Langfuse at {self.base_url} {reason}{message(error)}") from error
                pause = retry_after(error) or pause
            except BROKEN as error:
                reason = f"cannot be read: {said(error)}"
            if attempt + 1 < _READ_ATTEMPTS:
                self.pace.wait(pause)
        raise LangfuseError(f"Langfuse at {self.base_url} {reason}")

    def stored(self, since_ms: int, until_ms: int) -> Iterator[tuple[str, str]]:
        """Trace and id of every span of ours that began in a time, as often as it is stored."""
        cursor: str | None = None
        while True:
            page = self._read(
                lambda cursor=cursor: self._api.observations.get_many(  # type: ignore[misc] # mypy cannot infer it
                    fields="core",
                    limit=_PAGE,
                    cursor=cursor,
                    name=SPAN_NAME,
                    from_start_time=moment(since_ms),
                    to_start_time=moment(until_ms),
                    request_options=self._options,
                )
            )
            for one in page.data:
                yield one.trace_id or "", one.id
            cursor = page.meta.cursor
            if not cursor:
                return

    def measured(
        self, since: datetime, until: datetime, measures: tuple[str, ...], without_tags: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Sums over spans of ours that began in a time, by model; those with one of the tags are left out."""
        tags = {"column": "tags", "operator": "none of", "value": list(without_tags), "type": "arrayOptions"}
        query = {
            "view": "observations",
            "dimensions": [{"field": "providedModelName"}],
            "metrics": [{"measure": one, "aggregation": _aggregation(one)} for one in measures],
            "filters": [
                {"column": "name", "operator": "=", "value": SPAN_NAME, "type": "string"},
                *([tags] if without_tags else []),
            ],
            "fromTimestamp": _stamp(since),
            "toTimestamp": _stamp(until),
            "config": {"row_limit": _PAGE},
        }
        text = msgspec.json.encode(query).decode()
        rows: list[dict[str, Any]] = self._read(
            lambda: self._api.metrics.metrics(query=text, request_options=self._options)
        ).data
        if len(rows) < _PAGE or until - since <= timedelta(milliseconds=1):
            return rows
        # More models than one answer holds: the sums of both halves are added by whoever asked.
        middle = since + (until - since) / 2
        middle -= timedelta(microseconds=middle.microsecond % 1000)
        halves = (
            self.measured(since, middle, measures, without_tags),
            self.measured(middle, until, measures, without_tags),
        )
        return [row for half in halves for row in half]


def _aggregation(measure: str) -> str:
    return "count" if measure == "count" else "sum"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
