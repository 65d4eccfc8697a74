"""Routing: upstreams, URLs, and the headers that are passed in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from proxy.config.settings import Config
from proxy.config.upstreams import Upstream
from proxy.errors import Api
from proxy.request.routing import Router, client_headers, upstream_headers, upstream_url

CONFIG = Config.model_validate({
    "upstreams": {
        "azure": {"api": "openai", "base_url": "https://a.example/v1", "models": ["gpt-4o", "gpt-5*"]},
        "openai": {"api": "openai", "base_url": "https://o.example/v1", "models": ["gpt-*", "o[134]*"]},
        "local": {"api": "openai", "base_url": "http://l.example/v1", "models": ["claude-*"]},
        "anthropic": {"api": "anthropic", "base_url": "https://c.example", "models": ["claude-*"]},
    },
    "aliases": {"fast": "gpt-5-mini", "gpt-4": "gpt-4o"},
})  # fmt: skip

CHOICES: list[tuple[Api, str | None, list[str]]] = [
    ("openai", "gpt-4o", ["azure", "openai"]),  # both match: in configured order
    ("openai", "gpt-4o-mini", ["openai"]),
    ("openai", "o3-mini", ["openai"]),
    ("openai", "o2", []),
    ("openai", "GPT-4o", []),  # names are case-sensitive
    ("openai", "claude-sonnet-4-5", ["local"]),  # the API of the route decides
    ("anthropic", "claude-sonnet-4-5", ["anthropic"]),
    ("anthropic", "gpt-4o", []),
    ("openai", None, ["azure"]),  # a file or a batch is at one provider only
    ("anthropic", None, ["anthropic"]),
]


@pytest.mark.parametrize(("api", "model", "names"), CHOICES)
def test_upstreams_are_selected_by_api_then_by_globs_in_order(
    api: Api, model: str | None, names: list[str]
) -> None:
    assert [found.name for found in Router(CONFIG).candidates(api, model)] == names


@pytest.mark.parametrize(
    ("asked", "meant"), [("fast", "gpt-5-mini"), ("gpt-4", "gpt-4o"), ("gpt-4o", "gpt-4o")]
)
def test_alias_is_resolved_to_its_model(asked: str, meant: str) -> None:
    assert Router(CONFIG).resolve(asked) == meant


URLS: list[tuple[Api, str, str, str, str]] = [
    ("openai", "https://o.example/v1", "/v1/chat/completions", "", "https://o.example/v1/chat/completions"),
    ("openai", "https://o.example/v1/", "/v1/models", "limit=1", "https://o.example/v1/models?limit=1"),
    ("openai", "https://g.example/v1beta/openai", "/v1/embeddings", "", "https://g.example/v1beta/openai/embeddings"),
    ("anthropic", "https://c.example", "/v1/messages", "beta=true", "https://c.example/v1/messages?beta=true"),
    ("anthropic", "https://c.example/v1", "/v1/messages", "", "https://c.example/v1/messages"),
    ("openai", "https://o.example/v1", "/v1/files/a%2Fb%3F", "q=1%262", "https://o.example/v1/files/a%2Fb%3F?q=1%262"),
]  # fmt: skip


@pytest.mark.parametrize(("api", "base", "path", "query", "url"), URLS)
def test_url_of_a_route_at_the_upstream(api: Api, base: str, path: str, query: str, url: str) -> None:
    upstream = Upstream.model_validate({"api": api, "base_url": base})
    assert upstream_url(upstream, path, query) == url


def an_upstream(**changes: Any) -> Upstream:
    return Upstream.model_validate({"api": "openai", "base_url": "https://o.example/v1"} | changes)


CREDENTIALS = {
    "Authorization": "Bearer rk_secret",
    "X-Api-Key": "rk_secret",
    "api-key": "rk_secret",
    "x-goog-api-key": "rk_secret",
    "Cookie": "session=secret",
    "Proxy-Authorization": "Basic c2VjcmV0",
    "OpenAI-Organization": "org-secret",
    "X-Forwarded-For": "10.0.0.1",
}
HOP_BY_HOP = {
    "Connection": "keep-alive, X-Only-Here",
    "X-Only-Here": "secret",
    "Keep-Alive": "timeout=5",
    "TE": "trailers",
    "Transfer-Encoding": "chunked",
    "Upgrade": "h2c",
    "Content-Length": "12",
    "Content-Encoding": "gzip",
    "Host": "relay.example",
    "Expect": "100-continue",
}


@pytest.mark.parametrize("api_key", ["sk-ours", None])
def test_credentials_and_hop_by_hop_headers_are_not_sent_upstream(api_key: str | None) -> None:
    passed_on = {
        "Content-Type": "application/json",
        "anthropic-beta": "x",
        "User-Agent": "openai/1",
        "OpenAI-Beta": "y",
    }
    sent = upstream_headers(an_upstream(), api_key, CIMultiDict(CREDENTIALS | HOP_BY_HOP | passed_on))
    ours = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    assert dict(sent) == passed_on | {"Accept-Encoding": "identity"} | ours


def test_each_api_gets_its_key_in_its_own_header() -> None:
    anthropic = upstream_headers(an_upstream(api="anthropic"), "sk-ant", {"anthropic-version": "2024-01-01"})
    assert dict(anthropic) == {
        "Accept-Encoding": "identity",
        "anthropic-version": "2024-01-01",
        "x-api-key": "sk-ant",
    }
    assert upstream_headers(an_upstream(api="anthropic"), None, {})["anthropic-version"] == "2023-06-01"


def test_repeated_header_is_sent_upstream_repeatedly() -> None:
    client = CIMultiDict([("anthropic-beta", "a"), ("anthropic-beta", "b")])
    assert upstream_headers(an_upstream(), None, client).getall("anthropic-beta") == ["a", "b"]


NOT_SENT_TO_CLIENTS = {
    "Set-Cookie": "__cf_bm=secret",
    "Connection": "keep-alive, X-Only-Here",
    "X-Only-Here": "1",
    "Transfer-Encoding": "chunked",
    "Content-Encoding": "gzip",
    "Content-Length": "3",
    "Alt-Svc": "h3",
    "Strict-Transport-Security": "max-age=1",
    "x-ratelimit-remaining-tokens": "9",
    "X-RateLimit-Limit-Requests": "9",
    "anthropic-ratelimit-tokens-remaining": "9",
    "openai-organization": "org-ours",
    "x-relay-cache": "hit",
    "anthropic-organization-id": "ours",
}


def test_rate_limits_cookies_and_framing_are_not_sent_to_clients() -> None:
    passed_on = {
        "Content-Type": "application/json",
        "retry-after": "3",
        "retry-after-ms": "3000",
        "x-should-retry": "true",
        "x-request-id": "req_theirs",
        "openai-version": "2020-10-01",
    }
    theirs = CIMultiDict(NOT_SENT_TO_CLIENTS | passed_on | {"x-relay-request-id": "forged"})
    assert dict(client_headers(theirs, "req_ours")) == passed_on | {"x-relay-request-id": "req_ours"}
