"""What the doctor sees of the services around: the proxy itself, its upstreams, Prometheus, Langfuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import httpx

from etl.errors import EtlError
from etl.langfuse.api import Langfuse
from etl.langfuse.connection import Credentials, RateLimiter
from proxy.config.settings import Config
from relayctl.doctor.finding import Finding, absent, problem, sound

_SECONDS: Final = 5.0


def proxy(config: Config) -> Iterator[Finding]:
    """Whether it serves here, and can do its work."""
    server = config.server
    host = "127.0.0.1" if server.host in {"0.0.0.0", "::"} else server.host  # noqa: S104 -- compared, not bound
    url = f"{'https' if server.tls else 'http'}://{host}:{server.port}/readyz"
    try:
        # Whose certificate it is matters to clients, not to a look at one's own host.
        answer = httpx.get(url, timeout=_SECONDS, verify=False)  # noqa: S501
    except httpx.HTTPError:
        yield absent("proxy", f"nothing answers at {url}", "start it here: `relayctl serve`")
        return
    if answer.status_code == 200:
        yield sound("proxy", f"ready at {url}")
        return
    yield problem("proxy", f"{url} answers {answer.status_code}: {_reason(answer)}", "correct what it names")


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["reason"])
    except (ValueError, KeyError, TypeError):
        return "it gives no reason"


def upstreams(config: Config) -> Iterator[Finding]:
    """Whether each can be reached at all; nothing is asked of it that costs."""
    for upstream in config.upstreams.values():
        name = f"upstream {upstream.name}"
        try:
            httpx.head(upstream.base_url, timeout=_SECONDS)
        except httpx.HTTPError as error:
            what = f"{upstream.base_url} cannot be reached ({type(error).__name__})"
            yield problem(name, what, "check its base_url, and the way out of this network")
        else:
            yield sound(name, f"{upstream.base_url} answers")


def prometheus(url: str | None) -> Iterator[Finding]:
    """Whether it answers and has seen a proxy."""
    if not url:
        yield absent(
            "Prometheus", "no URL is given", "give --prometheus-url to check that it scrapes the proxy"
        )
        return
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/api/v1/query", params={"query": "relay_active_requests"}, timeout=_SECONDS
        )
        series = answer.raise_for_status().json()["data"]["result"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        what = f"{url} gives no answer ({type(error).__name__})"
        yield problem("Prometheus", what, "check the URL; it is that of its web page")
        return
    if series:
        yield sound("Prometheus", f"has seen {len(series)} proxies")
    else:
        yield problem("Prometheus", "has seen no proxy", "add the proxy's /metrics to its scrape_configs")


def langfuse(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the keys in the environment open a project."""
    name = "Langfuse"
    if not (environ.get("LANGFUSE_PUBLIC_KEY") or environ.get("LANGFUSE_SECRET_KEY")):
        yield absent(name, "no keys are set", "set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY for traces")
        return
    try:
        credentials = Credentials.from_environ(environ)
        httpx.get(f"{credentials.base_url}/api/public/health", timeout=_SECONDS)
        client = Langfuse(credentials, RateLimiter(), timeout=int(_SECONDS))
    except EtlError as error:
        yield problem(name, str(error), "set both keys of one project")
        return
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = f"{credentials.base_url} cannot be reached ({type(error).__name__})"
        yield problem(name, what, "check LANGFUSE_HOST, and the way out of this network")
        return
    try:
        client.project()
        yield sound(name, f"the keys open a project at {client.base_url}")
    except EtlError as error:
        yield problem(name, str(error), "correct LANGFUSE_HOST and the keys")
    finally:
        client.close()
