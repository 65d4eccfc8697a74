"""Relay's configuration: every setting with its default, read once, frozen, and refused when in doubt.

Values come from `relay.yaml` and, before it, from the environment (`RELAY_SERVER__PORT=8080`). Secrets are
never in it: an upstream names the environment variable that holds its key.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from proxy.config.limits import Limits
from proxy.config.pii import Pii, Policy
from proxy.config.section import PricedProvider, Seconds, Section, Usd, redis_mistake
from proxy.errors import Api


class Tls(Section):
    """The PEM files that HTTPS is served with: the certificate with its chain, and the private key."""

    certificate: Path
    key: Path


class Server(Section):
    """Where the proxy listens; a request that lost its client, or a stop, may last `drain_seconds`.

    A client that takes nothing of its answer for `send_seconds` is left, and one whose body is not whole
    after `receive_seconds` is refused.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1)
    tls: Tls | None = None
    max_body_bytes: int = Field(default=33_554_432, gt=0)
    drain_seconds: Seconds = 120
    send_seconds: Seconds = 300
    receive_seconds: Seconds = 300


class Logs(Section):
    """Where segments are written, when they are sealed, and when they are on disk."""

    dir: Path = Path("var/logs")
    durability: Literal["strict", "batch", "os"] = "batch"
    rotate_seconds: Seconds = 60
    rotate_bytes: int = Field(default=67_108_864, ge=1024)
    intents: bool = True


class Keys(Section):
    """Where the hashes of Relay keys are kept."""

    file: Path = Path("var/keys.yaml")


class Timeouts(Section):
    """Seconds that an upstream may take: to connect, to begin to answer, between two pieces, in all."""

    connect: Seconds = 10
    first_byte: Seconds = 600
    idle: Seconds = 300
    total: Seconds | None = None

    @property
    def head(self) -> float:
        """How long until the head of its answer must be here, connecting included."""
        return self.first_byte if self.total is None else min(self.first_byte, self.total)


