"""Relay keys as a sheet: whose they are, what they may, whether they work; never a hash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from proxy.keys import Key
from relayctl.documents import time_label
from relayctl.render.sheet import Column, Row, Sheet

SCHEMA = "relay.keys/v1"

_COLUMNS = (
    Column(name="key_id", title="id"),
    Column(name="user_id", title="user"),
    Column(name="team_id", title="team"),
    Column(name="models", title="models", weight=7),
    Column(name="rpm", title="rpm", kind="count", weight=4),
    Column(name="tpm", title="tpm", kind="count", weight=4),
    Column(name="concurrency", title="at once", kind="count", weight=3),
    Column(name="tokens_per_day", title="tokens/day", kind="count", weight=3),
    Column(name="usd_per_day", title="USD/day", weight=3),
    Column(name="created_at", title="issued", kind="time", weight=5),
    Column(name="revoked_at", title="ends", kind="time", weight=5),
    Column(name="state", title="state"),
)


def keys_sheet(keys: Sequence[Key], now: datetime) -> Sheet:
    """Every key in the order of its issue. A limit that is not set is the configured default."""
    rows = [_row(key, now) for key in keys]
    return Sheet(columns=_COLUMNS, rows=rows, document={"schema": SCHEMA, "keys": rows})


def _row(key: Key, now: datetime) -> Row:
    ending = key.revoked_at is not None and key.works(now)
    return {
        "key_id": key.id,
        "user_id": key.user,
        "team_id": key.team,
        "models": ",".join(key.models),
        "rpm": key.rpm,
        "tpm": key.tpm,
        "concurrency": key.concurrency,
        "tokens_per_day": key.tokens_per_day,
        "usd_per_day": key.usd_per_day,
        "created_at": time_label(key.created_at),
        "revoked_at": time_label(key.revoked_at) if key.revoked_at else None,
        "state": "ending" if ending else "works" if key.works(now) else "revoked",
    }
