"""A JSON client for Prometheus and Alertmanager."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from relayctl.errors import InputError, RelayctlError

_SECONDS: Final = 30


class ServerError(RelayctlError):
    """The server cannot be reached, or its answer is not in the expected form."""


class RefusedError(RelayctlError):
    """The server rejected the request (400 or 422); the message is the server's."""


class Server:
    """A server at a base URL; credentials in the URL are sent but never shown."""

    def __init__(self, kind: str, url: str, *, option: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(option, f"--{option} must be a URL such as http://127.0.0.1:9090, not {url!r}")
        self._kind = kind
        self._option = option
        self._base = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        self._headers = _authorization(parts)

    def __str__(self) -> str:
        return f"{self._kind} at {self._base}"

    def form(self, path: str, fields: Mapping[str, str]) -> Any:
        """POSTs a form and returns the decoded JSON answer. Raises `ServerError` or `RefusedError`."""
        return self._post(path, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def json(self, path: str, value: object) -> Any:
        """POSTs JSON and returns the decoded JSON answer, None if it is empty. Raises as `form`."""
        return self._post(path, json.dumps(value).encode(), "application/json")

    def _post(self, path: str, body: bytes, kind: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._base.rstrip("/") + path, body, {"Content-Type": kind} | self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
                data = answer.read()
        except urllib.error.HTTPError as error:
            if error.code in (400, 422):
                raise RefusedError(_message(error.read())) from error
            raise ServerError(f"{self} answered with status {error.code}: check --{self._option}") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            why = getattr(reason, "strerror", None) or reason
            raise ServerError(f"{self} cannot be reached: {why}; check --{self._option}") from error
        try:
            return json.loads(data, parse_float=Decimal) if data else None
        except ValueError as error:
            raise ServerError(f"{self} did not answer with JSON: check --{self._option}") from error


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


def _message(body: bytes) -> str:
    """The reason in an error body: Prometheus' `error`, Alertmanager's `message` or its plain string."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if isinstance(content, dict):
        content = content.get("error") or content.get("message")
    return content if isinstance(content, str) else "the server gave no reason"
