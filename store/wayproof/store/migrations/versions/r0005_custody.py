"""Parties and their keys, handoffs with their evidence, and what operators erase."""

from wayproof.store.migrate import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0005_custody.sql")
