"""Routing: upstreams and URL of a request, and the headers that are passed in both directions; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

from multidict import CIMultiDict

from proxy.config.settings import Config
from proxy.config.upstreams import Upstream
from proxy.errors import Api, Refusal
from proxy.request.call import METERED
from proxy.request.keys import PREFIX

_HOP_BY_HOP: Final = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade", "content-length", "content-encoding",
})  # fmt: skip
# Credentials of the client belong to Relay. A compressed body is sent on decompressed.
_NOT_UPSTREAM: Final = _HOP_BY_HOP | {
    "host", "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "accept-encoding", "expect",
    "openai-organization", "openai-project", "forwarded", "x-forwarded-for", "x-real-ip",
}  # fmt: skip
_NOT_DOWNSTREAM: Final = _HOP_BY_HOP | {"set-cookie", "alt-svc", "strict-transport-security"}
# Rate limits of the organisation do not apply to a single tenant; `x-relay-` headers come from Relay only.
_PREFIXES_NOT_DOWNSTREAM: Final = (
    "x-relay-",
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "anthropic-organization",
    "openai-organization",
)


class Router:
    """Selects upstreams by the API of the route, then by model globs, in configured order."""

    def __init__(self, config: Config) -> None:
        self._upstreams = tuple(config.upstreams.values())
        self._aliases = config.aliases
        self.candidates = lru_cache(maxsize=1024)(self._candidates)

    def resolve(self, model: str) -> str:
        """Return the model of an alias; any other name is returned unchanged."""
        return self._aliases.get(model, model)

    def _candidates(self, api: Api, model: str | None) -> tuple[Upstream, ...]:
        """Return the upstreams that serve a model, in order; without a model only the first of the API.

        A route without a model refers to an object, such as a file or a batch, at one provider.
        """
        of_api = (upstream for upstream in self._upstreams if upstream.api == api)
        if model is None:
            return tuple(islice(of_api, 1))
        return tuple(upstream for upstream in of_api if upstream.serves(model))

    def configured(self, model: str) -> bool:
        """Return whether the configuration contains this exact name."""
        return model in self._aliases or any(model in upstream.models for upstream in self._upstreams)

    def serving(self, model: str) -> Iterable[Upstream]:
        """Return the upstreams of both APIs that serve a model."""
        return (upstream for upstream in self._upstreams if upstream.serves(model))


def check_route(method: str, path: str, query: str) -> None:
    """Refuse a request that a lenient upstream may treat as a metered one, or that would expose a key.

    Raises `Refusal`: 404 for other spellings of a metered route and for `.` and `..`, 405 for TRACE, which
    echoes headers, and CONNECT, 400 for a Relay key in the URL.
    """
    if path not in METERED:
        parts = path.partition(";")[0].strip().split("/")
        if not {".", ".."}.isdisjoint(parts):
            raise Refusal(404, "not_found", "a route cannot have '.' or '..' in it")
        if (plain := "/" + "/".join(filter(None, parts)).lower()) in METERED:
            raise Refusal(404, "not_found", f"the route is {plain}, exactly so")
    if method in {"TRACE", "CONNECT"}:
        raise Refusal(405, "method_not_allowed", f"a route cannot be called with {method}")
    if PREFIX in query:
        raise Refusal(400, "key_in_url", "a Relay key does not belong in a URL; send it in a header")


def upstream_url(upstream: Upstream, path: str, query: str) -> str:
    """Return the URL of a `/v1/…` route at an upstream. A base URL for OpenAI's API includes its version."""
    base = upstream.base_url
    tail = path.removeprefix("/v1") if upstream.api == "openai" or base.endswith("/v1") else path
    return f"{base}{tail}?{query}" if query else f"{base}{tail}"


def upstream_headers(upstream: Upstream, api_key: str | None, client: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the client's headers without its credentials, with the provider's key, uncompressed."""
    headers = CIMultiDict(_filtered(client, _is_sent_upstream))
    headers["Accept-Encoding"] = "identity"
    if upstream.api == "anthropic":
        headers.setdefault("anthropic-version", "2023-06-01")
    if api_key and upstream.key_header == "bearer":
        headers["Authorization"] = f"Bearer {api_key}"
    elif api_key:
        headers[upstream.key_header] = api_key
    return headers


def client_headers(upstream: Mapping[str, str], request_id: str) -> CIMultiDict[str]:
    """Return the upstream's headers that are passed to the client, with Relay's request id."""
    headers = CIMultiDict(_filtered(upstream, _is_sent_downstream))
    headers["x-relay-request-id"] = request_id
    return headers


# The same few names come with every request, so decisions are cached.
@lru_cache(maxsize=1024)
def _is_sent_upstream(name: str) -> bool:
    return name.lower() not in _NOT_UPSTREAM


@lru_cache(maxsize=1024)
def _is_sent_downstream(name: str) -> bool:
    low = name.lower()
    return low not in _NOT_DOWNSTREAM and not low.startswith(_PREFIXES_NOT_DOWNSTREAM)


def _filtered(headers: Mapping[str, str], is_sent: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Return the headers to pass on, without those that `Connection` names as hop-by-hop."""
    passed = [(name, value) for name, value in headers.items() if is_sent(name)]
    if listed := headers.get("Connection"):
        removed = {item.strip() for item in listed.lower().split(",")}
        return [(name, value) for name, value in passed if name.lower() not in removed]
    return passed
