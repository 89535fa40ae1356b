"""Sets of numbers with many gaps stand in several rows, so that a commit rewrites no more than what it touches."""

from wayproof.store.migrate import run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0003_sequence_blocks.sql")
