"""Parties and their keys, handoffs with their evidence, and what operators erase."""

from wayproof.store.migrate import run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0006_custody.sql")
