"""Decodes the JSON of requests and answers with exact decimals."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from proxy.segments.record import exact

_decoder = msgspec.json.Decoder(float_hook=exact)


def decode(data: bytes) -> Any:
    """Decodes JSON with exact decimals; None when it is invalid."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_leniently(data: bytes) -> Any:
    """Also decodes invalid JSON of providers, with lone surrogates or `NaN`, to read the usage in it."""
    value = decode(data)
    if value is not None:
        return value
    try:
        text = data.decode("utf-8-sig", "replace")
        return json.loads(text, parse_float=exact, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
