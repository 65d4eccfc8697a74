"""What an answer tells of its own failure, inside a 200 too; pure.

A provider's message may quote the prompt: the kind and code of an error are all that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from proxy.metering.usage import Raw, part
from proxy.segments.record import Fault, clip

UNNAMED: Final = "upstream_error"
"""The kind of an error that names none."""


def told_fault(value: dict[str, Any], inner: Raw, choices: Sequence[Raw]) -> Fault | None:
    """The failure that an answer or an event of a stream tells; None where it tells none.

    `inner` is the answer itself where it stands inside the event, `choices` are the answer's.
    """
    error = _told_by(value)
    if error is None and inner:
        error = _told_by(inner)
    if error is None and "x_groq" in value:  # Groq: a text
        error = _named(part(value, "x_groq").get("error"))
    if error is None and "base_resp" in value and (code := part(value, "base_resp").get("status_code")):
        error = {"code": code}  # MiniMax refuses so
    for choice in choices if error is None else ():
        error = _named(choice.get("error"))
        if error is None and choice.get("finish_reason") == "error":
            error = {}
        if error is not None:
            break
    return None if error is None else fault_of(error)


def _told_by(source: Raw) -> Raw | None:
    if source.get("status") == "failed" or source.get("object") == "error":  # the latter vLLM, SGLang
        return _named(source.get("error")) or source
    return _named(source.get("error"))


def _named(error: object) -> Raw | None:
    """An error that stands in a place of its own: perhaps a text, which is not kept."""
    if not error:
        return None
    return error if isinstance(error, dict) else {}


def fault_of(error: Raw) -> Fault:
    """The fault that an error object is."""
    kind = _text(error.get("type")) or _text(error.get("code")) or UNNAMED
    code = error.get("code")
    detail = f" ({code})" if isinstance(code, str | int) and str(code) != kind else ""
    return Fault(type=kind[:100], message=f"the upstream answered with an error: {kind[:100]}{detail[:100]}")


def _text(value: object) -> str | None:
    return clip(value) or None if isinstance(value, str) else None
