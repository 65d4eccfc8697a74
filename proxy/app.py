"""Builds the proxy: its routes, its services, their start and stop. Must not know a database."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from proxy.cache.middleware import CacheMiddleware
from proxy.config.settings import Config
from proxy.errors import KeysError
from proxy.exchange.cors import Cors
from proxy.exchange.handler import Exchange, handler
from proxy.exchange.models import LIST, ModelsExchange
from proxy.exchange.services import Services
from proxy.limits.middleware import LimitsMiddleware
from proxy.metering.prices import PriceTable
from proxy.metrics.registry import TEXT_TYPE, Metrics
from proxy.metrics.shared_values import SharedValues
from proxy.pii.middleware import PiiMiddleware
from proxy.request.call import METERED
from proxy.request.keys import KeyStore
from proxy.request.policy import Policy
from proxy.request.routing import Router
from proxy.segments.writer import Writer
from proxy.upstream.client import Client

KEYS_SECONDS: Final = 1.0
SERVICES: Final = web.AppKey("services", Services)

_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _labels(config: Config, prices: PriceTable) -> Callable[[str], str]:
    """Maps a model to its metric label: a name from the configuration or the price tables, or `other`."""
    router = Router(config)

    @lru_cache(maxsize=4096)
    def label(model: str) -> str:
        if router.configured(model):
            return model
        names = (prices.known_name(upstream, model) for upstream in router.serving(model))
        return next((name for name in names if name), "other")

    return label


def _provider_keys(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    keys = {}
    for upstream in config.upstreams.values():
        if upstream.api_key_env is None:
            continue
        if value := environ.get(upstream.api_key_env):
            keys[upstream.name] = value
        else:
            _log.warning(
                "%s is not set: requests go to upstream '%s' without a key",
                upstream.api_key_env,
                upstream.name,
            )
    return keys


def build(
    config: Config,
    *,
    environ: Mapping[str, str] = os.environ,
    now: Callable[[], datetime] = _utc_now,
    values: SharedValues | None = None,
) -> web.Application:
    """Builds the aiohttp application. Raises `KeysError` for a key file that cannot be read.

    `environ` holds the providers' keys and `PROXY_MASTER_KEY`; `now` returns aware times for `created_at`;
    with several workers, `values` are their shared metrics, joined before.
    """
    prices = PriceTable(config.prices.overrides)
    metrics = Metrics(CollectorRegistry(), _labels(config, prices), values)
    services = Services(
        config=config,
        keys=KeyStore(config.keys.file),
        prices=prices,
        metrics=metrics,
        limits=LimitsMiddleware(config.limits, prices, now),
        policy=Policy(config.policy, metrics.policy_blocks.inc),
        pii=PiiMiddleware(config.pii),
        cache=CacheMiddleware(config.cache),
        writer=Writer(config.logs, metrics, now, capture_content=config.analytics.capture_content),
        provider_keys=_provider_keys(config, environ),
        now=now,
    )
    app = web.Application(client_max_size=config.server.max_body_bytes)
    app[SERVICES] = services
    app.on_response_prepare.append(_name_server)
    app.cleanup_ctx.append(_running)
    handle, list_models = handler(services, Exchange), handler(services, ModelsExchange)
    if config.server.cors_origins:
        cors = Cors(config.server.cors_origins)
        app.on_response_prepare.append(cors.add_headers)
        handle = cors.preflights(handle)
    for path in sorted(METERED):  # exact routes are found faster than patterns
        app.router.add_route("*", path, handle)
    for path in (LIST, f"{LIST}/{{id:.*}}"):
        app.router.add_get(path, list_models)
    app.router.add_route("*", "/v1/{tail:.*}", handle)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", _metrics_handler(config, environ.get("PROXY_MASTER_KEY")))
    if not services.keys:
        _log.warning("%s holds no key: make one with `relayctl keys issue`", config.keys.file)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    await services.writer.start()
    await services.limits.backend.start()
    services.client = Client()
    key_reload = asyncio.create_task(_reload_keys(services.keys))
    yield
    key_reload.cancel()
    await services.models.close()
    await services.client.close()
    await services.limits.backend.close()
    await services.cache.close()
    await services.writer.close()


async def _reload_keys(keys: KeyStore) -> None:
    logged = ""
    while True:
        await asyncio.sleep(KEYS_SECONDS)
        try:
            if keys.refresh():
                logged = ""
        except KeysError as error:
            if str(error) != logged:
                _log.error("%s; the keys read before stay in force", error)
            logged = str(error)


async def _name_server(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "relay"  # aiohttp would name its version and Python's


async def _healthz(_: web.Request) -> web.Response:
    return _json({"status": "ok"})


async def _readyz(http: web.Request) -> web.Response:
    services = http.app[SERVICES]
    reason = services.writer.failure or await asyncio.to_thread(services.writer.unwritable)
    reason = reason or await services.limits.backend.unavailable()
    if reason:
        return _json({"status": "unavailable", "reason": reason}, status=503)
    return _json({"status": "ok"})


def _json(value: dict[str, str], *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _metrics_handler(
    config: Config, master_key: str | None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def metrics(http: web.Request) -> web.Response:
        if config.metrics.require_auth and not is_bearer(http, master_key):
            return _json({"error": "the master key is missing or wrong"}, status=401)
        return web.Response(body=http.app[SERVICES].metrics.text(), headers={"Content-Type": TEXT_TYPE})

    return metrics


def is_bearer(http: web.Request, secret: str | None) -> bool:
    """Whether the request carries this secret, compared in constant time; never when there is none."""
    scheme, _, token = http.headers.get("Authorization", "").partition(" ")
    given = token.strip().encode("utf-8", "surrogateescape")
    return bool(secret) and scheme.lower() == "bearer" and hmac.compare_digest(given, str(secret).encode())
