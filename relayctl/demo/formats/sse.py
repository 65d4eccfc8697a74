"""Encodes server-sent events."""

from __future__ import annotations

from typing import Any

from relayctl.demo.formats.requested import json_text


def frame(body: dict[str, Any]) -> bytes:
    """One event with a JSON object as data, named after its `type` if it has one."""
    name = f"event: {body['type']}\n" if "type" in body else ""
    return f"{name}data: {json_text(body)}\n\n".encode()
