"""Encodes the stand-in's embeddings: one random vector of length 1 for each input, equal for equal inputs."""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64encode
from random import Random
from typing import Any, Final

from relayctl.demo.formats.requested import tokens_in

Object = dict[str, Any]

_DIMENSIONS: Final = {"text-embedding-3-large": 3072}
_DEFAULT_DIMENSIONS: Final = 1536
MAX_DIMENSIONS: Final = 3072
MAX_INPUTS: Final = 2048


def inputs(body: Object) -> list[str | list[int]]:
    """The request's inputs, each a text or a list of token numbers; empty if they are not valid."""
    given = body.get("input")
    if isinstance(given, str) or _is_tokens(given):
        given = [given]
    valid = isinstance(given, list) and all(
        (one and isinstance(one, str)) or _is_tokens(one) for one in given
    )
    return given if valid and isinstance(given, list) else []


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def embeddings(body: Object, *, model: str, seed: int) -> Object:
    """The embeddings of all inputs, with usage, which has no completion tokens."""
    size = body.get("dimensions") or _DIMENSIONS.get(str(body.get("model")), _DEFAULT_DIMENSIONS)
    given = inputs(body)
    data = []
    for index, one in enumerate(given):
        vector = _vector(Random(f"{seed} {model} {one}"), size)  # noqa: S311 - not a secret
        encoded = _base64(vector) if body.get("encoding_format") == "base64" else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": encoded})
    tokens = sum(tokens_in(one) if isinstance(one, str) else len(one) for one in given)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _vector(random: Random, size: int) -> array[float]:
    numbers = array("h", random.randbytes(2 * size))
    length = math.sqrt(sum(number * number for number in numbers)) or 1
    return array("f", [number / length for number in numbers])


def _base64(vector: array[float]) -> str:
    """The vector as little-endian 32-bit floats."""
    if sys.byteorder == "big":
        vector.byteswap()
    return b64encode(vector.tobytes()).decode()
