"""Checks the services: the proxy, its upstreams, Prometheus, Langfuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import httpx

from etl.errors import EtlError
from etl.langfuse.api import Langfuse
from etl.langfuse.connection import Credentials, RateLimiter
from proxy.config.settings import Config
from relayctl.doctor.finding import Finding, not_set_up, ok, problem

_TIMEOUT_SECONDS: Final = 5.0


def proxy(config: Config) -> Iterator[Finding]:
    """Checks that the proxy on this host is ready."""
    server = config.server
    host = "127.0.0.1" if server.host in {"0.0.0.0", "::"} else server.host  # noqa: S104 -- compared, not bound
    url = f"{'https' if server.tls else 'http'}://{host}:{server.port}/readyz"
    try:
        # Certificate verification matters to clients, not to a local readiness check.
        answer = httpx.get(url, timeout=_TIMEOUT_SECONDS, verify=False)  # noqa: S501
    except httpx.HTTPError:
        yield not_set_up("proxy", f"nothing answers at {url}", "start it here: `relayctl serve`")
        return
    if answer.status_code == 200:
        yield ok("proxy", f"ready at {url}")
        return
    yield problem(
        "proxy", f"{url} answers {answer.status_code}: {_reason(answer)}", "correct the named cause"
    )


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["reason"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def upstreams(config: Config) -> Iterator[Finding]:
    """Checks that each upstream can be reached, by a HEAD request that costs nothing."""
    for upstream in config.upstreams.values():
        name = f"upstream {upstream.name}"
        try:
            httpx.head(upstream.base_url, timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            what = f"{upstream.base_url} cannot be reached ({type(error).__name__})"
            yield problem(name, what, "check its base_url and outbound network access")
        else:
            yield ok(name, f"{upstream.base_url} answers")


def prometheus(url: str | None) -> Iterator[Finding]:
    """Checks that Prometheus answers and has scraped a proxy."""
    if not url:
        yield not_set_up(
            "Prometheus", "no URL is given", "give --prometheus-url to check that it scrapes the proxy"
        )
        return
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/api/v1/query",
            params={"query": "relay_active_requests"},
            timeout=_TIMEOUT_SECONDS,
        )
        series = answer.raise_for_status().json()["data"]["result"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        what = f"{url} gives no answer ({type(error).__name__})"
        yield problem("Prometheus", what, "check the URL; it is the one of the web interface")
        return
    if series:
        yield ok("Prometheus", f"has seen {len(series)} proxies")
    else:
        yield problem("Prometheus", "has seen no proxy", "add the proxy's /metrics to its scrape_configs")


def langfuse(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Checks that the keys in the environment belong to a project."""
    name = "Langfuse"
    if not (environ.get("LANGFUSE_PUBLIC_KEY") or environ.get("LANGFUSE_SECRET_KEY")):
        yield not_set_up(
            name, "no keys are set", "set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY for traces"
        )
        return
    try:
        credentials = Credentials.from_environ(environ)
        httpx.get(f"{credentials.base_url}/api/public/health", timeout=_TIMEOUT_SECONDS)
        client = Langfuse(credentials, RateLimiter(), timeout=int(_TIMEOUT_SECONDS))
    except EtlError as error:
        yield problem(name, str(error), "set both keys of one project")
        return
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = f"{credentials.base_url} cannot be reached ({type(error).__name__})"
        yield problem(name, what, "check LANGFUSE_HOST and outbound network access")
        return
    try:
        client.project()
        yield ok(name, f"the keys belong to a project at {client.base_url}")
    except EtlError as error:
        yield problem(name, str(error), "correct LANGFUSE_HOST and the keys")
    finally:
        client.close()
