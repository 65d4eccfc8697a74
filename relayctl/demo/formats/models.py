"""Encodes the models of the stand-in in the format of either API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from relayctl.demo.formats.pages import anthropic_page

Object = dict[str, Any]

_PREFIX: Final = "claude"


def openai_models(names: Sequence[str]) -> Object:
    """OpenAI's list of its models, which has one page."""
    return {"object": "list", "data": [openai_model(name) for name in names if not name.startswith(_PREFIX)]}


def openai_model(name: str) -> Object:
    """One model in OpenAI's format."""
    return {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "relay-demo"}


def anthropic_models(names: Sequence[str], query: Mapping[str, str]) -> Object:
    """A page of Anthropic's list of its models."""
    models = [anthropic_model(name) for name in names if name.startswith(_PREFIX)]
    return anthropic_page(models, query)


def anthropic_model(name: str) -> Object:
    """One model in Anthropic's format."""
    words = name.split("-")
    version = ".".join(word for word in words if word.isdigit())
    family = " ".join(word.title() for word in words if not word.isdigit())
    return {
        "type": "model",
        "id": name,
        "display_name": f"{family} {version}".strip(),
        "created_at": "2025-10-01T00:00:00Z",
        "lifecycle": "active",
    }
