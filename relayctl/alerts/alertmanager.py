"""Sends firing alerts to an Alertmanager (API v2), which groups, silences and delivers them.

The labels do not name the sending host, so Alertmanager treats the same alert from two hosts as one.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.segments.record import time_text
from relayctl.alerts.annotations import expand
from relayctl.alerts.http_client import RefusedError, Server, ServerError
from relayctl.alerts.verdict import Verdict


def alert(verdict: Verdict) -> dict[str, object]:
    """The alert in Alertmanager's format. It ends after `resolve_timeout` unless it is sent again."""
    texts = {
        name: expand(text, verdict.labels, verdict.value) for name, text in verdict.rule.annotations.items()
    }
    content: dict[str, object] = {"labels": dict(verdict.labels), "annotations": texts}
    return content | ({"startsAt": time_text(verdict.since)} if verdict.since else {})


def send(url: str, verdicts: Sequence[Verdict]) -> int:
    """Sends the firing alerts and returns how many there are. Raises `RelayctlError`."""
    firing = [alert(verdict) for verdict in verdicts if verdict.state == "firing"]
    server = Server("Alertmanager", url, option="alertmanager")
    if firing:
        try:
            server.json("/api/v2/alerts", firing)
        except RefusedError as error:
            raise ServerError(f"{server} does not accept the alerts: {error}") from error
    return len(firing)
