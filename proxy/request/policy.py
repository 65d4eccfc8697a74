"""What may not be sent to a provider: texts that a pattern fits, and prompts that are too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from proxy.config.patterns import compile_pattern
from proxy.config.pii import Policy as Rules
from proxy.errors import Refusal
from proxy.request.call import Call
from proxy.request.text_fields import BETWEEN, prompt_places


class Policy:
    """The rules of the configuration, made once per process; `count` is called for every refusal."""

    def __init__(self, rules: Rules, count: Callable[[], None]) -> None:
        joined = "|".join(f"(?:{pattern})" for pattern in rules.blocked_patterns)
        self._blocked = compile_pattern(joined) if joined else None
        self._max = rules.max_input_bytes
        self._count = count

    def check(self, call: Call) -> None:
        """Raises `Refusal` (400) for a call that may not be sent; it quotes neither prompt nor pattern.

        A body that is no JSON object is taken whole.
        """
        if self._blocked is None and self._max is None:
            return
        texts = _texts(call)
        if self._max is not None and sum(map(len, texts)) > self._max:
            message = f"the prompt is longer than the {self._max} bytes of Relay's policy; shorten it"
            self._refuse("input_too_large", message)
        if self._blocked is not None and self._blocked.search(BETWEEN.join(texts)):
            message = "Relay's policy does not allow this prompt; change it, or ask who runs Relay"
            self._refuse("content_blocked", message)

    def _refuse(self, code: str, message: str) -> NoReturn:
        self._count()
        raise Refusal(400, code, message)


def _texts(call: Call) -> list[bytes]:
    if call.body is None:
        return [call.raw]
    return [place.text.encode("utf-8", "surrogatepass") for place in prompt_places(call.body)]
