"""What has happened and no event tells yet, noted as it happens."""

from wayproof.store.migrate import run_sql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0012_untold.sql")
