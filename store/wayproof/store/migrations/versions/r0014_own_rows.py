"""Rows of the journal and the graph are asked once whose they are."""

from wayproof.store.migrate import run_sql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0014_own_rows.sql")
