"""The log of custody: its identity, leaves, tree and checkpoints."""

from wayproof.store.migrate import run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0004_log.sql")
