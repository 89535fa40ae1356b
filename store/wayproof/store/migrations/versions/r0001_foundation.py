"""The foundation: tenants, keys, devices, sites, shipments, readings and the rights on them."""

from wayproof.store.migrate import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0001_foundation.sql")
