"""Random values match the JSON schema that they are made for."""

from __future__ import annotations

import re
from datetime import date, datetime
from random import Random
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, TypeAdapter, conlist

from relayctl.demo.formats.json_sample import sample
from relayctl.demo.formats.pattern_sample import matching

SEEDS = range(20)


class Item(BaseModel):
    """Every kind of constraint that pydantic writes into a schema."""

    name: str = Field(min_length=3, max_length=8)
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    price: float = Field(gt=0, le=0.5)
    discount: float = Field(ge=-1, lt=0)
    quantity: int = Field(ge=10, lt=13, multiple_of=3)
    size: Literal["s", "m", "l"]
    version: Literal[2]
    tags: set[str] = Field(min_length=2, max_length=3)
    pair: tuple[int, str]
    many: conlist(int, min_length=5)  # type: ignore[valid-type]
    weights: dict[str, float]
    made: date
    seen: datetime
    key: UUID
    note: str | None
    fresh: bool


class Node(BaseModel):
    """A schema that refers to itself."""

    label: str
    children: list[Node]
    parent: Node | None


class Cat(BaseModel):
    """One alternative of a union."""

    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    """The other alternative."""

    kind: Literal["dog"]


class Owner(BaseModel):
    """A schema with discriminated alternatives."""

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


@pytest.mark.parametrize("model", [Item, Node, Owner])
@pytest.mark.parametrize("seed", SEEDS)
def test_value_matches_the_schema_of_a_model(model: type[BaseModel], seed: int) -> None:
    model.model_validate(sample(model.model_json_schema(), Random(seed)))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_property_is_given_at_the_top(seed: int) -> None:
    schema = {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a", "c"]}
    assert set(sample(schema, Random(seed))) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": ["null", "integer"]}, int),
        ({"type": ["string", "null"]}, str),
        ({"allOf": [{"$ref": "#/$defs/n"}], "$defs": {"n": {"type": "boolean"}}}, bool),
        ({"items": {"type": "integer"}}, list[int]),
        (
            {"type": "array", "maxItems": 1, "items": {"type": "string"}},
            Annotated[list[str], Field(max_length=1)],
        ),
        ({"enum": [7, 8]}, Literal[7, 8]),
        (
            {"description": "A price.\n\n{exclusiveMinimum: 3, maximum: 4}", "type": "number"},
            Annotated[float, Field(gt=3, le=4)],
        ),
        (
            {"description": "{pattern: ^a{2}, b$}", "type": "string"},
            Annotated[str, Field(pattern="^a{2}, b$")],
        ),
        ({"description": "See {this: example} here", "type": "string"}, str),
        ({}, str),
    ],
)
def test_value_matches_a_plain_schema(schema: dict[str, Any], kind: Any) -> None:
    for seed in SEEDS:
        TypeAdapter(kind).validate_python(sample(schema, Random(seed)), strict=True)


def test_schema_that_requires_itself_has_an_end() -> None:
    endless = {"$ref": "#", "type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert sample(endless, Random(1))["next"]
    wide = {name: {"$ref": "#"} for name in "abcdefghijklmnop"}
    assert sample({"type": "object", "properties": wide, "required": list(wide)}, Random(1))["a"]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{3}-[A-Z]{2,4}$",
        r"^(cat|dog)s?$",
        r"^[^@\s]+@[a-z]+\.(com|org)$",
        r"^#(?:[0-9a-fA-F]{3}){1,2}$",
        r"\bword\b.*",
        r"^\+?\d{7,}$",
        r"^[\w.-]+/[]x]$",
        "plain",
        "",
    ],
)
def test_text_matches_the_pattern(pattern: str) -> None:
    texts = [matching(pattern, Random(seed)) for seed in SEEDS]
    assert all(re.search(pattern, text) for text in texts)
    assert pattern in {"plain", "", r"\bword\b.*"} or len(set(texts)) > 1


@pytest.mark.parametrize("pattern", ["(", "[", r"a{2", "*", r"(?=x)y", r"^\p{Lu}$"])
def test_pattern_that_cannot_be_read_is_no_error(pattern: str) -> None:
    assert isinstance(matching(pattern, Random(1)), str)
