"""`python -m wayproof.api`: serves HTTP until SIGTERM or SIGINT, lets requests finish, and ends with 0."""

import signal

import uvicorn

from wayproof.api.app import create_app
from wayproof.api.logs import log_json
from wayproof.api.settings import ApiSettings


def main() -> None:
    """Runs the server."""
    settings = ApiSettings()
    log_json()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has shut down; with the default handler that would be a death by it.
        signal.signal(number, lambda *_: None)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.drain_timeout.total_seconds()),
    )


if __name__ == "__main__":
    main()
