"""Old days packed into arrays on plain PostgreSQL; a hypertable with columnstore on TimescaleDB."""

from wayproof.store.migrate import run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0002_packed_days.sql")
