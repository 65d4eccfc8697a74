"""Settings of Relay's own answer cache."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from proxy.config.section import Section, redis_conflict


class Cache(Section):
    """The answer cache: per process (`memory`, at most `max_bytes`) or shared (`redis`).

    Request headers that match `vary_headers` are part of the cache key. Answers above `max_answer_bytes` are
    not cached.
    """

    enabled: bool = False
    backend: Literal["memory", "redis"] = "memory"
    redis_url: SecretStr | None = None
    ttl_seconds: int = Field(default=3600, gt=0)
    max_bytes: int = Field(default=67_108_864, gt=0)
    max_answer_bytes: int = Field(default=1_048_576, gt=0)
    vary_headers: tuple[str, ...] = ("anthropic-*", "openai-*", "x-goog-*")

    @model_validator(mode="after")
    def _check_redis(self) -> Self:
        if conflict := redis_conflict("cache", self.backend, self.redis_url):
            raise ValueError(conflict)
        return self
