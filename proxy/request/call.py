"""Parses the body of a request, and builds the body that is sent upstream.

The body is passed byte for byte unless Relay must change it: to request the usage of a stream, or to replace
an alias by its model.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeGuard

import msgspec

from proxy.errors import OPENAI_ROUTES, Refusal
from proxy.json_decoding import decode

_USAGE_STREAMS: Final = frozenset({"/v1/chat/completions", "/v1/completions"})
METERED: Final = OPENAI_ROUTES | {"/v1/messages"}
FREE: Final = frozenset({"/v1/models", "/v1/messages/count_tokens", "/v1/responses/input_tokens"})
_MODEL_LENGTH: Final = 256

# Values that servers in Python, such as vLLM, accept for `true`: https://docs.pydantic.dev/latest/api/standard_library_types/#booleans
_TRUE: Final = frozenset({"true", "t", "1", "yes", "y", "on"})

_encoder = msgspec.json.Encoder(decimal_format="number")
_values = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Call(msgspec.Struct, kw_only=True):
    """A parsed request: route, model (None where the route has none), and whether it streams.

    `metered`: the route generates tokens. A call is immutable except for `release_body`, which sets
    `prompt_size`.
    """

    endpoint: str
    metered: bool
    model: str | None
    stream: bool
    raw: bytes
    body: dict[str, Any] | None
    service_tier: str | None = None
    prompt_size: int | None = None

    @property
    def may_lack_usage(self) -> bool:
        """Whether the stream reports usage only on request, and the client does not request it."""
        if not self.stream or self.endpoint not in _USAGE_STREAMS:
            return False
        options = (self.body or {}).get("stream_options")
        if options is None:
            return True
        # The upstream refuses anything but an object.
        return isinstance(options, dict) and options.get("include_usage") is not True

    @property
    def requests_usage(self) -> bool:
        """Whether the client requests the usage of the stream."""
        options = self.body.get("stream_options") if self.body and self.stream else None
        return isinstance(options, dict) and options.get("include_usage") is True

    def upstream_body(self, *, model: str | None, include_usage: bool) -> bytes:
        """Return the body to send: the client's bytes unless model or usage option must change."""
        if self.body is None or (model == self.model and not include_usage):
            return self.raw
        if model == self.model and "stream_options" not in self.body:
            return self.raw.rstrip()[:-1] + b',"stream_options":{"include_usage":true}}'
        changed = self.body | ({"model": model} if model is not None else {})
        if include_usage:
            changed["stream_options"] = {**(self.body.get("stream_options") or {}), "include_usage": True}
        return _encoder.encode(changed)

    def reencoded(self) -> Call:
        """Return the call with `raw` encoded from `body`: after a change, or to drop duplicate names."""
        return msgspec.structs.replace(self, raw=_encoder.encode(self.body))

    def prompt_bytes(self) -> int:
        """Return the size of the prompt's text in UTF-8 bytes, for estimates."""
        if self.prompt_size is not None:
            return self.prompt_size
        body = self.body or {}
        return _text_bytes([body[name] for name in _PROMPT_FIELDS if name in body])

    def all_models(self) -> list[str]:
        """Return every model in the body at any depth: a batch has one in each of its requests."""
        found, waiting = list[str](), list[Any]([self.body])
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                found += [model for model in (value.get("model"),) if isinstance(model, str)]
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
        return found

    def release_body(self) -> None:
        """Free the body once it is sent; `prompt_bytes` stays available."""
        self.prompt_size = self.prompt_bytes()
        self.raw, self.body = b"", None


_PROMPT_FIELDS: Final = ("system", "instructions", "messages", "prompt", "input")
_TEXT_KEYS: Final = frozenset({"content", "text", "input", "output", "arguments", "tool_calls", "function"})
_LINKS: Final = ("data:", "http://", "https://")


def _text_bytes(waiting: list[Any]) -> int:
    """Return the size of all texts of a prompt at any depth, except links and files."""
    size = 0
    while waiting:
        value = waiting.pop()
        kind = type(value)  # decoded JSON has no subclasses
        if kind is str:
            if not value.startswith(_LINKS):
                size += len(value if value.isascii() else value.encode("utf-8", "replace"))
        elif kind is dict:
            waiting += [value[name] for name in value if name in _TEXT_KEYS]
        elif kind is list:
            waiting += value
    return size


def read_call(endpoint: str, method: str, raw: bytes) -> Call:
    """Parse a request. Raises `Refusal` (400) for a body that the route cannot take."""
    metered = endpoint in METERED and method == "POST"
    body = decode(raw) if raw else None
    if not isinstance(body, dict):
        if metered:
            raise Refusal(400, "invalid_json", "the body is not a JSON object; send one with 'model' in it")
        body = None
    model = (body or {}).get("model")
    if model is None and metered:
        raise Refusal(400, "missing_model", "the body has no 'model'; name one")
    if model is not None and not is_valid_model(model):
        raise Refusal(
            400, "invalid_model", f"'model' must be a text of 1 to {_MODEL_LENGTH} printable characters"
        )
    stream = _is_true((body or {}).get("stream"))
    tier = (body or {}).get("service_tier")
    return Call(
        endpoint=endpoint,
        metered=metered,
        model=model,
        stream=stream,
        raw=raw,
        body=body,
        service_tier=tier if isinstance(tier, str) else None,
    )


def _is_true(value: object) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in _TRUE)


_NAME_ENDS: Final = re.compile(rb'(?<!\\)(?:\\\\)*"[ \t\r\n]*:')


def has_duplicate_names(call: Call) -> bool:
    """Return whether an object has a name twice: the upstream may use the value that Relay does not see."""
    names, waiting = 0, list[object]([call.body])
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            names += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return names != len(_NAME_ENDS.findall(call.raw))


def has_ambiguous_model(call: Call) -> bool:
    """Return whether a parser that uses the first of two equal names, unlike ours, may find another model.

    Raises `Refusal` (400) for the name in another case, such as `Model`, which Go's parser accepts as well.
    """
    for name in call.body or ():
        if len(name) == len("model") and name != "model" and name.lower() == "model":
            raise Refusal(400, "invalid_model", "the body names the model twice; name it once, as 'model'")
    raw = call.raw
    if call.model is None or (raw.count(b'"model"') == 1 and b"\\u00" not in raw):
        return False
    values = [bytes(value) for value in _values.decode(raw).values()]
    named, escaped = (
        raw.count(text) - sum(value.count(text) for value in values) for text in (b'"model"', b"\\u00")
    )
    return named != 1 or escaped > 0


def is_valid_model(model: object) -> TypeGuard[str]:
    """Return whether a value can be the name of a model."""
    return isinstance(model, str) and 0 < len(model) <= _MODEL_LENGTH and model.isprintable()
