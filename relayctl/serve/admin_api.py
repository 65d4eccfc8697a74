"""The admin endpoints `/internal/usage` and `/internal/usage/leaderboard`: the reports over HTTP.

They require the master key; without a configured one they refuse every request.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Literal, TypeVar, cast, get_args

from aiohttp import web
from multidict import MultiMapping

from etl.errors import EtlError
from relayctl.errors import InputError, RelayctlError, optional_imports
from relayctl.reports import json_documents as documents
from relayctl.reports import reports
from relayctl.reports.buckets import Granularity
from relayctl.reports.query import COLUMNS, DEFAULT_GROUP_BY, DIMENSIONS, Dimension, Filters, Source
from relayctl.reports.time_range import Period, period
from relayctl.sources.opening import utc_now

Query = MultiMapping[str]
Handler = Callable[[web.Request], Awaitable[web.Response]]
Name = TypeVar("Name", bound=str)

_log = logging.getLogger(__name__)

HttpGranularity = Literal["hour", "day", "week", "month"]
_PERIOD: Final = ("since", "until", "tz")
_FILTERS: Final = {column: dimension for dimension, column in COLUMNS.items()}
_USAGE: Final = {*_FILTERS, "granularity", "group_by", *_PERIOD}
_LEADERBOARD: Final = {"dimension", "metric", "limit", *_PERIOD}
_REPEATABLE: Final = {*_FILTERS, "group_by"}


def _check_names(query: Query, known: set[str]) -> None:
    for name in query:
        if name not in known:
            raise InputError(name, f"parameter {name!r} is unknown; known are {', '.join(sorted(known))}")
        if name not in _REPEATABLE and len(query.getall(name)) > 1:
            raise InputError(name, f"parameter {name!r} is given more than once")


def _period(query: Query, now: datetime) -> Period:
    return period(since=query.get("since"), until=query.get("until"), tz=query.get("tz", "UTC"), now=now)


def _one_of(parameter: str, value: str, allowed: Sequence[Name]) -> Name:
    if value not in allowed:
        raise InputError(parameter, f"{parameter} {value!r} is none of: {', '.join(allowed)}")
    return cast("Name", value)


def _whole(parameter: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise InputError(parameter, f"{parameter} {value!r} is not a whole number")
    return int(value)


def usage_json(source: Source, query: Query, now: datetime) -> bytes:
    """The body of `GET /internal/usage`. Raises `InputError` naming the parameter that is wrong."""
    _check_names(query, _USAGE)
    granularity: Granularity = _one_of(
        "granularity", query.get("granularity", "day"), get_args(HttpGranularity)
    )
    group_by: list[Dimension] = [
        _one_of("group_by", value, DIMENSIONS) for value in query.getall("group_by", [])
    ]
    filters = Filters({dimension: tuple(query.getall(column, [])) for column, dimension in _FILTERS.items()})
    report = reports.usage_report(
        source,
        _period(query, now),
        granularity=granularity,
        group_by=group_by or DEFAULT_GROUP_BY,
        filters=filters,
    )
    return documents.encode(documents.usage_document(report))


def leaderboard_json(source: Source, query: Query, now: datetime) -> bytes:
    """The body of `GET /internal/usage/leaderboard`. Raises `InputError` naming the wrong parameter."""
    _check_names(query, _LEADERBOARD)
    report = reports.leaderboard(
        source,
        _period(query, now),
        dimension=_one_of("dimension", query.get("dimension", "user"), DIMENSIONS),
        metric=_one_of("metric", query.get("metric", "tokens"), reports.METRICS),
        limit=_whole("limit", query.get("limit", str(reports.DEFAULT_LIMIT))),
    )
    return documents.encode(documents.leaderboard_document(report))


def _error(status: int, message: str, *, parameter: str | None = None) -> web.Response:
    kind = {401: "authentication_error", 400: "invalid_request_error"}.get(status, "api_error")
    body = {"error": {"message": message, "type": kind, "param": parameter, "code": None}}
    headers = {"WWW-Authenticate": "Bearer"} if status == web.HTTPUnauthorized.status_code else None
    return web.Response(
        status=status, body=documents.encode(body), content_type="application/json", headers=headers
    )


def _is_master(request: web.Request, master_key: str | None) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if not master_key or scheme.lower() != "bearer":
        return False
    # As bytes, because compare_digest refuses non-ASCII text; surrogates are bytes that are not UTF-8.
    expected, received = (text.encode(errors="surrogateescape") for text in (master_key, given.strip()))
    return hmac.compare_digest(expected, received)


def admin_routes(
    source_factory: Callable[[], Source], master_key: str | None, now: Callable[[], datetime] = utc_now
) -> list[web.RouteDef]:
    """The routes of the admin endpoints; the source is made anew for each request, in a thread."""

    def handler(body: Callable[[Source, Query, datetime], bytes]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            if not _is_master(request, master_key):
                return _error(401, "this needs the master key: Authorization: Bearer $PROXY_MASTER_KEY")
            try:
                with optional_imports():
                    found = await asyncio.to_thread(lambda: body(source_factory(), request.query, now()))
            except InputError as error:
                return _error(400, str(error), parameter=error.parameter)
            except (EtlError, RelayctlError) as error:
                _log.warning("%s cannot be answered: %s", request.path, error)
                return _error(503, str(error))
            return web.Response(body=found, content_type="application/json")

        return handle

    return [
        web.get("/internal/usage", handler(usage_json)),
        web.get("/internal/usage/leaderboard", handler(leaderboard_json)),
    ]
