"""`server.cors_origins`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from proxy.config.server import Server

VALID = [
    ("*", ("*",)),
    ("https://App.Example.com/", ("https://app.example.com",)),
    (["https://a.example:443", "http://a.example:80"], ("https://a.example", "http://a.example")),
    (["http://localhost:5173", "http://[::1]:80"], ("http://localhost:5173", "http://[::1]")),
    (["chrome-extension://abcdef", "tauri://localhost"], ("chrome-extension://abcdef", "tauri://localhost")),
]


@pytest.mark.parametrize(("given", "expected"), VALID)
def test_origins_are_kept_as_browsers_send_them(given: object, expected: tuple[str, ...]) -> None:
    assert Server.model_validate({"cors_origins": given}).cors_origins == expected


@pytest.mark.parametrize(
    "origin",
    ["", "null", "app.example.com", "https://a.example/app", "https://*.a.example", "https://u@a", "a b://c"],
)
def test_invalid_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="should be an origin such as"):
        Server.model_validate({"cors_origins": [origin]})
