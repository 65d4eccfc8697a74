"""The settings of the limits: the quota of every key and of each team, and where standings are kept."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from proxy.config.quota import MAX_PER_DAY, MAX_PER_MINUTE, MAX_USD, Quota, as_pico
from proxy.config.section import Section, Usd, redis_mistake

Count = Annotated[int, Field(ge=1, le=MAX_PER_MINUTE)]


class QuotaSection(Section):
    """What a key or a team may use; null = no limit. Days are UTC days."""

    rpm: Count | None = None
    tpm: Count | None = None
    concurrency: Count | None = None
    tokens_per_day: Annotated[int, Field(ge=1, le=MAX_PER_DAY)] | None = None
    usd_per_day: Annotated[Usd, Field(gt=0, le=MAX_USD, decimal_places=12)] | None = None

    @property
    def quota(self) -> Quota:
        """The same in the units that are counted in."""
        return Quota(
            rpm=self.rpm,
            tpm=self.tpm,
            concurrency=self.concurrency,
            tokens_per_day=self.tokens_per_day,
            pico_usd_per_day=None if self.usd_per_day is None else as_pico(self.usd_per_day),
        )


class Limits(Section):
    """Limits per key (`defaults`; a key's own values come before them) and per team (`teams`).

    With backend `memory` each process counts for itself: several workers then need `per_worker: true`.
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
    def _agrees_with_itself(self) -> Self:
        # Checked here and not on the field, whose mistakes are told with the value: it may hold a password.
        if mistake := redis_mistake("limits", self.backend, self.redis_url):
            raise ValueError(mistake)
        if self.backend == "redis" and self.per_worker:
            raise ValueError("has the backend 'redis' and per_worker: Redis counts for all workers together")
        return self

    def contradiction(self, workers: int) -> str | None:
        """Why these limits cannot hold with so many workers, in one sentence; None when they can."""
        if workers > 1 and self.backend == "memory" and not self.per_worker:
            return (
                f"server.workers is {workers}, but limits.backend 'memory' counts in each worker alone: set "
                "limits.backend to redis, or limits.per_worker to true if each worker may allow as much"
            )
        return None
