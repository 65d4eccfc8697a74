"""What every request of a process needs: its configuration and services, made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from proxy.cache_gate import CacheGate
from proxy.config import Config
from proxy.health import Health
from proxy.keys import PREFIX, Key, KeyStore
from proxy.limits_gate import Gate
from proxy.metrics import Metrics
from proxy.pii_gate import PiiGate
from proxy.policy import Policy
from proxy.prices import PriceTable
from proxy.routing import Router
from proxy.upstream import Client
from proxy.writer import Writer


class Gateway:
    """The services of one process. `client` is there while the application runs."""

    client: Client

    def __init__(
        self,
        *,
        config: Config,
        keys: KeyStore,
        prices: PriceTable,
        metrics: Metrics,
        limits: Gate,
        policy: Policy,
        pii: PiiGate,
        cache: CacheGate,
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
        self.health = Health()
        rules = config.policy
        self.reads_prompts = config.pii.enabled or bool(rules.blocked_patterns or rules.max_input_bytes)
        self.without_stream_options: set[str] = set()
        """Names of upstreams that have refused `stream_options`."""

    def key_of(self, headers: Mapping[str, str]) -> Key | None:
        """The Relay key that a request carries in either API's header; None when it is not one of ours."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        raw = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return self.keys.find(raw) if raw.startswith(PREFIX) else None
