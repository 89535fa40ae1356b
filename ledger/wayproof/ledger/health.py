"""/livez, /readyz and /metrics of a process that speaks no other HTTP."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Checks = Mapping[str, Callable[[], bool]]
"""By name, whether something that the process needs is there."""


def serve_health(host: str, port: int, checks: Checks) -> ThreadingHTTPServer:
    """Serves in a thread of its own. /readyz answers 503 unless every check holds, and names each."""

    class Handler(_Handler):
        readiness = checks

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    readiness: Checks = {}  # noqa: RUF012 - each server has a class of its own

    def do_GET(self) -> None:
        """Answers one request."""
        match self.path:
            case "/livez":
                self._answer(HTTPStatus.OK, b"{}")
            case "/readyz":
                state = {name: check() for name, check in self.readiness.items()}
                status = HTTPStatus.OK if all(state.values()) else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, msgspec.json.encode(state))
            case "/metrics":
                self._answer(HTTPStatus.OK, generate_latest(), CONTENT_TYPE_LATEST)
            case _:
                self._answer(HTTPStatus.NOT_FOUND, b"{}")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Probes are not news."""
