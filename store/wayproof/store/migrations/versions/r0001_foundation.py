"""The foundation: tenants, keys, devices, sites, shipments, readings and the rights on them."""

from alembic import op

from wayproof.store.migrate import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0001_foundation.sql")
    # Alembic made this table, so schema.sql does not know it. Readiness compares it with the newest revision.
    op.execute("grant select on alembic_version to wayproof_api, wayproof_ingest")
