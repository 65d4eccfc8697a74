"""Cache keys, which answers are cacheable, and the store in memory; pure but for its clock.

An answer is stored as the upstream sent it, before personal data is restored for a client. With scrubbing,
neither the key nor the stored answer contains personal data.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, Protocol

import msgspec
from cachetools import TTLCache

from proxy.json_decoding import decode_leniently
from proxy.request.call import Call

Form = Literal["json", "stream", "stream with usage"]

# Not in the key as sent: the model (it is there as resolved), the transport, identifiers of the end user.
_NOT_IN_KEY: Final = frozenset({"model", "stream", "stream_options", "user", "metadata"})
# State or tools at the provider: the same request may get another answer later.
_STATEFUL: Final = (
    "background",
    "conversation",
    "container",
    "enable_search",
    "mcp_servers",
    "plugins",
    "search_parameters",
    "web_search_options",
)
# For example `gpt-4o-search-preview`, `o3-deep-research`, `perplexity/sonar-pro` and OpenRouter's `…:online`.
_SEARCH_MODEL: Final = re.compile(r"-search(-|$)|deep-research|\bsonar\b|:online$")
_CLIENT_TOOL_TYPES: Final = frozenset({None, "function", "custom"})

_encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")


class CachedAnswer(msgspec.Struct, frozen=True, array_like=True):
    """A complete answer of status 200: content type, and the body as the upstream sent it."""

    content_type: str
    body: bytes


class Store(Protocol):
    """The storage of answers: `MemoryStore` or `RedisStore`. When it fails, it logs that and returns None."""

    async def get(self, key: str) -> CachedAnswer | None:
        """Return the answer of a key; None when there is none or it has expired."""

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer."""

    async def close(self) -> None:
        """Close its connections."""


class MemoryStore:
    """An LRU cache of answers, with at most `max_bytes` of bodies, each for `ttl` seconds."""

    def __init__(self, max_bytes: int, ttl: float) -> None:
        self._answers: TTLCache[str, CachedAnswer] = TTLCache(
            max_bytes, ttl, timer=time.monotonic, getsizeof=lambda answer: len(answer.body)
        )

    async def get(self, key: str) -> CachedAnswer | None:
        """Return the answer of a key; None when there is none or it has expired."""
        return self._answers.get(key)

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer unless it is larger than the whole store."""
        if len(answer.body) <= self._answers.maxsize:
            self._answers[key] = answer

    async def close(self) -> None:
        """Do nothing."""


def is_cacheable(call: Call, headers: Mapping[str, str]) -> bool:
    """Return whether an equal request may get the same answer: it uses no state or tools at the provider.

    A client opts out by `Cache-Control: no-cache` or `no-store`.
    """
    if not call.metered or call.body is None:
        return False
    if any(call.body.get(name) for name in _STATEFUL) or not _are_client_tools(call.body.get("tools")):
        return False
    if isinstance(call.body.get("prompt"), dict):
        return False  # a prompt stored at the provider may change there and may have tools
    control = headers.get("Cache-Control", "").lower()
    return "no-cache" not in control and "no-store" not in control


def is_search_model(model: str) -> bool:
    """Return whether a model searches the web by itself, so that its answers change over time."""
    return _SEARCH_MODEL.search(model) is not None


def _are_client_tools(tools: object) -> bool:
    """Return whether the client runs every tool; tools run by the provider have types of their own."""
    if not tools:
        return True
    if not isinstance(tools, list):
        return False
    return all(
        isinstance(tool, dict)
        and (tool.get("type") is None or isinstance(tool["type"], str))
        and tool.get("type") in _CLIENT_TOOL_TYPES
        for tool in tools
    )


def cache_key(
    call: Call,
    *,
    form: Form,
    path: str,
    upstream: str,
    model: str | None,
    team: str,
    headers: Mapping[str, str],
    vary: tuple[str, ...],
) -> str:
    """Return a hash of everything that the answer depends on, and of the team: teams share no answers.

    `path` includes the query; `vary` are globs of request headers that influence the upstream.
    """
    varying = sorted(
        (name.lower(), value)
        for name, value in headers.items()
        if any(fnmatchcase(name.lower(), glob) for glob in vary)
    )
    body = {name: value for name, value in (call.body or {}).items() if name not in _NOT_IN_KEY}
    parts = [path, form, upstream, model, team, varying, body]
    return hashlib.sha256(_encoder.encode(parts)).hexdigest()


def is_complete(endpoint: str, form: Form, body: bytes) -> bool:
    """Return whether an answer says that it is complete; only the Responses API can end without."""
    if endpoint != "/v1/responses":
        return True
    if form != "json":  # within a string of the answer the quotes would be escaped
        return b'"type":"response.completed"' in body.replace(b'": "', b'":"')
    value: Any = decode_leniently(body)
    return isinstance(value, dict) and value.get("status") == "completed"
