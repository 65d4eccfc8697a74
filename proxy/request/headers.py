"""Which headers go to a provider, and which of its headers go back to the client; pure.

A provider gets only headers that the APIs define: proxies in front of Relay add identities and credentials
of the company (`Cf-Access-Jwt-Assertion`, `X-Forwarded-Access-Token`, …), and no list of names to remove is
complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from multidict import CIMultiDict

from proxy.config.headers import CREDENTIALS, Headers
from proxy.config.upstreams import Upstream

_HOP_BY_HOP: Final = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade", "content-length", "content-encoding",
})  # fmt: skip
_PASSED_UP: Final = frozenset({
    "accept", "accept-language", "cache-control", "content-disposition", "content-language", "content-type",
    "idempotency-key", "if-match", "if-modified-since", "if-none-match", "range", "x-client-request-id",
})  # fmt: skip
_PREFIXES_UP: Final = ("openai-", "anthropic-", "x-stainless-")
# Whatever `headers.pass` says: credentials, Relay's own headers, and the organisation at the provider.
_NEVER_UP: Final = (
    _HOP_BY_HOP | CREDENTIALS | {"host", "accept-encoding", "expect", "openai-organization", "openai-project"}
)
# Of Claude Code, Codex and opencode.
_SESSION_IDS: Final = frozenset({
    "x-claude-code-session-id", "session-id", "session_id", "thread-id", "conversation_id", "originator",
    "x-session-id",
})  # fmt: skip
_NEVER_DOWN: Final = _HOP_BY_HOP | {"set-cookie", "alt-svc", "strict-transport-security", "server", "via"}
# The limits of the organisation at the provider are not the client's; x-relay-* and CORS are Relay's own.
_PREFIXES_NEVER_DOWN: Final = (
    "x-relay-", "x-ratelimit-", "anthropic-ratelimit-", "anthropic-organization", "openai-organization",
    "access-control-",
)  # fmt: skip


class UpstreamHeaders:
    """Builds the headers of requests to providers, by the settings of one process."""

    def __init__(self, settings: Headers) -> None:
        self._settings = settings
        # The same few names come with every request: each is looked up once.
        self.passes = lru_cache(maxsize=1024)(self._passes)

    def _passes(self, name: str) -> bool:
        """Whether a client's header goes to the provider."""
        low = name.lower()
        if low in _NEVER_UP or low.startswith("x-relay-"):
            return False
        if low in _PASSED_UP or low.startswith(_PREFIXES_UP):
            return True
        if low == "user-agent":
            return self._settings.user_agent
        if low in _SESSION_IDS and self._settings.session_ids:
            return True
        return any(fnmatchcase(low, glob) for glob in self._settings.globs)

    def build(self, upstream: Upstream, api_key: str | None, client: Mapping[str, str]) -> CIMultiDict[str]:
        """The client's headers that pass, with the provider's key; the answer is requested uncompressed."""
        headers = CIMultiDict(_filtered(client, self.passes))
        headers["Accept-Encoding"] = "identity"
        if upstream.api == "anthropic":
            headers.setdefault("anthropic-version", "2023-06-01")
        if api_key and upstream.key_header == "bearer":
            headers["Authorization"] = f"Bearer {api_key}"
        elif api_key:
            headers[upstream.key_header] = api_key
        return headers


def client_headers(upstream: Mapping[str, str], request_id: str) -> CIMultiDict[str]:
    """The provider's headers that the client gets, with Relay's request id."""
    headers = CIMultiDict(_filtered(upstream, _passes_down))
    headers["x-relay-request-id"] = request_id
    return headers


@lru_cache(maxsize=1024)
def _passes_down(name: str) -> bool:
    low = name.lower()
    return low not in _NEVER_DOWN and not low.startswith(_PREFIXES_NEVER_DOWN)


def _filtered(headers: Mapping[str, str], passes: Callable[[str], bool]) -> list[tuple[str, str]]:
    """The headers that pass, without those that `Connection` names as belonging to one connection."""
    passed = [(name, value) for name, value in headers.items() if passes(name)]
    if listed := headers.get("Connection"):
        removed = {item.strip() for item in listed.lower().split(",")}
        return [(name, value) for name, value in passed if name.lower() not in removed]
    return passed
