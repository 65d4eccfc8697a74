"""Routing: upstreams and URL of a request; pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from proxy.config.settings import Config
from proxy.config.upstreams import Upstream
from proxy.errors import Api, Refusal
from proxy.request.call import METERED
from proxy.request.keys import PREFIX


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
    if path.startswith("/v1/v1/"):
        message = f"the path has '/v1' twice; set the client's base URL so that it asks for {path[3:]}"
        raise Refusal(404, "not_found", message)
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
