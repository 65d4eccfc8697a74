"""Which upstream answers a request, under which URL, and which headers go there and come back; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

from multidict import CIMultiDict

from proxy.config import Config, Upstream
from proxy.errors import Api

_HOP_BY_HOP: Final = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade", "content-length", "content-encoding",
})  # fmt: skip
# A client's credentials are Relay's, never the provider's; the body may arrive compressed but leaves plain.
_NOT_UPSTREAM: Final = _HOP_BY_HOP | {
    "host", "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "accept-encoding", "expect",
    "openai-organization", "openai-project", "forwarded", "x-forwarded-for", "x-real-ip",
}  # fmt: skip
_NOT_DOWNSTREAM: Final = _HOP_BY_HOP | {"set-cookie", "alt-svc", "strict-transport-security"}
# The organisation's limits at the provider are not this tenant's, and what Relay says of itself is Relay's.
_PREFIXES_NOT_DOWNSTREAM: Final = (
    "x-relay-",
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "anthropic-organization",
    "openai-organization",
)


class Router:
    """Chooses upstreams by the API of the route, then by the model globs that fit, in their order."""

    def __init__(self, config: Config) -> None:
        self._upstreams = tuple(config.upstreams.values())
        self._aliases = config.aliases
        self.candidates = lru_cache(maxsize=1024)(self._candidates)

    def resolve(self, model: str) -> str:
        """The model that a name stands for."""
        return self._aliases.get(model, model)

    def _candidates(self, api: Api, model: str | None) -> tuple[Upstream, ...]:
        """The upstreams to ask for a model, in their order; where no model is named, the API's first alone.

        What a route without a model speaks of (a file, a batch) is at one provider only.
        """
        of_api = (upstream for upstream in self._upstreams if upstream.api == api)
        if model is None:
            return tuple(islice(of_api, 1))
        return tuple(upstream for upstream in of_api if upstream.serves(model))

    def configured(self, model: str) -> bool:
        """Whether this very name stands in the configuration."""
        return model in self._aliases or any(model in upstream.models for upstream in self._upstreams)

    def fitting(self, model: str) -> Iterable[Upstream]:
        """The upstreams, of either API, whose globs fit a model."""
        return (upstream for upstream in self._upstreams if upstream.serves(model))


def upstream_url(upstream: Upstream, path: str, query: str) -> str:
    """Where a `/v1/…` route is at an upstream: a base URL of OpenAI's kind has its version in it already."""
    base = upstream.base_url
    tail = path.removeprefix("/v1") if upstream.api == "openai" or base.endswith("/v1") else path
    return f"{base}{tail}?{query}" if query else f"{base}{tail}"


def upstream_headers(upstream: Upstream, api_key: str | None, client: Mapping[str, str]) -> CIMultiDict[str]:
    """The client's headers less its credentials, with the provider's key, asking for plain bytes."""
    headers = CIMultiDict(_kept(client, _NOT_UPSTREAM))
    headers["Accept-Encoding"] = "identity"
    if upstream.api == "anthropic":
        headers.setdefault("anthropic-version", "2023-06-01")
    if api_key and upstream.key_header == "bearer":
        headers["Authorization"] = f"Bearer {api_key}"
    elif api_key:
        headers[upstream.key_header] = api_key
    return headers


def client_headers(upstream: Mapping[str, str], request_id: str) -> CIMultiDict[str]:
    """The upstream's headers as the client may have them, with Relay's request id."""
    headers = CIMultiDict(
        (name, value)
        for name, value in _kept(upstream, _NOT_DOWNSTREAM)
        if not name.lower().startswith(_PREFIXES_NOT_DOWNSTREAM)
    )
    headers["x-relay-request-id"] = request_id
    return headers


def _kept(headers: Mapping[str, str], removed: frozenset[str]) -> Iterable[tuple[str, str]]:
    """The headers less these, and less what `Connection` names as belonging to one connection."""
    listed = headers.get("Connection")
    if listed:
        removed = removed | {item.strip() for item in listed.lower().split(",")}
    return [(name, value) for name, value in headers.items() if name.lower() not in removed]
