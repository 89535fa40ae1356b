"""EPCIS events as they were captured, capture jobs, and what is indexed of each event."""

from wayproof.store.migrate import run_sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0007_epcis.sql")
