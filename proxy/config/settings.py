"""Relay's configuration: all sections with their defaults, validated once and frozen.

Values come from `relay.yaml` and from environment variables, which take precedence
(`RELAY_SERVER__PORT=8080`). Providers' keys are not part of it: an upstream names the environment variable
that holds its key.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from proxy.config.analytics import Analytics
from proxy.config.cache import Cache
from proxy.config.headers import Headers
from proxy.config.limits import Limits
from proxy.config.pii import Pii, Policy
from proxy.config.prices import Prices
from proxy.config.section import Section
from proxy.config.server import Keys, Logs, MetricsSection, ProcessLog, Routes, Server
from proxy.config.upstreams import DEFAULT_UPSTREAMS, Upstreams


class Config(Section):
    """The whole configuration of a process. `proxy.config.file.load` reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    server: Server = Server()
    logs: Logs = Logs()
    log: ProcessLog = ProcessLog()
    keys: Keys = Keys()
    upstreams: Upstreams = Field(default_factory=lambda: dict(DEFAULT_UPSTREAMS))
    headers: Headers = Headers()
    routes: Routes = Routes()
    limits: Limits = Limits()
    policy: Policy = Policy()
    aliases: dict[str, str] = Field(default_factory=dict)
    cache: Cache = Cache()
    pii: Pii = Pii()
    analytics: Analytics = Analytics()
    metrics: MetricsSection = MetricsSection()
    prices: Prices = Prices()

    def conflict(self) -> str | None:
        """Return in one sentence why sections do not fit together; None when they do."""
        return (
            self.limits.conflict(self.server.workers)
            or self.prices.conflict(self.upstreams)
            or self._alias_conflict()
        )

    def _alias_conflict(self) -> str | None:
        """Return which alias refers to a model that no upstream serves."""
        for alias, model in self.aliases.items():
            if not any(upstream.serves(model) for upstream in self.upstreams.values()):
                also = ", which is an alias itself" if model in self.aliases else ""
                return f"'aliases.{alias}' should be a model of one of the upstreams, not '{model}'{also}"
        return None
