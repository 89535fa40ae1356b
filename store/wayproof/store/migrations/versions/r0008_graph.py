"""The graph of things: their parts in events, and what was in which container when."""

from wayproof.store.migrate import run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0008_graph.sql")
