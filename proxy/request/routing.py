"""Which upstream answers a request, under which URL, and which headers go there and come back; pure."""

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


def check_route(method: str, path: str, query: str) -> None:
    """Raises `Refusal` for a request that a lenient upstream may take for one that Relay would count.

    So for odd spellings of a route that generates, `.` and `..` (404), and for what would show a key: TRACE,
    which echoes headers (405), and a Relay key in the URL (400).
    """
    if path not in METERED:
        parts = path.partition(";")[0].strip().split("/")
        if not {".", ".."}.isdisjoint(parts):
            raise Refusal(404, "not_found", "a route cannot have '.' or '..' in it")
        if (plain := "/" + "/".join(filter(None, parts)).lower()) in METERED:
            raise Refusal(404, "not_found", f"the route is {plain}, exactly so")
    if method in {"TRACE", "CONNECT"}:
        raise Refusal(405, "method_not_allowed", f"a route cannot be asked by {method}")
    if PREFIX in query:
        raise Refusal(400, "key_in_url", "a Relay key does not belong in a URL; send it in a header")


def upstream_url(upstream: Upstream, path: str, query: str) -> str:
    """Where a `/v1/…` route is at an upstream: a base URL of OpenAI's kind has its version in it already."""
    base = upstream.base_url
    tail = path.removeprefix("/v1") if upstream.api == "openai" or base.endswith("/v1") else path
    return f"{base}{tail}?{query}" if query else f"{base}{tail}"


def upstream_headers(upstream: Upstream, api_key: str | None, client: Mapping[str, str]) -> CIMultiDict[str]:
    """The client's headers less its credentials, with the provider's key, asking for plain bytes."""
    headers = CIMultiDict(_kept(client, _goes_up))
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
    headers = CIMultiDict(_kept(upstream, _goes_down))
    headers["x-relay-request-id"] = request_id
    return headers


# The same few names come with every request: each is looked at once.
@lru_cache(maxsize=1024)
def _goes_up(name: str) -> bool:
    return name.lower() not in _NOT_UPSTREAM


@lru_cache(maxsize=1024)
def _goes_down(name: str) -> bool:
    low = name.lower()
    return low not in _NOT_DOWNSTREAM and not low.startswith(_PREFIXES_NOT_DOWNSTREAM)


def _kept(headers: Mapping[str, str], goes: Callable[[str], bool]) -> list[tuple[str, str]]:
    """The headers that go on, less what `Connection` names as belonging to one connection."""
    kept = [(name, value) for name, value in headers.items() if goes(name)]
    if listed := headers.get("Connection"):
        removed = {item.strip() for item in listed.lower().split(",")}
        return [(name, value) for name, value in kept if name.lower() not in removed]
    return kept
