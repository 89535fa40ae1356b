"""`python -m wayproof.ingest`: one ingestor, set up by the environment."""

import argparse
import sys

from wayproof.ingest.logs import configure_logs
from wayproof.ingest.service import Ingestor
from wayproof.ingest.settings import IngestSettings
from wayproof.model.errors import InvalidInput
from wayproof.store.settings import DatabaseSettings, from_environment

_DESCRIPTION = "Takes readings off the broker and stores them. Settings: WAYPROOF_INGEST_* and WAYPROOF_DATABASE_*."
_DRAIN = "only take what the broker keeps for this name, whose ingestor went away for good; 1 if that was stopped early"


def main() -> int:
    """Runs until it is told to stop. Exit codes: 0 then, 1 for a bug, 2 for an environment that lacks something."""
    options = argparse.ArgumentParser(prog="python -m wayproof.ingest", description=_DESCRIPTION)
    options.add_argument("--drain", action="store_true", help=_DRAIN)
    drain = options.parse_args().drain
    try:
        settings, database = from_environment(IngestSettings), from_environment(DatabaseSettings)
    except InvalidInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logs()
    has_left = Ingestor(settings, database).run(leave=drain)
    return 0 if has_left or not drain else 1


if __name__ == "__main__":
    sys.exit(main())
