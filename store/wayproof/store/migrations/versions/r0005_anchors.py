"""Anchors: checkpoints on their way to the chain."""

from wayproof.store.migrate import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0005_anchors.sql")
