"""The Python SDKs of both APIs as clients of one URL."""

from __future__ import annotations

from dataclasses import dataclass

import anthropic
import openai

from tests.support.running import Relay


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The SDKs' clients with nothing set but URL and key; `relay` is None without a proxy."""

    openai: openai.AsyncOpenAI
    anthropic: anthropic.AsyncAnthropic
    relay: Relay | None
