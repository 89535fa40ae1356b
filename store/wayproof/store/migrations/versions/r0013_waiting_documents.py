"""Documents that wait are not compressed."""

from wayproof.store.migrate import run_sql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0013_waiting_documents.sql")
