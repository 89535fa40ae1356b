"""`python -m wayproof.trace`: captures documents, tells subscribers and records events, set up by the environment."""

import argparse
import sys

from wayproof.model.errors import InvalidInput
from wayproof.store.settings import DatabaseSettings, from_environment
from wayproof.trace.logs import configure_logs
from wayproof.trace.service import run
from wayproof.trace.settings import TraceSettings, WebhookSettings

_DESCRIPTION = (
    "Captures EPCIS documents, tells subscribers of queries, and records departures, arrivals, excursions and handoffs."
    " Settings: WAYPROOF_TRACE_*, WAYPROOF_WEBHOOK_* and WAYPROOF_DATABASE_*."
)


def main() -> int:
    """Runs until it is told to stop. Exit codes: 0 then, 1 for a bug, 2 for an environment that lacks something."""
    argparse.ArgumentParser(prog="python -m wayproof.trace", description=_DESCRIPTION).parse_args()
    try:
        settings, database = from_environment(TraceSettings), from_environment(DatabaseSettings)
        webhooks = from_environment(WebhookSettings)
    except InvalidInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logs()
    return 0 if run(settings, database, webhooks) else 1


if __name__ == "__main__":
    sys.exit(main())
