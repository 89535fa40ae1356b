"""`python -m wayproof.ingest`: one ingestor, set up by the environment."""

import sys

from pydantic import ValidationError

from wayproof.ingest.logs import configure_logs
from wayproof.ingest.service import Ingestor
from wayproof.ingest.settings import IngestSettings
from wayproof.store.settings import DatabaseSettings


def main() -> int:
    """Runs until it is told to stop. Exit codes: 0 then, 1 for a bug, 2 for an environment that lacks something."""
    try:
        settings, database = IngestSettings(), DatabaseSettings()  # type: ignore[call-arg] # from the environment
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logs()
    Ingestor(settings, database).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
