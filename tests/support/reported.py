"""The reported situations beside the project: what a provider answered, and what the record must say."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.real_input import FIXTURES


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One situation; `cost` holds the acceptable costs in USD ("null": must be unknown; empty: not judged).

    `error` is None (not judged), True (an error must be recorded), its type, or `!type` (not that type).
    """

    name: str
    api: str
    path: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    body: bytes
    tokens: dict[str, int | None]
    more: dict[str, Any]
    cost: tuple[str, ...]
    error: bool | str | None


def _situation(path: Path) -> Situation:
    data = json.loads(path.read_text("utf-8"))
    response, cost = data["response"], data.get("expected_cost_usd")
    return Situation(
        name=path.stem,
        api=data["api"],
        path=data["request"]["path"],
        request=data["request"]["body"],
        status=response["status"],
        headers=response["headers"],
        body=base64.b64decode(response["body_b64"]),
        tokens=data["expected"] or {},
        more=data.get("expected_more") or {},
        cost=tuple(cost.split("|")) if cost else (),
        error=data.get("expected_error"),
    )


SITUATIONS: Final = [_situation(path) for path in sorted((FIXTURES / "reported").glob("*.json"))]


def upstreams(url: str) -> dict[str, dict[str, Any]]:
    """The set-up of the situations' prices: upstreams in their order, all at one stand-in provider."""

    def one(api: str, models: list[str], vendor: str | None) -> dict[str, Any]:
        base = f"{url}/v1" if api == "openai" else url
        return {"api": api, "base_url": base, "models": models} | (
            {"price_provider": vendor} if vendor else {}
        )

    return {
        "bedrock": one("openai", ["*.anthropic.*"], "aws"),
        "fireworks": one("openai", ["accounts/fireworks/*"], "fireworks"),
        "litellm": one("openai", ["claude-*"], "anthropic"),
        "google": one("openai", ["gemini-*"], "google"),
        "local": one("openai", ["gpt-oss-*"], None),
        "openrouter": one("openai", ["anthropic/*", "openai/*"], "openrouter"),
        "openai": one("openai", ["*"], "openai"),
        "anthropic": one("anthropic", ["*"], "anthropic"),
    }
