"""`python -m wayproof.api`: serves HTTP until SIGTERM or SIGINT, lets requests finish, and ends with 0."""

import gc
import signal
from typing import Final

import uvicorn

from wayproof.api.app import create_app
from wayproof.api.logs import log_json
from wayproof.api.settings import ApiSettings

_COLLECT_AFTER: Final = 100_000
"""Traces and tables are trees, which go without a collection: looking for cycles was a fifth of a large table."""


def main() -> None:
    """Runs the server."""
    settings = ApiSettings()
    log_json()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has shut down; with the default handler that would be a death by it.
        signal.signal(number, lambda *_: None)
    app = create_app(settings)
    gc.freeze()  # what is loaded stays, and need not be looked through again
    gc.set_threshold(_COLLECT_AFTER)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.drain_timeout.total_seconds()),
    )


if __name__ == "__main__":
    main()
