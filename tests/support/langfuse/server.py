"""A stand-in for Langfuse 4, by the rules of docs/langfuse.md: it stores every span and never merges.

    with langfuse_server() as server:
        server.will(Fault.ERROR_AFTER)          # what the next request with spans meets
        ...
        assert server.summary()["spans"] == 1

`python -m tests.support.langfuse.server` serves from a separate process and prints its port.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.langfuse import queries as langfuse_queries
from tests.support.langfuse.spans import BadSpanError, Stored, checked, read_spans
from tests.support.langfuse.state import PROJECT, PUBLIC_KEY, SECRET_KEY, Behaviour, Fault, Server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Logs nothing."""

    def _answer(self, status: int, body: object, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def _is_known(self) -> bool:
        given = self.headers.get("Authorization", "")
        wanted = base64.b64encode(f"{PUBLIC_KEY}:{SECRET_KEY}".encode()).decode()
        return given == f"Basic {wanted}"

    def do_GET(self) -> None:
        """Answers all reads."""
        state = self.server.state
        parts = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/stand-in/summary":
            self._answer(200, state.summary())
        elif parts.path == "/api/public/health":
            self._answer(200, {"status": "OK", "version": "2.95.0" if state.behaviour.old else "4.16.0"})
        elif not self._is_known():
            self._answer(
                401, {"message": "Invalid credentials. Confirm that you've configured the correct host."}
            )
        elif parts.path == "/api/public/projects":
            project = {
                "id": PROJECT,
                "name": "relay",
                "metadata": {},
                "organization": {"id": "o", "name": "o"},
            }
            self._answer(200, {"data": [project]})
        elif state.behaviour.old:
            self._answer(404, {"message": "Not found"})
        else:
            time.sleep(state.behaviour.slow_reads)
            answers = {
                "/api/public/v2/observations": langfuse_queries.observations,
                "/api/public/v2/metrics": langfuse_queries.metrics,
            }
            answer = answers.get(parts.path)
            status, body = answer(state.readable(), asked) if answer else (404, {"message": "Not found"})
            self._answer(status, body)

    def do_POST(self) -> None:
        """Accepts spans, and changes of the server's behaviour."""
        state = self.server.state
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/stand-in/behaviour":
            likely = json.loads(data)
            state.behaviour.likely = {Fault[name]: share for name, share in likely.items()}
            self._answer(200, {})
        elif self.path != "/api/public/otel/v1/traces" or state.behaviour.old:
            self._answer(404, {"message": "Not found"})
        elif not self._is_known():
            self._answer(401, {"message": "Invalid credentials"})
        elif self.headers.get("x-langfuse-ingestion-version") != "4":
            self._answer(400, {"message": "the x-langfuse-ingestion-version is not 4"})
        else:
            self._take(state, data)

    def _take(self, state: Server, data: bytes) -> None:
        state.posts += 1
        fault = state.fault()
        state.met[fault.name if fault else "NONE"] += 1
        if len(data) > state.behaviour.max_body:
            self._answer(413, {"message": "Body exceeded the limit"})
            return
        if fault is Fault.LIMIT:
            self._answer(429, {"message": "Rate limited"}, Retry_After=str(state.behaviour.retry_after))
            return
        try:
            body = json.loads(data)
            if state.posts % state.behaviour.check_every == 0:
                checked(body)
            spans = read_spans(body, PUBLIC_KEY)
        except BadSpanError as error:
            state.met["BAD_SPAN"] += 1
            self._answer(400, {"message": f"Invalid spans: {error}"})
            return
        if fault in (Fault.BAD, Fault.LARGE) and len(spans) > 1:
            self._answer(400 if fault is Fault.BAD else 413, {"message": "Refused"})
            return
        self._end(state, spans, fault, len(data))

    def _end(self, state: Server, spans: list[Stored], fault: Fault | None, size: int) -> None:
        if fault not in (Fault.ERROR_BEFORE, Fault.RESET_BEFORE):
            state.store(spans, fault, size)
        if fault is Fault.SLOW:
            time.sleep(state.behaviour.slow_posts)
        if fault in (Fault.ERROR_AFTER, Fault.ERROR_BEFORE):
            self._answer(500, {"message": "Internal Server Error"})
        elif fault in (Fault.RESET_AFTER, Fault.RESET_BEFORE):
            self._reset()
        else:
            self._answer(200, {})


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, state: Server, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.state = state
        state.port = self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores clients that were killed or disconnected by this server."""


@contextmanager
def langfuse_server(behaviour: Behaviour | None = None, *, port: int = 0) -> Iterator[Server]:
    """Runs the stand-in in threads of this process."""
    state = Server(behaviour or Behaviour())
    with _Http(state, port) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()


def main() -> None:
    """Serves until it is killed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lag", type=float, default=0.0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--check-every", type=int, default=1)
    given = options.parse_args()
    state = Server(Behaviour(lag=given.lag, seed=given.seed, check_every=given.check_every))
    with _Http(state) as http:
        sys.stdout.write(f"{state.port}\n")
        sys.stdout.flush()
        http.serve_forever()


if __name__ == "__main__":
    main()
