"""Somebody who is told by webhook: a real HTTP server that does as it is told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Subscriber:
    """Keeps what it was sent; answers as `answers` say, one after the other, and then with 200."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        #: How many events a message may have before it is too large.
        self.most = 1_000_000
        #: Cleared: nobody gets an answer.
        self.answering = threading.Event()
        self.answering.set()
        #: Set: somebody has sent something.
        self.reached = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/told?by=wayproof"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def documents(self) -> list[Any]:
        """What it was sent."""
        return [json.loads(body) for body in self.bodies]

    def event_ids(self) -> list[str]:
        """Of every event that it was sent, in order."""
        return [event["eventID"] for document in self.documents() for event in events_in(document)]

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """Keeps a message; the status to answer with."""
        self.reached.set()
        self.answering.wait(60)
        if len(events_in(json.loads(body))) > self.most:
            return 413
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.bodies.append(body)
            self.headers.append(headers)
        return status

    def close(self) -> None:
        """Ends the server."""
        self.answering.set()
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = subscriber.take(body, dict(self.headers))
                try:
                    self.send_response(status)
                    if 300 <= status < 400:
                        self.send_header("Location", subscriber.url)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


def events_in(document: Any) -> list[Any]:
    """The events of a query document."""
    events: list[Any] = document["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return events


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    """Somebody who listens."""
    made = Subscriber()
    yield made
    made.close()
