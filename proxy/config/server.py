"""Settings of the process itself: HTTP server, Relay keys, segments, process log and metrics endpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from proxy.config.section import Seconds, Section

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def _as_tuple(origins: object) -> object:
    return (origins,) if isinstance(origins, str) else origins


def _check_origin(origin: str) -> str:
    """Return an origin as browsers send it: in lower case and without the default port."""
    found = re.fullmatch(r"([a-z][a-z0-9+.-]*)://([^/\s?#@*,]+?)(?::([0-9]+))?/?", origin.lower())
    if origin == "*":
        return origin
    if not found:
        raise ValueError("should be an origin such as https://app.example.com, or *")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" if port in {None, _DEFAULT_PORTS.get(scheme)} else f"{scheme}://{host}:{port}"


Origins = Annotated[tuple[Annotated[str, AfterValidator(_check_origin)], ...], BeforeValidator(_as_tuple)]


class Tls(Section):
    """PEM files for HTTPS: the certificate with its chain, and the private key."""

    certificate: Path
    key: Path


class Server(Section):
    """The HTTP server: address, workers, TLS and timeouts.

    `drain_seconds` bounds a request whose client has disconnected, and a shutdown. A client that reads
    nothing for `send_seconds` is disconnected. A request whose body is incomplete after `receive_seconds` is
    refused. `fast_path: false` parses every event of a stream as JSON and lets aiohttp write every chunk: the
    same results with more CPU time. `cors_origins` are the origins whose pages may read answers in a browser.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1)
    tls: Tls | None = None
    max_body_bytes: int = Field(default=33_554_432, gt=0)
    drain_seconds: Seconds = 120
    send_seconds: Seconds = 300
    receive_seconds: Seconds = 300
    fast_path: bool = True
    cors_origins: Origins = ()


class Routes(Section):
    """Routes that need a setting.

    `allow` names routes that are refused otherwise: those that return a provider's key. The lists of models
    that upstreams send are cached for `models_cache_seconds`.
    """

    allow: tuple[str, ...] = ()
    models_cache_seconds: Seconds = 300


class Keys(Section):
    """The file of Relay keys, which holds their hashes."""

    file: Path = Path("var/keys.yaml")


class Logs(Section):
    """Segments: their directory, when they are sealed, and when lines are synced to disk."""

    dir: Path = Path("var/logs")
    durability: Literal["strict", "batch", "os"] = "batch"
    rotate_seconds: Seconds = 60
    rotate_bytes: int = Field(default=67_108_864, ge=1024)
    intents: bool = True


class ProcessLog(Section):
    """The log of the process on stderr."""

    format: Literal["human", "json"] = "human"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsSection(Section):
    """Access to `/metrics`."""

    require_auth: bool = False
