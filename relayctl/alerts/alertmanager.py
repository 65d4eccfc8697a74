"""Sends what fires to an Alertmanager (API v2), which does the grouping, silencing and delivering.

Nothing that names the sender goes with it: an alert is its labels, so the same one from two hosts is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.segments.record import time_text
from relayctl.alerts.annotations import expanded
from relayctl.alerts.verdict import Verdict
from relayctl.alerts.web import RefusedError, Server, ServerError


def alert(verdict: Verdict) -> dict[str, object]:
    """The alert as Alertmanager takes it; not sent again, it ends after its `resolve_timeout`."""
    texts = {
        name: expanded(text, verdict.labels, verdict.value) for name, text in verdict.rule.annotations.items()
    }
    content: dict[str, object] = {"labels": dict(verdict.labels), "annotations": texts}
    return content | ({"startsAt": time_text(verdict.since)} if verdict.since else {})


def send(url: str, verdicts: Sequence[Verdict]) -> int:
    """Sends the firing ones of the verdicts and gives their number. Raises `RelayctlError`."""
    firing = [alert(verdict) for verdict in verdicts if verdict.state == "firing"]
    server = Server("Alertmanager", url, option="alertmanager")
    if firing:
        try:
            server.json("/api/v2/alerts", firing)
        except RefusedError as error:
            raise ServerError(f"{server} does not accept the alerts: {error}") from error
    return len(firing)
