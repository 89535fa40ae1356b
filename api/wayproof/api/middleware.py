"""What every request passes, whatever route it takes: limits, headers, measurement, and the last resort."""

from time import perf_counter
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wayproof.api import epcis
from wayproof.api.metrics import HttpMetrics
from wayproof.api.problems import TOO_LARGE, internal_problem, problem

MAX_BODY_BYTES: Final = 1024 * 1024
_TOO_MANY: Final = 1 << 62

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_log = structlog.get_logger(__name__)


class Envelope:
    """The outermost layer: a fault inside becomes a problem, and every answer carries the security headers."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        with self._metrics.in_progress.track_inprogress():
            try:
                await self._app(exchange.scope, receive, exchange.send)
            except Exception:  # noqa: BLE001 - the last resort: whatever it is, the caller gets a problem
                _log.exception("request failed", method=scope["method"], path=scope["path"])
                if not exchange.status:
                    await internal_problem()(scope, receive, exchange.send)
        self._metrics.observe(exchange.scope, exchange.status, perf_counter() - exchange.began)


class _Exchange:
    """One request on its way in and its answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.began = perf_counter()
        self.status = 0
        self._send = send
        self._bodiless = scope["method"] == "HEAD"
        # HEAD is GET without the content (RFC 9110 section 9.3.2); routes know only GET.
        self.scope: Scope = {**scope, "method": "GET"} if self._bodiless else scope

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        elif self._bodiless:
            message = {**message, "body": b""}
        await self._send(message)


class BodyLimit:
    """Refuses a body of more than `MAX_BODY_BYTES`, told in advance or found out while reading.

    EPCIS documents for capture may be larger.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        path = scope.get("path", "")
        most = epcis.CAPTURE_FILE_SIZE_LIMIT if path == epcis.CAPTURE_PATH else MAX_BODY_BYTES
        if scope["type"] == "http" and _told_length(scope) > most:
            is_epcis = path.startswith(f"{epcis.PREFIX}/")
            answer = epcis.too_large(most) if is_epcis else problem(TOO_LARGE, TOO_LARGE.explanation)
            await answer(scope, receive, send)
            return
        await self._app(scope, _counted(receive, most), send)


def _told_length(scope: Scope) -> int:
    told = Headers(scope=scope).get("content-length", "0")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else _TOO_MANY  # noqa: PLR2004


def _counted(receive: Receive, most: int) -> Receive:
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most:
            raise HTTPException(TOO_LARGE.status, epcis.at_most(most))
        return message

    return counting
