"""What a client asks for: what Relay must know of a request's body, and the body that goes upstream.

The body reaches the provider byte for byte unless Relay must change it: to ask a stream for its usage, or
to put the model in an alias's place.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from proxy.errors import Refusal
from proxy.json_decoding import decode

_USAGE_STREAMS: Final = frozenset({"/v1/chat/completions", "/v1/completions"})
METERED: Final = _USAGE_STREAMS | {"/v1/embeddings", "/v1/responses", "/v1/messages"}
FREE: Final = frozenset({"/v1/models", "/v1/messages/count_tokens", "/v1/responses/input_tokens"})
_MODEL_LENGTH: Final = 256

# What servers of Python, vLLM for one, take for `true`: https://docs.pydantic.dev/latest/api/standard_library_types/#booleans
_TRUE: Final = frozenset({"true", "t", "1", "yes", "y", "on"})

_encoder = msgspec.json.Encoder(decimal_format="number")
_values = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Call(msgspec.Struct, kw_only=True):
    """One request as asked: its route, model (None where the route has none), and whether it streams.

    `metered` tells whether the route generates something that is counted in tokens. Nothing of it changes but
    that it is let go of.
    """

    endpoint: str
    metered: bool
    model: str | None
    stream: bool
    raw: bytes
    body: dict[str, Any] | None
    measured: int | None = None

    @property
    def may_lack_usage(self) -> bool:
        """Whether this stream tells its usage only when asked, and the client did not ask."""
        if not self.stream or self.endpoint not in _USAGE_STREAMS:
            return False
        options = (self.body or {}).get("stream_options")
        if options is None:
            return True
        # What is no object is for the upstream to refuse.
        return isinstance(options, dict) and options.get("include_usage") is not True

    @property
    def asks_usage(self) -> bool:
        """Whether the client itself asks this stream for its usage."""
        options = self.body.get("stream_options") if self.body and self.stream else None
        return isinstance(options, dict) and options.get("include_usage") is True

    def upstream_body(self, *, model: str | None, ask_usage: bool) -> bytes:
        """The body to send: the client's own bytes, changed only where it must be."""
        if self.body is None or (model == self.model and not ask_usage):
            return self.raw
        if model == self.model and "stream_options" not in self.body:
            return self.raw.rstrip()[:-1] + b',"stream_options":{"include_usage":true}}'
        changed = self.body | ({"model": model} if model is not None else {})
        if ask_usage:
            changed["stream_options"] = {**(self.body.get("stream_options") or {}), "include_usage": True}
        return _encoder.encode(changed)

    def scrubbed(self) -> Call:
        """The call to send after its body has been changed in place."""
        return msgspec.structs.replace(self, raw=_encoder.encode(self.body))

    def prompt_bytes(self) -> int:
        """The prompt's text in UTF-8 bytes, for an estimate where the provider counts nothing."""
        if self.measured is not None:
            return self.measured
        body = self.body or {}
        return _text_bytes([body[name] for name in _PLACES if name in body])

    def models_within(self) -> list[str]:
        """Every model that the body names, however deep: a batch has one in each of its requests."""
        found, waiting = list[str](), list[Any]([self.body])
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                found += [model for model in (value.get("model"),) if isinstance(model, str)]
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
        return found

    def let_go(self) -> None:
        """Forgets the body, which is sent and may be large; an estimate can still be made."""
        self.measured = self.prompt_bytes()
        self.raw, self.body = b"", None


_PLACES: Final = ("system", "instructions", "messages", "prompt", "input")
_PROMPT: Final = frozenset({"content", "text", "input", "output", "arguments", "tool_calls", "function"})
_LINKS: Final = ("data:", "http://", "https://")


def _text_bytes(waiting: list[Any]) -> int:
    """The size of every text of a prompt, however deep, less what is a link or a file."""
    size = 0
    while waiting:
        value = waiting.pop()
        kind = type(value)  # what JSON is decoded to has no subclasses
        if kind is str:
            if not value.startswith(_LINKS):
                size += len(value if value.isascii() else value.encode("utf-8", "replace"))
        elif kind is dict:
            waiting += [value[name] for name in value if name in _PROMPT]
        elif kind is list:
            waiting += value
    return size


def read_call(endpoint: str, method: str, raw: bytes) -> Call:
    """Reads a request. Raises `Refusal` (400) for a body that is not what the route needs."""
    metered = endpoint in METERED and method == "POST"
    body = decode(raw) if raw else None
    if not isinstance(body, dict):
        if metered:
            raise Refusal(400, "invalid_json", "the body is not a JSON object; send one with 'model' in it")
        body = None
    model = (body or {}).get("model")
    if model is None and metered:
        raise Refusal(400, "missing_model", "the body has no 'model'; name one")
    if model is not None and not _is_name(model):
        raise Refusal(
            400, "invalid_model", f"'model' must be a text of 1 to {_MODEL_LENGTH} printable characters"
        )
    stream = _is_true((body or {}).get("stream"))
    return Call(endpoint=endpoint, metered=metered, model=model, stream=stream, raw=raw, body=body)


def _is_true(value: object) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in _TRUE)


_NAME_ENDS: Final = re.compile(rb'(?<!\\)(?:\\\\)*"[ \t\r\n]*:')


def hides_something(call: Call) -> bool:
    """Whether a name stands twice in an object: the upstream may take the one that Relay does not see."""
    names, waiting = 0, list[object]([call.body])
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            names += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return names != len(_NAME_ENDS.findall(call.raw))


def hides_model(call: Call) -> bool:
    """Whether a parser that takes the first of two names, as ours takes the last, may find another model.

    Raises `Refusal` (400) for a model in other letters, `Model`, which Go's parser takes for the same name.
    """
    for name in call.body or ():
        if len(name) == len("model") and name != "model" and name.lower() == "model":
            raise Refusal(400, "invalid_model", "the body names the model twice; name it once, as 'model'")
    raw = call.raw
    if call.model is None or (raw.count(b'"model"') == 1 and b"\\u00" not in raw):
        return False
    values = [bytes(value) for value in _values.decode(raw).values()]
    named, escaped = (
        raw.count(what) - sum(value.count(what) for value in values) for what in (b'"model"', b"\\u00")
    )
    return named != 1 or escaped > 0


def _is_name(model: object) -> bool:
    return isinstance(model, str) and 0 < len(model) <= _MODEL_LENGTH and model.isprintable()
