"""The log of custody: its identity, leaves, tree and checkpoints."""

from wayproof.store.migrate import run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0003_log.sql")
