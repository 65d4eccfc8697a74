"""Settings of the limits: quotas per key and team, and the backend of their counters."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from proxy.config.quota import MAX_PER_DAY, MAX_PER_MINUTE, MAX_USD, Quota, to_pico_usd
from proxy.config.section import Section, Usd, redis_conflict

Count = Annotated[int, Field(ge=1, le=MAX_PER_MINUTE)]


class QuotaSection(Section):
    """The quota of a key or a team; null = no limit. Days are UTC days."""

    rpm: Count | None = None
    tpm: Count | None = None
    concurrency: Count | None = None
    tokens_per_day: Annotated[int, Field(ge=1, le=MAX_PER_DAY)] | None = None
    usd_per_day: Annotated[Usd, Field(gt=0, le=MAX_USD, decimal_places=12)] | None = None

    @property
    def quota(self) -> Quota:
        """The same quota in the units of the counters."""
        return Quota(
            rpm=self.rpm,
            tpm=self.tpm,
            concurrency=self.concurrency,
            tokens_per_day=self.tokens_per_day,
            pico_usd_per_day=None if self.usd_per_day is None else to_pico_usd(self.usd_per_day),
        )


class Limits(Section):
    """Limits per key (`defaults`, overridden by a key's own values) and per team (`teams`).

    With backend `memory` each process counts separately: several workers then need `per_worker: true`.
    """

    backend: Literal["memory", "redis"] = "memory"
    redis_url: SecretStr | None = None
    on_backend_failure: Literal["refuse", "serve"] = "refuse"
    per_worker: bool = False
    lease_seconds: Annotated[float, Field(ge=5, le=3600, allow_inf_nan=False)] = 60
    default_max_tokens: Count = 1024
    defaults: QuotaSection = QuotaSection()
    teams: dict[str, QuotaSection] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_redis(self) -> Self:
        if conflict := redis_conflict("limits", self.backend, self.redis_url):
            raise ValueError(conflict)
        if self.backend == "redis" and self.per_worker:
            raise ValueError("has the backend 'redis' and per_worker: Redis counts for all workers together")
        return self

    def conflict(self, workers: int) -> str | None:
        """Return why these limits do not work with several workers, in one sentence; None when they do."""
        if workers > 1 and self.backend == "memory" and not self.per_worker:
            return (
                f"server.workers is {workers}, but limits.backend 'memory' counts in each worker alone: set "
                "limits.backend to redis, or limits.per_worker to true if each worker may allow as much"
            )
        return None
