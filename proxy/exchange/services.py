"""The configuration and services of a process, made once and shared by its requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from proxy.cache.middleware import CacheMiddleware
from proxy.config.settings import Config
from proxy.exchange.poll_timer import PollTimer
from proxy.limits.middleware import LimitsMiddleware
from proxy.metering.prices import PriceTable
from proxy.metrics.registry import Metrics
from proxy.models.catalog import Catalog
from proxy.pii.middleware import PiiMiddleware
from proxy.request.call import Call, has_ambiguous_model, has_duplicate_names
from proxy.request.circuit_breaker import CircuitBreaker
from proxy.request.headers import UpstreamHeaders
from proxy.request.keys import PREFIX, Key, KeyStore
from proxy.request.policy import Policy
from proxy.request.routing import Router
from proxy.segments.writer import Writer
from proxy.upstream.client import Client


class Services:
    """The services of one process. `client` is set while the application runs."""

    client: Client

    def __init__(
        self,
        *,
        config: Config,
        keys: KeyStore,
        prices: PriceTable,
        metrics: Metrics,
        limits: LimitsMiddleware,
        policy: Policy,
        pii: PiiMiddleware,
        cache: CacheMiddleware,
        writer: Writer,
        provider_keys: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self.config = config
        self.keys = keys
        self.prices = prices
        self.metrics = metrics
        self.limits = limits
        self.policy = policy
        self.pii = pii
        self.cache = cache
        self.writer = writer
        self.provider_keys = provider_keys
        self.now = now
        self.router = Router(config)
        self.headers = UpstreamHeaders(config.headers)
        self.models = Catalog(config, self.headers, provider_keys)
        self.circuit_breaker = CircuitBreaker()
        self.poll_timer = PollTimer()
        rules = config.policy
        self._reads_prompts = config.pii.enabled or bool(rules.blocked_patterns or rules.max_input_bytes)
        self.without_stream_options: set[str] = set()
        """Names of upstreams that refused `stream_options`."""

    def is_ambiguous(self, key: Key, call: Call) -> bool:
        """Whether the upstream's parser may find another prompt or model in the body than Relay checks."""
        if self._reads_prompts and has_duplicate_names(call):
            return True
        return "*" not in key.models and has_ambiguous_model(call)

    def find_key(self, headers: Mapping[str, str]) -> Key | None:
        """The Relay key of a request, from the header of either API or of Azure; None when there is none."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        # A client may send a credential of its own provider login beside the Relay key.
        for raw in (bearer, headers.get("x-api-key", ""), headers.get("api-key", "")):
            if raw.startswith(PREFIX) and (key := self.keys.find(raw)) is not None:
                return key
        return None
