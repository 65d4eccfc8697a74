"""Settings of the live Langfuse export and of content capture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from proxy.config.section import Section


def _check_environment(name: str) -> str:
    # Langfuse silently replaces any other name by "default".
    if not re.fullmatch(r"(?!langfuse)[a-z0-9_-]{1,40}", name):
        raise ValueError("should have at most 40 of a-z, 0-9, - and _, and not begin with langfuse")
    return name


class Analytics(Section):
    """The live Langfuse export, and whether prompts and answers are captured for it.

    The export looks for sealed segments every `interval_seconds` and sends at most `rate_limit` requests per
    minute (null = no limit). Without a database, the SQLite file `ledger` lists what has been sent.
    """

    enabled: bool = False
    provider: Literal["langfuse"] = "langfuse"
    capture_content: bool = False
    environment: Annotated[str, AfterValidator(_check_environment)] = "default"
    interval_seconds: int = Field(default=10, ge=1)
    rate_limit: int | None = Field(default=None, ge=1)
    ledger: Path = Path("var/langfuse.sqlite")
