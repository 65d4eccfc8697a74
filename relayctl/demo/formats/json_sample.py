"""Random values that match a JSON schema, for tool calls and structured output."""

from __future__ import annotations

import math
import re
from random import Random
from typing import Any, Final

from relayctl.demo.formats.pattern_sample import matching

Object = dict[str, Any]

_WORDS: Final = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "iris", "juniper")
_FORMATS: Final = {
    "date": "2026-03-14",
    "date-time": "2026-03-14T15:09:26Z",
    "time": "15:09:26Z",
    "duration": "PT15M",
    "email": "ada@example.com",
    "hostname": "www.example.com",
    "ipv4": "192.0.2.17",
    "ipv6": "2001:db8::17",
    "uri": "https://www.example.com/page",
    "uuid": "7f0c3c1e-5d54-4d0c-9a0e-2f6a1a5b8c3d",
}
# Numbers that an SDK may state in the description instead.
_CONSTRAINTS: Final = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems"),
)
# Below this depth, or after this many values, optional properties and items are left out.
_FULL_DEPTH: Final = 3
_FULL_VALUES: Final = 500
# A schema that requires itself has no value; sampling ends here.
_MAX_DEPTH: Final = 32
_MAX_VALUES: Final = 5_000
_ITEMS: Final = 2
_RANGE: Final = 100
_MAX_STRING: Final = 10_000
_MAX_ITEMS: Final = 100


def sample(schema: Object, random: Random) -> Any:
    """A random value that matches the schema, which may refer to its own `$defs`."""
    return _Sampler(schema, random).value(schema, 0)


class _Sampler:
    def __init__(self, root: Object, random: Random) -> None:
        self._root = root
        self._random = random
        self._values = 0

    def value(self, schema: Any, depth: int) -> Any:
        self._values += 1
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            return None
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        return self._of_type(self._type(schema, depth), schema, depth)

    def _of_type(self, kind: str, schema: Object, depth: int) -> Any:
        made: Any = None
        match kind:
            case "object":
                made = self._object(schema, depth)
            case "array":
                made = self._array(schema, depth)
            case "integer" | "number":
                made = _number(schema, self._random, whole=kind == "integer")
            case "boolean":
                made = self._random.random() < 0.5
            case "string":
                made = self._string(schema)
        return made

    def _brief(self, depth: int) -> bool:
        return depth > _FULL_DEPTH or self._values > _FULL_VALUES

    def _resolved(self, schema: Any, depth: int) -> Object:
        """The schema with references, `allOf` and one of its alternatives merged into it."""
        merged: Object = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(_MAX_DEPTH):
            if "$ref" in merged:
                merged = _merged(merged, self._target(str(merged.pop("$ref"))))
            elif parts := merged.pop("allOf", None):
                for part in parts:
                    merged = _merged(merged, part)
            elif options := merged.pop("anyOf", None) or merged.pop("oneOf", None):
                merged = _merged(merged, self._option(options, depth))
            else:
                break
        return _described(merged) | merged

    def _target(self, reference: str) -> Any:
        found: Any = self._root
        for name in reference.lstrip("#").strip("/").split("/"):
            key = name.replace("~1", "/").replace("~0", "~")
            found = found.get(key, {}) if isinstance(found, dict) and key else found
        return found

    def _option(self, options: list[Any], depth: int) -> Any:
        """One of the alternatives: not null while there is room, the smallest otherwise."""
        null = [option for option in options if isinstance(option, dict) and option.get("type") == "null"]
        if self._brief(depth):
            simple = [option for option in options if isinstance(option, dict) and "$ref" not in option]
            return (null or simple or options)[0]
        return self._random.choice([option for option in options if option not in null] or null)

    def _type(self, schema: Object, depth: int) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            null = "null" in kind and self._brief(depth)
            kind = "null" if null else next((one for one in kind if one != "null"), "null")
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
        return str(kind)

    def _object(self, schema: Object, depth: int) -> Object:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        names = [name for name in properties if name in required or not self._brief(depth)]
        made = {name: self.value(properties[name], depth + 1) for name in names}
        more = schema.get("additionalProperties", True)
        for name in required:
            if name not in made:
                made[name] = self.value(more, depth + 1)
        count = schema.get("minProperties", 0 if properties or not isinstance(more, dict) else 1)
        for number in range(len(made), min(count, _MAX_ITEMS)):
            made[f"{self._random.choice(_WORDS)}_{number}"] = self.value(more, depth + 1)
        return made

    def _array(self, schema: Object, depth: int) -> list[Any]:
        made = [self.value(item, depth + 1) for item in schema.get("prefixItems") or []]
        items = schema.get("items", {})
        least = schema.get("minItems", 0)
        count = least if self._brief(depth) else max(least, _ITEMS if items else 0)
        count = min(count, schema.get("maxItems", count), _MAX_ITEMS)
        for _ in range(20 * max(0, count - len(made))):
            if len(made) >= count:
                break
            item = self.value(items, depth + 1)
            if not (schema.get("uniqueItems") and item in made):
                made.append(item)
        return made

    def _string(self, schema: Object) -> str:
        if pattern := schema.get("pattern"):
            return matching(str(pattern), self._random)
        text = _FORMATS.get(str(schema.get("format")), " ".join(self._random.choices(_WORDS, k=2)))
        text = text.ljust(min(schema.get("minLength", 0), _MAX_STRING), "x")
        return text[: schema.get("maxLength", len(text))]


def _described(schema: Object) -> Object:
    """The constraints at the end of the description, where Anthropic's SDKs put those that its API lacks.

    Example: "A price.\\n\\n{exclusiveMinimum: 0, maximum: 10}".
    """
    noted = re.search(r"\{(\w+: .*)\}$", str(schema.get("description", "")), re.DOTALL)
    found: Object = {}
    for key, value in re.findall(r"(\w+): (.*?)(?=, \w+: |$)", noted[1] if noted else "", re.DOTALL):
        if key == "pattern":
            found[key] = value
        elif key in _CONSTRAINTS and re.fullmatch(r"-?\d+(\.\d+)?", value):
            found[key] = float(value) if "." in value else int(value)
    return found


def _merged(first: Object, second: Any) -> Object:
    """Both schemas in one; properties and required names of both are kept."""
    if not isinstance(second, dict):
        return first
    both = first | second
    if "properties" in first and "properties" in second:
        both["properties"] = first["properties"] | second["properties"]
    if "required" in first and "required" in second:
        both["required"] = [*first["required"], *second["required"]]
    return both


def _number(schema: Object, random: Random, *, whole: bool) -> int | float:
    """A number between the schema's bounds and a multiple of its `multipleOf`."""
    low, high = _bound(schema, "inimum"), _bound(schema, "aximum")
    if low is None:
        low = (1 if whole else 0) if high is None or high > 1 else high - _RANGE
    if high is None:
        high = low + _RANGE
    step = schema.get("multipleOf") or (1 if whole else None)
    if step:
        first, last = math.ceil(low / step), math.floor(high / step)
        first += first * step == schema.get("exclusiveMinimum")
        last -= last * step == schema.get("exclusiveMaximum")
        number = random.randint(first, max(first, last)) * step
        return int(number) if whole else float(number)
    chosen = round(random.uniform(low, high), 2)
    return chosen if low < chosen < high else (low + high) / 2


def _bound(schema: Object, name: str) -> float | None:
    """The inclusive or exclusive bound whose name ends like this."""
    return next((schema[key] for key in (f"m{name}", f"exclusiveM{name}") if key in schema), None)
