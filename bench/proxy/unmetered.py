"""Relay without its features: the difference to Relay is what the features cost together.

    python -m bench.proxy.unmetered RELAY_YAML

The application is built and served as by `relayctl serve`, then its services are disabled: no key lookup (all
clients have one key), no limits, no usage read from the answer, no price, no record, no log line, no metrics.
What remains is what any proxy needs: routing by model, headers, the connection pool, and delivery.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from proxy import app
from proxy.config import file as config_file
from proxy.config.settings import Config
from proxy.exchange import recorder
from proxy.limits.middleware import Admission
from proxy.metering.answer import AnswerReader
from proxy.metering.stream_reader import StreamReader
from proxy.request.keys import Key
from proxy.sse import Event
from relayctl.serve import service

_KEY = Key(id="key_bench", user="ada", team="engines", hash="", created_at=datetime(2026, 1, 1, tzinfo=UTC))


def _do_nothing(*_: Any, **__: Any) -> None:
    """Does nothing."""


async def _do_nothing_async(*_: Any, **__: Any) -> None:
    """Does nothing."""


def _finish_body(answer: AnswerReader, _: bytes) -> None:
    answer.finished = True


def _finish_event(reader: StreamReader, event: Event) -> bool:
    reader.answer.finished = reader.answer.finished or event.raw.startswith(b"data: [DONE]")
    return False


def _without_features(build: Callable[..., Any]) -> Callable[..., Any]:
    def built(*arguments: Any, **options: Any) -> Any:
        made = build(*arguments, **options)
        services: Any = made[app.SERVICES]
        services.keys.find = lambda _: _KEY
        services.writer.intent = services.writer.record = _do_nothing
        services.writer.durable = _do_nothing_async
        services.metrics.observe = _do_nothing
        services.metrics.active = SimpleNamespace(inc=_do_nothing, dec=_do_nothing)
        admission = Admission(services.limits.backend)
        admission.settle = _do_nothing  # type: ignore[method-assign]
        admission.settled = admission.end = _do_nothing_async  # type: ignore[method-assign]

        async def admit(_: Any) -> Any:
            return admission

        services.limits.admit = admit
        return made

    return built


def main(config: Config) -> None:
    """Serves without features until it is ended."""
    with (
        patch.object(AnswerReader, "read_body", _finish_body),
        patch.object(StreamReader, "read", _finish_event),
        patch.object(recorder, "make_record", _do_nothing),
        patch.object(app, "build", _without_features(app.build)),
    ):
        service.run(config, database_url=None)


if __name__ == "__main__":
    main(config_file.load(Path(sys.argv[1])))
