"""Requests the model lists of the upstreams and caches them.

An upstream is asked with its own key and without headers of a client. One that fails is left out of the list
and asked again after at most `RETRY_SECONDS`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from proxy.config.settings import Config
from proxy.config.upstreams import Upstream
from proxy.json_decoding import decode
from proxy.models.model import MAX_MODELS, Model, listed_models, merged
from proxy.request.headers import UpstreamHeaders
from proxy.request.routing import upstream_url
from proxy.upstream.client import Client, UpstreamFault, read_chunks

LIST_SECONDS: Final = 5.0
"""The time in which an upstream must have sent its list."""

RETRY_SECONDS: Final = 30.0
_MAX_BYTES: Final = 8_388_608
_MAX_PAGES: Final = 10

_log = logging.getLogger(__name__)


class _List:
    """The list of one upstream, valid until `expires` of the clock."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.models: tuple[Model, ...] = ()
        self.expires = 0.0
        self.failure = ""
        self.task: asyncio.Task[None] | None = None


class Catalog:
    """The models of all upstreams, merged. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        config: Config,
        headers: UpstreamHeaders,
        provider_keys: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._headers = headers
        self._provider_keys = provider_keys
        self._clock = clock
        self._lists = [_List(upstream) for upstream in config.upstreams.values()]
        self._models = merged(config, ())

    async def models(self, client: Client) -> tuple[Model, ...]:
        """Return all models, from the cache or after asking the upstreams whose lists have expired.

        Nothing waits for an upstream that failed before: it is asked in the background.
        """
        now, waiting = self._clock(), set[asyncio.Task[None]]()
        for entry in self._lists:
            if entry.expires > now:
                continue
            if entry.task is None or entry.task.done():
                entry.task = asyncio.create_task(self._ask(client, entry))
            if not entry.failure:
                waiting.add(entry.task)
        if waiting:
            await asyncio.wait(waiting)
        return self._models

    async def close(self) -> None:
        """Cancel the requests that are running."""
        if tasks := {entry.task for entry in self._lists if entry.task is not None}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _ask(self, client: Client, entry: _List) -> None:
        """Replace the list of an upstream; an empty one after a failure."""
        seconds = self._config.routes.models_cache_seconds
        failure = ""
        try:
            async with asyncio.timeout(LIST_SECONDS):
                entry.models = await self._read_list(client, entry.upstream)
        except TimeoutError:
            failure = f"it took more than {LIST_SECONDS:g} s"
        except UpstreamFault as fault:
            failure = fault.message
        except ValueError as error:
            failure = str(error)
        if failure:
            entry.models = ()
            seconds = min(seconds, RETRY_SECONDS)
            if failure != entry.failure:
                _log.warning("upstream '%s' does not list its models: %s", entry.upstream.name, failure)
        entry.failure = failure
        entry.expires = self._clock() + seconds
        self._models = merged(self._config, [model for entry in self._lists for model in entry.models])

    async def _read_list(self, client: Client, upstream: Upstream) -> tuple[Model, ...]:
        """Return the models of every page. Raises `UpstreamFault`, and `ValueError` for any other answer."""
        models: list[Model] = []
        query = "limit=1000" if upstream.api == "anthropic" else ""
        for _ in range(_MAX_PAGES):
            answer = await self._get(client, upstream, query)
            models += listed_models(upstream, answer)
            last = answer.get("last_id")
            if upstream.api != "anthropic" or answer.get("has_more") is not True or not isinstance(last, str):
                break
            query = f"limit=1000&after_id={quote(last, safe='')}"
        return tuple(models[:MAX_MODELS])

    async def _get(self, client: Client, upstream: Upstream, query: str) -> Any:
        headers = self._headers.build(upstream, self._provider_keys.get(upstream.name), {})
        headers["Accept"] = "application/json"
        url = upstream_url(upstream, "/v1/models", query)
        async with client.send(upstream, "GET", url, headers, b"") as answer:
            if answer.status != 200:
                raise ValueError(f"it answered {answer.status}")
            body = bytearray()
            async for chunk in read_chunks(upstream, answer):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError(f"its list has more than {_MAX_BYTES} bytes")
        return decode(bytes(body))
