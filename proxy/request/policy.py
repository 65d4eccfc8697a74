"""Content policy: refuses prompts that match a blocked pattern or are too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from proxy.config.patterns import compile_pattern
from proxy.config.pii import Policy as PolicySettings
from proxy.errors import Refusal
from proxy.request.call import Call
from proxy.request.text_fields import SEPARATOR, prompt_fields


class Policy:
    """The configured policy, compiled once per process; `count` is called for every refusal."""

    def __init__(self, settings: PolicySettings, count: Callable[[], None]) -> None:
        joined = "|".join(f"(?:{pattern})" for pattern in settings.blocked_patterns)
        self._blocked = compile_pattern(joined) if joined else None
        self._max_bytes = settings.max_input_bytes
        self._count = count

    def check(self, call: Call) -> None:
        """Check a call. Raises `Refusal` (400), which quotes neither prompt nor pattern.

        A body that is not a JSON object is checked as one text.
        """
        if self._blocked is None and self._max_bytes is None:
            return
        texts = _texts(call)
        if self._max_bytes is not None and sum(map(len, texts)) > self._max_bytes:
            message = f"the prompt is longer than the {self._max_bytes} bytes of Relay's policy; shorten it"
            self._refuse("input_too_large", message)
        if self._blocked is not None and self._blocked.search(SEPARATOR.join(texts)):
            message = "Relay's policy does not allow this prompt; change it, or contact the operator of Relay"
            self._refuse("content_blocked", message)

    def _refuse(self, code: str, message: str) -> NoReturn:
        self._count()
        raise Refusal(400, code, message)


def _texts(call: Call) -> list[bytes]:
    if call.body is None:
        return [call.raw]
    return [field.text.encode("utf-8", "surrogatepass") for field in prompt_fields(call.body)]
