"""Settings of the providers: API, base URL, credentials, models and timeouts of each upstream."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from proxy.config.section import Seconds, Section
from proxy.errors import Api


class Timeouts(Section):
    """Timeouts in seconds: to connect, to the first byte of the answer, between two chunks, and in total."""

    connect: Seconds = 10
    first_byte: Seconds = 600
    idle: Seconds = 300
    total: Seconds | None = None

    @property
    def head(self) -> float:
        """The timeout for the head of the answer, including the connection set-up."""
        return self.first_byte if self.total is None else min(self.first_byte, self.total)


def _check_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("should be a URL that begins with http:// or https://")
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.port == 0:
        raise ValueError("should be a URL with a host and without a query")
    return url.rstrip("/")


def _check_variable_name(name: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError("should be the name of the environment variable that holds the key, not the key")
    return name


def _check_price_provider(name: str) -> str:
    """Refuse a provider that genai-prices does not know: all its answers would be unpriced."""
    # Loading the price tables takes a tenth of a second.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    snapshot = get_snapshot()
    try:
        snapshot.find_provider(None, name, None)
    except LookupError:
        known = [provider.id for provider in snapshot.providers]
        from difflib import get_close_matches  # noqa: PLC0415 -- for this error alone

        close = get_close_matches(name.lower(), known, n=1)
        suggestion = f"'{close[0]}'" if close else f"one of {', '.join(known)}"
        raise ValueError(f"should be a provider in genai-prices, {suggestion}") from None
    return name


class Upstream(Section):
    """A provider: API, base URL, environment variable of its key, and globs of the models it serves.

    `auth` is the header of the provider's key. `rest_seconds` is the cool-down of the circuit breaker.
    """

    name: str = Field(default="", exclude=True)
    api: Api
    base_url: Annotated[str, AfterValidator(_check_url)]
    # Users put the key itself here by mistake.
    api_key_env: Annotated[str, AfterValidator(_check_variable_name)] | None = Field(default=None, repr=False)
    models: tuple[str, ...] = ("*",)
    stream_usage: Literal["auto", "always", "never"] = "auto"
    price_provider: Annotated[str, AfterValidator(_check_price_provider)] | None = None
    timeouts: Timeouts = Timeouts()
    auth: Literal["auto", "bearer", "x-api-key", "api-key"] = "auto"
    rest_seconds: Seconds = 30

    def serves(self, model: str) -> bool:
        """Return whether one of the globs matches this model name."""
        return any(fnmatchcase(model, glob) for glob in self.models)

    @cached_property
    def key_header(self) -> Literal["bearer", "x-api-key", "api-key"]:
        """The header of the provider's key: Anthropic's and Azure's own, a bearer token for all others."""
        if self.auth != "auto":
            return self.auth
        host = urlsplit(self.base_url).hostname or ""
        if host.endswith((".azure.com", ".azure.us", ".azure.cn")):
            return "api-key"
        return "x-api-key" if self.api == "anthropic" else "bearer"

    @property
    def needs_usage_option(self) -> bool:
        """Whether chat streams report usage only with `stream_options.include_usage`; Mistral's always do."""
        is_mistral = self.name == "mistral" or "mistral" in f"{self.base_url} {self.price_provider}"
        return self.stream_usage == "always" or (self.stream_usage == "auto" and not is_mistral)


DEFAULT_UPSTREAMS: Final[dict[str, Any]] = {
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


def _add_names(upstreams: object) -> object:
    if isinstance(upstreams, dict):
        return {
            name: {**value, "name": name} if isinstance(value, dict) else value
            for name, value in upstreams.items()
        }
    return upstreams


Upstreams = Annotated[dict[str, Upstream], BeforeValidator(_add_names)]
"""Upstreams by name, in the order in which they are tried."""
