"""Serves text files to Prometheus at /metrics, as the node exporter's textfile collector does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, *arguments: object, directory: Path) -> None:
        self._directory = directory
        super().__init__(*arguments)  # type: ignore[arg-type]  # the arguments of the server

    def do_GET(self) -> None:
        body = b"".join(path.read_bytes() for path in sorted(self._directory.glob("*.prom")))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Logs nothing."""


@contextmanager
def text_server(directory: Path) -> Iterator[str]:
    """Serves the directory's `*.prom` files and yields `host:port`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=directory)) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
