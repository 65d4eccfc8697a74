"""Which headers cross the border: to the provider, and back to the client."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict
from pydantic import ValidationError

from proxy.config.headers import Headers
from proxy.config.upstreams import Upstream
from proxy.request.headers import UpstreamHeaders, client_headers

# Credentials and identities that fronts, meshes and other gateways put into requests.
CANARIES = (
    "Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Cookie",
    "X-Amzn-Oidc-Accesstoken", "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "Cf-Access-Jwt-Assertion",
    "Cf-Access-Authenticated-User-Email", "X-Goog-Iap-Jwt-Assertion", "X-Goog-Authenticated-User-Email",
    "X-Forwarded-Access-Token", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-For",
    "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "X-Auth-Request-Email",
    "X-Auth-Request-Access-Token", "X-Client-Cert", "X-Forwarded-Client-Cert", "Ssl-Client-Cert", "Via",
    "Origin", "Referer", "Traceparent", "Tracestate", "Baggage", "B3", "X-Litellm-Api-Key",
    "X-Litellm-Tags", "X-Vault-Token", "Private-Token", "Ocp-Apim-Subscription-Key", "X-Relay-Project",
    "X-Relay-End-User", "X-Id-Token", "X-Ms-Client-Principal", "X-Remote-User", "Remote-User",
    "X-Webauth-User", "X-Tailscale-User-Login", "Dpop", "X-Csrf-Token", "X-Amz-Security-Token",
    "X-Kong-Consumer", "OpenAI-Organization", "OpenAI-Project",
)  # fmt: skip
PASSED = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    "anthropic-beta": "x",
    "anthropic-version": "2023-06-01",
    "OpenAI-Beta": "y",
    "X-Stainless-Lang": "python",
    "Idempotency-Key": "k",
    "User-Agent": "openai/1",
    "X-Claude-Code-Session-Id": "s",
}


def upstream(**changes: Any) -> Upstream:
    return Upstream.model_validate({"api": "openai", "base_url": "https://o.example/v1"} | changes)


def sent(client: dict[str, str], **settings: Any) -> CIMultiDict[str]:
    return UpstreamHeaders(Headers.model_validate(settings)).build(upstream(), "sk-ours", CIMultiDict(client))


@pytest.mark.parametrize("name", CANARIES)
@pytest.mark.parametrize("spelling", [str, str.lower, str.upper])
def test_no_identity_or_credential_reaches_the_provider(name: str, spelling: Any) -> None:
    headers = sent({spelling(name): "canary"} | PASSED)
    assert "canary" not in headers.values()
    assert dict(headers) == PASSED | {"Accept-Encoding": "identity", "Authorization": "Bearer sk-ours"}


def test_named_headers_pass_and_credentials_never_do() -> None:
    client = {
        "X-Title": "a",
        "X-Acme-Trace": "b",
        "traceparent": "c",
        "X-Other": "d",
        "X-Api-Key": "e",
        "Cookie": "f",
    }
    headers = sent(client, **{"pass": ["X-Title", "x-acme-*", "traceparent", "x-api-*", "cook*"]})
    assert {"X-Title", "X-Acme-Trace", "traceparent"} <= set(headers)
    assert not {"X-Other", "X-Api-Key", "Cookie"} & set(headers)


def test_user_agent_and_session_ids_by_setting() -> None:
    headers = sent(PASSED, user_agent=False, session_ids=False)
    assert "User-Agent" not in headers
    assert "X-Claude-Code-Session-Id" not in headers


@pytest.mark.parametrize("glob", ["*", "?*", "", "Cookie", "authorization", "x y", "x:y", "naïve"])
def test_a_glob_that_passes_everything_or_a_credential_is_refused(glob: str) -> None:
    with pytest.raises(ValidationError):
        Headers.model_validate({"pass": [glob]})


def test_server_software_of_the_provider_does_not_come_back() -> None:
    headers = client_headers({"Server": "cloudflare", "Via": "1.1 x", "X-Request-Id": "r"}, "req_1")
    assert dict(headers) == {"X-Request-Id": "r", "x-relay-request-id": "req_1"}
