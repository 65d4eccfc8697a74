"""Builds the sheet of `keys list`: owner, limits and state. Must not contain hashes."""

from __future__ import annotations

from collections.abc import Sequence

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
    Column(name="usd_per_day", title="USD/day", kind="number", weight=3),
    Column(name="created_at", title="issued", kind="time", weight=5),
    Column(name="revoked_at", title="ends", kind="time", weight=5),
    Column(name="state", title="state"),
)


def keys_sheet(rows: Sequence[Row]) -> Sheet:
    """A row for each key in order of issue. An empty limit means the configured default."""
    return Sheet(columns=_COLUMNS, rows=rows, document={"schema": SCHEMA, "keys": rows})
