"""`python -m wayproof.ledger`: the anchorer, set up by the environment."""

import argparse
import sys

from wayproof.ledger.logs import configure_logs
from wayproof.ledger.service import Service
from wayproof.ledger.settings import LedgerSettings
from wayproof.model.errors import InvalidInput, WayproofError
from wayproof.store.settings import DatabaseSettings, from_environment

_DESCRIPTION = "Signs checkpoints of the log and anchors them. Settings: WAYPROOF_LEDGER_* and WAYPROOF_DATABASE_*."


def main() -> int:
    """Runs until it is told to stop. Exit codes: 0 then, 1 for a bug, 2 for an environment that lacks something."""
    argparse.ArgumentParser(prog="python -m wayproof.ledger", description=_DESCRIPTION).parse_args()
    try:
        settings, database = from_environment(LedgerSettings), from_environment(DatabaseSettings)
    except InvalidInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logs()
    try:
        Service(settings, database).run()
    except WayproofError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
