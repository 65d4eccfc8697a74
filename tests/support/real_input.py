"""The recordings and traces beside the project, for the tests that use them where they are present."""

from __future__ import annotations

import base64
import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

FIXTURES: Final = Path(os.environ.get("RELAY_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures"))
PRESENT: Final = FIXTURES.is_dir()

needs_real_input = pytest.mark.skipif(
    not PRESENT, reason=f"no recordings at {FIXTURES}: the tests on real input are left out"
)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recorded answer of a provider; `expected` is None where the provider sent no usage."""

    id: str
    provider: str
    path: str
    stream: bool
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    body: bytes
    expected: dict[str, Any] | None


def _route(path: str) -> str:
    """The route of Relay for a recorded path: providers put it below prefixes of their own."""
    for route in ("/chat/completions", "/embeddings", "/responses", "/messages"):
        if path.endswith(route):
            return f"/v1{route}"
    raise ValueError(path)


def _recording(path: Path) -> Recording:
    data = json.loads(path.read_text("utf-8"))
    response = data["response"]
    return Recording(
        id=data["id"],
        provider=data["provider"],
        path=_route(data["request"]["path"]),
        stream=data["stream"],
        request=data["request"]["body"],
        status=response["status"],
        headers=response["headers"],
        body=base64.b64decode(response["body_b64"]),
        expected=data["expected"],
    )


RECORDINGS: Final = [_recording(path) for path in sorted((FIXTURES / "providers").glob("*.json"))]


@dataclass(frozen=True, kw_only=True)
class TracedRequest:
    """One request measured in production: arrival in UTC, input and output tokens."""

    service: str
    at: datetime
    prompt_tokens: int
    completion_tokens: int


def traced_requests() -> Iterator[TracedRequest]:
    """The requests of both traces; the seventh digit of their times is cut."""
    for path in sorted((FIXTURES / "traces").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                moment = datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC)
                yield TracedRequest(
                    service=path.stem.rpartition("_")[2],
                    at=moment,
                    prompt_tokens=int(row["ContextTokens"]),
                    completion_tokens=int(row["GeneratedTokens"]),
                )