def _without_slash(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("should be a URL that begins with http:// or https://")
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.port == 0:
        raise ValueError("should be a URL with a host and without a query")
    return url.rstrip("/")


def _is_variable(name: str) -> str:
    # The value is often the key itself, which no message may show.
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError("should be the name of the environment variable that holds the key, not the key")
    return name


class Upstream(Section):
    """A provider: its API, where it is, which variable holds its key, and the models it is asked for.

    `auth` is the header that its key goes in; `rest_seconds` is how long it rests after failing.
    """

    name: str = ""
    api: Api
    base_url: Annotated[str, AfterValidator(_without_slash)]
    api_key_env: Annotated[str, AfterValidator(_is_variable)] | None = None
    models: tuple[str, ...] = ("*",)
    stream_usage: Literal["auto", "always", "never"] = "auto"
    price_provider: PricedProvider | None = None
    timeouts: Timeouts = Timeouts()
    auth: Literal["auto", "bearer", "x-api-key", "api-key"] = "auto"
    rest_seconds: Seconds = 30

    def serves(self, model: str) -> bool:
        """Whether one of the globs fits this model name."""
        return any(fnmatchcase(model, glob) for glob in self.models)

    @cached_property
    def key_header(self) -> Literal["bearer", "x-api-key", "api-key"]:
        """The header that its key goes in: Anthropic's and Azure's own, a bearer token for the rest."""
        if self.auth != "auto":
            return self.auth
        host = urlsplit(self.base_url).hostname or ""
        if host.endswith((".azure.com", ".azure.us", ".azure.cn")):
            return "api-key"
        return "x-api-key" if self.api == "anthropic" else "bearer"

    @property
    def asks_for_usage(self) -> bool:
        """Whether Relay asks this upstream's chat streams for usage (Mistral sends it unasked)."""
        is_mistral = self.name == "mistral" or "mistral" in f"{self.base_url} {self.price_provider}"
        return self.stream_usage == "always" or (self.stream_usage == "auto" and not is_mistral)


class PriceOverride(Section):
    """A dated price of your own: USD per million tokens, as decimal strings, for the models a glob fits.

    Without `output_mtok` an answer that has output tokens has no known price; embeddings have none.
    """

    model: str
    upstream: str | None = None
    since: date | None = None
    until: date | None = None
    input_mtok: Usd
    output_mtok: Usd | None = None
    cache_read_mtok: Usd | None = None
    cache_write_mtok: Usd | None = None
    cache_write_1h_mtok: Usd | None = None
    input_audio_mtok: Usd | None = None
    output_audio_mtok: Usd | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("is never in force: until is not after since")
        return self

    @property
    def starts(self) -> date:
        """The first UTC day it is in force."""
        return self.since or date.min

    @property
    def source(self) -> str:
        """How records name it."""
        return f"override {self.model} since {self.since}" if self.since else f"override {self.model}"

    @property
    def prices(self) -> dict[str, Decimal]:
        """Its prices by genai-prices' names."""
        return {name: value for name, value in self if isinstance(value, Decimal)}

    def applies(self, upstream: str, day: date) -> bool:
        """Whether it is in force for an upstream on a UTC day (`until` is exclusive)."""
        return self.upstream in {None, upstream} and self.starts <= day < (self.until or date.max)


class Prices(Section):
    """Prices of your own, before those of genai-prices."""

    overrides: tuple[PriceOverride, ...] = ()

    def contradiction(self, upstreams: Collection[str]) -> str | None:
        """What is wrong with a price of an upstream that there is not; None when nothing is."""
        for at, row in enumerate(self.overrides):
            if row.upstream is not None and row.upstream not in upstreams:
                known = ", ".join(upstreams)
                return f"'prices.overrides.{at}.upstream' should be one of {known}, not '{row.upstream}'"
        return None


class Cache(Section):
    """Relay's own answer cache, of one process (`memory`, at most `max_bytes`) or shared (`redis`).

    Headers that fit `vary_headers` are part of what was asked; answers above `max_answer_bytes` are not kept.
    """

    enabled: bool = False
    backend: Literal["memory", "redis"] = "memory"
    redis_url: SecretStr | None = None
    ttl_seconds: int = Field(default=3600, gt=0)
    max_bytes: int = Field(default=67_108_864, gt=0)
    max_answer_bytes: int = Field(default=1_048_576, gt=0)
    vary_headers: tuple[str, ...] = ("anthropic-*", "openai-*", "x-goog-*")

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        # Checked here and not on the field, whose mistakes are told with the value: it may hold a password.
        if mistake := redis_mistake("cache", self.backend, self.redis_url):
            raise ValueError(mistake)
        return self


def _langfuse_environment(name: str) -> str:
    # Langfuse makes "default" of any other, without a word.
    if not re.fullmatch(r"(?!langfuse)[a-z0-9_-]{1,40}", name):
        raise ValueError("should have at most 40 of a-z, 0-9, - and _, and not begin with langfuse")
    return name


class Analytics(Section):
    """The live Langfuse export, and whether prompts and answers are kept for it.

    It looks for sealed segments every `interval_seconds` and asks Langfuse at most `rate_limit` times a
    minute (null: as often as it likes). Without a database `ledger` is the file that says what was sent.
    """

    enabled: bool = False
    provider: Literal["langfuse"] = "langfuse"
    capture_content: bool = False
    environment: Annotated[str, AfterValidator(_langfuse_environment)] = "default"
    interval_seconds: int = Field(default=10, ge=1)
    rate_limit: int | None = Field(default=None, ge=1)
    ledger: Path = Path("var/langfuse.sqlite")


class MetricsSection(Section):
    """Who may read `/metrics`."""

    require_auth: bool = False


class ProcessLog(Section):
    """The log of the process itself, on stderr."""

    format: Literal["human", "json"] = "human"
    level: Literal["debug", "info", "warning", "error"] = "info"


DEFAULT_UPSTREAMS: dict[str, Any] = {
    "openai": {
        "api": "openai",
        "base_url": "https://api.openai.com/v1",
        "api_key_env": "OPENAI_API_KEY",
        "models": ("gpt-*", "o*", "text-embedding-*"),
    },
    "anthropic": {
        "api": "anthropic",
        "base_url": "https://api.anthropic.com",
        "api_key_env": "ANTHROPIC_API_KEY",
        "models": ("claude-*",),
    },
}


def _named(upstreams: object) -> object:
    if isinstance(upstreams, dict):
        return {
            name: {**value, "name": name} if isinstance(value, dict) else value
            for name, value in upstreams.items()
        }
    return upstreams


class Config(Section):
    """The whole configuration of a process. `config_file.load` reads it from a file and the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    server: Server = Server()
    logs: Logs = Logs()
    log: ProcessLog = ProcessLog()
    keys: Keys = Keys()
    upstreams: Annotated[dict[str, Upstream], BeforeValidator(_named)] = Field(
        default_factory=lambda: dict(DEFAULT_UPSTREAMS)
    )
    limits: Limits = Limits()
    policy: Policy = Policy()
    aliases: dict[str, str] = Field(default_factory=dict)
    cache: Cache = Cache()
    pii: Pii = Pii()
    analytics: Analytics = Analytics()
    metrics: MetricsSection = MetricsSection()
    prices: Prices = Prices()
