"""Finds the error that an answer reports, also inside a 200; pure.

A provider's message may quote the prompt, so only the type and code of an error are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from proxy.metering.usage import Raw, first_object
from proxy.segments.record import Fault, clip

UNNAMED: Final = "upstream_error"
"""The type of an error that has none."""


def find_fault(value: dict[str, Any], inner: Raw, choices: Sequence[Raw]) -> Fault | None:
    """The error that an answer or a stream event reports; None where it reports none.

    `inner` is the answer inside the event, if any; `choices` are the answer's.
    """
    error = _error_of(value)
    if error is None and inner:
        error = _error_of(inner)
    if error is None and "x_groq" in value:  # Groq: a string
        error = _as_object(first_object(value, ("x_groq",)).get("error"))
    if error is None and "base_resp" in value:  # MiniMax
        code = first_object(value, ("base_resp",)).get("status_code")
        error = {"code": code} if code else None
    for choice in choices if error is None else ():
        error = _as_object(choice.get("error"))
        if error is None and choice.get("finish_reason") == "error":
            error = {}
        if error is not None:
            break
    return None if error is None else fault_from_error(error)


def _error_of(source: Raw) -> Raw | None:
    if source.get("status") == "failed" or source.get("object") == "error":  # the latter vLLM, SGLang
        return _as_object(source.get("error")) or source
    return _as_object(source.get("error"))


def _as_object(error: object) -> Raw | None:
    """The value of an `error` field as an object: empty for a string, whose text is not kept."""
    if not error:
        return None
    return error if isinstance(error, dict) else {}


def fault_from_error(error: Raw) -> Fault:
    """The fault that an error object describes."""
    kind = _text(error.get("type")) or _text(error.get("code")) or UNNAMED
    code = error.get("code")
    detail = f" ({code})" if isinstance(code, str | int) and str(code) != kind else ""
    return Fault(type=kind[:100], message=f"the upstream answered with an error: {kind[:100]}{detail[:100]}")


def _text(value: object) -> str | None:
    return clip(value) or None if isinstance(value, str) else None
