"""Named queries of EPCIS events, subscriptions to them, and how queries find events."""

from wayproof.store.migrate import run_sql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0009_epcis_queries.sql")
