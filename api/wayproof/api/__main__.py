"""`python -m wayproof.api`: serves HTTP until SIGTERM or SIGINT, lets requests finish, and ends with 0."""

import argparse
import gc
import signal
import sys
from typing import Final

import uvicorn

from wayproof.api.app import create_app
from wayproof.api.logs import log_json
from wayproof.api.settings import ApiSettings
from wayproof.model.errors import InvalidInput
from wayproof.store.settings import DatabaseSettings, from_environment
from wayproof.trace.settings import WebhookSettings

_DESCRIPTION = "Serves HTTP. Settings: WAYPROOF_API_*, WAYPROOF_WEBHOOK_* and WAYPROOF_DATABASE_*."
_COLLECT_AFTER: Final = 100_000
"""Traces and tables are trees, which go without a collection: looking for cycles was a fifth of a large table."""


def main() -> int:
    """Runs until it is told to stop. Exit codes: 0 then, 1 for a bug, 2 for an environment that lacks something."""
    argparse.ArgumentParser(prog="python -m wayproof.api", description=_DESCRIPTION).parse_args()
    try:
        database, webhooks = from_environment(DatabaseSettings), from_environment(WebhookSettings)
        settings = from_environment(ApiSettings, database=database, webhooks=webhooks)
    except InvalidInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
