"""Values of the top-level resources in a table of their own."""

from wayproof.store.migrate import run_sql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0011_epcis_values.sql")
