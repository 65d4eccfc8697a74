"""What every request of a process needs: its configuration and services, made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from proxy.cache.middleware import CacheMiddleware
from proxy.config.settings import Config
from proxy.errors import Refusal
from proxy.exchange.poll_timer import PollTimer
from proxy.limits.middleware import LimitsMiddleware
from proxy.metering.prices import PriceTable
from proxy.metrics.registry import Metrics
from proxy.pii.middleware import PiiMiddleware
from proxy.request.call import Call, has_ambiguous_model, has_duplicate_names
from proxy.request.circuit_breaker import CircuitBreaker
from proxy.request.keys import PREFIX, Key, KeyStore
from proxy.request.policy import Policy
from proxy.request.routing import Router
from proxy.segments.record import clip
from proxy.segments.writer import Writer
from proxy.upstream.client import Client


class Services:
    """The services of one process. `client` is there while the application runs."""

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
        self.health = CircuitBreaker()
        self.watch = PollTimer()
        rules = config.policy
        self._reads_prompts = config.pii.enabled or bool(rules.blocked_patterns or rules.max_input_bytes)
        self.without_stream_options: set[str] = set()
        """Names of upstreams that have refused `stream_options`."""

    def may_differ(self, key: Key, call: Call) -> bool:
        """Whether the upstream may find another prompt or model in a body than Relay checks."""
        if self._reads_prompts and has_duplicate_names(call):
            return True
        return "*" not in key.models and has_ambiguous_model(call)

    def key_of(self, headers: Mapping[str, str]) -> Key | None:
        """The Relay key that a request carries in either API's header; None when it is not one of ours."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        raw = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return self.keys.find(raw) if raw.startswith(PREFIX) else None


def check_model(key: Key, call: Call) -> None:
    """Raises `Refusal` (403) for a model that the key may not use, or cannot be held to."""
    if "*" in key.models:
        return
    if call.raw and call.body is None:  # a form, say, with a model in it
        message = "this Relay key is limited to some models, and this body does not name one in JSON"
        raise Refusal(403, "model_not_allowed", message)
    for model in [call.model or ""] if call.metered else call.all_models():
        if not key.allows(model):
            raise Refusal(403, "model_not_allowed", f"this Relay key may not use the model '{clip(model)}'")
