"""What an answer is kept under, which may be kept, and the store of one process; pure but for its clock.

An answer is kept as the upstream gave it, before values are put back for a client: with personal data
scrubbed, neither the key nor what is kept holds any.
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

# What does not change the answer: how it is sent, and whom the provider may tell apart.
_NOT_ASKED: Final = frozenset({"model", "stream", "stream_options", "user", "metadata"})
# State or tools of the provider's own: the same question has another answer tomorrow.
_OF_THE_MOMENT: Final = (
    "background",
    "conversation",
    "container",
    "enable_search",
    "mcp_servers",
    "plugins",
    "search_parameters",
    "web_search_options",
)
# Such as `gpt-4o-search-preview`, `o3-deep-research`, `perplexity/sonar-pro` and OpenRouter's `…:online`.
_SEARCHING: Final = re.compile(r"-search(-|$)|deep-research|\bsonar\b|:online$")
_CLIENTS_TOOLS: Final = frozenset({None, "function", "custom"})

_encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A whole answer of status 200: its content type and its body as the upstream sent it."""

    content_type: str
    body: bytes


class Store(Protocol):
    """Where answers are kept: `MemoryStore` or `RedisStore`. A store that fails has nothing, and says so."""

    async def get(self, key: str) -> Kept | None:
        """The answer kept under a key that has not expired."""

    async def put(self, key: str, kept: Kept) -> None:
        """Keeps an answer."""

    async def close(self) -> None:
        """Ends its connections."""


class MemoryStore:
    """Keeps the answers that were used last, at most `max_bytes` of bodies, each for `ttl` seconds."""

    def __init__(self, max_bytes: int, ttl: float) -> None:
        self._kept: TTLCache[str, Kept] = TTLCache(
            max_bytes, ttl, timer=time.monotonic, getsizeof=lambda kept: len(kept.body)
        )

    async def get(self, key: str) -> Kept | None:
        """The answer kept under a key that has not expired."""
        return self._kept.get(key)

    async def put(self, key: str, kept: Kept) -> None:
        """Keeps an answer, unless it is larger than all of the store."""
        if len(kept.body) <= self._kept.maxsize:
            self._kept[key] = kept

    async def close(self) -> None:
        """Nothing is held."""


def may_be_kept(call: Call, headers: Mapping[str, str]) -> bool:
    """Whether the same question may be given the same answer: none of the provider's own state or tools.

    A client that sends `Cache-Control: no-cache` or `no-store` asks for an answer of its own.
    """
    if not call.metered or call.body is None:
        return False
    if any(call.body.get(name) for name in _OF_THE_MOMENT) or not _are_clients(call.body.get("tools")):
        return False
    if isinstance(call.body.get("prompt"), dict):
        return False  # a prompt that the provider keeps may be changed there, and may have tools
    control = headers.get("Cache-Control", "").lower()
    return "no-cache" not in control and "no-store" not in control


def looks_up(model: str) -> bool:
    """Whether a model looks something up for every answer, unasked: it has another one tomorrow."""
    return _SEARCHING.search(model) is not None


def _are_clients(tools: object) -> bool:
    """Whether the client itself runs every tool; those that the provider runs have a type of their own."""
    if not tools:
        return True
    if not isinstance(tools, list):
        return False
    return all(
        isinstance(tool, dict)
        and (tool.get("type") is None or isinstance(tool["type"], str))
        and tool.get("type") in _CLIENTS_TOOLS
        for tool in tools
    )


def answer_key(
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
    """The hash of all that an answer depends on, and of the team: no other ever gets it.

    `path` carries the query; `vary` are globs of headers that reach the upstream and steer it.
    """
    control = sorted(
        (name.lower(), value)
        for name, value in headers.items()
        if any(fnmatchcase(name.lower(), glob) for glob in vary)
    )
    body = {name: value for name, value in (call.body or {}).items() if name not in _NOT_ASKED}
    asked = [path, form, upstream, model, team, control, body]
    return hashlib.sha256(_encoder.encode(asked)).hexdigest()


def is_complete(endpoint: str, form: Form, body: bytes) -> bool:
    """Whether a whole answer is also complete; only Responses can end without being so."""
    if endpoint != "/v1/responses":
        return True
    if form != "json":  # inside a text of the answer the quotes would be escaped
        return b'"type":"response.completed"' in body.replace(b'": "', b'":"')
    value: Any = decode_leniently(body)
    return isinstance(value, dict) and value.get("status") == "completed"
