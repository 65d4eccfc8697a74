"""Embeddings: one vector for each input, as floats or base64."""

from __future__ import annotations

import math
from array import array
from base64 import b64decode
from typing import Any

import pytest

from relayctl.demo.formats.embeddings import embeddings, inputs

MODEL = "text-embedding-3-small"


def vectors(given: Any, **options: Any) -> list[Any]:
    body = embeddings({"model": MODEL, "input": given, **options}, model=MODEL, seed=1)
    assert [item["index"] for item in body["data"]] == list(range(len(body["data"])))
    return [item["embedding"] for item in body["data"]]


@pytest.mark.parametrize(
    ("given", "count"),
    [("text", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2)],
)
def test_every_input_has_a_vector(given: Any, count: int) -> None:
    assert len(vectors(given)) == count


@pytest.mark.parametrize("given", [None, "", [], [""], 7, {"a": 1}, ["a", 1], [[]], [True], [["a"]]])
def test_invalid_inputs_are_empty(given: Any) -> None:
    assert inputs({"input": given}) == []


def test_vectors_have_length_one_and_depend_on_the_input() -> None:
    first, second, third = vectors(["a", "b", "a"])
    assert first == third != second
    assert math.isclose(sum(x * x for x in first), 1, rel_tol=1e-5)


def test_base64_and_float_are_the_same_numbers() -> None:
    (text,) = vectors("a", encoding_format="base64", dimensions=7)
    (floats,) = vectors("a", encoding_format="float", dimensions=7)
    assert array("f", b64decode(text)).tolist() == floats


@pytest.mark.parametrize(
    ("model", "size"), [(MODEL, 1536), ("text-embedding-3-large", 3072), ("text-embedding-ada-002", 1536)]
)
def test_vectors_have_the_dimensions_of_the_model(model: str, size: int) -> None:
    (item,) = embeddings({"model": model, "input": "a"}, model=model, seed=1)["data"]
    assert len(item["embedding"]) == size


@pytest.mark.parametrize(("given", "tokens"), [(["x" * 40, "y" * 5], 12), ([1, 2, 3], 3), ([[1, 2], [3]], 3)])
def test_tokens_of_all_inputs_are_counted(given: Any, tokens: int) -> None:
    body = embeddings({"model": MODEL, "input": given}, model=MODEL, seed=1)
    assert body["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
