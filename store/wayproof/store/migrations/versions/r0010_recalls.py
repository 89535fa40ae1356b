"""Recalls: dossiers of what is affected and where it is, and of who was told and has answered."""

from wayproof.store.migrate import run_sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("0010_recalls.sql")
