"""Prepares a request to an upstream: its origin and the bytes of its head; pure.

Values that could inject a header line are refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import msgspec
from yarl import URL

from proxy.errors import RelayError

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Framing and connection headers are set here, not by the caller.
_FRAMING: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "upgrade"})
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIRST_LINE: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [^\x00-\x20\x7f]+ HTTP/1\.1")


class UnsendableError(RelayError):
    """The request cannot be written as HTTP; the message quotes no values."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where connections go, identified by `key`, and what every request there has in common."""

    key: str
    host: str
    port: int
    tls: bool
    authority: str
    authorization: str | None = field(default=None, repr=False)


class PreparedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as bytes."""

    origin: Origin
    method: str
    head: bytes
    body: bytes


@lru_cache(maxsize=256)
def _origin(root: str) -> Origin:
    try:
        url = URL(root)
        host, port, authority = url.raw_host, url.port, url.host_port_subcomponent
    except ValueError as error:
        raise UnsendableError("its URL cannot be read") from error
    if url.scheme not in {"http", "https"} or not host or not port or not authority:
        raise UnsendableError("its URL has no host, or is neither http nor https")
    login = f"{url.user or ''}:{url.password or ''}".encode()
    basic = f"Basic {base64.b64encode(login).decode()}" if len(login) > 1 else None
    return Origin(
        key=f"{url.scheme}://{authority}",
        host=host,
        port=port,
        tls=url.scheme == "https",
        authority=authority,
        authorization=basic,
    )


@lru_cache(maxsize=1024)
def _is_forwarded(name: str) -> bool:
    if not _TOKEN.fullmatch(name):
        raise UnsendableError("the name of a header has an invalid character")
    return name.lower() not in _FRAMING


def _head(method: str, target: str, origin: Origin, headers: Mapping[str, str], body_bytes: int) -> bytes:
    first = f"{method} {target} HTTP/1.1"
    if not _FIRST_LINE.fullmatch(first):
        raise UnsendableError("its method or path has an invalid character")
    lines = [first, f"Host: {origin.authority}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if _is_forwarded(name)]
    if origin.authorization is not None and "Authorization" not in headers:
        lines.append(f"Authorization: {origin.authorization}")
    if body_bytes or method not in _WITHOUT_BODY:
        lines.append(f"Content-Length: {body_bytes}")
    head = "\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
        raise UnsendableError("a header has a line break in it")
    try:
        return f"{head}\r\n\r\n".encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise UnsendableError("a header has a lone surrogate in it") from error


def prepare_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> PreparedRequest:
    """Prepares a request; the URL keeps its escapes. Raises `UnsendableError`."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    origin = _origin(f"{scheme}://{authority}")
    head = _head(method, f"{slash}{path}" or "/", origin, headers, len(body))
    return PreparedRequest(origin=origin, method=method, head=head, body=body)
